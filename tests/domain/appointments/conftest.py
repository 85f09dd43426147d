"""The workshop with a salesperson, a demo car, a car in stock and parts, where appointments have their effects."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

import domain.appointments  # noqa: F401 - its subscribers
from domain.kit.policy import Principal
from domain.leads import Lead
from inventory import movements
from inventory.movements.commands import COMMANDS
from inventory.records import StockEntry, Vehicle
from scheduling.appointment_records import Appointment
from scheduling.records import DemoVehicle, Shift, Skill, Technician, WeeklyShift, WorkType
from service.ops.database import Addresses
from tests.scheduling.appointments.conftest import Workshop, workshop_on
from tests.scheduling.centers import WEEK, make


class Visits(msgspec.Struct, kw_only=True):
    """`cars`: a `demo` car, one in `stock`, and one `elsewhere`. `seller` sells here."""

    workshop: Workshop
    cars: dict[str, str]
    drive: str

    async def test_drive(self, who: str = "seller", hours: float = 0, **values: Any) -> Appointment:
        """Book a test drive."""
        given = {"kind": "TEST_DRIVE", "work_types": [self.drive], "customer": {"name": "Somebody"}, **values}
        return await self.workshop.book(who, hours, **given)

    async def move(self, who: str | Principal, car: str, command: str, **data: Any) -> Any:
        """A command of a car."""
        async with self.workshop.as_(who) as ctx:
            given = msgspec.convert(data, COMMANDS[command].input)
            return await movements.give(ctx, self.cars[car], command, given)

    async def lead(self, **values: Any) -> Lead:
        """A lead of the dealer."""
        async with self.workshop.as_("seller") as ctx:
            return await ctx.create(
                Lead, **{"last_name": "Doe", "email": "doe@example.com", "owner_id": None, **values}
            )

    async def mails(self, appointment: str | None = None) -> list[Any]:
        """The mails written so far, in order."""
        rows = await self.workshop.owner.fetch("select * from message order by created_at, id")
        return [row for row in rows if appointment is None or appointment in row["text"]]


async def car(world: Workshop, location_id: str, account_id: str | None, **entry: Any) -> str:
    """A car in stock."""
    made = await make(world.database, Vehicle, make="Toyota", model="Corolla", condition="NEW")
    given = {"in_stock_since": datetime.now(UTC).date(), "location_id": location_id, **entry}
    await make(world.database, StockEntry, vehicle_id=made.id, dealer_account_id=account_id, **given)
    return str(made.id)


@pytest.fixture
async def visits(fresh_database: Addresses) -> AsyncIterator[Visits]:
    """The workshop; afterwards what is reserved is still sound."""
    world = await workshop_on(fresh_database)
    here, database = world.dealer, world.database
    world.people["seller"] = here.planner("SALES")
    for name, when in (("Sid", "SALES"), ("Sue", "SALES")):
        person = await make(
            database, Technician, name=name, center_id=here.center.id, skills=[Skill(skill=when, level=1)]
        )
        for day in WEEK:
            week = WeeklyShift(day_of_week=day, start="00:00", end="24:00")
            await make(database, Shift, technician_id=person.id, weekly=week)
    drive = f"DRIVE-{here.center.id[-8:]}"
    await make(database, WorkType, code=drive, name="Test drive", kind="TEST_DRIVE", duration_minutes=45)
    cars = {
        "demo": await car(world, here.location.id, here.account.id),
        "stock": await car(world, here.location.id, here.account.id),
    }
    rival = await database_location(world)
    cars["elsewhere"] = await car(world, *rival)
    await make(database, DemoVehicle, vehicle_id=cars["demo"], center_id=here.center.id)
    await world.follow()
    yield Visits(workshop=world, cars=cars, drive=drive)
    await world.sound()
    await world.close()


async def database_location(world: Workshop) -> tuple[str, str]:
    """The rival's location and account."""
    row = await world.owner.fetchrow("select location_id, account_id from service_center where id = $1", world.rival)
    return str(row[0]), str(row[1])
