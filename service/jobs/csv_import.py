"""Imports a large CSV file as a job: batch by batch, each with the place it has come to: none is taken twice."""

from __future__ import annotations

import asyncio
from itertools import islice
from typing import Any

import msgspec

from domain.kit import access, catalogue
from domain.kit.csv_rows import Reader, Style
from domain.kit.errors import NotFound
from domain.kit.files import Files
from domain.kit.jobs import JobContext, job
from service.csv_import import Counts, known_columns, opened, taken
from service.services import Services
from service.settings import Settings

BATCH = 1_000
MOST_REJECTS = 1_000
"""So many refused rows are told in full; the others are counted."""


class ImportFile(msgspec.Struct):
    """What is imported, and how."""

    record_type: str
    sha256: str
    style: Style
    dry_run: bool


class Done(msgspec.Struct):
    """How far an import has come, and at last what it did."""

    rows: int = 0
    dry_run: bool = False
    counts: Counts = msgspec.field(default_factory=Counts)
    rejects: list[access.BulkResult] = []


def uploads_of(settings: Settings) -> Files:
    """The files that wait for their import."""
    return Files(settings.data_dir / "imports")


class _Undone(Exception):  # a dry run's way out of its transaction
    pass


@job("import_csv", seconds=7200)
async def import_csv(running: JobContext, payload: ImportFile) -> None:
    """Takes the rows as the requester; goes on behind the last batch that was committed."""
    services: Services = running.services
    entity = catalogue.load()[payload.record_type]
    uploads = uploads_of(services.settings)
    path = uploads.path_of(payload.sha256)
    if not path.exists():
        raise NotFound("The uploaded file is not there any more; send it again")
    done = msgspec.convert(running.record.progress, Done) if not payload.dry_run else Done(dry_run=True)
    with opened(path) as text:
        reader = Reader(entity, text, payload.style, known_columns(entity, running.requester))
        rows = iter(reader)
        await asyncio.to_thread(_skip, rows, done.rows)
        while batch := await asyncio.to_thread(list, islice(rows, BATCH)):
            try:
                async with running.context() as ctx:
                    for result in await taken(ctx, entity, batch, done.rows + 1):
                        done.counts.add(result.result)
                        if result.error is not None and len(done.rejects) < MOST_REJECTS:
                            done.rejects.append(result)
                    done.rows += len(batch)
                    if payload.dry_run:
                        raise _Undone
                    await running.told(ctx, **msgspec.to_builtins(done))
            except _Undone:
                await running.progress(rows=done.rows)
    async with running.context() as ctx:
        await running.finish(ctx, done)
    uploads.remove(payload.sha256)


def _skip(rows: Any, count: int) -> None:
    for _ in islice(rows, count):
        pass
