"""Who gives which role to whom: dealer roles at a dealer's accounts, staff roles by administrators alone."""

from __future__ import annotations

from typing import Any

from domain.accounts.records import Account, RoleAssignment, User
from domain.accounts.users import another_administrator, keeps
from domain.kit.errors import Forbidden, Invalid
from domain.kit.events import on
from domain.kit.policy import DEALER_ROLES, Principal
from domain.kit.store import Context

_NETWORK = frozenset({"ADMIN", "CHANNEL_MANAGER"})
_PLACES = {
    "SUPPLIER": frozenset({"SUPPLIER"}),
    "PARTS": frozenset({"DEALER", "DEALER_GROUP", "SUPPLIER"}),
}
_DEALERS = frozenset({"DEALER", "DEALER_GROUP"})


def _may_give(principal: Principal, assignment: RoleAssignment) -> bool:
    if assignment.role not in DEALER_ROLES:
        return "ADMIN" in principal.keys
    if _NETWORK & principal.keys:
        return True
    return assignment.account_id in principal.units and "GROUP_MANAGER" in principal.keys_at(assignment.account_id)


@on("role_assignment.created")
async def _given(ctx: Context, assignment: RoleAssignment, _: dict[str, Any]) -> None:
    if assignment.user_id == ctx.principal.user_id:
        raise Forbidden("Nobody gives a role to themselves")
    if not _may_give(ctx.principal, assignment):
        raise Forbidden("You may not give this role")
    async with ctx.elevated():
        user = await ctx.get(User, assignment.user_id)
        account = await ctx.find(Account, assignment.account_id) if assignment.account_id else None
    if not keeps(ctx.principal, user):
        raise Forbidden("You do not look after this user")
    if user.status == "DEACTIVATED":
        raise Invalid.at("/user_id", "is deactivated")
    if user.persona != ("STAFF" if account is None else "PARTNER"):
        raise Invalid.at("/role", f"is no role for a user of the persona {user.persona}")
    if account is not None:
        await _fits(ctx, assignment.role, user, account)


async def _fits(ctx: Context, role: str, user: User, account: Account) -> None:
    if account.type not in _PLACES.get(role, _DEALERS):
        raise Invalid.at("/account_id", f"is an account of the type {account.type}, where nobody is {role}")
    if not (account.is_partner and account.is_active):
        raise Invalid.at("/account_id", "is no active partner account")
    same = await ctx.db.fetchval("select app.same_group($1, $2)", account.id, user.account_id)
    if not same:
        raise Invalid.at("/account_id", "belongs to another dealer group than the user")


@on("role_assignment.deleted")
async def _taken(ctx: Context, assignment: RoleAssignment, _: dict[str, Any]) -> None:
    if not _may_give(ctx.principal, assignment):
        raise Forbidden("You may not take this role away")
    if assignment.role == "ADMIN":
        await another_administrator(ctx, assignment.user_id)
