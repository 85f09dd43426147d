"""Test drives: which cars, for whom, with whose licence, and what a booked car may not do meanwhile."""

from __future__ import annotations

from datetime import timedelta

import pytest

from domain.kit.errors import CommandNotAllowed, Conflict, Invalid
from tests.domain.appointments.conftest import Visits


async def test_a_drive_takes_a_demo_car_and_a_salesperson(visits: Visits) -> None:
    made = await visits.test_drive()
    assert made.vehicle_id == visits.cars["demo"]
    assert {one.role for one in made.reservations} == {"SALESPERSON", "DEMO_VEHICLE"}


async def test_a_lead_is_known_by_name_mail_and_phone(visits: Visits) -> None:
    lead = await visits.lead(first_name="Jo", phone="+12125550100")
    made = await visits.test_drive(customer=None, lead_id=lead.id)
    seen = await visits.workshop.read(made.id)
    assert (seen.customer.name, seen.customer.email, seen.customer.phone) == (
        "Jo Doe", "doe@example.com", "+12125550100",
    )  # fmt: skip
    other = await visits.test_drive(hours=4, customer={"name": "His brother"}, lead_id=lead.id)
    assert (await visits.workshop.read(other.id)).customer.name == "His brother"


async def test_a_car_in_stock_is_driven_where_it_stands_alone(visits: Visits) -> None:
    made = await visits.test_drive(vehicle_id=visits.cars["stock"])
    assert made.vehicle_id == visits.cars["stock"]
    with pytest.raises(Invalid, match="does not stand at this centre"):
        await visits.test_drive("agent", hours=3, vehicle_id=visits.cars["elsewhere"])
    await visits.workshop.owner.execute(
        "update location set parent_location_id = (select location_id from stock_entry where vehicle_id = $1) "
        "where id = $2", visits.cars["elsewhere"], visits.workshop.dealer.location.id,
    )  # fmt: skip
    assert (await visits.test_drive("agent", hours=3, vehicle_id=visits.cars["elsewhere"])).status == "BOOKED"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("holds = '{QUALITY,RECALL}'", "is held: quality, recall"),
        ("status = 'IN_TRANSIT'", "is in transit"),
        ("status = 'SOLD'", "is sold"),
    ],
)
async def test_a_car_that_may_not_be_driven_is_refused(visits: Visits, change: str, told: str) -> None:
    car = visits.cars["stock"]
    await visits.workshop.owner.execute(f"update stock_entry set {change} where vehicle_id = $1", car)
    with pytest.raises(Invalid, match=told):
        await visits.test_drive(vehicle_id=car)
    assert await visits.workshop.owner.fetchval("select count(*) from live_reservation") == 0


async def test_no_drive_starts_before_a_licence_was_seen_that_is_valid(visits: Visits) -> None:
    drive, give = await visits.test_drive(), visits.workshop.give
    with pytest.raises(CommandNotAllowed, match="has not been checked"):
        await give("seller", drive.id, "start")
    with pytest.raises(Invalid, match="is before the drive"):
        await give("seller", drive.id, "check_licence", number_ends_with="4711", valid_until_on="2020-01-01")
    checked = await give("seller", drive.id, "check_licence", number_ends_with="4711", valid_until_on="2099-01-01")
    assert checked.licence["number_ends_with"] == "4711"
    await visits.workshop.owner.execute(
        "update appointment set licence = jsonb_set(licence, '{valid_until_on}', '\"2020-01-01\"') where id = $1",
        drive.id,
    )
    with pytest.raises(CommandNotAllowed, match="was valid until 2020-01-01"):
        await give("seller", drive.id, "start")
    await give("seller", drive.id, "check_licence", number_ends_with="4711", valid_until_on="2099-01-01")
    assert (await give("mechanic", drive.id, "start")).status == "IN_PROGRESS"
    service = await visits.workshop.book("advisor", 3)
    with pytest.raises(CommandNotAllowed, match="Only drivers"):
        await give("seller", service.id, "check_licence", number_ends_with="4711", valid_until_on="2099-01-01")
    assert (await give("mechanic", service.id, "start")).status == "IN_PROGRESS"


async def test_a_booked_car_is_not_reserved_over_the_drive_sent_or_delivered(visits: Visits) -> None:
    at = visits.workshop.at
    drive = await visits.test_drive(vehicle_id=visits.cars["stock"])
    with pytest.raises(Conflict, match=drive.number):
        await visits.move("seller", "stock", "reserve", until=at(1).isoformat())
    with pytest.raises(Conflict, match=drive.number):
        await visits.move("seller", "stock", "deliver")
    early = await visits.move("seller", "stock", "reserve", until=(at(0) - timedelta(hours=1)).isoformat())
    assert early.reservation.status == "ACTIVE"
    await visits.move("seller", "stock", "release")
    await visits.workshop.give("seller", drive.id, "cancel")
    await visits.move("seller", "stock", "deliver")


async def test_whoever_drives_may_reserve_the_car_and_drive_a_car_that_is_kept_for_them(visits: Visits) -> None:
    contact = visits.workshop.people["ann"].contact_id
    lead = await visits.lead(contact_id=contact)
    drive = await visits.test_drive(vehicle_id=visits.cars["stock"], lead_id=lead.id)
    until = visits.workshop.at(9).isoformat()
    async with visits.workshop.as_("agent") as ctx:
        await ctx.db.execute(
            "insert into vehicle_reservation (id, created_at, updated_at, vehicle_id, account_id, holder_contact_id, "
            "until_at, status) values ($1, now(), now(), $2, $3, $4, $5::text::timestamptz, 'ACTIVE')",
            ctx.ids(), visits.cars["demo"], visits.workshop.dealer.account.id, contact, until,
        )  # fmt: skip
        await ctx.db.execute("update stock_entry set status = 'RESERVED' where vehicle_id = $1", visits.cars["demo"])
    assert drive.status == "BOOKED"
    own = await visits.test_drive(hours=2, vehicle_id=visits.cars["demo"], lead_id=lead.id)
    with pytest.raises(Conflict, match="reserved for somebody else"):
        await visits.test_drive(hours=4, vehicle_id=visits.cars["demo"])
    with pytest.raises(Conflict, match="reserved for somebody else"):
        await visits.test_drive(hours=6)
    assert (await visits.test_drive(hours=12, vehicle_id=visits.cars["demo"])).status == "BOOKED"
    assert own.status == "BOOKED"


async def test_a_drive_is_not_moved_into_the_time_of_a_reservation(visits: Visits) -> None:
    drive = await visits.test_drive(hours=20, vehicle_id=visits.cars["stock"])
    until = visits.workshop.at(10).isoformat()
    await visits.move("seller", "stock", "reserve", until=until, holder_contact="Jane Roe")
    for command in ("reschedule", "propose"):
        with pytest.raises(Conflict, match="reserved for somebody else"):
            await visits.workshop.give("seller", drive.id, command, start=visits.workshop.at(4).isoformat())
    assert (await visits.workshop.read(drive.id)).start == visits.workshop.at(20)
