"""Every refusal has its reason, the change that is told opens a slot, and nobody learns what is not theirs to know."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, assume, given, settings

from scheduling.asking import (
    CUSTOMER,
    STAFF,
    SYSTEM,
    Audience,
    Closed,
    Option,
    Reason,
    Refused,
    Remedy,
    SlotRequest,
)
from scheduling.calendar.rows import CapacityRule, CenterRow, Extra, Hours, Member, Resource, Shifts, WorkType
from scheduling.calendar.world import Calendar, Reserved
from scheduling.hours import cell_of
from scheduling.options import option
from scheduling.question import question
from scheduling.reasons import unavailable
from scheduling.search import Found, centers_of
from tests.scheduling.test_slots import Case, cases
from tests.scheduling.worlds import (
    MONDAY,
    NOW,
    asking,
    at,
    away,
    bay,
    calendar,
    car,
    center,
    equipment,
    hours,
    starts,
    taken,
    technician,
    week,
    work,
)

INNER = {"NO_SHIFT", "ABSENT", "CERTIFICATION_EXPIRED", "SKILL_LEVEL"}


class World(msgspec.Struct):
    """The rows of a calendar, to be changed as a reason says."""

    rows: list[CenterRow]
    resources: list[Resource]
    works: list[WorkType]
    reserved: list[Reserved] = []
    used: dict[str, dict[tuple[date, str], int]] = {}
    parts: dict[str, datetime | None] = {}

    def made(self, now: datetime = NOW) -> Calendar:
        """The calendar."""
        return calendar(self.rows, self.resources, self.works, self.reserved, self.used, now)


def _at(instant: datetime | None) -> int:
    assert instant is not None
    return cell_of(instant)


def applied(world: World, request: SlotRequest, change: Remedy) -> tuple[World, SlotRequest]:
    """The world and the request after the change that a reason tells."""
    resources = {one.id: one for one in world.resources}
    one = resources.get(change.resource_id or "")
    match change.kind:
        case "START":
            assert change.start is not None
            until = change.start + timedelta(seconds=1)
            return world, msgspec.structs.replace(request, earliest=change.start, latest=until)
        case "CENTER":
            assert change.center_id is not None
            return world, msgspec.structs.replace(request, center_ids=[change.center_id])
        case "TECHNICIAN":
            return world, msgspec.structs.replace(request, technician_id=None)
        case "SHIFT":
            assert one is not None
            shifts = one.shifts or Shifts()
            once = (*shifts.once, (_at(change.start), _at(change.end)))
            changed = msgspec.structs.replace(one, shifts=msgspec.structs.replace(shifts, once=once))
        case "ABSENCE":
            assert one is not None
            begin, end = _at(change.start), _at(change.end)
            left = []
            for gone in one.absences:
                left += [
                    gone._replace(to_cell=min(gone.to_cell, begin)),
                    gone._replace(from_cell=max(gone.from_cell, end)),
                ]
            changed = msgspec.structs.replace(
                one, absences=tuple(gone for gone in left if gone.from_cell < gone.to_cell)
            )
        case "SKILL":
            assert one is not None
            skill = (str(change.skill), int(change.level or 0), None)
            changed = msgspec.structs.replace(one, skills=(*one.skills, skill))
        case "MOVE":
            kept = [
                each
                for each in world.reserved
                if each.busy.appointment_id != change.appointment_id or world_id(world, each.no) != change.resource_id
            ]
            return msgspec.structs.replace(world, reserved=kept), request
        case "RESOURCE":
            return msgspec.structs.replace(world, resources=[*world.resources, _more(world, change)]), request
        case "CAP":
            rules = tuple(_raised(rule, change) for rule in world.rows[0].rules)
            works = [_raised_work(each, change) for each in world.works]
            rows = [msgspec.structs.replace(world.rows[0], rules=rules), *world.rows[1:]]
            return msgspec.structs.replace(world, rows=rows, works=works), request
        case "PARTS":
            assert change.start is not None
            return msgspec.structs.replace(world, parts={"c1": change.start}), request
        case "FRANCHISE":
            own = (str(change.brand), frozenset({"SERVICE", "SALES", str(change.function)}))
            rows = [msgspec.structs.replace(world.rows[0], franchises=(own,)), *world.rows[1:]]
            return msgspec.structs.replace(world, rows=rows), request
        case "HOURS":
            assert change.start is not None
            assert change.end is not None
            on = change.start.date()
            more = (change.start.hour * 60 + change.start.minute, change.end.hour * 60 + change.end.minute)
            old = world.rows[0].hours
            usual = [(each.start, each.end) for each in old.weekly if each.day_of_week == on.weekday()]
            if on in world.rows[0].holidays:
                usual = []
            overrides = {**old.overrides, on: (*old.overrides.get(on, tuple(usual)), more)}
            rows = [msgspec.structs.replace(world.rows[0], hours=msgspec.structs.replace(old, overrides=overrides))]
            return msgspec.structs.replace(world, rows=rows + world.rows[1:]), request
    resources[changed.id] = changed
    return msgspec.structs.replace(world, resources=list(resources.values())), request


def world_id(world: World, no: int) -> str | None:
    """The id of a number."""
    return next((one.id for one in world.resources if one.no == no), None)


def _more(world: World, change: Remedy) -> Resource:
    """One more that has and can everything."""
    kinds: Any = {"BAY": "BAY", "EQUIPMENT": "EQUIPMENT", "LOANER": "VEHICLE", "DEMO_VEHICLE": "VEHICLE"}
    kind = kinds.get(str(change.role), "TECHNICIAN")
    values: dict[str, Any] = {"type": change.type or (change.role if kind == "VEHICLE" else None)}
    if kind == "TECHNICIAN":
        values = {"skills": tuple((skill, 9, None) for skill in ("BRAKES", "ADVISOR", "SALES", "ELECTRIC", "OIL"))}
    members = (Member(world.rows[0].id),)
    return Resource(no=999, id="more", kind=kind, members=members, **values)


def _raised(rule: CapacityRule, change: Remedy) -> CapacityRule:
    if str(change.counter).startswith("TRANSPORT") and rule.kind == "TRANSPORT_LIMIT":
        return msgspec.structs.replace(rule, per_day=change.cap)
    if str(change.counter).startswith("MINUTES") and rule.kind == "HOURS_BY_TEAM":
        return msgspec.structs.replace(rule, minutes=change.cap)
    return rule


def _raised_work(one: WorkType, change: Remedy) -> WorkType:
    if change.counter == f"WORK:{one.code}":
        return msgspec.structs.replace(one, per_day=change.cap)
    if str(change.counter).startswith(f"WORK:{one.code}:"):
        return msgspec.structs.replace(one, per_slot=change.cap)
    return one


def refused(world: World, start: str, audience: Audience = STAFF, **values: Any) -> list[Reason]:
    """Why a start is refused."""
    facts = values.pop("facts", {})
    now = values.pop("now", NOW)
    told = option(world.made(now), asking(**values), "c1", at(start), now, audience, facts, parts_ready=world.parts)
    assert isinstance(told, Refused)
    return told.reasons


def closed(world: World, audience: Audience, request: SlotRequest, now: datetime = NOW, **facts: Any) -> list[Closed]:
    """Why centres have nothing."""
    made = world.made(now)
    asked = question(made, request, facts, now, parts_ready=world.parts)
    found = Found(asked, centers_of(made.world, request))
    none = [place.center for place, count in zip(found.places, found.counts(), strict=True) if not count]
    return unavailable(asked, [*found.refused, *none], audience)


SKILLED = work(skills=(("BRAKES", 2),))
NINE_TO_TEN = "11-23 09:00", "11-23 10:00"
FULL = CapacityRule(kind="TRANSPORT_LIMIT", transport="WAIT", per_day=0)
SICK = technician(1, absences=(away("11-23 09:00", "11-23 12:00"),))
SCANNED = work(extras=(Extra("EQUIPMENT", type="SCANNER"),))
DRIVE = work("DRIVE", kind="TEST_DRIVE")
OPEL = (("Opel", frozenset({"SERVICE"})),)


def _world(*resources: Resource, of: WorkType | None = None, row: CenterRow | None = None, **values: Any) -> World:
    return World([row or center()], list(resources), [of or work()], **values)


CASES: list[tuple[str, World, dict[str, Any], str, str]] = [
    ("ABSENT", _world(SICK), {}, "09:30", "ABSENCE"),
    ("NO_SHIFT", _world(technician(1, shifts=week(12, 17))), {}, "11:30", "SHIFT"),
    ("TECHNICIAN_BUSY", _world(technician(1), reserved=[taken(1, *NINE_TO_TEN)]), {}, "09:30", "MOVE"),
    ("SKILL_MISSING", _world(technician(1, "OIL"), of=SKILLED), {}, "09:00", "SKILL"),
    ("SKILL_LEVEL", _world(technician(1, "BRAKES"), of=SKILLED), {}, "09:00", "SKILL"),
    ("CERTIFICATION_EXPIRED", _world(technician(1, ("BRAKES", 2, MONDAY)), of=SKILLED), {}, "09:00", "SKILL"),
    ("NO_BAY", _world(technician(1), of=work(bay_type="LIFT")), {}, "09:00", "RESOURCE"),
    (
        "BAY_BUSY",
        _world(technician(1), bay(2), of=work(bay_type="LIFT"), reserved=[taken(2, *NINE_TO_TEN)]),
        {},
        "09:00",
        "MOVE",
    ),
    ("EQUIPMENT_BUSY", _world(technician(1), of=SCANNED), {}, "09:00", "RESOURCE"),
    (
        "EQUIPMENT_BUSY",
        _world(technician(1), equipment(2), of=SCANNED, reserved=[taken(2, *NINE_TO_TEN)]),
        {},
        "09:00",
        "MOVE",
    ),
    (
        "LOANER_BUSY",
        _world(technician(1), car(2), reserved=[taken(2, "11-23 16:00", "11-23 17:00")]),
        {"transport": "LOANER"},
        "09:00",
        "MOVE",
    ),
    ("VEHICLE_BUSY", _world(technician(1, "SALES"), of=DRIVE), {"kind": "TEST_DRIVE"}, "09:00", "RESOURCE"),
    ("PARTS_NOT_READY", _world(technician(1), parts={"c1": at("11-23 12:00")}), {}, "09:00", "PARTS"),
    (
        "CAP_REACHED",
        _world(technician(1), of=work(per_day=2), used={"c1": {(MONDAY, "WORK:OIL"): 2}}),
        {},
        "09:00",
        "CAP",
    ),
    ("TRANSPORT_LIMIT", _world(technician(1), row=center(rules=(FULL,))), {}, "09:00", "CAP"),
    (
        "NOT_AUTHORISED",
        _world(technician(1), row=center(franchises=OPEL)),
        {"facts": {"brand": "Toyota"}},
        "09:00",
        "FRANCHISE",
    ),
    ("OUTSIDE_HOURS", _world(technician(1, shifts=week(8, 20))), {}, "17:30", "HOURS"),
    ("HOLIDAY", _world(technician(1), row=center(holidays={MONDAY: "Day"})), {}, "09:00", "HOURS"),
    ("CLOSED", _world(technician(1), row=center(hours=Hours(hours(days=[1])))), {}, "09:00", "HOURS"),
]


@pytest.mark.parametrize(("code", "world", "values", "start", "kind"), CASES)
def test_the_change_that_is_told_opens_the_start(
    code: str, world: World, values: dict[str, Any], start: str, kind: str
) -> None:
    reasons = refused(world, f"11-23 {start}", **dict(values))
    assert reasons[0].code == code
    change = next(reason.change for reason in reasons if reason.change is not None)
    assert change.kind == kind
    facts = values.get("facts", {})
    request = asking(**{name: value for name, value in values.items() if name != "facts"})
    opened, request = applied(world, request, change)
    told = option(opened.made(), request, "c1", at(f"11-23 {start}"), NOW, STAFF, facts, parts_ready=opened.parts)
    assert isinstance(told, Option)


@pytest.mark.parametrize(("code", "world", "values", "start", "kind"), CASES)
def test_customers_and_strangers_are_told_another_start_and_nothing_of_people(
    code: str, world: World, values: dict[str, Any], start: str, kind: str
) -> None:
    del code, kind
    for audience in (CUSTOMER, Audience("DEALER", frozenset({"another"}))):
        for reason in refused(world, f"11-23 {start}", audience, **dict(values)):
            assert reason.code not in INNER
            assert reason.change is None or reason.change.kind in ("START", "CENTER", "TECHNICIAN")
            told = msgspec.json.encode(reason).decode()
            assert not any(f'"{one.id}"' in told for one in world.resources)
            assert not any(each.busy.appointment_id in told.split('"') for each in world.reserved)


def test_a_sick_technician_a_busy_one_and_one_off_shift_look_alike_to_customers() -> None:
    one = technician(1)
    worlds = [
        World([center()], [msgspec.structs.replace(one, absences=(away("11-23 08:00", "11-23 17:00"),))], [work()]),
        World([center()], [msgspec.structs.replace(one, shifts=week(8, 17, days=[1, 2, 3, 4]))], [work()]),
        World([center()], [one], [work()], [taken(1, "11-23 08:00", "11-23 17:00")]),
    ]
    told = [closed(world, CUSTOMER, asking()) for world in worlds]
    assert told[0] == told[1] == told[2]
    assert told[0][0].reasons[0].change == Remedy(kind="START", start=at("11-24 08:00"))


def test_those_who_plan_the_centre_are_told_what_would_open_it() -> None:
    world = World([center(account_id="d1")], [technician(1, absences=(away("11-23 08:00", "11-23 17:00"),))], [work()])
    own = closed(world, Audience("DEALER", frozenset({"d1"})), asking())
    assert own == closed(world, STAFF, asking()) == closed(world, SYSTEM, asking())
    change = own[0].reasons[0].change
    assert change is not None
    assert (change.kind, change.resource_id) == ("ABSENCE", "t1")
    opened, request = applied(world, asking(), change)
    assert starts(opened.made(), request)


def test_where_two_things_stand_against_a_start_no_single_change_of_the_calendar_is_told() -> None:
    world = World([center()], [technician(1, absences=(away("11-23 08:00", "11-23 17:00"),))], [work(bay_type="LIFT")])
    reasons = refused(world, "11-23 09:00")
    assert {reason.code for reason in reasons} == {"ABSENT", "NO_BAY"}
    assert all(reason.change is None for reason in reasons)


@pytest.mark.parametrize(
    ("start", "code"),
    [
        ("11-19 09:00", "IN_THE_PAST"),
        ("11-20 12:30", "LEAD_TIME"),
        ("12-14 09:00", "TOO_FAR_AHEAD"),
        ("11-23 09:05", "OFF_GRID"),
    ],
)
def test_starts_at_impossible_times_are_told_as_such(start: str, code: str) -> None:
    world = World([center()], [technician(1)], [work(lead_minutes=60, days_ahead=10)])
    reasons = refused(world, start)
    assert reasons[0].code == code
    change = reasons[0].change
    if code != "TOO_FAR_AHEAD":
        assert change is not None
        _, request = applied(world, asking(), change)
        assert starts(world.made(), request)


def test_a_start_off_the_grid_of_five_minutes_is_refused() -> None:
    world = World([center()], [technician(1)], [work()])
    odd = datetime(2026, 11, 23, 9, 0, 30, tzinfo=UTC)
    told = option(world.made(), asking(), "c1", odd, NOW, CUSTOMER, {})
    assert isinstance(told, Refused)
    assert [reason.code for reason in told.reasons] == ["OFF_GRID"]


def test_work_longer_than_any_shift_says_so() -> None:
    world = World([center(hours=Hours(hours(6, 22)))], [technician(1)], [work(minutes=600)])
    assert refused(world, "11-23 09:00")[0].code == "TOO_LONG_FOR_ANY_SHIFT"
    assert closed(world, CUSTOMER, asking())[0].reasons[0].code == "TOO_LONG_FOR_ANY_SHIFT"


def test_a_named_technician_who_is_taken_is_the_obstacle() -> None:
    world = World([center()], [technician(1), technician(2)], [work()], [taken(1, "11-23 08:00", "11-23 17:00")])
    told = closed(world, CUSTOMER, asking(technician_id="t1"))
    change = told[0].reasons[0].change
    assert change == Remedy(kind="TECHNICIAN")
    _, request = applied(world, asking(technician_id="t1"), change)
    assert starts(world.made(), request)


def test_another_centre_is_told_where_this_one_never_has_time() -> None:
    rows = [center("c1", latitude=52.0, longitude=13.0), center("c2", latitude=52.1, longitude=13.0)]
    world = World(rows, [technician(1, of="c2")], [work()])
    told = closed(world, CUSTOMER, asking())
    assert told[0].reasons[0].change == Remedy(kind="CENTER", center_id="c2", start=at("11-23 08:00"))


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(cases)
def test_in_any_small_world_a_change_that_is_told_opens_a_slot(case: Case) -> None:
    reserved = [Reserved(no, f"r{no}", busy) for no, each in case.busy.items() for busy in each]
    world = World([case.row], case.resources, case.works, reserved, {"c1": case.used})
    told = closed(world, STAFF, case.request, case.now)
    assume(told)
    assert told[0].reasons
    for reason in told[0].reasons:
        change = reason.change
        if change is None or change.kind in ("HOURS", "PARTS", "FRANCHISE"):
            continue
        if change.kind == "SHIFT" and any(one.splittable for one in case.works):
            continue
        opened, request = applied(world, case.request, change)
        assert starts(opened.made(case.now), request, case.now), (reason, case)
