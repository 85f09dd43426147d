"""What does a record cost over the whole ASGI path, and what do row policies add? 300,000 contacts of 500 dealers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
import uvloop
from litestar import Litestar
from pytest_benchmark.fixture import BenchmarkFixture

from bench.data import loading, served, settings
from domain.kit.tokens import hashed
from service.app import create_app
from service.ops.database import Addresses

CONTACTS, DEALERS = 300_000, 500
IN_A_ROW = 10
"""Figures are for so many requests: entering the loop once a request would cost as much as the request."""
_ACCOUNT = "00000000-0000-4000-8000-{:012x}"
_TOKEN = "fcp_" + "b" * 43
_SESSION = """
update prm_setting set status = 'ENABLED';
update account set is_partner = true where id = '00000000-0000-4000-8000-000000000003';
insert into "user" (id, created_at, updated_at, email, name, persona, licence, account_id, contact_id, status)
select '00000000-0000-4000-a000-000000000001', now(), now(), 'b@example.com', 'B', 'PARTNER', 'PARTNER_COMMUNITY',
       account_id, id, 'ACTIVE'
  from contact where account_id = '00000000-0000-4000-8000-000000000003' limit 1;
insert into role_assignment (id, created_at, updated_at, user_id, account_id, role)
select gen_random_uuid(), now(), now(), id, account_id, 'SALES' from "user";
insert into session (id, kind, user_id, began_at, last_used_at, expires_at)
select gen_random_uuid(), 'TOKEN', id, now(), now(), now() + interval '1 day' from "user"
"""
_ROWS = f"""
insert into account (id, created_at, updated_at, kind, type, name)
select ('00000000-0000-4000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, now(), now(), 'BUSINESS', 'DEALER',
       'Dealer ' || n
  from generate_series(0, {DEALERS - 1}) n;
insert into contact (id, created_at, updated_at, account_id, first_name, last_name, email, phone)
select ('00000000-0000-4000-9000-' || lpad(to_hex(n), 12, '0'))::uuid,
       timestamptz '2026-01-01' + n * interval '1 second', now(),
       ('00000000-0000-4000-8000-' || lpad(to_hex(n * 7919::bigint % {DEALERS}), 12, '0'))::uuid,
       'First' || n % 1000, 'Last' || n, 'person' || n || '@example.com', '+1212555' || lpad((n % 10000)::text, 4, '0')
  from generate_series(0, {CONTACTS - 1}) n"""


@pytest.fixture(scope="module")
def contacts_300k() -> Iterator[Addresses]:
    """The loaded database."""

    async def load(addresses: Addresses) -> None:
        async with loading(addresses, "account", "contact") as connection:
            await connection.execute(_ROWS)
            await connection.execute(_SESSION)
            await connection.execute(
                "insert into session_token (token_hash, session_id, kind, expires_at) "
                "select $1, id, 'ACCESS', expires_at from session",
                hashed(_TOKEN),
            )

    with served("bench_store") as addresses:
        asyncio.run(load(addresses))
        yield addresses


async def _request(app: Litestar, path: str) -> bytes:
    """One GET through the ASGI interface, without a network."""
    address, _, query = path.partition("?")
    scope: Any = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": address,
        "raw_path": address.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(b"host", b"bench"), (b"authorization", f"Bearer {_TOKEN}".encode())],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8000),
        "state": {},
    }
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    assert sent[0]["status"] == 200, sent
    body: bytes = b"".join(message.get("body", b"") for message in sent[1:])
    return body


class Asking:
    """An application on its own event loop, asked from synchronous code."""

    def __init__(self, addresses: Addresses):
        self.runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)  # as the service runs
        self.app = create_app(settings(addresses))
        self._stopping = asyncio.Event()
        self._started = asyncio.Event()

        self._running = self.runner.get_loop().create_task(self._run())
        self.runner.run(self._started.wait())

    async def _run(self) -> None:
        async with self.app.lifespan():
            self._started.set()
            await self._stopping.wait()

    def __call__(self, path: str) -> bytes:
        """The answer to the last of `IN_A_ROW` requests, one after the other on the running loop."""
        return self.runner.run(self._in_a_row(path))

    async def _in_a_row(self, path: str) -> bytes:
        body = b""
        for _ in range(IN_A_ROW):
            body = await _request(self.app, path)
        return body

    def close(self) -> None:
        """Stop the application."""
        self._stopping.set()
        self.runner.get_loop().run_until_complete(self._running)
        self.runner.close()


@pytest.fixture
def dealer(contacts_300k: Addresses) -> Iterator[Asking]:
    """A dealer with 600 of the contacts, asking under row policies."""
    asking = Asking(contacts_300k)
    yield asking
    asking.close()


@pytest.mark.benchmark(group="get one record, ten times")
def bench_get(benchmark: BenchmarkFixture, dealer: Asking) -> None:
    benchmark(dealer, f"/api/v1/contacts/00000000-0000-4000-9000-{_of_dealer(3):012x}")


@pytest.mark.benchmark(group="page of 50, ten times")
def bench_page_with_row_policies(benchmark: BenchmarkFixture, dealer: Asking) -> None:
    body = benchmark(dealer, "/api/v1/contacts?limit=50")
    assert body.count(b'"last_name"') == 50


@pytest.mark.benchmark(group="page of 50, ten times")
def bench_page_without_row_policies(benchmark: BenchmarkFixture, contacts_300k: Addresses) -> None:
    """The peer: the same page, the dealer's rows asked for by filter on tables whose row security is switched off."""

    async def security(verb: str) -> None:
        async with loading(contacts_300k) as connection:
            await connection.execute(f"alter table contact {verb} row level security")

    asyncio.run(security("disable"))
    asking = Asking(contacts_300k)
    body = benchmark(asking, f"/api/v1/contacts?limit=50&account_id={_ACCOUNT.format(3)}")
    asking.close()
    asyncio.run(security("enable"))
    assert body.count(b'"last_name"') == 50


def _of_dealer(number: int) -> int:
    """The ordinal of some contact of the dealer."""
    return next(n for n in range(DEALERS) if n * 7919 % DEALERS == number)
