"""Looking for one car and typing over HTTP: by whom, as they see it, and what a bad wish is told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from service.ops import postgres
from service.ops.database import Addresses
from service.settings import Settings
from tests.service.api.stock_world import StockWorld, copied, stocked

pytestmark = pytest.mark.xdist_group("locate")
EVERYBODY = ("guest", "customer", "dealer", "manager", "dealer2", "supplier", "staff", "brands", "oem", "oem-brand")
POINT = {"latitude": 39.9, "longitude": -86.2}
LOCATE = "/api/v1/vehicles/locate"
SUGGEST = "/api/v1/vehicles/suggestions"


@pytest.fixture(scope="module")
async def world(server: postgres.Server, stock: Addresses, settings: Settings) -> AsyncIterator[StockWorld]:
    async with copied(server, stock, "locate") as addresses, stocked(addresses, settings) as found:
        yield found


async def _located(world: StockWorld, name: str, **body: Any) -> list[dict[str, Any]]:
    answer = await world.callers[name].post(LOCATE, json={"origin": POINT, "limit": 50, **body})
    assert answer.status_code == 200, answer.text
    assert answer.json()["as_of"] == world.services.stock.index.as_of
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


@pytest.mark.parametrize("name", EVERYBODY)
async def test_everybody_locates_among_the_cars_that_they_see(world: StockWorld, name: str) -> None:
    wanted: dict[str, Any] = {"exterior_color": ["Black"], "condition": ["NEW"]}
    items = await _located(world, name, wanted=wanted)
    ids = [item["vehicle"]["id"] for item in items]
    assert set(ids) <= await world.visible(name)
    exact = await world.found(name, {"criteria": wanted})
    if not exact:
        exact = await world.found(name, {"criteria": {**wanted, "status": ["ON_ORDER", "IN_TRANSIT"]}})
        assert all(item["acquire"] == "ORDER" for item in items if not item["differences"])
    met = [item["vehicle"] for item in items if not item["differences"]]
    assert sorted(one["id"] for one in met) == sorted(one["id"] for one in exact)
    everything = {one["id"]: one for one in await world.found(name, {"criteria": {"near": POINT, "status": []}})}
    order = []
    for item in items:
        assert item["vehicle"] == everything[item["vehicle"]["id"]]
        assert item["distance_km"] == item["vehicle"]["distance_km"]
        unmet = {field for field, values in wanted.items() if item["vehicle"][field] not in values}
        assert {difference["field"] for difference in item["differences"]} == unmet
        assert item["score"] == 1 - len(unmet) / 2
        order.append((-item["score"], item["hop"], item["distance_km"], item["vehicle"]["id"]))
    assert order == sorted(order)


async def test_the_way_leads_from_the_own_lot_over_the_centre_to_the_hubs(world: StockWorld) -> None:
    demo = world.demo.network
    dealer = next(one for one in demo.dealers if one.account.id == world.principals["dealer"].account_id)
    sites = {site.id: site for site in (*demo.sites, *(one.lot for one in demo.dealers))}
    items = await _located(world, "dealer", wanted={}, origin={"location_id": dealer.lot.id})
    hops = {item["vehicle"]["location_id"]: item["hop"] for item in items}
    assert hops[dealer.lot.id] == 0
    assert {hop for place, hop in hops.items() if place == dealer.lot.parent_location_id} <= {1}
    for place, hop in hops.items():
        if place in sites and sites[place].kind == "HUB":
            assert hop >= 2
    assert [item["hop"] for item in items] == sorted(item["hop"] for item in items)
    for item in items:
        vehicle = item["vehicle"]
        group = {one.account.id for one in demo.dealers if one.group == dealer.group}
        own = vehicle["dealer_account_id"] in (None, *group)
        assert item["acquire"] == ("RESERVE" if own else "REQUEST")


async def test_guests_and_customers_reserve_nothing_and_see_no_guarded_field(world: StockWorld) -> None:
    for name in ("guest", "customer"):
        for item in await _located(world, name, wanted={"trim": ["nobody's"]}):
            assert item["acquire"] == ("REQUEST" if item["vehicle"]["status"] == "IN_STOCK" else "ORDER")
            assert not {"vin", "stock_number", "registration_number"} & item["vehicle"].keys()


async def test_a_location_that_moves_is_known_where_it_is_now(world: StockWorld) -> None:
    lot = world.demo.network.dealers[0].lot
    body = {"wanted": {"location_id": [lot.id]}, "required": ["location_id"], "limit": 1}
    (before,) = await _located(world, "oem", **body)
    await world.owner.execute(
        "update location set latitude = 48.1, longitude = 11.6, version = version + 1, updated_at = now() "
        "where id = $1",
        lot.id,
    )
    headers = {"x-after-change": await world.token()}
    answer = await world.callers["oem"].post(LOCATE, json={"origin": POINT, **body}, headers=headers)
    (after,) = answer.json()["items"]
    assert before["distance_km"] < 7_000 < after["distance_km"]


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        ({}, 400, "/wanted"),
        ({"wanted": {}}, 400, "/origin"),
        ({"wanted": {"vin": ["x"]}, "origin": POINT}, 400, "/wanted/vin"),
        ({"wanted": {}, "origin": POINT, "weights": {"stock_number": 2}}, 400, "/weights/stock_number"),
        ({"wanted": {}, "origin": POINT, "required": ["vin"]}, 400, "/required/0"),
        ({"wanted": {"price": {"gte": 2, "lte": 1}}, "origin": POINT}, 400, "/wanted/price"),
        ({"wanted": {"make": ["x"] * 10_000}, "origin": POINT}, 400, "/wanted/make"),
        ({"wanted": {}, "origin": {"latitude": 91, "longitude": 0}}, 400, "/origin/latitude"),
        ({"wanted": {"near": {**POINT, "radius_km": 0}}, "origin": POINT}, 400, "/wanted/near/radius_km"),
        ({"wanted": {}, "origin": {"location_id": "nobody's"}}, 422, "/origin/location_id"),
        ({"wanted": {}, "origin": POINT, "limit": 51}, 400, "/limit"),
        ({"wanted": {}, "origin": POINT, "more": 1}, 400, "/more"),
    ],
)
async def test_a_bad_wish_is_told_where(world: StockWorld, body: dict[str, Any], status: int, pointer: str) -> None:
    for name in ("guest", "oem"):
        answer = await world.callers[name].post(LOCATE, json=body)
        assert answer.status_code == status, answer.text
        assert answer.json()["errors"][0]["pointer"] == pointer


@pytest.mark.parametrize("name", EVERYBODY)
async def test_suggestions_count_the_cars_that_the_caller_sees(world: StockWorld, name: str) -> None:
    cars = await world.found(name, {"criteria": {}})
    for start in "abcdefhlmnrst":
        answer = await world.callers[name].get(SUGGEST, params={"text": start, "limit": 50})
        assert answer.status_code == 200
        for one in answer.json()["items"]:
            having = [
                car
                for car in cars
                if one["value"] in ([car[one["field"]]] if one["field"] != "options" else car["options"])
            ]
            assert len(having) == one["count"] > 0, one


async def test_a_value_that_only_unseen_cars_have_does_not_exist(world: StockWorld) -> None:
    car = {"make": "Toyota", "model": "Qqzebra", "condition": "NEW", "brand": "Toyota", "visibility": "OWN_GROUP"}
    made = await world.callers["dealer"].post("/api/v1/vehicles", json={**car, "stock_number": "QQ-77"})
    headers = {"x-after-change": made.headers["x-change"]}
    for text in ("qqz", "qq-77", made.json()["listing_number"]):
        for name, sees in (("dealer", True), ("sister", True), ("oem", True), ("dealer2", False), ("guest", False)):
            answer = await world.callers[name].get(SUGGEST, params={"text": text}, headers=headers)
            assert bool(answer.json()["items"]) == sees, (text, name)


async def test_vin_and_stock_number_are_suggested_to_those_alone_who_may_see_them(world: StockWorld) -> None:
    public = await world.visible("guest")
    seen = [one for one in await world.found("oem", {"criteria": {}}) if one["id"] in public and one["vin"]]
    for field in ("vin", "stock_number"):
        value = seen[0][field]
        for name, sees in (("oem", True), ("dealer2", True), ("guest", False), ("customer", False)):
            items = (await world.callers[name].get(SUGGEST, params={"text": value})).json()["items"]
            assert ({"field": field, "value": value, "count": 1} in items) == sees, (field, name)
            assert sees or value not in str(items)


@pytest.mark.parametrize(
    "query", ["", "text=", "text=a&limit=0", "text=a&limit=51", "text=a&x=1", "text=a%00", "text=" + "a" * 201]
)
async def test_a_bad_text_is_refused(world: StockWorld, query: str) -> None:
    answer = await world.callers["guest"].get(f"{SUGGEST}?{query}")
    if query == "text=":
        assert (answer.status_code, answer.json()) == (200, {"items": []})
    else:
        assert answer.status_code == 400
