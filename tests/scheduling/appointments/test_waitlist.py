"""What gets free is offered to whoever waits longest, for a while, and then to the next."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from domain.kit.errors import CommandNotAllowed, Forbidden, Invalid, NotFound
from domain.kit.policy import WORKER
from scheduling.appointment_records import Appointment, WaitlistEntry
from scheduling.appointments.waitlist import JoinWaitlist, join, offer, settle
from tests.scheduling.appointments.conftest import Workshop


async def _join(workshop: Workshop, who: str, first: float, last: float, **values: Any) -> WaitlistEntry:
    given = {
        "center_id": workshop.center, "work_types": [workshop.works[0]],
        "earliest": workshop.at(first), "latest": workshop.at(last), **values,
    }  # fmt: skip
    async with workshop.as_(who) as ctx:
        return await join(ctx, msgspec.convert(given, JoinWaitlist))


async def _offered(workshop: Workshop) -> WaitlistEntry | None:
    await workshop.tidy()
    async with workshop.as_(WORKER) as ctx:
        await settle(ctx)
    await workshop.schedule.caught_up()
    async with workshop.as_(WORKER) as ctx:
        return await offer(ctx, workshop.center)


async def _entry(workshop: Workshop, id: str) -> WaitlistEntry:
    async with workshop.as_("agent") as ctx:
        return await ctx.get(WaitlistEntry, id)


async def test_a_cancelled_slot_is_offered_to_the_first_and_then_to_the_next(workshop: Workshop) -> None:
    first = await workshop.book("advisor")
    await workshop.book("advisor")
    ann = await _join(workshop, "ann", 0, 0.25)
    bob = await _join(workshop, "bob", 0, 0.25)
    assert await _offered(workshop) is None
    await workshop.give("advisor", first.id, "cancel")
    entry = await _offered(workshop)
    assert entry is not None
    assert (entry.id, entry.status) == (ann.id, "OFFERED")
    assert await _offered(workshop) is None
    async with workshop.as_("ann") as ctx:
        [held] = await ctx.where(Appointment, "status = 'HELD'")
        mails = await ctx.db.fetch('select subject from message where "to" = $1', "ann@example.com")
    assert (held.id, held.start, held.customer.name) == (entry.appointment_id, workshop.at(0), "ann Doe")
    assert held.held_until is not None
    assert 895 <= (held.held_until - held.created_at).total_seconds() <= 905
    assert "A slot is free" in mails[-1]["subject"]
    with pytest.raises(NotFound):
        await workshop.give("bob", held.id, "confirm")
    await workshop.elapse(held.id)
    second = await _offered(workshop)
    assert second is not None
    assert (second.id, (await _entry(workshop, ann.id)).status) == (bob.id, "WAITING")
    await workshop.give("bob", second.appointment_id or "", "confirm")
    assert (await _entry(workshop, bob.id)).status == "TAKEN"
    await workshop.give("bob", second.appointment_id or "", "cancel")
    assert await _offered(workshop) is None  # ann has let it pass


async def test_waiting_has_an_end(workshop: Workshop) -> None:
    entry = await _join(workshop, "ann", 0, 1)
    await workshop.owner.execute(
        "update waitlist_entry set earliest = now() - interval '2 hours', latest = now() - interval '1 hour' "
        "where id = $1",
        entry.id,
    )
    assert await _offered(workshop) is None
    assert (await _entry(workshop, entry.id)).status == "LAPSED"


async def test_whoever_withdraws_is_offered_nothing(workshop: Workshop) -> None:
    from domain.kit import access

    entry = await _join(workshop, "ann", 0, 1)
    withdraw = WaitlistEntry.entity.commands["withdraw"].name
    for who in ("bob", "rival"):
        async with workshop.as_(who) as ctx:
            with pytest.raises(NotFound):
                await access.command(ctx, WaitlistEntry.entity, entry.id, withdraw, None)
    async with workshop.as_("ann") as ctx:
        await access.command(ctx, WaitlistEntry.entity, entry.id, withdraw, None)
    assert await _offered(workshop) is None
    async with workshop.as_("ann") as ctx:
        with pytest.raises(CommandNotAllowed):
            await access.command(ctx, WaitlistEntry.entity, entry.id, withdraw, None)


async def test_bad_input_names_its_field(workshop: Workshop) -> None:
    cases: list[tuple[float, float, dict[str, Any], str]] = [
        (1, 1, {}, "/latest"),
        (0, 24 * 100, {}, "/latest"),
        (-900, -899, {}, "/latest"),
        (0, 1, {"work_types": ["NONE"]}, "/work_types/0"),
        (0, 1, {"center_id": "nowhere"}, "/center_id"),
        (0, 1, {"technician_id": "nobody"}, "/technician_id"),
        (0, 1, {"asset_id": workshop.assets["bob"]}, "/asset_id"),
    ]
    for first, last, values, pointer in cases:
        with pytest.raises(Invalid) as refused:
            await _join(workshop, "ann", first, last, **values)
        assert refused.value.errors[0].pointer == pointer
    with pytest.raises(Forbidden):
        await _join(workshop, "rival", 0, 1)
