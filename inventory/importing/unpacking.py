"""Unpacks gzip and zstd content as it arrives, a bounded piece at a time; plain content passes through."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Protocol

import zstandard

from inventory.importing.errors import FileTooLarge, UnreadableFile

PIECE = 1 << 16
"""Unpacked bytes handed on at a time."""
MOST_BYTES = 1 << 34
"""16 GiB unpacked: about a hundred million rows; a bomb ends here at the latest."""
_ZSTD_SLICE = 256
"""A zstd block of 4 bytes may unpack to 128 KiB and the library offers no cap: fed in slices it gives 8 MiB at most."""
_ZSTD_WINDOW = 1 << 27
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


class _Unpacker(Protocol):
    def feed(self, data: bytes) -> Iterator[bytes]: ...

    def close(self) -> None: ...


class _Plain:
    def feed(self, data: bytes) -> Iterator[bytes]:
        for start in range(0, len(data), PIECE):
            yield data[start : start + PIECE]

    def close(self) -> None:
        return


class _Gzip:
    def __init__(self) -> None:
        self._stream = zlib.decompressobj(wbits=31)
        self._begun = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        try:
            while data:
                if self._stream.eof:
                    self._stream = zlib.decompressobj(wbits=31)
                self._begun = True
                yield self._stream.decompress(data, PIECE)
                data = self._stream.unconsumed_tail or self._stream.unused_data
        except zlib.error as fault:
            raise UnreadableFile(f"The gzip content is damaged: {fault}") from None

    def close(self) -> None:
        if self._begun and not self._stream.eof:
            raise UnreadableFile("The gzip content ends before it is complete")


class _Zstd:
    def __init__(self) -> None:
        self._library = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
        self._stream = self._library.decompressobj()
        self._begun = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        try:
            for start in range(0, len(data), _ZSTD_SLICE):
                rest = data[start : start + _ZSTD_SLICE]
                while rest:
                    if self._stream.eof:
                        self._stream = self._library.decompressobj()
                    self._begun = True
                    yield self._stream.decompress(rest)
                    rest = self._stream.unused_data if self._stream.eof else b""
        except zstandard.ZstdError as fault:
            raise UnreadableFile(f"The zstd content is damaged: {fault}") from None

    def close(self) -> None:
        if self._begun and not self._stream.eof:
            raise UnreadableFile("The zstd content ends before it is complete")


class Unpacking:
    """Takes the file's bytes as they come and gives its content in pieces of at most 8 MiB.

    The first bytes tell the packing: neither gzip's nor zstd's mark can begin a text. Raises UnreadableFile for damaged
    or truncated packing and FileTooLarge beyond `most_bytes` of unpacked content.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._given = 0
        self._held = b""
        self._unpacker: _Unpacker | None = None

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The content that these bytes unpack to."""
        if self._unpacker is None:
            self._held += data
            if len(self._held) < len(_ZSTD):
                return
            data, self._held = self._held, b""
            self._unpacker = self._choose(data)
        yield from self._counted(self._unpacker.feed(data))

    def close(self) -> Iterator[bytes]:
        """What was held back of a file shorter than any mark."""
        if self._unpacker is None:
            self._unpacker = self._choose(self._held)
            yield from self._counted(self._unpacker.feed(self._held))
        self._unpacker.close()

    @staticmethod
    def _choose(start: bytes) -> _Unpacker:
        if start.startswith(_GZIP):
            return _Gzip()
        if start.startswith(_ZSTD):
            return _Zstd()
        return _Plain()

    def _counted(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            self._given += len(piece)
            if self._given > self._most_bytes:
                raise FileTooLarge(f"The file unpacks to more than {self._most_bytes:,} bytes")
            if piece:
                yield piece
