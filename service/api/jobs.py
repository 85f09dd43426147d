"""`GET /jobs/{id}/events`: a job's progress as server-sent events, from wherever the client left off, until it ends."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import msgspec
from litestar.response import Stream

from domain.kit import access
from domain.kit.db import READER, Database
from domain.kit.errors import NotFound, Problem
from domain.kit.jobs import ENDED, Job
from domain.kit.policy import Principal
from domain.kit.views import told_struct
from service.api.records import all_fields
from service.api.routing import PREFIX, SIGNED_IN, Call, Kind, Route
from service.auth.principal import authenticate
from service.jobs import kinds
from service.services import Services

POLL_SECONDS = 0.15
QUIET_SECONDS = 15.0
"""After so long without an event a comment is sent, so that no one in between takes the connection for dead."""
ASK_SECONDS = 5.0
"""How often the caller's rights are looked up again."""
SHOWN = tuple(name for name in all_fields(Job.entity) if name != "payload")
assert kinds


class Watch:
    """Looks after all watched jobs of a process by one query, however many clients follow them."""

    def __init__(self, database: Database):
        self._database = database
        self._versions: dict[str, int] = {}
        self._watchers: dict[str, int] = {}
        self._moved = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None

    async def after(self, job_id: str, version: int, seconds: float) -> bool:
        """Whether the job has gone beyond a version; waits so long for it."""
        self._watchers[job_id] = self._watchers.get(job_id, 0) + 1
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._poll(), name="job watch")
        try:
            async with asyncio.timeout(seconds), self._moved:
                await self._moved.wait_for(lambda: self._versions.get(job_id, 0) > version)
            return True
        except TimeoutError:
            return False
        finally:
            self._watchers[job_id] -= 1
            if not self._watchers[job_id]:
                del self._watchers[job_id]
                self._versions.pop(job_id, None)

    async def _poll(self) -> None:
        while self._watchers:
            pool = await self._database.pool(READER)
            rows = await pool.fetch("select id, version from job where id = any($1::uuid[])", list(self._watchers))
            async with self._moved:
                self._versions.update({row["id"]: row["version"] for row in rows})
                self._moved.notify_all()
            await asyncio.sleep(POLL_SECONDS)


def watch_of(services: Services) -> Watch:
    """The watch of this process."""
    found = services.parts.get("job_watch")
    if not isinstance(found, Watch):
        found = services.parts["job_watch"] = Watch(services.database)
    return found


def event(name: str, version: int, data: Any) -> bytes:
    """One server-sent event; its id is the version, by which a client goes on."""
    return f"id: {version}\nevent: {name}\ndata: ".encode() + msgspec.json.encode(data) + b"\n\n"


async def events(
    services: Services, job_id: str, seen: int, caller: Callable[[], Awaitable[Principal]]
) -> AsyncIterator[bytes]:
    """`progress` events with the whole job, each later than version `seen`, and at last `end`.

    Every event is read as the caller may see it at that moment; the stream ends when they may not any more.
    """
    watch = watch_of(services)
    principal = await caller()
    asked_at = told_at = time.monotonic()
    yield b"retry: 2000\n\n"
    while True:
        now = time.monotonic()
        if now - asked_at >= ASK_SECONDS:
            principal, asked_at = await caller(), now
        async with services.context(principal, readonly=True) as ctx:
            try:
                record: Any = await access.read(ctx, Job.entity, job_id)
            except NotFound:
                return
        ended = record.status in ENDED
        if record.version > seen or ended:
            seen, told_at = record.version, now
            yield event("end" if ended else "progress", seen, record)
            if ended:
                return
        while not await watch.after(job_id, seen, ASK_SECONDS):
            if time.monotonic() - told_at >= QUIET_SECONDS:
                told_at = time.monotonic()
                yield b": still there\n\n"
            principal, asked_at = await caller(), time.monotonic()


async def _events(call: Call) -> Any:
    last = call.request.headers.get("last-event-id", "")
    seen = int(last) if last.isascii() and last.isdigit() and len(last) < 18 else 0
    async with call.services.context(call.principal, readonly=True) as ctx:
        await access.read(ctx, Job.entity, call.id)

    async def caller() -> Principal:
        return await authenticate(call.request, call.services)

    async def told() -> AsyncIterator[bytes]:
        try:
            async for piece in events(call.services, call.id, seen, caller):
                yield piece
        except Problem as refusal:
            yield event("gone", seen, {"slug": refusal.slug, "detail": refusal.detail})

    return Stream(
        told(), media_type="text/event-stream", headers={"cache-control": "no-store", "x-accel-buffering": "no"}
    )


ROUTES = [
    Route(
        method="GET",
        path=f"{PREFIX}/jobs/{{id}}/events",
        object="job",
        action="events",
        handler=_events,
        kind=Kind.FREE,
        grant=SIGNED_IN,
        summary="Progress as server-sent events; Last-Event-ID goes on from there",
        returns=told_struct(Job.entity, SHOWN),
        problems=(NotFound,),
        answers=("text/event-stream",),
    )
]
