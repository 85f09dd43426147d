"""The worker's hands in the queue: pgqueuer's managers, each on connections of its own, begun anew when one fails."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

import asyncpg
import structlog
from pgqueuer.db import AsyncpgPoolDriver
from pgqueuer.models import Job as Entry
from pgqueuer.models import Schedule
from pgqueuer.qm import QueueManager
from pgqueuer.queries import Queries
from pgqueuer.sm import SchedulerManager

from domain.kit.db import STAFF
from domain.kit.periodic import Periodic

log = structlog.get_logger("forecourt.queues")
LEASE = timedelta(seconds=10)
"""A worker that was silent for so long has lost its work to others."""
POLL = timedelta(seconds=1)
Handler = Callable[[int, str], Awaitable[None]]


class Queue:
    """Some entrypoints of the queue, worked by one manager with at most `most` entries in hand."""

    def __init__(self, dsn: str, handlers: dict[str, Handler], most: int, lease: timedelta = LEASE):
        self._dsn = dsn
        self._handlers = handlers
        self._most = most
        self._lease = lease

    async def run(self, stopping: asyncio.Event) -> None:
        """Work until told to stop, then until what is in hand is done; raises when the database goes away."""
        async with _pool(self._dsn) as pool:
            manager = QueueManager(Queries(AsyncpgPoolDriver(pool)))
            for entrypoint, handler in self._handlers.items():
                manager.entrypoint(entrypoint, accepts_context=False)(_entry(handler))
            async with _stopped_by(stopping, manager.shutdown):
                await manager.run(
                    dequeue_timeout=POLL,
                    batch_size=max(1, self._most // 2),
                    max_concurrent_tasks=self._most,
                    heartbeat_timeout=self._lease,
                )


class Clock:
    """Periodic work, each run by one of all workers."""

    def __init__(self, dsn: str, works: list[Periodic], run: Callable[[Periodic], Awaitable[None]]):
        self._dsn = dsn
        self._works = works
        self._run = run

    async def run(self, stopping: asyncio.Event) -> None:
        """Run what is due until told to stop; raises when the database goes away."""
        async with _pool(self._dsn) as pool:
            manager = SchedulerManager(Queries(AsyncpgPoolDriver(pool)))
            for work in self._works:
                manager.schedule(work.name, work.cron, accepts_context=False)(self._due(work))
            async with _stopped_by(stopping, manager.shutdown):
                await manager.run()

    def _due(self, work: Periodic) -> Callable[[Schedule], Awaitable[None]]:
        async def due(_: Schedule) -> None:
            await self._run(work)

        return due


def _entry(handler: Handler) -> Callable[[Entry], Awaitable[None]]:
    async def taken(entry: Entry) -> None:
        await handler(int(entry.id), (entry.payload or b"").decode())

    return taken


async def forever(run: Callable[[asyncio.Event], Awaitable[None]], stopping: asyncio.Event, name: str) -> None:
    """Run again after every fault, a second later, until told to stop."""
    while not stopping.is_set():
        try:
            await run(stopping)
        except Exception as fault:
            log.warning("worker part begins anew", part=name, fault=repr(fault))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), 1)


@contextlib.asynccontextmanager
async def _pool(dsn: str) -> AsyncIterator[asyncpg.Pool]:
    pool = await asyncpg.create_pool(
        dsn,
        min_size=0,
        max_size=4,
        timeout=5,
        command_timeout=30,
        server_settings={
            "role": STAFF,
            "application_name": "forecourt worker queue",
            "timezone": "UTC",
            "search_path": "public",
            "lock_timeout": "5s",
            "jit": "off",
        },
    )
    try:
        yield pool
    finally:
        pool.terminate()


@contextlib.asynccontextmanager
async def _stopped_by(stopping: asyncio.Event, shutdown: asyncio.Event) -> AsyncIterator[None]:
    async def follow() -> None:
        await stopping.wait()
        shutdown.set()

    task = asyncio.create_task(follow())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
