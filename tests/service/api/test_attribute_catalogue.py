"""A new attribute of the catalogue is a criterion and a facet on every worker, without a restart."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import httpx
import pytest

from service.ops import postgres
from service.ops.database import Addresses
from service.settings import Settings
from tests.service.api.serving import client
from tests.service.api.stock_world import StockWorld, application, copied, stocked

DEFINITIONS = "/api/v1/attribute-definitions"
SEARCH = "/api/v1/vehicles/search"
pytestmark = pytest.mark.xdist_group("attribute_catalogue")


@pytest.fixture(scope="module")
async def place(server: postgres.Server, stock: Addresses) -> AsyncIterator[Addresses]:
    async with copied(server, stock, "attribute_catalogue") as addresses:
        yield addresses


@pytest.fixture(scope="module")
async def world(place: Addresses, settings: Settings) -> AsyncIterator[StockWorld]:
    async with stocked(place, settings) as found:
        yield found


@pytest.fixture(scope="module")
async def workers(world: StockWorld, place: Addresses, settings: Settings) -> AsyncIterator[list[httpx.AsyncClient]]:
    """Guests' clients of two workers on one database."""
    async with application(place, settings) as (app, _), AsyncExitStack() as stack:
        yield [world.callers["guest"], await stack.enter_async_context(client(app))]


async def test_a_new_attribute_is_a_criterion_and_a_facet_on_every_worker(
    world: StockWorld, workers: list[httpx.AsyncClient]
) -> None:
    oem = world.callers["oem"]
    asked = {"criteria": {"attributes": {"wheel_inches": {"gte": 20}}}, "facets": ["attributes.wheel_inches"]}
    for worker in workers:
        unknown = await worker.post(SEARCH, json=asked)
        assert unknown.status_code == 400
        assert unknown.json()["type"] == "urn:forecourt:problem:unknown-property"
        pointers = [error["pointer"] for error in unknown.json()["errors"]]
        assert sorted(pointers) == ["/criteria/attributes/wheel_inches", "/facets/0"]
    told = {"code": "wheel_inches", "labels": {"en": "Wheels", "de": "Räder"}, "data_type": "NUMBER", "unit": "in"}
    made = await oem.post(DEFINITIONS, json=told)
    assert made.status_code == 201, made.text
    for worker in workers:
        found = await worker.post(SEARCH, json=asked, headers={"x-after-change": made.headers["x-change"]})
        assert found.status_code == 200, found.text
        assert found.json()["total"] == 0
        by_address = await worker.get(
            "/api/v1/vehicles?attributes.wheel_inches.gte=20", headers={"x-after-change": made.headers["x-change"]}
        )
        assert by_address.status_code == 200, by_address.text
    (car, *_) = sorted(await world.visible("guest"))
    entry = await oem.get(f"/api/v1/vehicles/{car}")
    headers = {"if-match": entry.headers["etag"]}
    wrong = await oem.patch(f"/api/v1/vehicles/{car}", json={"attributes": {"wheel_inches": "20"}}, headers=headers)
    assert wrong.status_code == 422
    assert wrong.json()["errors"] == [{"pointer": "/attributes/wheel_inches", "detail": "is a number"}]
    attributes = {**entry.json()["attributes"], "wheel_inches": 20, "nobody_defined": "x"}
    put = await oem.patch(f"/api/v1/vehicles/{car}", json={"attributes": attributes}, headers=headers)
    assert put.status_code == 200, put.text
    everything = {**asked, "criteria": {**asked["criteria"], "status": []}}
    for worker in workers:
        after = {"x-after-change": put.headers["x-change"]}
        page = (await worker.post(SEARCH, json=everything, headers=after)).json()
        assert [item["id"] for item in page["items"]] == [car]
        assert {"value": "20", "count": 1} in page["facets"]["attributes.wheel_inches"]
        loose = {"criteria": {"status": [], "attributes": {"nobody_defined": ["x"]}}}
        assert (await worker.post(SEARCH, json=loose)).json()["total"] == 1
        stranger = {"criteria": {"attributes": {"nobody_has_this": ["x"]}}}
        assert (await worker.post(SEARCH, json=stranger)).status_code == 400


async def test_the_catalogue_is_kept_by_staff_and_read_by_partners_and_customers(world: StockWorld) -> None:
    told = {"code": "paint_code", "labels": {"en": "Paint"}, "data_type": "TEXT"}
    statuses = {
        name: (await world.callers[name].post(DEFINITIONS, json=told)).status_code
        for name in ("guest", "customer", "dealer", "staff", "oem")
    }
    assert statuses == {"guest": 401, "customer": 403, "dealer": 403, "staff": 403, "oem": 201}
    for name, status in (("guest", 401), ("customer", 200), ("dealer", 200), ("staff", 200)):
        assert (await world.callers[name].get(f"{DEFINITIONS}?code=paint_code")).status_code == status, name
