"""Delivers messages: at least once, under one id, to active people, from verified domains."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import structlog
from pgqueuer.errors import RetryRequested

from domain.kit.messages import Message, SenderDomain
from domain.kit.policy import WORKER
from domain.kit.store import Context
from service.jobs.mail import Files, Smtp, Transport, Undeliverable
from service.services import Services

log = structlog.get_logger("forecourt.messages")
MOST_TRIES = 10
FIRST_PAUSE = timedelta(seconds=15)
LONGEST_PAUSE = timedelta(hours=2)

Ground = Callable[[Services, Context, Message], Awaitable[Message | None]]
GROUNDS: dict[str, Ground] = {}
"""By template what must still hold when a message goes out: gives the message as it may go now, or None."""


class Messages:
    """The outgoing messages of one worker."""

    def __init__(self, services: Services, mail: Transport | None = None):
        settings = services.settings
        self._services = services
        files = Files(settings.data_dir / "outbox")
        self._transports: dict[str, Transport] = {
            "EMAIL": mail or (Smtp(settings.smtp_url) if settings.smtp_url else files),
            "SMS": files,
        }

    async def deliver(self, message_id: str) -> None:
        """Deliver the message if it still waits. RetryRequested where that failed for now."""
        async with self._services.context(WORKER) as ctx:
            found = await ctx.find(Message, message_id, lock=True)
            if found is None or found.status != "QUEUED":
                return
            message = await self._admitted(ctx, found)
            if message is None:
                return
            secrets = await ctx.db.fetchval("select data from message_secret where message_id = $1", message_id)
        sender = message.sender or self._services.settings.mail_from
        try:
            await self._transports[message.channel].deliver(message, sender, secrets or {})
        except Undeliverable as refusal:
            await self._after(message_id, status="FAILED", error=str(refusal)[:200])
            return
        except Exception as fault:
            await self._later(message, fault)
            return
        await self._after(message_id, status="SENT", error=None, sent_at=self._services.clock())

    async def _admitted(self, ctx: Context, message: Message) -> Message | None:
        """The message, its try counted; None where it must not go now."""
        inactive = await ctx.db.fetchval(
            'select exists (select from "user" where (id = $1 or lower(email) = lower($2)) '
            "and status in ('SUSPENDED', 'DEACTIVATED'))",
            message.user_id,
            message.to,
        )
        if inactive:
            await ctx.update(message, status="PARKED", error="The user is not active")
            return None
        if message.channel == "EMAIL":
            domain = (message.sender or self._services.settings.mail_from).rpartition("@")[2].lower()
            verified = await ctx.where(SenderDomain, "domain = $1 and status = 'VERIFIED'", domain)
            if not verified:
                await ctx.update(message, error=f"The sender's domain {domain} is not verified"[:200])
                return None
        if (ground := GROUNDS.get(message.template)) is not None:
            grounded = await ground(self._services, ctx, message)
            if grounded is None:
                await ctx.update(message, status="PARKED", error="What it tells is not for its receiver any more")
                return None
            message = grounded
        return await ctx.update(message, attempts=message.attempts + 1, error=None)

    async def _later(self, message: Message, fault: Exception) -> None:
        log.warning("message not delivered", message=message.id, attempt=message.attempts, fault=repr(fault))
        told = f"{type(fault).__name__} in try {message.attempts}"
        if message.attempts >= MOST_TRIES:
            await self._after(message.id, status="FAILED", error=f"{told}; given up")
            return
        pause = min(FIRST_PAUSE * 2 ** (message.attempts - 1), LONGEST_PAUSE)
        await self._after(message.id, error=told, next_attempt_at=self._services.clock() + pause)
        raise RetryRequested(pause, told) from None

    async def _after(self, message_id: str, **changes: Any) -> None:
        async with self._services.context(WORKER) as ctx:
            message = await ctx.find(Message, message_id, lock=True)
            if message is not None and message.status == "QUEUED":
                await ctx.update(message, **changes)
                if changes.get("status") == "SENT":
                    await ctx.db.execute("delete from message_secret where message_id = $1", message_id)
