"""Guests learn no VIN, registration or stock number: worlds that differ only in them answer the same bytes."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from typing import Any

import asyncpg
import httpx
import pytest

from service.demo.world import tiny
from service.ops import postgres
from service.ops.database import Addresses
from service.settings import Settings
from tests.service.api.serving import client
from tests.service.api.stock_world import NOON, application, copied

pytestmark = pytest.mark.xdist_group("vehicles")
VARIED = (("vehicle", "vin"), ("vehicle", "registration_number"), ("stock_entry", "stock_number"),
          ("asset", "serial_number"))  # fmt: skip
SEARCH_SORTS = ("price", "model_year", "odometer_km", "days_in_stock", "available_on", "distance", "relevance")
FACETS = ["make", "model", "trim", "body_style", "drivetrain", "fuel_type", "transmission", "exterior_color",
          "interior_color", "condition", "status", "options", "location_id", "dealer_account_id", "price", "model_year",
          "odometer_km", "attributes.seats"]  # fmt: skip
LISTS = ("assets", "products", "vehicle-definitions", "asset-milestones", "accounts", "locations", "contacts", "brands",
         "stock-entries", "stock-prices", "vehicle-imports", "users", "jobs", "messages", "asset-account-participants",
         "nothing-at-all")  # fmt: skip
Request = tuple[str, str, Any]


@pytest.fixture(scope="module")
async def pair(
    server: postgres.Server, stock: Addresses, settings: Settings
) -> AsyncIterator[tuple[list[httpx.AsyncClient], list[str]]]:
    """A guest's clients of two worlds of the same ids, and numbers that stand in either of them."""
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(copied(server, stock, "bytes"))
        second = await stack.enter_async_context(copied(server, stock, "bytes_other"))
        numbers = [*await _numbers(first), *(await _varied(second))]
        clients = []
        for addresses in (first, second):
            app, _ = await stack.enter_async_context(application(addresses, settings, clock=NOON))
            clients.append(await stack.enter_async_context(client(app)))
        yield clients, numbers


async def _numbers(addresses: Addresses) -> list[str]:
    connection = await asyncpg.connect(addresses.owner)
    try:
        found = []
        for table, column in VARIED:
            statement = f"select {column} from {table} where {column} is not null order by id limit 3"
            found += [row[0] for row in await connection.fetch(statement)]
        return found
    finally:
        await connection.close()


async def _varied(addresses: Addresses) -> list[str]:
    """Turns every number round, and tells some of them; nothing else changes, not even a version."""
    connection = await asyncpg.connect(addresses.owner)
    try:
        for table, column in VARIED:
            await connection.execute(
                f"alter table {table} disable trigger user; update {table} set {column} = reverse({column}); "
                f"alter table {table} enable trigger user"
            )
    finally:
        await connection.close()
    return await _numbers(addresses)


def _requests(numbers: list[str]) -> Iterator[Request]:
    world = tiny()
    ids = [row.id for row in world.vehicle_rows()]
    search = "/api/v1/vehicles/search"
    near = {"latitude": 40.7, "longitude": -74.0, "radius_km": 3000}
    yield "POST", search, {}
    yield "POST", search, {"criteria": {"status": []}, "limit": 200, "facets": FACETS, "relaxations": True}
    for sort in SEARCH_SORTS:
        for order in ("asc", "desc"):
            criteria = {"status": [], "near": near}
            yield "POST", search, {"criteria": criteria, "sort": [{"by": sort, "order": order}], "limit": 7}
    for text in (*numbers, *(number[:4] for number in numbers), *(number[-6:] for number in numbers), "toyota", "fc-"):
        yield "POST", search, {"criteria": {"status": [], "text": text}, "relaxations": True, "facets": ["make"]}
    for number in numbers[:4]:
        yield "POST", search, {"criteria": {"make": [number]}, "relaxations": True}
        yield "POST", search, {"cursor": number}
        yield "GET", f"/api/v1/vehicles?text={number}", None
        yield "GET", f"/api/v1/vehicles/{number}", None
        yield "GET", f"/api/v1/vehicles/by-key/oem/{number}", None
        yield "GET", f"/api/v1/assets?q={number}", None
        yield "GET", f"/api/v1/assets?serial_number={number}", None
    for field in ("vin", "registration_number", "stock_number"):
        yield "POST", search, {"criteria": {field: numbers[:1]}}
        yield "POST", search, {"sort": [{"by": field}]}
        yield "POST", search, {"facets": [field]}
        yield "GET", f"/api/v1/vehicles?{field}={numbers[0]}", None
        yield "GET", f"/api/v1/vehicles?sort={field}", None
    for id in ids[:20]:
        yield "GET", f"/api/v1/vehicles/{id}", None
        yield "GET", f"/api/v1/vehicles/{id}/history", None
        yield "GET", f"/api/v1/vehicles/{id}/capabilities", None
    for name in LISTS:
        yield "GET", f"/api/v1/{name}", None
        yield "GET", f"/api/v1/{name}?limit=3&sort=-created_at", None
        yield "GET", f"/api/v1/{name}/export", None
        yield "GET", f"/api/v1/{name}/{ids[0]}", None
    yield "POST", "/api/v1/vehicles", {"make": "A", "model": "B", "condition": "NEW", "vin": numbers[0]}
    yield "PATCH", f"/api/v1/vehicles/{ids[0]}", {"vin": numbers[0]}
    yield "GET", "/api/v1/me", None
    yield "GET", "/schema/openapi.json", None


async def test_a_guest_gets_the_same_bytes_from_worlds_that_differ_in_guarded_numbers(
    pair: tuple[list[httpx.AsyncClient], list[str]],
) -> None:
    clients, numbers = pair
    assert len(numbers) == len(set(numbers)) >= 20
    requests = list(_requests(numbers))
    assert len(requests) >= 150
    good = 0
    for request in requests:
        first, second = [await _answer(caller, request) for caller in clients]
        assert first == second, request
        good += first[0] == 200
    assert good >= 60


async def test_a_guests_pages_are_the_same_one_after_the_other(
    pair: tuple[list[httpx.AsyncClient], list[str]],
) -> None:
    answers = []
    for caller in pair[0]:
        cursor, pages = None, []
        while True:
            body: dict[str, Any] = {"criteria": {"status": []}, "limit": 4, "cursor": cursor}
            page = (await caller.post("/api/v1/vehicles/search", json=body)).json()
            pages.append(page["items"])
            cursor = page["next_cursor"]
            if cursor is None:
                break
        answers.append(pages)
    assert answers[0] == answers[1]
    assert len(answers[0]) > 5


async def _answer(caller: httpx.AsyncClient, request: Request) -> tuple[int, dict[str, str], bytes]:
    method, path, body = request
    answer = await caller.request(method, path, json=body) if body is not None else await caller.request(method, path)
    headers = {name: value for name, value in answer.headers.items() if name not in ("date", "x-request-id")}
    content = re.sub(rb'"(took_us)":\d+', rb'"\1":0', answer.content)
    content = re.sub(rb'"(as_of|request_id)":"[^"]*"', rb'"\1":""', content)
    headers.pop("content-length", None)  # of the digits of took_us
    return answer.status_code, headers, content
