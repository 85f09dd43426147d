"""What a changed calendar breaks is listed with a repair, and the repair mends it."""

from __future__ import annotations

from scheduling.appointments.infeasible import Looked, infeasible
from scheduling.records import Absence, Bay, TimeSlot
from tests.scheduling.appointments.conftest import Workshop
from tests.scheduling.centers import WEEK, change, make


async def _found(workshop: Workshop, who: str = "advisor", most: int = 50) -> Looked:
    await workshop.schedule.caught_up()
    async with workshop.as_(who, readonly=True) as ctx:
        return await infeasible(ctx, [workshop.center], None, most)


async def test_whoever_is_away_is_replaced_where_somebody_else_is_free(workshop: Workshop) -> None:
    ada = str(workshop.dealer.technician.id)
    made = await workshop.book("ann", technician_id=ada)
    other = await workshop.book("bob", 3)
    assert (await _found(workshop)).items == []
    await make(
        workshop.database, Absence, resource_id=ada, start=workshop.at(-1), end=workshop.at(2), reason_code="SICK"
    )
    [broken] = (await _found(workshop)).items
    assert (broken.appointment_id, broken.is_technician_asked) == (made.id, True)
    assert [(one.role, one.resource_id) for one in broken.broken] == [("TECHNICIAN", ada)]
    assert broken.repair is not None
    assert broken.repair.technician_id == broken.broken[0].instead_id
    assert (await _found(workshop, "rival")).items == []
    mended = await workshop.give(
        "advisor", made.id, "reschedule", start=broken.repair.start, technician_id=broken.repair.technician_id
    )
    assert mended.technician_id == broken.repair.technician_id
    assert (await _found(workshop)).items == []
    assert (await workshop.read(other.id)).version == other.version


async def test_a_closed_bay_and_a_closed_day_are_told_with_other_starts(workshop: Workshop) -> None:
    first, second = await workshop.book("ann"), await workshop.book("bob")
    async with workshop.as_("agent") as ctx:
        bay = await ctx.get(Bay, first.bay_id or "")
    await change(workshop.database, bay, is_active=False)
    found = (await _found(workshop)).items
    assert [one.appointment_id for one in found] == [first.id]
    assert found[0].repair is None
    assert found[0].alternatives
    day = WEEK[workshop.at(0).weekday()]
    slots = [TimeSlot(one, "00:00", "24:00") for one in WEEK if one != day]
    await change(workshop.database, workshop.dealer.hours, time_slots=slots)
    found = (await _found(workshop)).items
    assert {one.appointment_id for one in found} == {first.id, second.id}
    assert {reason.code for one in found for reason in one.reasons} >= {"CLOSED"}
    page = await _found(workshop, most=1)
    assert [one.appointment_id for one in page.items] == [first.id]
    assert page.further == (first.start, first.id)
