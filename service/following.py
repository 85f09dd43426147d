"""Runs a follower while a process lives: nothing is served before it has tried to load, nor as ready before it has."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from domain.kit.following import Follower
from service.services import Services


@asynccontextmanager
async def running(
    services: Services, check: str, follower: Follower, work: Coroutine[Any, Any, None]
) -> AsyncIterator[None]:
    """The follower's `work` in the background until the block ends, told by the readiness check of that name.

    The block begins when it is loaded, so that a worker that starts takes no requests from those that serve; if that
    fails it begins nevertheless, and the process answers that it is not ready.
    """
    task = asyncio.create_task(work, name=f"{check} follower")

    async def loaded() -> bool:
        return follower.ready and not task.done()

    services.checks[check] = loaded
    tried = asyncio.create_task(follower.tried.wait())
    try:
        await asyncio.wait([task, tried], return_when=asyncio.FIRST_COMPLETED)
        yield
    finally:
        tried.cancel()
        task.cancel()
        await asyncio.gather(task, tried, return_exceptions=True)
