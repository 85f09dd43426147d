"""A network of service centres in PostgreSQL, loaded as a web process loads it and searched as a route searches it."""

from __future__ import annotations

import asyncio
import gc
import random
import shutil
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import msgspec
import numpy as np

from domain.kit.db import Database
from scheduling.asking import NearCenters, SlotQuery, SlotRequest
from scheduling.schedule import Schedule
from service.ops import postgres
from service.ops.database import migrate, other_database, prepared

NOW = datetime(2026, 11, 22, 6, tzinfo=UTC)
DAYS = 30
SEED = 20_261_122
SEARCHES, COUNTS = 300, 60
_FILL = (
    "select setseed(0.5)",
    """insert into operating_hours (id, created_at, updated_at, name, time_slots)
       select gen_random_uuid(), now(), now(), 'Weekdays', jsonb_agg(jsonb_build_object(
              'day_of_week', day, 'start', '08:00', 'end', '18:00', 'max_appointments', null))
         from unnest('{MONDAY,TUESDAY,WEDNESDAY,THURSDAY,FRIDAY,SATURDAY}'::text[]) day""",
    """insert into location (id, created_at, updated_at, code, name, kind, latitude, longitude, time_zone)
       select gen_random_uuid(), now(), now(), 'L-' || i, 'Place', 'SERVICE_CENTER', 36 + random() * 22,
              -9 + random() * 35, (array['Europe/Berlin', 'Europe/London', 'Europe/Athens'])[1 + i % 3]
         from generate_series(1, {centers}) i""",
    """insert into service_center (id, created_at, updated_at, code, name, location_id, time_zone, operating_hours_id,
              holiday_country)
       select gen_random_uuid(), now(), now(), code, name, id, time_zone, (select id from operating_hours), 'DE'
         from location""",
    """insert into technician (id, created_at, updated_at, name, center_id, skills)
       select gen_random_uuid(), now(), now(), 'T', c.id, jsonb_build_array(jsonb_build_object(
              'skill', (array['BRAKES', 'ELECTRIC', 'BODY'])[1 + n % 3], 'level', 1 + n % 4, 'expires_on', null))
         from service_center c, generate_series(1, 25) n""",
    """insert into bay (id, created_at, updated_at, name, center_id, bay_type)
       select gen_random_uuid(), now(), now(), 'B', c.id, 'LIFT' from service_center c, generate_series(1, 14)""",
    """insert into schedule_resource (resource_id, kind, center_id)
       select id, 'TECHNICIAN', center_id from technician union all select id, 'BAY', center_id from bay
        order by 3, 2 desc""",
    """insert into center_calendar (center_id) select id from service_center""",
    """insert into shift (id, created_at, updated_at, technician_id, weekly, breaks)
       select gen_random_uuid(), now(), now(), t.id, jsonb_build_object('day_of_week', day, 'start',
              (array['07:00', '08:00', '09:00'])[1 + r.no % 3], 'end', (array['16:00', '17:00', '18:00'])[1 + r.no % 3],
              'from', null, 'to', null), '[{"start": "12:00", "end": "12:30"}]'
         from technician t join schedule_resource r on r.resource_id = t.id,
              unnest('{MONDAY,TUESDAY,WEDNESDAY,THURSDAY,FRIDAY}'::text[]) day""",
    """insert into work_type (id, created_at, updated_at, code, name, duration_minutes, bay_type, required_skills)
       values (gen_random_uuid(), now(), now(), 'BRAKES', 'Brakes', 60, 'LIFT',
               '[{"skill": "BRAKES", "level": 1}]')""",
    # three hours of each resource and working day are sold
    """insert into live_reservation (resource_no, from_cell, to_cell, appointment_id, role)
       select r.no, s.begin, s.begin + 12, gen_random_uuid(), 'TECHNICIAN'
         from schedule_resource r, generate_series(0, {days} - 1) day, generate_series(0, 2) n,
              lateral (select {today} + day * 288 + 96 + n * 36 + (r.no % 24)::int as begin) s
        where day % 7 not in (0, 6) and r.no <= {sold}""",
    "analyze",
)


class Figures(msgspec.Struct, frozen=True):
    """What a network took: seconds and megabytes to load it, milliseconds of each question."""

    centers: int
    resources: int
    reservations: int
    start_seconds: float
    bits_seconds: float
    megabytes: float
    nearest_20: list[float]
    count_500: list[float]


@asynccontextmanager
async def _filled(centers: int, sold_centers: int) -> AsyncIterator[str]:
    """The service's address of a database with so many centres; the first ones have reservations."""
    folder = Path(tempfile.mkdtemp(prefix="forecourt-bench-"))
    server = postgres.start(folder / "pg", options={"fsync": "off", "synchronous_commit": "off"})
    try:
        addresses = await prepared(server, "slots")
        await migrate(addresses)
        admin = await asyncpg.connect(other_database(server.dsn(), "slots"))
        try:
            await admin.execute("set session_replication_role = replica")  # the network is sound as it is made
            today = int(NOW.replace(hour=0).timestamp()) // 300
            values = {"centers": centers, "sold": sold_centers * 39, "days": DAYS, "today": today}
            for statement in _FILL:
                for name, value in values.items():
                    statement = statement.replace(f"{{{name}}}", str(value))
                await admin.execute(statement)
        finally:
            await admin.close()
        yield addresses.service
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _resident_megabytes() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise OSError("the system does not tell how much memory is in use")


async def _measured(centers: int, sold_centers: int) -> Figures:
    async with _filled(centers, sold_centers) as address:
        database = Database(address)
        try:
            before = _resident_megabytes()
            schedule = Schedule(database, secret=b"a secret for the benchmark, long enough", now=lambda: NOW)
            began = time.perf_counter()
            await schedule.follower.load()
            start = time.perf_counter() - began
            calendar = schedule.calendar
            began = time.perf_counter()
            for center in calendar.world.centers.values():
                center.sheet(calendar.patterns)
            bits = time.perf_counter() - began
            gc.collect()
            return Figures(
                centers=len(calendar.world.centers),
                resources=len(calendar.resources),
                reservations=sum(len(busy) for one in calendar.world.centers.values() for busy in one.busy.values()),
                start_seconds=start,
                bits_seconds=bits,
                megabytes=_resident_megabytes() - before,
                nearest_20=_searches(schedule),
                count_500=_counts(schedule),
            )
        finally:
            await database.close()


def _near(rng: random.Random, most: int) -> NearCenters:
    return NearCenters(latitude=rng.uniform(38, 56), longitude=rng.uniform(-5, 22), max_centers=most)


def _searches(schedule: Schedule) -> list[float]:
    """Milliseconds of whole searches: the nearest 20 centres, 30 days, a page of 200 slots with names."""
    rng, taken = random.Random(SEED), []
    for _ in range(SEARCHES):
        request = SlotRequest(
            work_types=["BRAKES"], near=_near(rng, 20), earliest=NOW, latest=NOW + timedelta(days=DAYS)
        )
        began = time.perf_counter()
        page = schedule.search(request)
        taken.append((time.perf_counter() - began) * 1e3)
        assert len(page.slots) == request.limit
    return taken[SEARCHES // 10 :]


def _counts(schedule: Schedule) -> list[float]:
    """Milliseconds of one question about the nearest 500 centres and 30 days: how many starts, and the first."""
    rng, taken = random.Random(SEED), []
    near = _near(rng, 500)
    for i in range(COUNTS):
        query = SlotQuery(id=i, work_types=["BRAKES"], near=near, earliest=NOW, latest=NOW + timedelta(days=DAYS))
        began = time.perf_counter()
        found = schedule.count(query)
        taken.append((time.perf_counter() - began) * 1e3)
        assert found.count
    return taken[COUNTS // 10 :]


def measured(centers: int, sold_centers: int) -> Figures:
    """Loads and asks a network of `centers` centres of 25 technicians and 14 bays, five weekly shifts each."""
    return asyncio.run(_measured(centers, sold_centers))


def table(figures: Figures) -> list[str]:
    """The figures as lines, with what they are held against."""
    network = f"{figures.centers} centres, {figures.resources} resources, {figures.reservations} reservations"
    return [
        network,
        _line("start, from PostgreSQL until slots are found", figures.start_seconds, "s", 20),
        _line("bits of all centres, made when first asked for", figures.bits_seconds, "s", None),
        _line("memory with the bits of all centres", figures.megabytes, "MB", 1500),
        _line("nearest 20 x 30 days, 200 slots: median", float(np.median(figures.nearest_20)), "ms", None),
        _line("nearest 20 x 30 days, 200 slots: p99", float(np.percentile(figures.nearest_20, 99)), "ms", 2),
        _line("500 centres x 30 days: median", float(np.median(figures.count_500)), "ms", 5),
        _line("500 centres x 30 days: p99", float(np.percentile(figures.count_500, 99)), "ms", None),
    ]


def _line(name: str, value: float, unit: str, most: float | None) -> str:
    goal = "" if most is None else f"  at most {most:g}: {'reached' if value <= most else 'missed'}"
    return f"{name:<46} {value:9.2f} {unit}{goal}"
