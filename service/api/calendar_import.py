"""A centre's whole calendar over HTTP: a file in, what became of every row out."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

import msgspec
from litestar import Response

from domain.kit import feed
from domain.kit.db import Deed, written
from domain.kit.errors import Forbidden, Invalid, Malformed, NotFound, TooLarge, UnsupportedMediaType
from domain.kit.files import Draft
from domain.kit.policy import keys
from domain.kit.store import Context
from domain.kit.values import Code
from scheduling.importing import CalendarImport, FileFormat, import_calendar
from service.api import idempotency
from service.api.dispatch import caller_name, request_id
from service.api.records import KEY_PROBLEMS
from service.api.routing import PREFIX, Call, Kind, Param, Route
from service.jobs.csv_import import uploads_of
from service.ops.deadlines import BodyLimit

MOST_BYTES = 100_000_000
_FORMATS: dict[str, FileFormat] = {"text/csv": "CSV", "application/x-ndjson": "NDJSON"}
_PLANNERS = keys("SERVICE_MANAGER GROUP_MANAGER ADMIN scheduling.sync")


async def _import(call: Call) -> Response[bytes]:
    media = call.request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media not in _FORMATS:
        raise UnsupportedMediaType(f"Send {' or '.join(_FORMATS)}")
    # The file is taken in whole before the first row is applied: a client that goes away half-way changes nothing.
    files = uploads_of(call.services.settings)
    draft = await files.drafted(call.request.stream(), MOST_BYTES)
    try:
        return await _answered(call, draft, _FORMATS[media])
    finally:
        files.drop(draft)


async def _answered(call: Call, draft: Draft, file_format: FileFormat) -> Response[bytes]:
    """The stored answer for a repeated key; else the import's, stored with the last thing it writes."""
    system, dry_run = call.query.get("system"), bool(call.query.get("dry_run", False))
    deed = Deed(command="import", request_id=request_id(call.request))
    key, claim = call.request.headers.get("idempotency-key"), None

    def transact() -> AbstractAsyncContextManager[Context]:
        return call.services.context(call.principal, deed)

    if key is not None:
        told = msgspec.json.encode([draft.sha256, file_format, system, dry_run])
        claim = idempotency.claim_of(caller_name(call), f"POST {call.request.scope['path']}", key, told)
    async with idempotency.alone(call.services.database, claim):
        if claim is not None:
            async with transact() as ctx:
                stored = await idempotency.claimed(ctx.db, claim)
            if stored is not None:
                headers = {**stored.headers, "idempotent-replayed": "true"}
                return Response(stored.body, status_code=stored.status, headers=headers, media_type="application/json")
        result = await import_calendar(transact, call.id, draft.path, file_format, system=system, dry_run=dry_run)
        body = msgspec.json.encode(result)
        async with transact() as ctx:
            await ctx.db.execute("select pg_current_xact_id()")
            done = await written(ctx.db)
            assert done is not None
            headers = {"cache-control": "no-store", "x-change": feed.written(*done)}
            if claim is not None:
                await idempotency.keep(ctx.db, claim, idempotency.Stored(200, headers, body))
    return Response(body, status_code=200, headers=headers, media_type="application/json")


ROUTES = [
    Route(
        method="POST",
        path=f"{PREFIX}/service-centers/{{id}}/calendar/import",
        object="service_center",
        action="import_calendar",
        handler=_import,
        kind=Kind.FREE,
        grant=_PLANNERS,
        summary="Take a centre's technicians, bays, vehicles, shifts, absences and limits in: a result for every row",
        returns=CalendarImport,
        query={
            "dry_run": Param(bool, "tell what would happen and change nothing"),
            "system": Param(Code, "whose keys the rows have; absent: the centre's own"),
        },
        idempotent=True,
        streams=tuple(_FORMATS),
        problems=(Malformed, UnsupportedMediaType, Forbidden, NotFound, Invalid, TooLarge, *KEY_PROBLEMS),
        body_limit=BodyLimit(most_bytes=MOST_BYTES, grace_seconds=30, bytes_per_second=10_000),
    ),
]
