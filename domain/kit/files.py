"""Contents of files below a folder, each under its checksum, so that none is kept twice and none is ever changed."""

from __future__ import annotations

import asyncio
import hashlib
import os
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import IO

import msgspec

from domain.kit.errors import Invalid, TooLarge

CHUNK = 262_144


class Draft(msgspec.Struct, frozen=True):
    """A content that has arrived and is not yet kept."""

    path: Path
    sha256: str
    size_bytes: int


class Files:
    """The contents below one folder."""

    def __init__(self, root: Path):
        self.root = root

    def path_of(self, sha256: str) -> Path:
        """Where the content with this checksum is, if it is there."""
        return self.root / sha256[:2] / sha256

    async def drafted(self, pieces: AsyncIterator[bytes], most_bytes: int) -> Draft:
        """Take a content as it comes; TooLarge beyond `most_bytes`, Invalid for an empty one."""
        number, name = await asyncio.to_thread(self._new_draft)
        digest, size, path = hashlib.sha256(), 0, Path(name)
        try:
            with os.fdopen(number, "wb") as file:
                async for piece in pieces:
                    size += len(piece)
                    if size > most_bytes:
                        raise TooLarge(f"A file may have {most_bytes:,} bytes")
                    await asyncio.to_thread(_add, file, digest, piece)
                await asyncio.to_thread(_sealed, file)
            if not size:
                raise Invalid("The file is empty")
        except BaseException:
            await asyncio.to_thread(path.unlink)
            raise
        return Draft(path, digest.hexdigest(), size)

    def _new_draft(self) -> tuple[int, str]:
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        return tempfile.mkstemp(prefix=".draft-", dir=self.root)

    def keep(self, draft: Draft) -> None:
        """Put the content under its checksum; what is there already stays."""
        place = self.path_of(draft.sha256)
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft.path.replace(place)

    def drop(self, draft: Draft) -> None:
        """Forget a content that was not wanted."""
        draft.path.unlink(missing_ok=True)

    def remove(self, sha256: str) -> None:
        """Remove a kept content."""
        self.path_of(sha256).unlink(missing_ok=True)

    def kept(self, older_than: float) -> list[str]:
        """The checksums of all contents whose files are older than that Unix time; old drafts are removed."""
        for path in self.root.glob(".draft-*"):
            if path.stat().st_mtime < older_than:
                path.unlink(missing_ok=True)
        return [path.name for path in self.root.glob("??/*") if path.stat().st_mtime < older_than]

    @staticmethod
    async def pieces(path: Path) -> AsyncIterator[bytes]:
        """The content of a file in pieces."""
        with await asyncio.to_thread(path.open, "rb") as file:
            while piece := await asyncio.to_thread(file.read, CHUNK):
                yield piece


def _add(file: IO[bytes], digest: hashlib._Hash, piece: bytes) -> None:
    digest.update(piece)
    file.write(piece)


def _sealed(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())
