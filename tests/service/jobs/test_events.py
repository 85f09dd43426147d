"""Server-sent events of a job: soon, resumable, ended with the job."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from domain.kit.errors import Unauthenticated
from domain.kit.jobs import enqueue
from domain.kit.policy import Principal
from service.api import jobs
from tests.service.jobs.conftest import Place
from tests.service.jobs.kinds_of_tests import GATES


def read(piece: bytes) -> tuple[int, str, Any]:
    lines = dict(line.split(": ", 1) for line in piece.decode().strip().splitlines())
    return int(lines["id"]), lines["event"], msgspec.json.decode(lines["data"])


async def next_of(stream: AsyncIterator[bytes]) -> tuple[int, str, Any]:
    async with asyncio.timeout(10):
        while True:
            piece = await anext(stream)
            if piece.startswith(b"id:"):
                return read(piece)


async def test_progress_shows_soon_and_the_stream_ends_with_the_job(place: Place) -> None:
    async def caller() -> Principal:
        return place.customer

    async with place.services.context(place.customer) as ctx:
        id = (await enqueue(ctx, "test_wait", {"name": "streamed"})).id
    stream = jobs.events(place.services, id, 0, caller)
    seen, name, first = await next_of(stream)
    assert (name, first["status"]) == ("progress", "QUEUED")
    async with place.worker():
        while not first["progress"]:
            version, name, first = await next_of(stream)
            assert version > seen
            seen = version
        assert first["progress"] == {"waiting": True}
        began = time.monotonic()
        waiting = asyncio.create_task(next_of(stream))
        await place.ask("update job set progress = '{\"told\": 1}'")
        written = time.monotonic()
        version, name, document = await waiting
        assert document["progress"] == {"told": 1}
        assert time.monotonic() - written < 0.4, time.monotonic() - began
        GATES["streamed"].set()
        while name != "end":
            last, name, document = await next_of(stream)
        assert document["status"] == "SUCCEEDED"
        with pytest.raises(StopAsyncIteration):
            await anext(stream)
    resumed = jobs.events(place.services, id, last, caller)
    assert (await next_of(resumed))[:2] == (last, "end")
    assert "payload" not in document


async def test_the_stream_ends_when_the_caller_may_not_see_the_job_any_more(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "ASK_SECONDS", 0.2)
    asked = 0

    async def caller() -> Principal:
        nonlocal asked
        asked += 1
        if asked > 1:
            raise Unauthenticated
        return place.customer

    async with place.services.context(place.customer) as ctx:
        id = (await enqueue(ctx, "test_wait", {"name": "unseen"})).id
    stream = jobs.events(place.services, id, 0, caller)
    await next_of(stream)
    with pytest.raises(Unauthenticated):
        await next_of(stream)
