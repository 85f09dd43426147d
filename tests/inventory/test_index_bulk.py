"""Many questions at once are answered as a search would answer each of them."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import numpy as np
import pytest

from inventory.criteria import Criteria, Near, SearchRequest, Sort
from inventory.index import EVERYTHING, GUEST, Audience, StockIndex
from inventory.index.bulk import Tuples
from inventory.vehicle_row import VehicleRow
from tests.inventory.stocks import TODAY, seeded_rows


@pytest.fixture(scope="module")
def stock() -> list[VehicleRow]:
    return seeded_rows(4_500, 5)


@pytest.fixture(scope="module")
def index(stock: list[VehicleRow]) -> StockIndex:
    """Two blocks of a base, a delta, and dead rows."""
    made = StockIndex(secret=b"s", today=lambda: TODAY)
    made.load(stock, "1")
    changed = [msgspec.structs.replace(row, status="IN_STOCK", version=2, trim="XLE") for row in seeded_rows(400, 6)]
    made.apply(changed, [row.id for row in stock[2_000:2_100]], "2")
    return made


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
@pytest.mark.parametrize("who", ["staff", "guest", "dealer"])
def test_each_question_is_answered_as_a_search(
    stock: list[VehicleRow], index: StockIndex, who: str, depth: int
) -> None:
    dealer = next(row.dealer_account_id for row in stock if row.dealer_account_id)
    audience = {
        "staff": EVERYTHING,
        "guest": GUEST,
        "dealer": Audience(guarded=False, units=frozenset({dealer})),
    }[who]
    rng = random.Random(depth)
    fields = ("make", "model", "trim", "exterior_color")[:depth]
    asked: dict[str, list[str]] = {}
    for name in fields:
        pool = [value for row in stock if (value := getattr(row, name))]
        asked[name] = [*rng.choices(pool, k=80), "nobody has this"]
    points = [(rng.uniform(-90, 90), rng.uniform(-180, 180)) for _ in range(81)]
    latitude, longitude = (np.array(axis) for axis in zip(*points, strict=True))
    latitude[5] = longitude[5] = np.nan
    found = index.available_many(Tuples(**asked, latitude=latitude, longitude=longitude), audience)
    assert found is not None
    ids, locations = found.ids(), found.location_ids()
    for question, point in enumerate(points):
        wanted: dict[str, Any] = {name: [asked[name][question]] for name in fields}
        request = SearchRequest(criteria=Criteria(**wanted, near=Near(*point)), sort=[Sort("distance")], limit=1)
        page = index.search(request, audience)
        assert found.counts[question] == page.total
        nearest = msgspec.json.decode(page.items[0]) if page.items else {"distance_km": None}
        if question == 5 or nearest["distance_km"] is None:
            assert ids[question] is None
            assert np.isnan(found.distances_km[question])
        else:
            assert (ids[question], locations[question]) == (nearest["id"], nearest["location_id"])
            assert found.distances_km[question] == pytest.approx(nearest["distance_km"], abs=0.001)


def test_many_questions_from_few_points_find_the_nearest_of_many_places(stock: list[VehicleRow]) -> None:
    rng = random.Random(7)
    places = [(rng.uniform(30, 50), rng.uniform(-120, -70), f"place-{number}") for number in range(700)]
    moved = []
    for row in stock:
        latitude, longitude, name = rng.choice(places if rng.random() < 0.5 else places[:40])
        place = {"latitude": latitude, "longitude": longitude, "location_id": name}
        moved.append(msgspec.structs.replace(row, make=rng.choice(("Ford", "FORD", "Kia")), **place))
    index = StockIndex(secret=b"s", today=lambda: TODAY)
    index.load(moved[:4_200], "1")
    index.apply(moved[4_200:], [], "2")
    asked = [rng.choice(("Ford", "kia", "Kia", "FORD")) for _ in range(90)]
    points = [rng.choice((places[3][:2], (40.0, -100.0), (35.5, -80.25))) for _ in asked]
    axes = np.array(points)
    found = index.available_many(Tuples(asked, latitude=axes[:, 0], longitude=axes[:, 1]), EVERYTHING)
    assert found is not None
    ids, locations = found.ids(), found.location_ids()
    for question, point in enumerate(points):
        criteria = Criteria(make=[asked[question]], near=Near(*point))
        page = index.search(SearchRequest(criteria=criteria, sort=[Sort("distance")], limit=1), EVERYTHING)
        nearest = msgspec.json.decode(page.items[0])
        assert (found.counts[question], ids[question]) == (page.total, nearest["id"])
        assert locations[question] == nearest["location_id"]
        assert found.distances_km[question] == pytest.approx(nearest["distance_km"], abs=0.001)


def test_questions_whose_columns_do_not_fit_together_are_refused(index: StockIndex) -> None:
    for wrong in (Tuples(["Ford"], trim=["XLE"]), Tuples(["Ford"], ["Rio", "Camry"])):
        with pytest.raises(ValueError, match="column"):
            index.available_many(wrong, EVERYTHING)


def test_no_questions_have_no_answers(index: StockIndex) -> None:
    found = index.available_many(Tuples([]), EVERYTHING)
    assert found is not None
    assert len(found.counts) == len(found.ids()) == 0
