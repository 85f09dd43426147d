"""The demo's service centres as rows: one at each dealer, with people, bays, shifts, limits, and two of the maker."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from functools import cache
from typing import Any

import msgspec

from service.demo.identity import uuid_text
from service.demo.market import ORGANISATION
from service.demo.names import FAMILY_STEMS, FIRST_NAMES
from service.demo.parts import PARTS
from service.demo.records import Batch, Row, batch, json
from service.demo.workshop_catalogue import (
    ADVISOR,
    BAYS,
    EQUIPMENT,
    GROUPS,
    LIMITS,
    OPEN_DAYS,
    OWN_CENTERS,
    SALESPERSON,
    STAFF,
    TECHNICIAN,
    WORK,
    WORKING_DAYS,
)
from service.demo.world import World

MOST_CENTERS = 60
"""Centres of dealers; in bigger worlds the others take no appointments."""
USERS = {"technician": TECHNICIAN, "advisor": ADVISOR, "dealer": SALESPERSON}
"""The logins of the demo's users who are booked themselves, with their places in the first dealer's staff."""
CARS_A_CENTER = 2


class Center(msgspec.Struct, frozen=True):
    """A centre of the demo; its ordinal gives the ids of all that belongs to it."""

    ordinal: int
    code: str
    name: str
    location_id: str
    account_id: str | None
    country: str
    region: str | None
    time_zone: str
    brands: tuple[str, ...]


def centers(world: World) -> list[Center]:
    """The centres: of dealers in the network's order, then the organisation's."""
    found = [
        Center(
            at,
            dealer.account.code,
            dealer.service_center.name,
            dealer.service_center.id,
            dealer.account.id,
            dealer.account.country,
            dealer.account.region,
            dealer.account.time_zone,
            dealer.account.brands,
        )
        for at, dealer in enumerate(world.network.dealers[:MOST_CENTERS])
    ]
    for at, (code, city, country, _, _, zone) in enumerate(OWN_CENTERS):
        place = uuid_text(world.seed, "own_center_place", at)
        found.append(Center(MOST_CENTERS + at, code, f"{ORGANISATION} {city}", place, None, country, None, zone, ()))
    return found


def workshops(world: World, users: dict[str, str]) -> Iterator[Batch]:
    """Work types and centres with everything but their cars; `users` are the ids of the demo's users by login."""
    seed = world.seed
    yield from _work(seed)
    yield batch(
        "location",
        "id code name kind latitude longitude country time_zone",
        (
            (uuid_text(seed, "own_center_place", at), f"{code}-SVC", f"{ORGANISATION} {city}", "SERVICE_CENTER",
             latitude, longitude, country, zone)
            for at, (code, city, country, latitude, longitude, zone) in enumerate(OWN_CENTERS)
        ),
    )  # fmt: skip
    made = centers(world)
    yield batch(
        "operating_hours",
        "id name account_id time_slots",
        ((uuid_text(seed, "hours", one.ordinal), one.name, one.account_id, _week()) for one in made),
    )
    yield batch(
        "service_center",
        "id code name location_id time_zone operating_hours_id holiday_country holiday_subdivision franchises "
        "cancel_cutoff_minutes reschedule_cutoff_minutes",
        (_center(seed, one) for one in made),
    )
    yield batch("technician", "id name center_id user_id team skills", _people(world, made, users))
    yield batch(
        "bay",
        "id name center_id bay_type",
        (
            (_id(seed, "bay", one, at, len(BAYS)), f"Bay {at + 1}", _of(seed, one), kind)
            for one in made
            for at, kind in enumerate(BAYS)
        ),
    )
    yield batch(
        "equipment",
        "id name center_id equipment_type",
        (
            (_id(seed, "equipment", one, at, len(EQUIPMENT)), kind.capitalize().replace("_", " "), _of(seed, one), kind)
            for one in made
            for at, kind in enumerate(EQUIPMENT)
        ),
    )
    yield batch("shift", "id technician_id weekly breaks", _shifts(seed, made))
    yield batch("absence", "id resource_id start end reason_code", _absences(world, made))
    yield batch(
        "capacity_rule",
        "id center_id kind transport per_day arrivals percent release_at",
        (
            (_id(seed, "limit", one, at, len(LIMITS)), _of(seed, one),
             *(limit.get(name) for name in ("kind", "transport", "per_day", "arrivals", "percent", "release_at")))
            for one in made
            for at, limit in enumerate(LIMITS)
        ),
    )  # fmt: skip


def cars(world: World, stock: dict[str, list[str]]) -> Iterator[Batch]:
    """Demo and loaner vehicles: of each dealer's account the first of its cars in `stock`."""
    for kind, first in (("demo_vehicle", 0), ("loaner_vehicle", CARS_A_CENTER)):
        yield batch(
            kind,
            "id vehicle_id center_id",
            (
                (_id(world.seed, kind, one, at, CARS_A_CENTER), car, _of(world.seed, one))
                for one in centers(world)
                for at, car in enumerate(stock.get(one.account_id or "", [])[first : first + CARS_A_CENTER])
            ),
        )


def _id(seed: int, kind: str, center: Center, at: int, most: int) -> str:
    return uuid_text(seed, f"workshop_{kind}", center.ordinal * most + at)


def _of(seed: int, center: Center) -> str:
    return uuid_text(seed, "center", center.ordinal)


def _week() -> str:
    return json(
        [
            {"day_of_week": day, "start": "07:00", "end": "18:00" if day in WORKING_DAYS else "13:00"}
            | {"max_appointments": None}
            for day in OPEN_DAYS
        ]
    )


def _center(seed: int, one: Center) -> Row:
    functions = ["SALES", "SERVICE", "WARRANTY", "PARTS"]
    franchises = [{"brand": brand, "functions": functions} for brand in one.brands]
    return (
        _of(seed, one), one.code, one.name, one.location_id, one.time_zone, uuid_text(seed, "hours", one.ordinal),
        one.country, one.region if one.region in _parts_of(one.country) else None, json(franchises), 120, 120,
    )  # fmt: skip


@cache
def _parts_of(country: str) -> frozenset[str]:
    from holidays import list_supported_countries

    return frozenset(list_supported_countries().get(country, ()))


def _work(seed: int) -> Iterator[Batch]:
    parts = {code: uuid_text(seed, "part", at) for at, (code, _, _) in enumerate(PARTS)}
    defaults: dict[str, Any] = {
        "kind": "SERVICE", "durations": [], "applies_to": None, "block_after_minutes": 0, "further_resources": [],
        "bay_type": None, "parts": [], "splittable": False, "lead_time_minutes": 0, "max_days_ahead": 90,
        "start_interval_minutes": None,
    }  # fmt: skip
    names = ("code", "name", "duration_minutes", "required_skills", *defaults)
    rows = []
    for at, work in enumerate(WORK):
        values = {**defaults, **work}
        values["parts"] = [{"product_id": parts[code], "quantity": 1} for code in values["parts"]]
        cells = (json(value) if isinstance(value, list) else value for value in (values[name] for name in names))
        rows.append((uuid_text(seed, "work_type", at), *cells))
    yield batch("work_type", f"id {' '.join(names)}", rows)
    groups = ((uuid_text(seed, "work_group", at), code, name, list(of)) for at, (code, name, of) in enumerate(GROUPS))
    yield batch("work_type_group", "id code name work_types", groups)


def _people(world: World, made: list[Center], users: dict[str, str]) -> Iterator[Row]:
    logins = {at: login for login, at in USERS.items()}
    expires = (world.as_of + timedelta(days=365)).isoformat()
    for one in made:
        for at, worker in enumerate(STAFF):
            number = one.ordinal * len(STAFF) + at
            name = f"{FIRST_NAMES[number % len(FIRST_NAMES)]} {FAMILY_STEMS[number * 7 % len(FAMILY_STEMS)]}"
            skills = [
                {"skill": skill, "level": level, "expires_on": expires if skill == "HIGH_VOLTAGE" else None}
                for skill, level in worker.skills
            ]
            user = users.get(logins.get(at, "")) if one.ordinal == 0 else None
            yield (
                _id(world.seed, "person", one, at, len(STAFF)), name, _of(world.seed, one), user, worker.team,
                json(skills),
            )  # fmt: skip


def _shifts(seed: int, made: list[Center]) -> Iterator[Row]:
    most = len(STAFF) * len(OPEN_DAYS)
    for one in made:
        for at, worker in enumerate(STAFF):
            for day, name in enumerate(OPEN_DAYS):
                if name not in WORKING_DAYS and at % 2:
                    continue  # every other one works on Saturdays
                short = name not in WORKING_DAYS
                weekly: dict[str, Any] = {"day_of_week": name, "start": "08:00" if short else worker.start}
                weekly |= {"end": "13:00" if short else worker.end, "from": None, "to": None}
                pauses = [] if short else [dict(zip(("start", "end"), worker.pause, strict=True))]
                yield (
                    _id(seed, "shift", one, at * len(OPEN_DAYS) + day, most),
                    _id(seed, "person", one, at, len(STAFF)),
                    json(weekly),
                    json(pauses),
                )


def _absences(world: World, made: list[Center]) -> Iterator[Row]:
    """In each centre one mechanic is on holiday for a week, and one bay is checked for a day."""
    for one in made:
        away = datetime.combine(world.as_of + timedelta(days=7 + one.ordinal % 14), time(), UTC)
        person, bay = _id(world.seed, "person", one, 1, len(STAFF)), _id(world.seed, "bay", one, 2, len(BAYS))
        yield (_id(world.seed, "absence", one, 0, 2), person, away, away + timedelta(days=7), "HOLIDAY")
        yield (_id(world.seed, "absence", one, 1, 2), bay, away, away + timedelta(days=1), "MAINTENANCE")
