"""Keeps a file of the stock index beside the running processes, so that the next start need not load everything."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import time
from pathlib import Path

import structlog

from core_ext.checksum import Damaged
from domain.kit import feed
from domain.kit.errors import Malformed
from inventory.index import StockIndex

log = structlog.get_logger("forecourt.stock")
LEAST_CHANGES = 5_000
"""The file is written anew when so many vehicles, or one in a hundred, have changed since."""
LEAST_SECONDS = 60.0
SHARE = 20
"""Of the time, at most one part in so many goes into writing."""


class Keeper:
    """Writes and restores the file of one process's index. Of several processes of a machine one at a time writes."""

    def __init__(self, index: StockIndex, file: Path):
        self.index, self.file = index, file
        self._changes = 0
        self._since = time.time()
        """Since when they have been counted: a file written later holds most of them, whoever wrote it."""
        self._next = 0.0
        self._working: asyncio.Task[None] | None = None

    def restored(self) -> feed.Mark | None:
        """Fills the index from the file and returns the state it shows; None if there is none that may be used."""
        try:
            return feed.parse(self.index.restore(self.file))
        except FileNotFoundError:
            return None
        except (Damaged, Malformed, OSError) as fault:
            log.warning("stock file is not used", fault=repr(fault))
            return None

    def outdate(self, changes: int) -> None:
        """So many vehicles have changed."""
        self._changes += changes

    def keep(self) -> None:
        """Verifies what was restored and writes the file if enough has changed, in the background."""
        if self._working is not None and not self._working.done():
            return
        if self.index.unverified or (self._is_due and time.monotonic() >= self._next):
            self._working = asyncio.create_task(self._work(), name="stock file")

    def drop(self) -> None:
        """No process takes the file up again."""
        with contextlib.suppress(OSError):
            self.file.unlink(missing_ok=True)

    def stop(self) -> None:
        """Begins nothing more; a file half-written is none."""
        if self._working is not None:
            self._working.cancel()

    @property
    def _is_due(self) -> bool:
        return self._changes > min(self.index.count, max(LEAST_CHANGES, self.index.count // 100))

    async def _work(self) -> None:
        with contextlib.suppress(Damaged):  # the follower sees it and loads everything
            await asyncio.to_thread(self.index.verify)
        if self._is_due and not self.index.damaged:
            changes, started = self._changes, time.monotonic()
            try:
                if await asyncio.to_thread(self._write):
                    log.info("stock file written", seconds=round(time.monotonic() - started, 2))
                self._changes, self._since = self._changes - changes, time.time()
            except OSError as fault:
                log.warning("stock file cannot be written", fault=repr(fault))
            self._next = time.monotonic() + max(LEAST_SECONDS, SHARE * (time.monotonic() - started))

    def _write(self) -> bool:
        """Writes the file unless another process does, or has done since changes are counted."""
        self.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(self.file.with_name(self.file.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if self.file.exists() and self.file.stat().st_mtime > self._since:
                return False
            self.index.save(self.file)
            return True
        except BlockingIOError:
            return False
        finally:
            os.close(lock)
