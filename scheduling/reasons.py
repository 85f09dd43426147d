"""Why a start, a technician or a centre is refused, and the smallest single change that would open a slot.

Everything that stands against a start is a Cause. Where one thing alone stands against it, the cause knows the change
that removes it; where there are more, no single change of the calendar would do, and another start is told instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec
import numpy as np

from core_ext import timeline
from core_ext import work as kernels
from scheduling.asking import Audience, Closed, Counter, Reason, ReasonCode, Remedy
from scheduling.calendar.center import NOTHING, Center
from scheduling.calendar.limits import Limits
from scheduling.calendar.patterns import CELLS_A_DAY, Bits, closed_days
from scheduling.calendar.prepared import PEOPLE, Wish, offered, suits
from scheduling.calendar.rows import Resource
from scheduling.calendar.work import Need
from scheduling.hours import CELL_MINUTES, day_bounds, instant_of
from scheduling.question import NEVER, AtCenter, Question

_MOST_SAMPLES = 120
"""Starts that are looked at in detail for one search."""
_LOOK_AHEAD_DAYS = 31
_MOST_REASONS = 5
_BUSY: dict[str, ReasonCode] = {
    "BAY": "BAY_BUSY",
    "EQUIPMENT": "EQUIPMENT_BUSY",
    "LOANER": "LOANER_BUSY",
    "DEMO_VEHICLE": "VEHICLE_BUSY",
}
_FOR_ALL: dict[str, tuple[ReasonCode, str]] = {
    "NO_SHIFT": ("TECHNICIAN_BUSY", "Nobody who could do it is free then"),
    "ABSENT": ("TECHNICIAN_BUSY", "Nobody who could do it is free then"),
    "TECHNICIAN_BUSY": ("TECHNICIAN_BUSY", "Nobody who could do it is free then"),
    "SKILL_MISSING": ("SKILL_MISSING", "This work is not done here by whom you ask for"),
    "SKILL_LEVEL": ("SKILL_MISSING", "This work is not done here by whom you ask for"),
    "CERTIFICATION_EXPIRED": ("SKILL_MISSING", "This work is not done here by whom you ask for"),
    "NO_BAY": ("NO_BAY", "This work is not done at this centre"),
    "BAY_BUSY": ("BAY_BUSY", "The workshop is full then"),
    "EQUIPMENT_BUSY": ("EQUIPMENT_BUSY", "The equipment for it is in use then"),
    "LOANER_BUSY": ("LOANER_BUSY", "No loaner is free then"),
    "VEHICLE_BUSY": ("VEHICLE_BUSY", "The vehicle is not free then"),
    "CAP_REACHED": ("CAP_REACHED", "No more appointments are taken then"),
    "TRANSPORT_LIMIT": ("TRANSPORT_LIMIT", "This way of coming is not offered then"),
    "PARTS_NOT_READY": ("PARTS_NOT_READY", "The parts for it are not there yet"),
    "TOO_LONG_FOR_ANY_SHIFT": ("TOO_LONG_FOR_ANY_SHIFT", "The work takes longer than this centre has in one go"),
}
"""What those are told who do not plan the centre: nothing about people, shifts, absences or counts."""


class Cause(msgspec.Struct, frozen=True):
    """One thing that stands against a start. `size` orders changes: smaller ones are told first."""

    code: ReasonCode
    detail: str
    change: Remedy | None = None
    size: float = 0.0


def against(at: AtCenter, start: int) -> list[list[Cause]]:
    """All that stands against a start, as a list of the ways in which each thing shows; empty where it is free.

    A thing with several causes is removed by the change of any one of them.
    """
    found = list(_standing(at))
    if found:
        return found
    untimely = list(_of_the_time(at, start))
    found += untimely
    limits = at.limits
    if limits is not None and at.question.counted:
        found += [[_full(limits, one)] for one in limits.full(start)]
    end = _end(at, start)
    if end is None:
        found.append([Cause("TOO_LONG_FOR_ANY_SHIFT", "The work is longer than anybody's shifts in these weeks")])
        return found
    short = [(need, each) for need in at.prepared.needs if (each := _lacking(at, need, start, end))]
    if len(short) == 1 and not found:
        need, causes = short[0]
        free = _free_for(at, start, end)
        return [[each if _opens(at, each, need, free) else _without_change(each) for each in causes]]
    found += [causes for _, causes in short]
    if not short and not untimely and not at.who(start):
        found.append(_shared(at, start))
    return found


def _full(limits: Limits, one: Counter) -> Cause:
    code: ReasonCode = "TRANSPORT_LIMIT" if one.counter.startswith("TRANSPORT:") else "CAP_REACHED"
    cap = one.cap - limits.left(one) + one.amount
    change = Remedy(kind="CAP", counter=one.counter, on=one.on_day, cap=cap)
    return Cause(code, f"{one.counter} of {one.on_day} has reached {one.cap}", change, 1)


def _without_change(cause: Cause) -> Cause:
    return Cause(cause.code, cause.detail, None, cause.size)


def _shared(at: AtCenter, start: int) -> list[Cause]:
    """Why nobody is left where there is somebody for each need: hours that are sold, or the same people."""
    limits = at.limits
    if limits is not None:
        closed = at.closed_teams(start)
        sold = [one for team in sorted(closed) for one in limits.full(start, team)]
        if sold:
            return [_full(limits, one) for one in sold]
    people = [need for need in at.prepared.needs if need.role in PEOPLE]
    devices = [need for need in at.prepared.needs if need.role == "EQUIPMENT"]
    if len(people) == 2 and len(devices) < 2:
        change = Remedy(kind="RESOURCE", role=people[0].role)
        return [Cause("TECHNICIAN_BUSY", "The same person is needed for two things", change, 1e6)]
    if len(devices) == 2 and len(people) < 2:
        change = Remedy(kind="RESOURCE", role="EQUIPMENT", type=devices[1].type or devices[0].type)
        return [Cause("EQUIPMENT_BUSY", "The same device is needed for two things", change, 1e6)]
    return [Cause("TECHNICIAN_BUSY", "The same people or devices are needed for several things", None, 1e6)]


def _free_for(at: AtCenter, start: int, end: int) -> list[set[str]]:
    """For each place of each need the ids of those who could take it."""
    wish, main = at.question.wish, at.question.work.main
    found = []
    for need in at.prepared.needs:
        if wish.outside and need.role == "DEMO_VEHICLE":
            found.append({"outside"})
            continue
        span = at.span(need, start, end)
        fitting = [one for one in at.center.resources if suits(one, need, wish, main)]
        free = {one.id for one in fitting if not _obstacles(at, one, need, span, end)}
        found += [free] * need.count
    return found


def _opens(at: AtCenter, cause: Cause, need: Need, free: list[set[str]]) -> bool:
    """Whether the change of a cause opens the start: those who are wanted for several things may be wanted there."""
    if cause.change is None:
        return True
    if at.question.work.splittable and sum(one.role in PEOPLE for one in at.prepared.needs) > 1:
        return False  # each of them pauses in another way: what one would need depends on the others
    more = cause.change.resource_id or "one more"
    places = [one for one in at.prepared.needs for _ in range(one.count)]
    choices = [ids | {more} if place is need else ids for place, ids in zip(places, free, strict=True)]
    holder: dict[str, int] = {}

    def placed(at: int, seen: set[str]) -> bool:
        for id in choices[at] - seen:
            seen.add(id)
            if id not in holder or placed(holder[id], seen):
                holder[id] = at
                return True
        return False

    return all(placed(at, set()) for at in range(len(choices)))


def _standing(at: AtCenter) -> Iterator[list[Cause]]:
    """What stands against every start."""
    question, center = at.question, at.center
    unfit = question.applies()
    if unfit is not None:
        yield [Cause("NOT_APPLICABLE", f"{unfit.code} is not for this vehicle")]
    lacks = question.authorised(center)
    if lacks is not None:
        brand = str(question.facts.get("brand") or question.facts.get("make"))
        change = Remedy(kind="FRANCHISE", brand=brand, function=lacks)
        yield [Cause("NOT_AUTHORISED", f"The centre may not do {lacks} for {brand}", change, 1e7)]
    if not question.takes_transport(center):
        yield [Cause("TRANSPORT_LIMIT", f"The centre does not offer {question.wish.transport}")]


def _of_the_time(at: AtCenter, start: int) -> Iterator[list[Cause]]:
    question, zone = at.question, at.center.row.zone
    patterns = question.patterns
    if start < question.present:
        yield [Cause("IN_THE_PAST", "The start lies in the past")]
        return
    if start < question.lead:
        yield [Cause("LEAD_TIME", f"The work is booked {question.work.lead_minutes} minutes ahead at least")]
    if start >= question.horizon(zone):
        yield [Cause("TOO_FAR_AHEAD", "The start lies further ahead than this work is booked")]
        return
    ready = question.parts_from(at.center.id)
    if start < ready:
        when = "" if ready == NEVER else f" before {instant_of(ready, zone).isoformat()}"
        change = Remedy(kind="PARTS", start=instant_of(start, zone))
        yield [Cause("PARTS_NOT_READY", f"The parts are not there{when}", change, 1e5)]
    if not patterns.first <= start < patterns.last:
        return
    interval = question.work.interval_minutes or at.center.row.interval_minutes
    if not _bit(patterns.offers(zone, interval), start - patterns.first):
        yield [Cause("OFF_GRID", f"Starts are offered every {interval} minutes of the day")]
    length = 1 if question.work.splittable else question.work.cells
    bits = at.sheet.opening
    shut = [cell for cell in range(start, start + length) if not _bit(bits, cell - patterns.first)]
    if shut:
        yield [_shut(at, shut)]
    elif not _bit(offered(at.sheet, zone, 5, question.wish.transport), start - patterns.first):
        yield [Cause("OUTSIDE_HOURS", "Customers cannot come by then")]


def _shut(at: AtCenter, shut: Sequence[int]) -> Cause:
    zone, patterns = at.center.row.zone, at.question.patterns
    days = patterns.days(zone)
    on = days.on(shut[0])
    begin, end = (bound - patterns.first for bound in day_bounds(zone, on))
    change = Remedy(
        kind="HOURS", start=instant_of(shut[0], zone), end=instant_of(shut[-1] + 1, zone), center_id=at.center.id
    )
    size = 1e4 + len(shut) * CELL_MINUTES
    is_open = any(_bit(at.sheet.opening, cell) for cell in range(max(begin, 0), min(end, patterns.cells)))
    if is_open:
        return Cause("OUTSIDE_HOURS", f"The centre is not open all that time on {on}", change, size)
    name = closed_days(at.center.row, on, on).get(on)
    if name is not None and on not in at.center.row.hours.overrides:
        return Cause("HOLIDAY", f"{on} is {name}", change, size)
    return Cause("CLOSED", f"The centre is closed on {on}", change, size)


def _bit(bits: Bits, place: int) -> bool:
    return 0 <= place < len(bits) * 64 and bool(int(bits[place >> 6]) >> (place & 63) & 1)


def _end(at: AtCenter, start: int) -> int | None:
    """When the work would end if nobody were away or busy; None where nobody's shifts would do."""
    work = at.question.work
    if not work.splittable:
        runs = [
            timeline.runs(at.center.duty(one, at.question.patterns), work.main.length).any()
            for one in _able(at, work.main)
        ]
        return start + work.cells if any(runs) or not runs else None
    patterns = at.question.patterns
    able = _able(at, work.main)
    if not able:
        return start + work.cells
    duty = [at.center.duty(one, patterns) for one in able]
    before, after = -work.main.offset, work.main.length + work.main.offset - work.cells
    leg = kernels.Leg(np.arange(len(able), dtype=np.uint32), before + work.cells + after, -before, duty=duty)
    alone = kernels.Work([leg], work.cells, patterns.everything, at.sheet.opening, patterns.first, splittable=True)
    everybody = np.full((len(able), patterns.words), 2**64 - 1, np.uint64)
    end = int(kernels.ends(everybody, alone, np.array([start], np.int32))[0])
    return end if end >= 0 else None


def _able(at: AtCenter, need: Need) -> list[Resource]:
    """Those who have all skills that a need asks for, at any time."""
    wish, main = at.question.wish, at.question.work.main
    return [
        one
        for one in at.center.resources
        if suits(one, need, wish, main) and all(_skilled(one, *skill) for skill in need.skills)
    ]


def _skilled(one: Resource, skill: str, level: int) -> bool:
    return any(name == skill and own >= level for name, own, _ in one.skills)


def _lacking(at: AtCenter, need: Need, start: int, end: int) -> list[Cause]:
    """Why a need is not met: the cause of each resource that a single change would free, the smallest first."""
    question, wish = at.question, at.question.wish
    if wish.outside and need.role == "DEMO_VEHICLE":
        begin, until = (cell - question.patterns.first for cell in at.span(need, start, end))
        assert question.outside is not None
        free = all(_bit(question.outside[0], cell) for cell in range(begin, until))
        return [] if free else [Cause("VEHICLE_BUSY", "The vehicle is reserved then")]
    span = at.span(need, start, end)
    fitting = [one for one in at.center.resources if suits(one, need, wish, question.work.main)]
    obstacles = [_obstacles(at, one, need, span, end) for one in fitting]
    missing = need.count - sum(not each for each in obstacles)
    if missing <= 0:
        return []
    lone = missing == 1
    found: list[Cause] = []
    for each in obstacles:
        if len(each) == 1:
            cause = each[0]
            found.append(cause if lone else _without_change(cause))
        elif each:
            worst = max(each, key=lambda cause: cause.size)
            found.append(Cause(worst.code, worst.detail, None, 1e8))
    found.append(_none_of(at, need, lone, exists=bool(fitting)))
    return sorted(found, key=lambda cause: cause.size)


def _none_of(at: AtCenter, need: Need, lone: bool, *, exists: bool) -> Cause:
    change = Remedy(kind="RESOURCE", role=need.role, type=need.type) if lone else None
    if at.question.wish.technician is not None and need is at.question.work.main:
        return Cause("NO_SHIFT", "The technician does not work at this centre then", None, 1e9)
    if need.role in PEOPLE:
        if exists:
            return Cause("TECHNICIAN_BUSY", "Too few people are free", change, 1e6)
        return Cause("SKILL_MISSING", "Nobody at this centre does it", change, 1e6)
    if need.role == "BAY" and not exists:
        return Cause("NO_BAY", f"The centre has no bay of the type {need.type}", change, 1e6)
    return Cause(_BUSY[need.role], "Too few are free" if exists else "The centre has none", change, 1e6)


def _obstacles(at: AtCenter, one: Resource, need: Need, span: tuple[int, int], end: int) -> list[Cause]:
    """What keeps a resource from a need, each with the change that would remove it."""
    zone, patterns = at.center.row.zone, at.question.patterns
    begin, until = span
    found = [_unskilled(at, one, skill, level, end) for skill, level in need.skills]
    causes = [cause for cause in found if cause is not None]
    duty = at.center.duty(one, patterns)
    paced = at.question.work.splittable and need.role in PEOPLE and not need.at_arrival
    wanted = [cell for cell in range(begin, until) if not paced or _bit(at.sheet.opening, cell - patterns.first)]
    there = [cell for cell in wanted if _bit(duty, cell - patterns.first)]
    off = [] if paced else sorted(set(wanted) - set(there))
    member = any(first <= begin and until <= last for first, last in at.center.membership(one))
    if not member:
        causes.append(Cause("NO_SHIFT", "Not of this centre then", None, 1e8))
    elif off:
        change = Remedy(
            kind="SHIFT",
            resource_id=one.id,
            start=instant_of(off[0], zone),
            end=instant_of(off[-1] + 1, zone),
        )
        minutes = (off[-1] + 1 - off[0]) * CELL_MINUTES
        causes.append(Cause("NO_SHIFT", "Nobody who could do it is on shift then", change, 100 + minutes))
    for away in one.absences:
        hit = [cell for cell in (there if paced else wanted) if away.from_cell <= cell < away.to_cell]
        if hit:
            change = Remedy(
                kind="ABSENCE",
                resource_id=one.id,
                start=instant_of(hit[0], zone),
                end=instant_of(hit[-1] + 1, zone),
            )
            causes.append(Cause("ABSENT", "Away then", change, 5000 + len(hit) * CELL_MINUTES))
    hits: dict[str, int] = {}
    for busy in at.center.busy.get(one.no, NOTHING):
        overlap = min(busy.to_cell, until) - max(busy.from_cell, begin)
        if overlap > 0:
            hits[busy.appointment_id] = hits.get(busy.appointment_id, 0) + overlap
    code: ReasonCode = _BUSY.get(need.role, "TECHNICIAN_BUSY")
    for appointment_id in hits:
        change = Remedy(kind="MOVE", resource_id=one.id, appointment_id=appointment_id)
        causes.append(Cause(code, "Reserved then", change, 3000))
    return causes


def _unskilled(at: AtCenter, one: Resource, skill: str, level: int, end: int) -> Cause | None:
    """What somebody lacks of a skill on the day on which the work ends."""
    owned = [(own, until) for name, own, until in one.skills if name == skill]
    on = instant_of(end - 1, at.center.row.zone).date()
    if any(own >= level and (until is None or on < until) for own, until in owned):
        return None
    change = Remedy(kind="SKILL", resource_id=one.id, skill=skill, level=level, on=on)
    if any(own >= level for own, _ in owned):
        return Cause("CERTIFICATION_EXPIRED", f"A certification of {skill} has expired by {on}", change, 2e4)
    if owned:
        return Cause("SKILL_LEVEL", f"{skill} is needed at level {level}", change, 3e4)
    return Cause("SKILL_MISSING", f"{skill} is needed", change, 4e4)


def told(at: AtCenter, things: Sequence[list[Cause]], audience: Audience, other: Remedy | None) -> list[Reason]:
    """The reasons as an audience may know them; `other`: another start, technician or centre that is free.

    Those who plan the centre are told each thing by its smallest change, if there is one thing alone.
    """
    plans = audience.plans(at.center.row.account_id)
    reasons: dict[tuple[str, str], Reason] = {}
    for thing in things:
        for cause in thing if plans and len(things) == 1 else thing[:1]:
            code, detail = (cause.code, cause.detail) if plans else _FOR_ALL.get(cause.code, (cause.code, cause.detail))
            change = cause.change if plans and len(things) == 1 else None
            reasons.setdefault((code, "" if plans else detail), Reason(code, detail, change))
    found = list(reasons.values())
    if other is not None and not any(reason.change is not None for reason in found):
        found = [msgspec.structs.replace(found[0], change=other), *found[1:]] if found else found
    return found[:_MOST_REASONS]


def other_way(question: Question, center: Center, around: tuple[int, int]) -> Remedy | None:
    """The smallest change of the request that opens a slot: any technician, another start, another centre."""
    wish = question.wish
    if wish.technician is not None and not wish.closed_teams:
        open_wish: Wish = msgspec.structs.replace(wish, technician=None)
        anybody = msgspec.structs.replace(question.wishing(open_wish), first=around[0], last=around[1])
        if around[1] > around[0] and AtCenter(anybody, center).starts():
            return Remedy(kind="TECHNICIAN")
    start = next_start(question, center, around)
    zone = center.row.zone
    if start is not None:
        return Remedy(kind="START", start=instant_of(start, zone))
    if wish.technician is None and wish.vehicle is None and around[1] > around[0]:
        near = msgspec.structs.replace(question, first=around[0], last=around[1])
        for other in _neighbours(question, center):
            place = AtCenter(near, other)
            if not list(_standing(place)):
                starts = place.starts()
                if starts:
                    return Remedy(kind="CENTER", center_id=other.id, start=instant_of(starts[0], other.row.zone))
    return None


def next_start(question: Question, center: Center, around: tuple[int, int]) -> int | None:
    """The free start of a centre that is nearest to a window, within a month and the stretch that is at hand."""
    patterns, work = question.patterns, question.work
    reach = CELLS_A_DAY + work.cells + work.after + (14 * CELLS_A_DAY if work.splittable else 0)
    low = max(question.lead, around[0] - _LOOK_AHEAD_DAYS * CELLS_A_DAY)
    high = min(max(around[1], low) + _LOOK_AHEAD_DAYS * CELLS_A_DAY, patterns.last - reach)
    if high <= low:
        return None
    place = AtCenter(msgspec.structs.replace(question, first=low, last=high), center)
    if list(_standing(place)):
        return None
    starts = place.starts()
    return min(starts, key=lambda start: (max(around[0] - start, start - around[1] + 1, 0), start), default=None)


def _neighbours(question: Question, center: Center) -> Iterable[Center]:
    row, world = center.row, question.world
    if row.latitude is None or row.longitude is None:
        return ()
    ids = world.nearest(row.latitude, row.longitude, 20)
    return (world.centers[id] for id in ids if id != center.id)


def unavailable(question: Question, centers: Sequence[Center], audience: Audience) -> list[Closed]:
    """For each centre (none of which has a start in the window) why, and what would open one."""
    samples = max(1, _MOST_SAMPLES // max(len(centers), 1))
    return [Closed(center.id, _closed(question, center, audience, samples)) for center in centers]


def _closed(question: Question, center: Center, audience: Audience, samples: int) -> list[Reason]:
    at = AtCenter(question, center)
    window = (question.first, max(question.last, question.first))
    things = list(_standing(at))
    if things:
        other = None if question.applies() is not None else other_way(question, center, window)
        return told(at, things, audience, other)
    best: list[list[Cause]] | None = None
    for start in _samples(at, samples):
        found = against(at, start)
        if found and (best is None or _weight(found) < _weight(best)):
            best = found
            if len(found) == 1 and found[0][0].size <= 1:
                break
    if best is None:
        best = [_no_hours(at)]
    return told(at, best, audience, other_way(question, center, window))


def _weight(things: Sequence[list[Cause]]) -> tuple[int, float]:
    solvable = len(things) == 1 and any(cause.change is not None for cause in things[0])
    return (0 if solvable else len(things) + 1, min(cause.size for thing in things for cause in thing))


def _samples(at: AtCenter, most: int) -> list[int]:
    """Starts in the window that the hours of the centre would allow, evenly spread."""
    question, patterns, zone = at.question, at.question.patterns, at.center.row.zone
    low, high = max(question.first, patterns.first), min(question.last, question.horizon(zone), patterns.last)
    if low >= high:
        return []
    interval = question.work.interval_minutes or at.center.row.interval_minutes
    bits = offered(at.sheet, zone, interval, question.wish.transport)
    length = 1 if question.work.splittable else question.work.cells
    bits = bits & timeline.runs(at.sheet.opening, length)
    cells = timeline.cells_of(bits & patterns.row(np.array([[low, high]], np.int32)), patterns.first)
    if len(cells) <= most:
        return cells.tolist()  # type: ignore[no-any-return]
    return cells[np.linspace(0, len(cells) - 1, most).astype(int)].tolist()  # type: ignore[no-any-return]


def _no_hours(at: AtCenter) -> list[Cause]:
    """Why the window has no start at which the centre is open long enough."""
    question, zone = at.question, at.center.row.zone
    request, work = question.request, question.work
    if request.latest.timestamp() <= question.now:
        return [Cause("IN_THE_PAST", "The window lies in the past")]
    if question.first >= question.last and request.latest.timestamp() <= question.now + work.lead_minutes * 60:
        return [Cause("LEAD_TIME", f"The work is booked {work.lead_minutes} minutes ahead at least")]
    if question.first >= min(question.last, question.horizon(zone)):
        return [Cause("TOO_FAR_AHEAD", "The window lies further ahead than this work is booked")]
    if not work.splittable and not timeline.runs(at.sheet.opening, work.cells).any():
        return [Cause("TOO_LONG_FOR_ANY_SHIFT", "The work is longer than the centre is ever open")]
    first = question.first
    on = question.patterns.days(zone).on(first)
    name = closed_days(at.center.row, on, on).get(on)
    same_day = question.last <= day_bounds(zone, on)[1]
    if same_day and name is not None and on not in at.center.row.hours.overrides:
        return [Cause("HOLIDAY", f"{on} is {name}")]
    begin, end = (bound - question.patterns.first for bound in day_bounds(zone, on))
    if same_day and not any(_bit(at.sheet.opening, cell) for cell in range(max(begin, 0), end)):
        return [Cause("CLOSED", f"The centre is closed on {on}")]
    return [Cause("OUTSIDE_HOURS", "The centre is not open long enough in this window")]
