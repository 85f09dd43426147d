"""A client that keeps connections to one port busy: `python -m bench.load`, its task as JSON on standard input."""

from __future__ import annotations

import asyncio
import sys
import time
from typing import cast

import msgspec
import uvloop


class Load(msgspec.Struct):
    """What is sent: the bodies in turn, each connection's next request when its answer is whole."""

    port: int
    path: str
    bodies: list[str]
    requests: int
    connections: int = 16


class Done(msgspec.Struct):
    """What came of it."""

    requests: int
    seconds: float
    answered_bytes: int
    """Of bodies."""
    refused: int
    """Answers other than 200."""


class _Connection(asyncio.Protocol):
    """One connection: a request at a time. Answers have a content-length, as all that is measured has."""

    def __init__(self, client: Client):
        self._client = client
        self._buffer = bytearray()
        self._wanted = -1

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but its type
        self._send()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self._wanted < 0:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            head = bytes(self._buffer[:end]).lower()
            at = head.index(b"content-length:") + 15
            length = int(head[at:].partition(b"\r\n")[0])
            self._wanted = end + 4 + length
            self._client.done.answered_bytes += length
            self._client.done.refused += b" 200 " not in head[:16]
        if len(self._buffer) >= self._wanted:
            self._buffer.clear()
            self._wanted = -1
            self._client.done.requests += 1
            self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        self._client.lost(exc)

    def _send(self) -> None:
        request = self._client.take()
        if request is not None:
            self._transport.write(request)


class Client:
    """All connections of a run."""

    def __init__(self, load: Load):
        self.load = load
        self.done = Done(0, 0.0, 0, 0)
        self._sent = 0
        self._over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._requests = [
            f"POST {load.path} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\ncontent-length: "
            f"{len(body.encode())}\r\n\r\n{body}".encode()
            for body in load.bodies
        ]

    def take(self) -> bytes | None:
        """The next request, None when all are sent."""
        if self._sent < self.load.requests:
            self._sent += 1
            return self._requests[self._sent % len(self._requests)]
        if self.done.requests == self.load.requests and not self._over.done():
            self._over.set_result(None)
        return None

    def lost(self, fault: Exception | None) -> None:
        """A connection has ended before all answers were there."""
        if not self._over.done():
            self._over.set_exception(fault or ConnectionError("the service closed a connection"))

    async def run(self) -> Done:
        """Sends everything."""
        loop, started = asyncio.get_running_loop(), time.perf_counter()
        for _ in range(self.load.connections):
            await loop.create_connection(lambda: _Connection(self), "127.0.0.1", self.load.port)
        await self._over
        self.done.seconds = time.perf_counter() - started
        return self.done


async def _run(load: Load) -> Done:
    return await Client(load).run()


if __name__ == "__main__":
    done = uvloop.run(_run(msgspec.json.decode(sys.stdin.buffer.read(), type=Load)))
    sys.stdout.buffer.write(msgspec.json.encode(done))
