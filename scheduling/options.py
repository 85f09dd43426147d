"""Turns one start into all that booking needs to take it: who for which time, and which counts it raises."""

from __future__ import annotations

from collections.abc import Set
from datetime import datetime, timedelta

import msgspec
import numpy as np

from domain.kit.errors import Invalid
from scheduling.asking import Audience, Counter, Facts, Leg, Option, Reason, Refused, Slot, SlotRequest
from scheduling.calendar.center import NOTHING, Center
from scheduling.calendar.patterns import CELLS_A_DAY
from scheduling.calendar.world import Calendar
from scheduling.hours import cell_of, day_bounds, instant_of, on_grid
from scheduling.question import AtCenter, PartsReady, Question, question
from scheduling.reasons import against, other_way, told
from scheduling.search import slot

_AROUND_DAYS = 14
_NEIGHBOURS = 10


def option(
    calendar: Calendar,
    request: SlotRequest,
    center_id: str,
    start: datetime,
    now: datetime,
    audience: Audience,
    facts: Facts,
    *,
    parts_ready: PartsReady | None = None,
    without: Set[int] = frozenset(),
    moving: str | None = None,
    walk_in: bool = False,
) -> Option | Refused:
    """A start as booking takes it, or why it cannot be had; Invalid names a field that is at fault.

    `without`: numbers of resources that are out of the question. `moving`: an appointment that gives up what it has.
    """
    center = calendar.world.centers.get(center_id.lower())
    if center is None:
        raise Invalid.at("/center_id", "there is no such service centre")
    asked = question(
        calendar,
        request,
        facts,
        now,
        parts_ready=parts_ready,
        walk_in=walk_in,
        counted=moving is None,
        moving=moving,
        at=start,
    )
    if not on_grid(start):
        local = start.astimezone(instant_of(0, center.row.zone).tzinfo)
        return Refused(center.id, local, [Reason("OFF_GRID", "Starts lie on full five minutes")])
    if moving is not None:
        center = center.without(moving, calendar.patterns)
    at = AtCenter(asked, center)
    barred = [row for no, row in center.rows.items() if no in without]
    if barred:
        at.free = at.free.copy()
        at.free[barred] = 0
    cell = cell_of(start)
    local = instant_of(cell, center.row.zone)
    things = [] if _is_free(at, cell) else against(at, cell)
    rows = [] if things else at.who(cell)
    if not rows:
        wide = msgspec.structs.replace(asked, first=cell, last=cell + 1)
        other = None if asked.applies() is not None else other_way(wide, center, (cell, cell + 1))
        reasons = told(at, things, audience, other)
        return Refused(center.id, local, reasons or [_barred(asked)])
    kept = calendar.held_by(moving) if moving is not None else frozenset()
    return _option(calendar, at, cell, rows, kept)


def _is_free(at: AtCenter, cell: int) -> bool:
    asked, center = at.question, at.center
    return (
        asked.applies() is None
        and asked.authorised(center) is None
        and asked.takes_transport(center)
        and at.allows(cell)
        and at.end(cell) >= 0
    )


def _barred(asked: Question) -> Reason:
    code = "TECHNICIAN_BUSY" if asked.work.kind == "SERVICE" else "VEHICLE_BUSY"
    return Reason(code, "Nobody else who could do it is free then")  # type: ignore[arg-type] # one of two codes


def _option(calendar: Calendar, at: AtCenter, cell: int, rows: list[list[int]], kept: Set[int]) -> Option:
    asked, center = at.question, at.center
    zone, work = center.row.zone, asked.work
    end = at.end(cell)
    ranked = [_ranked(at, cell, each, kept) for each in rows]
    team: str | None = None
    if at.limits is not None and at.limits.by_team and ranked[0]:
        team = center.resources[ranked[0][0]].team
        ranked[0] = [row for row in ranked[0] if center.resources[row].team == team]
    legs: list[Leg] = []
    for need, chosen in zip(at.prepared.needs, ranked, strict=True):
        begin, until = at.span(need, cell, end)
        named: str | None = None
        if asked.wish.outside and need.role == "DEMO_VEHICLE":
            named = asked.request.vehicle_id
            number = calendar.numbers.get((named or "").lower())
            numbers: tuple[int, ...] = () if number is None else (number,)
        else:
            numbers = tuple(center.resources[row].no for row in chosen)
        legs += [Leg(need.role, begin, until, need.job, numbers, named)] * need.count
    counters: tuple[Counter, ...] = () if at.limits is None else tuple(at.limits.counters(cell, team))
    return Option(
        center_id=center.id,
        start=instant_of(cell, zone),
        end=instant_of(end, zone),
        blocked_from=instant_of(cell - work.before, zone),
        blocked_to=instant_of(end + work.after, zone),
        arrival_at=instant_of(at.arrival(cell), zone),
        promised_at=instant_of(at.promised(end), zone),
        legs=tuple(legs),
        counters=counters,
        calendar_version=center.row.version,
        work_version=asked.world.work_version,
    )


def _ranked(at: AtCenter, cell: int, rows: list[int], kept: Set[int]) -> list[int]:
    """Those that a moved appointment has (`kept`) first, members before those lent, the least loaded of the local day
    before others.
    """
    center = at.center
    on = at.question.patterns.days(center.row.zone).on(cell)
    begin, end = day_bounds(center.row.zone, on)

    def load(row: int) -> tuple[bool, bool, int, int]:
        if row >= len(center.resources):
            return False, False, 0, row
        one = center.resources[row]
        taken = sum(
            max(0, min(busy.to_cell, end) - max(busy.from_cell, begin)) for busy in center.busy.get(one.no, NOTHING)
        )
        lent = any(member.secondary and member.center_id == center.id for member in one.members)
        return one.no not in kept, lent, taken, one.no

    return sorted(rows, key=load)


def alternatives(
    calendar: Calendar,
    request: SlotRequest,
    center_id: str,
    start: datetime,
    limit: int,
    now: datetime,
    facts: Facts,
    *,
    parts_ready: PartsReady | None = None,
) -> list[Slot]:
    """The free starts nearest to one, those of the same centre first, then those of its neighbours."""
    center = calendar.world.centers.get(center_id.lower())
    if center is None or limit <= 0:
        return []
    around = msgspec.structs.replace(
        request,
        earliest=max(now, start - timedelta(days=1)),
        latest=max(now, start) + timedelta(days=_AROUND_DAYS),
    )
    asked = question(calendar, around, facts, now, parts_ready=parts_ready)
    if asked.applies() is not None:
        return []
    found = _nearest(asked, center, cell_of(start), limit)
    row = center.row
    if len(found) < limit and row.latitude is not None and row.longitude is not None and asked.wish.technician is None:
        close = msgspec.structs.replace(asked, last=min(asked.last, max(cell_of(start), asked.first) + CELLS_A_DAY))
        for id in asked.world.nearest(row.latitude, row.longitude, _NEIGHBOURS + 1):
            if id != center.id and len(found) < limit:
                found += _nearest(close, asked.world.centers[id], cell_of(start), limit - len(found))
    return found


def _nearest(asked: Question, center: Center, cell: int, limit: int) -> list[Slot]:
    if asked.last <= asked.first or asked.authorised(center) is not None or not asked.takes_transport(center):
        return []
    at = AtCenter(asked, center)
    starts = np.array(at.starts(), np.int64)
    order = np.lexsort((starts, np.abs(starts - cell)))[:limit]
    return [slot(int(start), at) for start in starts[order]]
