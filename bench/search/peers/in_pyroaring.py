"""pyroaring by hand: a bitmap a value and running bitmaps for ranges: what patience builds from a library."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from pyroaring import BitMap

from bench.search.searcher import InProcess
from bench.search.shapes import LIMIT, Answer, Query
from bench.search.stock import FACET_COLUMN, IN_STOCK, OPTION_COUNT, Column, Stock, distances_km

STEPS = 256
"""Parts of equal size into which each number's order is cut."""


class Hits(NamedTuple):
    """What a search computes."""

    total: int
    rows: Column
    keys: Column
    counts: dict[str, list[int]]
    relaxed: dict[str, int]


class Pyroaring(InProcess):
    """Bitmaps over rows in the order of make, model and trim; shown beside, for it is a structure and no engine."""

    name = "pyroaring"
    counts = False

    def __init__(self, stock: Stock):
        self.stock = stock
        self.vectors = stock.network.vectors
        names = [name for name in (*stock.values, "model_year", "price_band") if name != "trim"]
        self.values = {name: _by_code(stock.columns[name], stock.codes(name)) for name in names}
        words = stock.columns["options"]
        has = ((words >> np.uint64(option)) & np.uint64(1) for option in range(OPTION_COUNT))
        self.options = [BitMap(np.flatnonzero(one).astype(np.uint32)) for one in has]
        self.orders = {name: _Order(stock.columns[name]) for name in ("price", "odometer_km", "in_stock_since")}
        self.stocked = self.values["status"][IN_STOCK]

    def prepare(self, query: Query) -> Query:
        """The query as it is."""
        return query

    def search(self, query: Query) -> Hits:
        """Bitmaps of the criteria, their products, and cardinalities of products with values."""
        criteria, distances = {}, None
        for name, codes in query.lists.items():
            criteria[name] = _union([self.values[name][code] for code in codes])
        for name, (low, high) in query.ranges.items():
            criteria[name] = (
                self.orders[name].between(low, high)
                if name in self.orders
                else _union(self.values[name][low : high + 1])
            )
        if query.options:
            criteria["options_all"] = BitMap.intersection(*(self.options[option] for option in query.options))
        if query.near is not None:
            distances = distances_km(self.vectors, query.near.latitude, query.near.longitude)
            within = np.flatnonzero(distances <= query.near.radius_km).tolist()
            criteria["near"] = _union([self.values["location_id"][place] for place in within])
        hits = BitMap.intersection(self.stocked, *criteria.values()) if criteria else self.stocked
        without = {
            name: BitMap.intersection(self.stocked, *(one for other, one in criteria.items() if other != name))
            for name in criteria
            if query.relaxations or name in query.facets
        }
        counts = {}
        for name in query.facets:
            product = without.get(name, hits)
            counts[name] = [product.intersection_cardinality(one) for one in self.values[FACET_COLUMN[name]]]
        relaxed = {name: len(one) for name, one in without.items()} if query.relaxations else {}
        rows, keys = self._page(query, hits, distances)
        return Hits(len(hits), rows, keys, counts, relaxed)

    def answer(self, query: Query, raw: Hits) -> Answer:
        """Arrays by facet."""
        counts = {name: np.array(found, np.int64) for name, found in raw.counts.items()}
        return Answer(
            raw.total, raw.keys.astype(np.float64), self.stock.columns["number"][raw.rows], counts, raw.relaxed
        )

    def _page(self, query: Query, hits: BitMap, distances: Column | None) -> tuple[Column, Column]:
        """The first of the hits: of few by sorting them, of many along the order until the page is full."""
        if distances is not None and query.sort == "distance":
            rows, places = _rows(hits), self.stock.columns["location_id"]
            keys = distances[places[rows]]
        else:
            order = self.orders[query.sort]
            rows = _rows(hits) if len(hits) < self.stock.rows // 64 else _rows(order.first(hits, query.descending))
            keys = self.stock.columns[query.sort][rows]
        chosen = np.argsort(-keys if query.descending else keys, kind="stable")[:LIMIT]
        return rows[chosen], keys[chosen]


class _Order:
    """The rows by a number, cut into parts: what each part holds, and what all up to it hold."""

    def __init__(self, values: Column):
        order = np.argsort(values, kind="stable").astype(np.uint32)
        self.order, self.sorted = order, values[order]
        self.edges = np.linspace(0, len(order), STEPS + 1).astype(np.int64)
        self.parts = [BitMap(order[first:last]) for first, last in pairwise(self.edges)]
        self.upto = [BitMap()]
        for part in self.parts:
            self.upto.append(self.upto[-1] | part)

    def between(self, low: int, high: int) -> BitMap:
        """The rows with a number from low to high: whole parts, and what sticks out at both ends."""
        first, last = np.searchsorted(self.sorted, low), np.searchsorted(self.sorted, high, side="right")
        left = int(np.searchsorted(self.edges, first))
        right = int(np.searchsorted(self.edges, last, side="right")) - 1
        if left > right:
            return BitMap(self.order[first:last])
        found = self.upto[right] - self.upto[left]
        found |= BitMap(self.order[first : self.edges[left]])
        found |= BitMap(self.order[self.edges[right] : last])
        return found

    def first(self, hits: BitMap, descending: bool) -> BitMap:
        """Hits of the first parts that fill a page."""
        found = BitMap()
        for part in reversed(self.parts) if descending else self.parts:
            found |= hits & part
            if len(found) >= LIMIT:
                break
        return found


def _by_code(codes: Column, size: int) -> list[BitMap]:
    order = np.argsort(codes, kind="stable").astype(np.uint32)
    ends = np.searchsorted(codes[order], np.arange(size + 1))
    return [BitMap(order[first:last]) for first, last in pairwise(ends)]


def _union(bitmaps: list[BitMap]) -> BitMap:
    return bitmaps[0] if len(bitmaps) == 1 else BitMap.union(*bitmaps) if bitmaps else BitMap()


def _rows(bitmap: BitMap) -> Column:
    return np.frombuffer(bitmap.to_array(), np.uint32) if bitmap else np.zeros(0, np.uint32)
