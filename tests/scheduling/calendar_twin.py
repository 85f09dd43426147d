"""Free slots the slow way: every cell of every resource is looked at by itself, and people are tried in all ways.

Written from the rules alone: it knows nothing of bits, patterns, legs or sheets. Hours of a day are taken from
`scheduling.hours`, which has an oracle of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

from scheduling.asking import SlotRequest
from scheduling.calendar.rows import Busy, CenterRow, Hours, Resource, WorkType
from scheduling.hours import local_day, to_cell

ONE_DAY = timedelta(days=1)
PEOPLE = {"TECHNICIAN", "ADVISOR", "SALESPERSON"}


class Place(msgspec.Struct):
    """A centre with everything that belongs to it."""

    row: CenterRow
    resources: Sequence[Resource]
    busy: Mapping[int, Sequence[Busy]]
    used: Mapping[tuple[date, str], int]


class Wanted(msgspec.Struct):
    """One resource that is wanted for [begin, end); `paced`: only while it works."""

    role: str
    begin: int
    end: int
    skills: tuple[tuple[str, int], ...] = ()
    type: str | None = None
    main: bool = False
    paced: bool = False


def slots(place: Place, works: Sequence[WorkType], request: SlotRequest, now: int) -> list[tuple[int, int]]:
    """(start, end) in cells of every free start in the request's window; `now` is the first cell that has not begun."""
    first, last = _cell(request.earliest), _cell(request.latest)
    found = []
    for start in range(max(first, now), last):
        end = _end(place, works, request, start, now)
        if end is not None:
            found.append((start, end))
    return found


def _cell(instant: datetime) -> int:
    return -int(-instant.timestamp() // 300)


def _cells(minutes: int) -> int:
    return -(-minutes // 5)


def is_open(row: CenterRow, of: Hours, cell: int) -> bool:
    """Whether a cell lies in opening hours."""
    zone = of.zone or row.zone
    today = local_day(zone, cell)
    for on in (today - ONE_DAY, today):
        for begin, end in _spans(row, of, on):
            if to_cell(zone, on, begin) <= cell < to_cell(zone, on if end > begin else on + ONE_DAY, end):
                return True
    return False


def _spans(row: CenterRow, of: Hours, on: date) -> list[tuple[int, int]]:
    if on in of.overrides:
        return list(of.overrides[on])
    if on in row.holidays:
        return []
    return [(one.start, one.end) for one in of.weekly if one.day_of_week == on.weekday()]


def on_duty(place: Place, one: Resource, cell: int) -> bool:
    """Whether a resource is there for the centre by its plan: membership, shifts and breaks."""
    here = local_day(place.row.zone, cell)
    if not any(
        member.center_id == place.row.id
        and (member.from_on is None or member.from_on <= here)
        and (member.to_on is None or here <= member.to_on)
        for member in one.members
    ):
        return False
    if one.shifts is None:
        return True
    zone = one.zone or place.row.zone
    works = False
    for part, value in ((one.shifts.weekly, True), (one.shifts.breaks, False)):
        for weekly in part:
            for on in (local_day(zone, cell) - ONE_DAY, local_day(zone, cell)):
                if (weekly.from_on and on < weekly.from_on) or (weekly.to_on and weekly.to_on < on):
                    continue
                for hours in weekly.hours:
                    until = on if hours.end > hours.start else on + ONE_DAY
                    if hours.day_of_week == on.weekday() and (
                        to_cell(zone, on, hours.start) <= cell < to_cell(zone, until, hours.end)
                    ):
                        works = value
    single = any(begin <= cell < end for begin, end in one.shifts.once)
    return works or (single and not any(begin <= cell < end for begin, end in one.shifts.pauses))


def is_free(place: Place, one: Resource, cell: int) -> bool:
    """Whether a resource is there and neither away nor reserved."""
    return (
        on_duty(place, one, cell)
        and not any(away.from_cell <= cell < away.to_cell for away in one.absences)
        and not any(busy.from_cell <= cell < busy.to_cell for busy in place.busy.get(one.no, ()))
    )


def _has(place: Place, one: Resource, skills: Sequence[tuple[str, int]], on: date) -> bool:
    return all(
        any(name == skill and own >= level and (until is None or on < until) for name, own, until in one.skills)
        for skill, level in skills
    )


def _end(place: Place, works: Sequence[WorkType], request: SlotRequest, start: int, now: int) -> int | None:
    """The end of the work if it may start there."""
    row, zone = place.row, place.row.zone
    today = local_day(zone, start)
    interval = works[0].interval_minutes or row.interval_minutes
    shown = datetime.fromtimestamp(start * 300, tz=ZoneInfo(zone))
    if (shown.hour * 60 + shown.minute) % interval or shown.second:
        return None
    if start * 300 < now * 300 + max(one.lead_minutes for one in works) * 60:
        return None
    ahead = [one.days_ahead for one in works if one.days_ahead is not None]
    if ahead and today > local_day(zone, now) + min(ahead) * ONE_DAY:
        return None
    if not all(_left(place, works, request, start, today)):
        return None
    arrival = _arrival(place, request, start, now)
    if arrival is None:
        return None
    length = sum(_cells(one.minutes) for one in works)
    if all(one.splittable for one in works):
        paces = {_paced(place, one, start, length) for one in place.resources if one.kind == "TECHNICIAN"}
        ends = {end for end in paces if end is not None}
    else:
        ends = {start + length} if all(is_open(row, row.hours, start + i) for i in range(length)) else set()
    for end in sorted(ends):
        if _staffed(place, _wanted(place, works, request, start, end, arrival), request, start, end, length):
            return end
    return None


def _left(place: Place, works: Sequence[WorkType], request: SlotRequest, start: int, today: date) -> Iterator[bool]:
    """For each count whether it lets the work in."""
    for one in set(works):
        amount = list(works).count(one)
        if one.per_day is not None:
            yield place.used.get((today, f"WORK:{one.code}"), 0) + amount <= one.per_day
        if one.per_slot is not None:
            yield place.used.get((today, f"WORK:{one.code}:{start}"), 0) + amount <= one.per_slot
    for rule in place.row.rules:
        if rule.kind == "TRANSPORT_LIMIT" and rule.transport == request.transport:
            yield place.used.get((today, f"TRANSPORT:{request.transport}"), 0) + 1 <= rule.per_day
        if rule.kind == "HOURS_BY_TEAM" and rule.team is None:
            yield place.used.get((today, "MINUTES"), 0) + sum(one.minutes for one in works) <= rule.minutes


def _visited(row: CenterRow, cell: int) -> bool:
    return is_open(row, row.hours, cell) and (row.visiting is None or is_open(row, row.visiting, cell))


def _arrival(place: Place, request: SlotRequest, start: int, now: int) -> int | None:
    """When the customer comes; None where that is after the start."""
    if request.transport == "WAIT":
        return start if _visited(place.row, start) else None
    today = local_day(place.row.zone, start)
    cell = start
    found = None
    while local_day(place.row.zone, cell) == today:
        if _visited(place.row, cell):
            found = cell
        cell -= 1
    if found is None:
        return None
    return max(found, now) if today == local_day(place.row.zone, now) else found


def _closing(place: Place, end: int) -> int:
    today = local_day(place.row.zone, end - 1)
    last = cell = end - 1
    while local_day(place.row.zone, cell) == today:
        if is_open(place.row, place.row.hours, cell):
            last = cell
        cell += 1
    return last + 1


def _paced(place: Place, one: Resource, start: int, length: int) -> int | None:
    """The end of work that pauses while the centre is closed or somebody is off; None where it cannot begin."""
    done, cell = 0, start
    while done < length:
        running = is_open(place.row, place.row.hours, cell) and on_duty(place, one, cell)
        if cell > start + 14 * 288 or (cell == start and not running):
            return None
        done += running
        cell += 1
    return cell


def _wanted(
    place: Place, works: Sequence[WorkType], request: SlotRequest, start: int, end: int, arrival: int
) -> list[Wanted]:
    before, after = _cells(works[0].before_minutes), _cells(works[-1].after_minutes)
    paced = all(one.splittable for one in works)
    skills = [skill for one in works for skill in one.skills]
    role = "SALESPERSON" if request.kind == "TEST_DRIVE" else "TECHNICIAN"
    if role == "SALESPERSON":
        skills.append(("SALES", 1))
    wanted = [Wanted(role, start - before, end + after, tuple(skills), main=True, paced=paced)]
    bays: list[tuple[str, int, int]] = []
    at = start
    for one in works:
        length = _cells(one.minutes)
        if one.bay_type is not None and (not bays or bays[-1][0] != one.bay_type):
            bays.append((one.bay_type, at if bays else start - before, at + length))
        elif bays:
            bays[-1] = (*bays[-1][:2], at + length)
        at += length
    for i, (kind, begin, until) in enumerate(bays):
        late = i == len(bays) - 1
        wanted.append(
            Wanted(
                "BAY",
                begin if i == 0 or not paced else start,
                end + after if late else end if paced else until,
                type=kind,
            )
        )
    at = start
    further: dict[tuple[str, str | None, bool, int], list[Wanted]] = {}
    for i, one in enumerate(works):
        length = _cells(one.minutes)
        for extra in one.extras:
            own = [("ADVISOR", 1)] if extra.role == "ADVISOR" else [("SALES", 1)] if extra.role == "SALESPERSON" else []
            if extra.at_arrival:
                span = (arrival, arrival + _cells(extra.minutes))
            elif paced:
                span = (start - before if i == 0 else start, end + after if i == len(works) - 1 else end)
            else:
                span = (at - (before if i == 0 else 0), at + length + (after if i == len(works) - 1 else 0))
            follows = paced and not extra.at_arrival and extra.role in PEOPLE
            alike = [
                e for e in one.extras if (e.role, e.type, e.at_arrival) == (extra.role, extra.type, extra.at_arrival)
            ]
            nth = next(k for k, e in enumerate(alike) if e is extra)
            same = further.setdefault((extra.role, extra.type, extra.at_arrival, nth), [])
            each = Wanted(extra.role, *span, (*own, *extra.skills), extra.type, paced=follows)
            same += [each] * (extra.count - len(same))
            for k, other in enumerate(same):  # whoever several jobs ask for stays from the first to the last
                same[k] = Wanted(
                    extra.role,
                    min(other.begin, span[0]),
                    max(other.end, span[1]),
                    (*other.skills, *each.skills),
                    extra.type,
                    paced=follows,
                )
        at += length
    wanted += [each for same in further.values() for each in same]
    if request.kind == "TEST_DRIVE":
        wanted.append(Wanted("DEMO_VEHICLE", start - before, end + after))
    elif request.transport == "LOANER":
        wanted.append(Wanted("LOANER", arrival, _closing(place, end)))
    return wanted


def _staffed(place: Place, wanted: Sequence[Wanted], request: SlotRequest, start: int, end: int, length: int) -> bool:
    """Whether everything wanted has a resource of its own, tried in all ways."""
    choices = [
        {one.no for one in place.resources if _could(place, one, each, request, start, end, length)} for each in wanted
    ]

    def tried(at: int, taken: frozenset[int]) -> bool:
        return at == len(choices) or any(tried(at + 1, taken | {no}) for no in choices[at] - taken)

    return tried(0, frozenset())


def _could(place: Place, one: Resource, each: Wanted, request: SlotRequest, start: int, end: int, length: int) -> bool:
    on = local_day(place.row.zone, end - 1)
    if each.role in PEOPLE:
        if one.kind != "TECHNICIAN" or not _has(place, one, each.skills, on):
            return False
        if each.main and request.technician_id is not None and one.id != request.technician_id:
            return False
    elif each.role in ("LOANER", "DEMO_VEHICLE"):
        if one.type != each.role or (request.vehicle_id is not None and one.id != request.vehicle_id):
            return False
    elif one.kind != each.role or each.type not in (None, one.type):
        return False
    if each.paced and _paced(place, one, start, length) != end:
        return False
    pauses = {cell for cell in range(start, end) if each.paced and not on_duty(place, one, cell)}
    return all(is_free(place, one, cell) for cell in range(each.begin, each.end) if cell not in pauses)
