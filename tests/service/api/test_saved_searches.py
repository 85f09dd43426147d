"""Saved searches over HTTP: kept by their owner alone, run as the search they stand for, ended by a mailed link."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from service.ops import postgres
from service.ops.database import Addresses
from service.saved_searches import unsubscribe_token
from service.settings import Settings
from tests.service.api.stock_world import StockWorld, copied, stocked

SEARCHES = "/api/v1/saved-searches"
BODY: dict[str, Any] = {
    "name": "Family car",
    "criteria": {"status": ["IN_STOCK", "IN_TRANSIT"], "price": {"lte": 60_000}, "attributes": {"seats": ["5"]}},
    "sort": [{"by": "price", "order": "asc"}],
    "alert": "IMMEDIATE",
}
pytestmark = pytest.mark.xdist_group("saved_searches")


@pytest.fixture(scope="module")
async def world(server: postgres.Server, stock: Addresses, settings: Settings) -> AsyncIterator[StockWorld]:
    async with copied(server, stock, "saved_searches") as addresses, stocked(addresses, settings) as found:
        yield found


async def saved(world: StockWorld, name: str = "customer", **changes: Any) -> dict[str, Any]:
    answer = await world.callers[name].post(SEARCHES, json={**BODY, **changes})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_search_is_saved_listed_changed_and_removed_by_its_owner(world: StockWorld) -> None:
    search = await saved(world)
    assert search["user_id"] == world.principals["customer"].user_id
    assert search["criteria"]["price"] == {"lte": "60000"}
    assert search["watched_since"] is not None
    assert "baseline" not in search
    own = world.callers["customer"]
    assert search in (await own.get(SEARCHES)).json()["items"]
    headers = {"if-match": str(search["version"])}
    changed = await own.patch(f"{SEARCHES}/{search['id']}", json={"criteria": search["criteria"]}, headers=headers)
    assert changed.json() == search  # as it was read it may be written
    changed = await own.patch(f"{SEARCHES}/{search['id']}", json={"alert": "NONE"}, headers=headers)
    assert changed.json()["watched_since"] is None
    headers = {"if-match": changed.headers["etag"]}
    assert (await own.delete(f"{SEARCHES}/{search['id']}", headers=headers)).status_code == 204


async def test_nobody_else_reaches_it(world: StockWorld) -> None:
    search = await saved(world)
    for name, status in (("guest", 401), ("customer2", 404), ("dealer", 404), ("staff", 404), ("oem", 403)):
        for path in (f"{SEARCHES}/{search['id']}", f"{SEARCHES}/{search['id']}/vehicles"):
            assert (await world.callers[name].get(path)).status_code == status, (name, path)
    mine = (await world.callers["dealer"].get(SEARCHES)).json()["items"]
    assert search["id"] not in [item["id"] for item in mine]


@pytest.mark.parametrize(
    ("wrong", "status", "pointer"),
    [
        ({"criteria": {"price": {"gte": 2, "lte": 1}}}, 400, "/criteria/price"),
        ({"criteria": {"status": ["LOST"]}}, 400, "/criteria/status/0"),
        ({"criteria": {"colour": ["red"]}}, 400, "/criteria/colour"),
        ({"criteria": {"attributes": {"nobody_has": ["1"]}}}, 400, "/criteria/attributes/nobody_has"),
        ({"criteria": {"near": {"latitude": 91, "longitude": 0}}}, 422, "/criteria/near/latitude"),
        ({"sort": [{"by": "distance"}]}, 400, "/sort/0/by"),
        ({"sort": [{"by": "colour"}]}, 400, "/sort/0/by"),
        ({"user_id": "01900000-0000-7000-8000-000000000000"}, 403, "/user_id"),
        ({"alert": "HOURLY"}, 400, "/alert"),
        ({"channel": "SMS"}, 422, "/channel"),
    ],
)
async def test_what_breaks_a_rule_is_refused_by_its_place(
    world: StockWorld, wrong: dict[str, Any], status: int, pointer: str
) -> None:
    await world.owner.execute("update contact set phone = null where id = $1", world.principals["dealer"].contact_id)
    search = await saved(world, "dealer")
    own = world.callers["dealer"]
    headers = {"if-match": str(search["version"])}
    for answer in (
        await own.post(SEARCHES, json={**BODY, **wrong}),
        await own.patch(f"{SEARCHES}/{search['id']}", json=wrong, headers=headers),
    ):
        assert answer.status_code == status, answer.text
        assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


@pytest.mark.parametrize("name", ["customer", "dealer"])
async def test_running_it_is_the_search_that_it_stands_for(world: StockWorld, name: str) -> None:
    search = await saved(world, name)
    own = world.callers[name]
    after = {"x-after-change": await world.token()}
    query = {"limit": 5, "facets": "make,attributes.seats"}
    page = (await own.get(f"{SEARCHES}/{search['id']}/vehicles", params=query, headers=after)).json()
    asked = {"criteria": BODY["criteria"], "sort": BODY["sort"], "limit": 5, "facets": ["make", "attributes.seats"]}
    same = (await own.post("/api/v1/vehicles/search", json=asked, headers=after)).json()
    assert {**page, "took_us": 0} == {**same, "took_us": 0}
    assert page["total"] > 5
    assert ("vin" in page["items"][0]) == (name == "dealer")
    more = {**query, "cursor": page["next_cursor"]}
    following = await own.get(f"{SEARCHES}/{search['id']}/vehicles", params=more, headers=after)
    assert following.status_code == 200
    assert following.json()["items"][0]["id"] not in [item["id"] for item in page["items"]]


async def test_the_token_of_a_mail_ends_the_alert_without_signing_in(world: StockWorld, settings: Settings) -> None:
    search, other = await saved(world), await saved(world)
    guest = world.callers["guest"]
    token = unsubscribe_token(world.services.settings, search["id"])
    for _ in range(2):
        answer = await guest.post(f"{SEARCHES}/unsubscribe", json={"token": token})
        assert answer.status_code == 204, answer.text
    for wrong in (token[:-1], token.replace(search["id"], other["id"]), "x"):
        assert (await guest.post(f"{SEARCHES}/unsubscribe", json={"token": wrong})).status_code == 404
    own = world.callers["customer"]
    assert (await own.get(f"{SEARCHES}/{search['id']}")).json()["alert"] == "NONE"
    assert (await own.get(f"{SEARCHES}/{other['id']}")).json()["alert"] == "IMMEDIATE"
