"""What does the whole ASGI path add to a guest's search? POST /vehicles/search beside the index asked directly."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.data import served, settings
from inventory.criteria import SearchRequest
from inventory.index import GUEST
from service.app import create_app
from service.demo.world import vehicle_rows
from service.services import Services

STOCKS = {"stock_20k": 20_000, "stock_1m": 1_000_000}
CHOSEN = os.environ.get("FORECOURT_BENCH_STOCKS", "stock_20k stock_1m").split()
IN_A_ROW = 10
"""Figures are for so many searches: entering the loop once a search would cost as much as a small one."""
QUERIES: dict[str, dict[str, Any]] = {
    "newest of a make": {"criteria": {"make": ["Toyota"]}, "sort": [{"by": "model_year", "order": "desc"}]},
    "near, cheap, facets": {
        "criteria": {
            "body_style": ["SUV"],
            "price": {"lte": 30_000},
            "near": {"latitude": 40.7, "longitude": -74.0, "radius_km": 150},
        },
        "sort": [{"by": "price", "order": "asc"}],
        "facets": ["make", "model", "body_style", "price", "model_year"],
        "relaxations": True,
    },
    "text": {"criteria": {"text": "corolla hybrid"}},
}


class Searching:
    """An application on its own event loop whose index holds generated stock; the database stays empty."""

    def __init__(self, services: Services, vehicles: int):
        self.services = services
        self.runner = asyncio.Runner()
        self.app = create_app(services.settings, services)
        self._started, self._over = asyncio.Event(), asyncio.Event()
        self._running = self.runner.get_loop().create_task(self._run())
        self.runner.run(self._started.wait())
        services.stock.index.load(list(vehicle_rows(vehicles)))

    async def _run(self) -> None:
        async with self.app.lifespan():
            self._started.set()
            await self._over.wait()

    def over_http(self, body: bytes) -> bytes:
        """The answer to the last of `IN_A_ROW` requests, one after the other on the running loop."""
        return self.runner.run(self._in_a_row(body))

    async def _in_a_row(self, body: bytes) -> bytes:
        answer = b""
        for _ in range(IN_A_ROW):
            answer = await self._request(body)
        return answer

    async def _request(self, body: bytes) -> bytes:
        path = "/api/v1/vehicles/search"
        scope: Any = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [
                (b"host", b"bench"),
                (b"content-type", b"application/json"),
                (b"content-length", str(len(body)).encode()),
            ],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 8000),
            "state": {},
        }
        sent: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        await self.app(scope, receive, send)
        assert sent[0]["status"] == 200, sent
        return b"".join(message.get("body", b"") for message in sent[1:])

    def directly(self, request: SearchRequest) -> bytes:
        """The peer: the index alone, its answer written, as often."""
        answer = b""
        for _ in range(IN_A_ROW):
            answer = self.services.stock.index.search(request, GUEST).encode()
        return answer

    def close(self) -> None:
        """Stop the application."""
        self._over.set()
        self.runner.get_loop().run_until_complete(self._running)
        self.runner.close()


@pytest.fixture(scope="module", params=CHOSEN)
def searching(request: pytest.FixtureRequest) -> Iterator[Searching]:
    """An application with the stock of that name."""
    with served("bench_search_http") as addresses:
        found = Searching(Services(settings(addresses), addresses.service), STOCKS[request.param])
        yield found
        found.close()


def _total(answer: bytes) -> int:
    total: int = msgspec.json.decode(answer)["total"]
    return total


@pytest.mark.parametrize("query", QUERIES)
def bench_search_over_http(benchmark: BenchmarkFixture, searching: Searching, query: str) -> None:
    benchmark.group = f"{query}, {searching.services.stock.index.count:,} vehicles, ten times"
    assert _total(benchmark(searching.over_http, msgspec.json.encode(QUERIES[query]))) > 0


@pytest.mark.parametrize("query", QUERIES)
def bench_search_of_the_index_alone(benchmark: BenchmarkFixture, searching: Searching, query: str) -> None:
    benchmark.group = f"{query}, {searching.services.stock.index.count:,} vehicles, ten times"
    request = msgspec.convert(QUERIES[query], SearchRequest)
    assert _total(benchmark(searching.directly, request)) > 0
