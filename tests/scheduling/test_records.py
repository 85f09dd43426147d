"""Centres, resources, shifts and work types: whose they are, what they refuse, and what changes of them raise."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.kit.db import Database
from domain.kit.errors import AlreadyExists, Forbidden, Invalid, NotFound
from domain.kit.policy import GUEST, Principal
from domain.kit.store import Context
from inventory.records import Product, StockEntry, Vehicle
from scheduling.records import (
    Absence,
    Bay,
    CapacityRule,
    DateOverride,
    DemoVehicle,
    Equipment,
    Holiday,
    LoanerVehicle,
    OperatingHours,
    ServiceCenter,
    Shift,
    Skill,
    Technician,
    TerritoryMember,
    TimeSlot,
    WeeklyShift,
    WorkType,
    WorkTypeGroup,
)
from service.ops.database import Addresses
from tests.scheduling.centers import SYNC, WEEK, Dealer, ask_to_make, change, dealer, make, remove, seen, version

pytestmark = pytest.mark.postgres_versions
EVERY_CENTER = "00000000-0000-0000-0000-000000000000"
MONDAY = datetime(2026, 6, 1, 6, tzinfo=UTC)
CUSTOMER = Principal("CUSTOMER", user_id="00000000-0000-7000-8000-000000000001")


@pytest.fixture(scope="module")
async def pools(database: Addresses) -> AsyncIterator[Database]:
    found = Database(database.service, most=4)
    yield found
    await found.close()


async def refused(pools: Database, principal: Principal, kind: Any, body: dict[str, Any]) -> list[tuple[str, str]]:
    with pytest.raises(Invalid) as fault:
        await ask_to_make(pools, principal, kind, body)
    return [(error.pointer, error.detail) for error in fault.value.errors]


def hours(start: int, end: int) -> dict[str, datetime]:
    return {"start": MONDAY + timedelta(hours=start), "end": MONDAY + timedelta(hours=end)}


async def test_a_centre_belongs_to_the_dealer_of_its_location(pools: Database) -> None:
    theirs = await dealer(pools)
    assert theirs.center.account_id == theirs.account.id
    assert theirs.technician.account_id == theirs.account.id
    assert (theirs.center.start_interval_minutes, theirs.center.waitlist_offer_minutes) == (15, 15)


async def test_customers_know_where_when_and_by_whom_work_is_done_and_guests_nothing(pools: Database) -> None:
    theirs = await dealer(pools)
    skills = [Skill("BRAKES", 3, date(2027, 1, 1))]
    ada = await make(pools, Technician, name="Ada", center_id=theirs.center.id, team="A", skills=skills)
    assert (await seen(pools, CUSTOMER, theirs.center))["code"] == theirs.center.code
    assert (await seen(pools, CUSTOMER, theirs.hours))["time_slots"][0]["start"] == "08:00"
    for one in (theirs.center, theirs.hours, ada):
        with pytest.raises(NotFound):
            await seen(pools, GUEST, one)
    shown = await seen(pools, CUSTOMER, ada)
    assert shown.keys() == {"id", "version", "created_at", "updated_at", "name", "center_id", "is_active"}
    rival = (await dealer(pools)).planner()
    assert (await seen(pools, rival, ada)).keys() == shown.keys()
    assert (await seen(pools, theirs.planner("SERVICE_ADVISOR"), ada))["skills"][0]["skill"] == "BRAKES"


async def test_shifts_and_absences_are_the_dealers_own_and_why_somebody_is_away_the_planners(pools: Database) -> None:
    theirs = await dealer(pools)
    shift = await make(pools, Shift, technician_id=theirs.technician.id, **hours(0, 8))
    away = await make(pools, Absence, resource_id=theirs.technician.id, reason_code="SICK", **hours(24, 48))
    assert away.center_id == theirs.center.id
    rival = (await dealer(pools)).planner()
    for one in (shift, away):
        for stranger in (rival, CUSTOMER, GUEST):
            with pytest.raises(NotFound):
                await seen(pools, stranger, one)
    assert "reason_code" not in await seen(pools, theirs.planner("SERVICE_ADVISOR"), away)
    assert (await seen(pools, theirs.planner(), away))["reason_code"] == "SICK"


async def test_planners_write_at_their_own_dealer_alone(pools: Database) -> None:
    theirs, other = await dealer(pools), await dealer(pools)
    mine = theirs.planner()
    made = await ask_to_make(pools, mine, Bay, {"name": "1", "center_id": theirs.center.id, "bay_type": "LIFT"})
    assert made.account_id == theirs.account.id
    with pytest.raises(Forbidden):
        await ask_to_make(pools, mine, Bay, {"name": "1", "center_id": other.center.id, "bay_type": "LIFT"})
    body = {"name": "1", "center_id": theirs.center.id, "bay_type": "LIFT"}
    with pytest.raises(Forbidden):
        await ask_to_make(pools, theirs.planner("SERVICE_ADVISOR"), Bay, body)
    body = {"resource_id": other.technician.id, "start": "2026-06-01T08:00:00Z", "end": "2026-06-01T09:00:00Z"}
    with pytest.raises(Forbidden):
        await ask_to_make(pools, mine, Absence, body)


async def test_a_role_at_one_branch_plans_nothing_at_another(pools: Database) -> None:
    here, there = await dealer(pools), await dealer(pools)
    both = (here.account.id, there.account.id)
    roles = {here.account.id: frozenset({"SERVICE_MANAGER"}), there.account.id: frozenset({"SALES"})}
    held = frozenset({"SERVICE_MANAGER", "SALES"})
    planner = Principal("PARTNER", user_id=here.account.id, units=both, group_units=both, roles=held, roles_at=roles)
    for center, allowed in ((here.center, True), (there.center, False)):
        body = {"name": "1", "center_id": center.id, "bay_type": "LIFT"}
        if allowed:
            await ask_to_make(pools, planner, Bay, body)
        else:
            with pytest.raises(Forbidden):
                await ask_to_make(pools, planner, Bay, body)


@pytest.mark.parametrize(
    ("kind", "body", "pointer"),
    [
        (OperatingHours, {"time_slots": [{"day_of_week": "MONDAY", "start": "24:00", "end": "08:00"}]}, None),
        (OperatingHours, {"time_slots": [{"day_of_week": "MONDAY", "start": "08:03", "end": "17:00"}]}, None),
        (
            OperatingHours,
            {
                "time_slots": [
                    {"day_of_week": "SUNDAY", "start": "22:00", "end": "02:00"},
                    {"day_of_week": "MONDAY", "start": "01:55", "end": "09:00"},
                ]
            },
            "/time_slots/1",
        ),
    ],
)
async def test_hours_are_times_of_day_that_do_not_overlap(
    pools: Database, kind: Any, body: dict[str, Any], pointer: str | None
) -> None:
    planner = (await dealer(pools)).planner()
    if pointer is None:
        with pytest.raises(msgspec.ValidationError, match=r"time_slots\[0\]"):
            await ask_to_make(pools, planner, kind, {"name": "Hours", **body})
    else:
        assert [at for at, _ in await refused(pools, planner, kind, {"name": "Hours", **body})] == [pointer]


async def test_an_override_is_of_its_weekday_and_either_closed_or_open(pools: Database) -> None:
    theirs = await dealer(pools)
    told = {"operating_hours_id": theirs.hours.id, "on": "2026-06-01"}
    slot = {"day_of_week": "TUESDAY", "start": "08:00", "end": "12:00"}
    assert await refused(pools, theirs.planner(), DateOverride, {**told, "time_slots": [slot]}) == [
        ("/time_slots/0/day_of_week", "is not the date's, which is MONDAY")
    ]
    assert [at for at, _ in await refused(pools, theirs.planner(), DateOverride, told)] == ["/time_slots"]
    made = await ask_to_make(pools, theirs.planner(), DateOverride, {**told, "closed": True})
    assert made.account_id == theirs.account.id


async def test_a_centres_country_has_known_holidays(pools: Database) -> None:
    theirs = await dealer(pools, holiday_country="DE", holiday_subdivision="BE")
    with pytest.raises(Invalid) as fault:
        await change(pools, theirs.center, holiday_subdivision="XX")
    assert fault.value.errors[0].pointer == "/holiday_subdivision"
    with pytest.raises(Invalid) as fault:
        await dealer(pools, holiday_country="ZZ")
    assert fault.value.errors[0].pointer == "/holiday_country"


async def test_a_shift_is_single_or_weekly_on_the_grid_and_its_end_after_its_start(pools: Database) -> None:
    theirs = await dealer(pools)
    planner, told = theirs.planner(), {"technician_id": theirs.technician.id}
    weekly = {"day_of_week": "MONDAY", "start": "08:00", "end": "17:00"}
    single = {"start": "2026-06-01T08:00:00Z", "end": "2026-06-01T17:00:00Z"}
    assert [at for at, _ in await refused(pools, planner, Shift, told)] == ["/start"]
    assert [at for at, _ in await refused(pools, planner, Shift, {**told, **single, "weekly": weekly})] == ["/start"]
    assert await refused(pools, planner, Shift, {**told, "start": single["start"]}) == [
        ("/end", "is given with start, and without it is not")
    ]
    assert await refused(pools, planner, Shift, {**told, **single, "end": single["start"]}) == [
        ("/end", "is not after the start")
    ]
    assert await refused(pools, planner, Shift, {**told, **single, "end": "2026-06-03T08:00:00Z"}) == [
        ("/end", "lies more than 24 hours after the start")
    ]
    assert await refused(pools, planner, Shift, {**told, **single, "start": "2026-06-01T08:02:00Z"}) == [
        ("/start", "lies off the grid of 5 minutes")
    ]
    assert await refused(
        pools, planner, Shift, {**told, "weekly": {**weekly, "from": "2026-06-02", "to": "2026-06-01"}}
    ) == [("/weekly", "ends before the day from which it is worked")]


async def test_breaks_lie_inside_their_shift_and_are_kept_as_the_centres_wall_clock(pools: Database) -> None:
    theirs = await dealer(pools)
    planner, told = theirs.planner(), {"technician_id": theirs.technician.id}
    night = {**told, "weekly": {"day_of_week": "MONDAY", "start": "20:00", "end": "04:00"}}
    saturday = {**told, "weekly": {"day_of_week": "SATURDAY", "start": "20:00", "end": "04:00"}}
    late = [{"start": "23:45", "end": "00:15"}, {"start": "03:00", "end": "03:30"}]
    assert (await ask_to_make(pools, planner, Shift, {**night, "breaks": late})).breaks == late
    wrong = [{"start": "03:45", "end": "04:15"}]
    assert await refused(pools, planner, Shift, {**saturday, "breaks": wrong}) == [
        ("/breaks", "the one from 03:45 lies outside the shift")
    ]
    instants = [{"start": "2026-06-06T20:00:00Z", "end": "2026-06-06T20:30:00Z"}]
    assert await refused(pools, planner, Shift, {**saturday, "breaks": instants}) == [
        ("/breaks", "of weekly shifts are times of day")
    ]
    single = {**told, "start": "2026-06-03T06:00:00Z", "end": "2026-06-03T14:00:00Z"}
    pause = [{"start": "2026-06-03T10:00:00Z", "end": "2026-06-03T12:30:00+02:00"}]
    made = await ask_to_make(pools, planner, Shift, {**single, "breaks": pause})
    assert made.breaks == [{"start": "12:00", "end": "12:30"}]
    assert await refused(
        pools,
        planner,
        Shift,
        {
            **single,
            "start": "2026-06-04T06:00:00Z",
            "end": "2026-06-04T14:00:00Z",
            "breaks": [*pause, {"start": "06:00", "end": "06:30"}],
        },
    ) == [("/breaks", "the one from 06:00 lies outside the shift")]


async def test_shifts_of_one_technician_that_overlap_are_refused(pools: Database) -> None:
    theirs = await dealer(pools)
    planner, told = theirs.planner(), {"technician_id": theirs.technician.id}
    await ask_to_make(pools, planner, Shift, {**told, "start": "2026-06-01T06:00:00Z", "end": "2026-06-01T14:00:00Z"})
    again = {**told, "start": "2026-06-01T13:55:00Z", "end": "2026-06-01T15:00:00Z"}
    assert await refused(pools, planner, Shift, again) == [("/start", "overlaps another shift of the technician")]
    on_mondays = {**told, "weekly": {"day_of_week": "MONDAY", "start": "09:00", "end": "17:00"}}
    assert await refused(pools, planner, Shift, on_mondays) == [("/weekly", "overlaps another shift of the technician")]
    on_mondays["weekly"]["from"] = "2026-06-02"
    made = await ask_to_make(pools, planner, Shift, on_mondays)
    other = await make(pools, Technician, name="Bob", center_id=theirs.center.id)
    await make(pools, Shift, technician_id=other.id, **hours(0, 8))
    async with pools.acting(SYNC) as connection:
        ctx = Context(connection, SYNC)
        from_the_day = await ctx.get(Shift, made.id)
        with pytest.raises(Invalid):
            await ctx.update(from_the_day, weekly=WeeklyShift("MONDAY", "09:00", "17:00"))


FIRST = date(2026, 6, 1)
times = st.sampled_from(["00:00", "02:00", "06:00", "12:00", "18:00", "22:00"])
days = st.one_of(st.none(), st.integers(0, 16).map(lambda n: FIRST + timedelta(days=n)))


@st.composite
def any_shift(draw: st.DrawFn) -> dict[str, Any]:
    if draw(st.booleans()):
        begin = datetime(2026, 6, 1, tzinfo=UTC) + timedelta(hours=2 * draw(st.integers(0, 12 * 14)))
        return {"start": begin, "end": begin + timedelta(hours=2 * draw(st.integers(1, 12)))}
    first, last = draw(days), draw(days)
    if first and last and last < first:
        first, last = last, first
    return {"weekly": WeeklyShift(draw(st.sampled_from(WEEK)), draw(times), draw(times), first, last)}


def worked(shift: dict[str, Any]) -> set[int]:
    """The hours from 1 June 2026 on in which somebody in the zone UTC works, for some weeks."""
    zero = datetime(2026, 6, 1, tzinfo=UTC)
    weekly = shift.get("weekly")
    if weekly is None:
        begin, end = ((shift[name] - zero) // timedelta(hours=1) for name in ("start", "end"))
        return set(range(begin, end))
    begin, end = int(weekly.start[:2]), int(weekly.end[:2])
    found: set[int] = set()
    for day in range(-14, 42):
        on = FIRST + timedelta(days=day)
        within = (weekly.from_on is None or on >= weekly.from_on) and (weekly.to_on is None or on <= weekly.to_on)
        if within and WEEK[on.weekday()] == weekly.day_of_week:
            found |= {24 * day + hour for hour in range(begin, end if end > begin else end + 24)}
    return found


@pytest.fixture(scope="module")
async def in_utc(pools: Database) -> Dealer:
    return await dealer(pools, "UTC")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(any_shift(), any_shift())
async def test_two_shifts_are_refused_exactly_where_an_hour_belongs_to_both(
    pools: Database, in_utc: Dealer, a: dict[str, Any], b: dict[str, Any]
) -> None:
    somebody = await make(pools, Technician, name="Eve", center_id=in_utc.center.id)
    await make(pools, Shift, technician_id=somebody.id, **a)
    try:
        await make(pools, Shift, technician_id=somebody.id, **b)
        refused = False
    except Invalid:
        refused = True
    assert refused == bool(worked(a) & worked(b))


async def test_resources_are_numbered_and_a_vehicle_by_itself(pools: Database) -> None:
    theirs = await dealer(pools)
    car = await make(pools, Vehicle, make="VW", model="Golf", condition="USED")
    bay = await make(pools, Bay, name="1", center_id=theirs.center.id, bay_type="LIFT")
    lift = await make(pools, Equipment, name="Scope", center_id=theirs.center.id)
    loaner = await make(pools, LoanerVehicle, vehicle_id=car.id, center_id=theirs.center.id)
    wanted = {theirs.technician.id: "TECHNICIAN", bay.id: "BAY", lift.id: "EQUIPMENT", car.id: "VEHICLE"}

    async def numbered() -> dict[str, Any]:
        async with pools.reading() as connection:
            rows = await connection.fetch(
                "select resource_id, kind, center_id, no from schedule_resource where resource_id = any($1::uuid[])",
                list(wanted),
            )
            return {row["resource_id"]: tuple(row)[1:] for row in rows}

    found = await numbered()
    assert {id: kind for id, (kind, _, _) in found.items()} == wanted
    assert {center for _, center, _ in found.values()} == {theirs.center.id}
    await change(pools, loaner, is_active=False)
    assert (await numbered())[car.id][1] is None
    async with pools.acting(CUSTOMER) as connection:
        sql = "select app.resource_no($1, 'VEHICLE', null)"
        assert await connection.fetchval(sql, car.id) == found[car.id][2]
        fresh = await connection.fetchval(sql, theirs.account.id)
        assert fresh == await connection.fetchval(sql, theirs.account.id) != found[car.id][2]


async def test_a_vehicle_is_loaner_or_demo_vehicle_of_one_centre_at_a_time(pools: Database) -> None:
    theirs, other = await dealer(pools), await dealer(pools)
    car = await make(pools, Vehicle, make="VW", model="Golf", condition="USED")
    loaner = await make(pools, LoanerVehicle, vehicle_id=car.id, center_id=theirs.center.id)
    for kind, center in ((DemoVehicle, theirs.center), (DemoVehicle, other.center), (LoanerVehicle, other.center)):
        with pytest.raises(AlreadyExists, match="vehicle id"):
            await make(pools, kind, vehicle_id=car.id, center_id=center.id)
    await change(pools, loaner, is_active=False)
    await make(pools, DemoVehicle, vehicle_id=car.id, center_id=other.center.id)
    with pytest.raises(AlreadyExists):
        await change(pools, loaner, is_active=True)


async def test_dealers_lend_cars_of_their_own_stock_alone(pools: Database) -> None:
    theirs, other = await dealer(pools), await dealer(pools)
    car = await make(pools, Vehicle, make="VW", model="Golf", condition="USED")
    entry = {"vehicle_id": car.id, "location_id": other.location.id, "in_stock_since": FIRST}
    await make(pools, StockEntry, dealer_account_id=other.account.id, **entry)
    body = {"vehicle_id": car.id}
    assert await refused(pools, theirs.planner(), LoanerVehicle, {**body, "center_id": theirs.center.id}) == [
        ("/vehicle_id", "is no car of the dealer group")
    ]
    await ask_to_make(pools, other.planner(), LoanerVehicle, {**body, "center_id": other.center.id})


async def test_an_absence_is_of_a_resource_that_there_is(pools: Database) -> None:
    theirs = await dealer(pools)
    for nothing in ("nothing", "00000000-0000-7000-8000-00000000000f"):
        body = {"resource_id": nothing, "start": "2026-06-01T08:00:00Z", "end": "2026-06-01T09:00:00Z"}
        assert await refused(pools, theirs.planner(), Absence, body) == [
            ("/resource_id", "is no technician, bay, equipment or vehicle of a centre")
        ]


async def test_technicians_are_lent_within_the_dealer_group_and_have_one_primary_centre(pools: Database) -> None:
    theirs, other = await dealer(pools), await dealer(pools)
    body = {"technician_id": other.technician.id, "center_id": theirs.center.id, "from_on": "2026-06-01"}
    assert await refused(pools, theirs.planner(), TerritoryMember, body) == [
        ("/technician_id", "is no technician of the dealer group")
    ]
    second = await make(
        pools,
        ServiceCenter,
        code=f"{theirs.center.code}-2",
        name="Second",
        location_id=theirs.location.id,
        time_zone="Europe/Berlin",
        operating_hours_id=theirs.hours.id,
    )
    body = {"technician_id": theirs.technician.id, "center_id": second.id, "kind": "PRIMARY"}
    await ask_to_make(
        pools, theirs.planner(), TerritoryMember, {**body, "from_on": "2026-06-01", "to_on": "2026-06-10"}
    )
    assert await refused(pools, theirs.planner(), TerritoryMember, {**body, "from_on": "2026-06-10"}) == [
        ("/from_on", "lies in a time in which another centre is the PRIMARY one")
    ]
    await ask_to_make(pools, theirs.planner(), TerritoryMember, {**body, "from_on": "2026-06-11"})


async def test_whoever_moves_to_another_branch_takes_their_plans_along(pools: Database) -> None:
    theirs, other = await dealer(pools), await dealer(pools)
    shift = await make(pools, Shift, technician_id=theirs.technician.id, **hours(0, 8))
    away = await make(pools, Absence, resource_id=theirs.technician.id, **hours(24, 48))
    was = [await version(pools, one.center.id) for one in (theirs, other)]
    await change(pools, theirs.technician, center_id=other.center.id)
    assert (await seen(pools, other.planner(), shift))["account_id"] == other.account.id
    assert (await seen(pools, other.planner(), away))["center_id"] == other.center.id
    for one in (shift, away):
        with pytest.raises(NotFound):
            await seen(pools, theirs.planner(), one)
    assert all(
        now > before
        for now, before in zip([await version(pools, one.center.id) for one in (theirs, other)], was, strict=True)
    )


async def test_a_centre_stays_with_its_dealer_and_has_hours_of_its_own(pools: Database) -> None:
    theirs, other = await dealer(pools), await dealer(pools)
    with pytest.raises(Invalid) as fault:
        await change(pools, theirs.center, location_id=other.location.id)
    assert fault.value.errors[0].detail == "belongs to another dealer"
    body = {"code": "X-1", "name": "X", "location_id": theirs.location.id, "time_zone": "UTC"}
    found = await refused(pools, theirs.planner(), ServiceCenter, {**body, "operating_hours_id": other.hours.id})
    assert found == [("/operating_hours_id", "are hours of another dealer")]
    await ask_to_make(pools, theirs.planner(), ServiceCenter, {**body, "operating_hours_id": theirs.hours.id})


async def test_a_skill_is_listed_once(pools: Database) -> None:
    theirs = await dealer(pools)
    body = {"name": "Ada", "center_id": theirs.center.id, "skills": [{"skill": "OIL"}, {"skill": "OIL", "level": 2}]}
    assert await refused(pools, theirs.planner(), Technician, body) == [("/skills/1/skill", "is listed twice")]


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ("fuel_type ==", "is not a rule at line 1, column 11"),
        ("colour == 'red'", "asks for colour, which is not known here at line 1, column 1"),
        ("model_year", "does not answer yes or no"),
        ("model_year > 'new'", "compares or combines values of different kinds"),
    ],
)
async def test_a_text_that_is_no_rule_is_refused_with_its_place(pools: Database, rule: str, told: str) -> None:
    body = {"code": "OIL", "name": "Oil", "duration_minutes": 30}
    durations = [{"when": "make == 'VW'", "minutes": 45}, {"when": rule, "minutes": 60}]
    assert await refused(pools, SYNC, WorkType, {**body, "durations": durations}) == [("/durations/1/when", told)]
    assert await refused(pools, SYNC, WorkType, {**body, "applies_to": rule}) == [("/applies_to", told)]


async def test_work_says_what_further_resources_and_which_parts_it_needs(pools: Database) -> None:
    part = await make(pools, Product, code="FILTER-1", name="Filter", type="PART")
    body = {"code": "BELT", "name": "Belt", "duration_minutes": 90}
    further = [{"role": "EQUIPMENT"}, {"role": "ADVISOR", "during": "ARRIVAL"}, {"role": "TECHNICIAN", "minutes": 10}]
    parts = [{"product_id": part.id}, {"product_id": "none"}]
    found = await refused(pools, SYNC, WorkType, {**body, "further_resources": further, "parts": parts})
    assert [at for at, _ in found] == [
        "/further_resources/0/equipment_type",
        "/further_resources/1/minutes",
        "/further_resources/2/minutes",
        "/parts/1/product_id",
    ]
    further = [{"role": "ADVISOR", "during": "ARRIVAL", "minutes": 15}, {"role": "TECHNICIAN", "count": 2}]
    made = await ask_to_make(pools, SYNC, WorkType, {**body, "further_resources": further, "parts": parts[:1]})
    assert made.further_resources[1]["count"] == 2
    assert await refused(
        pools, SYNC, WorkTypeGroup, {"code": "ALL", "name": "All", "work_types": ["BELT", "NONE"]}
    ) == [("/work_types/1", "is no work type")]


async def test_everything_that_shapes_a_calendar_raises_its_version_and_no_others(pools: Database) -> None:
    theirs, other = await dealer(pools, holiday_country="DE"), await dealer(pools, holiday_country="US")
    id, car = theirs.center.id, await make(pools, Vehicle, make="VW", model="Golf", condition="USED")
    ada = theirs.technician.id
    rows: list[tuple[Any, dict[str, Any]]] = [
        (Bay, {"name": "1", "center_id": id, "bay_type": "LIFT"}),
        (Equipment, {"name": "Scope", "center_id": id}),
        (LoanerVehicle, {"vehicle_id": car.id, "center_id": id}),
        (Technician, {"name": "Bob", "center_id": id}),
        (TerritoryMember, {"technician_id": ada, "center_id": id, "from_on": FIRST}),
        (Shift, {"technician_id": ada, **hours(0, 8)}),
        (Absence, {"resource_id": ada, **hours(24, 48)}),
        (CapacityRule, {"center_id": id, "kind": "HOURS_BY_TEAM", "minutes_per_day": 480}),
        (DateOverride, {"operating_hours_id": theirs.hours.id, "on": FIRST, "closed": True}),
        (Holiday, {"center_id": id, "on": FIRST, "name": "Outing"}),
        (Holiday, {"country": "DE", "on": FIRST, "name": "Day"}),
    ]
    untouched = await version(pools, other.center.id)
    for kind, values in rows:
        was = await version(pools, id)
        made = await make(pools, kind, **values)
        assert await version(pools, id) == was + 1, kind
        if "d" in kind.entity.grants["scheduling.sync"]:
            await remove(pools, made)
            assert await version(pools, id) == was + 2, kind
    was = await version(pools, id)
    await change(pools, theirs.center, name="Another name")
    await change(pools, theirs.hours, time_slots=[TimeSlot("MONDAY", "09:00", "12:00")])
    await change(pools, theirs.technician, skills=[Skill("OIL")])
    assert await version(pools, id) == was + 3
    assert await version(pools, other.center.id) == untouched
    of_work = await version(pools, EVERY_CENTER)
    await make(pools, WorkType, code="TYRES", name="Tyres", duration_minutes=30)
    assert await version(pools, EVERY_CENTER) == of_work + 1


async def test_what_a_lent_technician_does_raises_the_calendars_of_both_centres(pools: Database) -> None:
    theirs, other = await dealer(pools), await dealer(pools)
    await change(pools, other.account, parent_account_id=theirs.account.id)
    await make(pools, TerritoryMember, technician_id=theirs.technician.id, center_id=other.center.id, from_on=FIRST)
    before = [await version(pools, one.center.id) for one in (theirs, other)]
    shift = await make(pools, Shift, technician_id=theirs.technician.id, **hours(0, 8))
    await remove(pools, shift)
    assert [await version(pools, one.center.id) for one in (theirs, other)] == [was + 2 for was in before]


async def test_ten_thousand_shifts_in_one_statement_raise_one_version(pools: Database) -> None:
    theirs = await dealer(pools)
    was = await version(pools, theirs.center.id)
    async with pools.acting(SYNC) as connection:
        await connection.execute(
            "insert into technician (id, created_at, updated_at, name, center_id) "
            "select gen_random_uuid(), now(), now(), 'T' || n, $1 from generate_series(1, 40) n",
            theirs.center.id,
        )
        await connection.execute(
            'insert into shift (id, created_at, updated_at, technician_id, start, "end") '
            "select gen_random_uuid(), now(), now(), t.id, at, at + interval '8 hours' "
            "from technician t, generate_series(timestamptz '2027-01-01 06:00Z', '2027-09-07 06:00Z', '1 day') at "
            "where t.center_id = $1",
            theirs.center.id,
        )
        assert (
            await connection.fetchval(
                "select count(*) from shift s join technician t on t.id = s.technician_id where t.center_id = $1",
                theirs.center.id,
            )
            > 10_000
        )
    assert await version(pools, theirs.center.id) == was + 2
