"""Plain ways to find the free starts of one centre, each from what it would keep prepared; all answer the same."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import numpy as np
from numpy.typing import NDArray

from bench.slots.center import BAYS, CELLS, INTERVAL, LENGTH, OPENING, TECHNICIANS, Center, Range
from service.ops import postgres
from service.ops.database import prepared

Ask = Callable[[], list[int]]

_TABLE = "create table peer (kind text not null, there int4multirange not null, busy int4multirange not null)"
_QUERY = f"""
with gap as (select kind, unnest(there - busy) as cells from peer),
     start as (select distinct kind, cell
                 from gap, generate_series((lower(cells) + {INTERVAL - 1}) / {INTERVAL} * {INTERVAL},
                                           upper(cells) - {LENGTH}, {INTERVAL}) cell)
select cell from start group by cell having count(*) = 3 order by cell"""


def sweep(center: Center) -> Ask:
    """Sets of the starts that fit into the free gaps."""
    kinds = center.kinds()

    def ask() -> list[int]:
        found = []
        for resources in kinds:
            starts: set[int] = set()
            for gaps in resources:
                for begin, end in gaps:
                    starts.update(range(-(-begin // INTERVAL) * INTERVAL, end - LENGTH + 1, INTERVAL))
            found.append(starts)
        return sorted(set.intersection(*found))

    return ask


def _flags(gaps: list[Range]) -> NDArray[np.uint8]:
    flags = np.zeros(CELLS, np.uint8)
    for begin, end in gaps:
        flags[begin:end] = 1
    return flags


def sums(center: Center) -> Ask:
    """Running sums over arrays of cells with numpy, all resources of a kind at once."""
    kinds = [np.array([_flags(gaps) for gaps in resources]) for resources in center.kinds()]

    def ask() -> list[int]:
        found = np.ones(CELLS - LENGTH + 1, bool)
        for free in kinds:
            running = np.zeros((len(free), CELLS + 1), np.int32)
            np.cumsum(free, axis=1, dtype=np.int32, out=running[:, 1:])
            found &= (running[:, LENGTH:] - running[:, :-LENGTH] == LENGTH).any(axis=0)
        starts: list[int] = (np.flatnonzero(found[::INTERVAL]) * INTERVAL).tolist()
        return starts

    return ask


def big_integers(center: Center) -> Ask:
    """Python's integers as rows of bits."""
    kinds = [
        [int.from_bytes(np.packbits(_flags(gaps), bitorder="little").tobytes(), "little") for gaps in resources]
        for resources in center.kinds()
    ]
    offers = sum(1 << cell for cell in range(0, CELLS, INTERVAL))

    def ask() -> list[int]:
        found = offers
        for resources in kinds:
            some = 0
            for free in resources:
                known = 1
                while known < LENGTH:
                    step = min(known, LENGTH - known)
                    free &= free >> step
                    known += step
                some |= free
            found &= some
        bits = np.frombuffer(found.to_bytes(CELLS // 8, "little"), np.uint8)
        starts: list[int] = np.flatnonzero(np.unpackbits(bits, bitorder="little")).tolist()
        return starts

    return ask


def _text(ranges: list[Range]) -> str:
    return "{" + ",".join(f"[{begin},{end})" for begin, end in ranges) + "}"


@contextlib.contextmanager
def multiranges(center: Center) -> Iterator[Ask]:
    """PostgreSQL: multiranges less multiranges in one prepared query over a local socket."""
    kinds = ["TECHNICIAN"] * TECHNICIANS + ["BAY"] * BAYS + ["OPENING"]
    rows = [
        (kind, _text(there), _text(busy))
        for kind, there, busy in zip(kinds, [*center.there, OPENING], [*center.busy, []], strict=True)
    ]
    with (
        asyncio.Runner() as runner,
        tempfile.TemporaryDirectory(prefix="forecourt-bench-") as folder,
        postgres.start(Path(folder) / "pg") as server,
    ):

        async def filled() -> tuple[asyncpg.Connection, asyncpg.prepared_stmt.PreparedStatement]:
            addresses = await prepared(server, "bench_slots")
            connection = await asyncpg.connect(addresses.owner)
            await connection.execute(_TABLE)
            await connection.executemany(
                "insert into peer values ($1, $2::text::int4multirange, $3::text::int4multirange)", rows
            )
            await connection.execute("analyze peer")
            return connection, await connection.prepare(_QUERY)

        connection, query = runner.run(filled())
        yield lambda: [row[0] for row in runner.run(query.fetch())]
        runner.run(connection.close())
