"""The calendar in memory: bits made from rows, states that are never half changed, days that begin."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduling.calendar.patterns import closed_days, public_holidays
from scheduling.calendar.reading import membership
from scheduling.calendar.rows import Busy, CapacityRule, Hours, Member, Resource
from scheduling.calendar.work import in_cells
from scheduling.calendar.world import Calendar, Reserved
from scheduling.hours import DayHours
from tests.scheduling.worlds import (
    MONDAY,
    NOW,
    asking,
    at,
    bay,
    calendar,
    car,
    cell,
    center,
    starts,
    taken,
    technician,
    week,
    work,
)


def _bits(made: Calendar, id: str = "c1") -> bytes:
    return made.world.centers[id].sheet(made.patterns).free.tobytes()


def test_a_booking_makes_another_state_and_leaves_the_old_one_to_its_readers() -> None:
    made = calendar(resources=[technician(1), bay(2)], works=[work(bay_type="LIFT")])
    before, bits = made.world, _bits(made)
    held = [taken(1, "11-23 08:00", "11-23 10:00"), taken(2, "11-23 08:00", "11-23 10:00")]
    made.rebook(["a1"], held, {}, ["c1"], NOW.timestamp())
    assert starts(made)[0] == "11-23 10:00"
    assert made.world is not before
    assert before.centers["c1"].sheet(made.patterns).free.tobytes() == bits
    made.rebook(["a1"], [], {}, ["c1"], NOW.timestamp())
    assert _bits(made) == bits
    assert made.world.centers["c1"].busy.get(1, ()) == ()


def test_what_searches_have_prepared_outlives_a_booking() -> None:
    made = calendar(resources=[technician(1)])
    starts(made)
    prepared = made.world.centers["c1"].sheet(made.patterns).prepared
    assert prepared
    made.rebook(["a1"], [taken(1, "11-23 08:00", "11-23 10:00")], {}, ["c1"], NOW.timestamp())
    assert made.world.centers["c1"].sheet(made.patterns).prepared is prepared


def test_a_hold_past_its_time_blocks_nobody() -> None:
    until = NOW + timedelta(minutes=10)
    made = calendar(resources=[technician(1)])
    held = [taken(1, "11-23 08:00", "11-23 17:00", held_until=until.timestamp())]
    made.rebook(["a1"], held, {}, ["c1"], NOW.timestamp())
    assert starts(made) == []
    assert made.expired(NOW.timestamp()) == []
    assert made.expired(until.timestamp()) == ["a1"]
    made.rebook(["a1"], held, {}, ["c1"], until.timestamp())
    assert len(starts(made)) == 17
    assert made.expired(until.timestamp()) == []


def test_a_hold_that_had_ended_when_the_calendar_was_loaded_counts_for_nothing() -> None:
    late = taken(1, "11-23 08:00", "11-23 17:00", held_until=NOW.timestamp())
    assert len(starts(calendar(resources=[technician(1)], reserved=[late]))) == 17


def test_somebody_lent_is_booked_at_both_centres_at_once() -> None:
    lent = technician(1, members=(Member("c1"), Member("c2", secondary=True)))
    made = calendar([center("c1"), center("c2")], [lent])
    made.rebook(["a1"], [taken(1, "11-23 08:00", "11-23 17:00")], {}, ["c2"], NOW.timestamp())
    assert starts(made) == starts(made, asking(center_ids=["c2"])) == []


def test_a_new_day_moves_the_stretch_of_bits_and_changes_no_answer() -> None:
    made = calendar(resources=[technician(1)], reserved=[taken(1, "11-23 08:00", "11-23 12:00")])
    first = starts(made)
    stretch = made.patterns
    made.turn(date(2026, 11, 21))
    assert made.patterns.first == stretch.first + 288
    assert starts(made, now=datetime(2026, 11, 21, tzinfo=UTC)) == first


def test_resources_and_centres_come_and_go() -> None:
    made = calendar(resources=[technician(1)], reserved=[taken(1, "11-23 08:00", "11-23 12:00")])
    made.reshape([center("c2")], [], [technician(2, of="c2"), car(3, of="c2")], ["t2", "v3"])
    assert len(starts(made, asking(center_ids=["c2"]))) == 17
    made.reshape([], [], [technician(1, of="c2")], ["t1"])
    assert starts(made) == []
    assert made.world.centers["c2"].busy == {1: (Busy(cell("11-23 08:00"), cell("11-23 12:00"), "a1"),)}
    made.reshape([], [], [], ["t1", "t2"])
    assert starts(made, asking(center_ids=["c2"])) == []
    assert list(made.world.outside) == [1]
    made.reshape([], ["c2"], [], [])
    assert list(made.world.centers) == ["c1"]


def test_a_centre_moves_on_the_map() -> None:
    made = calendar([center("c1", latitude=50.0, longitude=10.0), center("c2", latitude=51.0, longitude=10.0)])
    assert made.world.nearest(50.0, 10.0, 1) == ["c1"]
    made.reshape([center("c1", latitude=60.0, longitude=10.0)], [], [], [])
    assert made.world.nearest(50.0, 10.0, 2) == ["c2", "c1"]


def test_public_holidays_close_a_centre_unless_its_hours_say_otherwise() -> None:
    row = center(country="DE", subdivision="BW", holidays={date(2026, 12, 28): "Inventory"})
    found = closed_days(row, date(2026, 12, 24), date(2027, 1, 6))
    assert list(found) == [
        date(2026, 12, 28),
        date(2026, 12, 25),
        date(2026, 12, 26),
        date(2027, 1, 1),
        date(2027, 1, 6),
    ]
    window = asking(earliest=at("12-25 00:00"), latest=at("12-26 00:00"))
    assert starts(calendar([row], [technician(1)]), window) == []
    open_row = center(country="DE", hours=Hours(row.hours.weekly, {date(2026, 12, 25): ((600, 720),)}))
    assert starts(calendar([open_row], [technician(1)]), window) == ["12-25 10:00", "12-25 10:30", "12-25 11:00"]
    assert public_holidays("ZZ", None, 2026) == {}


def test_night_shifts_run_into_the_next_day() -> None:
    night = tuple(DayHours(day, 22 * 60, 6 * 60) for day in range(7))
    who = technician(1, shifts=week(0, 0, days=[]))
    made = calendar([center(hours=Hours(night))], [Resource(**{**_told(who), "shifts": None})])
    assert starts(made, asking(latest=at("11-23 07:00")))[-1] == "11-23 05:00"


def _told(one: Resource) -> dict[str, object]:
    return {name: getattr(one, name) for name in one.__struct_fields__}


def test_a_primary_membership_elsewhere_interrupts_the_one_at_home() -> None:
    away = [["c2", "PRIMARY", date(2026, 3, 1), date(2026, 3, 31)], ["c3", "SECONDARY", date(2026, 5, 1), None]]
    assert membership("c1", away) == (
        Member("c1", None, date(2026, 2, 28)),
        Member("c1", date(2026, 4, 1), None),
        Member("c2", date(2026, 3, 1), date(2026, 3, 31)),
        Member("c3", date(2026, 5, 1), None, secondary=True),
    )
    assert membership("c1", [["c2", "PRIMARY", date(2026, 3, 1), None]]) == (
        Member("c1", None, date(2026, 2, 28)),
        Member("c2", date(2026, 3, 1), None),
    )


def test_minutes_are_rounded_up_to_cells() -> None:
    assert [in_cells(minutes) for minutes in (0, 1, 5, 7, 60)] == [0, 1, 1, 2, 12]


def test_rules_of_capacity_reach_whoever_asks_next() -> None:
    made = calendar(resources=[technician(1)], used={"c1": {(MONDAY, "MINUTES"): 300}})
    assert len(starts(made)) == 17
    made.reshape([center(rules=(CapacityRule(kind="HOURS_BY_TEAM", minutes=300),), version=2)], [], [], [])
    assert starts(made) == []


_SPANS = st.lists(st.tuples(st.integers(0, 40), st.integers(1, 6), st.integers(0, 5), st.integers(1, 3)), max_size=12)


@settings(max_examples=60, deadline=None)
@given(_SPANS)
def test_after_any_bookings_and_releases_the_bits_are_those_of_a_fresh_calendar(spans: list[tuple[int, ...]]) -> None:
    resources = [technician(1), technician(2, members=(Member("c1"), Member("c2"))), bay(3)]
    rows = [center("c1"), center("c2")]
    made = calendar(rows, resources)
    for each in rows:
        made.world.centers[each.id].sheet(made.patterns)
    held: dict[str, list[Reserved]] = {}
    for begin, length, appointment, no in spans:
        id, first = f"a{appointment}", cell("11-23 08:00") + begin
        other = [one for key, kept in held.items() if key != id for one in kept]
        free = all(one.no != no or one.busy.to_cell <= first or first + length <= one.busy.from_cell for one in other)
        held[id] = [Reserved(no, f"r{no}", Busy(first, first + length, id))] if free else []
        made.rebook([id], held[id], {}, [], NOW.timestamp())
    fresh = calendar(rows, resources, reserved=[one for kept in held.values() for one in kept])
    for each in rows:
        ours, theirs = made.world.centers[each.id], fresh.world.centers[each.id]
        assert np.array_equal(ours.sheet(made.patterns).free, theirs.sheet(fresh.patterns).free)
        assert {no: busy for no, busy in ours.busy.items() if busy} == dict(theirs.busy)
