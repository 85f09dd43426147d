"""The demo's service centres: whole, sound by their own declarations, in many zones, and there once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from io import StringIO
from typing import Any

import asyncpg
import pytest

from domain import rules
from domain.kit.db import Database
from domain.kit.policy import Principal
from domain.kit.store import Context
from scheduling.records import (
    VEHICLE_FACTS,
    Absence,
    Bay,
    CapacityRule,
    DemoVehicle,
    LoanerVehicle,
    OperatingHours,
    ServiceCenter,
    Shift,
    Technician,
    WorkType,
    WorkTypeGroup,
)
from scheduling.records.planning import slot_faults
from service.demo.load import load_world
from service.demo.users import DOMAIN
from service.demo.workshops import centers
from service.demo.world import World
from service.ops.database import Addresses, other_database
from service.ops.progress import Progress

EVERYTHING = Principal("SYSTEM", client_id="test")


@pytest.fixture
async def ctx(loaded: str, template: Addresses) -> AsyncIterator[Context]:
    pools = Database(other_database(template.service, loaded.partition("@/")[2].partition("?")[0]))
    async with pools.acting(EVERYTHING, readonly=True) as connection:
        yield Context(connection, EVERYTHING)
    await pools.close()


def test_the_default_demo_has_centres_in_many_zones(world: World) -> None:
    made = centers(world)
    zones = {one.time_zone for one in made}
    assert len(made) == 62
    assert {"America/New_York", "America/Los_Angeles", "Europe/Berlin", "Europe/Lisbon", "Asia/Tokyo"} <= zones


async def test_every_dealer_has_a_centre_with_people_bays_cars_and_shifts(ctx: Context, small_world: World) -> None:
    made = await ctx.where(ServiceCenter, "true")
    assert len(made) == len(small_world.network.dealers) + 2
    for center in made:
        people = await ctx.where(Technician, "center_id = $1", center.id)
        assert len(people) == 7
        assert len(await ctx.where(Bay, "center_id = $1", center.id)) == 5
        assert len(await ctx.where(CapacityRule, "center_id = $1", center.id)) == 3
        shifts = await ctx.where(Shift, "technician_id = any($1::uuid[])", [one.id for one in people])
        assert len(shifts) == 7 * 5 + 4
        assert {one.account_id for one in people} | {one.account_id for one in shifts} == {center.account_id}
        assert len(await ctx.where(Absence, "center_id = $1", center.id)) == 2
        if center.account_id is not None:
            demo = await ctx.where(DemoVehicle, "center_id = $1", center.id)
            loaners = await ctx.where(LoanerVehicle, "center_id = $1", center.id)
            assert (len(demo), len(loaners)) == (2, 2)
            assert len({one.vehicle_id for one in demo} | {one.vehicle_id for one in loaners}) == 4


async def test_work_has_rules_that_compile_and_groups_that_name_it(ctx: Context) -> None:
    work = {one.code: one for one in await ctx.where(WorkType, "true")}
    for one in work.values():
        for rule in [one.applies_to, *(duration.when for duration in one.durations)]:
            assert rule is None or rules.compile_rule(rule, VEHICLE_FACTS).facts
    assert work["BODYWORK"].splittable
    assert work["TEST_DRIVE"].kind == "TEST_DRIVE"
    named = [code for group in await ctx.where(WorkTypeGroup, "true") for code in group.work_types]
    assert sorted(named) == sorted(work)
    assert all(slot_faults(hours.time_slots) == [] for hours in await ctx.where(OperatingHours, "true"))


async def test_the_demos_technician_advisor_and_salesperson_are_booked_themselves(loaded: str) -> None:
    connection = await asyncpg.connect(loaded)
    try:
        rows = await connection.fetch(
            'select u.email, t.skills::text from technician t join "user" u on u.id = t.user_id '
            "join service_center c on c.id = t.center_id where c.account_id = u.account_id"
        )
    finally:
        await connection.close()
    skills = {row[0].removesuffix(f"@{DOMAIN}"): row[1] for row in rows}
    assert skills.keys() == {"technician", "advisor", "dealer"}
    assert ("HIGH_VOLTAGE" in skills["technician"], "SALES" in skills["dealer"]) == (True, True)


async def test_loading_again_changes_nothing(loaded: str, small_world: World) -> None:
    count = "select count(*) from history"
    connection: Any = await asyncpg.connect(loaded)
    try:
        before = await connection.fetchval(count)
        await load_world(small_world, loaded, Progress(StringIO()))
        assert await connection.fetchval(count) == before
    finally:
        await connection.close()
