"""The index of the whole stock: loaded once, kept up to date by changes, searched by any number of threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TypeVar

import msgspec
import numpy as np

from core_ext.checksum import Damaged
from core_ext.gate import Gate
from domain.kit.errors import Unavailable
from inventory.criteria import SearchPage, SearchRequest
from inventory.index import saving
from inventory.index.answer import Finding, Setting, answer, find
from inventory.index.audience import Audience
from inventory.index.bulk import Available, Tuples, available, representable
from inventory.index.fragments import assemble, render, with_status
from inventory.index.plan import Plan
from inventory.index.segment import View, build, combine, living
from inventory.index.snapshot import Snapshot
from inventory.index.table import Numbers, RowTable, encode, id_bytes, ids_of, joined
from inventory.index.vocabulary import COLUMN, PLACE, STATUS_CODES, Vocabulary
from inventory.vehicle_row import OFFERED, VehicleRow

COMPACTED_ROWS = 1_024
"""`apply` joins segments of changed rows among themselves up to this size (a few milliseconds), `merge` all others."""
MOST_SEGMENTS = 12
SMALL_CHANGE_ROWS = 20_000
"""So many changed rows, or a sixteenth of the base, stay beside it."""

STEP_ROWS = 64
STEP_PAUSE = 50e-6
"""Changed rows are encoded so many at a time, with a pause in seconds between."""

ATTEMPTS = 20
"""So often a read starts again because something changed meanwhile, before it asks the writers to wait."""

T = TypeVar("T")


def utc_today() -> date:
    """The present day in UTC."""
    return datetime.now(UTC).date()


class StockIndex:
    """Every vehicle that anybody may see, in memory.

    `load`, `apply`, `change_status` and `merge` may be called from any thread and wait for each other where they must;
    `search` and `get` see one state and no change by half: what changes in place does so while the kernel is kept out,
    and a read that a change overtakes is done again. Scans release the GIL.
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
        self._set = Setting(secret, currency, today(), known_attributes)
        self._gate = Gate()
        self._writing = threading.RLock()
        self._merging = threading.Lock()
        self._held: frozenset[int] = frozenset()
        """Segments that a running merge has taken up: they are not compacted meanwhile."""
        self._restless: list[tuple[bytes, str, int]] = []
        """Statuses that changed in place while a merge was running."""
        self.damaged = False
        """Whether somebody came upon a page of a file that is not what was written: load everything anew."""
        self._snapshot = Snapshot((), Vocabulary(), "", self._gate, self._gate.serial, {}, ())

    def load(self, rows: Sequence[VehicleRow], as_of: str = "") -> None:
        """Replaces everything. About 40 µs a row; of rows with one id the last stands."""
        vocabulary = Vocabulary()
        latest = list({row.id: row for row in rows}.values())
        table = encode(latest, vocabulary) if latest else None
        vocabulary.index_words()
        self.take(table, vocabulary, as_of)

    def take(self, table: RowTable | None, vocabulary: Vocabulary, as_of: str) -> None:
        """Replaces everything by rows that are columns already; no id stands twice."""
        with self._merging, self._writing:
            views = () if table is None else (View(build(table, vocabulary)[0]),)
            with self._gate:
                self.damaged = False
                self._publish(views, vocabulary, as_of)

    def save(self, path: Path) -> None:
        """Writes the present state to a file, beside changes and searches. OSError: the former file stands."""
        with self._writing:
            present = self._snapshot
            image = saving.image(present.views, present.vocabulary, present.as_of)
        saving.save(path, image)

    def restore(self, path: Path) -> str:
        """Replaces everything by what a file holds; returns the state it shows.

        Damaged if it is not what was written, or written by other code; OSError if it cannot be read.
        """
        views, vocabulary, as_of = saving.restored(path)
        with self._merging, self._writing, self._gate:
            self.damaged = False
            self._publish(views, vocabulary, as_of)
        return as_of

    @property
    def unverified(self) -> bool:
        """Whether `restore` has left anything to verify."""
        return any(view.segment.pages is not None for view in self._snapshot.views)

    def verify(self) -> None:
        """Verifies what `restore` has left for later; for a background thread. Damaged, and `damaged` from then on."""
        try:
            for view in self._snapshot.views:
                view.segment.verify()
        except Damaged:
            self.damaged = True
            raise

    def apply(self, upserts: Sequence[VehicleRow], removed: Sequence[str], as_of: str) -> None:
        """Takes in one change as a whole; `as_of` names the state it leads to. An id in both is removed.

        A car of which nothing but status and version is new changes in place, any other becomes a new row: about 30 µs
        each. Call it in a thread to keep an event loop free: it lets other threads run every few milliseconds.
        """
        with self._writing:
            gone, before = dict.fromkeys(removed), self._snapshot
            latest = [row for row in {row.id: row for row in upserts}.values() if row.id not in gone]
            flips, others = self._sorted_out(latest)
            fresh: tuple[View, ...] = ()
            if others:
                fresh = (View(build(encoded_in_steps(others, before.vocabulary), before.vocabulary)[0]),)
                before.vocabulary.index_words()
            keys = ids_of([*gone, *(row.id for row in others)])
            doomed = [(view, view.rows_of(keys)) for view in before.views]
            with self._gate:
                for view, rows in doomed:
                    view.kill(rows)
                for view, row, changed in flips:
                    self._flip(view, row, changed.id, changed.status, changed.version)
                views = tuple([view for view in (*before.views, *fresh) if view.rows])
                self._publish(views, before.vocabulary, as_of)
            self._compact()

    def change_status(self, key: str, status: str, version: int, as_of: str) -> bool:
        """Gives one car another status in place, about a microsecond; False if the index does not hold it."""
        with self._writing:
            snapshot = self._snapshot
            code = STATUS_CODES.get(status)
            if code is None:
                raise ValueError(f"there is no status {status}")
            for view in reversed(snapshot.views):
                row = view.statuses.change(self._gate, key, code, status in OFFERED)
                if row >= 0:
                    view.segment.changed[row] = (status, version)
                    if self._held:
                        self._restless.append((id_bytes(key), status, version))
                    self._publish(snapshot.views, snapshot.vocabulary, as_of)
                    return True
            return False

    def merge(self) -> None:
        """Joins segments; for a background thread. Changes that arrive meanwhile are kept.

        What has changed becomes one segment beside the base, or with it the new base if it is no longer small.
        """
        with self._merging:
            with self._writing:
                before = self._snapshot
                taken = before.views[0 if self._outgrown(before) else 1 :]
                if len(taken) < 2 and not any(len(view.dead) for view in taken):
                    return
                self._held = frozenset(id(view.segment) for view in taken)
                kept = [living(view) for view in taken]
                self._restless = []
            try:
                self._replace(taken, kept, before.vocabulary)
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
        setting = self._setting()
        return self._read(lambda snapshot: answer(snapshot, request, audience, caller, setting))

    def find(self, request: SearchRequest, audience: Audience) -> Finding:
        """What a search finds, for callers in the process: ids, keys and counts, nothing written. A cursor is ignored.

        Malformed, UnknownProperty, SearchTooCostly as `search`.
        """
        setting = self._setting()
        return self._read(lambda snapshot: find(snapshot, request, audience, setting))

    def available_many(self, tuples: Tuples, audience: Audience) -> Available | None:
        """How many vehicles in stock answer each of many questions and where the nearest stands.

        None if there are too many different values for the sort key: then each question is a search of its own.
        """
        setting = self._setting()

        def look(snapshot: Snapshot) -> tuple[Available | None] | None:
            if not representable(snapshot.vocabulary):
                return (None,)
            plan = Plan(SearchRequest(), audience, snapshot.vocabulary, setting.currency, setting.today)
            found = available(snapshot, plan, tuples)
            return None if found is None else (found,)

        return self._read(look)[0]

    def get(self, key: str, audience: Audience) -> msgspec.Raw | None:
        """One vehicle as JSON, or None if the audience does not see it."""
        try:
            wanted = id_bytes(key)
        except ValueError:
            return None

        def look(snapshot: Snapshot) -> tuple[msgspec.Raw | None]:
            place = snapshot.find(wanted)
            if place is None or not _sees(*place, audience, snapshot.vocabulary):
                return (None,)
            return (assemble(*place[0].segment.fragment(place[1], audience.guarded), None, with_distance=False),)

        return self._read(look)[0]

    @property
    def attribute_codes(self) -> frozenset[str]:
        """The attributes that vehicles have or had."""
        return frozenset(self._snapshot.vocabulary.attributes)

    @property
    def count(self) -> int:
        """How many vehicles the index holds."""
        return self._snapshot.rows

    @property
    def vocabulary(self) -> Vocabulary:
        """What codes mean; `find` counts by them."""
        return self._snapshot.vocabulary

    @property
    def as_of(self) -> str:
        """The state that searches see."""
        return self._snapshot.as_of

    def _setting(self) -> Setting:
        today = self._today()
        if self._set.today != today or self._set.known_attributes is not self.known_attributes:
            self._set = Setting(self._secret, self._currency, today, self.known_attributes)
        return self._set

    def _read(self, look: Callable[[Snapshot], T | None]) -> T:
        """What `look` finds in one state; it answers None where a change came between.

        Unavailable where it comes upon a damaged page of a file: the owner loads the index anew.
        """
        try:
            for _ in range(ATTEMPTS):
                snapshot = self._snapshot
                found = look(snapshot)
                if found is not None and snapshot.is_current:
                    return found
            with self._writing:
                found = look(self._snapshot)
                assert found is not None
                return found
        except Damaged:
            self.damaged = True
            raise Unavailable("The stock index is loading", retry_after=1) from None

    def _publish(self, views: tuple[View, ...], vocabulary: Vocabulary, as_of: str) -> None:
        """Makes a state the present one; called inside the gate."""
        before = self._snapshot
        shelves = before.shelves if views is before.views else tuple([view.shelf for view in views])
        self._snapshot = Snapshot(views, vocabulary, as_of, self._gate, self._gate.serial, {}, shelves)

    def _sorted_out(self, rows: Iterable[VehicleRow]) -> tuple[list[tuple[View, int, VehicleRow]], list[VehicleRow]]:
        """Rows of which only status and version are new, with their places, and all others."""
        flips: list[tuple[View, int, VehicleRow]] = []
        others = []
        for row in rows:
            place = self._snapshot.find(id_bytes(row.id))
            settable = row.status in STATUS_CODES
            if place is not None and settable and _is_the_same(*place, row, self._snapshot.vocabulary):
                flips.append((*place, row))
            else:
                others.append(row)
        return flips, others

    def _flip(self, view: View, row: int, key: str, status: str, version: int) -> None:
        view.statuses.put(row, STATUS_CODES[status], status in OFFERED)
        view.segment.changed[row] = (status, version)
        if self._held:
            self._restless.append((id_bytes(key), status, version))

    def _compact(self) -> None:
        """Joins the newest segments as long as each is not at least twice as large as the next."""
        while len(self._snapshot.views) > 2 and self._may_join(*self._snapshot.views[-2:]):
            before = self._snapshot
            last = before.views[-2:]
            segment, _ = combine(last, [living(view) for view in last], before.vocabulary)
            with self._gate:
                self._publish((*before.views[:-2], View(segment)), before.vocabulary, before.as_of)

    def _may_join(self, older: View, newer: View) -> bool:
        if id(older.segment) in self._held or id(newer.segment) in self._held:
            return False
        return older.rows <= 2 * newer.rows and older.rows + newer.rows <= COMPACTED_ROWS

    @staticmethod
    def _outgrown(snapshot: Snapshot) -> bool:
        """Whether what has changed is no longer small beside the base."""
        changed = sum(view.rows for view in snapshot.views[1:]) + sum(len(view.dead) for view in snapshot.views[:1])
        return changed > max(SMALL_CHANGE_ROWS, snapshot.views[0].segment.rows // 16) if snapshot.views else False

    def _replace(self, taken: Sequence[View], kept: Sequence[Numbers], vocabulary: Vocabulary) -> None:
        """Puts one segment in the place of those of former views, less what has died since."""
        segment, moved = combine(taken, kept, vocabulary)
        with self._writing:
            joint = View(segment)
            for view, places in zip(taken, moved, strict=True):
                now = places[view.dead]
                joint.kill(now[now >= 0].tolist())
            for key, status, version in self._restless:
                if (row := joint.find(key)) >= 0:
                    joint.statuses.put(row, STATUS_CODES[status], status in OFFERED)
                    segment.changed[row] = (status, version)
            views = self._snapshot.views
            first = next((i for i, view in enumerate(views) if id(view.segment) in self._held), len(views))
            fresh = [view for view in views[first:] if id(view.segment) not in self._held]
            remaining = tuple([view for view in (*views[:first], joint, *fresh) if view.rows])
            with self._gate:
                self._publish(remaining, vocabulary, self._snapshot.as_of)


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


def _is_the_same(view: View, row: int, now: VehicleRow, vocabulary: Vocabulary) -> bool:
    """Whether only status and version of a car have changed."""
    head, tail = view.segment.fragment(row, guarded=False)
    place = vocabulary.places.code_of(now.latitude, now.longitude)
    if (with_status(head, now.status, now.version), tail) != render(now):
        return False
    return int(view.segment.codes_of(PLACE, np.array([row], np.uint32))[0]) == place


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
