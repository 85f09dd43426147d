"""Bookings in bulk that came by the STAR JSON standard: each by itself, as whoever asked for them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from domain.kit import access
from domain.kit.errors import Problem, Unavailable
from domain.kit.jobs import JobContext, job
from domain.kit.store import Context
from scheduling.appointment_records import Appointment
from scheduling.appointments.booking import book
from service.api import problems
from service.api.appointments import told
from service.api.star.asking import booking_of, once, own_words
from service.api.star.shapes import StarAppointmentAnswer, StarAppointmentCreate, StarBatch
from service.api.star.telling import views
from service.jobs.csv_import import uploads_of
from service.scheduling import planned
from service.services import Services


class Booked(msgspec.Struct, omit_defaults=True):
    """What became of one booking of a batch, by its place."""

    index: int
    appointment_key: str | None = None
    error: dict[str, Any] | None = None


@asynccontextmanager
async def with_schedule(services: Services) -> AsyncIterator[None]:
    """A worker has no calendar in memory of its own: it is loaded for a batch, one batch at a time.

    Unavailable where it cannot be loaded.
    """
    async with services.parts.setdefault("batch", asyncio.Lock()):
        if "schedule" in services.parts:
            yield
            return
        try:
            async with planned(services) as schedule:
                if not schedule.ready:
                    raise Unavailable("The schedule could not be loaded", retry_after=2)
                yield
        finally:
            services.parts.pop("schedule", None)
            services.checks.pop("schedule", None)


class BatchFile(msgspec.Struct):
    """The kept body."""

    sha256: str


@job("book_star_batch", seconds=1_800)
async def book_star_batch(running: JobContext, payload: BatchFile) -> dict[str, Any]:
    """Each booking is a transaction that also tells how far the batch is: a later try goes on behind it."""
    path = uploads_of(running.services.settings).path_of(payload.sha256)
    batch = msgspec.json.decode(await asyncio.to_thread(path.read_bytes), type=StarBatch)
    results = msgspec.convert(running.record.progress.get("results", []), list[Booked])
    async with with_schedule(running.services):
        for at in range(len(results), len(batch.data)):
            try:
                async with running.context() as ctx:
                    key = await _booked(ctx, batch.data[at], f"/data/{at}")
                    results.append(Booked(at, key))
                    await running.told(ctx, results=msgspec.to_builtins(results), of=len(batch.data))
            except Problem as problem:
                del results[at:]
                results.append(Booked(at, error=problems.body_of(problem)))
                await running.progress(results=msgspec.to_builtins(results), of=len(batch.data))
    return {"results": results}


async def _booked(ctx: Context, asked: StarAppointmentCreate, where: str) -> str:
    """Book one; the key of the appointment."""

    async def make() -> bytes:
        with own_words(where):
            made = await book(ctx, await booking_of(ctx, asked))
        [view] = await views(ctx, await told(ctx, [await access.read(ctx, Appointment.entity, made.id)]))
        return msgspec.json.encode(StarAppointmentAnswer(view))

    answer, _ = await once(ctx, asked, make)
    return msgspec.json.decode(answer, type=_Answer).data.appointment_key


class _View(msgspec.Struct):
    appointment_key: str


class _Answer(msgspec.Struct):
    data: _View
