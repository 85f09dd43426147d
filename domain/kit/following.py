"""What keeps something in memory equal to the database needs: where it stands, and who waits for more."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable

import asyncpg

from domain.kit import feed
from domain.kit.errors import Unavailable

AWAY = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""What is raised while the database is away, and passes."""
_BUSY_SECONDS, _IDLE_SECONDS, _BUSY_FOR_SECONDS = 0.02, 0.1, 2.0
"""A poll costs the database about 60 µs: often while there is something, ten times a second when not."""


class Follower:
    """The state of the database up to which something in memory has come, and the pauses between polls."""

    def __init__(self) -> None:
        self.ready = False
        self.tried = asyncio.Event()
        """Set when the first attempt to load has ended, well or badly."""
        self.mark = feed.Mark("", "")
        self._moved = asyncio.Condition()
        self._wanted = asyncio.Event()
        self._found_at = float("-inf")

    async def reached(self, token: str, seconds: float = 2.0) -> None:
        """Wait until what is in memory contains what the change token stands for; Unavailable after `seconds`."""
        await self._until(lambda: feed.covered(self.mark, token), seconds)

    async def _until(self, there: Callable[[], bool], seconds: float) -> None:
        self._wanted.set()
        try:
            async with asyncio.timeout(seconds), self._moved:
                await self._moved.wait_for(there)
        except TimeoutError:
            raise Unavailable("The write is not visible here yet", retry_after=1) from None

    async def _move(self, mark: feed.Mark) -> None:
        """What is in memory has come up to there."""
        async with self._moved:
            self.mark = mark
            self._moved.notify_all()

    def _found(self) -> None:
        """A poll has found something: more may come soon."""
        self._found_at = time.monotonic()

    async def _pause(self) -> None:
        """Wait for the next poll; somebody who waits for a write ends the pause."""
        busy = time.monotonic() - self._found_at < _BUSY_FOR_SECONDS
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_BUSY_SECONDS if busy else _IDLE_SECONDS):
                await self._wanted.wait()  # under wait_for, a cancel that comes with the end could get lost
        self._wanted.clear()
