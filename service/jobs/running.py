"""One try of one job: claim it, run its behaviour as the requester, end it or give it back."""

from __future__ import annotations

import asyncio
import uuid
from datetime import timedelta
from typing import Any

import asyncpg
import msgspec
import structlog
from pgqueuer.errors import RetryRequested

from domain.kit.errors import Problem
from domain.kit.jobs import KINDS, Job, JobCancelled, JobContext, Kind, LeaseLost
from domain.kit.policy import GUEST, WORKER, Principal
from service.auth.principal import principal_of
from service.services import Services

log = structlog.get_logger("forecourt.jobs")
FIRST_PAUSE = timedelta(seconds=2)
LONGEST_PAUSE = timedelta(minutes=5)
TEND_SECONDS = 0.5
_AWAY = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.OperatorInterventionError,
)


class Jobs:
    """The jobs of one worker."""

    def __init__(self, services: Services, stopping: asyncio.Event):
        self._services = services
        self._stopping = stopping
        self._suspects = asyncio.Lock()

    async def run(self, queue_id: int, job_id: str) -> None:
        """Take the job for one try. RetryRequested where it is to be tried again; whatever else happens is recorded."""
        try:
            async with self._services.context(WORKER) as ctx:
                record = await ctx.find(Job, job_id)
            if record is None:
                return
            if record.status == "RUNNING":
                # A worker died with this job. Such jobs run one by one, so that the one which kills shows itself.
                async with self._suspects:
                    await self._try(queue_id, job_id)
            else:
                await self._try(queue_id, job_id)
        except _AWAY as fault:
            log.warning("job interrupted", job=job_id, fault=repr(fault))
            raise RetryRequested(timedelta(seconds=1), "the database was away") from None

    async def _try(self, queue_id: int, job_id: str) -> None:
        lease = str(uuid.uuid4())
        async with self._services.context(WORKER) as ctx:
            record = await ctx.get(Job, job_id)
            kind = KINDS.get(record.kind)
            most = kind.tries if kind is not None else 1
            claimed = await ctx.db.fetchval("select app.claim_job($1, $2, $3, $4)", job_id, lease, queue_id, most)
            if claimed != "RUN":
                log.info("job not taken", job=job_id, because=claimed)
                return
            record = await ctx.get(Job, job_id)
            requester = await self._requester(record, ctx.db)
        job = JobContext(record, lease, requester or GUEST, WORKER, self._services.context, self._services)
        try:
            if kind is None:
                await job.fail({"slug": "unknown-kind", "detail": f"No worker knows jobs of the kind {record.kind}"})
            elif requester is None:
                await job.fail({"slug": "forbidden", "detail": "Whoever asked for this may not do it any more"})
            else:
                await self._attempt(job, kind)
        except LeaseLost:
            log.warning("job lost to another worker", job=job_id)

    async def _requester(self, record: Job, db: Any) -> Principal | None:
        if record.client_id == WORKER.client_id:
            return WORKER
        if record.requested_by is None and record.client_id is None:
            return GUEST
        row = await db.fetchrow(
            "select * from app.requester($1, $2, $3)", record.requested_by, record.client_id, record.scopes
        )
        return principal_of(row) if row is not None else None

    async def _attempt(self, job: JobContext, kind: Kind) -> None:
        try:
            result = await self._behaviour(job, kind)
            if not job.is_finished:
                async with job.context(WORKER) as ctx:
                    await job.finish(ctx, result)
        except JobCancelled:
            if not job.is_finished:
                await job.fail(None, "CANCELLED")
        except Problem as refusal:
            errors = [msgspec.to_builtins(fault) for fault in refusal.errors]
            await job.fail({"slug": refusal.slug, "detail": refusal.detail, **({"errors": errors} if errors else {})})
        except _Stopped:
            await job.give_back()
            raise RetryRequested(reason="the worker stops") from None
        except (LeaseLost, RetryRequested, asyncio.CancelledError):
            raise
        except Exception as fault:
            await self._failed(job, kind, fault)

    async def _failed(self, job: JobContext, kind: Kind, fault: Exception) -> None:
        if job.is_finished:
            log.error("job failed after its end", job=job.id, kind=kind.name, exc_info=fault)
            return
        tries = job.record.attempts
        log.error("job failed", job=job.id, kind=kind.name, attempt=tries, exc_info=fault)
        late = isinstance(fault, _Late)
        told = {
            "slug": "deadline" if late else "internal",
            "detail": f"It took longer than {kind.seconds:g} s" if late else "The work failed; it is logged",
            "cause": type(fault).__name__.lstrip("_"),
        }
        if tries >= kind.tries:
            await job.fail({**told, "detail": f"{told['detail']}. Given up after {tries} tries"})
            return
        await job.fail(told, "QUEUED")
        pause = min(FIRST_PAUSE * 2 ** (tries - 1), LONGEST_PAUSE)
        raise RetryRequested(pause, told["cause"]) from None

    async def _behaviour(self, job: JobContext, kind: Kind) -> Any:
        """The behaviour's result; it is cancelled at its deadline, on request, when the job is lost or we stop."""
        payload = msgspec.convert(job.record.payload, kind.payload)
        work: asyncio.Task[Any] = asyncio.ensure_future(kind.run(job, payload))
        tending = asyncio.create_task(_tend(job))
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait({work, tending, stopping}, timeout=kind.seconds, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                work.cancel()
                await asyncio.wait({work}, timeout=5)
                if not job.is_finished:
                    if tending.done():
                        tending.result()
                    raise _Stopped if stopping.done() else _Late
            if work.cancelled():
                raise RuntimeError("the behaviour has cancelled itself")
            return work.result()
        finally:
            for task in (work, tending, stopping):
                task.cancel()
            await asyncio.gather(tending, stopping, return_exceptions=True)


class _Stopped(Exception):
    """The worker is asked to end."""


class _Late(Exception):
    """The try has taken too long."""


async def _tend(job: JobContext) -> None:
    """Writes progress that waits and hears of cancels, for behaviours that tell little."""
    while True:
        await asyncio.sleep(TEND_SECONDS)
        await job.tell()
