"""Two dealers and the organisation's warehouse, with a location and people each, and three parts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import msgspec
import pytest

from domain.accounts import Account
from domain.kit import access
from domain.kit.db import Database, Deed, _prepare
from domain.kit.ids import new_id
from domain.kit.policy import Principal
from domain.kit.store import Context
from inventory.part_records import ProductItem
from inventory.records import Location, Product
from service.ops.database import Addresses

ADMIN = Principal("STAFF", user_id=new_id(), roles=frozenset({"ADMIN"}))
ITEM = ProductItem.entity


class Store(msgspec.Struct, frozen=True, kw_only=True):
    """`north` and `south` are dealers, `central` is the organisation's warehouse; `parts` are the ids of products."""

    database: Database
    owner: asyncpg.Connection
    accounts: dict[str, str]
    places: dict[str, str]
    people: dict[str, Principal]
    parts: list[str]

    @asynccontextmanager
    async def as_(self, who: str | Principal) -> AsyncIterator[Context]:
        """A transaction of somebody."""
        principal = who if isinstance(who, Principal) else self.people[who]
        deed = Deed(request_id="r")
        async with self.database.acting(principal, deed) as connection:
            yield Context(connection, principal, deed=deed)

    async def item(self, at: str, part: int = 0, **levels: Any) -> str:
        """An item with nothing of it, made by its keeper."""
        async with self.as_(at) as ctx:
            body = access.create_body(ITEM, ctx.principal.keys)
            given = {"product_id": self.parts[part], "location_id": self.places[at], **levels}
            made: Any = await access.create(ctx, ITEM, msgspec.convert(given, body))
        return str(made.id)

    async def give(self, who: str, item: str, name: str, **data: Any) -> Any:
        """A command as the API gives it."""
        async with self.as_(who) as ctx:
            command = access.command_of(ITEM, name, ctx.principal)
            return await access.command(ctx, ITEM, item, name, msgspec.convert(data, command.input))

    async def quantities(self, item: str) -> tuple[int, int, int]:
        """On hand, reserved, in transit."""
        row = await self.owner.fetchrow("select * from product_item where id = $1", item)
        return row["quantity_on_hand"], row["quantity_reserved"], row["quantity_in_transit"]

    async def id_at(self, place: str, part: int = 0) -> str:
        """The item of a part at a place."""
        async with self.as_(ADMIN) as ctx:
            found = await ctx.db.fetchval(
                "select id from product_item where product_id = $1 and location_id = $2",
                self.parts[part],
                self.places[place],
            )
        return str(found)


def keeper(account: str, role: str = "PARTS") -> Principal:
    """Somebody who works for a dealer."""
    held = frozenset({role})
    return Principal(
        "PARTNER", user_id=new_id(), account_id=account, units=(account,), group_units=(account,), roles=held,
        roles_at={account: held},
    )  # fmt: skip


@pytest.fixture
async def store(fresh_database: Addresses) -> AsyncIterator[Store]:
    """The store without items."""
    assert fresh_database.owner is not None
    database = Database(fresh_database.service, most=8)
    owner = await asyncpg.connect(fresh_database.owner)
    await _prepare(owner)
    accounts: dict[str, str] = {}
    places: dict[str, str] = {}
    async with database.acting(ADMIN) as connection:
        ctx = Context(connection, ADMIN)
        for name in ("north", "south"):
            accounts[name] = (await ctx.create(Account, kind="BUSINESS", type="DEALER", name=name)).id
        oem = await ctx.create(Account, kind="BUSINESS", type="OEM", name="central")
        for name, owner_id in (*accounts.items(), ("central", oem.id)):
            made = await ctx.create(Location, code=name, name=name, kind="WAREHOUSE", account_id=owner_id)
            places[name] = made.id
        parts = [
            (await ctx.create(Product, code=f"P-{at}", name=f"Part {at}", type="PART", brand="Acme", audience=1)).id
            for at in range(3)
        ]
    await owner.execute(
        "insert into sharing_rule (id, created_at, updated_at, name, record_type, audience, criteria, status) "
        "values ($1, now(), now(), 'parts', 'product', 'NETWORK', $2, 'ACTIVE')",
        new_id(),
        {"type": "PART"},
    )
    await owner.execute("update product set name = name || '.'")
    yield Store(
        database=database,
        owner=owner,
        accounts=accounts,
        places=places,
        people={
            **{name: keeper(account) for name, account in accounts.items()},
            "advisor": keeper(accounts["north"], "SERVICE_ADVISOR"),
            "central": Principal("STAFF", user_id=new_id(), roles=frozenset({"DISTRIBUTION"})),
            "system": Principal("SYSTEM", client_id="erp", scopes=frozenset({"inventory.sync"})),
        },
        parts=parts,
    )
    await owner.close()
    await database.close()
