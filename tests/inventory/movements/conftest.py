"""Two dealer groups and a centre of the organisation, with a location and people each, on a database of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import msgspec
import pytest

from domain.accounts import Account
from domain.kit.access import Capability
from domain.kit.db import Database, Deed, _prepare
from domain.kit.ids import new_id
from domain.kit.policy import Principal
from domain.kit.store import Context
from inventory import movements
from inventory.movements import COMMANDS, Given
from inventory.records import Location, StockEntry, Vehicle
from service.ops.database import Addresses

ADMIN = Principal("STAFF", user_id=new_id(), roles=frozenset({"ADMIN"}))
VIN = "1FTEX1CM0RF{:06d}"


class Trade(msgspec.Struct, frozen=True, kw_only=True):
    """`north` and `sister` are branches of one group, `south` is of another; the centre stands at no dealer's.

    `people`: a seller of each branch (`north`, `sister`, `south`), the manager of the first group (`manager`) and the
    organisation's distribution (`centre`). `places`: a location of each but the manager.
    """

    database: Database
    owner: asyncpg.Connection
    accounts: dict[str, str]
    places: dict[str, str]
    people: dict[str, Principal]

    @asynccontextmanager
    async def as_(self, who: str | Principal, *, readonly: bool = False) -> AsyncIterator[Context]:
        """A transaction of somebody."""
        principal = who if isinstance(who, Principal) else self.people[who]
        deed = Deed(request_id="r")
        async with self.database.acting(principal, deed, readonly=readonly) as connection:
            yield Context(connection, principal, deed=deed)

    async def give(self, who: str, car: str, name: str, **data: Any) -> Given:
        """Give a command."""
        body = msgspec.convert(data, COMMANDS[name].input)
        async with self.as_(who) as ctx:
            return await movements.give(ctx, car, name, body)

    async def can(self, who: str, car: str) -> dict[str, Capability]:
        """The commands as somebody finds them on a car."""
        async with self.as_(who, readonly=True) as ctx:
            _, told = await movements.capabilities(ctx, car)
        return {one.command: one for one in told}

    async def car(self, at: str, number: int = 0, **entry: Any) -> str:
        """A car in stock somewhere."""
        async with self.as_(ADMIN) as ctx:
            made = await ctx.create(
                Vehicle, make="Toyota", model="Hilux", condition="NEW", vin=VIN.format(number) if number else None
            )
            await ctx.create(
                StockEntry,
                vehicle_id=made.id,
                location_id=self.places[at],
                dealer_account_id=self.accounts.get(at),
                **{"in_stock_since": ctx.now.date(), **entry},
            )
        return made.id

    async def entry(self, car: str) -> asyncpg.Record:
        """The open stock entry."""
        return await self.owner.fetchrow("select * from stock_entry where vehicle_id = $1 and left_on is null", car)

    async def status(self, car: str) -> str:
        """Its status."""
        return str((await self.entry(car))["status"])

    async def ledger(self, car: str) -> list[tuple[str, str, str]]:
        """The car's lines: what, and between which places (named as in `places`)."""
        names = {id: name for name, id in self.places.items()}
        rows = await self.owner.fetch(
            "select * from vehicle_stock_transaction where vehicle_id = $1 order by position", car
        )
        return [
            (row["kind"], names.get(row["from_location_id"], ""), names.get(row["to_location_id"], "")) for row in rows
        ]


def seller(account: str, group: tuple[str, ...], role: str = "SALES") -> Principal:
    """Somebody who works for a dealer."""
    held = frozenset({role})
    units = group if role == "GROUP_MANAGER" else (account,)
    return Principal(
        "PARTNER", user_id=new_id(), account_id=account, units=units, group_units=group, roles=held,
        roles_at=dict.fromkeys(units, held),
    )  # fmt: skip


@pytest.fixture
async def trade(fresh_database: Addresses) -> AsyncIterator[Trade]:
    """The trade with nothing in stock."""
    assert fresh_database.owner is not None
    database = Database(fresh_database.service, most=8)
    owner = await asyncpg.connect(fresh_database.owner)
    await _prepare(owner)
    accounts: dict[str, str] = {}
    places: dict[str, str] = {}
    async with database.acting(ADMIN) as connection:
        ctx = Context(connection, ADMIN)
        group = await ctx.create(Account, kind="BUSINESS", type="DEALER_GROUP", name="North group")
        for name, parent in (("north", group.id), ("sister", group.id), ("south", None)):
            made = await ctx.create(Account, kind="BUSINESS", type="DEALER", name=name, parent_account_id=parent)
            accounts[name] = made.id
        for name in (*accounts, "centre"):
            kind = "DEALER_LOT" if name in accounts else "DISTRIBUTION_CENTER"
            place = await ctx.create(Location, code=name, name=name, kind=kind, account_id=accounts.get(name))
            places[name] = place.id
    first = (group.id, accounts["north"], accounts["sister"])
    yield Trade(
        database=database,
        owner=owner,
        accounts=accounts,
        places=places,
        people={
            "north": seller(accounts["north"], first),
            "sister": seller(accounts["sister"], first),
            "manager": seller(group.id, first, "GROUP_MANAGER"),
            "south": seller(accounts["south"], (accounts["south"],)),
            "centre": Principal("STAFF", user_id=new_id(), roles=frozenset({"DISTRIBUTION"})),
        },
    )
    await owner.close()
    await database.close()
