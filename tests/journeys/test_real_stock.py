"""A real listings file over HTTP: each row accounted for, nothing changed by a second import, searches as counted."""

from __future__ import annotations

import csv
import gzip
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from service.auth.demo import seed_client
from service.ops.database import Addresses
from service.settings import Settings
from tests.service.auth.world import World, world_on

SECRET = "a secret of the importing system"
COUNTS = ("created", "updated", "unchanged", "superseded", "rejected")


@pytest.fixture
async def world(fresh_database: Addresses, settings: Settings) -> AsyncIterator[World]:
    ours = msgspec.structs.replace(
        settings, database_url=fresh_database.service, database_owner_url=fresh_database.owner
    )
    async with world_on(fresh_database, ours) as found:
        await seed_client(found.owner, "importer", "Importer", SECRET, ["inventory.sync"])
        yield found


def _latest(path: Path) -> list[dict[str, str]]:
    """The rows of the file as they count: of rows with one VIN the last."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        return list({row["VIN"]: row for row in csv.DictReader(file)}.values())


def _price(row: dict[str, str]) -> int | None:
    return int(row["Price"]) if row["Price"].isdigit() else None


def _oracles() -> list[tuple[dict[str, Any], Callable[[dict[str, str]], bool]]]:
    """Ten criteria and what they mean for a row of the file."""

    def between(value: int | None, low: int, high: int) -> bool:
        return value is not None and low <= value <= high

    return [
        ({}, lambda row: True),
        ({"make": ["Toyota"]}, lambda row: row["Make"] == "Toyota"),
        ({"make": ["toyota", "FORD"]}, lambda row: row["Make"] in ("Toyota", "Ford")),
        ({"model_year": {"gte": 2019, "lte": 2020}}, lambda row: row["Year"] in ("2019", "2020")),
        ({"price": {"lte": 20000}}, lambda row: between(_price(row), 0, 20_000)),
        ({"price": {"gt": "50000", "lt": 60000}}, lambda row: between(_price(row), 50_001, 59_999)),
        (
            {"make": ["Honda"], "price": {"gte": 15000}, "model_year": {"gte": 2018}},
            lambda row: row["Make"] == "Honda" and int(row["Year"]) >= 2018 and between(_price(row), 15_000, 10**9),
        ),
        (
            {"odometer_km": {"lte": 50000}, "make": ["BMW"]},
            lambda row: (
                row["Make"] == "BMW" and row["Mileage"].isdigit() and round(int(row["Mileage"]) * 1.609344) <= 50_000
            ),
        ),
        (
            {"interior_color": ["Black"], "model_year": {"lt": 2015}},
            lambda row: row["InteriorColor"].casefold() == "black" and int(row["Year"]) < 2015,
        ),
        (
            {"text": "f-150", "make": ["Ford"]},
            lambda row: row["Make"] == "Ford" and "f-150" in row["Model"].casefold(),
        ),
    ]


async def test_a_real_file_is_accounted_for_twice_and_searched_as_counted_from_the_file(
    world: World, real_data: Callable[[str], Path]
) -> None:
    path = real_data("listings_us.csv.gz")
    packed = path.read_bytes()
    answer = await world.grant({"grant_type": "client_credentials", "client_id": "importer", "client_secret": SECRET})
    system = answer.json()["access_token"]
    headers = {"content-type": "text/csv", "content-encoding": "gzip"}

    async def imported() -> Any:
        taken = await world.call(
            "POST", "/vehicles/import?mapping=listings_us", system, content=packed, headers=headers, timeout=300
        )
        assert taken.status_code == 200, taken.text
        result = taken.json()
        assert result["received"] == 4749 == sum(result[name] for name in COUNTS)
        return taken, result

    rows = _latest(path)
    taken, first = await imported()
    assert (first["created"], first["superseded"], first["updated"]) == (len(rows), 4749 - len(rows), 0)
    _, second = await imported()
    assert (second["created"], second["updated"], second["unchanged"]) == (0, 0, len(rows))
    assert (second["superseded"], second["rejected"]) == (first["superseded"], first["rejected"])

    after = {"x-after-change": taken.headers["x-change"]}
    for criteria, wanted in _oracles():
        body = {"criteria": criteria, "limit": 1}
        found = await world.call("POST", "/vehicles/search", system, json=body, headers=after)
        assert found.status_code == 200, found.text
        assert found.json()["total"] == sum(map(wanted, rows)), criteria

    guest = await world.call("POST", "/vehicles/search", json={"criteria": {}, "limit": 200}, headers=after)
    assert guest.json()["total"] == len(rows)
    assert not any(row["VIN"] in guest.text for row in rows)
    rejects = await world.call("GET", f"/vehicle-imports/{first['import_id']}/rejects", system)
    assert rejects.status_code == 200
    assert len(rejects.text.splitlines()) == 1 + first["rejected"]
