"""Instances of the benchmarks by name: a server of their own, fixed seeds, sizes that their names tell."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg

from service.ops import postgres
from service.ops.database import Addresses, migrate, prepared
from service.settings import Settings

SECRET = "benchmarks sign their cursors with this text"  # noqa: S105 - of a throw-away database


@contextlib.contextmanager
def served(name: str) -> Iterator[Addresses]:
    """A migrated, empty database on a server that lives as long as the block; commits are durable."""
    with (
        tempfile.TemporaryDirectory(prefix="forecourt-bench-") as folder,
        postgres.start(Path(folder) / "pg") as server,
    ):
        yield asyncio.run(_migrated(server, name))


async def _migrated(server: postgres.Server, name: str) -> Addresses:
    addresses = await prepared(server, name)
    await migrate(addresses)
    return addresses


def settings(addresses: Addresses) -> Settings:
    """Settings of a service on the database."""
    return Settings(database_url=addresses.service, secret_key=SECRET, data_dir=Path(tempfile.gettempdir()))


@contextlib.asynccontextmanager
async def loading(addresses: Addresses, *tables: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection of the owner with the triggers of these tables off, for bulk rows that no history need tell."""
    assert addresses.owner is not None
    connection = await asyncpg.connect(addresses.owner)
    try:
        for table in tables:
            await connection.execute(f"alter table {table} disable trigger user")
        yield connection
        for table in tables:
            await connection.execute(f"alter table {table} enable trigger user")
            await connection.execute(f"analyze {table}")
    finally:
        await connection.close()
