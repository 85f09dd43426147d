"""The outermost layer of the web process: request ids, addresses, HEAD, security headers, access log, figures."""

from __future__ import annotations

import re
import time
from typing import Any

import structlog
from litestar import Litestar
from litestar.types import ASGIApp

from domain.kit.ids import new_id
from service.api.encoding import Compressed
from service.ops.limits import client_of
from service.services import Services

Header = tuple[bytes, bytes]

log = structlog.get_logger("forecourt.requests")
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_NO_ROUTE = "(none)"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_QUIET = frozenset({"/health/live", "/health/ready", "/metrics"})
"""Asked every few seconds by machines: logged where they fail."""
CALENDAR = ".ics"
"""An ending that stands at a parameter of the path; routes have it as a segment of its own."""
CLIENT_GONE = 499  # in log and figures alone: nobody was there to be told anything

PAGE_POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
_DATA_POLICY = "default-src 'none'; frame-ancestors 'none'"
_ALWAYS: tuple[Header, ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(self), microphone=(), payment=()"),
)


class Application(Litestar):
    """Litestar's own middleware sees no request without a route; this one sees all."""

    edge: Edge | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Passes every HTTP request through the edge."""
        if self.edge is None or scope["type"] != "http":
            await super().__call__(scope, receive, send)
        else:
            await self.edge(scope, receive, send)

    def face(self, services: Services) -> None:
        """Put the edge in place."""
        self.edge = Edge(Compressed(super().__call__), services)


class Edge:
    """ASGI application around another one."""

    def __init__(self, app: ASGIApp, services: Services):
        self._app = app
        self._trusted = services.settings.trusted_proxies
        self._metrics = services.metrics
        secure = services.settings.public_url.startswith("https://")
        self._always = (*_ALWAYS, (b"strict-transport-security", b"max-age=31536000")) if secure else _ALWAYS

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answers one request."""
        began = time.perf_counter()
        given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
        request_id = given if _REQUEST_ID.fullmatch(given) else new_id().encode()
        state = scope["state"] = {**scope.get("state", {}), "request_id": request_id.decode()}
        peer = scope.get("client") or ("", 0)
        if self._trusted:
            scope["client"] = (client_of(peer[0], scope["headers"], self._trusted), peer[1])
        path: str = scope["path"]
        if path.endswith(CALENDAR):
            scope["path"] = f"{path.removesuffix(CALENDAR)}/{CALENDAR}"
        method = scope["method"]
        if method == "HEAD":
            scope["method"] = "GET"
        status, size = CLIENT_GONE, 0

        async def told(message: Any) -> None:
            nonlocal status, size
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = self._headers(message["headers"], request_id)
            else:
                size += len(message.get("body", b""))
                if method == "HEAD":
                    message = {**message, "body": b""}
            await send(message)

        try:
            await self._app(scope, receive, told)
        finally:
            handler = scope.get("route_handler")
            route = handler.opt.get("route") if handler is not None else None
            template = route.path if route is not None else _NO_ROUTE
            seconds = time.perf_counter() - began
            self._metrics.answered(method if method in _METHODS else "OTHER", template, status, seconds)
            if template not in _QUIET or status >= 500:
                log.info(
                    "request",
                    request_id=state["request_id"],
                    method=method[:16],
                    route=template,
                    status=status,
                    ms=round(seconds * 1000, 2),
                    bytes=size,
                    principal=state.get("principal"),
                    address=(scope.get("client") or ("",))[0],
                )

    def _headers(self, headers: Any, request_id: bytes) -> list[Header]:
        found = [*headers, (b"x-request-id", request_id)]
        names = {name for name, _ in found}
        found.extend(header for header in self._always if header[0] not in names)
        if b"content-security-policy" not in names:
            kind = next((value for name, value in found if name == b"content-type"), b"")
            policy = PAGE_POLICY if kind.startswith(b"text/html") else _DATA_POLICY
            found.append((b"content-security-policy", policy.encode()))
        return found
