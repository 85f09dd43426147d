"""Everybody wants the same slots at once: each has its winners, whoever rolls back; nobody waits long, none overlap."""

from __future__ import annotations

import asyncio
import os
import random
import time

import asyncpg
import pytest

from domain.kit.errors import Problem, SlotTaken
from scheduling.appointment_records import Appointment
from scheduling.appointments.booking import BookAppointment, book
from tests.scheduling.appointments.conftest import Workshop

SEED = int(os.environ.get("FORECOURT_SEED", "20261122"))
DEADLOCKS = "select deadlocks from pg_stat_database where datname = current_database()"


class GivesUp(Exception):
    """Raised by a client after its booking was made: its transaction rolls back."""


async def _deadlocks(owner: asyncpg.Connection) -> int:
    await owner.execute("select pg_stat_force_next_flush()")
    await asyncio.sleep(0)
    return int(await owner.fetchval(DEADLOCKS))


async def _attempt(workshop: Workshop, hours: int, gives_up: bool) -> Appointment | str:
    """One client books without waiting for the calendar in memory, and perhaps rolls back what it got."""
    data = BookAppointment(work_types=[workshop.works[0]], center_id=workshop.center, start=workshop.at(hours))
    try:
        async with workshop.as_("advisor") as ctx:
            made = await book(ctx, data)
            if gives_up:
                await asyncio.sleep(0)
                raise GivesUp
            return made
    except GivesUp:
        return "gave up"
    except SlotTaken as refused:
        return "taken" if refused.data["alternatives"] else "taken, and nothing instead"


async def _stampede(workshop: Workshop, rng: random.Random, clients: int, slots: int, first: int) -> list[float]:
    times: list[float] = []

    async def timed(hours: int, gives_up: bool) -> tuple[int, Appointment | str]:
        start = time.perf_counter()
        result = await _attempt(workshop, hours, gives_up)
        times.append(time.perf_counter() - start)
        return hours, result

    wanted = [(first + at % slots, rng.random() < 0.4) for at in range(clients)]
    rng.shuffle(wanted)
    results = await asyncio.gather(*(timed(*one) for one in wanted))
    for hours in range(first, first + slots):
        won = [one for at, one in results if at == hours and isinstance(one, Appointment)]
        lost = [one for at, one in results if at == hours and one == "taken"]
        assert len(won) <= 2  # bays
        assert not [one for _, one in results if one == "taken, and nothing instead"]
        assert len(won) == 2 or not lost, "a slot stayed empty while a loser wanted it"
    return times


async def _raced(workshop: Workshop, rounds: int, clients: int, slots: int) -> None:
    rng = random.Random(SEED)
    before = await _deadlocks(workshop.owner)
    times: list[float] = []
    for number in range(rounds):
        times += await _stampede(workshop, rng, clients, slots, number * slots)
        await workshop.sound()
    booked = await workshop.owner.fetchval("select count(*) from appointment where center_id = $1", workshop.center)
    assert len(await workshop.taken()) == booked
    assert await _deadlocks(workshop.owner) == before
    times.sort()
    print(f"seed {SEED}: p99 {times[len(times) * 99 // 100] * 1e3:.0f} ms, max {times[-1] * 1e3:.0f} ms")
    assert times[-1] < 3


async def test_a_stampede_has_as_many_winners_as_bays_although_many_roll_back(workshop: Workshop) -> None:
    await _raced(workshop, rounds=3, clients=60, slots=6)


@pytest.mark.stress
async def test_a_long_stampede(workshop: Workshop) -> None:
    await _raced(workshop, rounds=12, clients=200, slots=50)


async def test_half_the_winners_of_one_slot_roll_back_and_one_has_it_in_the_end(workshop: Workshop) -> None:
    ada = str(workshop.dealer.technician.id)
    rng = random.Random(SEED)
    before = await _deadlocks(workshop.owner)

    async def attempt(hours: int, gives_up: bool) -> bool:
        data = BookAppointment(
            work_types=[workshop.works[0]], center_id=workshop.center, start=workshop.at(hours), technician_id=ada
        )
        try:
            async with workshop.as_("agent") as ctx:
                await book(ctx, data)
                if gives_up:
                    raise GivesUp
        except (GivesUp, SlotTaken):
            return False
        return True

    for hours in range(5):
        won = await asyncio.gather(*(attempt(hours, rng.random() < 0.5) for _ in range(32)))
        assert sum(won) == 1
    assert await _deadlocks(workshop.owner) == before


async def test_those_who_move_cancel_and_let_holds_expire_at_once_never_wait_in_a_ring(workshop: Workshop) -> None:
    """Moves cross, holds expire under the movers, commands lock rows first: whatever meets, nothing waits for ever."""
    rng = random.Random(SEED)
    before = await _deadlocks(workshop.owner)
    made = [await workshop.book("ann" if at % 2 else "bob", at) for at in range(6)]
    held = [await workshop.book("advisor", at, hold=True) for at in range(6)]
    for one in held:
        await workshop.elapse(one.id)

    async def move(one: Appointment) -> str:
        name = rng.choice(["reschedule", "reschedule", "propose", "cancel", "extend"])
        to = workshop.at(rng.randrange(6))
        data = {"start": to} if name in ("reschedule", "propose") else {"end": to} if name == "extend" else {}
        try:
            await workshop.give("advisor", one.id, name, **data)
        except Problem as refused:
            return refused.slug
        return name

    moves = [move(rng.choice(made)) for _ in range(80)]
    results = await asyncio.gather(*moves, workshop.tidy(), workshop.tidy())
    assert {"reschedule", "slot-taken"} & set(map(str, results))
    await workshop.sound()
    assert await _deadlocks(workshop.owner) == before
