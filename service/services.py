"""What the parts of one process share: settings, database, cursors, clock; made in `create_app` and in the worker."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from domain.appointments.links import PART, Links
from domain.appointments.parts import parts_ready
from domain.kit.clock import Clock, now
from domain.kit.db import Database, Deed
from domain.kit.ids import Ids, new_id
from domain.kit.policy import Principal
from domain.kit.query import Cursors
from domain.kit.queue import Bell
from domain.kit.store import Context
from inventory.follower import StockFollower
from scheduling.appointments.taking import SUPPLY
from scheduling.schedule import Schedule
from service.ops.database import versions
from service.ops.limits import Limits
from service.ops.metrics import Metrics
from service.settings import Settings

Check = Callable[[], Awaitable[bool]]


class Services:
    """The shared parts; `stock` and others are put in place by those who own them while the process starts."""

    def __init__(
        self, settings: Settings, dsn: str, *, clock: Clock = now, ids: Ids = new_id, application: str = "forecourt web"
    ):
        self.settings = settings
        self.database = Database(dsn, application=application)
        self.cursors = Cursors(settings.secret_key.encode())
        self.clock = clock
        self.ids = ids
        self.bell = Bell(self.database)
        self.parts: dict[str, Any] = {PART: Links(settings.secret_key.encode()), SUPPLY: parts_ready}
        self.limits = Limits(settings, settings.data_dir / "run")
        self.metrics = Metrics(settings.data_dir / "run" / "metrics")
        self.checks: dict[str, Check] = {"database": self._database_answers, "migrations": self._is_migrated}
        """What must hold before this process is ready, by name; whoever brings a part adds its check."""
        self.stock: StockFollower
        self.schedule: Schedule

    async def _database_answers(self) -> bool:
        async with self.database.reading() as connection:
            return bool(await connection.fetchval("select true"))

    async def _is_migrated(self) -> bool:
        async with self.database.reading() as connection:
            done = {row[0] for row in await connection.fetch("select version from schema_migrations")}
        return done.issuperset(versions())

    async def close(self) -> None:
        """Let go of the database."""
        await self.database.close()

    @asynccontextmanager
    async def context(
        self, principal: Principal, deed: Deed | None = None, *, readonly: bool = False
    ) -> AsyncIterator[Context]:
        """A transaction of the principal as behaviour takes it; what it put off until the commit is done afterwards."""
        async with self.database.acting(principal, deed, readonly=readonly) as connection:
            ctx = Context(
                connection,
                principal,
                deed=deed,
                clock=self.clock,
                ids=self.ids,
                currency=self.settings.currency,
                public_url=self.settings.public_url,
                parts=self.parts,
            )
            yield ctx
        if ctx.pushed:
            self.bell.ring()
        for effect in ctx.after_commit:
            await effect()
