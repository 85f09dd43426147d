"""Loads the demo world into a database by staged COPY in bounded batches; what was cut off goes on next time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any
from zlib import crc32

import asyncpg

from domain.kit.clock import Clock, now
from service.auth.demo import enable_partners, seed_client, seed_users
from service.demo import records
from service.demo.customer_records import customers, saved_searches, users
from service.demo.parts import parts
from service.demo.records import Batch
from service.demo.stock import BLOCK
from service.demo.users import CLIENT, PASSWORD, USERS
from service.demo.workshops import CARS_A_CENTER, cars, workshops
from service.demo.world import World
from service.ops.database import Addresses
from service.ops.progress import Progress
from service.settings import OperatorError, Settings

ACTOR = "demo"
ROWS_A_TRANSACTION = 2_000
CUSTOMERS_A_TRANSACTION = 75
VEHICLES_A_TRANSACTION = ROWS_A_TRANSACTION // (2 + len(records.PRICE_PARTS))  # vehicle, stock entry and prices
QUICK_VEHICLES = 50_000
QUICK_VEHICLES_A_TRANSACTION = BLOCK  # nobody waits for these, and each transaction switches the triggers
QUICK_TABLES = ("vehicle", "stock_entry", "stock_price")
DEMO_USERS_CUSTOMERS = 3
LOCK_KEY = "forecourt demo"

Connection = Any


async def fill(addresses: Addresses, vehicles: int, progress: Progress) -> None:
    """Fills a database that is new, or holds the demo already, with a demo of so many cars.

    Raises OperatorError for a database in real use, for the demo's passwords are published.
    """
    if addresses.owner is None:
        raise OperatorError("FORECOURT_DATABASE_OWNER_URL is not set. Set it to the role that owns the tables.")
    connection = await asyncpg.connect(addresses.owner)
    try:
        await connection.execute("update app.deployment set purpose = 'DEMO' where purpose is null")
        purpose = await connection.fetchval("select purpose from app.deployment")
    finally:
        await connection.close()
    if purpose != "DEMO":
        raise OperatorError(
            "The demo does not go into a database that is in real use, for its passwords are published. Set "
            "FORECOURT_DATA_DIR to a new folder, or FORECOURT_DATABASE_URL to another database."
        )
    await load_world(World(vehicles=vehicles, as_of=now().date()), addresses.owner, progress)
    connection = await asyncpg.connect(addresses.owner)
    try:
        await connection.execute("update app.deployment set demo_loaded_at = now()")
    finally:
        await connection.close()


async def load_demo(settings: Settings, owner: str, progress: Progress, clock: Clock = now) -> None:
    """Fills the database at `owner`, the migrating role's address, with `settings.demo_vehicles` cars as of today.

    Every batch is one transaction and its ids are those of the world, so that a load that was cut off is taken up
    where it stood and a bigger world of the same network adds to a smaller one. Raises OperatorError where the
    database holds another demo.
    """
    world = World(vehicles=settings.demo_vehicles, as_of=clock().date())
    await load_world(world, owner, progress)


async def load_world(world: World, owner: str, progress: Progress, quick_from: int = QUICK_VEHICLES) -> None:
    """Loads any world; see `load_demo`. Raises ValueError where it has too few customers for the demo's users.

    Writes go through the triggers of the record tables, so that history tells of every value and whoever follows it
    sees the cars come. The cars of worlds bigger than `quick_from` are loaded without, while nobody else is connected:
    history then tells that they were made, not with which values, and a new epoch makes followers load anew.
    """
    if world.customers_count < DEMO_USERS_CUSTOMERS:
        raise ValueError(f"the demo's users need {DEMO_USERS_CUSTOMERS} customers")
    connection = await asyncpg.connect(owner, command_timeout=600)
    try:
        await connection.execute("set search_path = public")
        await connection.execute("select set_config('app.actor', $1, false)", ACTOR)
        await connection.execute("select pg_advisory_lock(hashtext($1))", LOCK_KEY)
        await _refuse_another_world(connection, world)
        await _load_foundation(connection, world, progress)
        await _load_customers(connection, world, progress)
        quick = world.vehicles > quick_from and not await _in_use(connection)
        if world.vehicles > quick_from and not quick:
            progress.line("Others are connected and must see each vehicle come, which takes three times as long.")
        await _load_stock(connection, world, progress, quick)
        await _load_workshops(connection, world, progress)
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


async def _in_use(connection: Connection) -> bool:
    found: bool = await connection.fetchval(
        "select exists (select from pg_stat_activity where datname = current_database() and usesysid is not null "
        "and pid <> pg_backend_pid())"
    )
    return found


async def _load_foundation(connection: Connection, world: World, progress: Progress) -> None:
    with progress.step("Loading models, dealers and places") as step:
        await enable_partners(connection)
        for batch in (*records.foundation(world), *parts(world)):
            for part in _parts(batch):
                async with connection.transaction():
                    step.advance(await _insert(connection, part))


async def _load_customers(connection: Connection, world: World, progress: Progress) -> None:
    with progress.step("Loading customers", world.customers_count) as step:
        made = world.customers()
        first = list(islice(world.customers(), DEMO_USERS_CUSTOMERS))
        while some := list(islice(made, CUSTOMERS_A_TRANSACTION)):
            async with connection.transaction():
                await _insert_all(connection, customers(world, some))
            step.advance(len(some))
        contacts, people = users(world, first)
        async with connection.transaction():
            await _insert(connection, contacts)
            await seed_users(connection, people, PASSWORD)
            await _insert(connection, saved_searches(people))
            await seed_client(connection, CLIENT.client_id, CLIENT.name, CLIENT.secret, CLIENT.scopes)


async def _load_stock(connection: Connection, world: World, progress: Progress, quick: bool) -> None:
    most = QUICK_VEHICLES_A_TRANSACTION if quick else VEHICLES_A_TRANSACTION
    with progress.step("Loading vehicles", world.vehicles) as step:
        for block in world.stock():
            for start in range(0, len(block), most):
                columns = block.part(start, start + most)
                if not await _has_vehicles(connection, columns.id):
                    batches = records.stock(world, columns)
                    async with connection.transaction():
                        await (_insert_quickly if quick else _insert_all)(connection, batches)
                step.advance(len(columns))
        if quick:
            await connection.execute("update app.deployment set epoch = gen_random_uuid(), began_at = now()")


async def _load_workshops(connection: Connection, world: World, progress: Progress) -> None:
    with progress.step("Loading service centers") as step:
        logins = {user.email: user.login for user in USERS}
        rows = await connection.fetch('select id::text, email from "user" where email = any($1)', list(logins))
        users = {logins[email]: id for id, email in rows}
        for batch in (*workshops(world, users), *cars(world, await _cars_to_drive(connection))):
            for part in _parts(batch):
                async with connection.transaction():
                    step.advance(await _insert(connection, part))


async def _cars_to_drive(connection: Connection) -> dict[str, list[str]]:
    """The first cars that each dealer can lend, demo cars before others; those that a centre has stay first."""
    rows = await connection.fetch(
        "select account, array_agg(vehicle order by place) from ("
        "  select e.dealer_account_id::text as account, e.vehicle_id::text as vehicle,"
        "         row_number() over (partition by e.dealer_account_id"
        "                            order by d.id is null, l.id is null, v.condition <> 'DEMO', v.id) as place"
        "    from stock_entry e join vehicle v on v.id = e.vehicle_id"
        "    left join demo_vehicle d on d.vehicle_id = v.id left join loaner_vehicle l on l.vehicle_id = v.id"
        "   where e.left_on is null and e.status = 'IN_STOCK' and e.holds = '{}'"
        "     and e.dealer_account_id is not null) c where place <= $1 group by account",
        2 * CARS_A_CENTER,
    )
    return dict(rows)


async def _has_vehicles(connection: Connection, ids: Any) -> bool:
    """Whether the batch is there: it was committed as a whole, so its last vehicle tells."""
    last = ids[-1].tobytes()
    found: bool = await connection.fetchval(
        "select exists (select from vehicle where id = encode($1, 'hex')::uuid)", last
    )
    return found


def _parts(batch: Batch) -> Iterator[Batch]:
    for start in range(0, len(batch.rows), ROWS_A_TRANSACTION):
        yield batch._replace(rows=batch.rows[start : start + ROWS_A_TRANSACTION])


async def _insert_all(connection: Connection, batches: Iterable[Batch]) -> None:
    for batch in batches:
        await _insert(connection, batch)


async def _insert(connection: Connection, batch: Batch) -> int:
    """Adds the rows that are not there yet and returns how many the batch has."""
    await connection.execute(_adding(batch, await _stage(connection, batch)))
    return len(batch.rows)


async def _insert_quickly(connection: Connection, batches: Iterable[Batch]) -> None:
    """Adds rows without triggers, which come back with the end of the transaction, however it ends.

    What the triggers keep, the rows hold already: the cars of a world have no external keys, and the dealer and the
    audience of their open stock entry.
    """
    await connection.execute("; ".join(f"alter table {table} disable trigger user" for table in QUICK_TABLES))
    for batch in batches:
        staged = await _stage(connection, batch)
        await connection.execute(
            f"with made as ({_adding(batch, staged)} returning id) "
            "insert into history (at, entity, record_id, version, op, actor, changes) "
            f"select now(), '{batch.table}', id, 1, 'CREATE', '{ACTOR}', '{{}}' from made"
        )
    await connection.execute("; ".join(f"alter table {table} enable trigger user" for table in QUICK_TABLES))


async def _stage(connection: Connection, batch: Batch) -> str:
    """COPY goes to a temporary table, for row security refuses it elsewhere; it is empty after each transaction."""
    staged = f"staged_{crc32(' '.join((batch.table, *batch.columns)).encode())}"
    await connection.execute(
        f"set local client_min_messages = warning; create temporary table if not exists {staged} on commit delete rows "
        f'as select {_names(batch)} from "{batch.table}" with no data'
    )
    await connection.copy_records_to_table(staged, records=batch.rows, columns=batch.columns)
    return staged


def _adding(batch: Batch, staged: str) -> str:
    names = _names(batch)
    return (
        f'insert into "{batch.table}" ({names}, created_at, updated_at) '
        f"select {names}, now(), now() from {staged} on conflict (id) do nothing"
    )


def _names(batch: Batch) -> str:
    return ", ".join(f'"{column}"' for column in batch.columns)
