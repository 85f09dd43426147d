"""Work that comes back by the clock: declared here or there, run by one worker at a time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from domain.kit.store import Context

Run = Callable[[Context], Awaitable[None]]


class Periodic(msgspec.Struct, frozen=True):
    """What runs when: a cron expression in UTC, so that no change of the clock runs it twice or never."""

    name: str
    cron: str
    run: Run


PERIODIC: dict[str, Periodic] = {}
"""All periodic work by name."""


def periodic(name: str, cron: str) -> Callable[[Run], Run]:
    """Register `async def f(ctx)`; it runs as the worker in one transaction and may be run again at any time."""

    def register(run: Run) -> Run:
        if name in PERIODIC:
            raise TypeError(f"two periodic works are named {name}")
        PERIODIC[name] = Periodic(name, cron, run)
        return run

    return register
