"""A request made ready to be asked of any number of centres: its work, its window in cells, and what it names."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import msgspec
import numpy as np

from core_ext import timeline
from core_ext import work as kernels
from domain import rules
from domain.kit.errors import Invalid
from scheduling.asking import MOST_DAYS, Facts, SlotRequest
from scheduling.calendar.center import NOTHING, Center, Sheet
from scheduling.calendar.limits import Limits
from scheduling.calendar.patterns import CELLS_A_DAY, Bits, Patterns
from scheduling.calendar.prepared import Line, Prepared, Wish, arrivals, key_of, prepare
from scheduling.calendar.rows import WorkType
from scheduling.calendar.work import Need, Work, asked_types, duration, work_of
from scheduling.calendar.world import Calendar, World
from scheduling.hours import CELL_MINUTES, CELL_SECONDS, day_bounds, local_day
from scheduling.records.work import VEHICLE_FACTS

FARTHEST_DAYS = 730
"""No work is planned further ahead."""
_PAUSES_DAYS = 14
"""Splittable work is not left standing longer."""
_DAY_AND_MORE = CELLS_A_DAY + 12
NEVER = 2**31 - 1
PartsReady = Mapping[str, datetime | None]
"""From when on a centre has the parts, by centre; None: not in sight; centres that are not there have them."""


def holds(text: str, facts: Mapping[str, Any]) -> bool:
    """Whether a rule holds for what is known about a vehicle; one that asks for what is not known does not."""
    rule = rules.compile_rule(text, VEHICLE_FACTS)
    return _held(text, tuple((name, _fixed(facts.get(name))) for name in sorted(rule.facts)))


def _fixed(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


@lru_cache(maxsize=1 << 14)
def _held(text: str, facts: tuple[tuple[str, Any], ...]) -> bool:
    known = {name: list(value) if isinstance(value, tuple) else value for name, value in facts}
    return rules.compile_rule(text, VEHICLE_FACTS).holds(known)


class Question(msgspec.Struct, frozen=True):
    """A request in terms of the calendar. Starts lie in [first, last); `now` is the present in Unix seconds."""

    request: SlotRequest
    world: World
    patterns: Patterns
    kept: bool
    """Whether the patterns are those of which centres keep their bits."""
    work: Work
    wish: Wish
    facts: Facts
    outside: Bits | None
    """When a vehicle that belongs to no centre is free."""
    first: int
    last: int
    now: float
    parts_ready: PartsReady
    walk_in: bool
    horizons: dict[str, int]
    """The first cell that lies too far ahead, by zone, as far as it has been asked for."""
    key: int
    """Stands for the work and the wish."""
    capped: bool
    """Whether types of work have limits of their own."""
    counted: bool
    """Whether what is sold already counts; not where an appointment moves, whose own share is in the counts."""

    @property
    def present(self) -> int:
        """The first cell that has not begun; of a walk-in, the one that has."""
        return _present(self.now, self.walk_in)

    def sheet(self, center: Center) -> Sheet:
        """A centre's bits over the stretch that the question is about."""
        return center.sheet(self.patterns) if self.kept else center.sheet_over(self.patterns)

    def horizon(self, zone: str) -> int:
        """The first cell that lies too far ahead: whole local days count."""
        found = self.horizons.get(zone)
        if found is None:
            ahead = FARTHEST_DAYS if self.work.days_ahead is None else min(self.work.days_ahead, FARTHEST_DAYS)
            on = local_day(zone, self.present) + timedelta(days=ahead)
            found = self.horizons[zone] = day_bounds(zone, on)[1]
        return found

    def wishing(self, wish: Wish) -> Question:
        """The same question with another wish."""
        return msgspec.structs.replace(self, wish=wish, key=key_of(self.work, wish))

    def parts_from(self, center_id: str) -> int:
        """The first cell at which the centre has the parts."""
        if center_id not in self.parts_ready:
            return 0
        ready = self.parts_ready[center_id]
        return NEVER if ready is None else -int(-ready.timestamp() // CELL_SECONDS)

    @property
    def lead(self) -> int:
        """The first cell that is far enough ahead."""
        return _ahead(self.now, self.work, self.walk_in)

    def meets(self, line: Line) -> bool:
        """Whether the line has starts in the window."""
        return line.low < self.last and line.high > self.first

    def applies(self) -> WorkType | None:
        """The first type of work that is not for this vehicle; None where no vehicle is told."""
        if not self.facts:
            return None
        for one in self.work.types:
            if one.applies_to is not None and not holds(one.applies_to, self.facts):
                return one
        return None

    def authorised(self, center: Center) -> str | None:
        """The function that the centre may not do for the vehicle's brand; None where it may do all."""
        brand = self.facts.get("brand") or self.facts.get("make")
        if not center.row.franchises or brand is None:
            return None
        held: set[str] = set()
        for name, functions in center.row.franchises:
            if name.casefold() == str(brand).casefold():
                held |= functions
        return next((function for function in sorted(self.work.functions) if function not in held), None)

    def accepted(self, center: Center) -> bool:
        """Whether the centre does this work for this vehicle, and takes customers who come so."""
        row = center.row
        return (not row.franchises or self.authorised(center) is None) and (
            not row.transports or self.takes_transport(center)
        )

    def takes_transport(self, center: Center) -> bool:
        """Whether customers may come to the centre so."""
        transports = center.row.transports
        return self.work.kind == "TEST_DRIVE" or not transports or self.wish.transport in transports


@lru_cache(maxsize=4096)
def _work(
    version: int, kind: Any, types: tuple[WorkType, ...], minutes: tuple[int, ...], jobs: tuple[Any, ...]
) -> Work:
    return work_of(kind, types, minutes, jobs, version)


def work_for(world: World, request: SlotRequest, facts: Facts) -> Work:
    """The work that a request asks for, on a vehicle; Invalid names the field."""
    if request.jobs and request.work_types:
        raise Invalid.at("/jobs", "is given besides work_types")
    field = "jobs" if request.jobs else "work_types"
    asked = request.asked()
    for i, job in enumerate(asked):
        place = f"/jobs/{i}/work_type" if request.jobs else f"/work_types/{i}"
        one = world.work.get(job.work_type)
        if one is None:
            raise Invalid.at(place, "there is no such work type")
        if one.kind != request.kind:
            raise Invalid.at(place, f"is no work of the kind {request.kind}")
    types = tuple(asked_types(request, world.work))
    if not types:
        raise Invalid.at(f"/{field}", "names no work")
    minutes = tuple(duration(one, facts, holds) for one in types)
    return _work(world.work_version, request.kind, types, minutes, tuple(asked))


def question(
    calendar: Calendar,
    request: SlotRequest,
    facts: Facts,
    now: datetime,
    *,
    parts_ready: PartsReady | None = None,
    walk_in: bool = False,
    counted: bool = True,
    moving: str | None = None,
    at: datetime | None = None,
) -> Question:
    """The request, ready; with `at` its window is that start alone. Invalid names the field that is at fault.

    `moving`: an appointment whose vehicle counts as free.
    """
    world = calendar.world
    earliest, latest = (at, at + timedelta(seconds=1)) if at is not None else (request.earliest, request.latest)
    if latest <= earliest:
        raise Invalid.at("/latest", "is not after earliest")
    if latest - earliest > timedelta(days=MOST_DAYS):
        raise Invalid.at("/latest", f"is more than {MOST_DAYS} days after earliest")
    work = work_for(world, request, facts)
    present = now.timestamp()
    if walk_in:  # the customer is there: neither the grid of offers nor a lead time matters
        work = msgspec.structs.replace(work, key=("walk-in", work.key), lead_minutes=0, interval_minutes=CELL_MINUTES)
    first = max(_ceiling(earliest), _ahead(present, work, walk_in))
    bound = int(present) // CELL_SECONDS + (FARTHEST_DAYS + 2) * CELLS_A_DAY
    ahead = FARTHEST_DAYS if work.days_ahead is None else work.days_ahead
    bound = min(bound, int(present) // CELL_SECONDS + (ahead + 2) * CELLS_A_DAY)
    last = min(_ceiling(latest), bound)
    wish, outside = _wish(calendar, request, work, _present(present, walk_in))
    low = min(first, last) - work.before - _DAY_AND_MORE
    high = max(first, last) + work.cells + work.after + _DAY_AND_MORE
    if work.splittable:
        high += _PAUSES_DAYS * CELLS_A_DAY
    if first >= last:
        low, high = calendar.patterns.first, calendar.patterns.last
    elif low < calendar.patterns.first <= first - work.before:
        low = calendar.patterns.first  # the day before today is there as a whole
    patterns = calendar.stretch(low, high)
    return Question(
        request=request,
        world=world,
        patterns=patterns,
        kept=patterns is calendar.patterns,
        work=work,
        wish=wish,
        facts=facts,
        outside=None if outside is None else _free(world, patterns, outside, moving),
        first=first,
        last=last,
        now=present,
        parts_ready=parts_ready or {},
        walk_in=walk_in,
        horizons={},
        key=key_of(work, wish),
        capped=any(one.per_day is not None or one.per_slot is not None for one in work.types),
        counted=counted,
    )


def _present(now: float, walk_in: bool) -> int:
    return int(now // CELL_SECONDS) if walk_in else -int(-now // CELL_SECONDS)


def _ahead(now: float, work: Work, walk_in: bool) -> int:
    """The first cell at which work may start; a walk-in starts in the cell that has begun."""
    return _present(now + work.lead_minutes * 60, walk_in)


def _ceiling(instant: datetime) -> int:
    seconds = (instant - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(seconds=CELL_SECONDS)
    return -int(-seconds // 1)


def _wish(calendar: Calendar, request: SlotRequest, work: Work, now: int) -> tuple[Wish, int | None]:
    """What the request names, and the number (0: none yet) of a vehicle that belongs to no centre."""
    technician: int | None = None
    if request.technician_id is not None:
        technician = calendar.numbers.get(request.technician_id.lower())
        if technician is None or technician not in calendar.resources:
            raise Invalid.at("/technician_id", "there is no such technician")
        if calendar.resources[technician].kind != "TECHNICIAN":
            raise Invalid.at("/technician_id", "is no technician")
    vehicle, outside = None, None
    if request.vehicle_id is not None and (request.kind == "TEST_DRIVE" or request.transport == "LOANER"):
        number = calendar.numbers.get(request.vehicle_id.lower())
        known = calendar.resources.get(number or 0)
        if request.kind == "TEST_DRIVE" and known is None:
            outside = number or 0
        elif known is not None:
            vehicle = number
    model = request.definition_id if request.kind == "TEST_DRIVE" and request.vehicle_id is None else None
    early = request.transport != "WAIT" and work.kind == "SERVICE"
    transport = request.transport if work.kind == "SERVICE" else "WAIT"
    comes = transport == "LOANER" or any(need.at_arrival for need in work.needs)
    return (
        Wish(
            transport=transport,
            technician=technician,
            vehicle=vehicle,
            outside=outside is not None,
            definition_id=model,
            now=now if early and comes else None,
        ),
        outside,
    )


def _free(world: World, patterns: Patterns, no: int, moving: str | None) -> Bits:
    bits = patterns.everything.copy().reshape(1, -1)
    busy = [one[:2] for one in world.outside.get(no, NOTHING) if one.appointment_id != moving]
    if busy:
        timeline.fill(bits, 0, np.array(busy, np.int32), patterns.first, False)
    return bits


class AtCenter:
    """A question at one centre: which starts the calendar allows, and who could do them."""

    __slots__ = ("_closed", "center", "first", "free", "last", "limits", "narrowed", "prepared", "question", "sheet")

    def __init__(self, question: Question, center: Center) -> None:
        self.question = question
        self.center = center
        self.sheet = question.sheet(center)
        self.prepared = prepare(center, self.sheet, question.key, question.work, question.wish)
        self.free = self.sheet.free
        if question.outside is not None:
            self.free = np.ascontiguousarray(np.vstack([self.free, question.outside]))
        self.first = max(question.first, question.parts_from(center.id)) if question.parts_ready else question.first
        self.last = min(question.last, question.horizon(center.row.zone))
        self.limits: Limits | None = None
        if question.capped or center.limited:
            limits = Limits(
                center,
                question.work,
                question.wish.transport,
                question.patterns,
                question.now,
                walk_in=question.walk_in,
            )
            self.limits = limits if limits.any else None
        self._closed: dict[frozenset[str], Prepared] = {}

        self.narrowed = (
            (self.limits is not None and question.counted) or self.first > question.first or self.last < question.last
        )
        """Whether not every start that the kernel finds in the question's window may be had."""

    def closed_teams(self, start: int) -> frozenset[str]:
        """The teams whose hours of the day are sold."""
        limits = self.limits
        if limits is None or not limits.by_team or not self.question.counted:
            return frozenset()
        return frozenset(
            team
            for team in limits.by_team
            if any(one.counter.startswith("MINUTES:") for one in limits.full(start, team))
        )

    def _without(self, teams: frozenset[str]) -> Prepared:
        if not teams:
            return self.prepared
        found = self._closed.get(teams)
        if found is None:
            wish = msgspec.structs.replace(self.question.wish, closed_teams=teams)
            work = self.question.work
            found = self._closed[teams] = prepare(self.center, self.sheet, key_of(work, wish), work, wish)
        return found

    def line(self, start: int) -> Line | None:
        """What to ask the kernel about a start; None where something that is needed does not exist."""
        for line in self._without(self.closed_teams(start)).lines:
            if line.low <= start < line.high:
                return line
        return None

    def allows(self, start: int) -> bool:
        """Whether what is sold, and the window, let in a start that the kernel has found."""
        if not self.first <= start < self.last:
            return False
        if self.limits is None or not self.question.counted:
            return True
        if self.limits.full(start):
            return False
        closed = self.closed_teams(start)
        if not closed:
            return True
        line = self.line(start)
        return line is not None and len(kernels.starts(self.free, line.kernel, start, start + 1)) == 1

    def end(self, start: int) -> int:
        """The end of work that starts there; -1 where it cannot."""
        line = self.line(start)
        if line is None:
            return -1
        return int(kernels.ends(self.free, line.kernel, np.array([start], np.int32))[0])

    def who(self, start: int) -> list[list[int]]:
        """For each need the rows of those who could do it, best first; empty where the start is not free."""
        line = self.line(start)
        if line is None:
            return []
        found = [each.tolist() for each in kernels.who(self.free, line.kernel, start)]
        return found if all(found) else []

    def arrival(self, start: int) -> int:
        """When the customer comes for work that starts there; -1 where nobody can on that day."""
        if self.question.wish.transport == "WAIT":
            return start
        zone = self.center.row.zone
        comes = arrivals(self.sheet, zone, min(self.question.present, start))
        return int(comes[self.question.patterns.days(zone).index(start)])

    def promised(self, end: int) -> int:
        """When the customer gets the vehicle back from work that ends there: at closing unless they wait."""
        if self.question.wish.transport == "WAIT":
            return end
        zone = self.center.row.zone
        _, closes = self.question.patterns.edges(zone, self.sheet.opening)
        return int(closes[self.question.patterns.days(zone).index(end - 1)])

    def span(self, need: Need, start: int, end: int) -> tuple[int, int]:
        """The cells for which a need asks, of work from start to end."""
        work = self.question.work
        if need.at_arrival:
            arrival = self.arrival(start)
            return arrival, self.promised(end) if need.role == "LOANER" else arrival + need.length
        if work.splittable:
            return start + min(need.offset, 0), end + max(need.offset + need.length - work.cells, 0)
        return start + need.offset, start + need.offset + need.length

    def starts(self) -> list[int]:
        """All starts in the window of the question."""
        found: list[int] = []
        for line in self.prepared.lines:
            if self.question.meets(line):
                found += kernels.starts(self.free, line.kernel, self.first, max(self.last, self.first)).tolist()
        return [start for start in found if self.allows(start)] if self.narrowed else found
