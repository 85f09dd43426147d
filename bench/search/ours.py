"""Our index behind the same interface as its peers: one method a question, each calling the index's public method."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import numpy as np

from bench.search.bulk import CLUSTERING, Available, Tuples
from bench.search.filling import Filled, id_of, number_of
from bench.search.searcher import Bucket, InProcess, dense
from bench.search.shapes import LIMIT, Answer, Query
from bench.search.stock import FACETS, FIRST_YEAR, Points, Stock, distances_km
from inventory.criteria import RANGE_FACETS, Criteria, FacetCount, Near, Range, SearchRequest, Sort
from inventory.index import EVERYTHING
from inventory.vehicle_row import STATUSES

_RANGES = {"price": (100, 0), "model_year": (1, FIRST_YEAR), "odometer_km": (1, 0)}
"""What a number is divided by and what is added, to say it as callers do."""


class Ours(InProcess):
    """The index asked as staff ask, status among the criteria as with every peer."""

    name = "ours"

    def __init__(self, stock: Stock, filled: Filled):
        self.stock = stock
        self.filled = filled
        self.index = filled.stock
        self._codes = {
            name: {value: code for code, value in enumerate(stock.values[name])}
            for name in FACETS
            if name not in RANGE_FACETS
        }

    def prepare(self, query: Query) -> SearchRequest:
        """The request that a client's JSON becomes."""
        lists = {name: [self.stock.values[name][code] for code in codes] for name, codes in query.lists.items()}
        ranges = {}
        for name, (low, high) in query.ranges.items():
            scale, first = _RANGES[name]
            ranges[name] = Range(gte=Decimal(low + first) / scale, lte=Decimal(high + first) / scale)
        criteria = Criteria(
            **lists,  # type: ignore[arg-type]
            **ranges,  # type: ignore[arg-type]
            options_all=[f"Option {option}" for option in query.options],
            near=Near(*query.near) if query.near else None,
        )
        return SearchRequest(
            criteria=criteria,
            sort=[_sort(query)],
            limit=LIMIT,
            facets=list(query.facets),
            facet_limit=1_000,
            relaxations=query.relaxations,
        )

    def search(self, request: SearchRequest) -> Any:
        """Total, ids, keys, counts and relaxations."""
        return self.index.search(request, EVERYTHING)

    def lacking(self) -> dict[str, str]:
        """Our methods that the index cannot serve, with the method that it lacks."""
        return {ours: method for ours, method in _METHODS.items() if not hasattr(self.index, method)}

    def questions(self, tuples: Tuples) -> tuple[dict[str, list[str]], Points]:
        """Texts by column, and points."""
        texts = {name: [self.stock.values[name][code] for code in tuples.codes[name].tolist()] for name in CLUSTERING}
        return texts, tuples.points

    def available(self, questions: tuple[dict[str, list[str]], Points]) -> Available:
        """All in one call."""
        counts, kilometres = getattr(self.index, _METHODS["available"])(*questions, EVERYTHING)
        return Available(counts, kilometres)

    def vehicle(self, number: int) -> str:
        """Its id."""
        return id_of(self.filled.ids, number)

    def change_status(self, vehicle: str, status: int) -> None:
        """One decoded change."""
        getattr(self.index, _METHODS["change_status"])(vehicle, STATUSES[status])

    def answer(self, query: Query, raw: Any) -> Answer:
        """By the vehicles' numbers; their sort keys are looked up in the generated columns."""
        ids = [msgspec.json.decode(item)["id"] for item in raw.items]
        numbers = np.array([number_of(id) for id in ids], np.int64)
        rows = numbers  # of the generator's order
        if query.sort == "distance":
            assert query.near is not None
            places = distances_km(self.stock.network.vectors, query.near.latitude, query.near.longitude)
            keys = places[self.stock.columns["location_id"][rows]]
        else:
            keys = self.stock.columns[query.sort][rows]
        counts: dict[str, Any] = {}
        for name, found in raw.facets.items():
            if name in RANGE_FACETS:
                counts[name] = [_bucket(one) for one in found]
            else:
                codes = [self._codes[name][one.value] for one in found]
                counts[name] = dense(self.stock, name, codes, [one.count for one in found])
        relaxed = {one.drop: one.total for one in raw.relaxations}
        return Answer(raw.total, np.asarray(keys, np.float64), numbers, counts, relaxed)


_METHODS = {"available": "available_many", "change_status": "change_status"}
"""What the index must have for our method to be measured."""


def _sort(query: Query) -> Sort:
    if query.sort == "in_stock_since":
        return Sort("days_in_stock", "asc" if query.descending else "desc")
    return Sort(query.sort, "desc" if query.descending else "asc")


def _bucket(count: FacetCount) -> Bucket:
    assert not isinstance(count.gte, msgspec.UnsetType)
    assert not isinstance(count.lt, msgspec.UnsetType)
    return count.gte, count.lt, count.count
