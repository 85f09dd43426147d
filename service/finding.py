"""How routes that ask the stock index many questions get hold of it."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable
from typing import Any, TypeVar

from domain.kit.errors import Unavailable
from inventory.index import StockIndex
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
