"""Work types: how long work takes, for which cars, and everything that has to be free for it."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from domain import rules
from domain.kit.fields import Fixed
from domain.kit.record import Record, entity
from domain.kit.rows import everyone
from domain.kit.values import Checked, Code, Id, Label
from scheduling.records.terms import CUSTOMERS, Level, calendar_triggers, minutes

VEHICLE_FACTS: dict[str, type] = {
    "brand": str,
    "make": str,
    "model": str,
    "trim": str,
    "model_year": int,
    "model_code": str,
    "body_style": str,
    "drivetrain": str,
    "fuel_type": str,
    "transmission": str,
    "condition": str,
    "odometer_km": int,
    "options": list,
}
"""What rules of work types may ask of a car."""


def rule_over_vehicles(text: str) -> str:
    """A rule that asks what is known of cars and answers yes or no."""
    rules.compile_rule(text, VEHICLE_FACTS)
    return text


VehicleRule = Annotated[str, Meta(min_length=1, max_length=rules.LONGEST), Checked(rule_over_vehicles)]
_GRANTS = {
    **CUSTOMERS,
    "PARTNER": "r",
    "STAFF": "r",
    "PRODUCT_MANAGER": "cru",
    "SYSTEM": "r",
    "scheduling.sync": "cru",
}


class Duration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long the work takes on cars of which a rule holds."""

    when: VehicleRule
    minutes: Annotated[int, minutes(5, 43_200)]


class RequiredSkill(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A skill, at least at that level, on the day of the work."""

    skill: Code
    level: Level = 1


class FurtherResource(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody or something that the work takes up besides its technician and bay.

    Whole work: as long as the technician. ARRIVAL: for `minutes` from when the customer comes.
    """

    role: Literal["TECHNICIAN", "ADVISOR", "EQUIPMENT"]
    count: Annotated[int, Meta(ge=1, le=4)] = 1
    required_skills: Annotated[list[RequiredSkill], Meta(max_length=20)] = []
    equipment_type: Code | None = None
    during: Literal["WORK", "ARRIVAL"] = "WORK"
    minutes: Annotated[int, minutes(5, 480)] | None = None


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Parts that the work uses up."""

    product_id: Id
    quantity: Annotated[int, Meta(ge=1, le=10_000)] = 1


@entity(
    "work_type",
    rows=everyone(),
    grants=_GRANTS,
    title="{name}",
    search=("code", "name"),
    unique=("code",),
    without="delete",
    triggers=calendar_triggers("work_type", "work"),
)
class WorkType(Record, kw_only=True):
    """A piece of work that can be booked, the same at every centre.

    A technician with all required skills and a bay of the type are held from the first block before the work to the
    last one after it; without a bay type no bay is. A test drive holds a car and a salesperson.
    """

    code: Annotated[Code, Fixed()]
    name: Label
    kind: Literal["SERVICE", "TEST_DRIVE"] = "SERVICE"
    duration_minutes: Annotated[int, minutes(5, 43_200)]
    durations: Annotated[list[Duration], Meta(max_length=50)] = []
    """The first whose rule holds counts; else `duration_minutes`."""
    applies_to: VehicleRule | None = None
    """Cars that the work is for; none: all."""
    block_before_minutes: Annotated[int, minutes(0, 1_440)] = 0
    block_after_minutes: Annotated[int, minutes(0, 1_440)] = 0
    required_skills: Annotated[list[RequiredSkill], Meta(max_length=20)] = []
    further_resources: Annotated[list[FurtherResource], Meta(max_length=8)] = []
    bay_type: Code | None = None
    parts: Annotated[list[Part], Meta(max_length=100)] = []
    splittable: bool = False
    """Pauses at breaks, closing and holidays and resumes on the same bay."""
    lead_time_minutes: Annotated[int, Meta(ge=0, le=525_600)] = 0
    max_days_ahead: Annotated[int, Meta(ge=0, le=730)] = 90
    max_per_slot: Annotated[int, Meta(ge=1, le=10_000)] | None = None
    """How many may start at the same time at one centre."""
    max_per_day: Annotated[int, Meta(ge=1, le=100_000)] | None = None
    """How many may start on one day at one centre."""
    start_interval_minutes: Annotated[int, minutes(5, 480)] | None = None
    """Instead of the centre's."""
    franchise_function: Literal["SALES", "SERVICE", "WARRANTY"] | None = None
    """What a centre must be authorised to do for the car's brand; none: SERVICE, or SALES for a test drive."""
    is_active: bool = True


@entity(
    "work_type_group",
    rows=everyone(),
    grants=_GRANTS,
    title="{name}",
    search=("code", "name"),
    unique=("code",),
)
class WorkTypeGroup(Record, kw_only=True):
    """Work types under one heading, from which customers choose."""

    code: Annotated[Code, Fixed()]
    name: Label
    work_types: Annotated[list[Code], Meta(max_length=200)] = []
    """Their codes, in the order shown."""
    is_active: bool = True
