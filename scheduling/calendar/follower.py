"""Keeps a process's calendar equal to the database by following the change feed."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import structlog

from domain.kit import feed
from domain.kit.db import Connection, Database
from domain.kit.following import AWAY, Follower
from scheduling.calendar import reading
from scheduling.calendar.rows import EVERY_CENTER
from scheduling.calendar.world import Calendar, Reserved
from scheduling.statements import SQL

log = structlog.get_logger("forecourt.schedule")
_SHARED = frozenset({"operating_hours", "date_override", "holiday"})
_OF_RESOURCES = {
    "shift": "technician_id",
    "absence": "resource_id",
    "territory_member": "technician_id",
    "loaner_vehicle": "vehicle_id",
    "demo_vehicle": "vehicle_id",
}
"""Records of a resource, and the field that names it: nothing may change that field afterwards."""
_RESOURCES = frozenset({"technician", "bay", "equipment", "vehicle"})
_FOLLOWED = [
    *sorted(_SHARED | _RESOURCES | _OF_RESOURCES.keys()),
    "appointment",
    "capacity_rule",
    "location",
    "service_center",
    "work_type",
]


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Millions of rows that all stay: looking for cycles among them doubles the time that loading takes, and later
    would stop everybody for a second now and then.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
        gc.collect(0)
        gc.freeze()
    finally:
        if enabled:
            gc.enable()


class ScheduleFollower(Follower):
    """Loads the calendar in one snapshot and applies what is committed afterwards."""

    def __init__(self, database: Database, calendar: Calendar, now: Callable[[], datetime]) -> None:
        super().__init__()
        self.database = database
        self.calendar = calendar
        self.now = now
        self._catalogue = reading.Catalogue()
        self._people = reading.People()

    def _today(self) -> date:
        return self.now().astimezone(UTC).date()

    @property
    def _since(self) -> datetime:
        """What ended before does not matter to any stretch that is asked about."""
        return self.now() - timedelta(days=3)

    async def load(self) -> None:
        """Read everything in one snapshot and go on from there."""
        with _uncollected():
            await self._load()
        self.ready = True

    async def _load(self) -> None:
        started = time.monotonic()
        async with self.database.reading() as connection:
            mark = await feed.begin(connection)
            self._catalogue, self._people = reading.Catalogue(), reading.People()
            await self._catalogue.read(connection)
            rows = await reading.centers(connection, self._catalogue)
            resources = await reading.resources(connection, self._people, self._since)
            reserved = await self._reserved(connection, None)
            used = await reading.used(connection, self._since.date())
            work = await reading.work_types(connection)
            version = await self._work_version(connection)
        self.calendar.turn(self._today())
        await asyncio.to_thread(
            self.calendar.load, rows, resources, reserved, used, work, version, self.now().timestamp()
        )
        await self._move(mark)
        seconds = round(time.monotonic() - started, 2)
        log.info("calendar loaded", centers=len(rows), resources=len(resources), seconds=seconds)

    async def _reserved(self, connection: Connection, appointments: list[str] | None) -> list[Reserved]:
        found = await reading.reserved(connection, appointments)
        return [Reserved(no, resource_id, busy) for no, busy, resource_id in found]

    async def _work_version(self, connection: Connection) -> int:
        versions = await self._versions(connection)
        return versions.get(EVERY_CENTER, 0)

    async def _versions(self, connection: Connection) -> dict[str, int]:
        return dict(await connection.fetch(SQL["calendar_versions"]))

    async def run(self) -> None:
        """Follow until cancelled; a database that is away is waited for, and the calendar goes on with what it has."""
        while True:
            try:
                if not self.ready:
                    await self.load()
                if await self.poll():
                    self._found()
            except AWAY as fault:
                log.warning("schedule feed is away", fault=repr(fault))
                self.tried.set()
                await asyncio.sleep(0.5)
            self.tried.set()
            await self._pause()

    async def poll(self) -> bool:
        """Apply what has been committed, and the holds that have ended, since the last poll; whether there was any."""
        self.calendar.turn(self._today())
        pool = await self.database.pool("forecourt_reader")
        async with pool.acquire(timeout=5) as connection:
            mark, changes = await feed.changes(connection, self.mark, _FOLLOWED)
        if mark.epoch != self.mark.epoch:
            self.ready = False
            return True
        ended = self.calendar.expired(self.now().timestamp())
        if not changes and not ended:
            if mark != self.mark:
                await self._move(mark)
            return False
        async with self.database.reading() as connection:
            mark = await feed.begin(connection)
            _, changes = await feed.changes(connection, self.mark, _FOLLOWED)
            await self._apply(connection, changes, ended)
        await self._move(mark)
        return True

    async def _apply(self, connection: Connection, changes: Iterable[feed.Change], ended: list[str]) -> None:
        """Read again what the changes concern and put it in place, all of the connection's snapshot."""
        by_type: dict[str, set[str]] = {name: set() for name in _FOLLOWED}
        resources: set[str] = set()
        for change in changes:
            by_type[change.entity].add(change.record_id)
            if change.entity in _OF_RESOURCES:
                resources |= _named(change, _OF_RESOURCES[change.entity])
            if change.entity == "capacity_rule":
                by_type["service_center"] |= _named(change, "center_id")
        lacking = [record for name in ("shift", "absence", "territory_member") for record in by_type[name]]
        if lacking:
            resources |= {str(row[0]) for row in await connection.fetch(SQL["calendar_of_records"], lacking)}
        if by_type["capacity_rule"]:
            found = await connection.fetch(SQL["calendar_centers_of_rules"], sorted(by_type["capacity_rule"]))
            by_type["service_center"] |= {row[0] for row in found}
        for name in ("loaner_vehicle", "demo_vehicle"):
            if by_type[name]:
                found = await connection.fetch(SQL["calendar_vehicles_of"], sorted(by_type[name]))
                resources |= {row[0] for row in found}
        known = self.calendar.numbers
        resources |= by_type["technician"] | by_type["bay"] | by_type["equipment"]
        resources |= {id for id in by_type["vehicle"] if known.get(id) in self.calendar.resources}
        shaped = resources or any(by_type[name] for name in (*_SHARED, "location", "service_center", "work_type"))
        # everything is read before anything is put in place: a reader sees a transaction as a whole
        steps = await self._reshaped(connection, by_type, resources) if shaped else []
        booked = sorted(by_type["appointment"].union(ended))
        if booked:
            now = self.now()
            reserved = await self._reserved(connection, booked)
            centers = {row[0] for row in await connection.fetch(SQL["centers_of_appointments"], booked)}
            used = await reading.used(connection, self._since.date(), sorted(centers))
            steps.append(lambda: self.calendar.rebook(booked, reserved, used, centers, now.timestamp()))
        for step in steps:
            step()

    async def _reshaped(
        self, connection: Connection, by_type: dict[str, set[str]], resources: set[str]
    ) -> list[Callable[[], None]]:
        """Read what has another shape now; what puts it in place."""
        steps: list[Callable[[], None]] = []
        versions = await self._versions(connection)
        version = versions.get(EVERY_CENTER, 0)
        if by_type["work_type"] or version != self.calendar.world.work_version:
            work = await reading.work_types(connection)
            steps.append(lambda: self.calendar.rework(work, version))
        concerned: set[str] | None = set(by_type["service_center"])
        if by_type["location"]:
            found = await connection.fetch(SQL["calendar_centers_at"], sorted(by_type["location"]))
            by_type["service_center"] |= {row[0] for row in found}
        if any(by_type[name] for name in _SHARED):
            await self._catalogue.read(connection)
            concerned = None
        world = self.calendar.world
        if concerned is not None:
            # whatever has raised a version: the calendar must have been read since
            concerned |= by_type["service_center"]
            concerned |= {id for id, center in world.centers.items() if versions.get(id, 0) != center.row.version}
        asked = None if concerned is None else sorted(concerned)
        rows = await reading.centers(connection, self._catalogue, asked)
        expected = set(world.centers) if concerned is None else concerned & world.centers.keys()
        gone = expected - {row.id for row in rows}
        new = {row.id for row in rows} - world.centers.keys()
        moved = {row.id for row in rows if row.id in world.centers and world.centers[row.id].row.zone != row.zone}
        ids = set(resources)
        if new or moved:  # the wall clock of a technician's shifts is that of the own centre
            ids |= {row[0] for row in await connection.fetch(SQL["calendar_members_of"], sorted(new | moved))}
        changed = [row for row in rows if row.id in new or world.centers[row.id].row != row]
        read = await reading.resources(connection, self._people, self._since, sorted(ids)) if ids else []
        steps.append(lambda: self.calendar.reshape(changed, gone, read, ids))
        return steps

    async def caught_up(self, seconds: float = 2.0) -> None:
        """Wait until the calendar contains all that is committed now; Unavailable after `seconds`."""
        async with self.database.reading() as connection:
            present = await feed.begin(connection)
        await self._until(lambda: self.mark.covers(present), seconds)


def _named(change: feed.Change, field: str) -> set[str]:
    """What a field of a changed record names, as far as the change tells it."""
    told: Any = change.changes.get(field, ())
    return {value for value in told if isinstance(value, str)}
