"""PostgreSQL 18, all in memory and warm: nine indexes, most on what is in stock only, no JIT, no parallel workers."""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg
import numpy as np

from bench.search.bulk import Available, Tuples
from bench.search.peers.sql import Statements, statements
from bench.search.searcher import dense
from bench.search.shapes import Answer, Query
from bench.search.stock import EARTH_KM, IN_STOCK, OPTION_COUNT, Column, Stock, unit_vectors
from service.ops import postgres

OPTIONS = {
    "shared_buffers": "2GB",
    "work_mem": "256MB",
    "maintenance_work_mem": "1GB",
    "max_parallel_workers_per_gather": "0",
    "max_parallel_maintenance_workers": "0",
    "effective_cache_size": "8GB",
    "jit": "off",
    "autovacuum": "off",
    "fsync": "off",
    "max_wal_size": "8GB",
}
_SMALL = (
    "make", "model", "trim", "body_style", "drivetrain", "fuel_type", "transmission", "exterior_color",
    "interior_color", "condition", "status", "location_id", "model_year", "price_band",
)  # fmt: skip
_INTEGERS = ("number", "price", "odometer_km", "in_stock_since")
_INDEXES = (
    "create unique index on vehicles (number)",
    f"create index on vehicles (model, price) where status = {IN_STOCK}",
    f"create index on vehicles (make, body_style, exterior_color) where status = {IN_STOCK}",
    f"create index on vehicles (trim, exterior_color) include (location_id) where status = {IN_STOCK}",
    f"create index on vehicles (price) where status = {IN_STOCK}",
    f"create index on vehicles (odometer_km) where status = {IN_STOCK}",
    f"create index on vehicles (in_stock_since) where status = {IN_STOCK}",
    f"create index on vehicles (location_id, in_stock_since) where status = {IN_STOCK}",
    f"create index on vehicles using gin (options) where status = {IN_STOCK}",
)


_BULK = f"""
select place, count(*) n, {2 * EARTH_KM} * asin(least(1, sqrt(min(square)) / 2)) km
  from (select a.place, (l.x - a.x) * (l.x - a.x) + (l.y - a.y) * (l.y - a.y) + (l.z - a.z) * (l.z - a.z) square
          from unnest($1::int2[], $2::int2[], $3::float8[], $4::float8[], $5::float8[])
               with ordinality a (trim, color, x, y, z, place)
          join vehicles v on v.trim = a.trim and v.exterior_color = a.color and v.status = {IN_STOCK}
          join locations l on l.location_id = v.location_id) pairs
 group by place"""


class Rows(NamedTuple):
    """The results of the statements."""

    page: list[asyncpg.Record]
    total: int
    facets: list[asyncpg.Record] | None
    relaxations: list[asyncpg.Record] | None


class Postgres:
    """The server that the service brings along, in a data folder of its own."""

    name = "PostgreSQL"
    counts = True

    def __init__(self, stock: Stock):
        self.stock = stock
        self._folder = tempfile.TemporaryDirectory(prefix="forecourt-bench-")
        self._server = postgres.start(Path(self._folder.name) / "pg", options=OPTIONS)
        self._loop = asyncio.new_event_loop()
        self.connection: asyncpg.Connection = self.run(
            asyncpg.connect(self._server.dsn(), statement_cache_size=0, server_settings={"jit": "off"})
        )
        self.run(self._fill())
        backend = self.run(self.connection.fetchval("select pg_backend_pid()"))
        self._clock = (~backend << 3) | 2  # the clock id of another process's CPU time, see clock_getcpuclockid(3)

    def run(self, work: Any) -> Any:
        """Waits for what the driver does."""
        return self._loop.run_until_complete(work)

    def prepare(self, query: Query) -> Statements:
        """SQL text with its values in place, so that the planner knows them."""

        def has_options(options: tuple[int, ...]) -> str:
            return f"options @> '{{{','.join(map(str, options))}}}'::int2[]"

        return statements(query, has_options)

    def search(self, prepared: Statements) -> Rows:
        """Runs the statements one after the other."""
        rows: Rows = self.run(self._search(prepared))
        return rows

    async def _search(self, prepared: Statements) -> Rows:
        fetch = self.connection.fetch
        return Rows(
            await fetch(prepared.page),
            (await fetch(prepared.total))[0][0],
            await fetch(prepared.facets) if prepared.facets else None,
            await fetch(prepared.relaxations) if prepared.relaxations else None,
        )

    def answer(self, query: Query, raw: Rows) -> Answer:
        """Arrays by facet."""
        counts = {}
        for at, name in enumerate(query.facets):
            found = [row for row in raw.facets or () if row[0] == at]
            counts[name] = dense(self.stock, name, [row[1] for row in found], [row[2] for row in found])
        relaxed = {query.criteria[at]: total for at, total in raw.relaxations or ()}
        keys = np.array([row[1] for row in raw.page], np.float64)
        return Answer(raw.total, keys, np.array([row[0] for row in raw.page]), counts, relaxed)

    def questions(self, tuples: Tuples) -> Tuples:
        """The codes as they are."""
        return tuples

    def available(self, tuples: Tuples) -> Available:
        """One join of the tuples with the table."""
        vectors = unit_vectors(tuples.points)
        codes = [tuples.codes[name].tolist() for name in ("trim", "exterior_color")]
        found = self.run(self.connection.fetch(_BULK, *codes, *(vectors[:, at].tolist() for at in range(3))))
        counts, kilometres = np.zeros(len(tuples), np.int64), np.full(len(tuples), np.inf)
        places = np.array([row[0] for row in found], np.int64) - 1
        counts[places] = [row[1] for row in found]
        kilometres[places] = [row[2] for row in found]
        return Available(counts, kilometres)

    def vehicle(self, number: int) -> int:
        """Its number."""
        return number

    def change_status(self, vehicle: int, status: int) -> None:
        """One update, committed, though not to disk."""
        self.run(self.connection.execute(f"update vehicles set status = {status} where number = {vehicle}"))

    def cpu(self) -> int:
        """This process and the server process that works for it."""
        return time.process_time_ns() + time.clock_gettime_ns(self._clock)

    def close(self) -> None:
        """Stops the server and removes its data."""
        self.run(self.connection.close())
        self._server.stop()
        self._loop.close()
        self._folder.cleanup()

    async def _fill(self) -> None:
        columns = [
            *(f"{name} int2 not null" for name in _SMALL),
            *(f"{name} int4 not null" for name in _INTEGERS),
            "options int2[] not null",
        ]
        execute = self.connection.execute
        await execute(f"create unlogged table vehicles ({', '.join(columns)})")
        await execute("create unlogged table locations (location_id int2 primary key, x float8, y float8, z float8)")
        await self.connection.copy_records_to_table(
            "locations", records=[(at, *row) for at, row in enumerate(self.stock.network.vectors.tolist())]
        )
        columns_copied = (*_SMALL, *_INTEGERS, "options")
        for first in range(0, self.stock.rows, 100_000):
            part = {name: values[first : first + 100_000] for name, values in self.stock.columns.items()}
            lists = [part[name].tolist() for name in columns_copied[:-1]]
            records = zip(*lists, _option_lists(part["options"]), strict=True)
            await self.connection.copy_records_to_table("vehicles", records=records, columns=columns_copied)
        for statement in _INDEXES:
            await execute(statement)
        await execute("vacuum (analyze) vehicles")
        await execute("vacuum (analyze) locations")


def _option_lists(words: Column) -> list[list[int]]:
    """The options of each word, ascending."""
    bits = (words[:, None] >> np.arange(OPTION_COUNT, dtype=np.uint64)) & np.uint64(1)
    rows, options = np.nonzero(bits)
    ends = np.cumsum(np.bincount(rows, minlength=len(words)))[:-1]
    return [part.tolist() for part in np.split(options, ends)]
