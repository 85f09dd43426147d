"""Dealers with service centres for tests, made past all rights or as somebody."""

from __future__ import annotations

from typing import Any, get_args

import msgspec
from msgspec import UNSET

from domain.accounts import Account
from domain.kit import access
from domain.kit.checking import checked
from domain.kit.db import Database
from domain.kit.ids import new_id
from domain.kit.policy import Principal
from domain.kit.store import Context
from inventory.records import Location
from scheduling.records import OperatingHours, ServiceCenter, Technician, TimeSlot, Weekday

SYNC = Principal(
    "SYSTEM",
    client_id="dms",
    scopes=frozenset({"scheduling.sync", "inventory.sync", "accounts.sync", "catalogue.sync"}),
)
WEEK: tuple[Weekday, ...] = get_args(Weekday)


async def make(database: Database, kind: Any, /, **values: Any) -> Any:
    """A record, written by a system."""
    async with database.acting(SYNC) as connection:
        return await Context(connection, SYNC).create(kind, **values)


async def change(database: Database, record: Any, /, **values: Any) -> Any:
    """A record changed by a system."""
    async with database.acting(SYNC) as connection:
        ctx = Context(connection, SYNC)
        return await ctx.update(await ctx.get(type(record), record.id), **values)


async def remove(database: Database, record: Any) -> None:
    """A record deleted by a system."""
    async with database.acting(SYNC) as connection:
        await Context(connection, SYNC).delete(record)


async def ask_to_make(database: Database, principal: Principal, kind: Any, body: dict[str, Any]) -> Any:
    """What the API does with a body of JSON: its answer, or whatever it refuses with."""
    shape = access.create_body(kind.entity, principal.keys)
    data = checked(msgspec.convert(body, shape))
    async with database.acting(principal) as connection:
        return await access.create(Context(connection, principal), kind.entity, data)


async def seen(database: Database, principal: Principal, record: Any) -> dict[str, Any]:
    """A record as somebody is shown it."""
    async with database.acting(principal, readonly=True) as connection:
        shown = await access.read(Context(connection, principal), type(record).entity, record.id)
    return {name: getattr(shown, name) for name in shown.__struct_fields__ if getattr(shown, name) is not UNSET}


class Dealer(msgspec.Struct):
    """A dealer with one centre, open on weekdays, and one technician."""

    account: Any
    location: Any
    hours: Any
    center: Any
    technician: Any

    def planner(self, role: str = "SERVICE_MANAGER") -> Principal:
        """Somebody with a role at this dealer."""
        unit = self.account.id
        return Principal(
            "PARTNER",
            user_id=new_id(),
            account_id=unit,
            units=(unit,),
            group_units=(unit,),
            roles=frozenset({role}),
            roles_at={unit: frozenset({role})},
        )


async def dealer(database: Database, zone: str = "Europe/Berlin", **values: Any) -> Dealer:
    """Make a dealer; `values` are the centre's."""
    name = new_id()[-8:]
    account = await make(database, Account, kind="BUSINESS", type="DEALER", name=f"Dealer {name}", is_partner=True)
    location = await make(
        database, Location, code=f"L-{name}", name="Place", kind="SERVICE_CENTER", account_id=account.id, time_zone=zone
    )
    slots = [TimeSlot(day, "08:00", "18:00") for day in WEEK[:5]]
    hours = await make(database, OperatingHours, name="Weekdays", account_id=account.id, time_slots=slots)
    center = await make(
        database,
        ServiceCenter,
        **{
            "code": f"C-{name}",
            "name": "Centre",
            "location_id": location.id,
            "time_zone": zone,
            "operating_hours_id": hours.id,
            **values,
        },
    )
    technician = await make(database, Technician, name="Ada", center_id=center.id)
    return Dealer(account, location, hours, center, technician)


async def version(database: Database, center_id: str) -> int:
    """How often what shapes the centre's calendar has changed."""
    async with database.reading() as connection:
        return int(await connection.fetchval("select version from center_calendar where center_id = $1", center_id))
