"""What does a search cost over HTTP, two workers, beside its own CPU time and a handler that answers constant bytes?

Guests ask the shapes of `bench.search`, a hundred different queries of each, from the same machine; CPU time is that of
the worker processes. Three services take turns: the real one with generated stock, bare Litestar with one handler that
reads the body and answers as many bytes, and the real one with such a handler as a route. BENCH_STOCKS chooses sizes.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.data import SECRET, served
from bench.http_apps import CONSTANT, SEARCH
from bench.load import Done, Load
from bench.search.filling import filled
from bench.search.ours import Ours
from bench.search.shapes import queries
from bench.search.stock import generate
from inventory.criteria import SearchRequest
from inventory.index import GUEST
from service.ops.database import Addresses

STOCKS = {"stock_20k": 20_000, "stock_1m": 1_000_000}
CHOSEN = os.environ.get("BENCH_STOCKS", "stock_20k stock_1m").split()
QUERIES_A_SHAPE, ROUNDS, WORKERS = 100, 4, 2
READY_SECONDS = 300
MOST_CPU = 1.3
"""Times the search's own CPU and the constant handler's."""
LEAST_RATE, RATE_AT = 0.6, 20_000
"""Of the constant handler's rate, at so many vehicles."""


class Asked(NamedTuple):
    """The queries, and what they cost the index alone."""

    requests: list[SearchRequest]
    cpu_us: float
    answer_bytes: int


class Served(NamedTuple):
    """What a service needs for a request."""

    cpu_us: float
    rate: float
    answer_bytes: int


def _asked(vehicles: int) -> Asked:
    """In this process, before the services start: their workers shall have the machine for themselves."""
    stock = generate(vehicles)
    ours = Ours(stock, filled(stock))
    requests = [ours.prepare(query) for query in queries(stock, QUERIES_A_SHAPE)]
    pages = [ours.index.search(request, GUEST) for request in requests]
    size = sum(len(page.encode()) for page in pages) // len(pages)
    started = time.process_time_ns()
    for request in requests:
        ours.index.search(request, GUEST)
    return Asked(requests, (time.process_time_ns() - started) / len(requests) / 1_000, size)


@contextlib.contextmanager
def _service(app: str, addresses: Addresses, folder: Path, **more: str) -> Iterator[tuple[int, list[int]]]:
    """The port and the worker processes of a service, ready."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    environ = {name: value for name, value in os.environ.items() if not name.startswith("FORECOURT_")}
    environ |= {
        "FORECOURT_DATABASE_URL": addresses.service,
        "FORECOURT_DATA_DIR": str(folder),
        "FORECOURT_SECRET_KEY": SECRET,
        "FORECOURT_PORT": str(port),
        "FORECOURT_RATE_GUESTS": "0",
        "FORECOURT_LOG_LEVEL": "WARNING",
        **more,
    }
    command = [sys.executable, "-m", "service.ops.web", "--app", f"bench.http_apps:{app}"]
    workers = []
    try:
        for _ in range(WORKERS):
            workers.append(subprocess.Popen(command, env=environ))
            _wait_for(port, workers)  # one after the other, for each needs much memory while it fills its index
        yield port, [worker.pid for worker in workers]
    finally:
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.wait(30)


def _wait_for(port: int, workers: list[subprocess.Popen[bytes]]) -> None:
    """Until the worker started last has taken the port too and answers."""
    deadline, listening = time.monotonic() + READY_SECONDS, 0
    while listening < len(workers):
        assert time.monotonic() < deadline, "the service did not start"
        assert all(worker.poll() is None for worker in workers), "a worker has ended"
        time.sleep(0.1)
        lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
        listening = sum(line.split()[1].endswith(f":{port:04X}") and line.split()[3] == "0A" for line in lines)
    with contextlib.suppress(urllib.error.HTTPError):  # whatever it answers, it answers
        urllib.request.urlopen(f"http://127.0.0.1:{port}/health/live", timeout=60).close()


def _loaded(app: str, path: str, bodies: list[str], addresses: Addresses, folder: Path, **more: str) -> Served:
    with _service(app, addresses, folder, **more) as (port, workers):
        warm = Load(port, path, bodies, len(bodies))
        _load(warm)
        before = _cpu_ns(workers)
        done = _load(msgspec.structs.replace(warm, requests=len(bodies) * ROUNDS))
        spent = _cpu_ns(workers) - before
    assert done.refused == 0
    return Served(spent / done.requests / 1_000, done.requests / done.seconds, done.answered_bytes // done.requests)


def _load(load: Load) -> Done:
    answer = subprocess.run(
        [sys.executable, "-m", "bench.load"], input=msgspec.json.encode(load), capture_output=True, check=True
    )
    return msgspec.json.decode(answer.stdout, type=Done)


def _cpu_ns(processes: list[int]) -> int:
    """CPU time of all threads of the processes, by their clocks (clock_getcpuclockid(3))."""
    return sum(time.clock_gettime_ns((~process << 3) | 2) for process in processes)


@pytest.mark.benchmark(group="searches over HTTP")
@pytest.mark.parametrize("stock", CHOSEN)
def bench_search_over_http(
    benchmark: BenchmarkFixture, stock: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    vehicles = STOCKS[stock]
    asked = _asked(vehicles)
    bodies = [msgspec.json.encode(request).decode() for request in asked.requests]
    size = {"BENCH_BYTES": str(asked.answer_bytes)}
    with served("bench_search_http") as addresses:

        def searched() -> Served:
            return _loaded("searching", SEARCH, bodies, addresses, tmp_path, BENCH_VEHICLES=str(vehicles))

        search: Served = benchmark.pedantic(searched, rounds=1)  # type: ignore[no-untyped-call]
        constant = _loaded("constant", CONSTANT, bodies, addresses, tmp_path, **size)
        guarded = _loaded("guarded", CONSTANT, bodies, addresses, tmp_path, **size)
    cost = search.cpu_us / (asked.cpu_us + constant.cpu_us)
    rate = search.rate / constant.rate
    benchmark.extra_info |= {
        "search_us": asked.cpu_us,
        **{name: one._asdict() for name, one in (("http", search), ("constant", constant), ("guarded", guarded))},
        "cost": cost,
        "rate": rate,
    }
    with capsys.disabled():
        print(f"\n{vehicles:,} vehicles, {len(bodies):,} different queries, {WORKERS} workers; CPU us a request:")
        print(f"  search over HTTP {search.cpu_us:,.0f} ({search.rate:,.0f}/s, {search.answer_bytes:,} bytes)")
        print(f"  the search alone {asked.cpu_us:,.0f}")
        for name, one in (("constant handler", constant), ("constant handler behind our edge", guarded)):
            ratio = search.cpu_us / (asked.cpu_us + one.cpu_us)
            print(f"  {name} {one.cpu_us:,.0f} ({one.rate:,.0f}/s, {one.answer_bytes:,} bytes): {ratio:.2f} x the sum")
        print(f"  {cost:.2f} x, at most {MOST_CPU}: {'reached' if cost <= MOST_CPU else 'NOT REACHED'}")
        if vehicles == RATE_AT:
            reached = "reached" if rate >= LEAST_RATE else "NOT REACHED"
            print(f"  {rate:.0%} of its rate, at least {LEAST_RATE:.0%}: {reached}")
    assert np.isfinite(cost)
