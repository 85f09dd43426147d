"""DuckDB, one thread: a table in the order of make, model and trim, options as a word, statements ready as text."""

from __future__ import annotations

from typing import Any, NamedTuple

import duckdb
import numpy as np

from bench.search.bulk import Available, Tuples
from bench.search.peers.sql import Statements, statements
from bench.search.searcher import InProcess, dense
from bench.search.shapes import Answer, Query
from bench.search.stock import EARTH_KM, IN_STOCK, Stock, unit_vectors

Arrays = dict[str, Any]


_BULK = f"""
select place, count(*) n, {2 * EARTH_KM} * asin(least(1, sqrt(min(square)) / 2)) km
  from (select a.place, (l.x - a.x) * (l.x - a.x) + (l.y - a.y) * (l.y - a.y) + (l.z - a.z) * (l.z - a.z) square
          from asked a
          join vehicles v on v.trim = a.trim and v.exterior_color = a.exterior_color and v.status = {IN_STOCK}
          join locations l on l.location_id = v.location_id)
 group by place"""


class Rows(NamedTuple):
    """The results of the statements."""

    page: Arrays
    total: int
    facets: Arrays | None
    relaxations: Arrays | None


class DuckDB(InProcess):
    """An in-memory database."""

    name = "DuckDB"

    def __init__(self, stock: Stock):
        self.stock = stock
        self.connection = duckdb.connect(config={"threads": 1})
        vehicles = stock.columns
        vectors = stock.network.vectors
        places = {"location_id": np.arange(len(vectors), dtype=np.uint16)}
        places |= {axis: np.ascontiguousarray(vectors[:, at]) for at, axis in enumerate("xyz")}
        for name, columns in (("vehicles", vehicles), ("locations", places)):
            self.connection.register("columns_of", columns)
            self.connection.execute(f"create table {name} as select * from columns_of")
            self.connection.unregister("columns_of")
        self.connection.execute("create unique index numbers on vehicles (number)")

    def prepare(self, query: Query) -> Statements:
        """SQL text."""

        def has_options(options: tuple[int, ...]) -> str:
            bits = sum(1 << option for option in options)
            return f"options & {bits}::ubigint = {bits}::ubigint"

        return statements(query, has_options)

    def search(self, prepared: Statements) -> Rows:
        """Runs the statements one after the other."""
        execute = self.connection.execute
        return Rows(
            execute(prepared.page).fetchnumpy(),
            execute(prepared.total).fetchall()[0][0],
            execute(prepared.facets).fetchnumpy() if prepared.facets else None,
            execute(prepared.relaxations).fetchnumpy() if prepared.relaxations else None,
        )

    def answer(self, query: Query, raw: Rows) -> Answer:
        """Arrays by facet."""
        numbers, keys = raw.page.values()
        counts = {}
        if raw.facets is not None:
            for at, name in enumerate(query.facets):
                of_it = raw.facets["facet"] == at
                counts[name] = dense(self.stock, name, raw.facets["code"][of_it], raw.facets["n"][of_it])
        relaxed = {}
        if raw.relaxations is not None:
            places, totals = raw.relaxations.values()
            relaxed = {query.criteria[at]: n for at, n in zip(places.tolist(), totals.tolist(), strict=True)}
        return Answer(raw.total, np.asarray(keys, np.float64), numbers, counts, relaxed)

    def questions(self, tuples: Tuples) -> Tuples:
        """The codes as they are."""
        return tuples

    def available(self, tuples: Tuples) -> Available:
        """One join of the tuples with the table."""
        vectors = unit_vectors(tuples.points)
        asked: Arrays = {"place": np.arange(len(tuples)), **tuples.codes}
        asked |= {axis: np.ascontiguousarray(vectors[:, at]) for at, axis in enumerate("xyz")}
        self.connection.register("asked", asked)
        found = self.connection.execute(_BULK).fetchnumpy()
        self.connection.unregister("asked")
        counts, kilometres = np.zeros(len(tuples), np.int64), np.full(len(tuples), np.inf)
        counts[found["place"]] = found["n"]
        kilometres[found["place"]] = found["km"]
        return Available(counts, kilometres)

    def vehicle(self, number: int) -> int:
        """Its number."""
        return number

    def change_status(self, vehicle: int, status: int) -> None:
        """One update, committed."""
        self.connection.execute(f"update vehicles set status = {status} where number = {vehicle}")

    def close(self) -> None:
        """Drops the tables."""
        self.connection.close()
