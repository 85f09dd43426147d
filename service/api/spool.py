"""Answers that wait for their reader: a queue of bytes that goes to a file before it takes memory, and has an end."""

from __future__ import annotations

import asyncio
import tempfile
from collections import deque
from typing import IO

MOST_BYTES = 64 << 20
"""So much waits for a client that sends everything before it reads; then whoever writes must wait too."""
MEMORY_BYTES = 1 << 20
PIECE_BYTES = 1 << 16


class Spool:
    """One writer, one reader, on one event loop."""

    def __init__(self, most_bytes: int = MOST_BYTES, memory_bytes: int = MEMORY_BYTES) -> None:
        self._most, self._memory = most_bytes, memory_bytes
        self._pieces: deque[bytes] = deque()
        self._file: IO[bytes] | None = None
        self._in_memory = self._in_file = self._read = 0
        self._ended = False
        self._changed = asyncio.Event()
        self.begun = False
        """Whether anything has ever been written."""

    @property
    def waiting(self) -> int:
        """Bytes that nobody has read."""
        return self._in_memory + self._in_file

    async def write(self, data: bytes) -> None:
        """Put something at the end, as soon as there is room."""
        while self.waiting >= self._most:
            await self._change()
        if not data:
            return
        if self._in_file or self._in_memory + len(data) > self._memory:
            self._to_file(data)
        else:
            self._pieces.append(data)
            self._in_memory += len(data)
        self.begun = True
        self._changed.set()

    def end(self) -> None:
        """Nothing more will be written."""
        self._ended = True
        self._changed.set()

    async def read(self) -> bytes:
        """The next piece as soon as there is one; empty after the last."""
        while not self.waiting and not self._ended:
            await self._change()
        if self._pieces:
            data = b"".join(self._pieces) if self._in_memory <= PIECE_BYTES else self._pieces.popleft()
            if self._in_memory <= PIECE_BYTES:
                self._pieces.clear()
            self._in_memory -= len(data)
        elif self._in_file:
            data = self._from_file()
        else:
            return b""
        self._changed.set()
        return data

    def close(self) -> None:
        """Let go of everything."""
        if self._file is not None:
            self._file.close()

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    def _to_file(self, data: bytes) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the spool
        self._file.seek(self._read + self._in_file)
        self._file.write(data)
        self._in_file += len(data)

    def _from_file(self) -> bytes:
        assert self._file is not None
        self._file.seek(self._read)
        data = self._file.read(min(PIECE_BYTES, self._in_file))
        self._read += len(data)
        self._in_file -= len(data)
        if not self._in_file:
            self._file.seek(0)
            self._file.truncate()
            self._read = 0
        return data
