"""The schedule of one process: made from the settings, followed while it lives, asked by routes and bookings."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from domain.kit.errors import Unavailable
from scheduling.schedule import Schedule
from service.following import running
from service.services import Services


@asynccontextmanager
async def planned(services: Services) -> AsyncIterator[Schedule]:
    """The schedule of this process, following in the background until the block ends."""
    schedule = Schedule(services.database, secret=services.settings.secret_key.encode(), now=lambda: services.clock())
    services.parts["schedule"] = services.schedule = schedule
    async with running(services, "schedule", schedule.follower, schedule.follower.run()):
        yield schedule


async def at_hand(services: Services, after: str | None) -> Schedule:
    """The schedule, not older than the token `after`; Unavailable while loading."""
    schedule = services.schedule
    if not schedule.ready:
        raise Unavailable("The schedule is loading", retry_after=1)
    if after is not None:
        await schedule.reached(after)
    return schedule
