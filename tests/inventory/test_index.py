"""The index answers as its plain twin does, whatever the stock, the question and the audience."""

from __future__ import annotations

import random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inventory.criteria import SearchRequest, checked
from inventory.index import Audience, StockIndex
from inventory.vehicle_row import VehicleRow
from tests.inventory.search_twin import Twin, sees
from tests.inventory.stocks import TODAY, audience_from, audiences, request_from, requests, rows, seeded_rows


def index_of(stock: list[VehicleRow]) -> StockIndex:
    index = StockIndex(secret=b"s", today=lambda: TODAY)
    index.load(stock, "1")
    return index


def walk(index: StockIndex, request: SearchRequest, audience: Audience) -> list[str]:
    """The ids of all pages."""
    found: list[str] = []
    while True:
        page = index.search(request, audience)
        found += [msgspec.json.decode(item)["id"] for item in page.items]
        if page.next_cursor is None:
            return found
        request = msgspec.structs.replace(request, cursor=page.next_cursor)


@settings(max_examples=120, deadline=None)
@given(rows(), requests(), audiences())
def test_every_answer_is_that_of_the_twin(stock: list[VehicleRow], request: SearchRequest, audience: Audience) -> None:
    checked(request)
    twin = Twin(stock, request, audience, TODAY)
    index = index_of(stock)
    twin.check(index.search(request, audience))
    assert walk(index, request, audience) == twin.ordered()


@settings(max_examples=60, deadline=None)
@given(rows(most=12), audiences(), st.data())
def test_single_vehicles_are_seen_by_the_audience_that_finds_them(
    stock: list[VehicleRow], audience: Audience, data: st.DataObject
) -> None:
    index = index_of(stock)
    for row in stock:
        found = index.get(row.id, audience)
        assert (found is not None) == sees(row, audience)
        if found is not None:
            assert ("vin" in msgspec.json.decode(found)) != audience.guarded
    assert index.get("nobody", audience) is None


@pytest.fixture(scope="module")
def large() -> tuple[StockIndex, list[VehicleRow]]:
    """Three blocks of a base, and a delta with changed and removed vehicles."""
    stock = seeded_rows(9_500, seed=5)
    index = index_of(stock)
    changed = [msgspec.structs.replace(row, status="IN_STOCK", version=2) for row in seeded_rows(700, seed=6)]
    removed = [row.id for row in stock[2_000:2_100]]
    index.apply(changed, removed, "2")
    state = {row.id: row for row in stock} | {row.id: row for row in changed}
    return index, [row for key, row in state.items() if key not in set(removed)]


@pytest.mark.parametrize("seed", range(40))
def test_stocks_of_several_blocks_and_segments_answer_alike(
    large: tuple[StockIndex, list[VehicleRow]], seed: int
) -> None:
    index, stock = large
    rng = random.Random(seed)
    request, audience = request_from(rng.choice), audience_from(rng.choice)
    request = msgspec.structs.replace(request, limit=200)
    twin = Twin(stock, request, audience, TODAY)
    twin.check(index.search(request, audience))
    assert walk(index, request, audience) == twin.ordered()
