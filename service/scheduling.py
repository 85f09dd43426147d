"""The schedule of one process: made from the settings, followed while it lives, asked by routes and bookings."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from domain.kit.errors import Unavailable
from scheduling.schedule import Schedule
from service.services import Services


@asynccontextmanager
async def planned(services: Services) -> AsyncIterator[Schedule]:
    """The schedule of this process, following in the background until the block ends.

    The block begins when the calendar is loaded; if that fails it begins nevertheless, and the process answers that it
    is not ready.
    """
    schedule = Schedule(services.database, secret=services.settings.secret_key.encode(), now=lambda: services.clock())
    services.parts["schedule"] = services.schedule = schedule
    task = asyncio.create_task(schedule.follower.run(), name="schedule follower")

    async def loaded() -> bool:
        return schedule.ready and not task.done()

    services.checks["schedule"] = loaded
    tried = asyncio.create_task(schedule.follower.tried.wait())
    try:
        await asyncio.wait([task, tried], return_when=asyncio.FIRST_COMPLETED)
        yield schedule
    finally:
        tried.cancel()
        task.cancel()
        await asyncio.gather(task, tried, return_exceptions=True)


async def at_hand(services: Services, after: str | None) -> Schedule:
    """The schedule, not older than the token `after`; Unavailable while loading."""
    schedule = services.schedule
    if not schedule.ready:
        raise Unavailable("The schedule is loading", retry_after=1)
    if after is not None:
        await schedule.reached(after)
    return schedule
