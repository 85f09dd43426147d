"""Keeps a process's stock index equal to the database by following the change feed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import structlog

from core_ext.checksum import Damaged
from domain.kit import feed
from domain.kit.db import Connection, Database
from domain.kit.following import AWAY, Follower
from inventory.index import StockIndex
from inventory.index.columns import Columns, table_of
from inventory.index.vocabulary import Vocabulary
from inventory.keeping import Keeper
from inventory.loading import columns
from inventory.statements import SQL
from inventory.vehicle_row import VehicleRow

log = structlog.get_logger("forecourt.stock")
_FOLLOWED = ["vehicle", "stock_entry", "location", "account", "attribute_definition"]
CATCH_UP_CHANGES = 10_000
"""A start goes on from the file if fewer changes wait, or an eighth of the stock: beyond, a full load is faster."""


def utc_today() -> date:
    """The present day in UTC."""
    return datetime.now(UTC).date()


async def rows(connection: Connection, ids: Sequence[str] | None = None) -> list[VehicleRow]:
    """The flattened vehicles of these ids, or all of them, as the connection's transaction sees them."""
    found = []
    async for row in connection.cursor(SQL["stock_rows"], list(ids) if ids is not None else None, prefetch=5_000):
        values = dict(row)
        for name in ("holds", "options", "photos"):
            values[name] = tuple(values[name])
        found.append(VehicleRow(**values))
    return found


class KnownAttributes:
    """The attribute codes that searches may name: those in force in the catalogue, and those that cars have.

    A file may bring what the catalogue has not got yet; a definition that is no longer in force does not hide its cars.
    """

    def __init__(self, today: Callable[[], date]):
        self._today = today
        self._defined: list[tuple[str, date | None, date | None]] = []
        self._seen: set[str] = set()
        self._codes: frozenset[str] = frozenset()
        self._codes_on: date | None = None

    async def read(self, connection: Connection) -> None:
        """Read the catalogue."""
        self._defined = [tuple(row) for row in await connection.fetch(SQL["attribute_definitions"])]
        self._codes_on = None

    def seen(self, codes: Iterable[str]) -> None:
        """Learn codes that cars have."""
        new = set(codes) - self._seen
        if new:
            self._seen |= new
            self._codes_on = None

    def codes(self) -> frozenset[str]:
        """What is known today."""
        today = self._today()
        if self._codes_on != today:
            defined = {
                code
                for code, first, end in self._defined
                if (first is None or first <= today) and (end is None or today < end)
            }
            self._codes, self._codes_on = frozenset(defined | self._seen), today
        return self._codes


class StockFollower(Follower):
    """Loads the index in one snapshot and applies what is committed afterwards."""

    def __init__(
        self,
        database: Database,
        index: StockIndex,
        today: Callable[[], date] = utc_today,
        file: Path | None = None,
    ):
        """`file`: where the index is kept for the next start; processes of one machine share it."""
        super().__init__()
        self.database = database
        self.index = index
        self.attributes = KnownAttributes(today)
        self.keeper = None if file is None else Keeper(index, file)

    async def load(self) -> None:
        """Read the whole stock in one snapshot and go on from there."""
        started = time.monotonic()
        async with self.database.reading() as connection:
            mark = await feed.begin(connection)
            found = await columns(connection)
            await self.attributes.read(connection)
        await asyncio.to_thread(self._build, found, mark.token)
        self.attributes.seen(self.index.attribute_codes)
        await self._move(mark)
        self.ready = True
        if self.keeper is not None:
            self.keeper.outdate(self.index.count + 1)
        log.info("stock index loaded", vehicles=self.index.count, seconds=round(time.monotonic() - started, 2))

    def _build(self, found: Columns, as_of: str) -> None:
        vocabulary = Vocabulary()
        table = table_of(found, vocabulary)
        vocabulary.index_words()
        self.index.take(table if table.rows else None, vocabulary, as_of)

    async def resume(self) -> bool:
        """Go on from the state that the file shows, if there is a sound one of this database and not too old."""
        if self.keeper is None:
            return False
        started = time.monotonic()
        mark = await asyncio.to_thread(self.keeper.restored)
        if mark is None:
            return False
        most = max(CATCH_UP_CHANGES, self.index.count // 8)
        async with self.database.reading() as connection:
            present = await feed.begin(connection)
            if not present.covers(mark):
                log.info("stock file is of another database or another time")
                return False
            if await connection.fetchval(SQL["changes_waiting"], mark.snapshot, _FOLLOWED, most) == most:
                log.info("stock file is too old")
                return False
            await self.attributes.read(connection)
        self.attributes.seen(self.index.attribute_codes)
        await self._move(mark)
        await self.poll()
        self.ready = self.mark.covers(present)
        log.info("stock index resumed", vehicles=self.index.count, seconds=round(time.monotonic() - started, 2))
        return self.ready

    async def run(self) -> None:
        """Follow until cancelled; a database that is away is waited for, and the index goes on with what it has."""
        resuming = True
        try:
            while True:
                try:
                    if self.index.damaged:
                        self._distrust()
                    if not self.ready and not (resuming and await self.resume()):
                        resuming = False
                        await self.load()
                    if await self.poll():
                        self._found()
                    if self.index.wants_merge:
                        await asyncio.to_thread(self.index.merge)
                    if self.keeper is not None and self.ready:
                        self.keeper.keep()
                except Damaged:
                    self.index.damaged = True
                except AWAY as fault:
                    log.warning("stock feed is away", fault=repr(fault))
                    self.tried.set()
                    await asyncio.sleep(0.5)
                self.tried.set()
                await self._pause()
        finally:
            if self.keeper is not None:
                self.keeper.stop()

    def _distrust(self) -> None:
        """The file that the index was taken from is damaged: load everything anew, and nobody takes it up again."""
        log.error("stock file is damaged", vehicles=self.index.count)
        self.ready = False
        if self.keeper is not None:
            self.keeper.drop()

    async def poll(self) -> bool:
        """Apply what has been committed since the last poll; whether there was anything."""
        pool = await self.database.pool("forecourt_reader")
        async with pool.acquire(timeout=5) as connection:
            mark, changes = await feed.changes(connection, self.mark, _FOLLOWED)
        if mark.epoch != self.mark.epoch:
            self.ready = False
            return True
        if not changes:
            self.index.known_attributes = self.attributes.codes()  # a new day may have begun
            if mark != self.mark:
                await self._move(mark)
            return False
        async with self.database.reading() as connection:
            mark = await feed.begin(connection)
            _, changes = await feed.changes(connection, self.mark, _FOLLOWED)
            ids = await self._concerned(connection, changes)
            present = await rows(connection, ids) if ids else []
            if any(change.entity == "attribute_definition" for change in changes):
                await self.attributes.read(connection)
        gone = set(ids) - {row.id for row in present}
        await asyncio.to_thread(self.index.apply, present, list(gone), mark.token)
        self.attributes.seen(code for car in present for code in car.attributes)
        if self.keeper is not None:
            self.keeper.outdate(len(ids))
        await self._move(mark)
        return True

    async def _concerned(self, connection: Connection, changes: list[feed.Change]) -> list[str]:
        """The vehicles whose flattened form the changes may touch."""
        by_type: dict[str, set[str]] = {name: set() for name in _FOLLOWED}
        for change in changes:
            by_type[change.entity].add(change.record_id)
        ids = by_type["vehicle"]
        for entity, statement in (
            ("stock_entry", "vehicles_of_entries"),
            ("location", "vehicles_at_locations"),
            ("account", "vehicles_of_dealers"),
        ):
            if by_type[entity]:
                ids.update(row[0] for row in await connection.fetch(SQL[statement], sorted(by_type[entity])))
        return sorted(ids)

    async def _move(self, mark: feed.Mark) -> None:
        self.index.known_attributes = self.attributes.codes()
        await super()._move(mark)
