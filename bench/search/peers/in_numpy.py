"""numpy over whole columns: one mask a criterion, multiplied; also the oracle of all others."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.search.bulk import Available, Tuples, each_tuple
from bench.search.searcher import InProcess
from bench.search.shapes import LIMIT, Answer, Query
from bench.search.stock import FACET_COLUMN, IN_STOCK, Column, Stock, distances_km

Mask = NDArray[np.bool_]


class Found(NamedTuple):
    """What a search computes."""

    total: int
    numbers: Column
    keys: Column
    counts: dict[str, Column]
    relaxed: dict[str, int]


class Numpy(InProcess):
    """Columns in the order of make, model and trim."""

    name = "numpy"

    def __init__(self, stock: Stock):
        self.stock = stock
        self.columns = stock.columns
        self.vectors = stock.network.vectors
        self._rows = np.argsort(stock.columns["number"])

    def prepare(self, query: Query) -> Query:
        """Numpy takes a query as it is."""
        return query

    def search(self, query: Query) -> Found:
        """Masks first; facets and relaxations share the products that leave one criterion out."""
        columns, distances = self.columns, None
        if query.near is not None:
            distances = distances_km(self.vectors, query.near.latitude, query.near.longitude)
        masks = self._masks(query, distances)
        stocked = columns["status"] == IN_STOCK
        hits = stocked.copy()
        for mask in masks.values():
            hits &= mask
        rows = np.flatnonzero(hits)
        keys = self._keys(query, rows, distances)
        wanted = {name for name in query.facets if name in masks}
        if query.relaxations:
            wanted |= masks.keys()
        without = _products(stocked, masks, wanted)
        counts = {}
        for name in query.facets:
            column = columns[FACET_COLUMN[name]]
            chosen = column[without[name]] if name in without else column[rows]
            counts[name] = np.bincount(chosen, minlength=self.stock.codes(FACET_COLUMN[name]))
        relaxed = {name: int(np.count_nonzero(without[name])) for name in masks} if query.relaxations else {}
        page = _first(-keys if query.descending else keys)
        return Found(len(rows), columns["number"][rows[page]], keys[page], counts, relaxed)

    def answer(self, query: Query, raw: Found) -> Answer:
        """The same."""
        return Answer(raw.total, raw.keys.astype(np.float64), raw.numbers, raw.counts, raw.relaxed)

    def questions(self, tuples: Tuples) -> Tuples:
        """The codes as they are."""
        return tuples

    def available(self, tuples: Tuples) -> Available:
        """Tuple after tuple."""
        return each_tuple(self.stock, tuples)

    def vehicle(self, number: int) -> int:
        """Its row."""
        return int(self._rows[number])

    def change_status(self, vehicle: int, status: int) -> None:
        """One byte."""
        self.columns["status"][vehicle] = status

    def _masks(self, query: Query, distances: NDArray[np.float64] | None) -> dict[str, Mask]:
        masks: dict[str, Mask] = {}
        for name, codes in query.lists.items():
            column = self.columns[name]
            if len(codes) == 1:
                masks[name] = column == codes[0]
            else:
                table = np.zeros(self.stock.codes(name), np.bool_)
                table[list(codes)] = True
                masks[name] = table[column]
        for name, (low, high) in query.ranges.items():
            masks[name] = (self.columns[name] >= low) & (self.columns[name] <= high)
        if query.options:
            bits = np.uint64(sum(1 << option for option in query.options))
            masks["options_all"] = (self.columns["options"] & bits) == bits
        if query.near is not None and distances is not None:
            masks["near"] = (distances <= query.near.radius_km)[self.columns["location_id"]]
        return masks

    def _keys(self, query: Query, rows: Column, distances: NDArray[np.float64] | None) -> Column:
        if query.sort != "distance":
            return np.asarray(self.columns[query.sort][rows])
        assert distances is not None
        return np.asarray(distances[self.columns["location_id"][rows]])


def _products(stocked: Mask, masks: dict[str, Mask], wanted: set[str]) -> dict[str, Mask]:
    """For each wanted criterion the product of all others, by products of what stands before and behind it."""
    if not wanted:
        return {}
    names = list(masks)
    behind: list[Mask | None] = [None] * len(names)
    for place in range(len(names) - 2, -1, -1):
        after, mask = behind[place + 1], masks[names[place + 1]]
        behind[place] = mask if after is None else after & mask
    before, found = stocked, {}
    for place, name in enumerate(names):
        if name in wanted:
            rest = behind[place]
            found[name] = before if rest is None else before & rest
        before = before & masks[name]
    return found


def _first(keys: Column) -> Column:
    """The places of the smallest keys, in order."""
    if len(keys) <= LIMIT:
        return np.argsort(keys, kind="stable")
    places = np.argpartition(keys, LIMIT - 1)[:LIMIT]
    return np.asarray(places[np.argsort(keys[places], kind="stable")])
