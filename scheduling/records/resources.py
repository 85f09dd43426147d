"""What an appointment takes up: technicians and where they work, bays, equipment, loaner and demo vehicles."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from domain.kit.fields import Fixed, Ref, reads, writes
from domain.kit.record import Record, entity
from domain.kit.rows import everyone, own
from domain.kit.values import Code, Day, ExternalKey, Label, PersonName
from scheduling.records.terms import (
    KEPT,
    OWN,
    PLACED,
    PLANNED,
    Level,
    calendar_triggers,
    of_center,
)

CenterId = Annotated[str, Ref("service_center"), Fixed()]


class Skill(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What somebody can do and how well; a certification ends at the end of the day on which it expires."""

    skill: Code
    level: Level = 1
    expires_on: Day | None = None


@entity(
    "technician",
    rows=own("account_id").to("PARTNER") | everyone().to("CUSTOMER", "PARTNER"),
    grants={"CUSTOMER": "r", **KEPT},
    title="{name}",
    unique=("user_id where user_id is not null",),
    indexes=("center_id, name",),
    without="delete",
    triggers={**PLACED, **calendar_triggers("technician", "technician")},
)
class Technician(Record, kw_only=True):
    """Somebody whose time is booked: technicians, and with the skills ADVISOR and SALES advisors and salespeople.

    Customers choose them by name; what they can do is known to their own dealer. They work at `center_id`, on days of a
    PRIMARY membership at that one's centre instead, and on days of a SECONDARY one at both.
    """

    external_keys: Annotated[list[ExternalKey], reads(OWN)] = []
    name: PersonName
    center_id: Annotated[str, Ref("service_center")]
    account_id: Annotated[str | None, Ref("account"), reads(OWN), writes()] = None
    user_id: Annotated[str | None, Ref("user"), reads(OWN)] = None
    team: Annotated[Code | None, reads(OWN)] = None
    skills: Annotated[list[Skill], Meta(max_length=100), reads(OWN)] = []
    is_active: bool = True


@entity(
    "territory_member",
    rows=of_center(),
    grants=PLANNED,
    title="{kind}",
    indexes=("center_id, from_on", "technician_id, from_on"),
    checks={"to_on": "to_on is null or to_on >= from_on"},
    triggers={
        **PLACED,
        "alone_new": "after insert on territory_member referencing new table as new_rows "
        "for each statement execute function app.one_primary()",
        "alone_changed": "after update on territory_member referencing new table as new_rows "
        "for each statement execute function app.one_primary()",
        **calendar_triggers("territory_member", "member"),
    },
)
class TerritoryMember(Record, kw_only=True):
    """From when until when (both days included) a technician of the dealer group works at another centre.

    PRIMARY: there and no longer at the own one, at one centre at a time; SECONDARY: there too.
    """

    technician_id: Annotated[str, Ref("technician"), Fixed()]
    center_id: CenterId
    account_id: Annotated[str | None, Ref("account"), writes()] = None
    kind: Literal["PRIMARY", "SECONDARY"] = "SECONDARY"
    from_on: Day
    to_on: Day | None = None


@entity(
    "bay",
    rows=of_center(),
    grants=KEPT,
    title="{name}",
    indexes=("center_id, name",),
    without="delete",
    triggers={**PLACED, **calendar_triggers("bay", "bay")},
)
class Bay(Record, kw_only=True):
    """A place in the workshop for one car."""

    name: Label
    center_id: CenterId
    account_id: Annotated[str | None, Ref("account"), writes()] = None
    bay_type: Code
    is_active: bool = True


@entity(
    "equipment",
    route="equipment",
    rows=of_center(),
    grants=KEPT,
    title="{name}",
    indexes=("center_id, name",),
    without="delete",
    triggers={**PLACED, **calendar_triggers("equipment", "equipment")},
)
class Equipment(Record, kw_only=True):
    """A device that work needs besides a bay."""

    name: Label
    center_id: CenterId
    account_id: Annotated[str | None, Ref("account"), writes()] = None
    equipment_type: Code = "GENERAL"
    is_active: bool = True


@entity(
    "loaner_vehicle",
    rows=of_center(),
    grants=KEPT,
    title="{vehicle_id}",
    unique=("vehicle_id where is_active",),
    indexes=("center_id, vehicle_id",),
    without="delete",
    triggers={**PLACED, **calendar_triggers("loaner_vehicle", "vehicle")},
)
class LoanerVehicle(Record, kw_only=True):
    """A car lent to customers while theirs is in the workshop; at one centre at a time, and no demo vehicle."""

    vehicle_id: Annotated[str, Ref("vehicle"), Fixed()]
    center_id: CenterId
    account_id: Annotated[str | None, Ref("account"), writes()] = None
    is_active: bool = True


@entity(
    "demo_vehicle",
    rows=of_center(),
    grants=KEPT,
    title="{vehicle_id}",
    unique=("vehicle_id where is_active",),
    indexes=("center_id, vehicle_id",),
    without="delete",
    triggers={**PLACED, **calendar_triggers("demo_vehicle", "vehicle")},
)
class DemoVehicle(Record, kw_only=True):
    """A car kept for test drives; at one centre at a time, and no loaner."""

    vehicle_id: Annotated[str, Ref("vehicle"), Fixed()]
    center_id: CenterId
    account_id: Annotated[str | None, Ref("account"), writes()] = None
    is_active: bool = True
