"""The calendar in memory stays equal to the database: each change reaches it, and a fresh load finds the same."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from domain.kit import feed
from domain.kit.db import Database
from domain.kit.errors import Unavailable
from domain.kit.ids import new_id
from inventory.records import Vehicle
from scheduling.asking import SlotRequest
from scheduling.calendar.follower import ScheduleFollower
from scheduling.calendar.world import Calendar
from scheduling.records import (
    Absence,
    Bay,
    CapacityRule,
    DateOverride,
    DemoVehicle,
    Equipment,
    Holiday,
    LoanerVehicle,
    LocalBreak,
    Shift,
    Skill,
    Technician,
    TerritoryMember,
    TimeSlot,
    WeeklyShift,
    WorkType,
)
from scheduling.schedule import Schedule
from service.ops.database import Addresses
from tests.scheduling.centers import WEEK, Dealer, change, dealer, make, remove

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
async def pools(fresh_database: Addresses) -> AsyncIterator[Database]:
    found = Database(fresh_database.service, most=8)
    yield found
    await found.close()


def _follower(pools: Database) -> ScheduleFollower:
    return ScheduleFollower(pools, Calendar(NOW.date()), lambda: NOW)


def _shown(calendar: Calendar) -> Any:
    """Everything that answers may rest on."""
    world = calendar.world
    return {
        "work": world.work,
        "version": world.work_version,
        "outside": world.outside,
        "centers": {
            id: (
                center.row,
                center.resources,
                center.busy,
                dict(center.used),
                center.sheet(calendar.patterns).free.tobytes(),
                center.sheet(calendar.patterns).opening.tobytes(),
            )
            for id, center in world.centers.items()
        },
    }


async def _same(pools: Database, follower: ScheduleFollower) -> None:
    """A fresh load finds exactly what the followed calendar has."""
    fresh = _follower(pools)
    await fresh.load()
    ours, theirs = _shown(follower.calendar), _shown(fresh.calendar)
    for id, center in theirs["centers"].items():
        for was, now in zip(center, ours["centers"][id], strict=True):
            assert now == was
    assert ours == theirs


async def _poll(follower: ScheduleFollower) -> None:
    while await follower.poll():
        pass


async def _staffed(pools: Database) -> Dealer:
    made = await dealer(pools, "UTC", start_interval_minutes=30)
    for day in WEEK[:5]:
        await make(
            pools,
            Shift,
            technician_id=made.technician.id,
            weekly=WeeklyShift(day_of_week=day, start="08:00", end="17:00"),
        )
    await make(pools, Bay, name="Bay", center_id=made.center.id, bay_type="LIFT")
    await make(pools, WorkType, code="OIL", name="Oil", duration_minutes=60, bay_type="LIFT")
    return made


def _request(center: str) -> SlotRequest:
    return SlotRequest(
        work_types=["OIL"],
        center_ids=[center],
        earliest=datetime(2026, 11, 23, tzinfo=UTC),
        latest=datetime(2026, 11, 24, tzinfo=UTC),
    )


async def test_every_change_of_a_centre_reaches_the_calendar(pools: Database) -> None:
    follower = _follower(pools)
    await follower.load()
    made = await _staffed(pools)
    center, technician = made.center.id, made.technician
    await _poll(follower)
    await _same(pools, follower)
    lent = await make(pools, Technician, name="Bo", center_id=(await dealer(pools, "Asia/Tokyo")).center.id)
    steps: list[Any] = [
        lambda: change(pools, technician, skills=[Skill("BRAKES", 3, date(2026, 12, 1))], team="RED"),
        lambda: make(pools, Equipment, name="Lift", center_id=center, equipment_type="SCANNER"),
        lambda: make(pools, Holiday, center_id=center, on=date(2026, 11, 24), name="Inventory"),
        lambda: change(pools, made.center, holiday_country="DE", holiday_subdivision="BW"),
        lambda: change(pools, made.hours, time_slots=[TimeSlot("MONDAY", "07:00", "15:00", 4)]),
        lambda: make(pools, DateOverride, operating_hours_id=made.hours.id, on=date(2026, 11, 25), closed=True),
        lambda: change(pools, made.location, latitude=48.1, longitude=11.5),
        lambda: make(pools, CapacityRule, center_id=center, kind="HOURS_BY_TEAM", team="RED", minutes_per_day=300),
        lambda: make(pools, WorkType, code="BRAKES", name="Brakes", duration_minutes=90),
        lambda: change(pools, made.center, time_zone="America/New_York"),
        lambda: make(pools, TerritoryMember, technician_id=technician.id, center_id=center, from_on=date(2026, 11, 1)),
        lambda: make(
            pools, Shift, technician_id=lent.id,
            start=NOW + timedelta(days=3), end=NOW + timedelta(days=3, hours=8), breaks=[LocalBreak("23:00", "23:30")],
        ),
    ]  # fmt: skip
    for step in steps:
        before = _shown(follower.calendar)
        await step()
        await _poll(follower)
        assert _shown(follower.calendar) != before
        await _same(pools, follower)


async def test_what_is_deleted_or_retired_leaves_the_calendar(pools: Database) -> None:
    made = await _staffed(pools)
    center = made.center.id
    bay = await make(pools, Bay, name="Second", center_id=center, bay_type="LIFT")
    gone = [
        await make(pools, Absence, resource_id=bay.id, start=NOW + timedelta(days=3), end=NOW + timedelta(days=4)),
        await make(pools, CapacityRule, center_id=center, kind="TRANSPORT_LIMIT", transport="LOANER", per_day=2),
        await make(pools, Holiday, center_id=center, on=date(2026, 11, 24), name="Inventory"),
    ]
    follower = _follower(pools)
    await follower.load()
    for record in gone:
        before = _shown(follower.calendar)
        await remove(pools, record)
        await _poll(follower)
        assert _shown(follower.calendar) != before
        await _same(pools, follower)
    await change(pools, bay, is_active=False)
    await change(pools, made.technician, is_active=False)
    await _poll(follower)
    await _same(pools, follower)
    assert len(follower.calendar.world.centers[center].resources) == 1
    await change(pools, made.center, is_active=False)
    await _poll(follower)
    await _same(pools, follower)
    assert center not in follower.calendar.world.centers


async def test_a_car_that_turns_from_demo_into_loaner_is_there_once(pools: Database) -> None:
    made = await _staffed(pools)
    vehicle = await make(pools, Vehicle, make="Toyota", model="Corolla", condition="USED")
    demo = await make(pools, DemoVehicle, vehicle_id=vehicle.id, center_id=made.center.id)
    follower = _follower(pools)
    await follower.load()
    await change(pools, demo, is_active=False)
    await make(pools, LoanerVehicle, vehicle_id=vehicle.id, center_id=made.center.id)
    await _poll(follower)
    await _same(pools, follower)
    kinds = [one.type for one in follower.calendar.world.centers[made.center.id].resources if one.kind == "VEHICLE"]
    assert kinds == ["LOANER"]


async def test_another_epoch_is_loaded_anew(pools: Database) -> None:
    made = await _staffed(pools)
    follower = _follower(pools)
    await follower.load()
    follower.mark = feed.Mark("00000000-0000-0000-0000-000000000009", follower.mark.snapshot)
    assert await follower.poll()
    assert not follower.ready
    await follower.load()
    assert made.center.id in follower.calendar.world.centers


async def test_a_running_follower_shows_a_write_to_whoever_waits_for_it(pools: Database) -> None:
    made = await _staffed(pools)
    schedule = Schedule(pools, secret=b"x" * 48, now=lambda: NOW)
    task = asyncio.create_task(schedule.follower.run())
    try:
        await schedule.follower.tried.wait()
        assert len(schedule.search(_request(made.center.id)).slots) == 17
        start, end = datetime(2026, 11, 23, 12, tzinfo=UTC), datetime(2026, 11, 23, 18, tzinfo=UTC)
        await make(pools, Absence, resource_id=made.technician.id, start=start, end=end)
        await schedule.caught_up()
        assert len(schedule.search(_request(made.center.id)).slots) == 7
        with pytest.raises(Unavailable):
            await schedule.follower.reached(schedule.as_of.replace(schedule.as_of, _later(schedule)), 0.05)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _later(schedule: Schedule) -> str:
    """The token of a state that has not come yet."""
    mark = schedule.follower.mark
    last = int(mark.snapshot.split(":")[1]) + 1_000_000
    return feed.Mark(mark.epoch, f"{last}:{last}:").token


async def test_questions_wait_for_the_first_load(pools: Database) -> None:
    schedule = Schedule(pools, secret=b"x" * 48, now=lambda: NOW)
    with pytest.raises(Unavailable):
        schedule.search(_request(new_id()))
