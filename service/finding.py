"""How routes that ask the stock index many questions get hold of it, and of the network of locations."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from inventory.index import StockIndex
from inventory.network import Network, Site
from inventory.statements import SQL
from service.services import Services
from service.stock import INLINE_ROWS

T = TypeVar("T")


async def asked(index: StockIndex, ask: Callable[..., T], *args: Any) -> T:
    """What a question to the index gives; in a thread where it takes long."""
    return ask(*args) if index.count <= INLINE_ROWS else await asyncio.to_thread(ask, *args)


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
