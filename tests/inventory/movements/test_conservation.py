"""Over any sequence of commands, one after the other or at once, every car is at exactly one place."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Awaitable
from typing import Any

import pytest

from domain.kit.errors import Conflict, Forbidden, Invalid, Problem
from domain.kit.policy import WORKER
from inventory import movements
from inventory.movements import COMMANDS
from tests.inventory.movements.conftest import VIN, Trade

OPERATIONS = 1_200
SEED = int(os.environ.get("FORECOURT_SEED", "20261122"))
PEOPLE = ("north", "sister", "manager", "south", "centre")
PLACES = ("north", "sister", "south", "centre")
SELDOM = {"deliver": 0.03, "release": 0.2, "decline": 0.4, "reserve": 0.5}
"""What would end most stories early."""

# Every line begins where the one before ended, the first outside, and the last is where the car is.
BROKEN_CHAINS = """
select l.vehicle_id, l.position from (
  select t.*, row_number() over w as expected, lag(to_place, 1, 'OUTSIDE') over w as last_place,
         lag(to_location_id) over w as last_location
    from vehicle_stock_transaction t window w as (partition by vehicle_id order by position)) l
 where l.position <> l.expected or l.from_place <> l.last_place
    or (l.from_place = 'ON_HAND' and l.from_location_id is distinct from l.last_location)
    or (l.kind = 'OPENING') <> (l.position = 1)"""
# The ledger summed up by place against the open stock entries; a car without a line stands where its entry says.
ON_HAND = """
select coalesce(l.place, e.place) as place, coalesce(l.n, 0) as lines, coalesce(e.n, 0) as entries from (
  select place, sum(n) as n from (
    select to_location_id as place, 1 as n from vehicle_stock_transaction where to_place = 'ON_HAND'
    union all select from_location_id, -1 from vehicle_stock_transaction where from_place = 'ON_HAND') moves
   group by place) l
  full join (
    select location_id as place, count(*) as n from stock_entry s
     where left_on is null and status in ('IN_STOCK', 'RESERVED')
       and exists (select from vehicle_stock_transaction t where t.vehicle_id = s.vehicle_id)
     group by location_id) e on e.place = l.place
 where coalesce(l.n, 0) <> coalesce(e.n, 0)"""
IN_TRANSIT = """
select (select coalesce(sum((to_place = 'IN_TRANSIT')::int - (from_place = 'IN_TRANSIT')::int), 0)
          from vehicle_stock_transaction) as lines,
       (select count(*) from stock_entry where left_on is null and status = 'IN_TRANSIT') as entries,
       (select count(*) from vehicle_transfer_order where status = 'IN_TRANSIT') as orders"""
# What is open on a car and what its entry says are the same.
CONTRADICTIONS = """
select e.vehicle_id, e.status from stock_entry e
  left join vehicle_reservation r on r.vehicle_id = e.vehicle_id and r.status in ('REQUESTED', 'ACTIVE')
  left join vehicle_transfer_order o
    on o.vehicle_id = e.vehicle_id and o.status in ('REQUESTED', 'APPROVED', 'IN_TRANSIT')
 where e.left_on is null
   and e.status <> case when o.status = 'IN_TRANSIT' then 'IN_TRANSIT' when r.id is not null or o.id is not null
                        then 'RESERVED' when e.status = 'SOLD' then 'SOLD' else 'IN_STOCK' end"""


async def conserved(trade: Trade, cars: list[str]) -> None:
    """Hold all invariants against the database."""
    assert await trade.owner.fetch(BROKEN_CHAINS) == []
    assert await trade.owner.fetch(ON_HAND) == []
    lines, entries, orders = await trade.owner.fetchrow(IN_TRANSIT)
    assert lines == entries == orders
    assert await trade.owner.fetch(CONTRADICTIONS) == []
    entries = await trade.owner.fetch("select vehicle_id from stock_entry where left_on is null order by vehicle_id")
    assert [row[0] for row in entries] == sorted(cars)
    ledger = await trade.owner.fetchval(
        "select coalesce(sum((to_place <> 'OUTSIDE')::int - (from_place <> 'OUTSIDE')::int), 0)"
        " from vehicle_stock_transaction"
    )
    moved = await trade.owner.fetchval(
        "select count(*) from stock_entry e where left_on is null and status <> 'SOLD' "
        "and exists (select from vehicle_stock_transaction t where t.vehicle_id = e.vehicle_id)"
    )
    assert ledger == moved


def body(trade: Trade, rng: random.Random, name: str, car: int) -> dict[str, Any]:
    """A body that is mostly sound."""
    if name == "request_transfer":
        return {"to_location_id": trade.places[rng.choice(PLACES)]}
    if name == "receive":
        return {"scanned_vin": VIN.format(car if rng.random() < 0.9 else car + 500)}
    return {}


async def stock(trade: Trade, count: int) -> list[str]:
    """So many cars, spread over all places."""
    return [await trade.car(PLACES[at % len(PLACES)], at + 1) for at in range(count)]


async def test_over_a_thousand_commands_of_several_people_every_car_is_at_one_place(trade: Trade) -> None:
    """Also: a command succeeds exactly where its capability says that it may be given now."""
    rng = random.Random(SEED)
    cars = await stock(trade, 30)
    given = dict.fromkeys(COMMANDS, 0)
    lapsed = 0
    for number in range(OPERATIONS):
        at = rng.randrange(len(cars))
        who = rng.choice(PEOPLE)
        can = await trade.can(who, cars[at])
        open_to = [name for name in COMMANDS if can[name].allowed and rng.random() < SELDOM.get(name, 1)]
        name = rng.choice(open_to) if open_to and rng.random() < 0.8 else rng.choice(list(COMMANDS))
        told = f"seed {SEED}, operation {number}: {who} {name} {at}"
        refusal = await _refusal(trade.give(who, cars[at], name, **body(trade, rng, name, at + 1)))
        if refusal is None:
            assert can[name].allowed, told
            given[name] += 1
        else:
            wrong_place = name == "request_transfer" and isinstance(refusal, (Forbidden, Invalid))
            wrong_car = name == "receive" and isinstance(refusal, Invalid)
            assert not can[name].allowed or wrong_place or wrong_car, f"{told}: {refusal}"
        if rng.random() < 0.03:
            lapsed += await _past(trade, rng.choice(cars))
        if number % 100 == 99:
            async with trade.as_(WORKER) as ctx:
                await movements.end_lapsed_holds(ctx)
            await conserved(trade, cars)
    assert all(count >= 10 for name, count in given.items() if name != "deliver"), given
    assert given["deliver"]
    assert lapsed


async def _refusal(giving: Awaitable[object]) -> Problem | None:
    try:
        await giving
    except (Conflict, Forbidden, Invalid) as refusal:
        return refusal
    return None


async def _past(trade: Trade, car: str) -> int:
    """Let all deadlines of a car pass; how many there were."""
    found = 0
    for table, column, states in (
        ("vehicle_reservation", "until_at", "('REQUESTED', 'ACTIVE')"),
        ("vehicle_transfer_order", "deadline_at", "('REQUESTED', 'APPROVED')"),
    ):
        done = await trade.owner.execute(
            f"update {table} set {column} = now() where vehicle_id = $1 and status in {states}", car
        )
        found += int(done.split()[-1])
    return found


@pytest.mark.parametrize("seed", [SEED, SEED + 1])
async def test_commands_at_once_leave_every_car_at_one_place_and_nobody_waits_for_each_other(
    trade: Trade, seed: int
) -> None:
    cars = await stock(trade, 6)
    strange: list[BaseException] = []

    async def one(number: int) -> int:
        rng, done = random.Random(seed * 100 + number), 0
        for _ in range(60):
            at, name = rng.randrange(len(cars)), rng.choice([name for name in COMMANDS if name != "deliver"])
            try:
                giving = trade.give(rng.choice(PEOPLE), cars[at], name, **body(trade, rng, name, at + 1))
                done += await _refusal(giving) is None
            except Exception as fault:
                strange.append(fault)
        return done

    async def sweeping() -> None:
        for _ in range(20):
            await _past(trade, cars[0])
            async with trade.as_(WORKER) as ctx:
                await movements.end_lapsed_holds(ctx)

    counts = await asyncio.gather(*(one(number) for number in range(7)), sweeping())
    assert strange == []
    assert sum(count for count in counts if count is not None) > 30
    async with trade.as_(WORKER) as ctx:
        await movements.end_lapsed_holds(ctx)
    await conserved(trade, cars)
    deadlocks = await trade.owner.fetchval("select deadlocks from pg_stat_database where datname = current_database()")
    assert deadlocks == 0
