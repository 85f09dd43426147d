"""The shapes of search that people, dealers and systems ask, each a source of random queries that differ."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.search.stock import CITIES, FACETS, LOCATIONS, OPTION_COUNT, SEED, Column, Stock

LIMIT = 20
MILE_KM = 1.609344


class Near(NamedTuple):
    """Within so many kilometres of a city's centre."""

    latitude: float
    longitude: float
    radius_km: float


class Query(NamedTuple):
    """A search in codes; every query also wants vehicles in stock, which no facet leaves out and nothing relaxes."""

    shape: str
    lists: dict[str, tuple[int, ...]] = {}
    ranges: dict[str, tuple[int, int]] = {}
    """Both ends lie inside; `price` in cents, `model_year` as codes."""
    options: tuple[int, ...] = ()
    near: Near | None = None
    sort: str = "price"
    """A column, or `distance`."""
    descending: bool = False
    facets: tuple[str, ...] = ()
    relaxations: bool = False

    @property
    def criteria(self) -> tuple[str, ...]:
        """The names of the criteria, as relaxations call them."""
        return (
            *self.lists,
            *self.ranges,
            *(("options_all",) if self.options else ()),
            *(("near",) if self.near else ()),
        )


class Answer(NamedTuple):
    """What a query is answered with, in a form that can be compared."""

    total: int
    keys: NDArray[np.float64]
    """The sort key of each vehicle shown, in order: the column's value or kilometres."""
    numbers: Column
    """The vehicles shown."""
    counts: dict[str, Any]
    """For each facet the counts by code, or the buckets of ranges of codes."""
    relaxed: dict[str, int]
    """For each criterion the total if it alone were dropped."""


class Target(NamedTuple):
    """What a shape must reach over the best general peer, and what is aimed at."""

    least: float | None
    aim: float | None


class Dice:
    """Values drawn as they occur: a random vehicle's make is drawn as often as the stock has it."""

    def __init__(self, stock: Stock, seed: int):
        self.rng = np.random.default_rng([SEED, 7, seed])
        self.stock = stock

    def vehicle(self) -> dict[str, int]:
        """The values of some vehicle."""
        row = int(self.rng.integers(self.stock.rows))
        return {name: int(values[row]) for name, values in self.stock.columns.items()}

    def some(self, column: str, least: int, most: int) -> tuple[int, ...]:
        """So many different values of a column, common ones likelier."""
        wanted = min(int(self.rng.integers(least, most + 1)), self.stock.codes(column))
        found: set[int] = set()
        while len(found) < wanted:
            found.add(self.vehicle()[column])
        return tuple(sorted(found))

    def city(self) -> tuple[float, float]:
        """The centre of one of the 300 cities, large ones likelier."""
        at = int(self.rng.choice(CITIES, p=self.stock.network.city_shares))
        return float(self.stock.network.cities[at, 0]), float(self.stock.network.cities[at, 1])

    def near(self, *miles: int) -> Near:
        """A city and one of the radii."""
        return Near(*self.city(), round(int(self.rng.choice(miles)) * MILE_KM, 1))

    def dollars(self, low: int, high: int, step: int = 500) -> int:
        """An amount in cents that is a multiple of the step."""
        return int(self.rng.integers(low // step, high // step + 1)) * step * 100

    def between(self, low: int, high: int) -> int:
        """A whole number, both ends included."""
        return int(self.rng.integers(low, high + 1))

    def yes(self, share: float = 0.5) -> bool:
        """True so often."""
        return bool(self.rng.random() < share)

    def options(self, first: int, last: int, count: int) -> tuple[int, ...]:
        """Different options; low numbers are the popular ones."""
        return tuple(sorted(self.rng.choice(np.arange(first, last), count, replace=False).tolist()))


def _selective(dice: Dice) -> Query:
    car = dice.vehicle()
    year, least = max(car["model_year"] - dice.between(1, 4), 0), dice.dollars(5_000, 20_000)
    return Query(
        "selective conjunction",
        {"model": (car["model"],)},
        {"model_year": (year, year + dice.between(2, 4)), "price": (least, least + dice.dollars(10_000, 30_000))},
    )


def _unselective(dice: Dice) -> Query:
    column = ("body_style", "fuel_type", "drivetrain", "transmission", "condition")[dice.between(0, 4)]
    return Query("one unselective filter", {column: dice.some(column, 1, 2)}, descending=dice.yes(0.3))


def _ranges(dice: Dice) -> Query:
    year, least, driven = dice.between(14, 21), dice.dollars(8_000, 22_000), dice.between(0, 40_000)
    return Query(
        "three ranges",
        ranges={
            "model_year": (year, year + dice.between(4, 6)),
            "price": (least, least + dice.dollars(12_000, 25_000)),
            "odometer_km": (driven, driven + dice.between(50_000, 120_000)),
        },
        sort="odometer_km",
    )


def _lists(dice: Dice) -> Query:
    lists = {
        "make": dice.some("make", 4, 7),
        "exterior_color": dice.some("exterior_color", 3, 5),
        "body_style": dice.some("body_style", 2, 3),
    }
    return Query("three IN lists", lists, sort="in_stock_since", descending=True)


def _options(dice: Dice) -> Query:
    return Query(
        "four options all-of",
        {"body_style": (dice.vehicle()["body_style"],)},
        options=dice.options(24, OPTION_COUNT, 4),
    )


def _nearest(dice: Dice) -> Query:
    return Query("radius + make", {"make": dice.some("make", 1, 1)}, near=dice.near(100, 200, 300), sort="distance")


def _radius(dice: Dice) -> Query:
    return Query("radius", near=dice.near(50, 100, 150, 200), descending=dice.yes(0.2))


def _around(dice: Dice) -> Query:
    return Query(
        "radius + filters",
        {"body_style": dice.some("body_style", 1, 2), "condition": dice.some("condition", 1, 2)},
        {"price": (0, dice.dollars(15_000, 45_000))},
        near=dice.near(25, 50, 100),
        sort="distance" if dice.yes() else "price",
    )


def _landing(dice: Dice) -> Query:
    sort = ("in_stock_since", "price", "odometer_km")[dice.between(0, 2)]
    return Query("landing page", sort=sort, descending=dice.yes(), facets=FACETS)


def _disjunctive(dice: Dice) -> Query:
    lists = {
        "make": dice.some("make", 3, 6),
        "body_style": dice.some("body_style", 1, 3),
        "fuel_type": dice.some("fuel_type", 1, 2),
        "exterior_color": dice.some("exterior_color", 2, 4),
    }
    return Query("four own filters", lists, facets=FACETS)


def _full_page(dice: Dice) -> Query:
    lists = {"make": dice.some("make", 2, 4), "body_style": dice.some("body_style", 1, 3)}
    ranges = {"price": (0, dice.dollars(20_000, 60_000)), "model_year": (dice.between(10, 20), 63)}
    near = dice.near(100, 150, 200)
    return Query("full page", lists, ranges, near=near, facets=FACETS, relaxations=True)


def _narrow_page(dice: Dice) -> Query:
    lists: dict[str, tuple[int, ...]] = {"model": (dice.vehicle()["model"],)}
    return Query(
        "one model's page", lists, options=dice.options(0, 30, 2), near=dice.near(150, 250), sort="distance",
        facets=FACETS,
    )  # fmt: skip


def _lot(dice: Dice) -> Query:
    return Query("one lot", {"location_id": (dice.between(0, LOCATIONS - 1),)}, sort="in_stock_since", descending=True)


_SOURCES: tuple[tuple[Callable[[Dice], Query], Target], ...] = (
    (_selective, Target(100, 140)),
    (_unselective, Target(40, 80)),
    (_ranges, Target(8, 12)),
    (_lists, Target(100, 200)),
    (_options, Target(25, 40)),
    (_nearest, Target(40, 60)),
    (_radius, Target(25, 40)),
    (_around, Target(25, 40)),
    (_landing, Target(60, None)),
    (_disjunctive, Target(40, 60)),
    (_full_page, Target(30, 60)),
    (_narrow_page, Target(None, None)),
    (_lot, Target(None, None)),
)
DETAILS = {
    "selective conjunction": "model, years, prices; by price",
    "one unselective filter": "by price",
    "three ranges": "years, prices, odometers; by odometer",
    "three IN lists": "makes, colours, bodies; newest in stock first",
    "four options all-of": "and a body; by price",
    "radius + make": "nearest first",
    "radius": "by price",
    "radius + filters": "bodies, conditions, price; nearest or cheapest first",
    "landing page": "all facets, no filter",
    "four own filters": "makes, bodies, fuels, colours; all facets, four without their own filter",
    "full page": "radius, makes, bodies, prices, years; all facets and relaxations",
    "one model's page": "two options, radius; nearest first, all facets",
    "one lot": "newest in stock first",
}
"""What each shape asks, in the order of the report."""
TARGETS = dict(zip(DETAILS, (target for _, target in _SOURCES), strict=True))


def queries(stock: Stock, count: int, seed: int = 0) -> list[Query]:
    """`count` queries of each shape, no two alike, shuffled over the shapes.

    Only the landing page repeats itself: without a filter there is nothing to differ by but the order.
    """
    dice = Dice(stock, seed)
    found: list[Query] = []
    for source, _ in _SOURCES:
        seen: set[str] = set()
        for _ in range(count):
            query = source(dice)
            for _ in range(200):
                if repr(query) not in seen:
                    break
                query = source(dice)
            seen.add(repr(query))
            found.append(query)
    dice.rng.shuffle(found)
    return found
