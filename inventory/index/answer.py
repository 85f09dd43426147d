"""Runs a request over a snapshot; writes the page."""

from __future__ import annotations

import time
from datetime import date
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core_ext.page import Fragments, items
from core_ext.search import Found, search
from inventory.criteria import Relaxation, SearchPage, SearchRequest
from inventory.index import cursors
from inventory.index.audience import Audience
from inventory.index.cursors import Cursor
from inventory.index.facets import written
from inventory.index.plan import Plan
from inventory.index.segment import Bits, View
from inventory.index.snapshot import Snapshot
from inventory.index.vocabulary import COLUMN, PLACE


class Setting(NamedTuple):
    """What an answer depends on besides stock, request and audience."""

    secret: bytes
    """Signs cursors; the same on all processes."""
    currency: str
    """Where the criteria name none."""
    today: date
    """From which days in stock are counted."""
    known_attributes: frozenset[str] | None = None
    """The codes of attributes, if there is a catalogue of them."""


class Finding:
    """What a search found, for callers in the process: nothing is written or signed."""

    __slots__ = ("_found", "_plan", "_snapshot", "as_of", "ids", "keys", "total")

    def __init__(self, plan: Plan, found: Found, snapshot: Snapshot):
        self.total: int = found.total
        """How many vehicles match."""
        self.ids: list[str] = found.ids
        """Those of the page, in its order."""
        self.keys: list[tuple[int, ...]] = found.keys
        """Their sort keys: smaller is earlier, 2**63 - 1 is absent."""
        self.as_of, self._plan, self._found, self._snapshot = snapshot.as_of, plan, found, snapshot

    @property
    def counts(self) -> dict[str, tuple[int, NDArray[np.int64]]]:
        """By facet its column, and how many vehicles have each of its codes."""
        counters = self._found.counters
        return {name: (column, counters[first : first + size]) for name, column, first, size in self._plan.facets}

    def location_id(self, place: int) -> str | None:
        """The location of a vehicle of the page by its place there."""
        segment = self._snapshot.views[self._found.shelves[place]].segment
        code = segment.codes_of(COLUMN["location_id"], np.array([self._found.rows[place]], np.uint32))
        return self._snapshot.vocabulary.text("location_id").values[int(code[0])]

    @property
    def relaxations(self) -> list[Relaxation]:
        """The total if only one criterion were dropped."""
        return _relaxations(self._plan, self.total, self._found.relaxed)


def find(snapshot: Snapshot, request: SearchRequest, audience: Audience, setting: Setting) -> Finding | None:
    """What a request asks for but its cursor; None if the stock has changed since the snapshot was taken.

    Malformed, UnknownProperty and SearchTooCostly as `checked` and `Plan` say.
    """
    plan = Plan(request, audience, snapshot.vocabulary, setting.currency, setting.today, setting.known_attributes)
    found = _found(snapshot, plan)
    return None if found is None else Finding(plan, found, snapshot)


def answer(
    snapshot: Snapshot, request: SearchRequest, audience: Audience, caller: str, setting: Setting
) -> SearchPage | None:
    """The page that a request asks for; None if the stock has changed since the snapshot was taken.

    As `find`; CursorInvalid if the cursor belongs to another query or caller.
    """
    started = time.perf_counter_ns()
    limit, resumed = request.limit, request.cursor is not None
    plan = Plan(
        request, audience, snapshot.vocabulary, setting.currency, setting.today, setting.known_attributes, int(resumed)
    )  # the total tells whether a first page has a next one, but no other
    if request.cursor is not None:
        cursor = cursors.read(request.cursor, cursors.asked(plan, caller), setting.secret)
        plan.program.resume(cursor.keys, cursor.id)
    found = _found(snapshot, plan)
    if found is None:
        return None
    counted = (
        written(plan.facets, found.counters, snapshot, audience.kind, plan.currency, request.facet_limit)
        if plan.facets
        else b""
    )
    if counted is None:
        return None
    next_cursor = None
    if (len(found.ids) if resumed else found.total) > limit:
        last = Cursor(list(found.keys[limit - 1]), bytes.fromhex(found.ids[limit - 1].replace("-", "")))
        next_cursor = cursors.write(last, cursors.asked(plan, caller), setting.secret)
    shown = _items(snapshot, plan, found.shelves[:limit], found.rows[:limit])
    return SearchPage(
        total=found.total,
        items=shown,
        facets=counted,
        relaxations=_relaxations(plan, found.total, found.relaxed),
        next_cursor=next_cursor,
        as_of=snapshot.as_of,
        took_us=(time.perf_counter_ns() - started) // 1_000,
    )


def _found(snapshot: Snapshot, plan: Plan) -> Found | None:
    plan.refuse_if_costly(snapshot)
    extra = tuple([_marked(view, plan) for view in snapshot.views]) if plan.words else ()
    return search(plan.program, snapshot.shelves, extra, snapshot.gate, snapshot.serial, snapshot.counted)


def _marked(view: View, plan: Plan) -> tuple[Bits, ...]:
    """For each clause of the text the rows whose numbers have one of its words.

    A guarded audience's words never touch VIN, registration and stock numbers.
    """
    segment, found = view.segment, []
    for words in plan.words:
        bits = np.zeros(len(view.live), np.uint64)
        for word in words:
            segment.open_words.mark(word, bits)
            if not plan.audience.guarded:
                segment.guarded_words.mark(word, bits)
        found.append(bits)
    return tuple(found)


def _items(snapshot: Snapshot, plan: Plan, shelves: list[int], rows: list[int]) -> bytes:
    """The vehicles of the page as JSON, joined by commas."""
    views, guarded = snapshot.views, plan.audience.guarded
    fragments: list[Fragments | None] = [None] * len(views)
    instead: dict[int, bytes] = {}
    for number in set(shelves):
        segment = views[number].segment
        fragments[number] = segment.written
        if segment.pages is not None:
            segment.touch([row for shelf, row in zip(shelves, rows, strict=True) if shelf == number])
        if segment.changed:
            for place, row in enumerate(rows):
                if shelves[place] == number and row in segment.changed:
                    instead[place] = b"".join(segment.fragment(row, guarded))
    distances = None if plan.near is None else _distances(snapshot, plan, shelves, rows)
    return items(tuple(fragments), shelves, rows, guarded=guarded, distances=distances, instead=instead or None)


def _distances(snapshot: Snapshot, plan: Plan, shelves: list[int], rows: list[int]) -> NDArray[np.float64]:
    """Kilometres from the request's point to each vehicle of the page."""
    assert plan.near is not None
    places = [0] * len(rows)
    for number in set(shelves):
        here = [place for place, shelf in enumerate(shelves) if shelf == number]
        column = snapshot.views[number].segment.codes[PLACE]
        if column is not None:
            codes = column.take(np.array([rows[place] for place in here], np.uint32)).tolist()
            for place, code in zip(here, codes, strict=True):
                places[place] = code
    return snapshot.vocabulary.places.distances_km(plan.near.latitude, plan.near.longitude, places)


def _relaxations(plan: Plan, total: int, relaxed: list[int]) -> list[Relaxation]:
    if not plan.request.relaxations:
        return []
    more = zip(plan.names, relaxed, strict=True)
    return [Relaxation(name, total + count) for name, count in more if name is not None]
