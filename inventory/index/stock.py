"""The index of the whole stock: loaded once, kept up to date by changes, searched by any number of threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime

import msgspec
import numpy as np

from inventory.criteria import SearchPage, SearchRequest, checked
from inventory.index.answer import Setting, answer
from inventory.index.audience import Audience
from inventory.index.fragments import assemble
from inventory.index.segment import View, build, combine
from inventory.index.snapshot import Snapshot
from inventory.index.table import Arena, RowTable, encode, joined
from inventory.index.vocabulary import COLUMN, Vocabulary
from inventory.vehicle_row import VehicleRow

COMPACTED_ROWS = 1_024
"""`apply` joins segments of changed rows among themselves up to this size (a few milliseconds), `merge` all others."""
MOST_SEGMENTS = 12
SMALL_CHANGE_ROWS = 20_000
"""So many changed rows, or a sixteenth of the base, stay beside it."""

STEP_ROWS = 64
STEP_PAUSE = 50e-6
"""Changed rows are encoded so many at a time, with a pause in seconds between."""


def utc_today() -> date:
    """The present day in UTC."""
    return datetime.now(UTC).date()


class StockIndex:
    """Every vehicle that anybody may see, in memory.

    `load`, `apply` and `merge` may be called from any thread and wait for each other where they must; `search`, `get`
    and `count` never wait: each looks at one snapshot, which a writer replaces as a whole. Scans release the GIL.
    """

    def __init__(
        self,
        *,
        secret: bytes,
        currency: str = "USD",
        today: Callable[[], date] = utc_today,
        known_attributes: frozenset[str] | None = None,
    ):
        """`secret` signs cursors; `currency` holds where criteria name none; `known_attributes`: the catalogue's."""
        self.known_attributes = known_attributes
        self._secret, self._currency, self._today = secret, currency, today
        self._writing = threading.Lock()
        self._merging = threading.Lock()
        self._held: frozenset[int] = frozenset()
        """Segments that a running merge has taken up: they are not compacted meanwhile."""
        self._snapshot = Snapshot((), Vocabulary(), "")

    def load(self, rows: Sequence[VehicleRow], as_of: str = "") -> None:
        """Replaces everything. About 40 µs a row; of rows with one id the last stands."""
        with self._merging, self._writing:
            vocabulary = Vocabulary()
            latest = list({row.id: row for row in rows}.values())
            views: tuple[View, ...] = ()
            if latest:
                segment, _ = build(encode(latest, vocabulary), vocabulary)
                views = (View.whole(segment),)
            vocabulary.index_words()
            self._snapshot = Snapshot(views, vocabulary, as_of)

    def apply(self, upserts: Sequence[VehicleRow], removed: Sequence[str], as_of: str) -> None:
        """Takes in one change as a whole; `as_of` names the state it leads to. An id in both is removed.

        About 30 µs a row. Call it in a thread to keep an event loop free: it lets other threads run every few
        milliseconds.
        """
        with self._writing:
            gone, vocabulary = dict.fromkeys(removed), self._snapshot.vocabulary
            latest = [row for row in {row.id: row for row in upserts}.values() if row.id not in gone]
            keys = Arena.of([key.encode() for key in (*gone, *(row.id for row in latest))])
            views = [view.without_ids(keys) for view in self._snapshot.views]
            if latest:
                segment, _ = build(encoded_in_steps(latest, vocabulary), vocabulary)
                vocabulary.index_words()
                views.append(View.whole(segment))
            views = self._compacted([view for view in views if view.rows])
            self._snapshot = Snapshot(tuple(views), vocabulary, as_of)

    def merge(self) -> None:
        """Joins segments; for a background thread. Changes that arrive meanwhile are kept.

        What has changed becomes one segment beside the base, or with it the new base if it is no longer small.
        """
        with self._merging:
            with self._writing:
                before = self._snapshot
                taken = before.views[0 if self._outgrown(before) else 1 :]
                self._held = frozenset(id(view.segment) for view in taken)
            try:
                if len(taken) > 1 or any(len(view.dead) for view in taken):
                    self._replace(taken, before.vocabulary)
            finally:
                self._held = frozenset()

    @property
    def wants_merge(self) -> bool:
        """Whether enough has changed that searches would gain by a merge."""
        return len(self._snapshot.views) > MOST_SEGMENTS or self._outgrown(self._snapshot)

    def search(self, request: SearchRequest, audience: Audience, caller: str = "guest") -> SearchPage:
        """The page asked for. `caller` names whom cursors belong to (all guests are one).

        Malformed, UnknownProperty with pointers for a request against the rules; CursorInvalid.
        """
        snapshot = self._snapshot
        setting = Setting(self._secret, self._currency, self._today())
        return answer(snapshot, checked(request, self.known_attributes), audience, caller, setting)

    def get(self, key: str, audience: Audience) -> msgspec.Raw | None:
        """One vehicle as JSON, or None if the audience does not see it."""
        snapshot = self._snapshot
        place = snapshot.find(key)
        if place is None:
            return None
        view, row = snapshot.views[place[0]], place[1]
        if not _sees(view, row, audience, snapshot.vocabulary):
            return None
        return assemble(*view.segment.fragment(row, audience.guarded), None, with_distance=False)

    @property
    def count(self) -> int:
        """How many vehicles the index holds."""
        return self._snapshot.rows

    @property
    def as_of(self) -> str:
        """The state that searches see."""
        return self._snapshot.as_of

    def _compacted(self, views: list[View]) -> list[View]:
        """Joins the newest segments as long as each is not at least twice as large as the next."""
        while len(views) > 2 and self._may_join(views[-2], views[-1]):
            segment, _ = combine(views[-2:], self._snapshot.vocabulary)
            views[-2:] = [View.whole(segment)]
        return views

    def _may_join(self, older: View, newer: View) -> bool:
        if id(older.segment) in self._held or id(newer.segment) in self._held:
            return False
        return older.rows <= 2 * newer.rows and older.rows + newer.rows <= COMPACTED_ROWS

    @staticmethod
    def _outgrown(snapshot: Snapshot) -> bool:
        """Whether what has changed is no longer small beside the base."""
        changed = sum(view.rows for view in snapshot.views[1:]) + sum(len(view.dead) for view in snapshot.views[:1])
        return changed > max(SMALL_CHANGE_ROWS, snapshot.views[0].segment.rows // 16) if snapshot.views else False

    def _replace(self, taken: Sequence[View], vocabulary: Vocabulary) -> None:
        """Puts one segment in the place of those of former views, less what has died since."""
        segment, moved = combine(taken, vocabulary)
        with self._writing:
            base = View.whole(segment)
            present = {id(view.segment): view for view in self._snapshot.views}
            for view, places in zip(taken, moved, strict=True):
                now = present.get(id(view.segment))
                dead = now.dead if now is not None else np.arange(view.segment.rows, dtype=np.uint32)
                places = places[dead]
                base = base.without(places[places >= 0].astype(np.uint32))
            views = self._snapshot.views
            first = next((i for i, view in enumerate(views) if id(view.segment) in self._held), len(views))
            fresh = [view for view in views[first:] if id(view.segment) not in self._held]
            kept = [view for view in (*views[:first], base, *fresh) if view.rows]
            self._snapshot = Snapshot(tuple(kept), vocabulary, self._snapshot.as_of)


def encoded_in_steps(rows: Sequence[VehicleRow], vocabulary: Vocabulary) -> RowTable:
    """The rows as columns; between steps other threads run, for a thread that waits for the GIL gets it only after the
    interpreter's switch interval, and an event loop waits for it twice a turn.
    """
    tables: list[RowTable] = []
    for first in range(0, len(rows), STEP_ROWS):
        if tables:
            time.sleep(STEP_PAUSE)
        tables.append(encode(rows[first : first + STEP_ROWS], vocabulary))
    return joined(tables)


def _sees(view: View, row: int, audience: Audience, vocabulary: Vocabulary) -> bool:
    """Whether a row lies in the audience's scope."""
    segment, rows = view.segment, np.array([row], np.uint32)

    def value(name: str) -> str | None:
        return vocabulary.text(name).values[int(segment.codes_of(COLUMN[name], rows)[0])]

    if audience.brands is not None and value("brand") not in audience.brands:
        return False
    if audience.guarded:
        return len(segment.of_kind(rows, "offered")) == 1
    if audience.everything or len(segment.of_kind(rows, "network")) == 1:
        return True
    return value("dealer_account_id") in audience.units
