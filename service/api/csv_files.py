"""Records as CSV: `GET /{records}/export` with the filters of the list, `POST /{records}/import` with a dry run."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from itertools import islice
from typing import Annotated, Any, Literal

import msgspec
from litestar import Response
from litestar.response import Stream

from domain.kit import access, catalogue, csv_rows
from domain.kit.db import Deed
from domain.kit.errors import CursorInvalid, Invalid, Malformed, TooLarge, UnknownProperty, UnsupportedMediaType
from domain.kit.files import Draft
from domain.kit.jobs import Job, enqueue
from domain.kit.policy import Principal
from domain.kit.query import parse
from domain.kit.record import Entity
from domain.kit.store import Context
from service.api import idempotency
from service.api.dispatch import caller_name, request_id
from service.api.records import KEY_PROBLEMS
from service.api.routing import PREFIX, Call, Kind, Param, Route
from service.auth.principal import authenticate
from service.csv_import import Counts, known_columns, opened, taken
from service.jobs.csv_import import ImportFile, uploads_of
from service.ops.deadlines import BodyLimit

FETCHED = 500
INLINE_ROWS, INLINE_BYTES = 2_000, 2_000_000
"""Larger files become a job."""
MOST_BYTES = 500_000_000
STYLES = ("human", "lossless")
ROWS_BETWEEN_LOOKS = 20_000
"""So many rows are told before the caller's rights are looked up again."""
_Style = Annotated[Literal["human", "lossless"], msgspec.Meta(description="for people, or to be read by machines")]


class Imported(msgspec.Struct, omit_defaults=True):
    """What an import did, or would do: a result a row, in order."""

    dry_run: bool
    counts: Counts
    results: list[access.BulkResult]


def _style(text: str | None) -> csv_rows.Style:
    if text not in (None, *STYLES):
        raise Malformed.at("?format", f"is one of {', '.join(STYLES)}")
    return "lossless" if text == "lossless" else "human"


def _export(entity: Entity) -> Route:
    async def handler(call: Call) -> Any:
        given = dict(call.raw)
        style = _style(given.get("format"))
        if "limit" in given or "cursor" in given:
            raise Malformed("An export has neither limit nor cursor: it is the whole list")
        filters = [(name, value) for name, value in call.raw if name != "format"]
        pieces = _pieces(call, entity, filters, style)
        first = await anext(pieces)  # refusals are answered before anything is told

        async def told() -> AsyncIterator[bytes]:
            async with contextlib.aclosing(pieces):
                yield first
                async for piece in pieces:
                    yield piece

        headers = {
            "content-disposition": f'attachment; filename="{entity.route}.csv"',
            "cache-control": "no-store",
            "x-content-type-options": "nosniff",
        }
        return Stream(told(), media_type="text/csv", headers=headers)

    return Route(
        method="GET",
        path=f"{PREFIX}/{entity.route}/export",
        object=entity.name,
        action="export",
        handler=handler,
        kind=Kind.FREE,
        grant=(entity, "r"),
        summary=f"All {entity.name.replace('_', ' ')} records of a list as CSV",
        query=None,
        documented={"format": Param(_Style, "human (default): safe in spreadsheets; lossless: for import")},
        problems=(Malformed, UnknownProperty, CursorInvalid),
        answers=("text/csv",),
    )


async def _pieces(
    call: Call, entity: Entity, filters: list[tuple[str, str]], style: csv_rows.Style
) -> AsyncGenerator[bytes, None]:
    """The file in pieces, from one snapshot, by a cursor of the server."""
    seen = access.open_view(entity, call.principal)
    names = tuple(name for name in entity.fields if name in seen.reads)
    query = parse(filters, seen)
    async with call.services.context(call.principal, Deed(request_id=request_id(call.request)), readonly=True) as ctx:
        sql, arguments, present, keys = access.listing(ctx, entity, query, call.services.cursors)
        # Statements are prepared once a connection by their text: the cursor is named by what it selects.
        cursor = f"export_{hashlib.sha256(sql.encode()).hexdigest()[:24]}"
        await ctx.db.execute(f"declare {cursor} no scroll cursor for {sql}", *arguments)
        told = 0
        yield (csv_rows.BOM if style == "human" else "").encode() + csv_rows.line(
            csv_rows.titles(entity, names)
        ).encode()
        while rows := await ctx.db.fetch(f"fetch {FETCHED} from {cursor}"):
            lines = (csv_rows.cells(entity, names, present(row[len(keys) :]), style) for row in rows)
            yield "".join(map(csv_rows.line, lines)).encode()
            told += len(rows)
            if told % ROWS_BETWEEN_LOOKS == 0 and await _changed(call):
                return


async def _changed(call: Call) -> bool:
    """Whether the caller's rights are others than at the beginning."""
    now: Principal = await authenticate(call.request, call.services)
    return now != call.principal


def _import(entity: Entity) -> Route:
    async def handler(call: Call) -> Any:
        style, dry_run = _style(call.query.get("format")), bool(call.query.get("dry_run", False))
        media = call.request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media != "text/csv":
            raise UnsupportedMediaType("Send text/csv")
        files = uploads_of(call.services.settings)
        draft = await files.drafted(call.request.stream(), MOST_BYTES)
        try:
            return await _answered(call, entity, draft, style, dry_run)
        finally:
            files.drop(draft)

    return Route(
        method="POST",
        path=f"{PREFIX}/{entity.route}/import",
        object=entity.name,
        action="import",
        handler=handler,
        kind=Kind.FREE,
        grant=(entity, "c"),
        summary=f"Make or change {entity.name.replace('_', ' ')} records from CSV; a large file becomes a job",
        query={
            "dry_run": Param(bool, "tell what would happen and change nothing"),
            "format": Param(_Style, "how the file was written"),
        },
        returns=Imported,
        idempotent=True,
        streams=("text/csv",),
        problems=(Malformed, UnknownProperty, Invalid, UnsupportedMediaType, TooLarge, *KEY_PROBLEMS),
        body_limit=BodyLimit(most_bytes=MOST_BYTES, grace_seconds=30, bytes_per_second=10_000),
    )


async def _answered(call: Call, entity: Entity, draft: Draft, style: csv_rows.Style, dry_run: bool) -> Response[bytes]:
    """The stored answer for a repeated key, else the import's; an import and its stored answer are one transaction."""
    key, claim = call.request.headers.get("idempotency-key"), None
    if key is not None:
        told = f"{draft.sha256} {style} {dry_run}".encode()
        claim = idempotency.claim_of(caller_name(call), f"POST {call.request.scope['path']}", key, told)
    deed = Deed(request_id=request_id(call.request))
    answer: Response[bytes] | None = None
    try:
        async with call.services.context(call.principal, deed) as ctx:
            if claim is not None and (stored := await idempotency.claimed(ctx.db, claim)) is not None:
                headers = {**stored.headers, "idempotent-replayed": "true"}
                return Response(stored.body, status_code=stored.status, headers=headers, media_type="application/json")
            status, body = await _imported(call, ctx, entity, draft, style, dry_run)
            answer = Response(
                msgspec.json.encode(body),
                status_code=status,
                headers={"cache-control": "no-store"},
                media_type="application/json",
            )
            if dry_run and status == 200:
                raise _Undone
            if claim is not None:
                kept = idempotency.Stored(status, {"cache-control": "no-store"}, answer.content or b"")
                await idempotency.keep(ctx.db, claim, kept)
    except _Undone:
        pass
    assert answer is not None
    return answer


class _Undone(Exception):  # a dry run's way out of its transaction
    pass


async def _imported(
    call: Call, ctx: Context, entity: Entity, draft: Draft, style: csv_rows.Style, dry_run: bool
) -> tuple[int, Any]:
    access.open_view(entity, ctx.principal, "c")
    with opened(draft.path) as text:
        reader = csv_rows.Reader(entity, text, style, known_columns(entity, ctx.principal))
        rows = list(islice(reader, INLINE_ROWS + 1)) if draft.size_bytes <= INLINE_BYTES else None
    if rows is None or len(rows) > INLINE_ROWS:
        files = uploads_of(call.services.settings)
        files.keep(draft)
        asked = ImportFile(record_type=entity.name, sha256=draft.sha256, style=style, dry_run=dry_run)
        made = await enqueue(ctx, "import_csv", asked)
        return 202, await access.read(ctx, Job.entity, made.id)
    results = await taken(ctx, entity, rows, 1)
    counts = Counts()
    for result in results:
        counts.add(result.result)
    return 200, Imported(dry_run, counts, results)


def _routes() -> Iterator[Route]:
    for entity in catalogue.load().values():
        if "export" in entity.public:
            yield _export(entity)
        if "import" in entity.public and entity.holders("c"):
            yield _import(entity)


ROUTES = list(_routes())
