"""tantivy: one segment in memory, every column an indexed fast field, facets by its aggregations."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import tantivy

from bench.search.searcher import InProcess, dense
from bench.search.shapes import LIMIT, Answer, Query
from bench.search.stock import FACET_COLUMN, IN_STOCK, OPTION_COUNT, Stock, distances_km

_MOST_BUCKETS = 4_096


class Prepared(NamedTuple):
    """A query as tantivy's queries; the radius comes in when it runs."""

    query: Query
    stocked: tantivy.Query
    criteria: dict[str, tantivy.Query]


class Hits(NamedTuple):
    """What a search returns."""

    total: int
    keys: list[float]
    numbers: list[Any]
    counts: dict[str, Any]
    relaxed: dict[str, int]


class Tantivy(InProcess):
    """An index whose documents store nothing: ids and sort keys are fast fields."""

    name = "tantivy"

    def __init__(self, stock: Stock):
        self.stock = stock
        self.vectors = stock.network.vectors
        builder = tantivy.SchemaBuilder()
        for name in stock.columns:
            builder.add_unsigned_field(name, indexed=True, fast=name != "options", stored=False)
        self.schema = builder.build()
        index = tantivy.Index(self.schema)
        writer = index.writer(heap_size=1_000_000_000, num_threads=1)
        names = [name for name in stock.columns if name != "options"]
        options = np.arange(OPTION_COUNT, dtype=np.uint64)
        for first in range(0, stock.rows, 100_000):
            part = slice(first, first + 100_000)
            lists = [stock.columns[name][part].tolist() for name in names]
            bits = (stock.columns["options"][part][:, None] >> options) & np.uint64(1)
            for row, *values in zip(bits, *lists, strict=True):
                values_of = dict(zip(names, values, strict=True), options=np.flatnonzero(row).tolist())
                writer.add_document(tantivy.Document.from_dict(values_of, self.schema))
        writer.commit()
        writer.wait_merging_threads()
        index.reload()
        self.searcher = index.searcher()

    def prepare(self, query: Query) -> Prepared:
        """Queries of all criteria but the radius."""
        found = {name: self._any(name, codes) for name, codes in query.lists.items()}
        for name, (low, high) in query.ranges.items():
            found[name] = tantivy.Query.range_query(self.schema, name, tantivy.FieldType.Unsigned, low, high)
        if query.options:
            terms = [tantivy.Query.term_query(self.schema, "options", option) for option in query.options]
            found["options_all"] = _all(terms)
        return Prepared(query, tantivy.Query.term_query(self.schema, "status", IN_STOCK), found)

    def search(self, prepared: Prepared) -> Hits:
        """The page, then facets that share their query in one aggregation, then a count a relaxation."""
        query, criteria, distances = prepared.query, dict(prepared.criteria), None
        if query.near is not None:
            distances = distances_km(self.vectors, query.near.latitude, query.near.longitude)
            criteria["near"] = self._any("location_id", np.flatnonzero(distances <= query.near.radius_km).tolist())
        wanted = _all([prepared.stocked, *criteria.values()])
        without = {
            name: _all([prepared.stocked, *(one for other, one in criteria.items() if other != name)])
            for name in criteria
            if query.relaxations or name in query.facets
        }
        if query.sort == "distance":
            assert distances is not None
            total, keys, addresses = self._nearest(wanted, distances)
        else:
            order = tantivy.Order.Desc if query.descending else tantivy.Order.Asc
            result = self.searcher.search(wanted, LIMIT, True, order_by_field=query.sort, order=order)
            total, keys, addresses = result.count, [hit[0] for hit in result.hits], [hit[1] for hit in result.hits]
        numbers = self.searcher.fast_field_values("number", addresses) if addresses else []
        counts: dict[str, Any] = {}
        for name in query.facets:
            if name in without:
                counts |= self.searcher.aggregate(without[name], _terms([name]))
        if shared := [name for name in query.facets if name not in without]:
            counts |= self.searcher.aggregate(wanted, _terms(shared))
        relaxed = {}
        if query.relaxations:
            relaxed = {name: self.searcher.search(one, 1, True).count for name, one in without.items()}
        return Hits(total, keys, numbers, counts, relaxed)

    def answer(self, query: Query, raw: Hits) -> Answer:
        """Arrays by facet."""
        counts = {}
        for name in query.facets:
            buckets = raw.counts[name]["buckets"]
            codes, sizes = [int(one["key"]) for one in buckets], [one["doc_count"] for one in buckets]
            counts[name] = dense(self.stock, name, codes, sizes)
        return Answer(raw.total, np.array(raw.keys, np.float64), np.array(raw.numbers), counts, raw.relaxed)

    def _any(self, name: str, codes: Any) -> tantivy.Query:
        if len(codes) == 1:
            return tantivy.Query.term_query(self.schema, name, codes[0])
        return tantivy.Query.term_set_query(self.schema, name, codes)

    def _nearest(self, wanted: tantivy.Query, distances: Any) -> tuple[int, list[float], list[Any]]:
        """It cannot sort by distance: count by location, then fetch those of the nearest locations that fill a page."""
        counted = self.searcher.aggregate(
            wanted, {"places": {"terms": {"field": "location_id", "size": _MOST_BUCKETS}}}
        )
        places = [
            (distances[int(one["key"])], int(one["key"]), one["doc_count"]) for one in counted["places"]["buckets"]
        ]
        places.sort()
        total, nearest, reached = sum(count for _, _, count in places), [], 0
        for _, place, count in places:
            nearest.append(place)
            reached += count
            if reached >= LIMIT:
                break
        if not nearest:
            return 0, [], []
        hits = self.searcher.search(_all([wanted, self._any("location_id", nearest)]), reached, False).hits
        addresses = [address for _, address in hits]
        found = self.searcher.fast_field_values("location_id", addresses)
        order = sorted(range(len(found)), key=lambda at: distances[int(found[at] or 0)])[:LIMIT]
        return total, [distances[int(found[at] or 0)] for at in order], [addresses[at] for at in order]


def _all(queries: list[tantivy.Query]) -> tantivy.Query:
    return tantivy.Query.boolean_query([(tantivy.Occur.Must, query) for query in queries])


def _terms(names: list[str]) -> dict[str, Any]:
    return {name: {"terms": {"field": FACET_COLUMN[name], "size": _MOST_BUCKETS}} for name in names}
