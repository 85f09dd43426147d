"""What a calendar is built from: centres, their resources, shifts, absences, reservations and rules as plain rows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Literal, NamedTuple

import msgspec

from scheduling.hours import DayHours

ResourceKind = Literal["TECHNICIAN", "BAY", "EQUIPMENT", "VEHICLE"]
Skills = tuple[tuple[str, int, date | None], ...]
"""Skill, level and the first day on which it no longer counts."""
EVERY_CENTER = "00000000-0000-0000-0000-000000000000"


class Weekly(msgspec.Struct, frozen=True):
    """Working hours that repeat by the local week, from one day until another (both included)."""

    hours: tuple[DayHours, ...]
    from_on: date | None = None
    to_on: date | None = None


class Shifts(msgspec.Struct, frozen=True):
    """When somebody works: in `weekly` hours without weekly `breaks`, and in the single cells `once` without `pauses`.

    Everybody with the same hours shares one object, and so one row of bits.
    """

    weekly: tuple[Weekly, ...] = ()
    breaks: tuple[Weekly, ...] = ()
    once: tuple[tuple[int, int], ...] = ()
    pauses: tuple[tuple[int, int], ...] = ()


class Absence(NamedTuple):
    """A resource is away or closed: cells, the end not included."""

    from_cell: int
    to_cell: int
    id: str


class Busy(NamedTuple):
    """A live reservation of a resource: cells, the end not included.

    From `held_until` (Unix seconds) on it counts for nothing.
    """

    from_cell: int
    to_cell: int
    appointment_id: str
    held_until: float | None = None


class Member(msgspec.Struct, frozen=True):
    """A resource works for a centre on these days (the last included), for its own or lent."""

    center_id: str
    from_on: date | None = None
    to_on: date | None = None
    secondary: bool = False


class Resource(msgspec.Struct, frozen=True):
    """Somebody or something that is reserved; `no` stands for it wherever numbers are compared."""

    no: int
    id: str
    kind: ResourceKind
    members: tuple[Member, ...]
    type: str | None = None
    """A bay's or an equipment's type; LOANER or DEMO_VEHICLE of a vehicle."""
    team: str | None = None
    skills: Skills = ()
    shifts: Shifts | None = None
    """None: there at all hours, as bays and vehicles are."""
    zone: str | None = None
    """Where the wall clock of the shifts hangs; None: at the centre that asks."""
    absences: tuple[Absence, ...] = ()
    definition_id: str | None = None
    """The model of a vehicle."""
    brand: str | None = None


class Hours(msgspec.Struct, frozen=True):
    """Opening hours in local wall-clock time; a day of `overrides` has its own (none: closed)."""

    weekly: tuple[DayHours, ...] = ()
    overrides: Mapping[date, tuple[tuple[int, int], ...]] = {}
    most: Mapping[tuple[int, int], int] = {}
    """Most appointments that start in a time slot, by weekday (0 Monday) and the minute at which it begins."""
    most_on: Mapping[tuple[date, int], int] = {}
    """The same for days of `overrides`."""
    zone: str | None = None
    """Where the wall clock hangs; None: at the centre."""


class CapacityRule(msgspec.Struct, frozen=True, kw_only=True):
    """A limit on the work that starts at a centre on some days (both ends of the dates included), from minute `start`
    until before `end` of the local day. What is kept for walk-ins is free from `release_minute` of the day
    `release_days` before.
    """

    kind: Literal["HOURS_BY_TEAM", "WALK_IN_SHARE", "ARRIVALS_PER_ADVISOR", "TRANSPORT_LIMIT"]
    team: str | None = None
    transport: str | None = None
    minutes: int = 0
    percent: float = 0.0
    arrivals: int = 0
    per_day: int = 0
    weekdays: frozenset[int] = frozenset()
    """Empty: all; 0 is Monday."""
    start: int | None = None
    end: int | None = None
    from_on: date | None = None
    to_on: date | None = None
    release_minute: int | None = None
    """None: never."""
    release_days: int = 0


class CenterRow(msgspec.Struct, frozen=True):
    """A service centre and the rules of its days."""

    id: str
    zone: str
    version: int
    account_id: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    interval_minutes: int = 15
    franchises: tuple[tuple[str, frozenset[str]], ...] = ()
    country: str | None = None
    subdivision: str | None = None
    hours: Hours = Hours()
    visiting: Hours | None = None
    """When customers may come; None: whenever the centre is open."""
    holidays: Mapping[date, str] = {}
    rules: tuple[CapacityRule, ...] = ()
    transports: frozenset[str] = frozenset()
    """How customers may come; empty: every way."""


class Extra(msgspec.Struct, frozen=True):
    """One more resource that a work needs: as long as its technician, or for `minutes` at the arrival."""

    role: Literal["TECHNICIAN", "ADVISOR", "SALESPERSON", "EQUIPMENT"]
    count: int = 1
    type: str | None = None
    skills: tuple[tuple[str, int], ...] = ()
    at_arrival: bool = False
    minutes: int = 15


class WorkType(msgspec.Struct, frozen=True):
    """A kind of work: how long, by whom, where, for which vehicles, and how it is offered."""

    id: str
    code: str
    kind: str = "SERVICE"
    minutes: int = 60
    durations: tuple[tuple[str, int], ...] = ()
    """Rules over the vehicle with their minutes: the first that holds decides."""
    applies_to: str | None = None
    before_minutes: int = 0
    after_minutes: int = 0
    skills: tuple[tuple[str, int], ...] = ()
    bay_type: str | None = None
    extras: tuple[Extra, ...] = ()
    splittable: bool = False
    lead_minutes: int = 0
    days_ahead: int | None = None
    interval_minutes: int | None = None
    per_slot: int | None = None
    per_day: int | None = None
    function: str = "SERVICE"
    """What a centre's franchise must include for the vehicle's brand."""
