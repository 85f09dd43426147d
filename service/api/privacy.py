"""A person's data on demand: export as a zip, erasure; of oneself, or of others by those who look after people."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar.response import Stream

from domain.kit import access, privacy
from domain.kit.errors import Forbidden, LegalHoldActive, NotFound
from domain.kit.files import Files
from domain.kit.jobs import Job, enqueue
from domain.kit.policy import Principal, keys
from domain.kit.record import CATALOGUE
from domain.kit.values import Id
from domain.kit.views import told_struct
from service.api.jobs import SHOWN
from service.api.records import KEY_PROBLEMS, WRITE_PROBLEMS
from service.api.routing import PREFIX, Answer, Call, Kind, Route
from service.jobs.privacy import OfPerson, export_path

CALLERS = keys("CUSTOMER SERVICE_AGENT ADMIN")


class PersonOf(msgspec.Struct, forbid_unknown_fields=True):
    """Whose data: a contact; for customers, their own."""

    contact_id: Id


async def _ask(call: Call, kind: str) -> Any:
    contact_id = call.body.contact_id
    await access.read(call.ctx, CATALOGUE["contact"], contact_id)
    if call.principal.persona == "CUSTOMER" and contact_id != call.principal.contact_id:
        raise Forbidden("You may ask for your own data only")
    if kind == "erase_person":
        async with call.ctx.elevated():
            await privacy.held(call.ctx, await privacy.subject_of(call.ctx, contact_id))
    made = await enqueue(call.ctx, kind, OfPerson(contact_id), contact_id=contact_id)
    shown = await access.read(call.ctx, Job.entity, made.id)
    return Answer(shown, status=202, headers={"location": f"{PREFIX}/jobs/{made.id}"})


async def _export(call: Call) -> Any:
    return await _ask(call, "export_person")


async def _erase(call: Call) -> Any:
    return await _ask(call, "erase_person")


async def _download(call: Call) -> Any:
    async with call.services.context(call.principal, readonly=True) as ctx:
        job = await ctx.get(Job, call.id)
    path = export_path(call.services.settings, job.id)
    if job.kind != "export_person" or not _asked_by(job, call.principal) or not path.exists():
        raise NotFound("There is no such export; it is kept for a week")
    headers = {
        "content-disposition": f'attachment; filename="person-{job.id}.zip"',
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
    }
    return Stream(Files.pieces(path), media_type="application/zip", headers=headers)


def _asked_by(job: Job, principal: Principal) -> bool:
    """Only who has asked for an export gets it, not everybody who sees that it was made."""
    return job.requested_by is not None and job.requested_by == principal.user_id


ROUTES = [
    Route(
        method="POST",
        path=f"{PREFIX}/privacy/{what}",
        object="privacy",
        action=action,
        handler=handler,
        kind=Kind.WRITE,
        grant=CALLERS,
        summary=summary,
        body=PersonOf,
        returns=told_struct(Job.entity, SHOWN),
        status=202,
        idempotent=True,
        problems=(*WRITE_PROBLEMS, *more, *KEY_PROBLEMS),
    )
    for what, action, handler, summary, more in (
        ("exports", "export", _export, "Collect everything about a person; the job tells where to download it", ()),
        ("erasures", "erase", _erase, "Erase a person for good; a job", (LegalHoldActive,)),
    )
] + [
    Route(
        method="GET",
        path=f"{PREFIX}/privacy/exports/{{id}}",
        object="privacy",
        action="download",
        handler=_download,
        kind=Kind.FREE,
        grant=CALLERS,
        summary="The export that a job of yours has made, as a zip",
        problems=(NotFound,),
        answers=("application/zip",),
    )
]
