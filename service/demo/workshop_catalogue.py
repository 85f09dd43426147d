"""What the demo's workshops do, who does it and how their days look."""

from __future__ import annotations

from typing import Any

import msgspec


class Worker(msgspec.Struct, frozen=True):
    """A place in every centre's staff: team, skills by level, and when the shift begins and ends."""

    team: str
    skills: tuple[tuple[str, int], ...]
    start: str
    end: str
    pause: tuple[str, str]


EARLY, LATE = ("07:00", "15:30", ("11:00", "11:30")), ("09:30", "18:00", ("13:30", "14:00"))
STAFF = (
    Worker("MECHANICS", (("GENERAL", 3), ("BRAKES", 3), ("DIAGNOSTICS", 3), ("HIGH_VOLTAGE", 3)), *EARLY),
    Worker("MECHANICS", (("GENERAL", 2), ("BRAKES", 2), ("HIGH_VOLTAGE", 1)), *LATE),
    Worker("MECHANICS", (("GENERAL", 1), ("TYRES", 2)), *LATE),
    Worker("BODY", (("BODY", 3), ("GENERAL", 1)), *EARLY),
    Worker("RECEPTION", (("ADVISOR", 2),), *EARLY),
    Worker("RECEPTION", (("ADVISOR", 1),), *LATE),
    Worker("SHOWROOM", (("SALES", 2),), *LATE),
)
TECHNICIAN, ADVISOR, SALESPERSON = 0, 4, 6  # places of the demo's users in the staff of its first dealer
BAYS = ("LIFT", "LIFT", "LIFT", "TYRES", "BODY")
EQUIPMENT = ("DIAGNOSTIC_TESTER", "WHEEL_ALIGNER")
WORKING_DAYS = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY")
OPEN_DAYS = (*WORKING_DAYS, "SATURDAY")

_ARRIVAL = {"role": "ADVISOR", "during": "ARRIVAL", "minutes": 15, "required_skills": [{"skill": "ADVISOR"}]}


def _skill(skill: str, level: int = 1) -> list[dict[str, Any]]:
    return [{"skill": skill, "level": level}]


WORK: tuple[dict[str, Any], ...] = (
    {
        "code": "OIL_CHANGE",
        "name": "Oil and filter change",
        "duration_minutes": 30,
        "durations": [{"when": 'fuel_type == "Diesel"', "minutes": 45}],
        "applies_to": 'fuel_type != "Electric"',
        "required_skills": _skill("GENERAL"),
        "bay_type": "LIFT",
        "parts": ["OIL-FILTER"],
    },
    {
        "code": "INSPECTION",
        "name": "Inspection",
        "duration_minutes": 60,
        "durations": [{"when": "odometer_km >= 100000", "minutes": 90}],
        "block_after_minutes": 10,
        "required_skills": _skill("GENERAL", 2),
        "further_resources": [_ARRIVAL],
        "bay_type": "LIFT",
    },
    {
        "code": "BRAKES",
        "name": "Brake pads and discs, front axle",
        "duration_minutes": 90,
        "required_skills": _skill("BRAKES", 2),
        "bay_type": "LIFT",
        "parts": ["BRAKE-PADS-FRONT", "BRAKE-DISC-FRONT"],
    },
    {
        "code": "DIAGNOSIS",
        "name": "Fault diagnosis",
        "duration_minutes": 60,
        "required_skills": _skill("DIAGNOSTICS", 2),
        "further_resources": [_ARRIVAL, {"role": "EQUIPMENT", "equipment_type": "DIAGNOSTIC_TESTER"}],
        "bay_type": "LIFT",
    },
    {
        "code": "HIGH_VOLTAGE",
        "name": "Work on the high-voltage battery",
        "duration_minutes": 120,
        "applies_to": 'fuel_type in ["Electric", "Plug-in Hybrid", "Hybrid"]',
        "required_skills": _skill("HIGH_VOLTAGE", 2),
        "further_resources": [{"role": "TECHNICIAN", "required_skills": _skill("HIGH_VOLTAGE")}],
        "bay_type": "LIFT",
    },
    {
        "code": "TIRE_CHANGE",
        "name": "Change of tyres",
        "duration_minutes": 30,
        "required_skills": _skill("TYRES"),
        "bay_type": "TYRES",
        "start_interval_minutes": 30,
    },
    {
        "code": "BODYWORK",
        "name": "Bodywork and paint",
        "duration_minutes": 960,
        "splittable": True,
        "required_skills": _skill("BODY", 2),
        "bay_type": "BODY",
        "lead_time_minutes": 2_880,
    },
    {
        "code": "TEST_DRIVE",
        "name": "Test drive",
        "kind": "TEST_DRIVE",
        "duration_minutes": 45,
        "block_after_minutes": 15,
        "required_skills": _skill("SALES"),
        "lead_time_minutes": 60,
        "max_days_ahead": 30,
    },
)
GROUPS = (
    ("MAINTENANCE", "Maintenance", ("OIL_CHANGE", "INSPECTION", "TIRE_CHANGE")),
    ("REPAIR", "Repair", ("BRAKES", "DIAGNOSIS", "HIGH_VOLTAGE", "BODYWORK")),
    ("TEST_DRIVES", "Test drives", ("TEST_DRIVE",)),
)
LIMITS: tuple[dict[str, Any], ...] = (
    {"kind": "TRANSPORT_LIMIT", "transport": "SHUTTLE", "per_day": 6},
    {"kind": "ARRIVALS_PER_ADVISOR", "arrivals": 2},
    {"kind": "WALK_IN_SHARE", "percent": 10, "release_at": "08:00", "release_days_before": 0},
)
OWN_CENTERS = (
    # what the organisation runs itself: code, city, country, latitude, longitude, time zone
    ("LISBON", "Lisbon", "PT", 38.7223, -9.1393, "Europe/Lisbon"),
    ("TOKYO", "Tokyo", "JP", 35.6762, 139.6503, "Asia/Tokyo"),
)
