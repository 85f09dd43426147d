"""How routes that ask the stock index many questions get hold of it, and of the network of locations."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable
from typing import Any, TypeVar

from domain.kit.errors import Unavailable
from inventory.index import StockIndex
from inventory.network import Network, Site
from inventory.statements import SQL
from service.services import Services
from service.stock import INLINE_ROWS

T = TypeVar("T")


async def at_hand(services: Services, after: str | None) -> StockIndex:
    """The index, not older than the token `after`; Unavailable while loading."""
    follower = services.stock
    if not follower.ready:
        raise Unavailable("The stock index is loading", retry_after=1)
    if after is not None:
        await follower.reached(after)
    return follower.index


async def asked(index: StockIndex, ask: Callable[..., T], *args: Any) -> T:
    """What a question to the index gives; in a thread where it takes long."""
    return ask(*args) if index.count <= INLINE_ROWS else await asyncio.to_thread(ask, *args)


def pinned(index: StockIndex) -> StockIndex:
    """The index as it stands, for questions that need one state; changes reach only the other one.

    An index replaces its snapshot as a whole, so that a copy of the object goes on with the one it has.
    """
    return copy.copy(index)


async def network(services: Services) -> Network:
    """The network of locations as it is now; made anew only after one of them has changed."""
    async with services.database.reading() as connection:
        state = tuple(await connection.fetchrow(SQL["network_state"]))
        kept: tuple[tuple[Any, ...], Network] | None = services.parts.get("network")
        if kept is not None and kept[0] == state:
            return kept[1]
        rows = await connection.fetch(SQL["network"])
    made = await asyncio.to_thread(Network, [Site(*row) for row in rows])
    services.parts["network"] = (state, made)
    return made
