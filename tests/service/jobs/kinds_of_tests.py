"""Kinds of job for the tests, and a worker process that knows them."""

from __future__ import annotations

import asyncio
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec

from domain.accounts.records import Brand
from domain.kit.errors import Invalid
from domain.kit.jobs import JobContext, job
from service.jobs.worker import work
from service.services import Services
from service.settings import Settings

GATES: dict[str, asyncio.Event] = {}


class Named(msgspec.Struct):
    """What most of them take."""

    name: str


async def leave_mark(running: JobContext, name: str) -> None:
    """An effect and the job's end in one transaction."""
    from domain.kit.policy import WORKER

    async with running.context(WORKER) as ctx:
        await ctx.create(Brand, code=name, name=name)
        await running.finish(ctx, {"marked": name})


@job("test_echo")
async def echo(running: JobContext, payload: Named) -> dict[str, Any]:
    """Tells progress and who it runs as."""
    await running.progress(done=1, of=2)
    return {"name": payload.name, "as": running.requester.name, "persona": running.requester.persona}


@job("test_mark")
async def mark(running: JobContext, payload: Named) -> None:
    """One effect."""
    await leave_mark(running, payload.name)


@job("test_slow_mark")
async def slow_mark(running: JobContext, payload: Named) -> None:
    """One effect, the first try of which never comes to it."""
    if running.record.attempts == 1:
        await asyncio.Event().wait()
    await leave_mark(running, payload.name)


@job("test_refuse")
async def refuse(running: JobContext, payload: Named) -> None:
    """Breaks a rule."""
    raise Invalid.at("/name", "is not to its liking")


@job("test_raise", tries=3)
async def fail(running: JobContext, payload: Named) -> None:
    """Has a bug."""
    raise ZeroDivisionError("secret detail")


@job("test_poison")
async def poison(running: JobContext, payload: Named) -> None:
    """Takes its worker down."""
    os._exit(1)


@job("test_hang", seconds=0.3, tries=1)
async def hang(running: JobContext, payload: Named) -> None:
    """Never ends by itself."""
    await asyncio.Event().wait()


@job("test_wait")
async def wait(running: JobContext, payload: Named) -> None:
    """Waits for the test, then leaves its mark."""
    await running.progress(waiting=True)
    await GATES.setdefault(payload.name, asyncio.Event()).wait()
    await leave_mark(running, payload.name)


@job("test_large")
async def large(running: JobContext, payload: Named) -> dict[str, str]:
    """Two megabytes, or more than is kept."""
    return {"text": payload.name * 2_000_000}


def settings_of(dsn: str, folder: Path) -> Settings:
    """Settings of a worker."""
    return Settings(data_dir=folder, database_url=dsn, secret_key="x" * 40, public_url="http://127.0.0.1:8000")


async def main(dsn: str, folder: str) -> None:
    """A worker of its own process with a short lease."""
    services = Services(settings_of(dsn, Path(folder)), dsn, application="worker of the tests")
    await work(services, asyncio.Event(), lease=timedelta(seconds=1.5))
