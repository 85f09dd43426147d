"""Who makes a request: the token is looked up on each one, so that rights withdrawn are withdrawn at once."""

from __future__ import annotations

from typing import Any

from litestar import Request

from domain.kit.errors import Unauthenticated
from domain.kit.policy import GUEST, Principal
from domain.kit.tokens import hashed, is_token
from service.auth.cookies import guard, session_token
from service.services import Services

_CALLER = (
    "select persona, user_id, account_id, contact_id, client_id, units, group_units, roles, roles_at, scopes, brands, "
    "session_id from app.authenticate($1, $2)"
)
OWN_AUTHENTICATION = frozenset({"/api/v1/oauth/token", "/api/v1/oauth/revoke"})
"""Where the Authorization header holds a client's own credentials and not a token."""


async def authenticate(request: Request[Any, Any, Any], services: Services) -> Principal:
    """The caller: GUEST without a token; Unauthenticated for one that is malformed, wrong, expired or revoked.

    A browser's cookie counts where there is no token: an ended session is a guest, and whatever changes something
    must come from one of our own pages (CrossSite).
    """
    if request.scope["path"] in OWN_AUTHENTICATION:
        return GUEST
    shown = [value for name, value in request.scope["headers"] if name == b"authorization"]
    if not shown:
        return await _of_browser(request, services)
    scheme, _, token = shown[0].decode("latin-1").partition(" ")
    if len(shown) > 1 or scheme.lower() != "bearer" or not is_token(token := token.strip()):
        raise Unauthenticated("Send one header Authorization: Bearer <access token>")
    found = await caller(services, token, "ACCESS")
    if found is None:
        raise Unauthenticated
    return found


async def _of_browser(request: Request[Any, Any, Any], services: Services) -> Principal:
    session = session_token(request, services.settings)
    found = await caller(services, session, "COOKIE") if session else None
    if session is None or found is None:
        return GUEST
    await guard(request, services.settings, session)
    return found


async def caller(services: Services, token: str, kind: str) -> Principal | None:
    """The caller who holds this token now, in one trip; None where it opens nothing."""
    pool = await services.database.pool("forecourt_guest")
    async with pool.acquire(timeout=5) as connection:
        row = await connection.fetchrow(_CALLER, hashed(token), kind)
    return None if row is None else principal_of(row)


def principal_of(row: Any) -> Principal:
    """The principal of a row of `app.caller`."""
    return Principal(
        persona=row["persona"],
        user_id=row["user_id"],
        account_id=row["account_id"],
        contact_id=row["contact_id"],
        client_id=row["client_id"],
        units=tuple(row["units"]),
        group_units=tuple(row["group_units"]),
        roles=frozenset(row["roles"]),
        roles_at={account: frozenset(roles) for account, roles in row["roles_at"].items()},
        scopes=frozenset(row["scopes"]),
        brands=None if row["brands"] is None else frozenset(row["brands"]),
        session_id=row["session_id"],
    )
