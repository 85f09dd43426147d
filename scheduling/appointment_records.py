"""Appointments with their jobs and what is reserved for them, and who waits for a slot to become free."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from domain.kit.fields import Fixed, Ref, Series, Unlisted, reads
from domain.kit.record import Record, entity, states
from domain.kit.rows import group, own
from domain.kit.values import Checked, Code, Email, Id, Instant, PersonName, Phone, Privacy, Text, printable
from scheduling.asking import MOST_JOBS, Kind, PayType, Role, Transport

Reason = Annotated[str, Meta(min_length=1, max_length=500), Checked(printable), Privacy.FREE_TEXT]
LIVE = ("HELD", "BOOKED", "CHECKED_IN", "IN_PROGRESS")
"""The states in which an appointment holds its resources."""
_PEOPLE = "CUSTOMER PARTNER STAFF SYSTEM"
_CENTRE = "PARTNER STAFF SYSTEM"
"""What a centre plans with is not told to its customers."""
_READERS = {"CUSTOMER": "r", "PARTNER": "r", "STAFF": "r", "SYSTEM": "r"}


class Person(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whom the appointment is for, as known when it was made."""

    name: PersonName | None = None
    email: Email | None = None
    phone: Phone | None = None
    contact_id: Id | None = None


class AppointmentJob(msgspec.Struct, frozen=True):
    """One piece of work, who pays for it and what the customer complains of."""

    work_type: str
    concern: str | None = None
    pay_type: PayType = "CUSTOMER"
    recall_id: str | None = None


class Reservation(msgspec.Struct, frozen=True):
    """One resource for one time; `job` is the place of the job that needs it, None: all do."""

    role: Role
    resource_id: str
    job: int | None
    start: Instant
    end: Instant


class Share(msgspec.Struct, frozen=True):
    """What an appointment takes of a counted capacity of its centre on a day."""

    counter: str
    on_day: date
    amount: int


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where in the calendar an appointment stands, with all that it takes there."""

    start: Instant
    end: Instant
    arrival_at: Instant
    promised_at: Instant
    blocked_from: Instant
    blocked_to: Instant
    technician_id: str | None
    technician_ids: list[str]
    bay_id: str | None
    reservations: list[Reservation]
    shares: list[Share]


LicenceEnding = Annotated[str, Meta(min_length=1, max_length=4), Checked(printable), Privacy.PERSONAL]


class Licence(msgspec.Struct, frozen=True):
    """A driving licence that was looked at: how its number ends, until when it is valid, and when it was shown."""

    number_ends_with: LicenceEnding
    valid_until_on: date
    checked_at: Instant


class Proposal(msgspec.Struct, frozen=True):
    """Another time that the centre proposes and holds until somebody answers or it ends."""

    start: Instant
    end: Instant
    arrival_at: Instant
    promised_at: Instant
    technician_id: str | None
    until: Instant


@entity(
    "appointment",
    rows=own("account_id").to("PARTNER") | group("account_id") | own("customer_account_id").to("CUSTOMER").read_only(),
    grants=_READERS,
    title="{number}",
    search=("number",),
    brand="brand",
    person="contact_id",
    states=states("status", "HELD BOOKED CHECKED_IN IN_PROGRESS COMPLETED CANCELLED NO_SHOW EXPIRED"),
    without="list get create update delete bulk import commands",
    indexes=(
        "center_id, start, id",
        "technician_id, start",
        "start, id",
        "asset_id, start",
        "held_by where status = 'HELD'",
        "held_until where status = 'HELD'",
        "proposed_until where proposed_until is not null",
        "center_id, start where status in ('HELD', 'BOOKED', 'CHECKED_IN', 'IN_PROGRESS')",
    ),
    checks={
        "ends_later": '"end" > start',
        "blocked": 'blocked_from <= start and blocked_to >= "end"',
        "held": "status <> 'HELD' or (held_until is not null and held_by is not null)",
        "proposed": "(proposal is null) = (proposed_until is null)",
        "ended": "(ended_at is null) = (status in ('HELD', 'BOOKED', 'CHECKED_IN', 'IN_PROGRESS'))",
    },
)
class Appointment(Record, kw_only=True):
    """Jobs for a customer at a centre, and the people, places and vehicles that are kept for them meanwhile."""

    number: Annotated[str, Series("SA-", 8)]
    kind: Annotated[Kind, Fixed()] = "SERVICE"
    status: str = "HELD"
    center_id: Annotated[str, Ref("service_center"), Fixed()]
    account_id: Annotated[str | None, Ref("account"), Fixed()] = None
    """The dealer whose centre it is; none: the organisation."""
    customer_account_id: Annotated[str | None, Ref("account"), reads(_PEOPLE), Fixed()] = None
    contact_id: Annotated[str | None, Ref("contact"), reads(_PEOPLE), Fixed()] = None
    customer: Annotated[Person, Privacy.PERSONAL, reads(_PEOPLE)] = Person()
    lead_id: Annotated[str | None, Ref("lead"), reads(_CENTRE), Fixed()] = None
    brand: Code | None = None
    asset_id: Annotated[str | None, Ref("asset"), reads(_PEOPLE), Fixed()] = None
    vehicle_id: Annotated[str | None, Ref("vehicle"), reads(_PEOPLE), Fixed()] = None
    """The car that is serviced, or the one that is driven."""
    definition_id: Annotated[str | None, Ref("vehicle_definition"), Fixed()] = None
    transport: Transport = "WAIT"
    is_walk_in: bool = False
    arrival_at: Instant
    start: Instant
    end: Instant
    promised_at: Instant
    blocked_from: Annotated[Instant, reads(_CENTRE)]
    blocked_to: Annotated[Instant, reads(_CENTRE)]
    jobs: Annotated[list[AppointmentJob], Meta(max_length=MOST_JOBS), Privacy.FREE_TEXT, reads(_PEOPLE)] = []
    work_types: list[Code] = []
    technician_id: Annotated[str | None, Ref("technician")] = None
    """Of the first job, or the salesperson of a test drive."""
    is_technician_asked: bool = False
    technician_ids: Annotated[list[str], reads(_CENTRE)] = []
    bay_id: Annotated[str | None, Ref("bay"), reads(_CENTRE)] = None
    reservations: Annotated[list[Reservation], reads(_CENTRE)] = []
    shares: Annotated[list[Share], reads("ADMIN", "ADMIN")] = []
    notes: Annotated[Text | None, reads(_PEOPLE)] = None
    """From the customer or for them."""
    internal_notes: Annotated[Text | None, reads(_CENTRE)] = None
    licence: Annotated[Licence | None, Privacy.PERSONAL, reads(_CENTRE)] = None
    """Of whoever drives for trial."""
    held_until: Instant | None = None
    held_by: Annotated[str | None, reads(_CENTRE)] = None
    """The user or system client who alone may confirm the hold."""
    proposal: Proposal | None = None
    proposed: Annotated[Place | None, Unlisted(), reads("ADMIN", "ADMIN")] = None
    proposed_until: Instant | None = None
    reason: Reason | None = None
    """Why it was cancelled."""
    is_late: bool = False
    """Cancelled after the time until which customers may."""
    confirmed_at: Instant | None = None
    moved_at: Instant | None = None
    """When the booking last got another start."""
    checked_in_at: Instant | None = None
    started_at: Instant | None = None
    ended_at: Instant | None = None


@entity(
    "waitlist_entry",
    route="waitlist-entries",
    rows=own("account_id").to("PARTNER") | own("customer_account_id").to("CUSTOMER").read_only(),
    grants=_READERS,
    title="{center_id}",
    person="contact_id",
    states=states("status", "WAITING OFFERED TAKEN WITHDRAWN LAPSED"),
    without="create update delete bulk import",
    indexes=("center_id, queued_at, id where status = 'WAITING'", "appointment_id", "latest where status = 'WAITING'"),
    checks={"latest": "latest > earliest", "offered": "(status = 'OFFERED') = (offered_until is not null)"},
)
class WaitlistEntry(Record, kw_only=True):
    """Somebody who wants a slot at a centre in a window that has none: whoever waits longest is offered what gets free.

    An offer is a hold in their name for the centre's offer time. An offer that nobody takes goes to the next, and the
    entry to the end of the queue.
    """

    center_id: Annotated[str, Ref("service_center"), Fixed()]
    account_id: Annotated[str | None, Ref("account"), Fixed()] = None
    offered_to: Annotated[str, reads(_CENTRE)]
    """The user or system client who alone may confirm the offer."""
    customer_account_id: Annotated[str | None, Ref("account"), Fixed()] = None
    contact_id: Annotated[str | None, Ref("contact"), Fixed()] = None
    kind: Annotated[Kind, Fixed()] = "SERVICE"
    work_types: Annotated[list[Code], Meta(max_length=MOST_JOBS), Fixed()] = []
    asset_id: Annotated[str | None, Ref("asset"), Fixed()] = None
    vehicle_id: Annotated[str | None, Ref("vehicle"), Fixed()] = None
    definition_id: Annotated[str | None, Ref("vehicle_definition"), Fixed()] = None
    technician_id: Annotated[str | None, Ref("technician"), Fixed()] = None
    transport: Annotated[Transport, Fixed()] = "WAIT"
    earliest: Annotated[Instant, Fixed()]
    latest: Annotated[Instant, Fixed()]
    """Starts from `earliest` until before `latest` are wanted."""
    status: Literal["WAITING", "OFFERED", "TAKEN", "WITHDRAWN", "LAPSED"] = "WAITING"
    queued_at: Instant
    offered_until: Instant | None = None
    appointment_id: Annotated[str | None, Ref("appointment")] = None
    """The hold that is offered, or what became of it."""
    declined: Annotated[list[str], reads("ADMIN", "ADMIN")] = []
    """Starts that were offered and not taken; they are not offered again."""


from scheduling.appointments import commands, waitlist  # noqa: E402, F401 # isort: skip - behaviour registers on the records
