"""Slots are exactly those that brute force finds, and each rule on its own does what it says."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.kit.errors import Invalid
from scheduling.asking import STAFF, Counter, NearCenters, Option, SlotRequest
from scheduling.calendar.rows import (
    Absence,
    Busy,
    CapacityRule,
    CenterRow,
    Extra,
    Hours,
    Member,
    Resource,
    Shifts,
    Weekly,
    WorkType,
)
from scheduling.calendar.world import Calendar, Reserved
from scheduling.hours import DayHours, cell_of
from scheduling.options import alternatives, option
from scheduling.question import question
from scheduling.search import Found, centers_of, slot, slots
from tests.scheduling import calendar_twin
from tests.scheduling.worlds import (
    MONDAY,
    NOW,
    asking,
    at,
    away,
    bay,
    calendar,
    car,
    cell,
    center,
    equipment,
    starts,
    taken,
    technician,
    week,
    work,
)

DAY = 288
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"]
FIRST = cell_of(datetime(2026, 10, 24, tzinfo=UTC))
"""Around it the clock is set back in Europe."""


@st.composite
def _hours(draw: st.DrawFn) -> tuple[DayHours, ...]:
    spans = draw(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 23), st.integers(0, 24)), min_size=3, max_size=9))
    return tuple(DayHours(day, start * 60, end * 60 if end * 60 != start * 60 else 1440) for day, start, end in spans)


_DAYTIME = tuple(DayHours(day, 8 * 60, 18 * 60) for day in range(7))
_SKILLS = st.lists(
    st.tuples(
        st.sampled_from(["BRAKES", "ADVISOR", "SALES"]),
        st.integers(1, 2),
        st.none() | st.none() | st.integers(1, 4).map(lambda d: date(2026, 10, 23) + timedelta(days=d)),
    ),
    min_size=1,
    max_size=3,
).map(tuple)
_SPAN = st.tuples(st.integers(0, 4 * DAY), st.integers(1, 60)).map(lambda span: (FIRST + span[0], FIRST + sum(span)))


_NEEDED: list[tuple[str, Any]] = [
    ("TECHNICIAN", (("BRAKES", 2, None), ("SALES", 1, None))),
    ("TECHNICIAN", (("ADVISOR", 1, None), ("BRAKES", 1, date(2026, 10, 26)))),
    ("BAY", "A"),
    ("BAY", "B"),
    ("EQUIPMENT", "A"),
    ("VEHICLE", "LOANER"),
    ("VEHICLE", "DEMO_VEHICLE"),
]


@st.composite
def _resources(draw: st.DrawFn) -> list[Resource]:
    """Mostly what any work needs once, and some more."""
    found: list[Resource] = []
    needed = [one for one in _NEEDED if draw(st.integers(0, 9))]
    for kind in draw(st.lists(st.sampled_from(["TECHNICIAN", "BAY", "VEHICLE"]), max_size=2)):
        more = {"TECHNICIAN": _SKILLS, "BAY": st.sampled_from(["A", "B"]), "VEHICLE": st.just("LOANER")}[kind]
        needed.append((kind, draw(more)))
    for no, (kind, of) in enumerate(draw(st.permutations(needed)), 1):
        absences = tuple(Absence(*span, "x") for span in draw(st.lists(_SPAN, max_size=1)))
        from_on = draw(st.sampled_from([None, None, None, date(2026, 10, 25)]))
        values: dict[str, Any] = {"members": (Member("c1", from_on),), "absences": absences}
        if kind == "TECHNICIAN":
            values["skills"] = of
            values["zone"] = draw(st.sampled_from([None, None, "Europe/Berlin"]))
            breaks = (Weekly(tuple(DayHours(day, 12 * 60, 12 * 60 + 30) for day in range(7))),)
            weekly = draw(st.one_of(st.just(_DAYTIME), st.just(_DAYTIME), _hours()))
            once = tuple(draw(st.lists(_SPAN, max_size=1)))
            values["shifts"] = Shifts((Weekly(weekly),), breaks if draw(st.booleans()) else (), once)
        else:
            values["type"] = of
        found.append(Resource(no=no, id=f"r{no}", kind=kind, **values))  # type: ignore[arg-type]
    return found


@st.composite
def _works(draw: st.DrawFn, kind: str) -> list[WorkType]:
    found = []
    splittable = draw(st.booleans())
    for i in range(draw(st.sampled_from([1, 1, 2]))):
        extras = draw(
            st.lists(
                st.builds(
                    Extra,
                    role=st.sampled_from(["TECHNICIAN", "ADVISOR", "EQUIPMENT"]),
                    type=st.none(),
                    at_arrival=st.booleans(),
                    minutes=st.sampled_from([5, 15, 30]),
                ),
                max_size=1,
            )
        )
        found.append(
            WorkType(
                id=f"w{i}",
                code=f"W{i}",
                kind=kind,
                minutes=draw(st.sampled_from([5, 30, 30, 60, 95, 240])),
                before_minutes=draw(st.sampled_from([0, 0, 10])),
                after_minutes=draw(st.sampled_from([0, 0, 15])),
                skills=draw(st.sampled_from([(), (), (), (("BRAKES", 1),), (("BRAKES", 2),)])),
                bay_type=draw(st.sampled_from([None, None, "A", "B"])),
                extras=tuple(extras),
                splittable=splittable,
                lead_minutes=draw(st.sampled_from([0, 0, 0, 60, 600])),
                days_ahead=draw(st.sampled_from([None, None, 1, 30])),
                per_day=draw(st.sampled_from([None, None, 2])),
                per_slot=draw(st.sampled_from([None, None, 1])),
            )
        )
    return found


class Case:
    """A small world and what is asked of it."""

    def __init__(self, draw: Any) -> None:
        zone = draw(st.sampled_from(ZONES))
        kind = draw(st.sampled_from(["SERVICE", "SERVICE", "SERVICE", "TEST_DRIVE"]))
        self.resources: list[Resource] = draw(_resources())
        weekly = draw(st.one_of(st.just(_DAYTIME), st.just(_DAYTIME), _hours()))
        overrides = draw(st.sampled_from([{}, {}, {date(2026, 10, 25): ()}, {date(2026, 10, 26): ((600, 900),)}]))
        visiting = draw(st.sampled_from([None, None, Hours(tuple(DayHours(day, 540, 780) for day in range(7)))]))
        rules = draw(
            st.sampled_from(
                [
                    (),
                    (),
                    (CapacityRule(kind="TRANSPORT_LIMIT", transport="LOANER", per_day=1),),
                    (CapacityRule(kind="HOURS_BY_TEAM", minutes=200),),
                ]
            )
        )
        self.row = CenterRow(
            id="c1",
            zone=zone,
            version=1,
            interval_minutes=draw(st.sampled_from([15, 30, 60])),
            hours=Hours(weekly, overrides),
            visiting=visiting,
            holidays=draw(st.sampled_from([{}, {}, {date(2026, 10, 26): "Day"}])),
            rules=rules,
        )
        self.works: list[WorkType] = draw(_works(kind))
        self.busy: dict[int, list[Busy]] = {}
        for i, span in enumerate(draw(st.lists(_SPAN, max_size=3)) if self.resources else ()):
            no = draw(st.integers(1, len(self.resources)))
            if all(span[1] <= one.from_cell or one.to_cell <= span[0] for one in self.busy.get(no, ())):
                self.busy.setdefault(no, []).append(Busy(*span, f"a{i}"))
        self.used: dict[tuple[date, str], int] = {
            (date(2026, 10, 25), counter): count
            for counter, count in (("WORK:W0", 2), ("TRANSPORT:LOANER", 1), ("MINUTES", 150))
            if draw(st.booleans())
        }
        begin = FIRST + draw(st.integers(0, 2)) * DAY + draw(st.integers(0, 120))
        self.now = datetime.fromtimestamp((begin - draw(st.integers(-20, DAY))) * 300, UTC)
        people = [one.id for one in self.resources if one.kind == "TECHNICIAN"]
        self.request = SlotRequest(
            kind=kind,
            work_types=[one.code for one in self.works],
            center_ids=["c1"],
            earliest=datetime.fromtimestamp(begin * 300, UTC),
            latest=datetime.fromtimestamp((begin + draw(st.integers(60, 250))) * 300, UTC),
            transport=draw(st.sampled_from(["WAIT", "WAIT", "DROP_OFF", "LOANER"])) if kind == "SERVICE" else "WAIT",
            technician_id=draw(st.sampled_from(people)) if people and draw(st.integers(0, 6)) == 6 else None,
        )

    def calendar(self) -> Calendar:
        """The world as the schedule has it."""
        made = Calendar(self.now.date())
        reserved = [Reserved(no, f"r{no}", busy) for no, each in self.busy.items() for busy in each]
        made.load([self.row], self.resources, reserved, {"c1": self.used}, self.works, 1, self.now.timestamp())
        return made

    def expected(self) -> list[tuple[int, int]]:
        """The slots by brute force."""
        place = calendar_twin.Place(self.row, self.resources, self.busy, self.used)
        return calendar_twin.slots(place, self.works, self.request, -int(-self.now.timestamp() // 300))

    def __repr__(self) -> str:
        return f"{self.row}\n{self.resources}\n{self.works}\n{self.busy}\n{self.used}\n{self.request}\n{self.now}"


cases = st.composite(lambda draw: Case(draw))()


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(cases)
def test_the_slot_set_of_a_small_world_equals_brute_force(case: Case) -> None:
    made = case.calendar()
    asked = question(made, case.request, {}, case.now)
    found = Found(asked, centers_of(asked.world, case.request))
    told = [(start, place.end(start)) for start, place in found.page(10_000)]
    assert told == case.expected()
    assert sum(found.counts()) == len(told)
    page = found.page(200)
    assert slots(page) == [slot(start, place) for start, place in page]
    for start, end in told[:3]:
        start_at = datetime.fromtimestamp(start * 300, UTC)
        got = option(made, case.request, "c1", start_at, case.now, STAFF, {})
        assert isinstance(got, Option)
        assert cell_of(got.end) == end
        assert all(leg.candidates and leg.from_cell < leg.to_cell for leg in got.legs)


def test_the_first_rule_that_holds_for_the_car_says_how_long_it_takes() -> None:
    rules = (("fuel_type == 'Diesel' && model_year < 2000", 180), ("fuel_type == 'Diesel'", 120))
    made = calendar(resources=[technician(1)], works=[work(durations=rules)])
    assert starts(made)[-1] == "11-23 16:00"
    assert starts(made, facts={"fuel_type": "Diesel"})[-1] == "11-23 15:00"
    assert starts(made, facts={"fuel_type": "Diesel", "model_year": 1990})[-1] == "11-23 14:00"


def test_jobs_follow_each_other_with_the_first_block_before_and_the_last_after() -> None:
    works = [work("A", minutes=60, before_minutes=30, after_minutes=60), work("B", minutes=30, after_minutes=30)]
    made = calendar(resources=[technician(1)], works=works)
    request = asking(work_types=["A", "B"])
    assert starts(made, request) == [
        f"11-23 {minute // 60:02}:{minute % 60:02}" for minute in range(8 * 60 + 30, 15 * 60 + 1, 30)
    ]
    got = option(made, request, "c1", at("11-23 08:30"), NOW, STAFF, {})
    assert isinstance(got, Option)
    assert (got.blocked_from, got.end, got.blocked_to) == (at("11-23 08:00"), at("11-23 10:00"), at("11-23 10:30"))


def test_every_resource_needs_its_own_skill_and_level() -> None:
    works = [work(skills=(("BRAKES", 2),), extras=(Extra("TECHNICIAN", skills=(("ELECTRIC", 3),)),))]
    both = [technician(1, ("BRAKES", 2), ("ELECTRIC", 3)), technician(2, ("BRAKES", 1), ("ELECTRIC", 2))]
    assert starts(calendar(resources=both, works=works)) == []
    assert len(starts(calendar(resources=[*both, technician(3, ("ELECTRIC", 3))], works=works))) == 17


def test_what_several_jobs_need_is_one_thing_and_what_one_job_needs_twice_are_two() -> None:
    scan = Extra("EQUIPMENT", type="SCANNER")
    works = [work("A", extras=(scan,)), work("B", extras=(scan, Extra("TECHNICIAN"), Extra("TECHNICIAN")))]
    people = [technician(i) for i in (1, 2, 3)]
    request = asking(work_types=["A", "B"])
    made = calendar(resources=[*people, equipment(4)], works=works)
    got = option(made, request, "c1", at("11-23 08:00"), NOW, STAFF, {})
    assert isinstance(got, Option)
    legs = [(leg.role, leg.job, leg.to_cell - leg.from_cell) for leg in got.legs]
    assert legs == [("TECHNICIAN", None, 24), ("EQUIPMENT", None, 24), ("TECHNICIAN", 1, 12), ("TECHNICIAN", 1, 12)]
    assert starts(calendar(resources=[*people[:2], equipment(4)], works=works), request) == []


def test_a_certification_stops_counting_in_the_clock_of_the_centre() -> None:
    row = center(
        zone="America/New_York", interval_minutes=60, hours=Hours(tuple(DayHours(d, 0, 1440) for d in range(7)))
    )
    shifts = Shifts((Weekly(tuple(DayHours(day, 0, 1440) for day in range(7))),))
    who = technician(1, ("BRAKES", 1, date(2026, 11, 24)), shifts=shifts, zone=None)
    made = calendar([row], [who], [work(skills=(("BRAKES", 1),))])
    found = starts(made, asking(earliest=at("11-23 20:00"), latest=at("11-24 12:00")))
    assert found[-1] == "11-24 04:00"  # its last hour begins at 23:00 there


def test_somebody_lent_is_one_person_at_both_centres() -> None:
    lent = technician(1, members=(Member("c1"), Member("c2", date(2026, 11, 23), date(2026, 11, 23), secondary=True)))
    made = calendar([center("c1"), center("c2")], [lent], reserved=[taken(1, "11-23 08:00", "11-23 16:00")])
    request = asking(center_ids=["c1", "c2"], latest=at("11-25 00:00"))
    asked = question(made, request, {}, NOW)
    page = Found(asked, centers_of(asked.world, request)).page(1000)
    by_center = {id: [start for start, place in page if place.center.id == id] for id in ("c1", "c2")}
    assert by_center["c2"] == [cell("11-23 16:00")]
    assert by_center["c1"][0] == cell("11-23 16:00")
    assert len(by_center["c1"]) == 18


def test_a_loaner_is_held_over_night_and_customers_come_in_the_morning() -> None:
    works = [work(minutes=10 * 60, splittable=True)]
    made = calendar(resources=[technician(1), car(2)], works=works, reserved=[taken(2, "11-24 16:30", "11-24 17:00")])
    assert starts(made, asking(transport="LOANER")) == []
    made = calendar(resources=[technician(1), car(2)], works=works)
    got = option(made, asking(transport="LOANER"), "c1", at("11-23 10:00"), NOW, STAFF, {})
    assert isinstance(got, Option)
    assert (got.arrival_at, got.end, got.promised_at) == (at("11-23 08:00"), at("11-24 11:00"), at("11-24 17:00"))
    loaner = got.legs[-1]
    assert (loaner.role, loaner.from_cell, loaner.to_cell, loaner.candidates) == (
        "LOANER", cell("11-23 08:00"), cell("11-24 17:00"), (2,),
    )  # fmt: skip


def test_nobody_comes_in_the_past() -> None:
    made = calendar(resources=[technician(1), car(2)], now=at("11-23 11:58"))
    got = option(made, asking(transport="LOANER"), "c1", at("11-23 13:00"), at("11-23 11:58"), STAFF, {})
    assert isinstance(got, Option)
    assert got.arrival_at == at("11-23 12:00")


def test_a_walk_in_starts_at_once_and_takes_what_is_kept_for_walk_ins() -> None:
    rule = CapacityRule(kind="WALK_IN_SHARE", percent=100)
    made = calendar([center(rules=(rule,))], [technician(1)], [work(lead_minutes=600)], now=at("11-23 10:07"))
    now, start = at("11-23 10:07"), at("11-23 10:05")
    assert starts(made, now=now) == []
    assert not isinstance(option(made, asking(), "c1", start, now, STAFF, {}), Option)
    got = option(made, asking(), "c1", start, now, STAFF, {}, walk_in=True)
    assert isinstance(got, Option)
    assert [(one.counter, one.amount) for one in got.counters] == [("MINUTES", 60)]


def test_the_share_for_walk_ins_is_released_to_everybody() -> None:
    rule = CapacityRule(kind="WALK_IN_SHARE", percent=50, release_minute=600, release_days=1)
    used = {"c1": {(MONDAY, "MINUTES"): 270}}
    made = calendar([center(rules=(rule,))], [technician(1)], used=used)
    assert starts(made) == []
    assert len(starts(made, now=at("11-22 10:00"))) == 17


def test_hours_sold_are_counted_by_team() -> None:
    rule = CapacityRule(kind="HOURS_BY_TEAM", team="RED", minutes=60)
    people = [technician(1, team="RED"), technician(2, team="BLUE", shifts=week(12, 17))]
    made = calendar([center(rules=(rule,))], people, used={"c1": {(MONDAY, "MINUTES:RED"): 60}})
    assert starts(made)[0] == "11-23 12:00"
    got = option(made, asking(), "c1", at("11-23 12:00"), NOW, STAFF, {})
    assert isinstance(got, Option)
    assert (got.legs[0].candidates, got.counters) == ((2,), ())
    open_again = calendar([center(rules=(rule,))], people)
    got = option(open_again, asking(), "c1", at("11-23 08:00"), NOW, STAFF, {})
    assert isinstance(got, Option)
    assert got.counters == (Counter("MINUTES:RED", MONDAY, 60, 60),)


def _limit(**values: Any) -> CapacityRule:
    return CapacityRule(kind="TRANSPORT_LIMIT", transport="WAIT", per_day=1, **values)


@pytest.mark.parametrize(
    ("rule", "used", "first"),
    [
        (_limit(weekdays=frozenset({0})), "TRANSPORT:WAIT", "24 08:00"),
        (_limit(start=480, end=600), "TRANSPORT:WAIT@480-600", "23 10:00"),
        (CapacityRule(kind="HOURS_BY_TEAM", minutes=0, to_on=MONDAY), "", "24 08:00"),
        (CapacityRule(kind="ARRIVALS_PER_ADVISOR", arrivals=1), f"ARRIVALS:{cell('11-23 08:00')}", "23 08:30"),
    ],
)  # fmt: skip
def test_what_is_sold_out_is_not_offered(rule: CapacityRule, used: str, first: str) -> None:
    made = calendar(
        [center(rules=(rule,))], [technician(1), technician(2, "ADVISOR")], used={"c1": {(MONDAY, used): 1}}
    )
    assert starts(made, asking(latest=at("11-25 00:00")))[0] == f"11-{first}"


def test_a_time_slot_takes_so_many_appointments() -> None:
    hours = Hours((DayHours(0, 480, 720), DayHours(0, 780, 1020)), most={(0, 480): 2})
    made = calendar([center(hours=hours)], [technician(1)], used={"c1": {(MONDAY, "HOURS:480"): 2}})
    assert starts(made)[0] == "11-23 13:00"


def test_a_test_drive_needs_a_salesperson_and_a_demo_vehicle_of_the_model() -> None:
    cars = [car(2, "DEMO_VEHICLE", definition_id="m1"), car(3, "DEMO_VEHICLE", definition_id="m2"), car(4)]
    made = calendar(
        resources=[technician(1, "SALES"), technician(5), *cars],
        works=[work("DRIVE", kind="TEST_DRIVE", minutes=30)],
        reserved=[taken(2, "11-23 08:00", "11-23 17:00")],
    )
    drive = asking(kind="TEST_DRIVE")
    assert len(starts(made, drive)) == 18
    assert starts(made, asking(kind="TEST_DRIVE", definition_id="m1")) == []
    assert len(starts(made, asking(kind="TEST_DRIVE", vehicle_id="v3"))) == 18
    got = option(made, drive, "c1", at("11-23 09:00"), NOW, STAFF, {})
    assert isinstance(got, Option)
    assert [(leg.role, leg.candidates) for leg in got.legs] == [("SALESPERSON", (1,)), ("DEMO_VEHICLE", (3,))]


def test_a_vehicle_of_no_centre_is_driven_where_it_is_free() -> None:
    drive = [work("DRIVE", kind="TEST_DRIVE", minutes=30)]
    made = calendar(resources=[technician(1, "SALES")], works=drive, reserved=[taken(9, "11-23 08:00", "11-23 16:30")])
    assert starts(made, asking(kind="TEST_DRIVE", vehicle_id="r9")) == ["11-23 16:30"]
    got = option(made, asking(kind="TEST_DRIVE", vehicle_id="new"), "c1", at("11-23 09:00"), NOW, STAFF, {})
    assert isinstance(got, Option)
    assert (got.legs[-1].candidates, got.legs[-1].resource_id) == ((), "new")
    moved = option(
        made, asking(kind="TEST_DRIVE", vehicle_id="r9"), "c1", at("11-23 09:00"), NOW, STAFF, {}, moving="a1"
    )
    assert isinstance(moved, Option)


def test_parts_that_are_not_there_keep_work_waiting() -> None:
    made = calendar(resources=[technician(1)])
    assert starts(made, parts_ready={"c1": at("11-23 15:10")}) == ["11-23 15:30", "11-23 16:00"]
    assert starts(made, parts_ready={"c1": None}) == []
    assert len(starts(made, parts_ready={"c2": None})) == 17


def test_a_moved_appointment_does_not_stand_in_its_own_way() -> None:
    made = calendar(resources=[technician(1), bay(2)], reserved=[taken(1, "11-23 08:00", "11-23 17:00", "mine")])
    assert not isinstance(option(made, asking(), "c1", at("11-23 09:00"), NOW, STAFF, {}), Option)
    got = option(made, asking(), "c1", at("11-23 09:00"), NOW, STAFF, {}, moving="mine")
    assert isinstance(got, Option)
    two = [technician(1, team="RED"), technician(2, team="BLUE")]
    rule = CapacityRule(kind="HOURS_BY_TEAM", team="RED", minutes=600)
    held = [taken(2, "11-23 08:00", "11-23 17:00", "mine")]
    same = option(
        calendar([center(rules=(rule,))], two, reserved=held), asking(), "c1", at("11-23 09:00"), NOW, STAFF, {},
        moving="mine",
    )  # fmt: skip
    assert isinstance(same, Option)
    assert same.legs[0].candidates == (2,)
    barred = option(made, asking(), "c1", at("11-23 09:00"), NOW, STAFF, {}, moving="mine", without=frozenset({1}))
    assert not isinstance(barred, Option)


def test_those_with_the_least_to_do_that_day_come_first_and_those_lent_last() -> None:
    people = [technician(1), technician(2), technician(3, members=(Member("c1", secondary=True),))]
    made = calendar(resources=people, reserved=[taken(1, "11-23 12:00", "11-23 16:00")])
    got = option(made, asking(), "c1", at("11-23 09:00"), NOW, STAFF, {})
    assert isinstance(got, Option)
    assert got.legs[0].candidates == (2, 1, 3)


def test_alternatives_are_the_nearest_starts_of_the_centre_then_of_its_neighbours() -> None:
    rows = [center("c1", latitude=52.0, longitude=13.0), center("c2", latitude=52.1, longitude=13.0)]
    near = Shifts((Weekly((DayHours(0, 480, 600),), to_on=MONDAY),))
    people = [technician(1, shifts=near), technician(2, of="c2")]
    made = calendar(rows, people, reserved=[taken(1, "11-23 09:00", "11-23 10:00")])
    found = alternatives(made, asking(), "c1", at("11-23 09:00"), 3, NOW, {})
    assert [(one.center_id, one.start) for one in found] == [
        ("c1", at("11-23 08:00")), ("c2", at("11-23 09:00")), ("c2", at("11-23 08:30")),
    ]  # fmt: skip


def test_the_nearest_centres_are_those_by_great_circle() -> None:
    rows = [center(f"c{i}", latitude=52.0 + i, longitude=13.0) for i in range(5)] + [center("x")]
    made = calendar(rows, [technician(i + 1, of=f"c{i}") for i in range(5)])
    near = NearCenters(latitude=53.9, longitude=13.0, max_centers=2)
    found = centers_of(made.world, asking(center_ids=[], near=near))
    assert [one.id for one in found] == ["c1", "c2"]
    wide = NearCenters(latitude=52.0, longitude=13.0, radius_km=112)
    assert [one.id for one in centers_of(made.world, asking(center_ids=[], near=wide))] == ["c0", "c1"]


def test_windows_beyond_the_bits_that_are_kept_are_made_by_the_same_rules() -> None:
    made = calendar(
        resources=[technician(1)], works=[work(days_ahead=400)], reserved=[taken(1, "11-23 08:00", "11-23 12:00")]
    )
    later = asking(earliest=datetime(2027, 6, 7, tzinfo=UTC), latest=datetime(2027, 6, 8, tzinfo=UTC))
    assert len(starts(made, later)) == 17
    both = asking(latest=datetime(2027, 6, 8, tzinfo=UTC))
    assert starts(made, both)[0] == "11-23 12:00"
    assert starts(made, both)[: len(starts(made))] == starts(made)


def test_work_longer_than_any_shift_is_offered_nowhere_unless_it_may_be_split() -> None:
    assert starts(calendar(resources=[technician(1)], works=[work(minutes=600)])) == []
    assert len(starts(calendar(resources=[technician(1)], works=[work(minutes=600, splittable=True)]))) == 18


def test_work_that_pauses_skips_breaks_closing_and_holidays_and_stops_where_somebody_is_taken() -> None:
    lunch = tuple(DayHours(day, 720, 780) for day in range(5))
    row = center(holidays={date(2026, 11, 24): "Day off"})
    works = [work(minutes=9 * 60, splittable=True, bay_type="LIFT")]
    made = calendar([row], [technician(1, shifts=week(8, 17, breaks=lunch)), bay(2)], works)
    got = option(made, asking(), "c1", at("11-23 08:00"), NOW, STAFF, {})
    assert isinstance(got, Option)
    assert got.end == at("11-25 09:00")
    held = {leg.role: (leg.from_cell, leg.to_cell) for leg in got.legs}
    assert held["BAY"] == held["TECHNICIAN"] == (cell("11-23 08:00"), cell("11-25 09:00"))
    busy = calendar([row], [technician(1, absences=(away("11-25 08:00", "11-25 08:30"),)), bay(2)], works)
    assert "11-23 08:30" not in starts(busy)


def test_unknown_names_are_told_by_field() -> None:
    made = calendar(resources=[technician(1), equipment(2)])
    for values, pointer in (
        ({"technician_id": "e2"}, "/technician_id"),
        ({"work_types": ["OIL", "NONE"]}, "/work_types/1"),
        ({"latest": at("11-22 00:00")}, "/latest"),
    ):
        with pytest.raises(Invalid) as fault:
            starts(made, asking(**values))
        assert fault.value.errors[0].pointer == pointer
