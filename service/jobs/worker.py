"""The worker process: queue, clock and webhooks until it is told to stop."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from contextlib import AsyncExitStack
from datetime import timedelta

import structlog

from domain.kit import jobs, messages, webhooks
from domain.kit.db import Deed
from domain.kit.periodic import PERIODIC, Periodic
from domain.kit.policy import WORKER
from domain.kit.store import Context
from service.api.table import table
from service.jobs import kinds
from service.jobs.alerts import Alerts
from service.jobs.mail import Transport
from service.jobs.messages import Messages
from service.jobs.privacy import erase_again, sweep_files
from service.jobs.queues import LEASE, Clock, Handler, Queue, forever
from service.jobs.running import Jobs
from service.jobs.sender_domains import trust
from service.jobs.webhooks import Webhooks
from service.services import Services
from service.settings import Settings

log = structlog.get_logger("forecourt.worker")
JOBS_AT_ONCE = 4
EFFECTS_AT_ONCE = 20
"""Messages and webhooks have hands of their own: they do not wait behind long jobs."""
STUCK_SECONDS = 30.0
STUCK = 70


async def run(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT: what is under way is given back to others and taken up by them at once."""
    assert settings.database_url is not None
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    async with AsyncExitStack() as stack:
        services = Services(settings, settings.database_url, application="forecourt worker")
        stack.push_async_callback(services.close)
        _watch(loop, stopping)
        await erase_again(services)
        if settings.demo:
            async with services.context(WORKER) as ctx:
                await trust(ctx, settings.mail_from.rpartition("@")[2])
        await work(services, stopping)


async def work(
    services: Services, stopping: asyncio.Event, *, mail: Transport | None = None, lease: timedelta = LEASE
) -> None:
    """All parts of a worker until told to stop; a test hands in its own services, transport and lease."""
    table()  # imports every area with its kinds of job
    assert kinds
    running, outgoing = Jobs(services, stopping), Messages(services, mail)
    telling = Webhooks(services)

    async def deliver_message(_: int, id: str) -> None:
        await outgoing.deliver(id)

    async def deliver_event(_: int, id: str) -> None:
        await telling.deliver(id)

    async def due(periodic: Periodic) -> None:
        async with services.context(WORKER, Deed(command=periodic.name)) as ctx:
            await periodic.run(ctx)

    async def files(ctx: Context) -> None:
        await sweep_files(services.settings, ctx, services.clock().timestamp())

    dsn = services.database.dsn
    effects: dict[str, Handler] = {messages.ENTRYPOINT: deliver_message, webhooks.ENTRYPOINT: deliver_event}
    parts = {
        "jobs": Queue(dsn, {jobs.ENTRYPOINT: running.run}, JOBS_AT_ONCE, lease).run,
        "effects": Queue(dsn, effects, EFFECTS_AT_ONCE, lease).run,
        "clock": Clock(dsn, [*PERIODIC.values(), Periodic("sweep_files", "40 4 * * *", files)], due).run,
        "webhooks": telling.follow,
        "alerts": Alerts(services).follow,
    }
    async with asyncio.TaskGroup() as group:
        for name, part in parts.items():
            group.create_task(forever(part, stopping, name), name=name)


def _watch(loop: asyncio.AbstractEventLoop, stopping: asyncio.Event) -> None:
    """Ends the process when its event loop stands still: others have its jobs by then, and a new worker is started."""
    beat = threading.Event()

    def watch() -> None:
        while not stopping.is_set():
            beat.clear()
            try:
                loop.call_soon_threadsafe(beat.set)
            except RuntimeError:
                return
            if not beat.wait(STUCK_SECONDS):
                print("The worker's event loop stands still; it ends itself.", file=sys.stderr, flush=True)
                os._exit(STUCK)
            threading.Event().wait(1)

    threading.Thread(target=watch, name="watchdog", daemon=True).start()
