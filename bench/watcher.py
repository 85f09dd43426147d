"""A process that follows the stock as a web worker does and notes when each of a series of writes is searchable.

It takes its task, a `Watch` as JSON, from standard input and prints READY when its index is loaded.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

import msgspec
import structlog
import uvloop

from domain.kit.db import Database
from inventory.follower import StockFollower
from inventory.index import EVERYTHING, StockIndex

READY = "ready"
LOOK_SECONDS = 0.0005
FIRST_PRICE = 10_000_00
"""In cents: write k gives its vehicle this and a dollar for each write before."""


class Watch(msgspec.Struct):
    """What a watcher is told."""

    dsn: str
    vehicles: list[str]
    """Write k changes vehicle k modulo their number."""
    writes: int
    seen: str
    """The file into which it writes at the end when it first saw each write: CLOCK_MONOTONIC seconds as JSON."""


def price_of(write: int) -> int:
    """The price in cents by which a write is known."""
    return FIRST_PRICE + 100 * write


async def watch(task: Watch) -> list[float]:
    """Follows until the last write is seen; when each was. One writer's commits become visible in their order."""
    follower = StockFollower(Database(task.dsn), StockIndex(secret=b"w" * 32))
    await follower.load()
    running = asyncio.create_task(follower.run())
    print(READY, flush=True)
    seen: list[float] = []
    while len(seen) < task.writes:
        now = time.monotonic()
        while len(seen) < task.writes and _is_visible(follower.index, task.vehicles, len(seen)):
            seen.append(now)
        await asyncio.sleep(LOOK_SECONDS)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await follower.database.close()
    return seen


def _is_visible(index: StockIndex, vehicles: list[str], write: int) -> bool:
    shown = index.get(vehicles[write % len(vehicles)], EVERYTHING)
    price = price_of(write)
    return shown is not None and b'"amount":"%d.%02d"' % divmod(price, 100) in bytes(shown)


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))  # standard output is ours
    told = msgspec.json.decode(sys.stdin.buffer.read(), type=Watch)
    Path(told.seen).write_bytes(msgspec.json.encode(uvloop.run(watch(told))))
