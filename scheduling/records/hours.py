"""Service centres, when they are open, and the days on which they are not."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from domain.kit.fields import DefaultsTo, Fixed, Ref, writes
from domain.kit.record import Record, entity
from domain.kit.values import Code, Country, Day, Label, TimeZone
from scheduling.records.terms import (
    CUSTOMERS,
    KEPT,
    PLACED,
    PLANNED,
    EndOfDay,
    StartOfDay,
    Weekday,
    calendar_triggers,
    facts,
    minutes,
)

Transport = Literal["WAIT", "DROP_OFF", "LOANER", "SHUTTLE", "PICK_UP", "MOBILE"]


class TimeSlot(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Open hours of one weekday, local wall clock; an end not after its start runs into the next day."""

    day_of_week: Weekday
    start: StartOfDay
    end: EndOfDay
    max_appointments: Annotated[int, Meta(ge=0, le=10_000)] | None = None
    """How many appointments may start within it; none: as many as there are resources."""


class DaySlot(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Open hours of one date."""

    start: StartOfDay
    end: EndOfDay
    max_appointments: Annotated[int, Meta(ge=0, le=10_000)] | None = None
    day_of_week: Weekday | None = None
    """Where it is told, it is the date's."""


class Franchise(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a centre is authorised to do for a brand."""

    brand: Code
    functions: Annotated[list[Literal["SALES", "SERVICE", "WARRANTY", "PARTS"]], Meta(min_length=1, max_length=4)]


@entity(
    "operating_hours",
    route="operating-hours",
    rows=facts(),
    grants={**CUSTOMERS, **KEPT},
    title="{name}",
    search=("name",),
    triggers=calendar_triggers("operating_hours", "hours"),
)
class OperatingHours(Record, kw_only=True):
    """A week of open hours, for any number of centres; without an account they are the organisation's."""

    name: Label
    account_id: Annotated[str | None, Ref("account"), DefaultsTo("account_id"), Fixed()] = None
    time_zone: TimeZone | None = None
    """Where the wall clock hangs; none: that of the centre."""
    time_slots: Annotated[list[TimeSlot], Meta(max_length=100)] = []


@entity(
    "date_override",
    rows=facts(),
    grants={**CUSTOMERS, **PLANNED},
    title="{on}",
    unique=('operating_hours_id, "on"',),
    checks={"time_slots": "closed = (time_slots = '[]')"},
    triggers={**PLACED, **calendar_triggers("date_override", "override")},
)
class DateOverride(Record, kw_only=True):
    """Other hours than the weekday's on one date, or none; it stands above holidays."""

    operating_hours_id: Annotated[str, Ref("operating_hours"), Fixed()]
    account_id: Annotated[str | None, Ref("account"), writes()] = None
    on: Day
    closed: bool = False
    time_slots: Annotated[list[DaySlot], Meta(max_length=50)] = []
    name: Label | None = None


@entity(
    "service_center",
    rows=facts(),
    grants={**CUSTOMERS, **KEPT},
    title="{name}",
    search=("code", "name"),
    unique=("code",),
    without="delete",
    checks={"start_interval_minutes": "start_interval_minutes between 5 and 480 and start_interval_minutes % 5 = 0"},
    triggers={**PLACED, **calendar_triggers("service_center", "center")},
)
class ServiceCenter(Record, kw_only=True):
    """A workshop or showroom that takes appointments, with its clock, its hours and what it promises customers.

    Without franchises it is authorised for every brand. On the public holidays of its country it is closed.
    """

    code: Code
    name: Label
    location_id: Annotated[str, Ref("location")]
    account_id: Annotated[str | None, Ref("account"), writes()] = None
    """The dealer whose location it is; none: the organisation."""
    time_zone: TimeZone
    operating_hours_id: Annotated[str, Ref("operating_hours")]
    visiting_hours_id: Annotated[str | None, Ref("operating_hours")] = None
    """When customers come and go; none: whenever it is open."""
    holiday_country: Country | None = None
    holiday_subdivision: Code | None = None
    start_interval_minutes: Annotated[int, minutes(5, 480)] = 15
    """Offers start on this grid from local midnight."""
    franchises: Annotated[list[Franchise], Meta(max_length=100)] = []
    transports: list[Transport] = []
    """How customers may come; empty: every way."""
    is_active: bool = True
    cancel_cutoff_minutes: Annotated[int, Meta(ge=0, le=43_200)] = 0
    """Until how long before the start a customer may cancel."""
    reschedule_cutoff_minutes: Annotated[int, Meta(ge=0, le=43_200)] = 0
    no_show_after_minutes: Annotated[int, Meta(ge=0, le=1_440)] = 30
    """From when after the start an appointment may be marked as no-show."""
    max_holds: Annotated[int, Meta(ge=1, le=50)] = 3
    """How many slots one customer may hold at a time."""
    waitlist_offer_minutes: Annotated[int, Meta(ge=1, le=1_440)] = 15
    sends_reminders: bool = True
    """Whether customers are reminded by mail the day before."""


@entity(
    "holiday",
    rows=facts(),
    grants={**CUSTOMERS, **PLANNED},
    title="{name}",
    unique=(
        'center_id, "on" where center_id is not null',
        'country, subdivision, "on" where center_id is null',
    ),
    indexes=('"on"',),
    checks={
        "center_id": "(center_id is null) <> (country is null)",
        "subdivision": "subdivision is null or country is not null",
    },
    triggers={**PLACED, **calendar_triggers("holiday", "holiday")},
)
class Holiday(Record, kw_only=True):
    """A day on which a centre, or every centre of a country or a part of it, is closed, besides the public holidays."""

    center_id: Annotated[str | None, Ref("service_center"), Fixed()] = None
    country: Annotated[Country | None, Fixed()] = None
    subdivision: Annotated[Code | None, Fixed()] = None
    account_id: Annotated[str | None, Ref("account"), writes()] = None
    on: Day
    name: Label
