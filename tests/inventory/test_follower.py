"""The index stays equal to the database, whatever order transactions commit in and whoever dies."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import date

import asyncpg
import pytest

from domain.kit import feed
from domain.kit.db import Database
from domain.kit.errors import Malformed, Unavailable
from domain.kit.policy import Principal
from domain.kit.store import Context
from inventory.criteria import Criteria, Near, SearchRequest, Sort
from inventory.follower import StockFollower, rows
from inventory.index import EVERYTHING, StockIndex
from inventory.records import Location, StockEntry, Vehicle
from service.ops.database import Addresses

pytestmark = pytest.mark.postgres_versions
SYNC = Principal("SYSTEM", client_id="dms", scopes=frozenset({"inventory.sync"}))


@pytest.fixture
async def pools(fresh_database: Addresses) -> AsyncIterator[Database]:
    found = Database(fresh_database.service, most=16)
    yield found
    await found.close()


async def _vehicle(pools: Database, **entry: object) -> tuple[str, str]:
    async with pools.acting(SYNC) as connection:
        ctx = Context(connection, SYNC)
        vehicle = await ctx.create(Vehicle, make="Toyota", model="Corolla", condition="USED")
        made = await ctx.create(StockEntry, vehicle_id=vehicle.id, in_stock_since=date(2026, 1, 1), **entry)
        return vehicle.id, made.id


async def _same(pools: Database, follower: StockFollower) -> bool:
    """Whether a fresh load finds exactly what the index answers."""
    async with pools.reading() as connection:
        fresh = StockIndex(secret=b"x" * 32)
        fresh.load(await rows(connection), "")
    request = SearchRequest(criteria=Criteria(status=[]), limit=200, sort=[Sort(by="price", order="asc")])
    ours, theirs = follower.index.search(request, EVERYTHING), fresh.search(request, EVERYTHING)
    assert ours.total == theirs.total <= 200
    return [bytes(item) for item in ours.items] == [bytes(item) for item in theirs.items]


def _follower(pools: Database) -> StockFollower:
    return StockFollower(pools, StockIndex(secret=b"x" * 32))


async def test_a_new_vehicle_a_price_and_a_moved_location_reach_the_index(pools: Database) -> None:
    follower = _follower(pools)
    await follower.load()
    vehicle, entry = await _vehicle(pools)
    await follower.poll()
    assert follower.index.count == 1
    async with pools.acting(SYNC) as connection:
        ctx = Context(connection, SYNC)
        lot = await ctx.create(Location, code="L-1", name="Lot", kind="DEALER_LOT", latitude=40.0, longitude=-74.0)
        await ctx.update(await ctx.get(StockEntry, entry), location_id=lot.id, stock_number="S-1")
    await follower.poll()
    async with pools.acting(SYNC) as connection:
        ctx = Context(connection, SYNC)
        await ctx.update(await ctx.get(Location, lot.id), latitude=41.0)
    await follower.poll()
    near = SearchRequest(criteria=Criteria(near=Near(latitude=41.0, longitude=-74.0, radius_km=1.0)))
    assert follower.index.search(near, EVERYTHING).total == 1
    assert await _same(pools, follower)
    assert vehicle in bytes(follower.index.search(near, EVERYTHING).items[0]).decode()


async def test_a_transaction_that_began_early_and_commits_late_is_not_lost(pools: Database) -> None:
    _, first = await _vehicle(pools)
    _, second = await _vehicle(pools)
    follower = _follower(pools)
    await follower.load()
    async with pools.acting(SYNC) as early:
        ctx = Context(early, SYNC)
        await ctx.update(await ctx.get(StockEntry, first), stock_number="late")
        async with pools.acting(SYNC) as connection:
            ctx = Context(connection, SYNC)
            await ctx.update(await ctx.get(StockEntry, second), stock_number="quick")
        await follower.poll()
    await follower.poll()
    assert await _same(pools, follower)


async def test_the_index_equals_the_database_after_writers_with_random_delays_and_kills(pools: Database) -> None:
    entries = [(await _vehicle(pools))[1] for _ in range(40)]
    follower = _follower(pools)
    await follower.load()
    running = asyncio.create_task(follower.run())
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)

    async def writer(own: random.Random) -> None:
        for _ in range(15):
            try:
                async with pools.acting(SYNC) as connection:
                    ctx = Context(connection, SYNC)
                    for entry in sorted(own.sample(entries, own.randint(1, 3))):
                        record = await ctx.get(StockEntry, entry, lock=True)
                        await ctx.update(record, stock_number=f"S-{own.randrange(10**6)}", status=own.choice(
                            ["IN_STOCK", "RESERVED", "IN_TRANSIT"]))  # fmt: skip
                        await asyncio.sleep(own.choice((0, 0, 0.01, 0.03)))
                    if own.random() < 0.15:
                        raise _Undone
                    if own.random() < 0.1:
                        await connection.execute("select pg_terminate_backend(pg_backend_pid())")
            except (_Undone, asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                continue

    await asyncio.gather(*(writer(random.Random(chance.randrange(2**32))) for _ in range(8)))
    async with pools.acting(SYNC) as connection:
        token = feed.written(
            str(await connection.fetchval("select app.epoch()")),
            str(await connection.fetchval("select pg_current_xact_id()::text")),
            str(await connection.fetchval("select pg_current_snapshot()::text")),
        )
    await follower.reached(token, 5)
    assert await _same(pools, follower)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


class _Undone(Exception):
    pass


async def test_waiting_for_a_write_that_never_comes_ends(pools: Database) -> None:
    follower = _follower(pools)
    await follower.load()
    token = feed.written(follower.mark.epoch, "999999999", "1-2-")
    with pytest.raises(Unavailable):
        await follower.reached(token, 0.05)
    for bad in ("x", "AAAA", "1.2.3", "9" * 40, follower.mark.epoch + ".x.1-2-"):
        with pytest.raises(Malformed):
            await follower.reached(bad, 0.05)


async def test_a_new_epoch_loads_the_index_anew(pools: Database, fresh_database: Addresses) -> None:
    follower = _follower(pools)
    await follower.load()
    await _vehicle(pools)
    assert fresh_database.owner is not None
    owner = await asyncpg.connect(fresh_database.owner)
    await owner.execute("update app.deployment set epoch = gen_random_uuid()")
    await owner.close()
    await follower.poll()
    assert not follower.ready
    running = asyncio.create_task(follower.run())
    async with pools.reading() as connection:
        mark = await feed.begin(connection)
    await follower.reached(mark.token, 5)
    assert follower.ready
    assert follower.index.count == 1
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def test_a_mark_sees_what_its_snapshot_saw() -> None:
    mark = feed.Mark("e", "10:15:10,12")
    assert [xid for xid in range(8, 17) if mark.sees(xid)] == [8, 9, 11, 13, 14]
    assert mark.covers(feed.Mark("e", "10:15:10,12"))
    assert mark.covers(feed.Mark("e", "9:12:10"))
    assert not mark.covers(feed.Mark("e", "11:15:12"))
    assert not mark.covers(feed.Mark("other", "9:12:10"))
    assert feed.parse(mark.token.replace("=", "")) == mark
