"""Speaks to an application without a socket: many thousand requests a minute, with any bytes in them."""

from __future__ import annotations

import asyncio
import time
from typing import Any
from urllib.parse import unquote_to_bytes

import msgspec
from litestar import Litestar


class Answered(msgspec.Struct):
    """An answer, and how long it took in seconds."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes
    seconds: float
    fault: Exception | None = None
    """What cut the answer off after it had begun; the client sees a connection that ends too early."""

    def header(self, name: str) -> str | None:
        """The header's value."""
        return next((value.decode("latin-1") for key, value in self.headers if key == name.encode()), None)

    def json(self) -> Any:
        """The body as JSON."""
        return msgspec.json.decode(self.body)


class Client:
    """One caller of the application."""

    def __init__(self, app: Litestar, token: str | None = None):
        self.app: Any = app
        self._token = token

    async def call(
        self, method: str, target: str, headers: dict[str, str] | None = None, body: bytes = b""
    ) -> Answered:
        """Send one request. TimeoutError after ten seconds; whatever the application raises."""
        path, _, query = target.partition("?")
        told = {"host": "localhost", **({"authorization": f"Bearer {self._token}"} if self._token else {})}
        if body:
            told["content-length"] = str(len(body))
        told |= headers or {}
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": unquote_to_bytes(path).decode(errors="replace"),
            "raw_path": path.encode("latin-1", errors="replace"),
            "root_path": "",
            "query_string": query.encode("latin-1", errors="replace"),
            "headers": [(name.encode(), value.encode("latin-1", errors="replace")) for name, value in told.items()],
            "client": ("127.0.0.1", 50_000),
            "server": ("localhost", 80),
        }
        pieces = [{"type": "http.request", "body": body, "more_body": False}]
        over = asyncio.Event()
        answered = Answered(0, [], b"", 0.0)

        async def receive() -> Any:
            if pieces:
                return pieces.pop()
            await over.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                answered.status, answered.headers = message["status"], list(message["headers"])
            else:
                answered.body += message.get("body", b"")
                if not message.get("more_body", False):
                    over.set()

        began = time.perf_counter()
        try:
            async with asyncio.timeout(10):
                await self.app(scope, receive, send)
        except Exception as fault:
            if not answered.status:
                raise
            answered.fault = fault
        answered.seconds = time.perf_counter() - began
        return answered
