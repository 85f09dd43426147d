"""Consent of people: who allowed what by which channel, from when until when, and where they said so."""

from __future__ import annotations

from typing import Annotated, Literal

from domain.kit.fields import Fixed, Ref, writes
from domain.kit.record import Record, entity
from domain.kit.rows import own, related
from domain.kit.store import Context
from domain.kit.values import Code, Instant

Purpose = Literal["TRANSACTIONAL", "SERVICE", "MARKETING", "RESEARCH", "DATA_SHARING"]
ConsentChannel = Literal["EMAIL", "SMS", "PHONE", "POST", "ANY"]


@entity(
    "consent",
    rows=own("account_id") | related("account_id"),
    grants={
        "CUSTOMER": "cr",
        "PARTNER": "r",
        "SALES": "cr",
        "SALES_MANAGER": "cr",
        "BDC": "cr",
        "SERVICE_ADVISOR": "cr",
        "STAFF": "r",
        "SERVICE_AGENT": "cr",
        "MARKETING": "cr",
        "SYSTEM": "r",
        "accounts.sync": "cr",
    },
    title="{purpose} by {channel}",
    person="contact_id",
    without="update delete",
    unique=("contact_id, purpose, channel where withdrawn_at is null",),
    checks={"order": "withdrawn_at is null or withdrawn_at >= given_at"},
)
class Consent(Record, kw_only=True):
    """What a person has allowed; it is withdrawn, never changed."""

    contact_id: Annotated[str, Ref("contact"), Fixed()]
    account_id: Annotated[str, Ref("account"), Fixed()]
    purpose: Annotated[Purpose, Fixed()]
    channel: Annotated[ConsentChannel, Fixed()] = "ANY"
    source: Annotated[Code, Fixed()]
    given_at: Annotated[Instant, Fixed()]
    withdrawn_at: Annotated[Instant | None, writes()] = None


@Consent.command(
    "withdraw",
    by="CUSTOMER SALES SALES_MANAGER BDC SERVICE_ADVISOR SERVICE_AGENT MARKETING accounts.sync",
)
async def withdraw(ctx: Context, consent: Consent) -> Consent:
    """End the consent now; withdrawing twice changes nothing."""
    if consent.withdrawn_at is not None:
        return consent
    return await ctx.update(consent, withdrawn_at=max(ctx.now, consent.given_at))


async def consented(ctx: Context, contact_id: str, purpose: str, channel: str) -> bool:
    """Whether the person allows this now; whoever asks, for a missing consent must not hide behind row policies."""
    async with ctx.elevated():
        found = await ctx.where(
            Consent,
            "contact_id = $1 and purpose = $2 and channel in ($3, 'ANY') and withdrawn_at is null and given_at <= $4",
            contact_id,
            purpose,
            channel,
            ctx.now,
        )
    return bool(found)
