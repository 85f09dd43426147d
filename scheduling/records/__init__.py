"""Declares what the slots of service centres are made of: hours, resources, shifts, work types and limits."""

from scheduling.records.capacity import CapacityKind, CapacityRule
from scheduling.records.hours import (
    DateOverride,
    DaySlot,
    Franchise,
    Holiday,
    OperatingHours,
    ServiceCenter,
    TimeSlot,
    Transport,
)
from scheduling.records.resources import (
    Bay,
    DemoVehicle,
    Equipment,
    LoanerVehicle,
    Skill,
    Technician,
    TerritoryMember,
)
from scheduling.records.shifts import Absence, LocalBreak, Shift, WeeklyShift
from scheduling.records.terms import WEEKDAYS, Weekday
from scheduling.records.work import (
    VEHICLE_FACTS,
    Duration,
    FurtherResource,
    Part,
    RequiredSkill,
    WorkType,
    WorkTypeGroup,
)

from scheduling.records import planning  # isort: skip - behaviour registers on the records

__all__ = [
    "VEHICLE_FACTS",
    "WEEKDAYS",
    "Absence",
    "Bay",
    "CapacityKind",
    "CapacityRule",
    "DateOverride",
    "DaySlot",
    "DemoVehicle",
    "Duration",
    "Equipment",
    "Franchise",
    "FurtherResource",
    "Holiday",
    "LoanerVehicle",
    "LocalBreak",
    "OperatingHours",
    "Part",
    "RequiredSkill",
    "ServiceCenter",
    "Shift",
    "Skill",
    "Technician",
    "TerritoryMember",
    "TimeSlot",
    "Transport",
    "Weekday",
    "WeeklyShift",
    "WorkType",
    "WorkTypeGroup",
    "planning",
]
