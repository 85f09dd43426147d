"""Guests never learn a VIN, a registration or a stock number: their answers are the same bytes whatever these are."""

import json
import re
from typing import Any

import asyncpg
import msgspec

from domain.kit import catalogue
from service.api.table import table
from service.ops.database import Addresses
from service.settings import Settings
from tests.contract.direct import Client
from tests.contract.world import World
from tests.service.api.serving import served

NUMBERS = (
    ("1HGCM82633A004352", "ABC 123", "S-1001"),
    ("WVWZZZ1JZ3W386752", "XYZ 987", "Q-2002"),
)
IDS = [f"00000000-0000-7000-8000-0000000000{at:02d}" for at in range(1, 30)]
MOMENT = "2026-06-01 12:00:00+00"


async def seeded(owner: asyncpg.Connection, vin: str, registration: str, stock: str) -> None:
    """The same three cars, all ids and moments fixed, but for their numbers."""
    account, location = IDS[0], IDS[1]
    await owner.execute(
        "insert into account (id, created_at, updated_at, kind, type, name, is_partner, number) "
        f"values ('{account}', '{MOMENT}', '{MOMENT}', 'BUSINESS', 'DEALER', 'Dealer', true, 'A-1')"
    )
    await owner.execute(
        "insert into location (id, created_at, updated_at, code, name, kind, latitude, longitude, account_id) "
        f"values ('{location}', '{MOMENT}', '{MOMENT}', 'L1', 'Lot', 'DEALER_LOT', 40, -74, '{account}')"
    )
    for at in range(3):
        vehicle = IDS[5 + at]
        number = f"{vin[:-1]}{at}"
        await owner.execute(
            "insert into vehicle (id, created_at, updated_at, listing_number, vin, registration_number, make, model, "
            "model_year, condition, dealer_account_id, raw) values ($1, $2::text::timestamptz, $2::text::timestamptz, "
            "$3, $4, $5, 'Toyota', 'Camry', 2020, 'USED', $6, $7)",
            vehicle, MOMENT, f"V-{at}", number, f"{registration}{at}", account, json.dumps({"VIN": number}),
        )  # fmt: skip
        await owner.execute(
            "insert into stock_entry (id, created_at, updated_at, vehicle_id, dealer_account_id, location_id, "
            "stock_number, in_stock_since, price_minor, price_currency) values ($1, $2::text::timestamptz, "
            "$2::text::timestamptz, $3, $4, $5, $6, '2026-05-01', 2000000, 'USD')",
            IDS[10 + at], MOMENT, vehicle, account, location, f"{stock}-{at}",
        )  # fmt: skip


def targets() -> list[tuple[str, str, bytes]]:
    """What a guest may ask: every route that reads, about the cars, the accounts and nothing."""
    found: list[tuple[str, str, bytes]] = []
    for route in table():
        if route.method != "GET" or route.answers == ("text/event-stream",) or route.path == "/metrics":
            continue
        for id in (IDS[0], IDS[5], IDS[10]) if "{id}" in route.path else ("",):
            path = re.sub(r"\{[^}]*\}", "x", route.path.replace("{id}", id))
            found.append(("GET", path, b""))
    numbers = [part for three in NUMBERS for part in three]
    for text in ["toyota", "V-1", *numbers, *(number[:4] for number in numbers)]:
        found.append(("POST", "/api/v1/vehicles/search", json.dumps({"criteria": {"text": text}}).encode()))
        fields = ("vin", "stock_number", "registration_number", "sort", "facets", "text")
        found += [("GET", f"/api/v1/vehicles?{field}={text.replace(' ', '+')}", b"") for field in fields]
    searches = (
        {"facets": ["make", "model", "price", "options"], "relaxations": True, "criteria": {"make": ["Toyota"]}},
        {"facets": ["stock_number"]},
        {"facets": ["vin"]},
        {"sort": [{"by": "vin"}]},
        {"criteria": {"vin": [NUMBERS[0][0]]}},
        {"criteria": {"attributes": {"VIN": [NUMBERS[0][0]]}}},
    )
    return found + [("POST", "/api/v1/vehicles/search", json.dumps(search).encode()) for search in searches]


def comparable(body: bytes, request_id: str) -> Any:
    """The answer without what may differ: time taken, tokens, the request's id."""
    text = body.decode().replace(request_id, "")
    text = re.sub(r'"took_us":\d+', "", text)
    return re.sub(r'"(as_of|next_cursor)":("[^"]*"|null)', "", text)


async def answers(settings: Settings, numbers: tuple[str, str, str], database: Addresses) -> list[Any]:
    """All answers to a guest on a database that holds these numbers."""

    assert database.owner is not None
    owner = await asyncpg.connect(database.owner)
    await seeded(owner, *numbers)
    await owner.close()
    mine = msgspec.structs.replace(
        settings, database_url=database.service, database_owner_url=database.owner, log_level="WARNING"
    )
    found = []
    async with served(mine) as (app, caller):
        while (await caller.get("/health/ready")).status_code != 200:
            continue
        client = Client(app)
        for method, target, body in targets():
            answer = await client.call(method, target, {"content-type": "application/json"}, body)
            told = comparable(answer.body, answer.header("x-request-id") or "-")
            found.append((method, target, body, answer.status, told))
    return found


async def test_guests_are_answered_the_same_bytes_whatever_the_numbers_are(
    server: Any, template: Addresses, settings: Settings
) -> None:
    from tests.conftest import _clone

    first = await answers(settings, NUMBERS[0], await _clone(server, template))
    second = await answers(settings, NUMBERS[1], await _clone(server, template))
    assert first == second
    everything = "".join(told for *_, told in first)
    assert '"total":3' in everything, "guests see the three cars"
    for number in NUMBERS[0]:
        asked = [one for one in first if number in one[4]]
        assert [one for one in asked if number not in one[1] and number.encode() not in one[2]] == []


async def test_a_guest_may_read_nothing_beyond_the_ceiling(callers: dict[str, Client], world: World) -> None:
    from domain.accounts.ceilings import GUEST_TYPES

    for name, entity in catalogue.load().items():
        if name not in GUEST_TYPES and "list" in entity.public:
            answer = await callers["GUEST"].call("GET", f"/api/v1/{entity.route}")
            assert answer.status in (401, 404), name
            row = await world.row(entity, world.callers["CUSTOMER"].other)
            answer = await callers["GUEST"].call("GET", f"/api/v1/{entity.route}/{row}")
            assert answer.status in (401, 404), name
