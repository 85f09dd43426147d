"""The queue between requests and workers: pushed to in the caller's transaction, workers are woken after it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import asyncpg
import msgspec
import structlog

from domain.kit.db import READER, Database

if TYPE_CHECKING:
    from domain.kit.store import Context

log = structlog.get_logger("forecourt.queue")
CHANNEL = "ch_pgqueuer"
MERGED_SECONDS = 0.01


async def push(
    ctx: Context, entrypoint: str, record_id: str, *, delay: timedelta = timedelta(0), priority: int = 0
) -> None:
    """Hand a record to the workers of an entrypoint; taken back with the transaction, seen after its commit."""
    await ctx.db.execute("select app.push($1, $2, $3, $4)", entrypoint, record_id, delay, priority)
    ctx.pushed = True


class Bell:
    """Wakes the workers after commits of this process, at most once in ten milliseconds.

    Never from within a writing transaction: commits that notify wait for each other. A lost ring costs one poll.
    """

    def __init__(self, database: Database):
        self._database = database
        self._ringing: asyncio.Task[None] | None = None

    def ring(self) -> None:
        """Wake them soon; rings before that are one."""
        if self._ringing is None:
            self._ringing = asyncio.create_task(self._ring())

    async def _ring(self) -> None:
        await asyncio.sleep(MERGED_SECONDS)
        self._ringing = None
        event = {
            "channel": CHANNEL,
            "sent_at": datetime.now(UTC).isoformat(),
            "type": "table_changed_event",
            "operation": "insert",
            "table": "pgqueuer",
        }
        try:
            pool = await self._database.pool(READER)
            await pool.execute("select pg_notify($1, $2)", CHANNEL, msgspec.json.encode(event).decode())
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as fault:
            log.info("workers not woken; they will poll", fault=repr(fault))
