"""One run of the calendar import: two looks at the file, first who and what is there, then what they do."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from domain.kit.access import at_account
from domain.kit.errors import FieldError, Forbidden
from domain.kit.record import Record
from domain.kit.store import Context
from scheduling.importing.applying import Outcome, Target, apply
from scheduling.importing.plans import Planned, planned
from scheduling.importing.rows import KINDS, FileFormat, Row, rows
from scheduling.records import ServiceCenter, Technician

BATCH = 2_000
"""Rows of a transaction."""
_FIRST = ("TECHNICIAN", "BAY", "EQUIPMENT", "LOANER_VEHICLE", "DEMO_VEHICLE")
Transact = Callable[[], AbstractAsyncContextManager[Context]]


class Rejected(msgspec.Struct, frozen=True):
    """A row that was not taken, as it came, and all that is wrong with it."""

    row: int
    errors: list[FieldError]
    given: dict[str, Any]


class CalendarImport(msgspec.Struct):
    """What became of the rows; received = created + updated + unchanged + superseded + rejected."""

    dry_run: bool = False
    received: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    superseded: int = 0
    rejected: int = 0
    rejects: list[Rejected] = []


class _Undone(Exception):  # a dry run's way out of its transaction
    pass


async def target_of(ctx: Context, center_id: str, system: str | None) -> Target:
    """The centre as the target of a file. NotFound, Forbidden where the caller does not plan there."""
    center = await ctx.get(ServiceCenter, center_id)
    if ctx.principal.persona == "PARTNER" and center.account_id not in ctx.principal.units:
        raise Forbidden("You do not plan at this centre")
    at_account(ctx, Technician.entity, center.account_id, "c")
    return Target(center, system or f"calendar:{center.id}")


async def import_calendar(
    transact: Transact,
    center_id: str,
    path: Path,
    file_format: FileFormat,
    *,
    system: str | None = None,
    dry_run: bool = False,
) -> CalendarImport:
    """Take a file in, in transactions of at most `BATCH` rows; a dry run is one that is undone.

    `system` names the keys' owner; without it they are the centre's own. Malformed, NotFound, Forbidden.
    """
    if not dry_run:
        async with transact() as ctx:
            target = await target_of(ctx, center_id, system)
        return await _Run(transact, target, path, file_format).taken()
    told: CalendarImport | None = None
    try:
        async with transact() as whole:

            @asynccontextmanager
            async def same() -> Any:
                yield whole

            target = await target_of(whole, center_id, system)
            told = await _Run(same, target, path, file_format).taken()
            raise _Undone
    except _Undone:
        assert told is not None
    told.dry_run = True
    return told


class _Run:
    def __init__(self, transact: Transact, target: Target, path: Path, file_format: FileFormat):
        self.transact = transact
        self.target = target
        self.path = path
        self.file_format = file_format
        self.told = CalendarImport()
        self.last: dict[tuple[str, str], int] = {}
        self.waiting: list[tuple[Planned, list[FieldError]]] = []

    async def taken(self) -> CalendarImport:
        async for batch in self._read(0):
            self._look(batch)
        for turn in (1, 2):
            async for batch in self._read(turn):
                await self._take(await asyncio.to_thread(self._plan, batch))
        await self._again()
        self.told.rejects.sort(key=lambda one: one.row)
        return self.told

    async def _read(self, turn: int) -> AsyncIterator[list[Row]]:
        batches = self._batches(turn)
        while (batch := await asyncio.to_thread(next, batches, None)) is not None:
            yield batch

    def _batches(self, turn: int) -> Iterator[list[Row]]:
        """The file's rows of a turn: 0 all, 1 resources and what is no row of anything, 2 plans."""
        found = rows(self.path, self.file_format)
        if turn:
            found = (row for row in found if (row.type in KINDS and row.type not in _FIRST) == (turn == 2))
        while batch := list(islice(found, BATCH)):
            yield batch

    def _look(self, batch: list[Row]) -> None:
        self.told.received += len(batch)
        for row in batch:
            if not row.faults:
                self.last[row.type, row.key] = row.number

    def _plan(self, batch: list[Row]) -> dict[type[Record], list[Planned]]:
        found: dict[type[Record], list[Planned]] = defaultdict(list)
        for row in batch:
            if not row.faults and self.last[row.type, row.key] != row.number:
                self.told.superseded += 1
                continue
            plan = planned(row)
            if isinstance(plan, Planned):
                found[plan.kind].append(plan)
            else:
                self._reject(row, plan)
        return found

    async def _take(self, plans: dict[type[Record], list[Planned]]) -> int:
        """Write rows in one transaction; how many found their place."""
        done = 0
        if plans:
            async with self.transact() as ctx:
                for kind in KINDS.values():
                    if kind in plans:
                        done += self._count(await apply(ctx, self.target, kind, plans[kind]))
        return done

    def _count(self, outcome: Outcome) -> int:
        self.told.created += len(outcome.created)
        self.told.updated += len(outcome.updated)
        self.told.unchanged += len(outcome.unchanged)
        self.waiting += outcome.refused
        for plan, faults in outcome.wrong:
            self._reject(plan.row, faults)
        return len(outcome.created) + len(outcome.updated) + len(outcome.unchanged)

    async def _again(self) -> None:
        """Try what the database refused until nothing more fits: a later row may have cleared the way for one."""
        while self.waiting:
            waiting, self.waiting = self.waiting, []
            done = 0
            for at in range(0, len(waiting), BATCH):
                plans: dict[type[Record], list[Planned]] = defaultdict(list)
                for plan, _ in waiting[at : at + BATCH]:
                    plans[plan.kind].append(plan)
                done += await self._take(plans)
            if not done:
                break
        for plan, faults in self.waiting:
            self._reject(plan.row, faults)

    def _reject(self, row: Row, faults: list[FieldError]) -> None:
        self.told.rejected += 1
        given = {**({"type": row.type} if row.type else {}), **({"key": row.key} if row.key else {}), **row.values}
        self.told.rejects.append(Rejected(row.number, faults, given))
