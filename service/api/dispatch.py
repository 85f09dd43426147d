"""The way of a request through its route: who asks, may they, what do they say, do it, tell the answer."""

from __future__ import annotations

import re
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.handlers import HTTPRouteHandler

from domain.kit import feed
from domain.kit.db import Deed, written
from domain.kit.errors import Malformed, NotAcceptable, Unauthenticated, UnsupportedMediaType
from domain.kit.policy import GUEST, Principal
from service.api import bodies, idempotency, problems
from service.api.encoding import acceptable
from service.api.routing import Answer, Call, Kind, Route
from service.auth.principal import authenticate
from service.services import Services

_encoder = msgspec.json.Encoder()


def mounted(route: Route) -> HTTPRouteHandler:
    """The Litestar handler of a route."""

    async def endpoint(request: Request[Any, Any, Any]) -> Response[Any]:
        return await dispatch(route, request)

    return HTTPRouteHandler(
        _litestar_path(route.path),
        http_method=route.method,  # type: ignore[arg-type] # one of the methods that Litestar's literal names
        opt={"route": route, "body_limit": route.body_limit},
        status_code=200,  # every answer carries its own
        name=route.name,
    )(endpoint)


def options(path: str, methods: list[str]) -> HTTPRouteHandler:
    """The answer to OPTIONS at an address: every method that it takes, to everybody."""
    allow = problems.allowed(methods)

    async def endpoint() -> Response[Any]:
        return Response(None, status_code=204, headers={"allow": allow})

    return HTTPRouteHandler(_litestar_path(path), http_method="OPTIONS", status_code=200, name=f"OPTIONS {path}")(
        endpoint
    )


def _litestar_path(path: str) -> str:
    """The path as Litestar takes it, whose parameters are whole segments: an ending is one of its own (see Edge)."""
    return re.sub(r"\{(\w+)\}(\.\w+)?", lambda found: f"{{{found[1]}:str}}{'/' + found[2] if found[2] else ''}", path)


async def _caller(request: Request[Any, Any, Any], services: Services) -> Principal:
    address = request.client.host if request.client else ""
    services.limits.may_try(address)
    try:
        principal = await authenticate(request, services)
    except Unauthenticated:
        services.limits.tried(address)
        raise
    services.limits.take(principal, address)
    request.scope["state"]["principal"] = principal.name
    return principal


async def dispatch(route: Route, request: Request[Any, Any, Any]) -> Response[Any]:
    """Answer one request."""
    services: Services = request.app.state.services
    principal = GUEST if route.anonymous else await _caller(request, services)
    if not route.admits(principal):
        raise route.refuse(principal)
    accept = request.headers.get("accept")
    if accept is not None and not acceptable(accept, route.answers):
        raise NotAcceptable
    call = Call(request, services, route, principal)
    call.raw = bodies.pairs(request.scope["query_string"])
    if route.query is not None:
        call.query = bodies.parameters(call.raw, route.query)
    raw = b""
    if not route.streams:
        raw = await request.body()
        _read_body(call, raw)
    if route.kind is Kind.FREE:
        return response(route, await route.handler(call))
    deed = Deed(request_id=request_id(request))
    if route.kind is Kind.READ:
        if after := request.headers.get("x-after-change"):
            feed.parse(after)  # one PostgreSQL serves all nodes: a committed write is visible to every read of a table
        async with services.context(principal, deed, readonly=True) as call.ctx:
            return response(route, await route.handler(call))
    return await _write(call, deed, raw)


async def _write(call: Call, deed: Deed, raw: bytes) -> Response[Any]:
    route, services = call.route, call.services
    claim = None
    key = call.request.headers.get("idempotency-key")
    if key is not None and route.idempotent:
        claim = idempotency.claim_of(caller_name(call), f"{route.method} {call.request.scope['path']}", key, raw)
    async with services.context(call.principal, deed) as call.ctx:
        if claim is not None:
            stored = await idempotency.claimed(call.ctx.db, claim)
            if stored is not None:
                return Response(
                    stored.body or None,
                    status_code=stored.status,
                    headers={**stored.headers, "idempotent-replayed": "true"},
                    media_type="application/json",
                )
        answer = response(route, await route.handler(call))
        done = await written(call.ctx.db)
        if done is not None:
            answer.headers["x-change"] = feed.written(*done)
        if claim is not None:
            kept = idempotency.Stored(answer.status_code or 200, dict(answer.headers), answer.content or b"")
            await idempotency.keep(call.ctx.db, claim, kept)
    return answer


def caller_name(call: Call) -> str:
    """Who a key belongs to; guests are told apart by their address."""
    if call.principal.persona == "GUEST":
        client = call.request.client
        return f"GUEST {client.host if client else ''}"
    return call.principal.name


def request_id(request: Request[Any, Any, Any]) -> str:
    """The id under which this request is logged."""
    state: dict[str, Any] = request.scope.get("state", {})
    return str(state.get("request_id", ""))


def _read_body(call: Call, raw: bytes) -> None:
    route = call.route
    if route.body is None:
        if raw.strip():
            raise Malformed("This address takes no body")
        return
    annotation = route.body_of(call.principal) if route.body_of is not None else route.body
    if not raw and route.body_optional:
        call.body = msgspec.convert({}, annotation)
        return
    media = call.request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media != "application/json" and not media.endswith("+json"):
        raise UnsupportedMediaType("Send application/json")
    call.body = bodies.decode(raw, annotation, asks=route.asks)


def response(route: Route, result: Any) -> Response[Any]:
    """The HTTP answer of what a handler gave back."""
    if isinstance(result, Response):
        return result
    if not isinstance(result, Answer):
        result = Answer(result)
    status = result.status or route.status
    headers = {"cache-control": "no-store", **result.headers}
    version = getattr(result.content, "version", None)
    if isinstance(version, int) and "etag" not in headers:
        headers["etag"] = f'"{version}"'
    content = result.content
    if content is None:
        content = b""
        status = 204 if status == 200 else status
    elif not isinstance(content, bytes):
        content = _encoder.encode(content)
    return Response(content or None, status_code=status, headers=headers, media_type=result.media_type)
