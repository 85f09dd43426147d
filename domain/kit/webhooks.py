"""Webhooks: who wants to be told of which events, and what became of each telling."""

from __future__ import annotations

import base64
import os
from typing import Annotated

import msgspec

from domain.kit.fields import DefaultsTo, Fixed, Quiet, Ref, writes
from domain.kit.queue import push
from domain.kit.record import Record, entity, states
from domain.kit.rows import own
from domain.kit.store import Context
from domain.kit.values import Code, Count, Id, Instant, Label, Privacy, Url, exactly

ENTRYPOINT = "delivery"
EventPattern = Annotated[
    str, exactly(r"(\*|[a-z][a-z0-9_]{0,63})(\.(\*|[a-z][a-z0-9_]{0,63}))?", "lead.* or *.created")
]


@entity(
    "webhook_subscription",
    rows=own("account_id").to("PARTNER"),
    grants={"PARTNER": "r", "GROUP_MANAGER": "rud", "STAFF": "r", "SYSTEM": "r", "webhooks.manage": "rud"},
    title="{url}",
    states=states("status", "ACTIVE PAUSED"),
    moves={"pause": "ACTIVE > PAUSED", "resume": "PAUSED > ACTIVE"},
    without="create bulk import export by-key",
    checks={"whose": "(user_id is null) <> (client_id is null)"},
)
class WebhookSubscription(Record, kw_only=True):
    """An address that is told of events, of what its owner may see."""

    url: Url
    events: list[EventPattern]
    description: Label | None = None
    status: str = "ACTIVE"
    secret: Annotated[str | None, Privacy.SECRET, writes()] = None
    account_id: Annotated[str | None, Ref("account"), DefaultsTo("account_id"), writes()] = None
    user_id: Annotated[str | None, Ref("user"), DefaultsTo("user_id"), writes()] = None
    client_id: Annotated[Code | None, writes()] = None
    scopes: Annotated[list[Code], writes()] = []


@entity(
    "webhook_delivery",
    rows=own("account_id").to("PARTNER"),
    grants={"PARTNER": "r", "STAFF": "r", "SYSTEM": "r"},
    title="{event_type}",
    states=states("status", "PENDING DELIVERED FAILED SKIPPED"),
    without="create update delete bulk import export by-key history",
    unique=("subscription_id, event_seq",),
    indexes=("record_id, subscription_id", "created_at where status = 'PENDING'"),
)
class WebhookDelivery(Record, kw_only=True):
    """One event for one subscription: PENDING until the receiver has it; SKIPPED where the owner may not see it."""

    subscription_id: Annotated[str, Ref("webhook_subscription"), Fixed()]
    account_id: Annotated[str | None, Ref("account"), Fixed()] = None
    event_seq: Annotated[int, Fixed()]
    event_type: Annotated[Code, Fixed()]
    record_type: Annotated[Code, Fixed()]
    record_id: Annotated[Id, Fixed()]
    happened_at: Annotated[Instant, Fixed()]
    status: str = "PENDING"
    attempts: Annotated[Count, Quiet(), writes()] = 0
    http_status: Annotated[Count | None, Quiet(), writes()] = None
    error: Annotated[Label | None, Quiet(), writes()] = None
    next_attempt_at: Annotated[Instant | None, Quiet(), writes()] = None
    finished_at: Annotated[Instant | None, Quiet(), writes()] = None


class NewSecret(msgspec.Struct):
    """The secret of a subscription, shown this once."""

    id: str
    secret: str


def new_secret() -> str:
    """A fresh signing secret in the form of Standard Webhooks."""
    return "whsec_" + base64.b64encode(os.urandom(24)).decode()


@WebhookSubscription.command("rotate_secret", by="GROUP_MANAGER webhooks.manage ADMIN")
async def rotate_secret(ctx: Context, subscription: WebhookSubscription) -> NewSecret:
    """Replace the signing secret; the old one ends at once."""
    secret = new_secret()
    await ctx.update(subscription, secret=secret)
    return NewSecret(subscription.id, secret)


@WebhookDelivery.command(
    "resend", move="DELIVERED | FAILED | SKIPPED > PENDING", by="GROUP_MANAGER webhooks.manage CHANNEL_MANAGER ADMIN"
)
async def resend(ctx: Context, delivery: WebhookDelivery) -> WebhookDelivery:
    """Tell the receiver once more, with the record as it is now, under the same id."""
    again = await ctx.update(delivery, status="PENDING", attempts=0, error=None, finished_at=None)
    await push(ctx, ENTRYPOINT, delivery.id)
    return again
