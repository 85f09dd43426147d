"""System clients: the scopes there are, and secrets that are shown once."""

from __future__ import annotations

from typing import Any

import msgspec

from domain.accounts.records import Account, ApiClient
from domain.kit.errors import Invalid
from domain.kit.events import on
from domain.kit.store import Context
from domain.kit.tokens import KEY, hashed, new_token

SCOPES = {
    "accounts.sync": "make and change accounts and contacts",
    "assets.sync": "make and change assets and their participants",
    "availability.bulk": "ask for availability in bulk",
    "catalogue.sync": "make and change products and vehicle definitions",
    "changes.read": "follow the change feed",
    "dms.write": "write what dealer management systems report",
    "eligibility.bulk": "check eligibility in bulk",
    "inventory.sync": "make, change and import vehicles and stock",
    "rdr.read": "read retail delivery reports",
    "scheduling.sync": "make and change service centers, hours and people",
    "slots.bulk": "ask for free slots in bulk",
    "vehicles.read": "read vehicles with VIN and registration",
}
"""Scopes that a client can hold, and what each allows."""


class Secret(msgspec.Struct):
    """A client's credentials as they are shown this one time."""

    client_id: str
    secret: str


@on("api_client.created")
@on("api_client.updated")
async def _checked(ctx: Context, client: ApiClient, _: dict[str, Any]) -> None:
    unknown = sorted(set(client.scopes) - SCOPES.keys())
    if unknown:
        raise Invalid.at("/scopes", f"holds {unknown[0]}, which is none of {', '.join(SCOPES)}")
    if client.account_id is not None:
        account = await ctx.get(Account, client.account_id)
        if not account.is_partner:
            raise Invalid.at("/account_id", "is no partner account")


@ApiClient.command("issue_secret", by="ADMIN", move="ACTIVE > ACTIVE", shown_once=True)
async def issue_secret(ctx: Context, client: ApiClient) -> Secret:
    """Make a secret and show it this one time; the one before it stays good until the next is made."""
    secret = new_token(KEY)
    await ctx.db.execute("select app.add_client_secret($1, $2, $3)", client.id, ctx.ids(), hashed(secret))
    return Secret(client.client_id, secret)
