"""Two dealers with a place each, a branch manager, a system client and a database of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import asyncpg
import msgspec
import pytest

from domain.accounts import Account
from domain.kit.db import Database, Deed, _prepare
from domain.kit.ids import new_id
from domain.kit.policy import Principal
from domain.kit.store import Context
from inventory.importing.runs import ImportOptions, ImportResult, Transact, import_vehicles, rejects
from inventory.records import Location
from service.ops.database import Addresses

MOMENT = datetime(2026, 9, 1, 12, tzinfo=UTC)


class Yard(msgspec.Struct, frozen=True, kw_only=True):
    """`seller` works for North, `rival` for South, `client` may import anywhere."""

    database: Database
    owner: str
    north: str
    south: str
    place: str
    seller: Principal
    rival: Principal
    client: Principal

    def as_(self, principal: Principal, at: datetime = MOMENT) -> Transact:
        """Transactions of the principal."""

        @asynccontextmanager
        async def opened() -> AsyncIterator[Context]:
            deed = Deed(command="import", at=at)
            async with self.database.acting(principal, deed) as connection:
                yield Context(connection, principal, deed=deed)

        return opened

    async def take(
        self, principal: Principal, data: bytes, mapping: str = "default", **options: object
    ) -> ImportResult:
        """Import a CSV file in chunks of 64 KiB."""

        async def chunks() -> AsyncIterator[bytes]:
            for start in range(0, len(data), 65_536):
                yield data[start : start + 65_536]

        asked = ImportOptions(file_format="CSV", mapping=mapping, **options)  # type: ignore[arg-type]
        return await import_vehicles(self.as_(principal), asked, chunks())

    async def rejects(self, principal: Principal, import_id: str) -> bytes:
        """The file of rejects."""
        return b"".join([piece async for piece in rejects(self.as_(principal), import_id)])

    async def rows(self, query: str, *arguments: object) -> list[dict[str, object]]:
        """What the database holds, past row policies."""
        connection = await asyncpg.connect(self.owner)
        try:
            await _prepare(connection)
            return [dict(row) for row in await connection.fetch(query, *arguments)]
        finally:
            await connection.close()


def seller_of(account: str) -> Principal:
    """Somebody who sells for a dealer."""
    held = frozenset({"SALES"})
    return Principal(
        "PARTNER", user_id=new_id(), account_id=account, units=(account,), group_units=(account,), roles=held,
        roles_at={account: held},
    )  # fmt: skip


@pytest.fixture
async def yard(fresh_database: Addresses) -> AsyncIterator[Yard]:
    """A database with two dealers and nothing in stock."""
    database = Database(fresh_database.service, most=4)
    staff = Principal("STAFF", user_id=new_id(), roles=frozenset({"ADMIN"}))
    async with database.acting(staff) as connection:
        ctx = Context(connection, staff)
        north = await ctx.create(Account, kind="BUSINESS", type="DEALER", name="North")
        south = await ctx.create(Account, kind="BUSINESS", type="DEALER", name="South")
        place = await ctx.create(Location, code="NORTH-1", name="North yard", kind="DEALER_LOT", account_id=north.id)
    assert fresh_database.owner is not None
    yield Yard(
        database=database,
        owner=fresh_database.owner,
        north=north.id,
        south=south.id,
        place=place.id,
        seller=seller_of(north.id),
        rival=seller_of(south.id),
        client=Principal("SYSTEM", client_id="feed", scopes=frozenset({"inventory.sync"})),
    )
    await database.close()
