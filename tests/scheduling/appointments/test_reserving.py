"""The function that takes resources, and the constraints behind it."""

from __future__ import annotations

from datetime import date
from typing import Any

import asyncpg
import pytest

from domain.kit.ids import new_id
from scheduling.appointments.booking import BookAppointment, book
from scheduling.appointments.taking import Collision, Holder, Reserved, assigned, reserve
from scheduling.asking import Counter, Leg
from scheduling.records import Absence
from tests.scheduling.appointments.conftest import Workshop
from tests.scheduling.centers import make

DAY = date(2026, 11, 24)
_HELD = "select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()"


def _leg(*candidates: int) -> Leg:
    return Leg("TECHNICIAN", 0, 1, 0, candidates)


def test_everybody_is_staffed_with_somebody_else_wherever_that_is_possible() -> None:
    assert assigned([_leg(1, 2), _leg(1)]) == [2, 1]
    assert assigned([_leg(1, 2, 3), _leg(1), _leg(1, 2)]) == [3, 1, 2]
    assert assigned([_leg(1), _leg(1)]) is None
    assert assigned([_leg(1, 2)], taken={1}) == [2]
    assert assigned([_leg(1, 2)], turn=1) == [2]
    assert assigned([]) == []


async def _take(workshop: Workshop, wanted: list[tuple[int, int, int]], **more: Any) -> tuple[str, list[Collision]]:
    """Reserve in a transaction that is rolled back where something stands against it."""
    id = new_id()
    async with workshop.as_("agent") as ctx:
        counters: list[Counter] = more.pop("counters", [])
        places = [Reserved(no, first, last, "BAY", 0) for no, first, last in wanted]
        _, against = await reserve(ctx, id, "NEW", workshop.center, places, counters, **more)
        if against:
            assert await ctx.db.fetchval(_HELD) == 0, "a refused attempt gives its locks back"
    return id, against


async def test_all_or_nothing_and_the_refusal_says_what_and_who(workshop: Workshop) -> None:
    base = 10_000_000 + int(new_id()[-4:], 16) * 1_000
    first, against = await _take(workshop, [(base, 100, 112), (base + 1, 100, 112)])
    assert against == []
    for wanted, places in (
        ([(base + 2, 100, 112), (base, 111, 120)], [2]),
        ([(base + 1, 90, 101), (base, 90, 101)], [1, 2]),
        ([(base + 2, 0, 1_000), (base + 1, 1, 1_000)], [2]),
    ):
        wanted = [(no, max(begin, 1), end) for no, begin, end in wanted]
        _, against = await _take(workshop, wanted)
        assert [(one.what, one.place, one.hit) for one in against] == [("RESOURCE", at, first) for at in places]
    for wanted in ([(base, 112, 113)], [(base, 99, 100)], [(base + 2, 100, 112)]):
        _, against = await _take(workshop, wanted)
        assert against == []
    await workshop.owner.execute("delete from live_reservation where resource_no >= 10000000")


async def test_counters_stop_at_their_cap_and_a_newer_calendar_is_told(workshop: Workshop) -> None:
    two = [Counter("SLOT", DAY, 1, 2), Counter("DAY", DAY, 60, 100)]
    assert (await _take(workshop, [], counters=two[:1]))[1] == []
    assert (await _take(workshop, [], counters=two))[1] == []
    _, against = await _take(workshop, [], counters=two)
    assert [(one.what, one.place) for one in against] == [("COUNTER", 2)]
    _, against = await _take(workshop, [], counters=[Counter("OTHER", DAY, 5, 4)])
    assert [(one.what, one.place) for one in against] == [("COUNTER", 1)]
    for versions in ((0, None), (None, 0)):
        _, against = await _take(workshop, [], versions=versions)
        assert [one.what for one in against] == ["CALENDAR"]
    _, against = await _take(workshop, [], holder=Holder("nobody", 60, 0))
    assert [one.what for one in against] == ["HOLDS"]
    await workshop.owner.execute("delete from live_capacity where center_id = $1", workshop.center)
    await workshop.owner.execute("delete from capacity_use where center_id = $1", workshop.center)


async def test_a_booking_waits_for_the_calendar_that_the_database_has(workshop: Workshop) -> None:
    """Whoever books right after an absence was entered gets somebody who is there."""
    ada = str(workshop.dealer.technician.id)
    await workshop.schedule.caught_up()
    await make(
        workshop.database, Absence, resource_id=ada, start=workshop.at(-1), end=workshop.at(5), reason_code="SICK"
    )
    data = BookAppointment(work_types=[workshop.works[0]], center_id=workshop.center, start=workshop.at(0))
    for _ in range(2):
        async with workshop.as_("agent") as ctx:
            made = await book(ctx, data)
        assert made.technician_id != ada


async def test_the_database_itself_refuses_what_overlaps_is_empty_or_never_ends(workshop: Workshop) -> None:
    made = await workshop.book("ann")
    copy = "insert into live_reservation select resource_no, {}, appointment_id, role, job, {} from live_reservation "
    for columns, held, refusal in (
        ("from_cell + 11, to_cell + 11", "null", asyncpg.ExclusionViolationError),
        ("from_cell - 3, from_cell + 1", "null", asyncpg.ExclusionViolationError),
        ("from_cell + 40, from_cell + 40", "null", asyncpg.CheckViolationError),
        ("from_cell + 40, from_cell + 30", "null", asyncpg.CheckViolationError),
        ("from_cell + 40, null", "null", asyncpg.NotNullViolationError),
        ("from_cell + 40, to_cell + 40", "timestamptz 'infinity'", asyncpg.CheckViolationError),
    ):
        with pytest.raises(refusal):
            await workshop.owner.execute(copy.format(columns, held) + "where appointment_id = $1", made.id)
    for statement in (
        "update live_reservation set resource_no = null where appointment_id = $1",
        "update capacity_use set used = -1 where center_id = $1",
        "update appointment set status = 'HELD' where id = $1",
        'update appointment set "end" = start where id = $1',
    ):
        await workshop.owner.execute(
            "insert into capacity_use (center_id, on_day, counter, used) values ($1, now(), 'x', 0) "
            "on conflict do nothing",
            made.id,
        )
        with pytest.raises(asyncpg.IntegrityConstraintViolationError):
            await workshop.owner.execute(statement, made.id)
    await workshop.owner.execute("delete from capacity_use where center_id = $1", made.id)
    async with workshop.as_("ann") as ctx:
        for statement in ("select count(*) from live_reservation", "select app.release('{}'::uuid[])"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with ctx.savepoint():
                    await ctx.db.fetch(statement)
