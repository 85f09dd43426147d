"""Who makes, invites, suspends and deactivates users; nobody does so to themselves or to somebody with more rights."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from domain.accounts.records import Account, Contact, RoleAssignment, User
from domain.kit.errors import Conflict, Forbidden, Invalid
from domain.kit.events import on
from domain.kit.messages import TEMPLATES, send
from domain.kit.policy import Principal
from domain.kit.store import Context
from domain.kit.tokens import ONCE, hashed, new_token

TEMPLATES.add(Path(__file__).parent / "templates")
INVITATION_LASTS = timedelta(days=7)
_KEEPERS = "GROUP_MANAGER CHANNEL_MANAGER SERVICE_AGENT ADMIN"
_KEEPERS_OF = {
    "CUSTOMER": frozenset({"ADMIN", "CHANNEL_MANAGER", "SERVICE_AGENT"}),
    "PARTNER": frozenset({"ADMIN", "CHANNEL_MANAGER"}),
    "STAFF": frozenset({"ADMIN"}),
}


def keeps(principal: Principal, user: User) -> bool:
    """Whether the caller looks after that user: staff by persona of the user, a group's manager within own units."""
    if _KEEPERS_OF[user.persona] & principal.keys:
        return True
    return (
        user.persona == "PARTNER"
        and user.account_id in principal.units
        and "GROUP_MANAGER" in principal.keys_at(user.account_id)
    )


def must_keep(ctx: Context, user: User) -> None:
    """Forbidden where the caller does not look after the user, or is that user."""
    if user.id == ctx.principal.user_id:
        raise Forbidden("Nobody does this to themselves")
    if not keeps(ctx.principal, user):
        raise Forbidden("You do not look after this user")


@on("user.created")
async def _new(ctx: Context, user: User, _: dict[str, Any]) -> None:
    must_keep(ctx, user)
    if user.persona == "STAFF":
        if user.account_id is not None or user.contact_id is not None:
            raise Invalid.at("/account_id", "is left out for staff")
        return
    async with ctx.elevated():
        account = await ctx.find(Account, user.account_id or "")
        contact = await ctx.find(Contact, user.contact_id or "")
    if account is None or contact is None or contact.account_id != account.id:
        raise Invalid.at("/contact_id", "is no contact of this account")
    if not account.is_active:
        raise Invalid.at("/account_id", "is not active")
    if user.persona == "PARTNER" and not account.is_partner:
        raise Invalid.at("/account_id", "is no partner account")


@on("user.updated")
async def _changed(ctx: Context, user: User, changes: dict[str, Any]) -> None:
    if "brands" in changes and user.id == ctx.principal.user_id:
        raise Forbidden("Nobody widens their own rights")
    if user.id != ctx.principal.user_id and not keeps(ctx.principal, user):
        raise Forbidden("You do not look after this user")


@User.command("invite", move="INVITED > INVITED", by=_KEEPERS)
async def invite(ctx: Context, user: User) -> User:
    """Mail a link that sets the password and works once. A new one ends those before it."""
    must_keep(ctx, user)
    token = new_token(ONCE)
    async with ctx.elevated():
        await ctx.db.execute(
            "select app.make_token('INVITATION', $1, $2, '{}', $3, $4)",
            user.id,
            user.email,
            hashed(token),
            INVITATION_LASTS,
        )
    await send(
        ctx,
        to=user.email,
        template="invitation",
        data={"name": user.name, "days": INVITATION_LASTS.days},
        hidden={"link": f"{ctx.public_url}/activate?token={token}"},
        locale=user.locale,
        contact_id=user.contact_id,
        user_id=user.id,
        account_id=user.account_id if user.persona == "CUSTOMER" else None,
    )
    return user


@User.command("suspend", move="INVITED | ACTIVE > SUSPENDED", by=_KEEPERS)
async def suspend(ctx: Context, user: User) -> None:
    """Keep the user out for a time. All sessions end."""
    await _can_go(ctx, user)


@User.command("reactivate", move="SUSPENDED > ACTIVE | INVITED", by=_KEEPERS)
async def reactivate(ctx: Context, user: User) -> User:
    """Let a suspended user in again; one who never signed in is invited as before."""
    must_keep(ctx, user)
    return await ctx.update(user, event="reactivated", status="ACTIVE" if user.first_login_at else "INVITED")


@User.command("deactivate", move="INVITED | ACTIVE | SUSPENDED > DEACTIVATED", by=_KEEPERS)
async def deactivate(ctx: Context, user: User) -> None:
    """Keep the user out for good; the records they made stay."""
    await _can_go(ctx, user)


@User.command("drop_second_factor", by="ADMIN")
async def drop_second_factor(ctx: Context, user: User) -> User:
    """For a lost device and lost recovery codes: the password alone is asked for again. All sessions end."""
    must_keep(ctx, user)
    await ctx.db.execute("select app.drop_otp($1)", user.id)
    return await ctx.get(User, user.id)


async def another_administrator(ctx: Context, user_id: str) -> None:
    """Conflict where nobody but that user could give the role ADMIN. Those who ask at the same moment take turns."""
    async with ctx.elevated():
        await ctx.db.execute("select pg_advisory_xact_lock(hashtext('last administrator'))")
        another = await ctx.db.fetchval(
            'select exists (select from role_assignment r join "user" u on u.id = r.user_id '
            "where r.role = 'ADMIN' and u.status = 'ACTIVE' and u.id <> $1)",
            user_id,
        )
    if not another:
        raise Conflict("This is the last administrator")


async def _can_go(ctx: Context, user: User) -> None:
    must_keep(ctx, user)
    if user.persona == "STAFF" and await ctx.where(RoleAssignment, "user_id = $1 and role = 'ADMIN'", user.id):
        await another_administrator(ctx, user.id)
