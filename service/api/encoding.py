"""Compressed answers and compressed bodies: gzip and zstd both ways, with an end to bombs."""

from __future__ import annotations

import asyncio
import functools
import zlib
from typing import Any, Protocol

import zstandard
from litestar.types import ASGIApp

from domain.kit.errors import Malformed, TooLarge, UnsupportedMediaType
from service.ops.deadlines import limit_of_route

ENCODINGS = ("zstd", "gzip")
LEAST_BYTES = 1_000
_IN_THREAD_BYTES = 256_000
_COMPRESSIBLE = (
    b"application/json",
    b"application/problem+json",
    b"application/x-ndjson",
    b"text/csv",
    b"text/plain",
    b"text/calendar",
)
"""Pages are not among them: their forms hold a secret beside text that others may have chosen (BREACH)."""
_GZIP = 16 + zlib.MAX_WBITS
_ZSTD_WINDOW = 1 << 23  # what RFC 8878 asks every reader to bear
_SLICE = 512
_MOST_RATIO = 200
_FREE_BYTES = 10_000_000


@functools.lru_cache(maxsize=512)
def negotiated(accept: bytes) -> str | None:
    """The encoding to answer in by Accept-Encoding: zstd before gzip, for it costs a third; None for neither."""
    wanted: dict[str, bool] = {}
    for part in accept.decode("latin-1").lower().split(","):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        quality = next((one[2:].strip() for one in parameters if one.startswith("q=")), "1")
        wanted[name] = quality.strip("0.") != ""
    return next((name for name in ENCODINGS if wanted.get(name, False)), None)


class _Packer(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...

    def flush(self, mode: int = ..., /) -> bytes: ...


def _packer(encoding: str) -> tuple[_Packer, int]:
    """A compressor and its mode for flushing what there is, so that a reader gets each piece when it is written."""
    if encoding == "zstd":
        return zstandard.ZstdCompressor(level=3).compressobj(), zstandard.COMPRESSOBJ_FLUSH_BLOCK
    return zlib.compressobj(1, zlib.DEFLATED, _GZIP), zlib.Z_SYNC_FLUSH


def packed(body: bytes, encoding: str) -> bytes:
    """A whole answer, compressed."""
    if encoding == "zstd":
        return zstandard.ZstdCompressor(level=3).compress(body)
    packer = zlib.compressobj(1, zlib.DEFLATED, _GZIP)
    return packer.compress(body) + packer.flush()


class Compressed:
    """ASGI application around another one that compresses what it answers, where the client offers to read that."""

    def __init__(self, app: ASGIApp):
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answers one request."""
        accept = next((value for name, value in scope["headers"] if name == b"accept-encoding"), b"")
        encoding = negotiated(accept) if accept else None
        if encoding is None:
            await self._app(scope, receive, send)
        else:
            await self._app(scope, receive, _Answer(send, encoding).send)


class _Answer:
    def __init__(self, send: Any, encoding: str):
        self._send = send
        self._encoding = encoding
        self._start: Any | None = None
        self._packer: tuple[_Packer, int] | None = None

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self._start = message
            return
        if self._start is not None:
            start, self._start = self._start, None
            message = await self._first(start, message)
        elif self._packer is not None:
            message = self._piece(message)
        await self._send(message)

    async def _first(self, start: Any, message: Any) -> Any:
        """Send the head, now that the first piece tells whether compressing is worth it."""
        body, more = message.get("body", b""), message.get("more_body", False)
        if not _worth_it(start, len(body), more):
            await self._send(start)
            return message
        headers = [(name, value) for name, value in start["headers"] if name != b"content-length"]
        headers.append((b"content-encoding", self._encoding.encode()))
        if (b"vary", b"accept-encoding") not in headers:
            headers.append((b"vary", b"accept-encoding"))
        if more:
            self._packer = _packer(self._encoding)
            message = self._piece(message)
        else:
            make = functools.partial(packed, bytes(body), self._encoding)
            small = make() if len(body) <= _IN_THREAD_BYTES else await asyncio.to_thread(make)
            headers.append((b"content-length", str(len(small)).encode()))
            message = {**message, "body": small}
        await self._send({**start, "headers": headers})
        return message

    def _piece(self, message: Any) -> Any:
        assert self._packer is not None
        packer, flush = self._packer
        body = packer.compress(bytes(message.get("body", b"")))
        body += packer.flush(flush) if message.get("more_body", False) else packer.flush()
        return {**message, "body": body}


def _worth_it(start: Any, size: int, more: bool) -> bool:
    if start["status"] < 200 or start["status"] in (204, 206, 304) or (not more and size < LEAST_BYTES):
        return False
    headers = dict(start["headers"])
    return b"content-encoding" not in headers and headers.get(b"content-type", b"").startswith(_COMPRESSIBLE)


class Inflated:
    """ASGI middleware that unpacks compressed bodies up to the route's limit."""

    def __init__(self, app: ASGIApp):
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Passes the request on; TooLarge, Malformed or UnsupportedMediaType reach whoever reads the body."""
        given = b",".join(value for name, value in scope["headers"] if name == b"content-encoding")
        encoding = given.decode("latin-1").strip().lower()
        if encoding in ("", "identity"):
            await self._app(scope, receive, send)
            return
        if encoding not in ("gzip", "x-gzip", "zstd"):
            raise UnsupportedMediaType("Send the body as it is, or with Content-Encoding gzip or zstd")
        scope["headers"] = [
            (name, value) for name, value in scope["headers"] if name not in (b"content-encoding", b"content-length")
        ]
        unpacker = Unpacker("gzip" if encoding.endswith("gzip") else "zstd", limit_of_route(scope).most_bytes)

        async def inflated() -> Any:
            message = await receive()
            if message["type"] != "http.request":
                return message
            more = message.get("more_body", False)
            return {**message, "body": unpacker.feed(message.get("body", b""), last=not more)}

        await self._app(scope, inflated, send)


class Unpacker:
    """Unpacks a body piece by piece, never holding more than a piece may become; several members may follow."""

    def __init__(self, encoding: str, most_bytes: int):
        self._gzip = encoding == "gzip"
        self._most = most_bytes
        self._read = 0
        self._made = 0
        self._member: Any = None
        self._begun = False

    def feed(self, data: bytes, *, last: bool) -> bytes:
        """What the next piece holds; TooLarge beyond the limit or for a bomb, Malformed for what is damaged."""
        found: list[bytes] = []
        for start in range(0, len(data), _SLICE):
            piece = bytes(data[start : start + _SLICE])
            self._read += len(piece)
            try:
                self._unpack(piece, found)
            except (zlib.error, zstandard.ZstdError):
                raise Malformed("The compressed body is damaged") from None
        if last and self._begun and self._member is not None:
            raise Malformed("The compressed body ends too early")
        return b"".join(found)

    def _unpack(self, piece: bytes, found: list[bytes]) -> None:
        while piece:
            if self._member is None:
                self._begun = True
                self._member = (
                    zlib.decompressobj(_GZIP)
                    if self._gzip
                    else zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW).decompressobj()
                )
            out = self._member.decompress(piece)
            self._made += len(out)
            if self._made > self._most:
                raise TooLarge(f"The unpacked body may hold {self._most:,} bytes")
            if self._made > max(_FREE_BYTES, _MOST_RATIO * self._read):
                raise TooLarge("The body unpacks to too much")
            found.append(out)
            piece = b""
            if self._member.eof:
                piece, self._member = self._member.unused_data, None


@functools.lru_cache(maxsize=512)
def acceptable(accept: str, offered: tuple[str, ...]) -> bool:
    """Whether Accept takes one of these media types; whoever takes JSON takes lines of it too."""
    for part in accept.lower().split(","):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        quality = next((one[2:].strip() for one in parameters if one.startswith("q=")), "1")
        if not quality.strip("0."):
            continue
        if name in ("*/*", "*", ""):
            return True
        for media in offered:
            kind = media.partition(";")[0]
            if name in (kind, kind.partition("/")[0] + "/*") or (name == "application/json" and "json" in kind):
                return True
    return False
