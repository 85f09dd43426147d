"""Appointments are held, booked, moved and ended; nobody gets what somebody else has."""

from __future__ import annotations

import asyncio

import pytest

from domain.kit.errors import (
    CommandNotAllowed,
    Forbidden,
    Invalid,
    NotFound,
    SlotTaken,
    TooManyHolds,
)
from scheduling.appointment_records import Appointment
from scheduling.records import CapacityRule
from tests.scheduling.appointments.conftest import Workshop
from tests.scheduling.centers import make


async def test_a_booking_takes_a_technician_and_a_bay_and_tells_what_it_took(workshop: Workshop) -> None:
    made = await workshop.book("ann", asset_id=workshop.assets["ann"], notes="It squeaks")
    assert (made.status, made.account_id) == ("BOOKED", workshop.dealer.account.id)
    assert made.customer.name == "ann Doe"
    assert made.customer.email == "ann@example.com"
    assert [(one.role, one.start, one.end) for one in made.reservations] == [
        ("TECHNICIAN", workshop.at(0), workshop.at(1)), ("BAY", workshop.at(0), workshop.at(1)),
    ]  # fmt: skip
    assert made.technician_id == made.reservations[0].resource_id
    assert made.bay_id == made.reservations[1].resource_id
    assert (await workshop.taken())[0][0] == made.technician_id


async def test_bays_run_out_before_technicians_and_the_refusal_tells_what_is_free(workshop: Workshop) -> None:
    first, second = await workshop.book("ann"), await workshop.book("bob")
    assert first.technician_id != second.technician_id
    assert first.bay_id != second.bay_id
    with pytest.raises(SlotTaken) as refused:
        await workshop.book("advisor")
    assert {one.start for one in refused.value.data["alternatives"][:2]} == {workshop.at(-1), workshop.at(1)}
    await workshop.book("advisor", 1)
    await workshop.book("advisor", -1)


async def test_a_named_technician_is_the_one_or_nobody(workshop: Workshop) -> None:
    ada = str(workshop.dealer.technician.id)
    made = await workshop.book("ann", technician_id=ada)
    assert (made.technician_id, made.is_technician_asked) == (ada, True)
    with pytest.raises(SlotTaken):
        await workshop.book("bob", technician_id=ada)
    await workshop.book("bob")


async def test_a_hold_keeps_the_slot_until_it_is_confirmed(workshop: Workshop) -> None:
    held = await workshop.book("ann", hold=True)
    assert held.status == "HELD"
    assert held.held_until is not None
    for who in ("bob", "advisor", "rival", "agent"):
        with pytest.raises(NotFound):
            await workshop.give(who, held.id, "confirm")
    booked = await workshop.give("ann", held.id, "confirm")
    assert (booked.status, booked.held_until) == ("BOOKED", None)
    with pytest.raises(CommandNotAllowed):
        await workshop.give("ann", held.id, "confirm")
    assert await workshop.tidy() == set()


async def test_a_hold_past_its_time_blocks_nobody(workshop: Workshop) -> None:
    held = [await workshop.book(who, hold=True) for who in ("ann", "bob")]
    with pytest.raises(SlotTaken):
        await workshop.book("advisor")
    for one in held:
        await workshop.elapse(one.id)
    with pytest.raises(CommandNotAllowed) as refused:
        await workshop.give("ann", held[0].id, "confirm")
    assert refused.value.data["state"] == "EXPIRED"
    taken = await workshop.book("advisor")
    ended = [one for one in held if (await workshop.read(one.id)).status == "EXPIRED"]
    assert ended
    assert await workshop.tidy() == {one.id for one in held if one not in ended}
    assert await workshop.taken() == [(taken.technician_id, workshop.at(0))]
    rows = await workshop.owner.fetch(
        "select actor, command from history where record_id = $1 order by seq", held[0].id
    )
    assert tuple(rows[-1]) == ("clock", "expire")


async def test_a_customer_holds_three_slots_at_most_however_fast(workshop: Workshop) -> None:
    results = await asyncio.gather(
        *(workshop.book("ann", hours, hold=True) for hours in range(8)), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in results) == ["Appointment"] * 3 + ["TooManyHolds"] * 5
    held = [one for one in results if isinstance(one, Appointment)]
    await workshop.book("bob", 9, hold=True)
    await workshop.book("ann", 9)
    with pytest.raises(TooManyHolds):
        await workshop.book("ann", 10, hold=True)
    await workshop.give("ann", held[0].id, "cancel")
    again = await workshop.book("ann", 10, hold=True)
    moved = await workshop.give("ann", again.id, "reschedule", start=workshop.at(11))
    assert moved.held_until == again.held_until


async def test_a_move_is_both_or_neither(workshop: Workshop) -> None:
    made, other = await workshop.book("ann"), await workshop.book("bob", 3)
    await workshop.book("advisor", 3)
    with pytest.raises(SlotTaken):
        await workshop.give("ann", made.id, "reschedule", start=workshop.at(3))
    assert (await workshop.read(made.id)).start == workshop.at(0)
    moved = await workshop.give("ann", made.id, "reschedule", start=workshop.at(0.5))
    assert moved.start == workshop.at(0.5)
    assert len([one for one in await workshop.taken() if one[1] == workshop.at(0)]) == 0
    await workshop.give("bob", other.id, "cancel", reason="Sold")
    await workshop.give("ann", made.id, "reschedule", start=workshop.at(3))
    history = await workshop.owner.fetch(
        "select command, changes -> 'start' ->> 1 from history where record_id = $1 order by seq", made.id
    )
    assert [row[0] for row in history] == [None, "reschedule", "reschedule"]


async def test_a_proposal_keeps_both_places_until_somebody_answers(workshop: Workshop) -> None:
    made = await workshop.book("ann")
    for who in ("ann", "rival"):
        with pytest.raises((NotFound, Forbidden)):
            await workshop.give(who, made.id, "propose", start=workshop.at(4))
    proposed = await workshop.give("advisor", made.id, "propose", start=workshop.at(4))
    assert proposed.start == workshop.at(0)
    assert proposed.proposal["start"] is not None
    assert [when for _, when in await workshop.taken()] == [workshop.at(0), workshop.at(4)]
    for hours in (0, 4):
        await workshop.book("advisor", hours)
        with pytest.raises(SlotTaken):
            await workshop.book("bob", hours)
    accepted = await workshop.give("ann", made.id, "accept")
    assert (accepted.start, accepted.proposal) == (workshop.at(4), None)
    await workshop.book("bob", 0)
    with pytest.raises(CommandNotAllowed):
        await workshop.give("ann", made.id, "accept")


async def test_a_proposal_next_to_the_old_place_keeps_the_same_people(workshop: Workshop) -> None:
    made = await workshop.book("ann", technician_id=str(workshop.dealer.technician.id))
    await workshop.give("advisor", made.id, "propose", start=workshop.at(0.5))
    await workshop.sound()
    await workshop.give("ann", made.id, "decline")
    assert [when for _, when in await workshop.taken()] == [workshop.at(0)]
    await workshop.give("advisor", made.id, "propose", start=workshop.at(0.25))
    await workshop.give("advisor", made.id, "propose", start=workshop.at(0.5))
    await workshop.give("ann", made.id, "accept")
    assert await workshop.taken() == [(workshop.dealer.technician.id, workshop.at(0.5))]


async def test_a_proposal_past_its_time_leaves_the_old_place(workshop: Workshop) -> None:
    made = await workshop.book("ann")
    await workshop.give("advisor", made.id, "propose", start=workshop.at(4))
    await workshop.book("bob", 4)
    await workshop.elapse(made.id)
    with pytest.raises(CommandNotAllowed):
        await workshop.give("ann", made.id, "accept")
    await workshop.book("advisor", 4)
    assert (await workshop.read(made.id)).start == workshop.at(0)
    assert len(await workshop.taken()) == 3
    await workshop.tidy()
    after = await workshop.read(made.id)
    assert (after.proposal, after.proposed, after.proposed_until, after.status) == (None, None, None, "BOOKED")


async def test_work_that_lasts_longer_keeps_its_people_or_tells_whom_it_would_hit(workshop: Workshop) -> None:
    made = await workshop.book("ann", technician_id=str(workshop.dealer.technician.id))
    following = await workshop.book("bob", 1.5, technician_id=str(workshop.dealer.technician.id))
    await workshop.give("mechanic", made.id, "start")
    longer = await workshop.give("mechanic", made.id, "extend", end=workshop.at(1.5))
    assert longer.end == workshop.at(1.5)
    with pytest.raises(SlotTaken) as refused:
        await workshop.give("mechanic", made.id, "extend", end=workshop.at(2))
    assert {one["appointment_id"] for one in refused.value.data["conflicts"]} == {following.id}
    for end in (workshop.at(1), workshop.at(24 * 9)):
        with pytest.raises(Invalid) as wrong:
            await workshop.give("mechanic", made.id, "extend", end=end)
        assert wrong.value.errors[0].pointer == "/end"


async def test_an_appointment_goes_from_arrival_to_completion_and_frees_the_rest(workshop: Workshop) -> None:
    made = await workshop.book("ann")
    for name in ("complete", "accept", "decline"):
        with pytest.raises(CommandNotAllowed):
            await workshop.give("advisor", made.id, name)
    for name, status in (("check_in", "CHECKED_IN"), ("start", "IN_PROGRESS"), ("complete", "COMPLETED")):
        assert (await workshop.give("advisor", made.id, name)).status == status
    done = await workshop.read(made.id)
    assert done.reservations == []  # it ended before it was to begin
    assert await workshop.taken() == []
    for name in ("cancel", "check_in", "no_show"):
        with pytest.raises(CommandNotAllowed):
            await workshop.give("advisor", made.id, name)


async def test_cut_offs_bind_customers_and_not_the_centre(workshop: Workshop) -> None:
    made = await workshop.book("ann", 30)
    await workshop.owner.execute(
        "update service_center set cancel_cutoff_minutes = 43200, reschedule_cutoff_minutes = 43200 where id = $1",
        workshop.center,
    )
    for name, data in (("cancel", {}), ("reschedule", {"start": workshop.at(33)})):
        with pytest.raises(CommandNotAllowed, match="too late"):
            await workshop.give("ann", made.id, name, **data)
    with pytest.raises(CommandNotAllowed, match="waited for"):
        await workshop.give("advisor", made.id, "no_show")
    assert (await workshop.give("advisor", made.id, "cancel")).is_late


async def test_capacity_that_is_counted_is_never_exceeded_and_comes_back(workshop: Workshop) -> None:
    await make(workshop.database, CapacityRule, center_id=workshop.center, kind="HOURS_BY_TEAM", minutes_per_day=120)
    made = await workshop.book("ann")
    await workshop.give("advisor", made.id, "reschedule", start=workshop.at(0.5))
    held = await workshop.book("bob", 2, hold=True)
    with pytest.raises(SlotTaken) as refused:
        await workshop.book("advisor", 4)
    assert refused.value.data["reasons"][0].code == "CAP_REACHED"
    await workshop.elapse(held.id)
    assert await workshop.tidy() == {held.id}
    last = await workshop.book("advisor", 4)
    await workshop.give("advisor", last.id, "propose", start=workshop.at(5))
    await workshop.give("advisor", last.id, "accept")
    with pytest.raises(SlotTaken):
        await workshop.book("advisor", 6)
    await workshop.give("advisor", last.id, "cancel")
    await workshop.book("advisor", 6)


async def test_bad_input_names_its_field_and_books_nothing(workshop: Workshop) -> None:
    oil = workshop.works[0]
    ann = {"asset_id": workshop.assets["ann"]}
    cases = [
        ("ann", {"start": workshop.at(-48)}, "/start"),
        ("ann", {"start": workshop.at(24 * 3650)}, "/start"),
        ("ann", {"start": workshop.at(0.01)}, "/start"),
        ("ann", {"work_types": ["NONE"]}, "/work_types/0"),
        ("ann", {"work_types": []}, "/work_types"),
        ("ann", {"work_types": [], "jobs": [{"work_type": oil}, {"work_type": "X"}]}, "/jobs/1/work_type"),
        ("ann", {"jobs": [{"work_type": oil}]}, "/work_types"),
        ("ann", {"center_id": "nowhere"}, "/center_id"),
        ("ann", {"technician_id": "nobody"}, "/technician_id"),
        ("bob", ann, "/asset_id"),
        ("rival", {**ann, "center_id": workshop.center}, None),
        ("ann", {"is_walk_in": True}, "/is_walk_in"),
        ("ann", {"customer": {"contact_id": workshop.people["bob"].contact_id}}, "/customer/contact_id"),
        ("ann", {"vehicle_id": "x"}, "/vehicle_id"),
    ]
    for who, values, pointer in cases:
        with pytest.raises((Invalid, Forbidden)) as refused:
            await workshop.book(who, **values)
        assert [error.pointer for error in refused.value.errors][:1] == ([pointer] if pointer else []), values
    sunday = workshop.at(24 * (6 - workshop.open_at.weekday()) + 8)
    with pytest.raises(Invalid) as closed:
        await workshop.book("ann", start=sunday, center_id=workshop.rival)
    assert (closed.value.errors[0].pointer, closed.value.errors[0].code) == ("/start", "CLOSED")
    assert await workshop.owner.fetchval("select count(*) from appointment where center_id = $1", workshop.center) == 0


async def test_customers_see_their_own_appointments_and_nothing_of_the_workshop(workshop: Workshop) -> None:
    from domain.kit import access

    made = await workshop.book("ann", internal_notes=None)
    other = await workshop.book("bob")
    secret = {"bay_id", "reservations", "internal_notes", "held_by", "technician_ids", "lead_id", "shares", "proposed"}
    async with workshop.as_("ann", readonly=True) as ctx:
        shown = await access.read(ctx, Appointment.entity, made.id)
        assert not secret & set(shown.__struct_fields__)
        with pytest.raises(NotFound):
            await access.read(ctx, Appointment.entity, other.id)
    async with workshop.as_("advisor", readonly=True) as ctx:
        shown = await access.read(ctx, Appointment.entity, made.id)
        assert secret - set(shown.__struct_fields__) == {"shares", "proposed"}
    async with workshop.as_("rival", readonly=True) as ctx:
        with pytest.raises(NotFound):
            await access.read(ctx, Appointment.entity, made.id)
    for who in ("bob", "rival"):
        with pytest.raises(NotFound):
            await workshop.give(who, made.id, "cancel")
