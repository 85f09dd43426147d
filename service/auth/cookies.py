"""Browsers' sessions: a cookie that scripts cannot read, and a token against requests that other sites make.

A page's form carries the token in the field `csrf_token`, a script sends it in the header X-CSRF-Token. It is derived
from the session's cookie, so it ends with it and belongs to no other session.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any
from urllib.parse import urlsplit

from litestar import Request
from litestar.datastructures import Cookie

from domain.kit.errors import CrossSite, Malformed
from domain.kit.tokens import is_token
from service.api.bodies import pairs
from service.settings import Settings

CSRF_FIELD = "csrf_token"
CSRF_HEADER = "x-csrf-token"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_FORM = "application/x-www-form-urlencoded"
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


def _secure(settings: Settings) -> bool:
    return settings.public_url.startswith("https:")


def cookie_name(settings: Settings) -> str:
    """`__Host-forecourt` over https; browsers refuse that prefix over plain http."""
    return "__Host-forecourt" if _secure(settings) else "forecourt"


def device_name(settings: Settings) -> str:
    """The cookie by which a device is known again after signing out."""
    return f"{cookie_name(settings)}-device"


def cookie(settings: Settings, name: str, value: str, seconds: int) -> Cookie:
    """A cookie of ours: for our own host, unseen by scripts, not sent along by other sites' forms."""
    return Cookie(name, value=value, path="/", max_age=seconds, httponly=True, secure=_secure(settings), samesite="lax")


def session_token(request: Request[Any, Any, Any], settings: Settings) -> str | None:
    """The session's token if the request shows a cookie of that form."""
    token = request.cookies.get(cookie_name(settings), "")
    return token if is_token(token) else None


def csrf_token(settings: Settings, session: str) -> str:
    """The token that forms of this session carry."""
    key = hashlib.sha256(b"csrf " + settings.secret_key.encode()).digest()
    return base64.urlsafe_b64encode(hmac.digest(key, session.encode(), "sha256")).rstrip(b"=").decode()


def own_page(request: Request[Any, Any, Any], settings: Settings) -> None:
    """CrossSite where the browser says that another site's page made the request."""
    origin = request.headers.get("origin")
    site = request.headers.get("sec-fetch-site")
    if (origin is not None and origin not in _origins(settings)) or site not in (None, "same-origin", "none"):
        raise CrossSite


def _origins(settings: Settings) -> frozenset[str]:
    parts = urlsplit(settings.public_url)
    own = f"{parts.scheme}://{parts.netloc}"
    if not settings.demo:
        return frozenset({own})
    return frozenset({own, *(f"http://{host}:{settings.port}" for host in _LOOPBACK)})


async def guard(request: Request[Any, Any, Any], settings: Settings, session: str) -> None:
    """Let an unsafe request of a browser's session through only if one of our own pages made it; CrossSite."""
    if request.method in SAFE:
        return
    own_page(request, settings)
    shown = request.headers.get(CSRF_HEADER)
    if shown is None and request.headers.get("content-type", "").partition(";")[0].strip().lower() == _FORM:
        shown = await _field(request)
    if shown is None or not hmac.compare_digest(shown.encode(), csrf_token(settings, session).encode()):
        raise CrossSite


async def _field(request: Request[Any, Any, Any]) -> str | None:
    try:
        return next((value for name, value in pairs(await request.body()) if name == CSRF_FIELD), None)
    except Malformed:
        return None
