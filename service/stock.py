"""The stock index of one process: made from the settings, followed while the process lives, asked by the routes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote

from domain.kit.errors import Unavailable
from domain.kit.policy import Principal
from inventory.criteria import SearchPage, SearchRequest
from inventory.follower import StockFollower
from inventory.index import Audience, StockIndex
from service.following import running
from service.ops.database import database_name
from service.services import Services
from service.settings import Settings

INLINE_ROWS = 2_000_000
"""Up to so many vehicles a search takes well under a millisecond and runs on the event loop; beyond, in a thread."""


def index_file(settings: Settings, database_url: str) -> Path:
    """Where the processes of this machine keep the index of a database for their next start.

    A clone of a database shares its epoch, so the database's name is part of the file's.
    """
    return settings.data_dir / "index" / f"stock-{quote(database_name(database_url), safe='')}"


@asynccontextmanager
async def followed(services: Services) -> AsyncIterator[StockFollower]:
    """The index of this process, following in the background until the block ends."""
    index = StockIndex(
        secret=services.settings.secret_key.encode(),
        currency=services.settings.currency,
        today=lambda: services.clock().date(),
    )
    follower = StockFollower(
        services.database,
        index,
        today=lambda: services.clock().date(),
        file=index_file(services.settings, services.database.dsn),
    )
    services.stock = follower
    async with running(services, "index", follower, follower.run()):
        yield follower


def audience(principal: Principal) -> Audience:
    """The caller as the index must know them; equal to the row policies of vehicles."""
    brands = principal.brands
    if principal.sees_everything:
        return Audience(guarded=False, everything=True, brands=brands)
    if principal.persona == "PARTNER":
        return Audience(guarded=False, units=frozenset(principal.group_units or principal.units))
    return Audience()


async def at_hand(services: Services, after: str | None) -> StockIndex:
    """The index, not older than the token `after`; Unavailable while loading."""
    follower = services.stock
    if not follower.ready:
        raise Unavailable("The stock index is loading", retry_after=1)
    if after is not None:
        await follower.reached(after)
    return follower.index


async def searched(
    services: Services, request: SearchRequest, asking: Audience, caller: str, after: str | None
) -> SearchPage:
    """A page of the stock as the audience sees it, not older than the token `after`; Unavailable while loading."""
    index = await at_hand(services, after)
    if index.count <= INLINE_ROWS:
        return index.search(request, asking, caller)
    return await asyncio.to_thread(index.search, request, asking, caller)
