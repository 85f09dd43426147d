"""Appointments in the shapes of the STAR JSON standard: what is read, what is told, and its words for our states."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from domain.kit.values import Code, Id, Instant, Label, PersonName, Text
from scheduling.asking import MOST_JOBS, Transport

Status = Literal["HELD", "BOOKED", "MODIFIED", "CANCELLED", "COMPLETED", "NO_SHOW"]
Type = Literal["SERVICE", "TESTDRIVE", "DELIVERY", "TRADE"]
CommandType = Literal[
    "CONFIRM", "RESCHEDULE", "CANCEL", "PROPOSE", "ACCEPT", "DECLINE", "EXTEND", "CHECK_IN", "START", "COMPLETE",
    "NO_SHOW",
]  # fmt: skip
"""The first three are the standard's, the others what our appointments can besides."""
ContactType = Literal["PHONE", "EMAIL", "MAIL", "PAGER", "URL", "SMS", "OTHER"]
ContactUse = Literal["HOME", "WORK", "MOBILE", "OTHER"]
STATES: dict[Status, tuple[str, ...]] = {
    "HELD": ("HELD",),
    "BOOKED": ("BOOKED", "CHECKED_IN", "IN_PROGRESS"),
    "MODIFIED": ("BOOKED", "CHECKED_IN", "IN_PROGRESS"),
    "CANCELLED": ("CANCELLED", "EXPIRED"),
    "COMPLETED": ("COMPLETED",),
    "NO_SHOW": ("NO_SHOW",),
}
"""Our states behind the standard's; a booking that was moved at least once is MODIFIED."""
MOST_BATCH = 200
OURS = "FORECOURT"
"""The system of identifiers that are our own ids."""


def status_of(status: str, moved_at: datetime | None) -> Status:
    """The standard's word for a state of ours."""
    if status in STATES["BOOKED"]:
        return "BOOKED" if moved_at is None else "MODIFIED"
    return next(word for word, states in STATES.items() if status in states)


class StarIdentifier(msgspec.Struct, forbid_unknown_fields=True):
    """A name that a system gives something; ours is FORECOURT, another is one of the record's external keys."""

    value: Id
    system: Annotated[str, Meta(min_length=1, max_length=64)] = OURS


class StarName(msgspec.Struct, forbid_unknown_fields=True):
    """A person's name."""

    first_name: Annotated[str, Meta(max_length=100)]
    last_name: PersonName


class StarContactMethod(msgspec.Struct, forbid_unknown_fields=True):
    """One way to reach the customer."""

    contact_type: ContactType
    contact_use: ContactUse
    value: Annotated[str, Meta(min_length=1, max_length=254)]


class StarCustomer(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """The customer as known when the appointment was made."""

    name: StarName
    contact_method: Annotated[list[StarContactMethod], Meta(max_length=10)]
    identifier: Annotated[list[StarIdentifier], Meta(max_length=1)] = []


class StarVehicle(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The vehicle by one of its names: `vehicle_key` of the car itself, `vehicle_identifier_key` of what is owned."""

    vehicle_identifier_key: Id | UnsetType = UNSET
    vehicle_key: Id | UnsetType = UNSET
    vin: Code | UnsetType = UNSET


class StarVehicleView(msgspec.Struct, kw_only=True):
    """What the reader may know of the vehicle."""

    vehicle_identifier_key: str | UnsetType = UNSET
    vehicle_key: str | UnsetType = UNSET
    vin: str | UnsetType = UNSET
    make: str | UnsetType = UNSET
    model: str | UnsetType = UNSET
    trim: str | UnsetType = UNSET
    model_year: str | UnsetType = UNSET
    model_code: str | UnsetType = UNSET


class StarAdvisor(msgspec.Struct):
    """Who receives the customer: the advisor, or the salesperson of a test drive."""

    advisor_id: str


class StarTransport(msgspec.Struct, forbid_unknown_fields=True):
    """How the customer comes and goes; `name` is a label of the code for people."""

    code: Transport
    name: Label


class StarLaborOperation(msgspec.Struct, forbid_unknown_fields=True):
    """A piece of work by the code of its work type."""

    labor_operation_key: Code


class StarSelection(msgspec.Struct, forbid_unknown_fields=True):
    """A piece of work and what the customer complains of."""

    labor_operation_reference: StarLaborOperation
    complaint_text: Text | UnsetType = UNSET


class StarAudit(msgspec.Struct):
    """When it was made and last changed."""

    created_at: datetime
    updated_at: datetime


class StarAppointment(msgspec.Struct, kw_only=True):
    """An appointment as the standard tells it: `dealer_id` is the centre's id, `dealer_key` its code."""

    appointment_key: str
    appointment_id: str
    dealer_id: str
    dealer_key: str | UnsetType = UNSET
    appointment_type: Type
    appointment_status: Status
    scheduled_start: datetime
    scheduled_end: datetime
    additional_comments: str | UnsetType = UNSET
    customer: StarCustomer | UnsetType = UNSET
    vehicle: StarVehicleView | UnsetType = UNSET
    advisor: StarAdvisor | UnsetType = UNSET
    transport: StarTransport
    audit: StarAudit
    labor_operation_selections: list[StarSelection]


class StarAppointmentAnswer(msgspec.Struct):
    """One appointment."""

    data: StarAppointment


class StarAppointmentList(msgspec.Struct):
    """A page of appointments by start; `next_cursor` is there as long as `has_more`."""

    data: list[StarAppointment]
    has_more: bool
    next_cursor: str | UnsetType = UNSET


class StarAppointmentCreate(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A booking: `dealer_id` is the id or code of the centre, `advisor_id` the salesperson of a test drive.

    The same `client_request_id` with the same content books once.
    """

    dealer_id: Id
    appointment_type: Type
    scheduled_start: Instant
    customer: StarCustomer
    vehicle: StarVehicle | UnsetType = UNSET
    advisor_id: Id | UnsetType = UNSET
    transport: StarTransport | UnsetType = UNSET
    additional_comments: Text | UnsetType = UNSET
    labor_operation_selections: Annotated[list[StarSelection], Meta(max_length=MOST_JOBS)] = []
    client_request_id: (
        Annotated[str, Meta(pattern="^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$")] | UnsetType
    ) = UNSET


class StarPayload(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What a command needs: a start to move to or propose, an end to extend to, a reason to cancel."""

    scheduled_start: Instant | UnsetType = UNSET
    scheduled_end: Instant | UnsetType = UNSET
    advisor_id: Id | UnsetType | None = UNSET
    reason: Annotated[str, Meta(min_length=1, max_length=500)] | UnsetType = UNSET


class StarCommand(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A command to one appointment."""

    command_type: CommandType
    payload: StarPayload = StarPayload()


class StarCommandStatus(msgspec.Struct, kw_only=True):
    """What became of a command; a command that is refused is refused at once."""

    command_id: str
    status: Literal["SUCCEEDED"]
    result: dict[str, Any] | UnsetType = UNSET


class StarTransition(msgspec.Struct, kw_only=True):
    """A command: from which states, and whether this caller may give it to this appointment now."""

    command_type: CommandType
    from_states: list[Status]
    allowed: bool | UnsetType = UNSET
    reason: str | UnsetType = UNSET


class StarCapabilities(msgspec.Struct, kw_only=True):
    """What this caller can do with appointments, or with one of them in its `current_state`."""

    aggregate: Literal["Appointment"] = "Appointment"
    version: Literal["1.1.0"] = "1.1.0"
    current_state: Status | UnsetType = UNSET
    transitions: list[StarTransition]
    available_exports: list[dict[str, str]]
    documentation_ref: str


class StarBatch(msgspec.Struct, forbid_unknown_fields=True):
    """Bookings to make, each by itself."""

    data: Annotated[list[StarAppointmentCreate], Meta(min_length=1, max_length=MOST_BATCH)]


class StarJob(msgspec.Struct):
    """The job, to be followed under `/api/v1/jobs/{job_key}`; its result has an entry for each booking asked for."""

    job_key: str


class StarExport(msgspec.Struct):
    """An export to ask for."""

    export_id: str


class StarExportStatus(msgspec.Struct):
    """Where the export can be had: lines of JSON, one appointment each, as it is when it is read."""

    status: Literal["SUCCEEDED"]
    download_url: str
