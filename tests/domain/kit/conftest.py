"""A database with the tests' record type, two dealers and people who work for them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime

import asyncpg
import msgspec
import pytest

from domain.accounts import Account
from domain.kit.db import Database, Deed
from domain.kit.ids import new_id
from domain.kit.policy import Principal
from domain.kit.query import Cursors
from domain.kit.schema import statements
from domain.kit.store import Context
from service.ops.database import Addresses
from tests.domain.kit.inquiry import Inquiry

MOMENT = datetime(2026, 3, 1, 12, tzinfo=UTC)


class World(msgspec.Struct, frozen=True, kw_only=True):
    """Two dealers; `seller` and `manager` work for North, `rival` for South."""

    database: Database
    cursors: Cursors
    owner: str
    north: str
    south: str
    seller: Principal
    manager: Principal
    rival: Principal
    staff: Principal
    customer: Principal

    def as_(self, principal: Principal, *, readonly: bool = False) -> AbstractAsyncContextManager[Context]:
        """A transaction of the principal at a fixed moment."""
        return _context(self.database, principal, readonly)


def _context(database: Database, principal: Principal, readonly: bool) -> AbstractAsyncContextManager[Context]:
    from contextlib import asynccontextmanager

    @asynccontextmanager
    async def opened() -> AsyncIterator[Context]:
        deed = Deed(request_id="r-1", at=MOMENT)
        async with database.acting(principal, deed, readonly=readonly) as connection:
            yield Context(connection, principal, deed=deed)

    return opened()


def partner(account: str, *roles: str) -> Principal:
    """Somebody who works for a dealer in these roles."""
    held = frozenset(roles)
    return Principal(
        "PARTNER", user_id=new_id(), account_id=account, units=(account,), roles=held, roles_at={account: held}
    )


@pytest.fixture(scope="session")
async def world(database: Addresses) -> AsyncIterator[World]:
    """The world of the kit's tests; each test makes its own rows in it."""
    assert database.owner is not None
    connection = await asyncpg.connect(database.owner)
    for statement in statements([Inquiry.entity]):
        await connection.execute(statement.sql)
    await connection.close()
    pools = Database(database.service, most=4)
    staff = Principal("STAFF", user_id=new_id(), roles=frozenset({"ADMIN"}))
    async with pools.acting(staff) as acting:
        ctx = Context(acting, staff)
        north = await ctx.create(Account, kind="BUSINESS", type="DEALER", name="North")
        south = await ctx.create(Account, kind="BUSINESS", type="DEALER", name="South")
    yield World(
        database=pools,
        cursors=Cursors(b"secret"),
        owner=database.owner,
        north=north.id,
        south=south.id,
        seller=partner(north.id, "SALES"),
        manager=partner(north.id, "SALES", "SALES_MANAGER"),
        rival=partner(south.id, "SALES"),
        staff=staff,
        customer=Principal("CUSTOMER", user_id=new_id(), account_id=new_id()),
    )
    await pools.close()
