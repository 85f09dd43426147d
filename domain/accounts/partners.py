"""Partner accounts, and partner relationship management, which once enabled stays so."""

from __future__ import annotations

from typing import Any

import msgspec

from domain.accounts.records import Account, PrmSetting, RoleAssignment, User
from domain.kit.errors import Invalid
from domain.kit.events import on
from domain.kit.store import Context

CONFIRMATION = "Enable partner relationship management. There is no way back."
_PARTNER_TYPES = ("DEALER_GROUP", "DEALER", "SUPPLIER")


@Account.command("enable_partner", by="CHANNEL_MANAGER ADMIN")
async def enable_partner(ctx: Context, account: Account) -> Account:
    """Make a business a partner; its owner is an active channel manager. Its users may sign in from then on."""
    if account.is_partner:
        return account
    if account.kind != "BUSINESS":
        raise Invalid.at("/kind", "is PERSON: a private person can never be a partner")
    if account.type not in _PARTNER_TYPES:
        raise Invalid.at("/type", f"is {account.type}; partners are {', '.join(_PARTNER_TYPES)}")
    if not account.is_active:
        raise Invalid.at("/is_active", "is false")
    if account.owner_id is None or not await _is_channel_manager(ctx, account.owner_id):
        raise Invalid.at("/owner_id", "is not an active channel manager")
    return await ctx.update(account, is_partner=True)


@Account.command("disable_partner", by="CHANNEL_MANAGER ADMIN")
async def disable_partner(ctx: Context, account: Account) -> Account:
    """End the partnership: its users are signed out and stay out; all records stay."""
    return await ctx.update(account, is_partner=False)


async def _is_channel_manager(ctx: Context, user_id: str) -> bool:
    async with ctx.elevated():
        user = await ctx.find(User, user_id)
        held = await ctx.where(RoleAssignment, "user_id = $1 and role = 'CHANNEL_MANAGER'", user_id)
    return user is not None and user.status == "ACTIVE" and user.persona == "STAFF" and bool(held)


@on("account.created")
@on("account.updated")
async def _no_ring(ctx: Context, account: Account, changes: dict[str, Any]) -> None:
    """A dealer group is a tree: no account stands above itself."""
    if changes.get("parent_account_id") is None:
        return
    async with ctx.elevated():
        await ctx.db.execute("select pg_advisory_xact_lock(hashtext('account tree'))")
        ring = await ctx.db.fetchval(
            "with recursive above as (select parent_account_id as id from account where id = $1 "
            "union select a.parent_account_id from above b join account a on a.id = b.id) "
            "select exists (select from above where id = $1)",
            account.id,
        )
    if ring:
        raise Invalid.at("/parent_account_id", "stands below this account already")


class Confirmation(msgspec.Struct, forbid_unknown_fields=True):
    """What an administrator types to show that the sentence was read."""

    confirmation: str


@PrmSetting.command("start_review", move="DISABLED > REVIEWING", by="ADMIN")
async def start_review(ctx: Context, setting: PrmSetting) -> None:
    """Begin to look through what partners would see."""


@PrmSetting.command("cancel_review", move="REVIEWING > DISABLED", by="ADMIN")
async def cancel_review(ctx: Context, setting: PrmSetting) -> None:
    """Leave everything as it was."""


@PrmSetting.command("enable", move="REVIEWING | ENABLED > ENABLED", by="ADMIN")
async def enable(ctx: Context, setting: PrmSetting, data: Confirmation) -> PrmSetting:
    """Switch it on for good, after the sentence is typed as it stands. Where it is on, nothing happens."""
    if data.confirmation != CONFIRMATION:
        raise Invalid.at("/confirmation", f"is not the sentence: {CONFIRMATION}")
    if setting.status == "ENABLED":
        return setting
    return await ctx.update(setting, status="ENABLED", enabled_at=ctx.now)
