"""How long after its commit does every worker find a write? One SQL client writes 1,000 vehicles a second.

It does not wait for the disk, one durable commit after the other would not reach that rate on every machine.
BENCH_VEHICLES makes the stock larger than 20,000 vehicles, BENCH_WRITES the rate another.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import asyncpg
import msgspec
import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.data import loading, served
from bench.watcher import READY, Watch, price_of
from service.ops.database import Addresses

VEHICLES = int(os.environ.get("BENCH_VEHICLES", "20000"))
WRITES_A_SECOND = int(os.environ.get("BENCH_WRITES", "1000"))
SECONDS, WORKERS = 10, 2
_STOCK = f"""
insert into vehicle (id, created_at, updated_at, make, model, condition)
select ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, now(), now(), 'Make ' || n % 40,
       'Model ' || n % 400, 'USED'
  from generate_series(0, {VEHICLES - 1}) n;
insert into stock_entry (id, created_at, updated_at, vehicle_id, in_stock_since, price_minor, price_currency)
select ('00000000-0000-7000-9000-' || lpad(to_hex(n), 12, '0'))::uuid, now(), now(),
       ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, date '2026-01-01', 1, 'USD'
  from generate_series(0, {VEHICLES - 1}) n"""
_WRITE = """
update stock_entry set price_minor = $2, status = case status when 'IN_STOCK' then 'RESERVED' else 'IN_STOCK' end
 where id = $1"""


def _scattered() -> list[int]:
    """All vehicles, neighbours far apart, so that writes touch the whole index."""
    numbers: list[int] = np.random.default_rng(20_261_120).permutation(VEHICLES).tolist()
    return numbers


async def _filled(addresses: Addresses) -> None:
    async with loading(addresses, "vehicle", "stock_entry") as connection:
        await connection.execute(_STOCK)


async def _write(addresses: Addresses, entries: list[str], count: int) -> list[float]:
    """When each write was committed, CLOCK_MONOTONIC; the next is never sent before its time."""
    assert addresses.owner is not None
    connection = await asyncpg.connect(addresses.owner)
    await connection.execute("set search_path = public")
    await connection.execute("select set_config('app.actor', 'bench', false)")
    await connection.execute("set synchronous_commit = off")
    statement = await connection.prepare(_WRITE)
    committed = []
    started = time.monotonic()
    for number in range(count):
        due = started + number / WRITES_A_SECOND - time.monotonic()
        if due > 0:
            await asyncio.sleep(due)
        await statement.fetch(entries[number % len(entries)], price_of(number))
        committed.append(time.monotonic())
    await connection.close()
    return committed


def _lags(addresses: Addresses, folder: Path) -> tuple[list[list[float]], float]:
    """Seconds from commit to visibility, for each worker each write; and how many writes a second there were."""
    order = _scattered()
    vehicles = [f"00000000-0000-7000-8000-{number:012x}" for number in order]
    entries = [f"00000000-0000-7000-9000-{number:012x}" for number in order]
    count = WRITES_A_SECOND * SECONDS
    seen = [folder / f"seen-{number}" for number in range(WORKERS)]
    tasks = [msgspec.json.encode(Watch(addresses.service, vehicles, count, str(file))) for file in seen]
    command = [sys.executable, "-m", "bench.watcher"]
    workers = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(WORKERS)]
    try:
        for worker, task in zip(workers, tasks, strict=True):
            assert worker.stdin is not None
            worker.stdin.write(task)
            worker.stdin.close()
        for worker in workers:
            assert worker.stdout is not None
            assert worker.stdout.readline().strip() == READY.encode(), "a worker has died"
        committed = asyncio.run(_write(addresses, entries, count))
        for worker in workers:
            assert worker.wait(SECONDS + 60) == 0, f"a worker has ended with {worker.returncode}"
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
    shown = [msgspec.json.decode(file.read_bytes(), type=list[float]) for file in seen]
    lags = [[max(0.0, at - when) for at, when in zip(each, committed, strict=True)] for each in shown]
    return lags, (count - 1) / (committed[-1] - committed[0])


@pytest.mark.benchmark(group="from commit to visibility on every worker")
def bench_write_to_visible_on_every_worker(
    benchmark: BenchmarkFixture, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with served("bench_visible") as addresses:
        asyncio.run(_filled(addresses))
        lags, rate = benchmark.pedantic(_lags, (addresses, tmp_path), rounds=1)  # type: ignore[no-untyped-call]
    slowest = np.max(np.array(lags), axis=0)  # a write is visible when the last worker shows it
    figures = {f"p{part}_ms": round(float(np.percentile(slowest, part)) * 1000, 1) for part in (50, 90, 99, 100)}
    benchmark.extra_info |= {"vehicles": VEHICLES, "writes_a_second": round(rate), **figures}
    with capsys.disabled():
        print(
            f"\n{VEHICLES:,} vehicles, {WORKERS} workers, {rate:,.0f} writes a second: {figures} (p99 at most 100 ms)"
        )
