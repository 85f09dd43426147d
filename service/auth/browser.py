"""Signing in and out with a browser: what the portal's pages call, and the cookies that they set."""

from __future__ import annotations

from typing import Any

from litestar import Request
from litestar.datastructures import Cookie

from domain.kit.tokens import COOKIE, hashed, is_token, new_token
from service.auth.cookies import cookie, cookie_name, device_name, own_page, session_token
from service.auth.signing_in import BROWSER_LASTS, Opened, open_session, prove
from service.auth.visitors import visitor
from service.services import Services

_DEVICE_SECONDS = 90 * 86_400


async def log_in(
    request: Request[Any, Any, Any], services: Services, mail: str, password: str, code: str | None
) -> tuple[Opened, list[Cookie]]:
    """Begin a browser's session, after ending the one it had; the cookies to set. SignInRefused, CrossSite."""
    settings = services.settings
    own_page(request, settings)
    device = request.cookies.get(device_name(settings), "")
    device = device if is_token(device) else new_token(COOKIE)
    where = visitor(request, services, device)
    proof = await prove(services, mail, password, code, where)
    opened = await open_session(services, mail, proof, where, "BROWSER")
    await _end(request, services)
    return opened, [
        cookie(settings, cookie_name(settings), opened.access, int(BROWSER_LASTS.total_seconds())),
        cookie(settings, device_name(settings), device, _DEVICE_SECONDS),
    ]


async def log_out(request: Request[Any, Any, Any], services: Services) -> list[Cookie]:
    """End the browser's session; the cookies to set. The device stays known."""
    await _end(request, services)
    return [cookie(services.settings, cookie_name(services.settings), "", 0)]


async def _end(request: Request[Any, Any, Any], services: Services) -> None:
    token = session_token(request, services.settings)
    if token is None:
        return
    pool = await services.database.pool("forecourt_guest")
    async with pool.acquire(timeout=5) as connection:
        await connection.execute("select app.revoke_token($1)", hashed(token))
