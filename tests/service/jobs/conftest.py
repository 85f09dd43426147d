"""A database with people in it, and workers on it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from domain.accounts.records import Account, Contact
from domain.kit.jobs import ENDED, Job
from domain.kit.policy import WORKER, Principal
from service.jobs.mail import Transport
from service.jobs.worker import work
from service.ops.database import Addresses
from service.services import Services
from tests.service.jobs.kinds_of_tests import settings_of


class Place:
    """A database with a customer, and what the tests ask of it."""

    def __init__(self, services: Services, owner: str, customer: Principal):
        self.services = services
        self.owner = owner
        self.customer = customer

    @contextlib.asynccontextmanager
    async def worker(self, mail: Transport | None = None) -> AsyncIterator[asyncio.Event]:
        """A worker at work until the block ends."""
        stopping = asyncio.Event()
        task = asyncio.create_task(work(self.services, stopping, mail=mail, lease=timedelta(seconds=1.5)))
        try:
            yield stopping
        finally:
            stopping.set()
            await task

    async def job(self, id: str) -> Job:
        """The job as it is now."""
        async with self.services.context(WORKER, readonly=True) as ctx:
            return await ctx.get(Job, id)

    async def until(self, id: str, found: Callable[[Job], bool], seconds: float = 30) -> Job:
        """The job once it is so."""
        async with asyncio.timeout(seconds):
            while not found(job := await self.job(id)):  # noqa: ASYNC110 - another process does it
                await asyncio.sleep(0.02)
        return job

    async def ended(self, id: str, seconds: float = 30) -> Job:
        """The job once it has ended."""
        return await self.until(id, lambda job: job.status in ENDED, seconds)

    async def ask(self, statement: str, *arguments: Any) -> Any:
        """One value, as the owner of the tables sees it."""
        connection = await asyncpg.connect(self.owner)
        try:
            return await connection.fetchval(statement, *arguments)
        finally:
            await connection.close()


async def made(services: Services, owner: str) -> Place:
    """The place on a migrated database."""
    async with services.context(WORKER) as ctx:
        account = await ctx.create(Account, kind="PERSON", name="Ada Doe")
        contact = await ctx.create(Contact, account_id=account.id, first_name="Ada", last_name="Doe")
    user = services.ids()
    connection = await asyncpg.connect(owner)
    await connection.execute(
        'insert into "user" (id, created_at, updated_at, email, name, persona, licence, account_id, contact_id, '
        "status) values ($1, now(), now(), 'ada@customers.example', 'Ada Doe', 'CUSTOMER', 'CUSTOMER_COMMUNITY_PLUS', "
        "$2, $3, 'ACTIVE')",
        user,
        account.id,
        contact.id,
    )
    await connection.close()
    customer = Principal("CUSTOMER", user_id=user, account_id=account.id, contact_id=contact.id, units=(account.id,))
    return Place(services, owner, customer)


@pytest.fixture
async def place(fresh_database: Addresses, tmp_path: Path) -> AsyncIterator[Place]:
    """The place of one test."""
    assert fresh_database.owner is not None
    services = Services(settings_of(fresh_database.service, tmp_path), fresh_database.service)
    yield await made(services, fresh_database.owner)
    await services.close()
