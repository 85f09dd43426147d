"""Appointments under the STAR JSON standard (starstandard/automotive): other words for the same rights and bookings."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

import msgspec
from litestar.response import Stream
from msgspec import UNSET, Meta

from domain.kit import access
from domain.kit.errors import (
    CommandNotAllowed,
    CursorInvalid,
    Malformed,
    NotFound,
    Problem,
    StaleVersion,
    TooManyHolds,
    UnknownProperty,
)
from domain.kit.jobs import enqueue
from domain.kit.policy import Principal
from domain.kit.query import Query
from scheduling.appointments.booking import BOOKERS
from service.api.appointments import WRITE_PROBLEMS, booked, commanded, told
from service.api.bulk import NDJSON
from service.api.routing import PREFIX, Answer, Call, Kind, Param, Route
from service.api.star.asking import ENTITY, FILTERS, booking_of, command_of, once, own_words, query_of
from service.api.star.shapes import (
    STATES,
    CommandType,
    StarAppointmentAnswer,
    StarAppointmentCreate,
    StarAppointmentList,
    StarBatch,
    StarCapabilities,
    StarCommand,
    StarCommandStatus,
    StarExport,
    StarExportStatus,
    StarJob,
    StarTransition,
    Status,
    status_of,
)
from service.api.star.telling import views
from service.auth.principal import authenticate
from service.jobs.csv_import import uploads_of

BASE = "/star/v1/appointments"
COMMANDS: tuple[CommandType, ...] = CommandType.__args__  # type: ignore[attr-defined] # what a Literal has
_ABOUT_EXPORTS = "star-export"
_EXPORT_PAGE = 200
_PUBLIC_EXPORTS = [{"name": "appointments", "format": NDJSON, "href": f"{BASE}/exports"}]
_NEWEST = 2**62
_MOST_BATCH_BYTES = 64 << 20


async def _page(call: Call, query: Query, status: Status | None) -> tuple[list[Any], str | None]:
    """The appointments of a page as the standard tells them; a hold past its time is in no list of holds."""
    page = await access.page(call.ctx, ENTITY, query, call.services.cursors)
    shown = await views(call.ctx, await told(call.ctx, page.items))
    return [one for one in shown if status != "HELD" or one.appointment_status == "HELD"], page.next_cursor


async def _list(call: Call) -> StarAppointmentList:
    query = await query_of(call.ctx, call.query, call.query.get("limit", 50), call.query.get("cursor"))
    data, cursor = await _page(call, query, call.query.get("appointment_status"))
    return StarAppointmentList(data, cursor is not None, cursor if cursor is not None else UNSET)


async def _get(call: Call) -> StarAppointmentAnswer:
    return await _told(call, await access.read(call.ctx, ENTITY, call.id))


async def _told(call: Call, shown: Any) -> StarAppointmentAnswer:
    [view] = await views(call.ctx, await told(call.ctx, [shown]))
    return StarAppointmentAnswer(view)


async def _create(call: Call) -> Answer:
    asked: StarAppointmentCreate = call.body

    async def make() -> bytes:
        with own_words():
            wanted = await booking_of(call.ctx, asked, hold=call.query.get("hold", False))
            made = await booked(call, wanted)
        [view] = await views(call.ctx, [made])
        return msgspec.json.encode(StarAppointmentAnswer(view))

    answer, replayed = await once(call.ctx, asked, make)
    key = msgspec.json.decode(answer, type=_Key).data.appointment_key
    headers = {"location": f"{BASE}/{key}"} | ({"idempotent-replayed": "true"} if replayed else {})
    return Answer(answer, status=201, headers=headers)


class _KeyOf(msgspec.Struct):
    appointment_key: str


class _Key(msgspec.Struct):
    data: _KeyOf


async def _command(call: Call) -> Answer:
    asked: StarCommand = call.body
    name, data = command_of(asked)
    access.command_of(ENTITY, name, call.principal)
    with own_words("/payload"):
        shown = await commanded(call, name, data)
    done = str(shown.version)
    headers = {"location": f"{BASE}/{call.id}/commands/{done}", "etag": f'"{done}"'}
    return Answer(StarCommandStatus(command_id=done, status="SUCCEEDED"), status=202, headers=headers)


async def _command_status(call: Call) -> StarCommandStatus:
    id = call.params["command_id"]
    changes, further = await access.history(call.ctx, ENTITY, call.id, _NEWEST, 200)
    while True:
        for one in changes:
            if str(one.version) == id and one.command is not None and one.command.upper() in COMMANDS:
                result = {"command_type": one.command.upper(), "completed_at": one.at}
                return StarCommandStatus(command_id=id, status="SUCCEEDED", result=result)
        if further is None:
            raise NotFound("There is no such command of this appointment")
        changes, further = await access.history(call.ctx, ENTITY, call.id, further, 200)


def _from_states(command: str) -> list[Status]:
    sources = ENTITY.commands[command].sources
    return [word for word, states in STATES.items() if sources & set(states)]


def _documentation(call: Call) -> str:
    return f"{call.services.settings.public_url or 'http://localhost'}/schema"


async def _capabilities(call: Call) -> StarCapabilities:
    mine = [word for word in COMMANDS if ENTITY.commands[word.lower()].by & call.principal.keys]
    return StarCapabilities(
        transitions=[StarTransition(command_type=word, from_states=_from_states(word.lower())) for word in mine],
        available_exports=_PUBLIC_EXPORTS,
        documentation_ref=_documentation(call),
    )


async def _capabilities_of(call: Call) -> StarCapabilities:
    found = await access.capabilities(call.ctx, ENTITY, call.id)
    [seen] = await told(call.ctx, [await access.read(call.ctx, ENTITY, call.id)])
    over = "the hold has ended" if seen.status == "EXPIRED" else None
    transitions = [
        StarTransition(
            command_type=one.command.upper(),  # type: ignore[arg-type] # held against COMMANDS below
            from_states=_from_states(one.command),
            allowed=one.allowed and over is None,
            reason=(one.reason or over) or UNSET,
        )
        for one in found.commands
        if one.command.upper() in COMMANDS
    ]
    return StarCapabilities(
        current_state=status_of(seen.status, seen.moved_at),
        transitions=transitions,
        available_exports=_PUBLIC_EXPORTS,
        documentation_ref=_documentation(call),
    )


async def _whole(body: StarBatch) -> AsyncIterator[bytes]:
    yield msgspec.json.encode(body)


async def _batch(call: Call) -> Answer:
    files = uploads_of(call.services.settings)
    draft = await files.drafted(_whole(call.body), _MOST_BATCH_BYTES)
    try:
        files.keep(draft)
    finally:
        files.drop(draft)
    # what names people stays in a file that is soon swept, as of other uploads, not in the job
    made = await enqueue(call.ctx, "book_star_batch", {"sha256": draft.sha256})
    return Answer(StarJob(made.id), status=202, headers={"location": f"{PREFIX}/jobs/{made.id}"})


async def _export(call: Call) -> Answer:
    filters = [[name, value] for name, value in call.raw]
    await query_of(call.ctx, call.query, _EXPORT_PAGE, None)
    id = call.services.cursors.write(_ABOUT_EXPORTS, Query(), call.principal.name, filters)
    return Answer(StarExport(id), status=202, headers={"location": f"{BASE}/exports/{id}"})


def _filters(call: Call) -> dict[str, Any]:
    """The filters of an export; NotFound for one of somebody else."""
    try:
        given = call.services.cursors.read(_ABOUT_EXPORTS, Query(), call.principal.name, call.params["export_id"])
    except CursorInvalid:
        raise NotFound("There is no such export") from None
    return {name: msgspec.convert(value, FILTERS[name].annotation, strict=False) for name, value in given}


async def _export_status(call: Call) -> StarExportStatus:
    _filters(call)
    return StarExportStatus("SUCCEEDED", f"{BASE}/exports/{call.params['export_id']}/content")


async def _content(call: Call) -> Stream:
    given = _filters(call)
    lines = _lines(call, given)
    first = await anext(lines)  # refusals are answered before anything is told

    async def all_of_it() -> AsyncIterator[bytes]:
        yield first
        try:
            async for piece in lines:
                yield piece
        except Problem as problem:
            yield msgspec.json.encode({"error": {"slug": problem.slug, "detail": problem.detail}}) + b"\n"

    headers = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
    return Stream(all_of_it(), media_type=NDJSON, headers=headers)


async def _lines(call: Call, given: dict[str, Any]) -> AsyncIterator[bytes]:
    """The export page by page; the caller's rights are those at each page."""
    principal: Principal = call.principal
    cursor, answered = None, 0
    while True:
        async with call.services.context(principal, readonly=True) as call.ctx:
            query = await query_of(call.ctx, given, _EXPORT_PAGE, cursor)
            data, cursor = await _page(call, query, given.get("appointment_status"))
        answered += len(data)
        last = msgspec.json.encode({"end": True, "answered": answered}) + b"\n" if cursor is None else b""
        yield msgspec.json.Encoder().encode_lines(data) + last
        if cursor is None:
            return
        principal = await authenticate(call.request, call.services)
        if not call.route.admits(principal):
            raise call.route.refuse(principal)


_LIST = {
    **FILTERS,
    "limit": Param(Annotated[int, Meta(ge=1, le=200)], "1 to 200"),
    "cursor": Param(Annotated[str, Meta(max_length=2_000)], "next_cursor of the page before"),
}
_READ = (ENTITY, "r")
_GIVERS = frozenset().union(*(ENTITY.commands[word.lower()].by for word in COMMANDS))


def _route(method: str, path: str, action: str, handler: Any, summary: str, **values: Any) -> Route:
    given: dict[str, Any] = {
        "kind": Kind.READ,
        "grant": _READ,
        "problems": (NotFound,) if "{" in path else (),
        **values,
    }
    return Route(
        method=method,
        path=f"{BASE}{path}",
        object=ENTITY.name,
        action=f"star_{action}",
        handler=handler,
        summary=f"STAR: {summary}",
        **given,
    )


_LISTS = (Malformed, UnknownProperty, CursorInvalid)
ROUTES = [
    _route(
        "GET", "", "list", _list, "appointments by start", query=_LIST, returns=StarAppointmentList, problems=_LISTS
    ),
    _route(
        "POST",
        "",
        "create",
        _create,
        "book an appointment, or hold a slot for one",
        kind=Kind.WRITE,
        grant=BOOKERS,
        query={"hold": Param(bool, "hold the slot until CONFIRM")},
        body=StarAppointmentCreate,
        returns=StarAppointmentAnswer,
        status=201,
        idempotent=True,
        problems=(*WRITE_PROBLEMS, TooManyHolds),
    ),
    _route("GET", "/capabilities", "capabilities", _capabilities, "what you can do", returns=StarCapabilities),
    _route(
        "POST",
        "/batch",
        "batch",
        _batch,
        "book many appointments; a job",
        kind=Kind.WRITE,
        grant=BOOKERS,
        body=StarBatch,
        returns=StarJob,
        status=202,
        idempotent=True,
        problems=WRITE_PROBLEMS,
    ),
    _route(
        "POST",
        "/exports",
        "export",
        _export,
        "ask for all appointments that filters find",
        query=FILTERS,
        returns=StarExport,
        status=202,
        problems=(Malformed, UnknownProperty),
    ),
    _route(
        "GET", "/exports/{export_id}", "export_status", _export_status, "where an export is", returns=StarExportStatus
    ),
    _route(
        "GET",
        "/exports/{export_id}/content",
        "export_content",
        _content,
        "an export, a line of JSON for each appointment; the last line says that it was all",
        kind=Kind.FREE,
        answers=(NDJSON,),
    ),
    _route("GET", "/{id}", "get", _get, "one appointment", returns=StarAppointmentAnswer),
    _route(
        "POST",
        "/{id}/commands",
        "command",
        _command,
        "give a command; it is done, or refused, at once",
        kind=Kind.WRITE,
        grant=_GIVERS,
        body=StarCommand,
        returns=StarCommandStatus,
        status=202,
        idempotent=True,
        problems=(*WRITE_PROBLEMS, CommandNotAllowed, StaleVersion),
    ),
    _route(
        "GET",
        "/{id}/commands/{command_id}",
        "command_status",
        _command_status,
        "what became of a command",
        returns=StarCommandStatus,
    ),
    _route(
        "GET",
        "/{id}/capabilities",
        "capabilities_of_one",
        _capabilities_of,
        "the state, and what you can do now",
        returns=StarCapabilities,
    ),
]
