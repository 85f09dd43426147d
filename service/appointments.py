"""What comes by the clock and after changes: holds end on time, and what gets free is offered to those who wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import structlog

from domain.kit.errors import Problem
from domain.kit.following import AWAY
from domain.kit.policy import WORKER
from scheduling.appointments.waitlist import offer, settle
from scheduling.statements import SQL
from service.services import Services

log = structlog.get_logger("forecourt.appointments")
TICK_SECONDS = 0.5
"""A hold is over for everybody within a second after its time."""
ROUND_SECONDS = 30.0
"""So often every centre where somebody waits is looked at, whatever has been missed."""
MOST_ENDED = 500
MOST_OFFERS = 50
"""Offers at one centre in a row."""


@asynccontextmanager
async def clocked(services: Services) -> AsyncIterator[None]:
    """The clock of this process, until the block ends."""
    services.parts["hold_seconds"] = services.settings.hold_seconds
    task = asyncio.create_task(_tick(services), name="appointments clock")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _tick(services: Services) -> None:
    rounds = 0.0
    while True:
        await asyncio.sleep(TICK_SECONDS)
        rounds -= TICK_SECONDS
        try:
            centers = set(await ended(services))
            if rounds <= 0:
                rounds = ROUND_SECONDS
                async with services.database.reading() as connection:
                    centers |= {row[0] for row in await connection.fetch(SQL["centers_waited_at"])}
            if centers and services.schedule.ready:
                await offer_at(services, centers)
        except (Problem, *AWAY) as fault:
            log.warning("the clock of appointments missed a beat", fault=repr(fault))


async def ended(services: Services) -> list[str]:
    """End holds and proposals that are past their time, and offers nobody took: the centres where that was so."""
    async with services.database.reading() as connection:
        if not await connection.fetchval(SQL["anything_due"]):
            return []
    async with services.context(WORKER) as ctx:
        gone = await ctx.db.fetchval("select app.tidy_appointments($1)", MOST_ENDED)
        rows = await ctx.db.fetch(SQL["centers_of_appointments"], gone)
        return sorted({*(row[0] for row in rows), *await settle(ctx)})


async def offer_at(services: Services, centers: Iterable[str]) -> None:
    """Offer what is free at these centres to those who wait there, one after the other."""
    await services.schedule.caught_up()
    for center_id in sorted(centers):
        for _ in range(MOST_OFFERS):
            try:
                async with services.context(WORKER) as ctx:
                    if await offer(ctx, center_id) is None:
                        break
            except Problem as refusal:
                log.info("an offer could not be made", center=center_id, refusal=refusal.slug)
                break
