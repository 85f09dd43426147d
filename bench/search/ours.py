"""Our index behind the same interface as its peers: one method a question, each calling the index's public method."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np

from bench.search.bulk import CLUSTERING, Available, Tuples
from bench.search.filling import Filled, id_of, number_of
from bench.search.searcher import InProcess, dense
from bench.search.shapes import LIMIT, Answer, Query
from bench.search.stock import FACETS, FIRST_YEAR, Points, Stock, distances_km
from inventory.criteria import RANGE_FACETS, Criteria, Near, Range, SearchRequest, Sort
from inventory.index import EVERYTHING, bulk
from inventory.index.bands import EDGES
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
        found = self.index.find(request, EVERYTHING)
        return found.total, found.ids, found.keys, found.counts, found.relaxations

    def questions(self, tuples: Tuples) -> tuple[dict[str, list[str]], Points]:
        """Texts by column, and points."""
        texts = {name: [self.stock.values[name][code] for code in tuples.codes[name].tolist()] for name in CLUSTERING}
        return texts, tuples.points

    def available(self, questions: tuple[dict[str, list[str]], Points]) -> Available:
        """All in one call."""
        texts, points = questions
        asked = bulk.Tuples(**texts, latitude=points[:, 0], longitude=points[:, 1])
        found = self.index.available_many(asked, EVERYTHING)
        assert found is not None
        return Available(found.counts, np.where(np.isnan(found.distances_km), np.inf, found.distances_km))

    def vehicle(self, number: int) -> str:
        """Its id."""
        return id_of(self.filled.ids, number)

    def change_status(self, vehicle: str, status: int) -> None:
        """One decoded change."""
        self.index.change_status(vehicle, STATUSES[status], 2, "2")

    def answer(self, query: Query, raw: Any) -> Answer:
        """By the vehicles' numbers; their sort keys are looked up in the generated columns."""
        total, ids, _, counted, relaxations = raw
        numbers = np.array([number_of(id) for id in ids], np.int64)
        rows = numbers  # of the generator's order
        if query.sort == "distance":
            assert query.near is not None
            places = distances_km(self.stock.network.vectors, query.near.latitude, query.near.longitude)
            keys = places[self.stock.columns["location_id"][rows]]
        else:
            keys = self.stock.columns[query.sort][rows]
        counts: dict[str, Any] = {}
        for name, (column, found) in counted.items():
            codes = np.flatnonzero(found).tolist()
            if name in RANGE_FACETS:
                counts[name] = [(*self._bounds(name, code), int(found[code])) for code in codes]
            else:
                values = self.index.vocabulary.dictionary(column).values
                known = [self._codes[name][values[code] or ""] for code in codes]
                counts[name] = dense(self.stock, name, known, found[codes])
        relaxed = {one.drop: one.total for one in relaxations}
        return Answer(total, np.asarray(keys, np.float64), numbers, counts, relaxed)

    def _bounds(self, facet: str, code: int) -> tuple[int | None, int | None]:
        """Where the narrow bucket that a code stands for begins and ends."""
        vocabulary = self.index.vocabulary
        if facet == "model_year":
            year = vocabulary.years.values[code]
            assert year is not None
            return year, year + 1
        if facet == "odometer_km":
            band = vocabulary.odometer_bands.values[code]
        else:
            priced = vocabulary.price_bands.values[code]
            assert priced is not None
            band = priced[1]
        assert band is not None
        return EDGES[band - 1] if band else None, EDGES[band] if band < len(EDGES) else None


def _sort(query: Query) -> Sort:
    if query.sort == "in_stock_since":
        return Sort("days_in_stock", "asc" if query.descending else "desc")
    return Sort(query.sort, "desc" if query.descending else "asc")
