"""Cuts clients that send too slowly, too much or do not read, so that the others are served."""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
from litestar.enums import ScopeType
from litestar.types import (
    ASGIApp,
    HTTPResponseBodyEvent,
    HTTPResponseStartEvent,
    Message,
    Receive,
    Scope,
    Send,
)

from domain.kit.errors import Problem, RequestTimeout, TooLarge

_DRAIN_BYTES = 4_000_000
_DRAIN_SECONDS = 2.0


class BodyLimit(msgspec.Struct, frozen=True):
    """How much a route takes and how fast it must come.

    The service waits `grace_seconds` in all for the body and, where `bytes_per_second` is not 0 (streamed routes), as
    much longer as what has come would take at that rate. Each piece of a streamed answer must be read within
    `answer_seconds`.
    """

    most_bytes: int = 10_000_000
    grace_seconds: float = 20.0
    bytes_per_second: int = 0
    answer_seconds: float = 30.0

    def patience(self, received: int) -> float:
        """Seconds to wait in all for the piece after those received."""
        return self.grace_seconds + (received / self.bytes_per_second if self.bytes_per_second else 0.0)


STREAMED = BodyLimit(most_bytes=1 << 40, grace_seconds=30.0, bytes_per_second=1_000)


def limit_of_route(scope: Scope) -> BodyLimit:
    """The limit that the matched route carries as its option `body_limit`, else the common one."""
    found: BodyLimit = getattr(scope.get("route_handler"), "opt", {}).get("body_limit") or _COMMON
    return found


_COMMON = BodyLimit()


class _Cut(BaseException):
    """Unwinds the application when its client is cut; no handler of errors may take it for one of its own."""


class Deadlines:
    """ASGI middleware that holds each request to the body limit which `limit_of` finds for it."""

    def __init__(self, app: ASGIApp, limit_of: Callable[[Scope], BodyLimit] = limit_of_route) -> None:
        self._app = app
        self._limit_of = limit_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on; answers 408 or 413 itself when the body is late or too large."""
        if scope["type"] == ScopeType.HTTP:
            await _Request(self._limit_of(scope), receive, send).serve(self._app, scope)
        else:
            await self._app(scope, receive, send)


class Running:
    """ASGI middleware, outside of everything else, that knows the requests in work."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._tasks: set[asyncio.Task[Any]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on."""
        task = asyncio.current_task()
        if scope["type"] not in (ScopeType.HTTP, ScopeType.WEBSOCKET) or task is None:
            await self._app(scope, receive, send)
            return
        self._tasks.add(task)
        try:
            await self._app(scope, receive, send)
        finally:
            self._tasks.discard(task)

    def cut(self) -> None:
        """Ends them: streams without an end would keep a stopping server alive."""
        for task in self._tasks:
            task.cancel()


class _Request:
    def __init__(self, limit: BodyLimit, receive: Receive, send: Send) -> None:
        self._limit = limit
        self._receive = receive
        self._send = send
        self._waited = 0.0  # for the client alone: an application that reads slowly is not the client's fault
        self._received = 0
        self._complete = False
        self._started = False
        self._refusal: Problem | None = None

    async def serve(self, app: ASGIApp, scope: Scope) -> None:
        length = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
        if length.isdigit() and int(length) > self._limit.most_bytes:
            self._refusal = self._too_large()
            await self._refuse()
            return
        try:
            await app(scope, self.receive, self.send)
        except BaseException:
            if self._refusal is None:
                raise
            if self._started:
                return  # the connection is closed without the end of the answer
        if self._refusal is not None and not self._started:
            await self._refuse()

    async def receive(self) -> Any:
        if self._complete:
            return await self._receive()
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            async with asyncio.timeout(self._limit.patience(self._received) - self._waited):
                message = await self._receive()
        except TimeoutError:
            self._refusal = RequestTimeout("The body did not arrive in time.")
            raise _Cut from None
        self._waited += loop.time() - began
        if message["type"] == "http.request":
            self._received += len(message.get("body", b""))
            self._complete = not message.get("more_body", False)
            if self._received > self._limit.most_bytes:
                self._refusal = self._too_large()
                raise _Cut
        return message

    async def send(self, message: Message) -> None:
        if self._refusal is not None:
            return  # whatever the application makes of being cut, the refusal is the answer
        if message["type"] == "http.response.start":
            self._started = True
        if not message.get("more_body", False):
            await self._send(message)
            return
        try:
            async with asyncio.timeout(self._limit.answer_seconds):
                await self._send(message)
        except TimeoutError:
            self._refusal = RequestTimeout("The answer was not read in time.")
            raise _Cut from None

    def _too_large(self) -> TooLarge:
        return TooLarge(f"The body may hold {self._limit.most_bytes:,} bytes.")

    async def _refuse(self) -> None:
        refusal = self._refusal
        assert refusal is not None
        if isinstance(refusal, TooLarge):
            await self._drain()
        body = msgspec.json.encode(
            {
                "type": f"urn:forecourt:problem:{refusal.slug}",
                "title": refusal.title,
                "status": refusal.status,
                "detail": refusal.detail,
            }
        )
        headers = [
            (b"content-type", b"application/problem+json"),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
        ]
        await self._send(HTTPResponseStartEvent(type="http.response.start", status=refusal.status, headers=headers))
        await self._send(HTTPResponseBodyEvent(type="http.response.body", body=body, more_body=False))

    async def _drain(self) -> None:
        """Reads a little more: a client still sending would see a reset connection instead of the answer."""
        drained = 0
        try:
            async with asyncio.timeout(_DRAIN_SECONDS):
                while drained < _DRAIN_BYTES and not self._complete:
                    message: Any = await self._receive()
                    drained += len(message.get("body", b""))
                    self._complete = not message.get("more_body", False)
        except TimeoutError:
            return
