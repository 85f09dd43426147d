"""PostgreSQL: one pool for each class of row policies, and transactions that carry who asks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TypeAlias

import asyncpg
import msgspec
from asyncpg.pool import PoolConnectionProxy

from domain.kit.policy import ROLE_CLASS, Principal

Connection: TypeAlias = PoolConnectionProxy
READER = "forecourt_reader"
STAFF = "forecourt_staff"
_jsonb = msgspec.json.Encoder()


async def _prepare(connection: asyncpg.Connection) -> None:
    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        encoder=lambda value: b"\x01" + _jsonb.encode(value),
        decoder=lambda raw: msgspec.json.decode(raw[1:]),
        format="binary",
    )
    await connection.set_type_codec("uuid", schema="pg_catalog", encoder=str, decoder=str, format="text")


async def _no_reset(connection: asyncpg.Connection) -> None:
    """Nothing to reset: all settings are transaction-local, and the default reset costs a round trip a request."""


def literal(text: str) -> str:
    """A text as an SQL literal, for the few places where no parameter can stand."""
    if "\x00" in text:
        raise ValueError("texts cannot hold U+0000")
    escaped = text.replace("'", "''")
    return f"E'{escaped.replace(chr(92), chr(92) * 2)}'" if "\\" in escaped else f"'{escaped}'"


def array_literal(items: tuple[str, ...] | list[str] | frozenset[str]) -> str:
    """The text of an array value: {"a","b"}."""
    return "{" + ",".join('"' + item.replace("\\", "\\\\").replace('"', '\\"') + '"' for item in items) + "}"


class Deed(msgspec.Struct, frozen=True):
    """What the history tells about a transaction besides who: which command, which request, which moment."""

    command: str = ""
    request_id: str = ""
    on_behalf_of: str = ""
    at: datetime | None = None


class Database:
    """The pools of one process: row policies are written for classes of roles, and a pool's connections are of one."""

    def __init__(self, dsn: str, *, most: int = 8, application: str = "forecourt"):
        self.dsn = dsn
        self.most = most
        self.application = application
        self._pools: dict[str, asyncpg.Pool] = {}
        self._opening = asyncio.Lock()

    async def pool(self, role: str) -> asyncpg.Pool:
        """The pool of a class, opened when first asked for."""
        found = self._pools.get(role)
        if found is not None:
            return found
        async with self._opening:
            if role not in self._pools:
                self._pools[role] = await asyncpg.create_pool(
                    self.dsn,
                    min_size=0,
                    max_size=self.most,
                    init=_prepare,
                    reset=_no_reset,
                    max_inactive_connection_lifetime=120,
                    timeout=5,
                    command_timeout=60,
                    server_settings={
                        "role": role,
                        "application_name": f"{self.application} {role}",
                        "timezone": "UTC",
                        "statement_timeout": "30s",
                        "lock_timeout": "5s",
                        "idle_in_transaction_session_timeout": "30s",
                        "jit": "off",
                        # Over the OR of a policy's arms a bitmap reads every row of the caller before it sorts; each
                        # arm's index is in the order of lists (access._branches), so the first rows come at once.
                        "enable_bitmapscan": "on" if role in (STAFF, READER) else "off",
                        "search_path": "public",
                    },
                )
            return self._pools[role]

    def usage(self) -> dict[str, tuple[int, int]]:
        """Open and busy connections of each class whose pool is open."""
        sizes = {role: pool.get_size() for role, pool in self._pools.items()}
        return {role: (sizes[role], sizes[role] - pool.get_idle_size()) for role, pool in self._pools.items()}

    async def close(self) -> None:
        """Close all pools; connections in use are given five seconds."""
        pools, self._pools = list(self._pools.values()), {}
        for pool in pools:
            try:
                await asyncio.wait_for(pool.close(), 5)
            except TimeoutError:
                pool.terminate()

    @asynccontextmanager
    async def acting(
        self, principal: Principal, deed: Deed | None = None, *, readonly: bool = False
    ) -> AsyncIterator[Connection]:
        """A transaction as the principal: row policies of the persona's class, identity set for it alone.

        Commits when the block ends, rolls back when it raises. A commit whose answer is lost raises the driver's
        error: whether it happened is then unknown.
        """
        pool = await self.pool(ROLE_CLASS[principal.persona])
        async with pool.acquire(timeout=5) as connection:
            await connection.execute(opening(principal, deed or Deed(), readonly))
            try:
                yield connection
            except BaseException:
                await _undo(connection)
                raise
            try:
                await connection.execute("commit")
            except BaseException:
                connection.terminate()
                raise

    @asynccontextmanager
    async def reading(self, role: str = READER) -> AsyncIterator[Connection]:
        """A read-only REPEATABLE READ transaction of the index and the feed: one snapshot for all its statements."""
        pool = await self.pool(role)
        async with (
            pool.acquire(timeout=5) as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            yield connection


async def _undo(connection: Connection) -> None:
    """Roll back; a connection that cannot is ended, so that no half-done transaction goes back into the pool."""
    try:
        await asyncio.shield(asyncio.wait_for(connection.execute("rollback"), 5))
    except BaseException:
        connection.terminate()


_ABSENT = {"units": "{}", "group_units": "{}", "brands": "*"}
"""What the functions of schema app take an absent setting for: each that is sent costs every request its time."""


def opening(principal: Principal, deed: Deed, readonly: bool) -> str:
    """The one simple-protocol message that begins a transaction and says who acts in it."""
    settings = {
        "uid": principal.user_id or "",
        "contact": principal.contact_id or "",
        "units": array_literal(principal.units),
        "group_units": array_literal(principal.group_units),
        "audiences": array_literal(audiences(principal)),
        "brands": "*" if principal.brands is None else array_literal(sorted(principal.brands)),
    }
    if not readonly:  # what the history tells
        settings |= {
            "actor": principal.name,
            "command": deed.command,
            "request": deed.request_id,
            "on_behalf_of": deed.on_behalf_of,
        }
    if deed.at is not None:
        settings["now"] = deed.at.isoformat()
    told = {name: value for name, value in settings.items() if value not in ("", _ABSENT.get(name))}
    sets = "".join(f"; set local app.{name} = {literal(value)}" for name, value in told.items())
    return ("begin read only" if readonly else "begin") + sets


PUBLIC_AUDIENCE = 2
NETWORK_AUDIENCE = 1


def audiences(principal: Principal) -> tuple[str, ...]:
    """The audience codes whose rows are open to the principal: 1 the dealers' network, 2 the public."""
    return (str(NETWORK_AUDIENCE), str(PUBLIC_AUDIENCE)) if principal.persona == "PARTNER" else (str(PUBLIC_AUDIENCE),)


async def written(connection: Connection) -> tuple[str, str, str] | None:
    """The database's epoch, the transaction's id and the snapshot it sees, if it has written anything."""
    row = await connection.fetchrow(
        "select app.epoch()::text, pg_current_xact_id_if_assigned()::text, pg_current_snapshot()::text"
    )
    return None if row[1] is None else tuple(row)
