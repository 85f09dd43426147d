"""What is asked of the schedule and what it answers: slots, options to book one, and why there is none."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from domain.kit.values import Code, Id, Instant, Latitude, Longitude, Text

Kind = Literal["SERVICE", "TEST_DRIVE"]
PayType = Literal["CUSTOMER", "WARRANTY", "INTERNAL", "GOODWILL"]
Transport = Literal["WAIT", "DROP_OFF", "LOANER", "SHUTTLE", "PICK_UP", "MOBILE"]
Role = Literal["TECHNICIAN", "ADVISOR", "SALESPERSON", "BAY", "EQUIPMENT", "LOANER", "DEMO_VEHICLE"]
Facts = Mapping[str, Any]
"""What is known about the vehicle, by the names that rules use; empty where no vehicle is told."""

MOST_CENTERS = 1_000
MOST_JOBS = 20
MOST_SLOTS = 1_000
MOST_DAYS = 366
"""The longest window of one search."""


class NearCenters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The service centres nearest to a point, by great circle."""

    latitude: Latitude
    longitude: Longitude
    radius_km: Annotated[float, Meta(gt=0, le=20_100)] | None = None
    max_centers: Annotated[int, Meta(ge=1, le=MOST_CENTERS)] = 20


class JobRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One job as it is asked for."""

    work_type: Code
    concern: Text | None = None
    pay_type: PayType = "CUSTOMER"
    recall_id: Id | None = None


class SlotRequest(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Slots for some work in a window; `work_types` is short for jobs that the customer pays.

    Either `center_ids` or `near` says where; starts lie in `earliest ≤ start < latest`.
    """

    kind: Kind = "SERVICE"
    work_types: Annotated[list[Code], Meta(max_length=MOST_JOBS)] = []
    jobs: Annotated[list[JobRequest], Meta(max_length=MOST_JOBS)] = []
    asset_id: Id | None = None
    definition_id: Id | None = None
    center_ids: Annotated[list[Id], Meta(max_length=MOST_CENTERS)] = []
    near: NearCenters | None = None
    earliest: Instant
    latest: Instant
    technician_id: Id | None = None
    vehicle_id: Id | None = None
    transport: Transport = "WAIT"
    limit: Annotated[int, Meta(ge=1, le=MOST_SLOTS)] = 200
    cursor: str | None = None

    def asked(self) -> list[JobRequest]:
        """The jobs, however they were given."""
        return self.jobs or [JobRequest(work_type=code) for code in self.work_types]


class Slot(msgspec.Struct, frozen=True):
    """One start that is free; instants in the offset of the centre. The ids are those who could do it, best first."""

    center_id: str
    start: datetime
    end: datetime
    technician_ids: list[str]
    """Technicians, or salespeople of a test drive."""
    vehicle_ids: list[str]
    """Loaner or demo vehicles, where the request needs one."""


ReasonCode = Literal[
    "OUTSIDE_HOURS",
    "CLOSED",
    "HOLIDAY",
    "NO_SHIFT",
    "ABSENT",
    "SKILL_MISSING",
    "SKILL_LEVEL",
    "CERTIFICATION_EXPIRED",
    "NO_BAY",
    "BAY_BUSY",
    "TECHNICIAN_BUSY",
    "EQUIPMENT_BUSY",
    "LOANER_BUSY",
    "VEHICLE_BUSY",
    "PARTS_NOT_READY",
    "LEAD_TIME",
    "TOO_FAR_AHEAD",
    "CAP_REACHED",
    "TRANSPORT_LIMIT",
    "NOT_AUTHORISED",
    "NOT_APPLICABLE",
    "TOO_LONG_FOR_ANY_SHIFT",
    "IN_THE_PAST",
    "OFF_GRID",
]


class Remedy(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One change that would open a slot; `kind` tells which, and which of the others are given.

    START: ask for `start` (at `center_id` for a CENTER). CENTER: another centre. TECHNICIAN: `technician_id`, or any
    where it is absent. Told to those who plan: SHIFT: `resource_id` works from `start` to `end` too. ABSENCE: the
    absence of `resource_id` does not cover `start` to `end`. MOVE: `appointment_id` lets go of `resource_id`. SKILL:
    `resource_id` has `skill` at `level` beyond `on`. RESOURCE: the centre gets one more of `role` (and `type`). HOURS:
    open from `start` to `end`. CAP: `counter` of `on` is raised to `cap`. PARTS: they are there by `start`.
    FRANCHISE: the centre may do `function` for `brand`.
    """

    kind: Literal[
        "START", "CENTER", "TECHNICIAN", "SHIFT", "ABSENCE", "MOVE", "SKILL", "RESOURCE", "HOURS", "CAP", "PARTS",
        "FRANCHISE",
    ]  # fmt: skip
    center_id: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    technician_id: str | None = None
    resource_id: str | None = None
    appointment_id: str | None = None
    role: Role | None = None
    type: str | None = None
    skill: str | None = None
    level: int | None = None
    on: date | None = None
    counter: str | None = None
    cap: int | None = None
    brand: str | None = None
    function: str | None = None


class Reason(msgspec.Struct, frozen=True):
    """Why a start, a technician or a centre is refused; `change` is absent where no single one would do."""

    code: ReasonCode
    detail: str
    change: Remedy | None = None


class Closed(msgspec.Struct, frozen=True):
    """A centre without a free start in the window."""

    center_id: str
    reasons: list[Reason]


class SlotPage(msgspec.Struct):
    """Slots by start, then centre; `unavailable` lists the centres that have none in the whole window."""

    slots: list[Slot]
    next_cursor: str | None
    unavailable: list[Closed]


class SlotQuery(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One question of many; as a search, without pages."""

    id: Annotated[str, Meta(max_length=200)] | Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
    kind: Kind = "SERVICE"
    work_types: Annotated[list[Code], Meta(max_length=MOST_JOBS)] = []
    jobs: Annotated[list[JobRequest], Meta(max_length=MOST_JOBS)] = []
    asset_id: Id | None = None
    definition_id: Id | None = None
    center_ids: Annotated[list[Id], Meta(max_length=MOST_CENTERS)] = []
    near: NearCenters | None = None
    earliest: Instant
    latest: Instant
    technician_id: Id | None = None
    vehicle_id: Id | None = None
    transport: Transport = "WAIT"

    def request(self) -> SlotRequest:
        """The search that it stands for."""
        given = msgspec.structs.asdict(self)
        del given["id"]
        return SlotRequest(**given)


class FirstSlot(msgspec.Struct, frozen=True):
    """The earliest free start and its centre."""

    center_id: str
    start: datetime
    end: datetime


class SlotCount(msgspec.Struct, frozen=True):
    """The answer to one question: how many starts are free (a start at two centres counts twice), and the first."""

    id: str | int
    count: int
    first: FirstSlot | None


class Audience(msgspec.Struct, frozen=True):
    """Who is told. Reasons name technicians, shifts, absences and appointments only to those who plan the centre:
    staff and system clients everywhere, dealers where the centre's account is one of `units`.
    """

    kind: Literal["CUSTOMER", "DEALER", "STAFF", "SYSTEM"]
    units: frozenset[str] = frozenset()

    def plans(self, account_id: str | None) -> bool:
        """Whether the audience plans the centres of this account."""
        return self.kind in ("STAFF", "SYSTEM") or (self.kind == "DEALER" and account_id in self.units)


CUSTOMER = Audience("CUSTOMER")
STAFF = Audience("STAFF")
SYSTEM = Audience("SYSTEM")


class Leg(msgspec.Struct, frozen=True):
    """One resource that an appointment needs for a time; cells of five minutes since 1970, the end not included."""

    role: Role
    from_cell: int
    to_cell: int
    job: int | None
    """Index of the job that needs it; None: it serves all."""
    candidates: tuple[int, ...]
    """Numbers of resources that are free, best first; legs that share candidates must get different ones."""
    resource_id: str | None = None
    """A vehicle that was named and has no number yet (then there are no candidates): booking gives it one."""


class Counter(msgspec.Struct, frozen=True):
    """A count that booking raises by `amount` and that must not go beyond `cap`."""

    counter: str
    on_day: date
    amount: int
    cap: int


class Option(msgspec.Struct, frozen=True):
    """All that booking needs to take a start, as the schedule of these versions allows it."""

    center_id: str
    start: datetime
    end: datetime
    blocked_from: datetime
    blocked_to: datetime
    arrival_at: datetime
    promised_at: datetime
    legs: tuple[Leg, ...]
    counters: tuple[Counter, ...]
    calendar_version: int
    work_version: int


class Refused(msgspec.Struct, frozen=True):
    """A start that cannot be had, and why."""

    center_id: str
    start: datetime
    reasons: list[Reason]
