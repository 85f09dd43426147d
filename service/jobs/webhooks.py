"""Follows the history for the webhooks and tells their receivers what the owners of the subscriptions may see."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
from datetime import timedelta
from typing import Any

import asyncpg
import msgspec
import structlog
from pgqueuer.errors import RetryRequested

from domain.kit import access
from domain.kit.db import Deed
from domain.kit.errors import Problem
from domain.kit.policy import WORKER, Principal
from domain.kit.record import CATALOGUE
from domain.kit.webhooks import WebhookDelivery, WebhookSubscription
from service.auth.principal import principal_of
from service.jobs.posting import Refused, post
from service.services import Services

log = structlog.get_logger("forecourt.webhooks")
POLL_SECONDS = 1.0
FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(hours=6)
MOST_TRIES = 12


def signature(secret: str, id: str, timestamp: int, body: bytes) -> str:
    """The Standard Webhooks signature, version 1: HMAC-SHA256 over id, timestamp and body."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


class Webhooks:
    """The follower and the deliveries of one worker."""

    def __init__(self, services: Services, *, allow_private: bool | None = None):
        self._services = services
        self._allow_private = services.settings.demo if allow_private is None else allow_private
        self._commands = [f"{name}.{command}" for name, entity in CATALOGUE.items() for command in entity.commands]

    async def follow(self, stopping: asyncio.Event) -> None:
        """Make deliveries of what is committed until told to stop; one of all workers does it at a time."""
        while not stopping.is_set():
            made = await self.tell()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), POLL_SECONDS / 10 if made else POLL_SECONDS)

    async def tell(self) -> int:
        """Make the deliveries of everything committed since the last call; how many."""
        async with self._services.context(WORKER) as ctx:
            made: int = await ctx.db.fetchval("select app.tell_webhooks($1)", self._commands)
            ctx.pushed = made > 0
        return made

    async def deliver(self, delivery_id: str) -> None:
        """Tell one receiver of one event. RetryRequested where that failed for now."""
        async with self._services.context(WORKER) as ctx:
            delivery = await ctx.find(WebhookDelivery, delivery_id, lock=True)
            if delivery is None or delivery.status != "PENDING":
                return
            subscription = await ctx.get(WebhookSubscription, delivery.subscription_id)
            owner = await self._owner(ctx.db, subscription)
            delivery = await ctx.update(delivery, attempts=delivery.attempts + 1)
        if owner is None or subscription.status != "ACTIVE":
            await self._after(delivery, "SKIPPED", error="The subscription is paused or its owner may not act any more")
            return
        body = await self._body(delivery, owner)
        if body is None:
            await self._after(delivery, "SKIPPED", error="The owner of the subscription does not see the record")
            return
        await self._send(delivery, subscription, body)

    async def _owner(self, db: Any, subscription: WebhookSubscription) -> Principal | None:
        row = await db.fetchrow(
            "select * from app.requester($1, $2, $3)", subscription.user_id, subscription.client_id, subscription.scopes
        )
        return principal_of(row) if row is not None else None

    async def _body(self, delivery: WebhookDelivery, owner: Principal) -> bytes | None:
        """The event with the record as its owner sees it now; None where there is nothing for them to know.

        That a record is gone is told to those who were told of it before.
        """
        entity = CATALOGUE.get(delivery.record_type)
        if entity is None:
            return None
        data: Any = {"id": delivery.record_id}
        if delivery.event_type.endswith(".deleted"):
            async with self._services.context(WORKER, readonly=True) as ctx:
                told = await ctx.where(
                    WebhookDelivery,
                    "record_id = $1 and subscription_id = $2 and status = 'DELIVERED'",
                    delivery.record_id,
                    delivery.subscription_id,
                )
            if not told:
                return None
        else:
            try:
                async with self._services.context(owner, Deed(), readonly=True) as ctx:
                    data = await access.read(ctx, entity, delivery.record_id)
            except Problem:
                return None
        event = {
            "specversion": "1.0",
            "id": delivery.id,
            "source": self._services.settings.public_url,
            "type": delivery.event_type,
            "subject": f"{entity.route}/{delivery.record_id}",
            "time": delivery.happened_at,
            "datacontenttype": "application/json",
            "data": data,
        }
        return msgspec.json.encode(event)

    async def _send(self, delivery: WebhookDelivery, subscription: WebhookSubscription, body: bytes) -> None:
        timestamp = int(self._services.clock().timestamp())
        headers = {
            "content-type": "application/cloudevents+json",
            "user-agent": "Forecourt-Webhooks/1",
            "webhook-id": delivery.id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signature(subscription.secret or "", delivery.id, timestamp, body),
        }
        status = None
        try:
            status = await post(subscription.url, body, headers, allow_private=self._allow_private)
            error = None if 200 <= status < 300 else f"The receiver answered {status}"
        except Refused as refusal:
            await self._after(delivery, "FAILED", error=f"The address {refusal}")
            return
        except (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError) as fault:
            error = f"No answer: {type(fault).__name__}"
        if error is None:
            await self._after(delivery, "DELIVERED", http_status=status, error=None)
        elif delivery.attempts >= MOST_TRIES:
            await self._after(delivery, "FAILED", http_status=status, error=f"{error}; given up")
        else:
            pause = min(FIRST_PAUSE * 3 ** (delivery.attempts - 1), LONGEST_PAUSE)
            await self._after(
                delivery, "PENDING", http_status=status, error=error, next_attempt_at=self._services.clock() + pause
            )
            raise RetryRequested(pause, error)

    async def _after(self, delivery: WebhookDelivery, status: str, **changes: Any) -> None:
        try:
            async with self._services.context(WORKER) as ctx:
                found = await ctx.find(WebhookDelivery, delivery.id, lock=True)
                if found is not None and found.status == "PENDING":
                    ended = None if status == "PENDING" else ctx.now
                    await ctx.update(found, status=status, finished_at=ended, **changes)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            raise RetryRequested(FIRST_PAUSE, "the database was away") from None
