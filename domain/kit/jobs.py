"""Jobs: work that outlasts its request, with progress, cancel, a deadline and one effect however often it is tried."""

from __future__ import annotations

import inspect
import time
import typing
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from typing import Annotated, Any, cast

import msgspec

from domain.kit.db import Connection, Deed
from domain.kit.errors import ResultTooLarge
from domain.kit.fields import DefaultsTo, Fixed, Quiet, Ref, reads, writes
from domain.kit.policy import Principal
from domain.kit.queue import push
from domain.kit.record import Record, entity, states
from domain.kit.rows import own, owner
from domain.kit.store import Context
from domain.kit.values import Code, Count, Instant, Privacy

MOST_TRIES = 5
MOST_RESULT_BYTES = 8_000_000
ENTRYPOINT = "job"
ENDED = ("SUCCEEDED", "FAILED", "CANCELLED")
Document = dict[str, object]


@entity(
    "job",
    rows=owner("requested_by") | own("account_id"),
    grants={"CUSTOMER": "r", "PARTNER": "r", "STAFF": "r", "SYSTEM": "r"},
    title="{kind}",
    person="contact_id",
    states=states("status", "QUEUED RUNNING SUCCEEDED FAILED CANCELLED"),
    without="create update delete bulk import export by-key",
    indexes=("status, created_at where finished_at is null",),
)
class Job(Record, kw_only=True):
    """Work done by a worker process on behalf of whoever asked for it."""

    kind: Annotated[Code, Fixed(), writes()]
    status: str = "QUEUED"
    progress: Annotated[Document, Quiet(), writes(), Privacy.FREE_TEXT] = {}
    result: Annotated[Document | None, Quiet(), writes(), Privacy.FREE_TEXT] = None
    error: Annotated[Document | None, writes(), Privacy.FREE_TEXT] = None
    payload: Annotated[Document, Quiet(), writes(), reads("ADMIN", "ADMIN"), Privacy.FREE_TEXT] = {}
    requested_by: Annotated[str | None, Ref("user"), DefaultsTo("user_id"), writes()] = None
    client_id: Annotated[Code | None, writes()] = None
    scopes: Annotated[list[Code], writes(), reads("SYSTEM ADMIN", "SYSTEM ADMIN")] = []
    account_id: Annotated[str | None, Ref("account"), DefaultsTo("account_id"), writes()] = None
    contact_id: Annotated[str | None, Ref("contact"), writes(), reads("STAFF SYSTEM")] = None
    attempts: Annotated[Count, writes()] = 0
    is_cancel_requested: Annotated[bool, writes()] = False
    started_at: Annotated[Instant | None, writes()] = None
    finished_at: Annotated[Instant | None, writes()] = None


@Job.command("cancel", move="QUEUED | RUNNING > CANCELLED | RUNNING", by="CUSTOMER PARTNER STAFF SYSTEM")
async def cancel(ctx: Context, job: Job) -> Job:
    """Stop the job: at once while it waits, within a second or so while it runs; what it has committed stays."""
    if job.status == "QUEUED":
        return await ctx.update(job, status="CANCELLED", is_cancel_requested=True, finished_at=ctx.now)
    return await ctx.update(job, is_cancel_requested=True)


class JobCancelled(Exception):
    """Raised in the behaviour of a job whose cancel was asked for."""


class LeaseLost(Exception):
    """Another worker has the job now: this one was silent for too long and must not touch anything any more."""


Behaviour = Callable[["JobContext", Any], Awaitable[Any]]


class Kind(msgspec.Struct, frozen=True):
    """A kind of job: its behaviour, the Struct of its payload and how long one try may take."""

    name: str
    run: Behaviour
    payload: Any
    seconds: float
    tries: int


KINDS: dict[str, Kind] = {}
"""Every kind of job by name."""


def job(name: str, *, seconds: float = 3600, tries: int = MOST_TRIES) -> Callable[[Behaviour], Behaviour]:
    """Register `async def run(job: JobContext, payload: Input) -> Struct | dict | None` as a kind of job.

    `seconds`: the deadline of one try. A refusal (Problem) ends the job FAILED at once, anything else after `tries`
    tries with growing pauses. A try may be repeated after it was half done: do the effect in one `job.context()` that
    ends with `job.finish`, or in steps that find out what is done already.
    """

    def register(run: Behaviour) -> Behaviour:
        if name in KINDS:
            raise TypeError(f"two kinds of job are named {name}")
        hints = typing.get_type_hints(run)
        parameters = list(inspect.signature(run).parameters)
        KINDS[name] = Kind(name, run, hints.get(parameters[1], dict), seconds, tries)
        return run

    return register


async def enqueue(
    ctx: Context,
    kind: str,
    payload: msgspec.Struct | dict[str, Any] | None = None,
    *,
    delay: timedelta = timedelta(0),
    contact_id: str | None = None,
) -> Job:
    """Ask for a job in the caller's transaction; it runs after the commit, as the caller. KeyError for no such kind.

    `contact_id`: the person whom the job is about, for their export and erasure.
    """
    given = msgspec.to_builtins(payload) if payload is not None else {}
    msgspec.convert(given, KINDS[kind].payload)
    values: dict[str, Any] = {"kind": kind, "payload": given, "contact_id": contact_id}
    if ctx.principal.client_id is not None:
        values |= {"client_id": ctx.principal.client_id, "scopes": sorted(ctx.principal.scopes)}
    if ctx.principal.persona == "GUEST":
        async with ctx.elevated():
            made = await ctx.create(Job, **values)
    else:
        made = await ctx.create(Job, **values)
    await push(ctx, ENTRYPOINT, made.id, delay=delay)
    return made


Transact = Callable[[Principal, Deed], AbstractAsyncContextManager[Context]]


class JobContext:
    """A running job, handed to its behaviour."""

    def __init__(
        self, record: Job, lease: str, requester: Principal, worker: Principal, transact: Transact, services: Any
    ):
        self.record = record
        self.requester = requester
        self.services = services
        """The shared parts of the worker process, for jobs of the service itself."""
        self.is_finished = False
        self._lease = lease
        self._worker = worker
        self._transact = transact
        self._told: dict[str, Any] = {}
        self._told_at = 0.0

    @property
    def id(self) -> str:
        """The job's id."""
        return self.record.id

    @asynccontextmanager
    async def context(self, principal: Principal | None = None) -> AsyncIterator[Context]:
        """A transaction as the requester (or another); it holds the job, so no other worker can do the same meanwhile.

        Raises LeaseLost where another worker has taken the job over.
        """
        deed = Deed(command=self.record.kind, request_id=f"job {self.id}")
        async with self._transact(principal or self.requester, deed) as ctx:
            if not await ctx.db.fetchval("select app.hold_job($1, $2)", self.id, self._lease):
                raise LeaseLost
            yield ctx

    async def finish(self, ctx: Context, result: Any = None) -> None:
        """End the job in the transaction of its effect: both happen or neither."""
        await self._end(ctx.db, "SUCCEEDED", document(result), None)
        self.is_finished = True

    async def fail(self, error: dict[str, Any] | None, status: str = "FAILED") -> None:
        """End the job without an effect; QUEUED: it is tried again."""
        async with self._transact(self._worker, Deed(request_id=f"job {self.id}")) as ctx:
            await self._end(ctx.db, status, None, error)
        self.is_finished = True

    async def give_back(self) -> None:
        """Let another worker go on: this one stops, which does not count as a try."""
        async with self._transact(self._worker, Deed(request_id=f"job {self.id}")) as ctx:
            if await ctx.db.fetchval("select app.give_back_job($1, $2)", self.id, self._lease):
                self.is_finished = True

    async def _end(
        self, db: Connection, status: str, result: dict[str, Any] | None, error: dict[str, Any] | None
    ) -> None:
        if not await db.fetchval("select app.end_job($1, $2, $3, $4, $5)", self.id, self._lease, status, result, error):
            raise LeaseLost

    async def progress(self, **values: Any) -> None:
        """Tell how far it is: the values are merged into the progress document, written at most four times a second.

        Raises JobCancelled where somebody has asked for that, LeaseLost where another worker has the job.
        """
        self._told.update(values)
        if time.monotonic() - self._told_at >= 0.25:
            await self.tell()

    async def told(self, ctx: Context, **values: Any) -> None:
        """Write progress in a transaction of its own effect, as the last thing in it: where a later try goes on."""
        if await ctx.db.fetchval("select app.tell_job($1, $2, $3)", self.id, self._lease, values) is None:
            raise LeaseLost

    async def tell(self) -> None:
        """Write the progress now; raises as `progress` does."""
        told, self._told = self._told, {}
        self._told_at = time.monotonic()
        async with self._transact(self._worker, Deed()) as ctx:
            cancel_asked = await ctx.db.fetchval(
                "select app.tell_job($1, $2, $3)", self.id, self._lease, msgspec.to_builtins(told)
            )
        if cancel_asked is None:
            raise LeaseLost
        if cancel_asked:
            raise JobCancelled


def document(result: Any) -> dict[str, Any] | None:
    """What a behaviour gave back, as the job keeps it. ResultTooLarge beyond eight megabytes."""
    if result is None:
        return None
    encoded = msgspec.json.encode(result)
    if len(encoded) > MOST_RESULT_BYTES:
        raise ResultTooLarge(f"The result has {len(encoded):,} bytes")
    found = msgspec.json.decode(encoded)
    return cast("dict[str, Any]", found if isinstance(found, dict) else {"value": found})
