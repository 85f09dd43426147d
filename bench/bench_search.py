"""What does a search cost, answer written, beside numpy over whole columns? Shapes as customers and dealers ask them.

The instance has 100,000 vehicles; FORECOURT_BENCH_VEHICLES makes any other size. The peer gets its columns already
coded and answers ids, total and counts only; ours answers the whole page as JSON. Both are compared before timing.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray
from pytest_benchmark.fixture import BenchmarkFixture

from inventory.criteria import Criteria, Near, Range, SearchRequest, Sort
from inventory.index import GUEST, StockIndex
from inventory.vehicle_row import VehicleRow

VEHICLES = int(os.environ.get("FORECOURT_BENCH_VEHICLES", "100000"))
LOCATIONS = 3_000
TODAY = date(2026, 11, 20)
MAKES = [f"Make {number}" for number in range(40)]
BODIES = ["SUV", "Sedan", "Truck", "Hatchback", "Van", "Coupe", "Wagon"]
COLORS = ["White", "Black", "Silver", "Grey", "Blue", "Red", "Green", "Brown", "Beige", "Yellow", "Orange", "Gold"]
OPTIONS = [f"Option {number}" for number in range(60)]
ORIGIN = (40.7, -74.0)
FACETS = ["make", "model", "body_style", "fuel_type", "exterior_color"]
Columns = dict[str, NDArray[Any]]


def vehicles(count: int) -> list[VehicleRow]:
    """Stock with the skew of the real: few makes, colours and bodies have most of it."""
    rng = random.Random(20_261_120)

    def skewed(values: list[str]) -> list[str]:
        return rng.choices(values, [1 / (place + 1) for place in range(len(values))], k=count)

    places = [(rng.uniform(25, 48), rng.uniform(-122, -70)) for _ in range(LOCATIONS)]
    makes, bodies, colors = skewed(MAKES), skewed(BODIES), skewed(COLORS)
    rows = []
    for number in range(count):
        place = rng.randrange(LOCATIONS)
        age = min(int(rng.expovariate(0.25)), 20)
        kilometres = rng.randrange(1, 30_000) * (age + 1) // 2
        rows.append(
            VehicleRow(
                id=f"{rng.getrandbits(128):032x}",
                version=1,
                vin=f"1FT{rng.getrandbits(56):014X}",
                listing_number=f"L-{number:08d}",
                make=makes[number],
                model=f"{makes[number]} {min(int(rng.expovariate(0.4)), 15)}",
                trim=rng.choice(("LE", "XLE", "SE", "Limited")),
                model_year=2026 - age,
                body_style=bodies[number],
                fuel_type=rng.choice(("GASOLINE", "GASOLINE", "HYBRID", "ELECTRIC")),
                exterior_color=colors[number],
                condition="USED",
                status="IN_STOCK" if rng.random() < 0.7 else "SOLD",
                price_minor=int(rng.lognormvariate(10.2, 0.5)) * 100,
                price_currency="USD",
                odometer_value=kilometres,
                odometer_unit="KM",
                odometer_km=kilometres,
                options=tuple(rng.sample(OPTIONS, rng.randrange(2, 12))),
                location_id=f"loc-{place}",
                latitude=places[place][0],
                longitude=places[place][1],
                in_stock_since=TODAY - timedelta(rng.randrange(400)),
            )
        )
    return rows


class Peer:
    """The same stock as numpy columns of small codes, distances a location."""

    def __init__(self, rows: list[VehicleRow]):
        self.ids = np.array([row.id for row in rows])
        self.order = np.argsort(np.argsort(self.ids))
        self.values: dict[str, list[str]] = {}
        self.columns: Columns = {}
        for name in ("make", "model", "body_style", "fuel_type", "exterior_color", "status", "location_id"):
            self.values[name] = sorted({getattr(row, name) for row in rows})
            codes = {value: code for code, value in enumerate(self.values[name])}
            self.columns[name] = np.array([codes[getattr(row, name)] for row in rows], np.uint16)
        for name in ("price_minor", "model_year", "odometer_km"):
            self.columns[name] = np.array([getattr(row, name) for row in rows], np.int32)
        self.columns["in_stock_since"] = np.array(
            [row.in_stock_since.toordinal() for row in rows if row.in_stock_since]
        )
        places = {row.location_id: (row.latitude, row.longitude) for row in rows}
        self.places = np.radians(np.array([places[value] for value in self.values["location_id"]], np.float64))
        words = np.zeros(len(rows), np.uint64)
        for place, row in enumerate(rows):
            words[place] = sum(1 << int(option.split()[1]) for option in row.options)
        self.options = words

    def distances(self) -> NDArray[np.float64]:
        """Kilometres from the origin by location."""
        latitude, longitude = np.radians(ORIGIN)
        cosines = np.sin(latitude) * np.sin(self.places[:, 0]) + np.cos(latitude) * np.cos(self.places[:, 0]) * np.cos(
            self.places[:, 1] - longitude
        )
        return np.asarray(6371.0088 * np.arccos(np.clip(cosines, -1, 1)))

    def mask(self, criteria: Criteria) -> list[tuple[str, NDArray[np.bool_]]]:
        """One mask a criterion."""
        found = [("status", self.columns["status"] == self.values["status"].index("IN_STOCK"))]
        found.extend(
            (name, np.isin(self.columns[name], [self.values[name].index(value) for value in wanted]))
            for name in FACETS
            if (wanted := getattr(criteria, name))
        )
        for name, column, scale in (
            ("price", "price_minor", 100),
            ("model_year", "model_year", 1),
            ("odometer_km", "odometer_km", 1),
        ):
            if bounds := getattr(criteria, name):
                values = self.columns[column]
                low, high = bounds.gte or Decimal(-(10**6)), bounds.lte or Decimal(10**7)
                found.append((name, (values >= int(low * scale)) & (values <= int(high * scale))))
        if criteria.options_all:
            bits = np.uint64(sum(1 << int(option.split()[1]) for option in criteria.options_all))
            found.append(("options", (self.options & bits) == bits))
        if criteria.near is not None and criteria.near.radius_km is not None:
            found.append(("near", (self.distances() <= criteria.near.radius_km)[self.columns["location_id"]]))
        return found

    def search(self, request: SearchRequest) -> tuple[int, list[str], dict[str, list[int]]]:
        """Total, ids of the page, and sorted counts a facet."""
        masks = self.mask(request.criteria)
        hits = np.flatnonzero(np.logical_and.reduce([mask for _, mask in masks]))
        by = request.sort[0].by if request.sort else "days_in_stock"
        if by == "distance":
            keys = self.distances()[self.columns["location_id"][hits]]
        elif by == "days_in_stock":
            keys = -self.columns["in_stock_since"][hits]
        else:
            keys = self.columns["price_minor" if by == "price" else by][hits]
        if len(hits) > request.limit:
            last = np.partition(keys, request.limit - 1)[request.limit - 1]
            near = keys <= last
            hits_of_page, keys = hits[near], keys[near]
        else:
            hits_of_page = hits
        page = hits_of_page[np.lexsort((self.order[hits_of_page], keys))][: request.limit]
        facets = {}
        for name in request.facets:
            others = [mask for own, mask in masks if own != name]
            counts = np.bincount(self.columns[name][np.logical_and.reduce(others)])
            facets[name] = sorted(counts[counts > 0].tolist(), reverse=True)
        return len(hits), self.ids[page].tolist(), facets


class Instance(NamedTuple):
    """Ours and the peer over the same vehicles."""

    ours: StockIndex
    peer: Peer


@pytest.fixture(scope="module")
def stock() -> Instance:
    """The stock, loaded twice."""
    rows = vehicles(VEHICLES)
    index = StockIndex(secret=b"bench", today=lambda: TODAY)
    index.load(rows, "1")
    return Instance(index, Peer(rows))


def between(low: int, high: int) -> Range:
    return Range(gte=Decimal(low), lte=Decimal(high))


NEAR = Near(*ORIGIN, 320.0)
SHAPES = {
    "selective": SearchRequest(
        criteria=Criteria(model=["Make 3 1"], model_year=between(2020, 2026), price=between(0, 30_000)),
        sort=[Sort("price")],
    ),
    "unselective": SearchRequest(criteria=Criteria(body_style=["SUV"]), sort=[Sort("price")]),
    "three_ranges": SearchRequest(
        criteria=Criteria(
            model_year=between(2015, 2023), price=between(15_000, 40_000), odometer_km=between(0, 100_000)
        ),
        sort=[Sort("odometer_km")],
    ),
    "three_lists": SearchRequest(
        criteria=Criteria(make=MAKES[1:6:2], exterior_color=["Red", "Blue"], body_style=["SUV", "Sedan"])
    ),
    "four_options": SearchRequest(criteria=Criteria(options_all=OPTIONS[1:5]), sort=[Sort("price")]),
    "nearest": SearchRequest(criteria=Criteria(make=["Make 3"], near=NEAR), sort=[Sort("distance")]),
    "radius": SearchRequest(criteria=Criteria(near=NEAR), sort=[Sort("price")]),
    "landing": SearchRequest(facets=FACETS, facet_limit=1_000),
    "disjunctive": SearchRequest(
        criteria=Criteria(make=["Make 1"], body_style=["SUV"], fuel_type=["HYBRID"], exterior_color=["Black"]),
        facets=FACETS,
        facet_limit=1_000,
    ),
    "full_page": SearchRequest(
        criteria=Criteria(make=["Make 1", "Make 2"], body_style=["SUV"], near=NEAR, price=between(0, 40_000)),
        facets=FACETS,
        facet_limit=1_000,
        sort=[Sort("price")],
    ),
}


@pytest.mark.parametrize("who", ["ours", "numpy"])
@pytest.mark.parametrize("shape", SHAPES)
def bench_search(benchmark: BenchmarkFixture, stock: Instance, shape: str, who: str) -> None:
    """One shape of search, ours or the peer's."""
    request = SHAPES[shape]
    page = stock.ours.search(request, GUEST)
    total, ids, facets = stock.peer.search(request)
    assert (page.total, [msgspec.json.decode(item)["id"] for item in page.items]) == (total, ids)
    assert {name: [one.count for one in counts] for name, counts in page.facets.items()} == facets
    ways: dict[str, Callable[[], object]] = {
        "ours": lambda: stock.ours.search(request, GUEST).encode(),
        "numpy": lambda: stock.peer.search(request),
    }
    benchmark.group = f"search {shape}, {VEHICLES} vehicles, {total} hits"
    benchmark.name = who
    benchmark(ways[who])
