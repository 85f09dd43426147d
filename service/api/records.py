"""The routes that every record type has by its declaration."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Annotated, Any

import msgspec

from domain.kit import access
from domain.kit.errors import (
    AlreadyExists,
    CommandNotAllowed,
    CursorInvalid,
    FieldForbidden,
    Forbidden,
    InUse,
    Invalid,
    KeyReused,
    Malformed,
    NotFound,
    PreconditionRequired,
    Problem,
    RequestInProgress,
    StaleVersion,
    UnknownProperty,
)
from domain.kit.policy import Principal
from domain.kit.query import parse
from domain.kit.record import Command, Entity
from domain.kit.views import create_struct, told_struct, update_struct
from service.api import bodies
from service.api.routing import PREFIX, Answer, Call, Kind, Param, Route

WRITE_PROBLEMS: tuple[type[Problem], ...] = (Malformed, UnknownProperty, Forbidden, FieldForbidden, NotFound, Invalid)
KEY_PROBLEMS: tuple[type[Problem], ...] = (RequestInProgress, KeyReused)
MOST_BULK_ROWS = 2_000
_Limit = Annotated[int, msgspec.Meta(ge=1, le=200)]


class BulkUpsert(msgspec.Struct, forbid_unknown_fields=True):
    """Rows to make or change, each known by its `id` or one of its external keys."""

    rows: list[dict[str, Any]]


class BulkAnswer(msgspec.Struct):
    """A result a row, in the order given."""

    results: list[access.BulkResult]


class HistoryPage(msgspec.Struct):
    """A page of a record's history, the latest change first."""

    items: list[access.Change]
    next_cursor: str | None


def expected_version(call: Call) -> int | None:
    """The version of If-Match; Malformed for one that is none."""
    text = call.request.headers.get("if-match")
    if text is None:
        return None
    bare = text.strip().removeprefix("W/").strip('"')
    if not (bare.isascii() and bare.isdigit() and len(bare) < 18):
        raise Malformed('If-Match holds a version, as in "3"')
    return int(bare)


def all_fields(entity: Entity) -> tuple[str, ...]:
    """The fields that somebody may read, for the document."""
    return tuple(name for name, field in entity.fields.items() if field.privacy.value != "SECRET")


@functools.lru_cache(maxsize=512)
def page_struct(entity: Entity) -> type[msgspec.Struct]:
    """The Struct of a page of this record type."""
    item = told_struct(entity, all_fields(entity))
    fields: list[Any] = [("items", list[item]), ("next_cursor", str | None)]  # type: ignore[valid-type]
    return msgspec.defstruct(f"{entity.struct.__name__}Page", fields, module=entity.area)


def routes_of(entity: Entity) -> Iterator[Route]:
    """All generic routes of a record type that its declaration does not leave out."""
    for part, make in _PARTS.items():
        if part in entity.public:
            yield from make(entity)


def _base(entity: Entity) -> str:
    return f"{PREFIX}/{entity.route}"


def _words(entity: Entity) -> str:
    return entity.name.replace("_", " ")


def _list(entity: Entity) -> Iterator[Route]:
    async def handler(call: Call) -> Any:
        query = parse(call.raw, access.open_view(entity, call.principal))
        return await access.page(call.ctx, entity, query, call.services.cursors)

    yield Route(
        method="GET",
        path=_base(entity),
        object=entity.name,
        action="list",
        handler=handler,
        kind=Kind.READ,
        grant=(entity, "r"),
        summary=f"List {_words(entity)} records: filters by field, sort, cursor",
        returns=page_struct(entity),
        query=None,
        problems=(Malformed, UnknownProperty, CursorInvalid),
    )


def _get(entity: Entity) -> Iterator[Route]:
    async def handler(call: Call) -> Any:
        return await access.read(call.ctx, entity, call.id)

    yield Route(
        method="GET",
        path=f"{_base(entity)}/{{id}}",
        object=entity.name,
        action="get",
        handler=handler,
        kind=Kind.READ,
        grant=(entity, "r"),
        summary=f"One {_words(entity)}",
        returns=told_struct(entity, all_fields(entity)),
        problems=(NotFound,),
    )


def create_routes(entity: Entity) -> Iterator[Route]:
    """The route that makes a record, for types that let their callers make them."""

    async def handler(call: Call) -> Any:
        made = await access.create(call.ctx, entity, call.body)
        return Answer(made, status=201, headers={"location": f"{_base(entity)}/{made.id}"})  # type: ignore[attr-defined]

    def body_of(principal: Principal) -> type[msgspec.Struct]:
        return access.create_body(entity, principal.keys)

    if not entity.holders("c"):
        return
    yield Route(
        method="POST",
        path=_base(entity),
        object=entity.name,
        action="create",
        handler=handler,
        kind=Kind.WRITE,
        grant=(entity, "c"),
        summary=f"Make a {_words(entity)}",
        body=create_struct(entity, _writable(entity)),
        body_of=body_of,
        returns=told_struct(entity, all_fields(entity)),
        status=201,
        idempotent=True,
        problems=(*WRITE_PROBLEMS, AlreadyExists, *KEY_PROBLEMS),
    )


def _writable(entity: Entity) -> frozenset[str]:
    return frozenset(f.name for f in entity.fields.values() if not f.system and (f.writes is None or f.writes.by)) | {
        "external_keys"
    }


def update_routes(entity: Entity) -> Iterator[Route]:
    """The route that changes a record, likewise."""

    async def handler(call: Call) -> Any:
        return await access.update(call.ctx, entity, call.id, call.body, expected_version(call))

    def body_of(principal: Principal) -> type[msgspec.Struct]:
        return access.update_body(entity, principal.keys)

    if not entity.holders("u"):
        return
    changeable = frozenset(name for name in _writable(entity) if not entity.fields[name].fixed)
    yield Route(
        method="PATCH",
        path=f"{_base(entity)}/{{id}}",
        object=entity.name,
        action="update",
        handler=handler,
        kind=Kind.WRITE,
        grant=(entity, "u"),
        summary=f"Change a {_words(entity)}; If-Match holds the version read",
        body=update_struct(entity, changeable),
        body_of=body_of,
        returns=told_struct(entity, all_fields(entity)),
        problems=(*WRITE_PROBLEMS, AlreadyExists, StaleVersion, PreconditionRequired),
    )


def _delete(entity: Entity) -> Iterator[Route]:
    async def handler(call: Call) -> Any:
        await access.delete(call.ctx, entity, call.id, expected_version(call))

    if not entity.holders("d"):
        return
    yield Route(
        method="DELETE",
        path=f"{_base(entity)}/{{id}}",
        object=entity.name,
        action="delete",
        handler=handler,
        kind=Kind.WRITE,
        grant=(entity, "d"),
        summary=f"Remove a {_words(entity)}; If-Match holds the version read",
        status=204,
        problems=(Malformed, NotFound, Forbidden, InUse, StaleVersion, PreconditionRequired),
    )


def _bulk(entity: Entity) -> Iterator[Route]:
    async def handler(call: Call) -> Any:
        rows = call.body.rows
        if len(rows) > MOST_BULK_ROWS:
            raise Invalid.at("/rows", f"has more than {MOST_BULK_ROWS:,} rows")
        return BulkAnswer([await one_row(call, entity, raw, at) for at, raw in enumerate(rows)])

    if not entity.holders("c"):
        return
    yield Route(
        method="POST",
        path=f"{_base(entity)}/bulk",
        object=entity.name,
        action="bulk",
        handler=handler,
        kind=Kind.WRITE,
        grant=(entity, "c"),
        summary=f"Make or change up to {MOST_BULK_ROWS:,} {_words(entity)} records, a result a row",
        body=BulkUpsert,
        returns=BulkAnswer,
        idempotent=True,
        problems=(Malformed, Invalid, *KEY_PROBLEMS),
    )


async def one_row(call: Call, entity: Entity, raw: Any, at: int) -> access.BulkResult:
    """One row of a bulk upsert in a savepoint of its own: a refused row costs itself alone."""
    try:
        async with call.ctx.savepoint():
            return await access.upsert(call.ctx, entity, raw, at)
    except msgspec.ValidationError as fault:
        problem: Problem = bodies.shaped(str(fault))
    except Problem as refusal:
        problem = refusal
    return access.BulkResult(at, "REJECTED", error=access.problem_body(problem, at))


def _by_key(entity: Entity) -> Iterator[Route]:
    async def handler(call: Call) -> Any:
        access.open_view(entity, call.principal)
        found = await call.ctx.by_key(entity.struct, call.params["system"], call.params["key"])
        if found is None:
            raise NotFound(f"No {_words(entity)} has this external key")
        return await access.read(call.ctx, entity, found.id)

    yield Route(
        method="GET",
        path=f"{_base(entity)}/by-key/{{system}}/{{key}}",
        object=entity.name,
        action="by-key",
        handler=handler,
        kind=Kind.READ,
        grant=(entity, "r"),
        summary=f"The {_words(entity)} that another system calls so",
        returns=told_struct(entity, all_fields(entity)),
        problems=(NotFound,),
    )


def _history(entity: Entity) -> Iterator[Route]:
    async def handler(call: Call) -> Any:
        before = call.query.get("cursor", str(2**62))
        if not (before.isascii() and before.isdigit() and len(before) < 20):
            raise CursorInvalid.at("?cursor", "is not a cursor of this history")
        items, following = await access.history(
            call.ctx, entity, call.id, min(int(before), 2**62), call.query.get("limit", 50)
        )
        return HistoryPage(items, str(following) if following else None)

    yield Route(
        method="GET",
        path=f"{_base(entity)}/{{id}}/history",
        object=entity.name,
        action="history",
        handler=handler,
        kind=Kind.READ,
        grant=entity.holders("r") - {"GUEST"},
        summary=f"Who changed what of a {_words(entity)}, the latest first",
        returns=HistoryPage,
        query={"limit": Param(_Limit, "1 to 200"), "cursor": Param(str, "from the page before")},
        problems=(Malformed, UnknownProperty, NotFound, CursorInvalid),
    )


def _commands(entity: Entity) -> Iterator[Route]:
    async def capabilities(call: Call) -> Any:
        return await access.capabilities(call.ctx, entity, call.id)

    yield Route(
        method="GET",
        path=f"{_base(entity)}/{{id}}/capabilities",
        object=entity.name,
        action="capabilities",
        handler=capabilities,
        kind=Kind.READ,
        grant=(entity, "r"),
        summary="The state, and what you may do now",
        returns=access.Capabilities,
        problems=(NotFound,),
    )
    for command in entity.commands.values():
        yield _command(entity, command)


def _command(entity: Entity, command: Command) -> Route:
    async def handler(call: Call) -> Any:
        return await access.command(call.ctx, entity, call.id, command.name, call.body, expected_version(call))

    own = command.output is None or (isinstance(command.output, type) and issubclass(command.output, entity.struct))
    return Route(
        method="POST",
        path=f"{_base(entity)}/{{id}}/commands/{command.name}",
        object=entity.name,
        action=command.name,
        handler=handler,
        kind=Kind.WRITE,
        grant=command.by,
        summary=command.help.partition(".")[0] or f"{command.name.replace('_', ' ').capitalize()} a {_words(entity)}",
        body=command.input,
        body_optional=not any(field.required for field in msgspec.structs.fields(command.input)),
        returns=told_struct(entity, all_fields(entity)) if own else command.output,
        idempotent=not command.shown_once,
        problems=(*WRITE_PROBLEMS, CommandNotAllowed, StaleVersion, *KEY_PROBLEMS),
    )


_PARTS = {
    "list": _list,
    "by-key": _by_key,
    "bulk": _bulk,
    "create": create_routes,
    "get": _get,
    "update": update_routes,
    "delete": _delete,
    "history": _history,
    "commands": _commands,
}
