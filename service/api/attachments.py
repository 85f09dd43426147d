"""Files on records: `/{records}/{id}/attachments`, seen by whoever sees the record and belongs to their readers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import quote

import msgspec
from litestar.response import Stream

from domain.kit import catalogue, contents
from domain.kit.attachments import MOST_BYTES, Attachment, Audience
from domain.kit.db import Deed
from domain.kit.errors import Forbidden, Malformed, NotFound, TooLarge, UnsupportedMediaType
from domain.kit.files import Draft, Files
from domain.kit.ids import new_id
from domain.kit.policy import Principal
from domain.kit.record import Entity
from domain.kit.standing import Standing, circles, must_change, record_types, standing
from domain.kit.store import Context
from service.api.dispatch import request_id
from service.api.routing import PREFIX, Answer, Call, Kind, Param, Route
from service.jobs.privacy import files_of
from service.ops.deadlines import BodyLimit

READERS = {
    "CUSTOMER": ("CUSTOMER", "PUBLIC"),
    "PARTNER": ("INTERNAL", "CUSTOMER", "PUBLIC"),
    "STAFF": ("INTERNAL", "CUSTOMER", "PUBLIC"),
    "SYSTEM": ("INTERNAL", "CUSTOMER", "PUBLIC"),
}
"""Persona to the audiences whose files they see on their own records; on others' they see public ones alone."""
_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=300)]


class AttachedFile(msgspec.Struct):
    """A file on a record, by its latest revision."""

    id: str
    version: int
    created_at: datetime
    name: str
    media_type: str
    size_bytes: int
    sha256: str
    audience: str
    series: str
    revision: int
    uploaded_by: str | None


class AttachedFiles(msgspec.Struct):
    """The files of a record, the latest first."""

    items: list[AttachedFile]


def told(file: Attachment, principal: Principal) -> AttachedFile:
    """A file as the caller may know it; customers do not learn who works on their records."""
    shown = principal.persona != "CUSTOMER" or file.uploaded_by == principal.user_id
    return AttachedFile(
        id=file.id,
        version=file.version,
        created_at=file.created_at,
        name=file.name,
        media_type=file.media_type,
        size_bytes=file.size_bytes,
        sha256=file.sha256,
        audience=file.audience,
        series=file.series,
        revision=file.revision,
        uploaded_by=file.uploaded_by if shown and principal.persona != "GUEST" else None,
    )


async def visible(ctx: Context, found: Standing, condition: str = "true", *arguments: Any) -> list[Attachment]:
    """The files of a record that the caller may see."""
    audiences = circles(ctx.principal, found.own, READERS, "PUBLIC")
    async with ctx.elevated():
        return await ctx.where(
            Attachment,
            f"record_type = $1 and record_id = $2 and audience = any($3::text[]) and {condition}",
            found.record_type,
            found.record_id,
            audiences,
            *arguments,
        )


async def one(ctx: Context, found: Standing, id: str) -> Attachment:
    """One file of a record; NotFound where the caller may not see it."""
    for file in await visible(ctx, found, "id::text = $4", id):
        return file
    raise NotFound("There is no such file on this record")


def _list(entity: Entity) -> Route:
    async def handler(call: Call) -> Any:
        files = await visible(call.ctx, await standing(call.ctx, entity, call.id))
        if not call.query.get("revisions", False):
            latest = {file.series: file for file in sorted(files, key=lambda file: file.revision)}
            files = list(latest.values())
        files.sort(key=lambda file: (file.created_at, file.id), reverse=True)
        return AttachedFiles([told(file, call.principal) for file in files])

    return Route(
        method="GET",
        path=f"{PREFIX}/{entity.route}/{{id}}/attachments",
        object=entity.name,
        action="attachments",
        handler=handler,
        kind=Kind.READ,
        grant=(entity, "r"),
        summary=f"The files of a {entity.name.replace('_', ' ')}",
        query={"revisions": Param(bool, "earlier revisions too")},
        returns=AttachedFiles,
        problems=(Malformed, NotFound),
    )


def _upload(entity: Entity) -> Route:
    async def handler(call: Call) -> Any:
        deed = Deed(request_id=request_id(call.request))
        async with call.services.context(call.principal, deed, readonly=True) as ctx:
            must_change(await standing(ctx, entity, call.id))
        files = files_of(call.services.settings)
        draft = await files.drafted(call.request.stream(), MOST_BYTES)
        try:
            kind = await asyncio.to_thread(contents.media_type, draft.path, call.query["name"])
            async with call.services.context(call.principal, deed) as ctx:
                found = await standing(ctx, entity, call.id)
                must_change(found)
                made = await _attached(ctx, found, call, draft, kind)
                await asyncio.to_thread(files.keep, draft)  # before the commit: a row without its file is worse
        finally:
            files.drop(draft)
        location = f"{PREFIX}/{entity.route}/{call.id}/attachments/{made.id}"
        return Answer(told(made, call.principal), status=201, headers={"location": location})

    return Route(
        method="POST",
        path=f"{PREFIX}/{entity.route}/{{id}}/attachments",
        object=entity.name,
        action="attach",
        handler=handler,
        kind=Kind.FREE,
        grant=(entity, "r"),
        summary=f"Put a file on a {entity.name.replace('_', ' ')}: the body is its content",
        query={
            "name": Param(_Name, "what it is called", required=True),
            "audience": Param(Audience, "who may see it besides: INTERNAL (default), CUSTOMER, PUBLIC"),
            "replaces": Param(str, "the id of the file that this is a new revision of"),
        },
        returns=AttachedFile,
        status=201,
        streams=("application/octet-stream", *contents.ENDINGS),
        problems=(Malformed, Forbidden, NotFound, TooLarge, UnsupportedMediaType),
        body_limit=BodyLimit(most_bytes=MOST_BYTES + 1, grace_seconds=30, bytes_per_second=10_000),
    )


async def _attached(ctx: Context, found: Standing, call: Call, draft: Draft, kind: str) -> Attachment:
    audience = call.query.get("audience", "CUSTOMER" if ctx.principal.persona == "CUSTOMER" else "INTERNAL")
    if ctx.principal.persona == "CUSTOMER" and audience != "CUSTOMER":
        raise Forbidden("Your files are for you and those who serve you")
    series, revision = new_id(), 1
    if replaced := call.query.get("replaces"):
        series = (await one(ctx, found, replaced)).series
        async with ctx.elevated():
            before = await ctx.where(Attachment, "series = $1 and record_id = $2", series, found.record_id, lock=True)
        revision = max(file.revision for file in before) + 1
    async with ctx.elevated():
        return await ctx.create(
            Attachment,
            record_type=found.record_type,
            record_id=found.record_id,
            series=series,
            revision=revision,
            name=contents.safe_name(call.query["name"], kind),
            media_type=kind,
            size_bytes=draft.size_bytes,
            sha256=draft.sha256,
            audience=audience,
            uploaded_by=ctx.principal.user_id,
        )


def _download(entity: Entity) -> Route:
    async def handler(call: Call) -> Any:
        async with call.services.context(call.principal, readonly=True) as ctx:
            file = await one(ctx, await standing(ctx, entity, call.id), call.params["attachment_id"])
        path = files_of(call.services.settings).path_of(file.sha256)
        if not await asyncio.to_thread(path.exists):
            raise NotFound("The content of this file is not on this node")
        headers = {
            "content-disposition": _disposition(file.name),
            "x-content-type-options": "nosniff",
            "content-security-policy": "sandbox; default-src 'none'",
            "cache-control": "private, no-store",
            "etag": f'"{file.sha256}"',
        }
        pieces: AsyncIterator[bytes] = Files.pieces(path)
        return Stream(pieces, media_type=file.media_type, headers=headers)

    return Route(
        method="GET",
        path=f"{PREFIX}/{entity.route}/{{id}}/attachments/{{attachment_id}}",
        object=entity.name,
        action="attachment",
        handler=handler,
        kind=Kind.FREE,
        grant=(entity, "r"),
        summary="The content of a file, to be saved and never shown in place",
        problems=(NotFound,),
        answers=tuple(contents.ENDINGS),
    )


def _disposition(name: str) -> str:
    plain = "".join(c if c.isascii() and (c.isalnum() or c in " ._-") else "_" for c in name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name)}"


def _remove(entity: Entity) -> Route:
    async def handler(call: Call) -> Any:
        found = await standing(call.ctx, entity, call.id)
        must_change(found)
        file = await one(call.ctx, found, call.params["attachment_id"])
        if call.principal.persona == "CUSTOMER" and file.uploaded_by != call.principal.user_id:
            raise Forbidden("You may remove your own files only")
        async with call.ctx.elevated():
            await call.ctx.delete(file)

    return Route(
        method="DELETE",
        path=f"{PREFIX}/{entity.route}/{{id}}/attachments/{{attachment_id}}",
        object=entity.name,
        action="detach",
        handler=handler,
        kind=Kind.WRITE,
        grant=(entity, "r"),
        summary="Take a file off the record; its content goes within a day",
        status=204,
        problems=(Forbidden, NotFound),
    )


def _routes() -> Iterator[Route]:
    catalogue.load()
    for entity in record_types():
        for make in (_list, _upload, _download, _remove):
            yield make(entity)


ROUTES = list(_routes())
