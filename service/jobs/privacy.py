"""Export and erasure of a person's data as jobs, and the ledger by which a restored database forgets again."""

from __future__ import annotations

import asyncio
import os
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import structlog

from domain.kit import privacy
from domain.kit.db import Deed
from domain.kit.files import Files
from domain.kit.jobs import JobContext, job
from domain.kit.policy import WORKER
from domain.kit.store import Context
from service.services import Services
from service.settings import Settings

log = structlog.get_logger("forecourt.privacy")
EXPORTS_KEPT_SECONDS = 7 * 86_400


class OfPerson(msgspec.Struct):
    """Whose data."""

    contact_id: str


class Exported(msgspec.Struct):
    """Where the export is and what is in it."""

    download: str
    size_bytes: int
    records: dict[str, int]


class Entry(msgspec.Struct):
    """One line of the ledger: ids alone."""

    contact_id: str
    accounts: list[str]
    users: list[str]
    at: datetime
    requested_by: str
    job_id: str


def files_of(settings: Settings) -> Files:
    """The contents of attached files."""
    return Files(settings.data_dir / "files")


def export_path(settings: Settings, job_id: str) -> Path:
    """Where the export made by this job is kept for a week."""
    return settings.data_dir / "exports" / f"{job_id}.zip"


def ledger_path(settings: Settings) -> Path:
    """The ledger of erasures: outside the database, so that a restore does not undo it."""
    return settings.data_dir / "erasures.ndjson"


@job("export_person", seconds=600)
async def export_person(running: JobContext, payload: OfPerson) -> None:
    """Everything about a person, as one zip: `data.json` and the attached files."""
    services: Services = running.services
    async with running.context(WORKER) as ctx:
        subject = await privacy.subject_of(ctx, payload.contact_id)
        data = await privacy.gathered(ctx, subject)
    path = export_path(services.settings, running.id)
    await asyncio.to_thread(_zipped, path, data, files_of(services.settings))
    counts = {name: len(rows) for name, rows in data.records.items()}
    size = path.stat().st_size
    async with running.context(WORKER) as ctx:
        await running.finish(ctx, Exported(f"/api/v1/privacy/exports/{running.id}", size, counts))


def _zipped(path: Path, data: privacy.PersonData, files: Files) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_suffix(".part")
    with zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("data.json", msgspec.json.format(msgspec.json.encode(data)))
        for file in data.files:
            archive.write(files.path_of(file["sha256"]), f"files/{file['id']}-{file['name']}")
    draft.replace(path)


@job("erase_person", seconds=600)
async def erase_person(running: JobContext, payload: OfPerson) -> None:
    """Erase a person. The ledger is written first: an erasure that is in it is always carried out in the end."""
    services: Services = running.services
    async with running.context(WORKER) as ctx:
        subject = await privacy.subject_of(ctx, payload.contact_id)
        await privacy.held(ctx, subject)
    entry = Entry(
        payload.contact_id,
        list(subject.accounts),
        list(subject.users),
        services.clock(),
        running.requester.name,
        running.id,
    )
    await asyncio.to_thread(_noted, ledger_path(services.settings), entry)
    async with running.context(WORKER) as ctx:
        done = await privacy.erase(ctx, subject)
        await running.finish(ctx, {"rows": done.rows, "files": len(done.files)})
    await asyncio.to_thread(_removed, services.settings, done)


def _noted(path: Path, entry: Entry) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with path.open("ab") as file:
        file.write(msgspec.json.encode(entry) + b"\n")
        file.flush()
        os.fsync(file.fileno())


def _removed(settings: Settings, done: privacy.Erasure) -> None:
    for sha256 in done.files:
        files_of(settings).remove(sha256)
    for id in done.messages:
        for path in (settings.data_dir / "outbox").glob(f"*/{id}.*"):
            path.unlink(missing_ok=True)
    for id in done.jobs:
        export_path(settings, id).unlink(missing_ok=True)


def entries(settings: Settings) -> list[Entry]:
    """The ledger, oldest first; a last line cut short by a crash is left out: its erasure had not begun."""
    path = ledger_path(settings)
    if not path.exists():
        return []
    found = []
    for line in path.read_bytes().splitlines():
        try:
            found.append(msgspec.json.decode(line, type=Entry))
        except msgspec.DecodeError:
            log.warning("a line of the erasure ledger is cut short")
    return found


async def erase_again(services: Services) -> int:
    """Erase everybody in the ledger whom the database still knows, as after a restore; how many those were.

    To be called before the service opens on a restored database.
    """
    erased = 0
    for entry in entries(services.settings):
        async with services.context(WORKER, Deed(command="erase_person", request_id=f"job {entry.job_id}")) as ctx:
            known = await ctx.db.fetchval(
                "select last_name <> $2 from contact where id = $1", entry.contact_id, privacy.ERASED
            )
            if not known:
                continue
            subject = await privacy.subject_of(ctx, entry.contact_id)
            done = await privacy.erase(ctx, subject)
        await asyncio.to_thread(_removed, services.settings, done)
        log.warning("erased again", contact=entry.contact_id)
        erased += 1
    return erased


async def sweep_files(settings: Settings, ctx: Context, now: float) -> None:
    """Remove contents that no attachment has (their upload failed), and exports after a week."""
    files = files_of(settings)
    old = await asyncio.to_thread(files.kept, now - 86_400)
    rows: list[Any] = await ctx.db.fetch("select distinct sha256 from attachment where sha256 = any($1::text[])", old)
    kept = {row["sha256"] for row in rows}
    for sha256 in old:
        if sha256 not in kept:
            files.remove(sha256)
    for sha256 in await asyncio.to_thread(Files(settings.data_dir / "imports").kept, now - 2 * 86_400):
        Files(settings.data_dir / "imports").remove(sha256)
    for path in (settings.data_dir / "exports").glob("*.zip"):
        if path.stat().st_mtime < now - EXPORTS_KEPT_SECONDS:
            path.unlink(missing_ok=True)
