"""Making an appointment: whose it is, for which car, and the slot for it, held or booked."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from domain.kit.errors import Forbidden, Invalid
from domain.kit.policy import Principal, keys
from domain.kit.query import id_or_nobody
from domain.kit.record import CATALOGUE
from domain.kit.store import Context, references_visible
from domain.kit.values import Code, Id, Instant, Text
from domain.kit.views import own_sql
from scheduling.appointment_records import Appointment, AppointmentJob, Person
from scheduling.appointments.taking import Holder, Wish, columns, take
from scheduling.asking import (
    CUSTOMER,
    MOST_JOBS,
    STAFF,
    SYSTEM,
    Audience,
    JobRequest,
    Kind,
    SlotRequest,
    Transport,
)
from scheduling.hours import CELL_SECONDS, on_grid
from scheduling.records.work import VEHICLE_FACTS
from scheduling.statements import SQL

CENTRES_PEOPLE = keys(
    "SERVICE_ADVISOR SERVICE_MANAGER SALES SALES_MANAGER BDC GROUP_MANAGER SERVICE_AGENT ADMIN "
    "scheduling.sync dms.write"
)
"""Who books and plans for a centre, at their own dealership or for the organisation."""
BOOKERS = CENTRES_PEOPLE | keys("CUSTOMER")
MOST_HOLDS_OF_OTHERS = {"PARTNER": 50, "STAFF": 200, "SYSTEM": 1_000}
"""Live holds of one user of a dealership or of the organisation; those of a customer are the centre's policy."""
HOLD_SECONDS = 600


class BookAppointment(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Work at a centre from a start; `work_types` is short for jobs that the customer pays.

    `hold`: keep the slot for a while until it is confirmed. `vehicle_id` is the car that is driven, or the one that is
    serviced, as `asset_id` is. `customer` defaults to the contact who books, or the one that is named.
    """

    kind: Kind = "SERVICE"
    work_types: Annotated[list[Code], Meta(max_length=MOST_JOBS)] = []
    jobs: Annotated[list[JobRequest], Meta(max_length=MOST_JOBS)] = []
    center_id: Id
    start: Instant
    technician_id: Id | None = None
    vehicle_id: Id | None = None
    asset_id: Id | None = None
    definition_id: Id | None = None
    customer: Person | None = None
    lead_id: Id | None = None
    transport: Transport = "WAIT"
    notes: Text | None = None
    internal_notes: Text | None = None
    is_walk_in: bool = False
    hold: bool = False

    def asked(self) -> list[JobRequest]:
        """The jobs, however they were given."""
        return self.jobs or [JobRequest(work_type=code) for code in self.work_types]


class Center(msgspec.Struct, frozen=True):
    """A service centre as booking needs it."""

    id: str
    account_id: str | None
    time_zone: str
    cancel_cutoff_minutes: int
    reschedule_cutoff_minutes: int
    no_show_after_minutes: int
    max_holds: int
    waitlist_offer_minutes: int
    works: list[str]
    """Those of the work types asked for that there are."""
    technician_id: str | None


class Car(msgspec.Struct, frozen=True):
    """The car that an appointment is about, and what rules may ask of it."""

    asset_id: str | None = None
    vehicle_id: str | None = None
    definition_id: str | None = None
    account_id: str | None = None
    contact_id: str | None = None
    brand: str | None = None
    facts: dict[str, Any] = {}


async def book(ctx: Context, data: BookAppointment) -> Appointment:
    """Hold or book a slot, all of its resources or none.

    Invalid names the field that is at fault; Forbidden at another's centre; SlotTaken with alternatives; TooManyHolds;
    Unavailable. Takes the locks of `app.reserve`.
    """
    principal = ctx.principal
    if data.jobs and data.work_types:
        raise Invalid.at("/work_types", "is short for jobs: give one or the other")
    asked = data.asked()
    if data.kind == "SERVICE" and not asked:
        raise Invalid.at("/work_types", "is empty: an appointment needs work")
    if principal.persona == "CUSTOMER":
        for name in ("internal_notes", "is_walk_in", "lead_id"):
            if getattr(data, name):
                raise Invalid.at(f"/{name}", "is for the centre's own people")
    on_the_grid(data)
    center = await center_of(ctx, data.center_id, data.kind, [job.work_type for job in asked], data.technician_id)
    may_book(principal, center)
    known_works(center, data, asked)
    if data.technician_id is not None and center.technician_id is None:
        raise Invalid.at("/technician_id", "names nobody who works here")
    await references_visible(
        ctx, Appointment.entity, {name: getattr(data, name) for name in ("lead_id", "definition_id")}
    )
    person, account_id, contact_id = await customer_of(ctx, data.customer)
    await owned(ctx, data)
    id = ctx.ids()
    holder = None
    if data.hold:
        most = center.max_holds if principal.persona == "CUSTOMER" else MOST_HOLDS_OF_OTHERS[principal.persona]
        holder = Holder(principal.name, ctx.parts.get("hold_seconds", HOLD_SECONDS), most)
    async with ctx.elevated():
        car = await car_of(ctx, data.kind, data.asset_id, data.vehicle_id, data.definition_id)
        wish = Wish(
            request_of(data, asked, car), center.id, data.start, audience(principal), car.facts, data.is_walk_in
        )
        place, until = await take(ctx, wish, id, holder=holder)
        driven = next((one.resource_id for one in place.reservations if one.role == "DEMO_VEHICLE"), car.vehicle_id)
        return await ctx.create(
            Appointment,
            id=id,
            kind=data.kind,
            status="HELD" if data.hold else "BOOKED",
            center_id=center.id,
            account_id=center.account_id,
            customer_account_id=account_id or car.account_id,
            contact_id=contact_id or car.contact_id,
            customer=person,
            lead_id=data.lead_id,
            brand=car.brand,
            asset_id=car.asset_id,
            vehicle_id=driven,
            definition_id=car.definition_id,
            transport=data.transport,
            is_walk_in=data.is_walk_in,
            jobs=[AppointmentJob(job.work_type, job.concern, job.pay_type, job.recall_id) for job in asked],
            work_types=[job.work_type for job in asked],
            is_technician_asked=data.technician_id is not None,
            notes=data.notes,
            internal_notes=data.internal_notes,
            held_until=until,
            held_by=principal.name if data.hold else None,
            confirmed_at=None if data.hold else ctx.now,
            **columns(place),
        )


def on_the_grid(data: Any) -> None:
    """Refuse a start that is not on a full five minutes."""
    if not on_grid(data.start):
        raise Invalid.at("/start", "is not on a full five minutes", "OFF_GRID")


async def center_of(
    ctx: Context, id: str, kind: Kind, works: list[str], technician_id: str | None = None, where: str = "/center_id"
) -> Center:
    """The centre, which of the work types there are, and the technician if there is such a one; Invalid."""
    row = await ctx.db.fetchrow(
        SQL["booking_center"],
        id_or_nobody(id),
        works,
        kind,
        id_or_nobody(technician_id) if technician_id is not None else None,
    )
    if row is None:
        raise Invalid.at(where, "refers to no service center")
    return Center(*row.values())


def known_works(center: Center, data: Any, asked: list[JobRequest]) -> None:
    """Refuse work that nobody has declared."""
    listed = "jobs" if getattr(data, "jobs", None) else "work_types"
    for at, job in enumerate(asked):
        if job.work_type not in center.works:
            inner = "/work_type" if listed == "jobs" else ""
            raise Invalid.at(f"/{listed}/{at}{inner}", "is no work of this kind")


def may_book(principal: Principal, center: Center) -> None:
    """Refuse dealers at centres that are not theirs."""
    if principal.persona == "PARTNER" and not is_planner(principal, center.account_id):
        raise Forbidden("You book at the centres of your own dealership")


def is_planner(principal: Principal, account_id: str | None) -> bool:
    """Whether the caller plans for the centres of that dealer (none: of the organisation)."""
    if principal.persona == "PARTNER":
        return account_id in principal.units and bool(principal.keys_at(account_id) & CENTRES_PEOPLE)
    return principal.sees_everything and bool(principal.keys & CENTRES_PEOPLE)


def audience(principal: Principal) -> Audience:
    """As whom the caller is told why a slot cannot be had."""
    if principal.persona == "PARTNER":
        return Audience("DEALER", frozenset(principal.units))
    return {"STAFF": STAFF, "SYSTEM": SYSTEM}.get(principal.persona, CUSTOMER)


async def customer_of(ctx: Context, given: Person | None) -> tuple[Person, str | None, str | None]:
    """Whom the appointment is for: as written, completed by the contact; their account and contact. Invalid."""
    principal = ctx.principal
    given = given or Person()
    contact_id = given.contact_id
    if contact_id is None and principal.persona == "CUSTOMER":
        contact_id = principal.contact_id
    if contact_id is None:
        return given, principal.account_id if principal.persona == "CUSTOMER" else None, None
    row = await ctx.db.fetchrow(SQL["booking_contact"], id_or_nobody(contact_id))
    if row is None:
        raise Invalid.at("/customer/contact_id", "refers to no contact that you may see")
    person = Person(
        given.name or row["name"], given.email or row["email"], given.phone or row["phone"], given.contact_id
    )
    account = principal.account_id if principal.persona == "CUSTOMER" else row["account_id"]
    return person, account, row["id"]


async def owned(ctx: Context, data: Any) -> None:
    """Refuse a car that the caller may not book for: to customers all but their own are as good as none."""
    principal = ctx.principal
    for name, id in (("asset", data.asset_id), ("vehicle", data.vehicle_id)):
        if id is None:
            continue
        entity = CATALOGUE[name]
        condition = "true"
        if principal.persona == "CUSTOMER" and (name == "asset" or data.kind == "SERVICE"):
            condition = own_sql(entity, principal)
        found = await ctx.db.fetchval(f"select true from {name} where id = $1 and ({condition})", id_or_nobody(id))
        if not found:
            raise Invalid.at(f"/{name}_id", f"refers to no {name} that you may see")


async def car_of(
    ctx: Context, kind: Kind, asset_id: str | None, vehicle_id: str | None, definition_id: str | None
) -> Car:
    """What is known of the car, past row policies: the caller has made sure that it may be named."""
    row = None
    if asset_id is not None:
        row = await ctx.db.fetchrow(SQL["booking_asset"], id_or_nobody(asset_id))
    elif vehicle_id is not None:
        row = await ctx.db.fetchrow(SQL["booking_vehicle"], id_or_nobody(vehicle_id))
    elif definition_id is not None:
        row = await ctx.db.fetchrow(SQL["booking_definition"], id_or_nobody(definition_id))
    if row is None:
        return Car()
    facts = {name: row[name] for name in VEHICLE_FACTS if row.get(name) is not None}
    is_service = kind == "SERVICE"  # whoever drives a car for trial is not its owner
    return Car(
        asset_id=row["id"] if is_service else None,
        vehicle_id=row["vehicle_id"],
        definition_id=row["definition_id"],
        account_id=row["account_id"] if is_service else None,
        contact_id=row["contact_id"] if is_service else None,
        brand=row["brand"],
        facts=facts,
    )


def request_of(data: Any, asked: list[JobRequest], car: Car) -> SlotRequest:
    """What the schedule is asked, for one start."""
    return SlotRequest(
        kind=data.kind,
        jobs=asked,
        asset_id=car.asset_id,
        definition_id=car.definition_id,
        center_ids=[data.center_id],
        earliest=data.start,
        latest=data.start + timedelta(seconds=CELL_SECONDS),
        technician_id=data.technician_id,
        vehicle_id=data.vehicle_id if data.kind == "TEST_DRIVE" else None,
        transport=data.transport,
    )
