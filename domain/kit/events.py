"""Effects across areas: subscribers called inside the transaction, in declared order; their error undoes all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from domain.kit.record import Record
    from domain.kit.store import Context

Subscriber = Callable[["Context", Any, dict[str, Any]], Awaitable[None]]
_SUBSCRIBERS: dict[str, list[Subscriber]] = defaultdict(list)


def on(event: str) -> Callable[[Subscriber], Subscriber]:
    """Subscribe `async def f(ctx, record, changes)` to `<type>.created`, `.updated`, `.deleted` or `.<command>`."""

    def register(subscriber: Subscriber) -> Subscriber:
        _SUBSCRIBERS[event].append(subscriber)
        return subscriber

    return register


async def publish(ctx: Context, event: str, record: Record, changes: dict[str, Any]) -> None:
    """Call the subscribers of an event."""
    for subscriber in _SUBSCRIBERS.get(event, ()):
        await subscriber(ctx, record, changes)
