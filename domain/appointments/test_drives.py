"""Test drives: in a car that may be driven and is nobody else's meanwhile, by somebody with a licence."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from domain.kit.errors import CommandNotAllowed, Conflict, Invalid
from domain.kit.events import on
from domain.kit.store import Context
from domain.kit.values import Day
from domain.leads import Lead, person
from inventory.records import Vehicle
from scheduling.appointment_records import LIVE, Appointment, Licence, LicenceEnding, Person
from scheduling.appointments.booking import CENTRES_PEOPLE
from scheduling.hours import cell_of, instant_of, zone_of

_AT_PLACE = """
select v.id, e.id as entry_id, e.status, e.holds, e.reserved_until_at,
       e.location_id in (c.location_id, l.parent_location_id) as is_here,
       c.time_zone, r.holder_contact_id, r.until_at,
       exists (select from demo_vehicle d where d.vehicle_id = v.id and d.center_id = c.id and d.is_active) as is_demo,
       exists (select from vehicle_transfer_order o
                where o.vehicle_id = v.id and o.status in ('REQUESTED', 'APPROVED', 'IN_TRANSIT')) as is_leaving
  from vehicle v
  join service_center c on c.id = $2
  join location l on l.id = c.location_id
  left join stock_entry e on e.vehicle_id = v.id and e.left_on is null
  left join vehicle_reservation r on r.vehicle_id = v.id and r.status in ('REQUESTED', 'ACTIVE')
                                 and r.until_at > app.moment()
 where v.id = $1"""
_DRIVEN = """
select a.number, a.account_id, a.contact_id, l.contact_id as lead_contact_id, r.from_cell, r.to_cell
  from live_reservation r
  join schedule_resource s on s.no = r.resource_no
  join appointment a on a.id = r.appointment_id
  left join lead l on l.id = a.lead_id
 where s.resource_id = $1 and (r.held_until is null or r.held_until > clock_timestamp())
   and r.to_cell > $2 and ($3::int is null or r.from_cell < $3)
 order by r.from_cell limit 20"""


class CheckLicence(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What is kept of a driving licence that was looked at: how its number ends, and its last day."""

    number_ends_with: LicenceEnding
    valid_until_on: Day


@Appointment.command(
    "check_licence",
    move="BOOKED | CHECKED_IN > BOOKED | CHECKED_IN",
    by=" ".join(sorted(CENTRES_PEOPLE)),
    help="Note that the driver's licence was looked at: no test drive starts without",
)
async def check_licence(ctx: Context, drive: Appointment, data: CheckLicence) -> Appointment:
    """Note how the licence ends and until when it is valid; it must be on the day of the drive."""
    if drive.kind != "TEST_DRIVE":
        raise CommandNotAllowed("Only drivers on a test drive show their licence", state=drive.status)
    on_day = drive.start.astimezone(zone_of(await _zone(ctx, drive))).date()
    if data.valid_until_on < on_day:
        raise Invalid.at("/valid_until_on", f"is before the drive on {on_day}")
    return await ctx.update(drive, licence=Licence(data.number_ends_with, data.valid_until_on, ctx.now))


@on("appointment.created")
async def _booked(ctx: Context, made: Appointment, _: dict[str, Any]) -> None:
    """Whoever is a lead is known from it; the car of a test drive must be one that may be driven."""
    async with ctx.elevated():
        if made.kind == "TEST_DRIVE":
            await _may_be_driven(ctx, made, made.start, made.end)
        if made.lead_id is not None:
            await _known(ctx, made)


@on("appointment.updated")
async def _changed(ctx: Context, now: Appointment, changes: dict[str, Any]) -> None:
    """A drive that is moved, proposed or confirmed needs the car as a new one does; one that starts, a licence."""
    if now.kind != "TEST_DRIVE" or now.status not in LIVE:
        return
    async with ctx.elevated():
        if now.status == "IN_PROGRESS" and "status" in changes:
            await _may_drive(ctx, now)
        elif changes.keys() & {"start", "end", "status"}:
            await _may_be_driven(ctx, now, now.start, now.end)
        elif changes.get("proposal") is not None:
            await _may_be_driven(ctx, now, changes["proposal"].start, changes["proposal"].end)


async def _known(ctx: Context, made: Appointment) -> None:
    lead = await ctx.get(Lead, made.lead_id or "")
    name, email, phone = await person(ctx, lead)
    given = made.customer
    customer = Person(given.name or name, given.email or email, given.phone or phone, given.contact_id)
    await ctx.update(made, customer=customer, contact_id=made.contact_id or lead.contact_id)


async def _zone(ctx: Context, drive: Appointment) -> str:
    found: str = await ctx.db.fetchval("select time_zone from service_center where id = $1", drive.center_id)
    return found


async def _may_drive(ctx: Context, drive: Appointment) -> None:
    today = ctx.now.astimezone(zone_of(await _zone(ctx, drive))).date()
    if drive.licence is None:
        raise CommandNotAllowed("The driver's licence has not been checked", state="CHECKED_IN")
    if drive.licence.valid_until_on < today:
        raise CommandNotAllowed(
            f"The driver's licence was valid until {drive.licence.valid_until_on}", state="CHECKED_IN"
        )


async def _may_be_driven(ctx: Context, drive: Appointment, start: datetime, end: datetime) -> None:
    """Refuse a car that stands elsewhere, is held, or is kept for somebody else at the time.

    A car stands at the centre where it is at the centre's location or at the lot to which that belongs.

    Locks the vehicle's row, as every movement of it does first: whichever of the two comes second sees the other.
    """
    if drive.vehicle_id is None:
        raise Invalid.at("/vehicle_id", "is missing: there is nothing to drive")
    await ctx.get(Vehicle, drive.vehicle_id, lock=True)
    car = await ctx.db.fetchrow(_AT_PLACE, drive.vehicle_id, drive.center_id)
    if not car["is_demo"] and not (car["entry_id"] and car["is_here"]):
        raise Invalid.at("/vehicle_id", "does not stand at this centre")
    if car["entry_id"] is None:  # a demo vehicle that is nobody's stock
        return
    if car["holds"]:
        raise Invalid.at("/vehicle_id", f"is held: {', '.join(sorted(car['holds'])).lower()}")
    if car["status"] not in ("IN_STOCK", "RESERVED"):
        raise Invalid.at("/vehicle_id", f"is {car['status'].lower().replace('_', ' ')}")
    if car["status"] == "RESERVED" and not await _kept_for(ctx, drive, car, start):
        raise Conflict("The car is reserved for somebody else at that time", vehicle_id=drive.vehicle_id)


async def _kept_for(ctx: Context, drive: Appointment, car: Any, start: datetime) -> bool:
    """Whether a reserved car may be driven then: by the one for whom it is kept, or when that is over."""
    if car["is_leaving"]:
        return False
    until = car["until_at"] or car["reserved_until_at"]
    if until is not None and until <= start:
        return True
    holder = car["holder_contact_id"]
    if holder is None:
        return False
    of_lead = await ctx.db.fetchval("select contact_id from lead where id = $1", drive.lead_id)
    return holder in (drive.contact_id, of_lead)


async def _taken_away(ctx: Context, vehicle_id: str, until: datetime | None, holder: str | None = None) -> None:
    """Refuse what takes a car from appointments that have it, before `until` or (None) ever."""
    now: datetime = await ctx.db.fetchval("select clock_timestamp()")
    last = None if until is None else cell_of(until) + 1
    for row in await ctx.db.fetch(_DRIVEN, vehicle_id, cell_of(now), last):
        if holder is not None and holder in (row["contact_id"], row["lead_contact_id"]):
            continue
        principal = ctx.principal
        own = principal.sees_everything or row["account_id"] in principal.group_units
        named = row["number"] if own else "an appointment"
        raise Conflict(
            f"The car is booked for {named} until {instant_of(row['to_cell']).isoformat()}",
            **({"appointment": row["number"]} if own else {}),
        )


@on("vehicle.reserve")
async def _reserved(ctx: Context, car: Vehicle, _: dict[str, Any]) -> None:
    async with ctx.elevated():
        held = await ctx.db.fetchrow(
            "select until_at, holder_contact_id from vehicle_reservation "
            "where vehicle_id = $1 and status in ('REQUESTED', 'ACTIVE')",
            car.id,
        )
        await _taken_away(ctx, car.id, held["until_at"], held["holder_contact_id"])


@on("vehicle.dispatch")
@on("vehicle.deliver")
async def _gone(ctx: Context, car: Vehicle, _: dict[str, Any]) -> None:
    async with ctx.elevated():
        await _taken_away(ctx, car.id, None)
