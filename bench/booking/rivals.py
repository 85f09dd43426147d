"""Two ways to take a technician and a bay: ours, and looking before inserting with nothing that makes both one step."""

from __future__ import annotations

import random
import uuid

import asyncpg

from service.ops.database import Addresses

RESOURCES = 4_000
"""Half of them technicians, half bays."""
CELLS = 12 * 24 * 30
FIRST = 6_000_000
LENGTH = 12
OURS, UNSAFE = "app.reserve", "check, then insert"

_UNSAFE = """
create table unsafe_reservation (
  resource_no bigint not null, from_cell int not null, to_cell int not null, appointment_id uuid not null,
  role text not null, job int
);
create index unsafe_reservation_idx on unsafe_reservation (resource_no, from_cell);
create index unsafe_reservation_appointment_idx on unsafe_reservation (appointment_id);
create function unsafe_reserve(of_appointment uuid, nos bigint[], froms int[], tos int[], roles text[]) returns boolean
  language plpgsql volatile as $$
begin
  if exists (select from unnest(nos, froms, tos) w (no, from_cell, to_cell),
                    lateral (select r.to_cell from unsafe_reservation r
                              where r.resource_no = w.no and r.from_cell < w.to_cell
                              order by r.from_cell desc limit 1) l
              where l.to_cell > w.from_cell) then
    return false;
  end if;
  insert into unsafe_reservation (resource_no, from_cell, to_cell, appointment_id, role)
    select w.no, w.from_cell, w.to_cell, of_appointment, w.role
      from unnest(nos, froms, tos, roles) w (no, from_cell, to_cell, role);
  return true;
end $$;
grant select, insert, delete on unsafe_reservation to forecourt_staff"""
_CALLS = {
    UNSAFE: "select unsafe_reserve($1, $2, $3, $4, $5)",
    OURS: "select what = 'RESERVED' from app.reserve($1, 'NEW', null, $6, 9, 9, $2, $3, $4, $5, $7, "
    "'{}', '{}', '{}', '{}')",
}
_OVERLAPS = """
select count(*) from {table} a join {table} b
    on a.resource_no = b.resource_no and a.ctid < b.ctid and a.from_cell < b.to_cell and b.from_cell < a.to_cell"""
_TABLES = {OURS: "live_reservation", UNSAFE: "unsafe_reservation"}
_CENTER = "00000000-0000-4000-8000-000000000001"
_ROLES = ["TECHNICIAN", "BAY"]
_JOBS = [0, 0]


async def prepared(addresses: Addresses) -> asyncpg.Connection:
    """Make the unsafe peer; the owner's connection."""
    assert addresses.owner is not None
    owner = await asyncpg.connect(addresses.owner)
    await owner.execute(_UNSAFE)
    return owner


async def connected(addresses: Addresses) -> asyncpg.Connection:
    """A connection with the rights that a booking has."""
    return await asyncpg.connect(addresses.service, server_settings={"role": "forecourt_staff", "jit": "off"})


def place(rng: random.Random) -> tuple[list[int], list[int], list[int]]:
    """A random technician and a random bay for a random hour: numbers, first cells, last cells."""
    start = FIRST + rng.randrange(CELLS // 3) * 3
    half = RESOURCES // 2
    return [rng.randint(1, half), half + rng.randint(1, half)], [start] * 2, [start + LENGTH] * 2


async def take(connection: asyncpg.Connection, how: str, wanted: tuple[list[int], list[int], list[int]]) -> bool:
    """Whether the place was had."""
    further = () if how == UNSAFE else (_CENTER, _JOBS)
    return bool(await connection.fetchval(_CALLS[how], uuid.uuid4(), *wanted, _ROLES, *further))


async def overlaps(owner: asyncpg.Connection, how: str) -> int:
    """Pairs of reservations of one resource that overlap."""
    return int(await owner.fetchval(_OVERLAPS.format(table=_TABLES[how])))


async def emptied(owner: asyncpg.Connection) -> None:
    """Begin anew with what was booked before: one hour a day and resource in the days before the first."""
    for table in _TABLES.values():
        await owner.execute(f"truncate {table}")
        await owner.execute(
            f"insert into {table} (resource_no, from_cell, to_cell, appointment_id, role) "
            f"select no, {FIRST} - 288 * day, {FIRST} - 288 * day + {LENGTH}, gen_random_uuid(), 'TECHNICIAN' "
            f"from generate_series(1, {RESOURCES}) no, generate_series(1, 10) day"
        )
        await owner.execute(f"vacuum (analyze) {table}")


async def deadlocks(owner: asyncpg.Connection) -> int:
    """How many the database has seen."""
    await owner.execute("select pg_stat_force_next_flush()")
    return int(await owner.fetchval("select deadlocks from pg_stat_database where datname = current_database()"))
