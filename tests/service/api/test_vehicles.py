"""Vehicles over HTTP: everybody finds, reads and changes what row policies and field rules let them."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from datetime import date
from typing import Any

import httpx
import pytest

from inventory.vehicle_row import GUARDED_FIELDS, HOLDS, STATUSES, VISIBILITIES
from service.ops import postgres
from service.ops.database import Addresses
from service.settings import Settings
from tests.service.api.stock_world import BRAND, StockWorld, copied, stocked

EVERYTHING: dict[str, Any] = {"criteria": {"status": []}}
EVERYBODY = (
    "guest", "customer", "customer2", "dealer", "sister", "manager", "dealer2", "supplier", "staff", "executive",
    "brands", "distribution", "oem", "oem-brand",
)  # fmt: skip
UNGUARDED = tuple(name for name in EVERYBODY if name not in ("guest", "customer", "customer2"))
VIN = "1HGCM82633A004352"
NEW_CAR = {"make": "Toyota", "model": "Corolla", "condition": "NEW", "brand": "Toyota"}
pytestmark = pytest.mark.xdist_group("vehicles")


@pytest.fixture(scope="module")
async def world(server: postgres.Server, stock: Addresses, settings: Settings) -> AsyncIterator[StockWorld]:
    async with copied(server, stock, "vehicles") as addresses, stocked(addresses, settings) as found:
        yield found


async def _agree(world: StockWorld, after: str) -> dict[str, set[str]]:
    """Everybody finds exactly what the row policies show them; the ids by caller."""
    by_caller = {}
    for name in EVERYBODY:
        ids = {item["id"] for item in await world.found(name, EVERYTHING, after)}
        assert ids == await world.visible(name), name
        by_caller[name] = ids
    return by_caller


async def test_everybody_finds_exactly_the_rows_that_the_row_policies_show_them(world: StockWorld) -> None:
    ids = await _agree(world, await world.token())
    assert ids["guest"] == ids["customer"] == ids["customer2"]
    assert ids["guest"] < ids["supplier"] < ids["staff"] == ids["oem"] == ids["executive"]
    assert ids["dealer"] == ids["sister"] == ids["manager"] != ids["dealer2"]
    assert ids["brands"] == ids["oem-brand"] < ids["staff"]
    assert len({frozenset(found) for found in ids.values()}) == 6


async def test_what_a_search_shows_of_a_vehicle_is_what_reading_it_shows(world: StockWorld) -> None:
    await _read_as_found(world, await world.token())


async def _read_as_found(world: StockWorld, after: str) -> None:
    for name in EVERYBODY:
        for item in (await world.found(name, EVERYTHING, after))[:12]:
            answer = await world.callers[name].get(f"/api/v1/vehicles/{item['id']}", headers={"x-after-change": after})
            assert answer.json() == item, name
            assert answer.headers["etag"] == f'"{item["version"]}"'


async def test_a_hidden_vehicle_is_missing_to_the_last_byte(world: StockWorld) -> None:
    everything = await world.visible("oem")
    missing = "01900000-0000-7000-8000-000000000000"
    for name in ("guest", "customer", "dealer", "dealer2", "brands", "oem-brand"):
        hidden = everything - await world.visible(name)
        assert hidden
        nowhere = await _read(world.callers[name], missing)
        for id in sorted(hidden)[:5]:
            assert await _read(world.callers[name], id) == nowhere
        assert nowhere[0] == 404


async def _read(caller: httpx.AsyncClient, id: str) -> tuple[int, dict[str, Any], set[str]]:
    answer = await caller.get(f"/api/v1/vehicles/{id}")
    body = answer.json()
    body.pop("request_id")
    return answer.status_code, body, set(answer.headers)


async def test_guests_and_customers_get_no_guarded_field_and_others_get_all(world: StockWorld) -> None:
    for name in EVERYBODY:
        items = await world.found(name, EVERYTHING)
        keys = {key for item in items for key in item}
        assert keys >= set(GUARDED_FIELDS) if name in UNGUARDED else not keys & set(GUARDED_FIELDS), name
        one = (await world.callers[name].get(f"/api/v1/vehicles/{items[0]['id']}")).json()
        assert set(one) & set(GUARDED_FIELDS) == keys & set(GUARDED_FIELDS)


@pytest.mark.parametrize("field", GUARDED_FIELDS)
async def test_guarded_fields_are_found_by_text_by_those_alone_who_may_see_them(world: StockWorld, field: str) -> None:
    public = await world.visible("guest")
    item = next(item for item in await world.found("oem", EVERYTHING) if item["id"] in public and item[field])
    for name in EVERYBODY:
        request = {"criteria": {"status": [], "text": item[field]}}
        ids = {found["id"] for found in await world.found(name, request)}
        sees = name in UNGUARDED and item["id"] in await world.visible(name)
        assert (item["id"] in ids) == sees, name


async def test_guarded_fields_are_unknown_names_to_everybody_in_criteria_sorts_and_facets(world: StockWorld) -> None:
    for name in ("guest", "customer", "dealer"):
        for field in GUARDED_FIELDS:
            for body in ({"criteria": {field: ["X"]}}, {"sort": [{"by": field}]}, {"facets": [field]}):
                answer = await world.callers[name].post("/api/v1/vehicles/search", json=body)
                unknown = await world.callers[name].post(
                    "/api/v1/vehicles/search", content=answer.request.content.replace(field.encode(), b"nothing"),
                    headers={"content-type": "application/json"},
                )  # fmt: skip
                assert answer.status_code == unknown.status_code == 400
                assert answer.json()["type"] == unknown.json()["type"]
            answer = await world.callers[name].get("/api/v1/vehicles", params={field: "X"})
            assert answer.status_code == 400


async def test_a_customer_sees_the_own_cars_numbers_and_nobody_elses(world: StockWorld) -> None:
    own = await world.owner.fetch(
        "select v.id::text, v.vin from vehicle v join asset_account_participant p on p.asset_id = v.asset_id "
        "where p.account_id = $1 and p.role = 'OWNER' and p.ends_on is null",
        world.principals["customer"].account_id,
    )
    assert own
    for id, vin in own:
        assert (await world.callers["customer"].get(f"/api/v1/vehicles/{id}")).json()["vin"] == vin
        for name in ("guest", "customer2", "dealer2"):
            assert (await world.callers[name].get(f"/api/v1/vehicles/{id}")).status_code == 404, name
    public = min(await world.visible("guest"))
    assert "vin" not in (await world.callers["customer"].get(f"/api/v1/vehicles/{public}")).json()


async def _version(caller: httpx.AsyncClient, id: str) -> str:
    answer = await caller.get(f"/api/v1/vehicles/{id}")
    assert answer.status_code == 200, answer.text
    return str(answer.headers["etag"])


async def _patch(caller: httpx.AsyncClient, id: str, body: dict[str, Any], version: str | None = "") -> httpx.Response:
    version = await _version(caller, id) if version == "" else version
    headers = {"if-match": version} if version else {}
    return await caller.patch(f"/api/v1/vehicles/{id}", json=body, headers=headers)


async def test_a_change_needs_the_version_read_and_is_found_by_a_search_after_it(world: StockWorld) -> None:
    dealer = world.callers["dealer"]
    id = await world.vehicle_of(world.principals["dealer"].account_id)
    stale = await _version(dealer, id)
    assert (await _patch(dealer, id, {"exterior_color": "Lime"}, None)).status_code == 428
    for number in range(3):
        colour = f"Lime {number}"
        answer = await _patch(dealer, id, {"exterior_color": colour, "price": {"amount": "123.45", "currency": "USD"}})
        assert answer.status_code == 200, answer.text
        assert (answer.json()["exterior_color"], answer.json()["price"]["amount"]) == (colour, "123.45")
        request = {"criteria": {"status": [], "exterior_color": [colour]}}
        assert [item["id"] for item in await world.found("dealer", request, answer.headers["x-change"])] == [id]
    assert (await _patch(dealer, id, {"exterior_color": "Red"}, stale)).status_code == 412
    assert (await _patch(dealer, id, {"exterior_color": "Red"}, "nonsense")).status_code == 400


async def test_a_change_of_the_location_moves_what_a_radius_finds(world: StockWorld) -> None:
    oem = world.callers["oem"]
    id = await world.vehicle_of(None)
    code = f"X-{random.randrange(10**9)}"
    place = {"code": code, "name": "Pole", "kind": "WAREHOUSE", "latitude": 89.0, "longitude": 10.0}
    made = await oem.post("/api/v1/locations", json=place)
    assert made.status_code == 201, made.text
    answer = await _patch(oem, id, {"location_id": made.json()["id"]})
    assert answer.status_code == 200, answer.text
    request = {"criteria": {"status": [], "near": {"latitude": 89.5, "longitude": 10.0, "radius_km": 100}}}
    (item,) = await world.found("oem", request, answer.headers["x-change"])
    assert item["id"] == id
    assert item["distance_km"] == pytest.approx(55.6, abs=0.1)


@pytest.mark.parametrize(
    ("name", "status"),
    [("guest", 401), ("customer", 404), ("sister", 404), ("dealer2", 404), ("supplier", 404), ("staff", 404),
     ("executive", 404), ("manager", 200), ("distribution", 200), ("oem", 200)],
)  # fmt: skip
async def test_a_public_car_is_changed_by_its_keepers_alone(world: StockWorld, name: str, status: int) -> None:
    id = await world.vehicle_of(world.principals["dealer"].account_id, "v.audience = 2")
    version = await _version(world.callers["guest"], id)
    answer = await _patch(world.callers[name], id, {"interior_color": f"Of {name}"}, version)
    assert answer.status_code == status, answer.text


async def test_staff_limited_to_brands_do_not_see_others_to_change(world: StockWorld) -> None:
    id = await world.vehicle_of(world.principals["dealer"].account_id, f"v.brand is distinct from '{BRAND}'")
    version = await _version(world.callers["oem"], id)
    assert (await _patch(world.callers["oem-brand"], id, {"trim": "Z"}, version)).status_code == 404


@pytest.mark.parametrize("field", ["status", "dealer_account_id", "left_on", "audience", "id", "version", "raw"])
async def test_what_is_no_property_of_a_change_is_refused(world: StockWorld, field: str) -> None:
    id = await world.vehicle_of(world.principals["dealer"].account_id)
    answer = await _patch(world.callers["dealer"], id, {field: "SOLD"})
    assert answer.status_code == 400, answer.text


@pytest.mark.parametrize(
    ("vin", "status", "kept"),
    [(" 1hgcm82633a004352 ", 201, VIN), ("1HGCM82643A004352", 422, None), ("1HGCM8263IA004352", 422, None),
     ("1HGCM82633A00435", 422, None), ("WVWZZZ1KZ6W000001", 201, "WVWZZZ1KZ6W000001"), (None, 201, None)],
)  # fmt: skip
async def test_a_vin_is_normalised_and_its_check_digit_holds_where_it_is_mandatory(
    world: StockWorld, vin: str | None, status: int, kept: str | None
) -> None:
    await world.owner.execute("update vehicle set vin = null where vin = $1", VIN)
    answer = await world.callers["dealer"].post("/api/v1/vehicles", json={**NEW_CAR, "vin": vin})
    assert answer.status_code == status, answer.text
    if status == 201:
        assert answer.json()["vin"] == kept
    else:
        assert answer.json()["errors"][0]["pointer"] == "/vin"


async def test_a_new_car_belongs_to_its_dealer_and_is_found_at_once(world: StockWorld) -> None:
    answer = await world.callers["dealer"].post("/api/v1/vehicles", json={**NEW_CAR, "trim": "Brand New"})
    assert answer.status_code == 201
    made = answer.json()
    assert answer.headers["location"] == f"/api/v1/vehicles/{made['id']}"
    assert made["dealer_account_id"] == world.principals["dealer"].account_id
    request = {"criteria": {"trim": ["brand new"]}}
    for name in ("guest", "dealer", "dealer2", "oem"):
        (item,) = await world.found(name, request, answer.headers["x-change"])
        assert item["id"] == made["id"]


async def test_a_dealer_takes_nothing_into_anothers_stock(world: StockWorld) -> None:
    rival = world.principals["dealer2"].account_id
    answer = await world.callers["dealer"].post("/api/v1/vehicles", json={**NEW_CAR, "dealer_account_id": rival})
    assert answer.status_code in (403, 422), answer.text
    lot = next(one.lot.id for one in world.demo.network.dealers if one.account.id == rival)
    answer = await world.callers["dealer"].post("/api/v1/vehicles", json={**NEW_CAR, "location_id": lot})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/location_id"


async def test_an_update_of_a_stock_entry_that_changes_nothing_is_none(world: StockWorld) -> None:
    told = (
        "select (select count(*) from history where record_id = e.id), version, updated_at from stock_entry e "
        "where id = $1"
    )
    id = await world.owner.fetchval("select id from stock_entry where left_on is null order by id limit 1")
    before = await world.owner.fetchrow(told, id)
    await world.owner.execute("update stock_entry set status = status, holds = holds where id = $1", id)
    assert await world.owner.fetchrow(told, id) == before
    dearer = "price_minor = coalesce(price_minor, 0) + 1, price_currency = 'USD'"
    await world.owner.execute(f"update stock_entry set {dearer} where id = $1", id)
    changes, version, updated_at = await world.owner.fetchrow(told, id)
    assert (changes, version) == (before[0] + 1, before[1] + 1)
    assert updated_at > before[2]


async def test_numbers_that_are_taken_conflict(world: StockWorld) -> None:
    taken = await world.owner.fetchrow(
        "select v.vin, e.stock_number, e.location_id::text from stock_entry e join vehicle v on v.id = e.vehicle_id "
        "where e.dealer_account_id = $1 and e.left_on is null and v.vin is not null and e.stock_number is not null "
        "and e.location_id is not null order by v.id limit 1",
        world.principals["dealer"].account_id,
    )
    dealer = world.callers["dealer"]
    for more in (
        {"vin": taken["vin"]},
        {"stock_number": taken["stock_number"], "location_id": taken["location_id"]},
        {"external_keys": [{"system": "test", "key": "K-1"}]},
    ):
        if "external_keys" in more:
            assert (await dealer.post("/api/v1/vehicles", json={**NEW_CAR, **more})).status_code == 201
        answer = await dealer.post("/api/v1/vehicles", json={**NEW_CAR, **more})
        assert answer.status_code == 409, answer.text
        assert answer.json()["type"] == "urn:forecourt:problem:already-exists"
        assert str(taken["vin"]) not in answer.text


async def test_a_key_replays_the_answer_and_takes_no_second_car_in(world: StockWorld) -> None:
    dealer, headers = world.callers["dealer"], {"idempotency-key": f"take-in-{random.randrange(10**9)}"}
    body = {**NEW_CAR, "trim": headers["idempotency-key"]}
    first = await dealer.post("/api/v1/vehicles", json=body, headers=headers)
    again = await dealer.post("/api/v1/vehicles", json=body, headers=headers)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert again.headers["idempotent-replayed"] == "true"
    other = await dealer.post("/api/v1/vehicles", json={**body, "model": "Yaris"}, headers=headers)
    assert other.status_code == 422
    request = {"criteria": {"trim": [headers["idempotency-key"]]}}
    assert len(await world.found("dealer", request, again.headers["x-change"])) == 1


async def test_a_car_is_read_by_the_name_another_system_gives_it_by_those_who_see_it(world: StockWorld) -> None:
    key = f"K-{random.randrange(10**9)}"
    body = {**NEW_CAR, "visibility": "OWN_GROUP", "external_keys": [{"system": "dms", "key": key}]}
    made = (await world.callers["dealer"].post("/api/v1/vehicles", json=body)).json()
    for name, status in (("dealer", 200), ("sister", 200), ("oem", 200), ("dealer2", 404), ("customer", 404)):
        answer = await world.callers[name].get(f"/api/v1/vehicles/by-key/dms/{key}")
        assert answer.status_code == status, name
        assert status == 404 or answer.json()["id"] == made["id"]


async def test_a_token_of_nothing_that_is_known_is_refused(world: StockWorld) -> None:
    for bad in ("x", "0.1.1-2-", "AAAA"):
        answer = await world.callers["guest"].post("/api/v1/vehicles/search", json={}, headers={"x-after-change": bad})
        assert answer.status_code == 400


async def test_the_index_equals_row_security_after_any_change(world: StockWorld) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    dealers: list[str | None] = [None, *(dealer.account.id for dealer in world.demo.network.dealers)]
    for _ in range(8):
        entries = await world.owner.fetch("select id, left_on, vehicle_id from stock_entry order by id")
        async with world.owner.transaction():
            for entry in chance.sample(entries, 12):
                await _change_anything(world, chance, entry, dealers)
        await _agree(world, await world.token())
    await _read_as_found(world, await world.token())


async def _change_anything(world: StockWorld, chance: random.Random, entry: Any, dealers: list[str | None]) -> None:
    column, value = chance.choice(
        (
            ("visibility", chance.choice(VISIBILITIES)),
            ("holds", chance.sample(HOLDS, chance.choice((0, 0, 1, 2)))),
            ("status", chance.choice(STATUSES)),
            ("left_on", None if entry["left_on"] else chance.choice((None, _later(entry)))),
            ("dealer_account_id", chance.choice(dealers)),
        )
    )
    if column == "left_on" and value is None and entry["left_on"]:
        if chance.random() < 0.5:  # the car comes back, into another stock
            await world.owner.execute(
                "insert into stock_entry (id, created_at, updated_at, vehicle_id, dealer_account_id, brand, "
                "in_stock_since) select gen_random_uuid(), now(), now(), v.id, $2, v.brand, current_date "
                "from vehicle v where v.id = $1 and not exists "
                "(select from stock_entry where vehicle_id = v.id and left_on is null)",
                entry["vehicle_id"],
                chance.choice(dealers),
            )
        return
    await world.owner.execute(
        f"update stock_entry set {column} = $2 where id = $1 and {column} is distinct from $2", entry["id"], value
    )


def _later(entry: Any) -> date:
    return date(2030, 1, 1 + entry["id"].int % 28)


async def test_a_right_that_is_withdrawn_is_withdrawn_from_the_next_search(world: StockWorld) -> None:
    account = world.principals["sister"].account_id
    assert await world.found("sister", EVERYTHING)
    await world.owner.execute("update account set is_partner = false where id = $1", account)
    answer = await world.callers["sister"].post("/api/v1/vehicles/search", json=EVERYTHING)
    assert answer.status_code == 401
