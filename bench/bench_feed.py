"""How long after its commit is a write searchable? 200 writes a second for five seconds, one following process."""

from __future__ import annotations

import asyncio
import time
from datetime import date

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.data import served
from domain.kit.db import Database
from domain.kit.policy import Principal
from domain.kit.store import Context
from inventory.follower import StockFollower
from inventory.index import EVERYTHING, StockIndex
from inventory.records import StockEntry, Vehicle
from service.ops.database import Addresses

VEHICLES, WRITES_A_SECOND, SECONDS = 200, 200, 5
SYNC = Principal("SYSTEM", client_id="bench", scopes=frozenset({"inventory.sync"}))


async def _stock(database: Database) -> list[tuple[str, str]]:
    found = []
    async with database.acting(SYNC) as connection:
        ctx = Context(connection, SYNC)
        for _ in range(VEHICLES):
            vehicle = await ctx.create(Vehicle, make="Toyota", model="Corolla", condition="USED")
            entry = await ctx.create(StockEntry, vehicle_id=vehicle.id, in_stock_since=date(2026, 1, 1))
            found.append((vehicle.id, entry.id))
    return found


async def _lags(addresses: Addresses) -> list[float]:
    """Seconds from commit to visibility in the index, a value a write."""
    database = Database(addresses.service)
    follower = StockFollower(database, StockIndex(secret=b"b" * 32))
    stock = await _stock(database)
    await follower.load()
    running = asyncio.create_task(follower.run())
    lags: list[float] = []

    async def write(number: int) -> None:
        vehicle, entry = stock[number % VEHICLES]
        mark = f"W-{number}"
        async with database.acting(SYNC) as connection:
            await connection.execute("update stock_entry set stock_number = $1 where id = $2", mark, entry)
        committed = time.monotonic()
        while True:
            shown = follower.index.get(vehicle, EVERYTHING)
            if shown is not None and f'"{mark}"'.encode() in bytes(shown):
                break
            await asyncio.sleep(0.001)
        lags.append(time.monotonic() - committed)

    started = time.monotonic()
    tasks: list[asyncio.Task[None]] = []
    for number in range(WRITES_A_SECOND * SECONDS):
        await asyncio.sleep(max(0.0, started + number / WRITES_A_SECOND - time.monotonic()))
        if number >= VEHICLES:
            await tasks[number - VEHICLES]  # the same vehicle's write before has been seen
        tasks.append(asyncio.create_task(write(number)))
    await asyncio.gather(*tasks)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await database.close()
    return lags


@pytest.mark.benchmark(group="lag of the index behind commits")
def bench_follower_lag_at_200_writes_a_second(benchmark: BenchmarkFixture) -> None:
    with served("bench_feed") as addresses:
        lags = benchmark.pedantic(lambda: asyncio.run(_lags(addresses)), rounds=1)  # type: ignore[no-untyped-call]
    for name, part in (("p50", 50), ("p90", 90), ("p99", 99), ("max", 100)):
        benchmark.extra_info[f"{name}_ms"] = round(float(np.percentile(lags, part)) * 1000, 1)
    print(benchmark.extra_info)
