"""Runs a request over a snapshot and writes the page."""

from __future__ import annotations

import math
import time
from datetime import date
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from core_ext.program import Program
from core_ext.search import scan
from inventory.criteria import RANGE_FACETS, FacetCount, Relaxation, SearchPage, SearchRequest
from inventory.index import cursors
from inventory.index.audience import Audience
from inventory.index.cursors import Cursor
from inventory.index.facets import range_facet, value_facet
from inventory.index.fragments import assemble
from inventory.index.plan import Plan
from inventory.index.segment import Bits, View
from inventory.index.snapshot import Snapshot
from inventory.index.vocabulary import PLACE


class Setting(NamedTuple):
    """What an answer depends on besides stock, request and audience."""

    secret: bytes
    """Signs cursors; the same on all processes."""
    currency: str
    """Where the criteria name none."""
    today: date
    """From which days in stock are counted."""


class Hit(NamedTuple):
    """A vehicle of the page; hits compare as the page orders them."""

    keys: tuple[int, ...]
    id: str
    view: View
    row: int


class Tally(NamedTuple):
    """What the scans of all segments add up to."""

    total: int
    counters: NDArray[np.int64]
    relaxed: NDArray[np.int64]
    hits: list[Hit]


def answer(snapshot: Snapshot, request: SearchRequest, audience: Audience, caller: str, setting: Setting) -> SearchPage:
    """The page that a checked request asks for. CursorInvalid if its cursor belongs to another query or caller."""
    started = time.perf_counter_ns()
    plan = Plan(request, audience, snapshot.vocabulary, setting.currency, setting.today)
    belongs_to = cursors.binding(plan, caller)
    cursor = cursors.read(request.cursor, belongs_to, setting.secret) if request.cursor is not None else None
    program = plan.program(cursor.keys if cursor else None)
    tally = run(snapshot, plan, program, cursor)
    hits = tally.hits[: request.limit]
    more = len(tally.hits) > request.limit
    return SearchPage(
        total=tally.total,
        items=[_item(hit, plan) for hit in hits],
        facets=_facets(plan, tally, snapshot),
        relaxations=_relaxations(plan, tally),
        next_cursor=cursors.write(Cursor(list(hits[-1].keys), hits[-1].id), belongs_to, setting.secret)
        if more
        else None,
        as_of=snapshot.as_of,
        took_us=(time.perf_counter_ns() - started) // 1_000,
    )


def run(snapshot: Snapshot, plan: Plan, program: Program, cursor: Cursor | None) -> Tally:
    """Scans every segment and merges: one hit more than the page holds, if there is one."""
    limit, width = plan.request.limit + 1, len(plan.sort)
    counters, relaxed = np.zeros(program.counters, np.int64), np.zeros(program.filters, np.int64)
    keys, rows = np.zeros((limit, width), np.int64), np.zeros(limit, np.uint32)
    total = 0
    hits: list[Hit] = []
    for view in snapshot.views:
        segment = view.segment
        matching, found = scan(
            program, segment.rows, segment.codes, segment.ints, _bitmaps(view, plan), segment.id_rank,
            segment.ids_upto(cursor.id) if cursor else 0, counters, relaxed, keys, rows,
        )  # fmt: skip
        total += matching
        hits += [
            Hit(tuple(key), segment.id_at(row), view, row)
            for key, row in zip(keys[:found].tolist(), rows[:found].tolist(), strict=True)
        ]
    if len(snapshot.views) > 1:
        hits.sort(key=lambda hit: hit[:2])
    return Tally(total, counters, relaxed, hits[:limit])


def _bitmaps(view: View, plan: Plan) -> tuple[Bits, ...]:
    """Live, offered and network rows, and for each clause of the text the rows whose numbers have one of its words.

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
    return (view.live, segment.offered, segment.network, *found)


def _item(hit: Hit, plan: Plan) -> msgspec.Raw:
    head, tail = hit.view.segment.fragment(hit.row, plan.audience.guarded)
    if plan.distances is None:
        return assemble(head, tail, None, with_distance=False)
    place = int(hit.view.segment.codes_of(PLACE, np.array([hit.row], np.uint32))[0])
    distance = float(plan.distances[place])
    return assemble(head, tail, None if math.isnan(distance) else distance, with_distance=True)


def _facets(plan: Plan, tally: Tally, snapshot: Snapshot) -> dict[str, list[FacetCount]]:
    made = {}
    for name, (column, first, size) in plan.facet_columns.items():
        counts = tally.counters[first : first + size]
        if name in RANGE_FACETS:
            made[name] = range_facet(name, counts, snapshot.vocabulary, plan.currency)
        else:
            made[name] = value_facet(
                counts, column, snapshot.vocabulary, snapshot.views, plan.audience.kind, plan.request.facet_limit
            )
    return made


def _relaxations(plan: Plan, tally: Tally) -> list[Relaxation]:
    if not plan.request.relaxations:
        return []
    more = zip(plan.filter_names, tally.relaxed.tolist(), strict=True)
    return [Relaxation(name, tally.total + count) for name, count in more if name is not None]
