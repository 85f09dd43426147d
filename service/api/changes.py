"""`GET /changes`: what the caller may see of creates, updates and closures since a token, as a stream."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Annotated, Any

import msgspec
from litestar.response import Stream

from domain.kit import access, catalogue, feed
from domain.kit.db import audiences
from domain.kit.errors import Malformed, Unauthenticated, Unavailable
from domain.kit.policy import Principal
from domain.kit.record import Entity
from domain.kit.schema import quoted
from domain.kit.store import Context
from service.api.routing import PREFIX, SIGNED_IN, Call, Kind, Param, Route

BATCH = 500
POLL_SECONDS = 0.25


class Told(msgspec.Struct, omit_defaults=True):
    """One line: a record that was made or changed, as the caller sees it now, or one that is gone from their sight."""

    type: str
    id: str
    op: str
    at: Any
    record: Any = None


class End(msgspec.Struct):
    """The last line; `as_of` is the token to go on from."""

    end: bool
    answered: int
    as_of: str


async def _changes(call: Call) -> Any:
    wanted = _types(call.query.get("types"), call.principal)
    after = call.query.get("after")
    async with call.services.database.reading() as connection:
        here = await feed.begin(connection)
    mark = feed.parse(after, "?after") if after else here
    if mark.epoch != here.epoch:
        raise Malformed.at("?after", "is a token of the database before it was restored: load everything anew")
    lines = _lines(call, wanted, mark, time.monotonic() + call.query.get("wait", 0))
    return Stream(lines, media_type="application/x-ndjson", headers={"cache-control": "no-store"})


def _types(text: str | None, principal: Principal) -> dict[str, Entity]:
    seen = {name: entity for name, entity in catalogue.load().items() if entity.allows(principal.keys, "r")}
    if text is None:
        return seen
    unknown = [name for name in text.split(",") if name not in seen]
    if unknown:
        raise Malformed.at("?types", f"{unknown[0][:64]} is not a record type here")
    return {name: seen[name] for name in text.split(",")}


async def _lines(call: Call, wanted: dict[str, Entity], mark: feed.Mark, until: float) -> AsyncIterator[bytes]:
    answered = 0
    encode = msgspec.json.Encoder().encode
    while True:
        principal = await _still(call)
        async with call.services.database.reading() as connection:
            now, changes = await feed.changes(connection, mark, [entity.table for entity in wanted.values()])
        for start in range(0, len(changes), BATCH):
            for told in await _told(call, principal, wanted, changes[start : start + BATCH]):
                answered += 1
                yield encode(told) + b"\n"
        mark = now
        if time.monotonic() >= until:
            yield encode(End(True, answered, mark.token)) + b"\n"
            return
        await asyncio.sleep(POLL_SECONDS)


async def _still(call: Call) -> Principal:
    """The caller as they are now: rights withdrawn end a running stream."""
    from service.auth.principal import authenticate

    principal = await authenticate(call.request, call.services)
    if principal.persona == "GUEST":
        raise Unauthenticated
    return principal


async def _told(call: Call, principal: Principal, wanted: dict[str, Entity], changes: list[feed.Change]) -> list[Told]:
    """The changes of a batch, the latest of each record, as the caller may see them."""
    latest = {(change.entity, change.record_id): change for change in changes}
    found: list[Told] = []
    async with call.services.context(principal, readonly=True) as ctx:
        for name, entity in wanted.items():
            mine = [change for (table, _), change in latest.items() if table == entity.table]
            if not mine:
                continue
            seen = await _seen(ctx, entity, [change.record_id for change in mine])
            for change in mine:
                record = seen.get(change.record_id)
                if record is not None:
                    op = "CREATE" if change.op == "CREATE" else "UPDATE"
                    found.append(Told(name, change.record_id, op, change.at, record))
                elif _was_seen(entity, principal, change):
                    found.append(Told(name, change.record_id, "CLOSE", change.at))
    return found


async def _seen(ctx: Context, entity: Entity, ids: list[str]) -> dict[str, Any]:
    select, present = access.selected(entity, ctx.principal, access.open_view(entity, ctx.principal))
    rows = await ctx.db.fetch(
        f"select id, {select} from {quoted(entity.table)} where id = any($1::uuid[]) order by id", ids
    )
    return {row[0]: present(row[1:]) for row in rows}


def _was_seen(entity: Entity, principal: Principal, change: feed.Change) -> bool:
    """Whether the record was in the caller's sight before this change took it out: told by the values that it lost."""
    if principal.sees_everything:
        return change.op == "DELETE"
    for arm in entity.rows.of(principal.persona):
        was = change.changes.get(arm.column, [None])[0]
        if was is None:
            continue
        if arm.kind == "shared" and str(was) in audiences(principal):
            return True
        if arm.kind in ("own", "group") and was in (*principal.units, *principal.group_units):
            return True
        if arm.kind == "owner" and was == principal.user_id:
            return True
    return False


ROUTES = [
    Route(
        method="GET",
        path=f"{PREFIX}/changes",
        object="change",
        action="list",
        handler=_changes,
        kind=Kind.FREE,
        grant=SIGNED_IN,
        summary="What you may see of creates, updates and closures since a token; the last line tells where to go on",
        returns=Told,
        query={
            "after": Param(
                Annotated[str, msgspec.Meta(max_length=4000)], "a change token or `as_of`; absent: from now"
            ),
            "types": Param(Annotated[str, msgspec.Meta(max_length=2000)], "record types, separated by commas"),
            "wait": Param(Annotated[int, msgspec.Meta(ge=0, le=300)], "seconds to stay open for what comes"),
        },
        answers=("application/x-ndjson",),
        problems=(Malformed, Unavailable),
    )
]
