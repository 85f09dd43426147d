"""Writers that take cars in under a key, each until it has a final answer, and the account of what they did."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import asyncpg
import httpx
import msgspec

from service.demo.users import CLIENT
from tests.journeys.served import Served

WRITERS = 20
PATIENCE_SECONDS = 90.0
CAR = {"make": "Toyota", "model": "Hilux", "condition": "NEW"}


class Account(msgspec.Struct):
    """Cars by their marks: those whose write was answered, with the id, and those of which nothing is known."""

    acknowledged: dict[str, str] = {}
    unknown: set[str] = set()
    refused: list[str] = []
    tries: int = 0
    change: str = ""


class Writers:
    """So many writers at once, from the start of the block to its end."""

    def __init__(self, served: Served, *, again: bool = True):
        """`again` False: a write whose answer is lost is given up, and stands in the account as unknown."""
        self.account = Account()
        self._served = served
        self._again = again
        self._over = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Writers:
        token = self._served.token(CLIENT.client_id)
        self._tasks = [asyncio.create_task(self._write(token)) for _ in range(WRITERS)]
        return self

    async def __aexit__(self, *error: object) -> None:
        self._over.set()
        await asyncio.wait_for(asyncio.gather(*self._tasks), PATIENCE_SECONDS)

    async def acknowledge(self, more: int) -> None:
        """Wait until so many more writes have been answered."""
        wanted = len(self.account.acknowledged) + more
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(self.account.acknowledged) < wanted:  # noqa: ASYNC110 - the writers count
                await asyncio.sleep(0.005)

    async def _write(self, token: str) -> None:
        async with self._served.client(token) as client:
            while not self._over.is_set():
                mark = f"mark-{uuid4()}"
                while not await self._try(client, mark):  # noqa: ASYNC110 - the service comes back by itself
                    await asyncio.sleep(0.05)

    async def _try(self, client: httpx.AsyncClient, mark: str) -> bool:
        """Whether the car has a final answer."""
        self.account.tries += 1
        try:
            answer = await client.post(
                "/api/v1/vehicles", json={**CAR, "trim": mark}, headers={"idempotency-key": mark}
            )
        except httpx.HTTPError:
            if not self._again:
                self.account.unknown.add(mark)
                self._over.set()
            return not self._again
        if answer.status_code == 201:
            self.account.acknowledged[mark] = answer.json()["id"]
            self.account.change = answer.headers["x-change"]
            return True
        running = answer.status_code == 409 and answer.json()["type"].endswith(":request-in-progress")
        if answer.status_code == 503 or running:
            return False
        self.account.refused.append(answer.text)
        return True


async def check(served: Served, account: Account) -> set[str]:
    """Every acknowledged car is there once, under the id that was told, and is found; none is there twice.

    Returns those of the unknown that are there.
    """
    assert account.refused == []
    connection = await asyncpg.connect(served.owner)
    try:
        rows = await connection.fetch("select trim, id::text from vehicle where trim like 'mark-%'")
        entries = await connection.fetchval(
            "select count(*) from stock_entry e join vehicle v on v.id = e.vehicle_id where v.trim like 'mark-%'"
        )
    finally:
        await connection.close()
    stored = {row[0]: row[1] for row in rows}
    assert len(stored) == len(rows) == entries
    ours = {mark: id for mark, id in stored.items() if mark in account.acknowledged}
    assert ours == account.acknowledged
    async with served.client() as client:
        for _ in range(6):  # of both workers, more likely than not
            answer = await _found(client, account.change)
            assert answer.status_code == 200, answer.text
            assert answer.json()["total"] == len(stored)
    return stored.keys() & account.unknown


async def _found(client: httpx.AsyncClient, after: str) -> httpx.Response:
    """A search for the cars; tried again where the answer asks for that."""
    for _ in range(5):
        answer = await client.post(
            "/api/v1/vehicles/search",
            json={"criteria": {"make": ["Toyota"], "model": ["Hilux"], "text": "mark"}, "limit": 1},
            headers={"x-after-change": after, "connection": "close"},
        )
        if answer.status_code != 503:
            break
        await asyncio.sleep(float(answer.headers["retry-after"]))
    return answer
