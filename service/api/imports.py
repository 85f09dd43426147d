"""Vehicle import over HTTP: a stock file in, what became of its rows out, and the rejects to mend and send again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from litestar import Response
from litestar.response import Stream

from domain.kit import feed
from domain.kit.db import Deed, written
from domain.kit.errors import Forbidden, Invalid, Malformed, NotFound, TooLarge, UnsupportedMediaType
from domain.kit.files import Draft
from domain.kit.policy import keys
from domain.kit.store import Context
from domain.kit.values import Code, Id
from inventory.importing.errors import FileTooLarge, HeaderFault, MappingFault, UnknownColumn, UnreadableFile
from inventory.importing.reader import format_of_media_type
from inventory.importing.runs import ImportOptions, ImportResult, SnapshotUnconfirmed, import_vehicles, rejects
from inventory.importing.stored import UnknownMapping
from inventory.records import SELLERS, VehicleImport
from service.api import idempotency
from service.api.dispatch import caller_name, request_id
from service.api.records import KEY_PROBLEMS
from service.api.routing import PREFIX, Call, Kind, Param, Route
from service.jobs.csv_import import uploads_of
from service.ops.deadlines import STREAMED

MEDIA = ("text/csv", "application/x-ndjson")
_PIECE = 1 << 20
_IMPORTERS = keys(" ".join(SELLERS)) | keys("DISTRIBUTION ADMIN inventory.sync")
_FILE_PROBLEMS = (
    UnreadableFile,
    UnknownColumn,
    HeaderFault,
    FileTooLarge,
    MappingFault,
    UnknownMapping,
    SnapshotUnconfirmed,
)


class VehicleImportAnswer(ImportResult, frozen=True, kw_only=True):
    """What became of the rows; received = created + updated + unchanged + superseded + rejected."""

    rejects_url: str


async def _import(call: Call) -> Response[bytes]:
    options = ImportOptions(
        file_format=format_of_media_type(call.request.headers.get("content-type", "")),
        mapping=call.query.get("mapping", "default"),
        account_id=call.query.get("account_id"),
        mode="SNAPSHOT" if call.query.get("mode") == "snapshot" else "UPSERT",
        scope=call.query.get("scope"),
        confirm=call.query.get("confirm", False),
    )
    # The file is taken in whole before the first row is applied: a client that goes away half-way changes nothing.
    files = uploads_of(call.services.settings)
    draft = await files.drafted(call.request.stream(), STREAMED.most_bytes)
    try:
        return await _answered(call, options, draft)
    finally:
        files.drop(draft)


async def _answered(call: Call, options: ImportOptions, draft: Draft) -> Response[bytes]:
    """The stored answer for a repeated key; else the import's, stored with the last thing it writes."""
    key = call.request.headers.get("idempotency-key")
    deed = Deed(command="import", request_id=request_id(call.request))

    def transact() -> AbstractAsyncContextManager[Context]:
        return call.services.context(call.principal, deed)

    claim = None
    if key is not None:
        told = msgspec.json.encode([draft.sha256, options])
        claim = idempotency.claim_of(caller_name(call), f"POST {call.request.scope['path']}", key, told)
    async with idempotency.alone(call.services.database, claim):
        if claim is not None:
            async with transact() as ctx:
                stored = await idempotency.claimed(ctx.db, claim)
            if stored is not None:
                headers = {**stored.headers, "idempotent-replayed": "true"}
                return Response(stored.body, status_code=stored.status, headers=headers, media_type="application/json")
        result = await import_vehicles(transact, options, _pieces(draft.path))
        body = msgspec.json.encode(
            VehicleImportAnswer(
                **msgspec.structs.asdict(result),
                rejects_url=f"{call.services.settings.public_url}{PREFIX}/vehicle-imports/{result.import_id}/rejects",
            )
        )
        async with transact() as ctx:
            await ctx.db.execute("select pg_current_xact_id()")
            done = await written(ctx.db)
            assert done is not None
            headers = {"cache-control": "no-store", "x-change": feed.written(*done)}
            if claim is not None:
                await idempotency.keep(ctx.db, claim, idempotency.Stored(200, headers, body))
    return Response(body, status_code=200, headers=headers, media_type="application/json")


async def _pieces(path: Path) -> AsyncIterator[bytes]:
    with await asyncio.to_thread(path.open, "rb") as file:
        while piece := await asyncio.to_thread(file.read, _PIECE):
            yield piece


async def _rejects(call: Call) -> Any:
    deed = Deed(request_id=request_id(call.request))

    def transact() -> AbstractAsyncContextManager[Context]:
        return call.services.context(call.principal, deed, readonly=True)

    async with transact() as ctx:
        run = await ctx.get(VehicleImport, call.id)
    headers = {
        "cache-control": "no-store",
        "content-disposition": f'attachment; filename="rejects-{run.number}.csv"',
        "x-content-type-options": "nosniff",
    }
    return Stream(rejects(transact, call.id), media_type="text/csv; charset=utf-8", headers=headers)


ROUTES = [
    Route(
        method="POST",
        path=f"{PREFIX}/vehicles/import",
        object="vehicle",
        action="import",
        handler=_import,
        kind=Kind.FREE,
        grant=_IMPORTERS,
        summary="Take a stock file in: a result for every row, nothing lost",
        returns=VehicleImportAnswer,
        query={
            "mapping": Param(Code, "a stored column mapping; absent: columns are the property names"),
            "mode": Param(Literal["upsert", "snapshot"], "snapshot: the file is complete, what it lacks is closed"),
            "scope": Param(Id, "for a snapshot: the account or location that the file is complete for"),
            "confirm": Param(bool, "close more than 20 % of the scope"),
            "account_id": Param(Id, "the account of rows that name no other"),
        },
        idempotent=True,
        streams=MEDIA,
        problems=(
            Malformed, UnsupportedMediaType, Forbidden, NotFound, Invalid, TooLarge, *_FILE_PROBLEMS, *KEY_PROBLEMS,
        ),
        body_limit=STREAMED,
    ),
    Route(
        method="GET",
        path=f"{PREFIX}/vehicle-imports/{{id}}/rejects",
        object="vehicle_import",
        action="rejects",
        handler=_rejects,
        kind=Kind.FREE,
        grant=(VehicleImport.entity, "r"),
        summary="The rejected rows as they came, each with every reason",
        returns=Annotated[str, msgspec.Meta(description="CSV")],
        answers=("text/csv",),
        problems=(NotFound,),
    ),
]  # fmt: skip
