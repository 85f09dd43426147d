"""A test drive takes a car and a salesperson; a car of the stock is reserved by the number that it then gets."""

from __future__ import annotations

import asyncio

import pytest

from domain.kit.errors import SlotTaken
from inventory.records import Vehicle
from scheduling.appointment_records import Appointment
from scheduling.records import DemoVehicle, Skill, Technician, WorkType
from tests.scheduling.appointments.conftest import Workshop
from tests.scheduling.centers import change, make


async def test_two_who_want_one_car_at_once_get_it_one_after_the_other(workshop: Workshop) -> None:
    drive = f"DRIVE-{workshop.center[-8:]}"
    await make(workshop.database, WorkType, code=drive, name="Drive", kind="TEST_DRIVE", duration_minutes=60)
    async with workshop.as_("agent") as ctx:
        [_, second, *_] = await ctx.where(Technician, "center_id = $1", workshop.center)
    sellers = [workshop.dealer.technician, second]
    for seller in sellers:
        await change(workshop.database, seller, skills=[Skill("SALES")])
    demo, stock = [
        await make(workshop.database, Vehicle, make="Toyota", model=name, condition="NEW", audience=2)
        for name in ("Demo", "Stock")
    ]
    await make(workshop.database, DemoVehicle, vehicle_id=demo.id, center_id=workshop.center)
    for number, car in enumerate((demo, stock)):
        asked = {"kind": "TEST_DRIVE", "work_types": [drive], "vehicle_id": car.id}
        results = await asyncio.gather(
            *(workshop.book("advisor", number, **asked) for _ in range(6)), return_exceptions=True
        )
        won = [one for one in results if isinstance(one, Appointment)]
        assert len(won) == 1, results
        assert sum(isinstance(one, SlotTaken) for one in results) == 5
        assert {one.role for one in won[0].reservations} == {"DEMO_VEHICLE", "SALESPERSON"}
        assert (won[0].vehicle_id, won[0].bay_id) == (car.id, None)
        assert won[0].technician_id in [seller.id for seller in sellers]
        moved = await workshop.give("advisor", won[0].id, "reschedule", start=workshop.at(number + 4))
        assert moved.vehicle_id == car.id
        await workshop.book("advisor", number, **asked)
    with pytest.raises(SlotTaken):
        await workshop.book("advisor", 4, kind="TEST_DRIVE", work_types=[drive], vehicle_id=demo.id)
