"""What the STAR JSON standard asks, as our own lists, bookings and commands are asked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta

from domain.accounts import Contact
from domain.kit import access
from domain.kit.checking import checked
from domain.kit.errors import FieldError, Invalid, Malformed, Problem, UnknownProperty
from domain.kit.query import Condition, Query, id_or_nobody
from domain.kit.store import Context
from domain.kit.values import Email, Id, Instant, Phone
from inventory.records import Vehicle
from scheduling.appointment_records import Appointment, Person
from scheduling.appointments.booking import BookAppointment
from scheduling.asking import JobRequest
from service.api import idempotency
from service.api.routing import Param
from service.api.star.shapes import OURS, STATES, StarAppointmentCreate, StarCommand, StarCustomer, Status
from service.api.star.telling import vehicle_of_vin

ENTITY = Appointment.entity
FILTERS = {
    "dealer_key": Param(Id, "at this centre, by its code or id"),
    "vin": Param(Annotated[str, Meta(min_length=1, max_length=64)], "for this car, where you may see its VIN"),
    "from": Param(Instant, "starts at or after this instant"),
    "to": Param(Instant, "starts before this instant"),
    "appointment_status": Param(Status),
}
_POINTERS = {
    "/start": "/scheduled_start", "/center_id": "/dealer_id", "/technician_id": "/advisor_id",
    "/vehicle_id": "/vehicle/vehicle_key", "/asset_id": "/vehicle/vehicle_identifier_key",
    "/customer/contact_id": "/customer/identifier/0/value", "/work_types": "/labor_operation_selections",
    "/transport": "/transport/code", "/notes": "/additional_comments",
}  # fmt: skip
_OF_COMMANDS = {"start": "scheduled_start", "end": "scheduled_end", "technician_id": "advisor_id", "reason": "reason"}
_checked_email = msgspec.defstruct("EMail", [("value", Email)])
_checked_phone = msgspec.defstruct("Telephone", [("value", Phone)])


async def query_of(ctx: Context, given: dict[str, Any], limit: int, cursor: str | None) -> Query:
    """The list of appointments that these filters mean, by start."""
    conditions: list[Condition] = []

    def hold(field: str, operator: str, *values: str) -> None:
        conditions.append(Condition(field, operator, values))

    if "dealer_key" in given:
        hold("center_id", "eq", await center_of(ctx, given["dealer_key"]))
    if "vin" in given:
        if "vin" not in access.open_view(Vehicle.entity, ctx.principal).reads:
            raise UnknownProperty.at("?vin", "is not a parameter here")
        hold("vehicle_id", "eq", await vehicle_of_vin(ctx, given["vin"]))
    for name, operator in (("from", "gte"), ("to", "lt")):
        if name in given:
            moment: datetime = given[name]
            hold("start", operator, moment.isoformat())
    status = given.get("appointment_status")
    if status is not None:
        hold("status", "eq", *STATES[status])
    if status in ("BOOKED", "MODIFIED"):
        hold("moved_at", "is_null", "true" if status == "BOOKED" else "false")
    return Query(tuple(conditions), (("start", False),), limit, cursor)


async def center_of(ctx: Context, named: str) -> str:
    """The centre with this id or code; the id of none."""
    found = await ctx.db.fetchval(
        "select id from service_center where id = $1 or code = $2", id_or_nobody(named), named
    )
    return str(found) if found is not None else id_or_nobody("")


async def booking_of(ctx: Context, asked: StarAppointmentCreate, *, hold: bool = False) -> BookAppointment:
    """The booking that is asked for; Invalid for what is not booked this way."""
    if asked.appointment_type not in ("SERVICE", "TESTDRIVE"):
        raise Invalid.at("/appointment_type", "is not booked here: SERVICE and TESTDRIVE are")
    is_service = asked.appointment_type == "SERVICE"
    if is_service and asked.advisor_id is not UNSET:
        raise Invalid.at("/advisor_id", "is given by the centre; of a test drive it is the salesperson")
    jobs = [
        JobRequest(one.labor_operation_reference.labor_operation_key, one.complaint_text or None)
        for one in asked.labor_operation_selections
    ]
    vehicle_id, asset_id = await _car(ctx, asked)
    return BookAppointment(
        kind="SERVICE" if is_service else "TEST_DRIVE",
        jobs=jobs,
        center_id=await center_of(ctx, asked.dealer_id),
        start=asked.scheduled_start,
        technician_id=asked.advisor_id or None,
        vehicle_id=vehicle_id,
        asset_id=asset_id,
        customer=await _person(ctx, asked.customer),
        transport=asked.transport.code if asked.transport is not UNSET else "WAIT",
        notes=asked.additional_comments or None,
        hold=hold,
    )


async def _car(ctx: Context, asked: StarAppointmentCreate) -> tuple[str | None, str | None]:
    """The vehicle and the asset that are named: by one name."""
    if asked.vehicle is UNSET:
        return None, None
    given = {name: value for name, value in msgspec.structs.asdict(asked.vehicle).items() if value is not UNSET}
    if len(given) != 1:
        raise Invalid.at("/vehicle", "is named by one of vin, vehicle_key and vehicle_identifier_key")
    [(name, value)] = given.items()
    if name == "vin":
        found = await vehicle_of_vin(ctx, value)
        if found == id_or_nobody(""):
            raise Invalid.at("/vehicle/vin", "is of no vehicle that you may see")
        return found, None
    return (value, None) if name == "vehicle_key" else (None, value)


async def _person(ctx: Context, given: StarCustomer) -> Person:
    """Whom the appointment is for: the first address of mail and the first number count."""
    email = phone = contact_id = None
    for at, method in enumerate(given.contact_method):
        where = f"/customer/contact_method/{at}"
        if method.contact_type == "EMAIL":
            email = email or _value(_checked_email, method.value, where)
        elif method.contact_type in ("PHONE", "SMS"):
            phone = phone or _value(_checked_phone, method.value, where)
        else:
            raise Invalid.at(f"{where}/contact_type", "is not kept here: EMAIL, PHONE and SMS are")
    for one in given.identifier:
        contact_id = one.value
        if one.system != OURS:
            known = await ctx.by_key(Contact, one.system, one.value)
            contact_id = known.id if known is not None else id_or_nobody("")
    return Person(f"{given.name.first_name} {given.name.last_name}".strip(), email, phone, contact_id)


def _value(struct: type[msgspec.Struct], text: str, where: str) -> str:
    """The text in its normal form; Invalid."""
    try:
        found: str = checked(msgspec.convert({"value": text}, struct)).value  # type: ignore[attr-defined]
    except (Invalid, msgspec.ValidationError) as fault:
        raise Invalid.at(f"{where}/value", str(fault)) from None
    return found


def command_of(asked: StarCommand) -> tuple[str, msgspec.Struct]:
    """Our command and its input; UnknownProperty or Malformed where the payload is another command's."""
    name = asked.command_type.lower()
    payload = {key: value for key, value in msgspec.structs.asdict(asked.payload).items() if value is not UNSET}
    struct = ENTITY.commands[name].input
    fields = {_OF_COMMANDS[field.name]: field for field in msgspec.structs.fields(struct)}
    for key in payload:
        if key not in fields:
            raise UnknownProperty.at(f"/payload/{key}", f"is nothing that {asked.command_type} takes")
    for key, field in fields.items():
        if field.required and key not in payload:
            raise Malformed.at(f"/payload/{key}", "is required", "required")
    return name, struct(**{fields[key].name: value for key, value in payload.items()})


@contextmanager
def own_words(below: str = "") -> Iterator[None]:
    """Refusals within name the properties of the standard's bodies."""
    try:
        yield
    except Problem as problem:
        problem.errors = tuple(
            FieldError(below + _pointer(one.pointer), one.detail, one.code) for one in problem.errors
        )
        raise


def _pointer(pointer: str) -> str:
    head, _, rest = pointer.removeprefix("/jobs/").partition("/") if pointer.startswith("/jobs/") else ("", "", "")
    if head:
        inner = {"work_type": "/labor_operation_reference/labor_operation_key", "concern": "/complaint_text"}
        return f"/labor_operation_selections/{head}{inner.get(rest, '')}"
    return _POINTERS.get(pointer, pointer)


async def once(ctx: Context, asked: StarAppointmentCreate, make: Callable[[], Awaitable[bytes]]) -> tuple[bytes, bool]:
    """What `make` answers, and whether it was answered before to the same caller's `client_request_id`.

    KeyReused where that id came with another content, RequestInProgress while the first is under way.
    """
    if asked.client_request_id is UNSET:
        return await make(), False
    content = msgspec.json.encode(asked)
    claim = idempotency.claim_of(ctx.principal.name, "STAR client_request_id", asked.client_request_id.lower(), content)
    if (stored := await idempotency.claimed(ctx.db, claim)) is not None:
        return stored.body, True
    answer = await make()
    await idempotency.keep(ctx.db, claim, idempotency.Stored(201, {}, answer))
    return answer, False
