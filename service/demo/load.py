"""Loads the demo world into an empty database by staged COPY in bounded batches; what was cut off goes on next time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from itertools import islice
from typing import Any

import asyncpg

from domain.kit.clock import Clock, now
from service.demo import records
from service.demo.customer_records import customers, users
from service.demo.records import Batch
from service.demo.world import World
from service.ops.progress import Progress
from service.settings import OperatorError, Settings

ACTOR = "demo"
ENABLE_PARTNERS = "update prm_setting set status = 'ENABLED', enabled_at = now() where status <> 'ENABLED'"
CUSTOMERS_A_BATCH = 200
ROWS_A_COPY = 10_000
DEMO_USERS_CUSTOMERS = 3
LOCK_KEY = "forecourt demo"

Connection = Any


async def load_demo(settings: Settings, owner: str, progress: Progress, clock: Clock = now) -> None:
    """Fills the database at `owner`, the migrating role's address, with `settings.demo_vehicles` cars as of today.

    Every batch is one transaction and its ids are those of the world, so that a load that was cut off is taken up
    where it stood and a bigger world of the same network adds to a smaller one. Writes go through the triggers of the
    record tables: history tells of every record. Raises OperatorError where the database holds another demo.
    """
    world = World(vehicles=settings.demo_vehicles, as_of=clock().date())
    await load_world(world, owner, progress)


async def load_world(world: World, owner: str, progress: Progress) -> None:
    """Loads any world; see `load_demo`. Raises ValueError where it has too few customers for the demo's users."""
    if world.customers_count < DEMO_USERS_CUSTOMERS:
        raise ValueError(f"the demo's users need {DEMO_USERS_CUSTOMERS} customers")
    connection = await asyncpg.connect(owner, command_timeout=600)
    try:
        await connection.execute("set search_path = public")
        await connection.execute("select pg_advisory_lock(hashtext($1))", LOCK_KEY)
        await _refuse_another_world(connection, world)
        await _load_foundation(connection, world, progress)
        await _load_customers(connection, world, progress)
        await _load_stock(connection, world, progress)
        with progress.step("Gathering statistics"):
            await connection.execute("analyze")
    finally:
        await connection.close()


async def _refuse_another_world(connection: Connection, world: World) -> None:
    """Ids of two worlds of different networks would mean different things."""
    lots = await connection.fetch("select code, id::text, name from location where kind = 'DEALER_LOT' order by code")
    expected = sorted((dealer.lot.code, dealer.lot.id, dealer.lot.name) for dealer in world.network.dealers)
    if lots and [tuple(lot) for lot in lots] != expected:
        raise OperatorError(
            f"This database holds a demo of {len(lots)} dealers, and {world.vehicles:,} vehicles are sold by "
            f"{len(expected)}. Set FORECOURT_DATA_DIR to a new folder, or FORECOURT_DEMO_VEHICLES as it was."
        )


async def _load_foundation(connection: Connection, world: World, progress: Progress) -> None:
    with progress.step("Loading models, dealers and places") as step:
        async with _writing(connection):
            await connection.execute(ENABLE_PARTNERS)
        for batch in records.foundation(world):
            async with _writing(connection):
                step.advance(await _insert(connection, batch))


async def _load_customers(connection: Connection, world: World, progress: Progress) -> None:
    with progress.step("Loading customers", world.customers_count) as step:
        made = world.customers()
        first = list(islice(world.customers(), DEMO_USERS_CUSTOMERS))
        while some := list(islice(made, CUSTOMERS_A_BATCH)):
            async with _writing(connection):
                await _insert_all(connection, customers(world, some))
            step.advance(len(some))
        async with _writing(connection):
            await _insert_all(connection, users(world, first))


async def _load_stock(connection: Connection, world: World, progress: Progress) -> None:
    with progress.step("Loading vehicles", world.vehicles) as step:
        for columns in world.stock():
            if not await _has_vehicles(connection, columns.id):
                async with _writing(connection):
                    await _insert_all(connection, records.stock(world, columns))
            step.advance(len(columns))


async def _has_vehicles(connection: Connection, ids: Any) -> bool:
    """Whether the batch is there: it was committed as a whole, so its last vehicle tells."""
    last = ids[-1].tobytes()
    found: bool = await connection.fetchval(
        "select exists (select from vehicle where id = encode($1, 'hex')::uuid)", last
    )
    return found


@asynccontextmanager
async def _writing(connection: Connection) -> AsyncIterator[None]:
    async with connection.transaction():
        await connection.execute("select set_config('app.actor', $1, true)", ACTOR)
        yield


async def _insert_all(connection: Connection, batches: Iterable[Batch]) -> None:
    for batch in batches:
        await _insert(connection, batch)


async def _insert(connection: Connection, batch: Batch) -> int:
    """Adds the rows that are not there yet; COPY goes to a temporary table, for row security refuses it elsewhere.

    Returns the number of rows of the batch.
    """
    names = ", ".join(f'"{column}"' for column in batch.columns)
    await connection.execute(
        f'create temporary table staged on commit drop as select {names} from "{batch.table}" with no data'
    )
    for start in range(0, len(batch.rows), ROWS_A_COPY):
        await connection.copy_records_to_table(
            "staged", records=batch.rows[start : start + ROWS_A_COPY], columns=batch.columns
        )
    await connection.execute(
        f'insert into "{batch.table}" ({names}, created_at, updated_at) '
        f"select {names}, now(), now() from staged on conflict (id) do nothing"
    )
    await connection.execute("drop table staged")
    return len(batch.rows)
