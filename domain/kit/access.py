"""What callers do with records: every right is asked here, so that the API, the pages and exports answer alike."""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec

from domain.kit.errors import Forbidden, NotFound, Problem, UnknownProperty
from domain.kit.policy import Keys, Principal
from domain.kit.query import (
    Arguments,
    Cursors,
    Query,
    after,
    cursor_values,
    id_or_nobody,
    order_by,
    sort_columns,
    where,
)
from domain.kit.record import Command, Entity, Record
from domain.kit.rows import reading
from domain.kit.schema import quoted
from domain.kit.store import (
    Context,
    forbidden_fields,
    matched,
    nulls,
    presence,
    references_visible,
)
from domain.kit.views import View, answers, columns, create_struct, own_sql, read_struct, update_struct, view


class Page(msgspec.Struct):
    """One page of a list."""

    items: list[Any]
    next_cursor: str | None


class Capability(msgspec.Struct):
    """A command as one caller finds it on one record."""

    command: str
    allowed: bool
    reason: str | None = None
    help: str = ""


class Capabilities(msgspec.Struct):
    """The state and what the caller may do now."""

    state: str | None
    commands: list[Capability]
    writable: list[str]


class Change(msgspec.Struct):
    """One entry of a record's history: what a caller who sees these fields may know of it."""

    at: datetime
    version: int
    op: str
    command: str | None
    actor: str
    on_behalf_of: str | None
    request_id: str | None
    changes: dict[str, list[Any]]


class BulkResult(msgspec.Struct, omit_defaults=True):
    """What became of one row of a bulk upsert."""

    row: int
    result: str
    id: str | None = None
    error: dict[str, Any] | None = None


def open_view(entity: Entity, principal: Principal, letter: str = "r") -> View:
    """The caller's view of a record type; NotFound where the type is closed to them, Forbidden where a right lacks."""
    if not entity.allows(principal.keys, letter):
        if entity.allows(principal.keys, "r"):
            raise Forbidden(f"You may not {_VERBS[letter]} these records")
        raise NotFound
    return view(entity, principal.keys)


_VERBS = {"c": "make", "r": "read", "u": "change", "d": "delete"}


@functools.lru_cache(maxsize=4096)
def _guarded(entity: Entity, held: Keys) -> bool:
    """Whether what is readable differs from row to row for these keys."""
    seen = view(entity, held)
    return any(entity.fields[name].reads is not None for name in seen.reads)


def _names(seen: View) -> tuple[str, ...]:
    reads = seen.reads
    return tuple(name for name in seen.entity.fields if name in reads)


def selected(entity: Entity, principal: Principal, seen: View) -> tuple[str, Callable[[Any], msgspec.Struct]]:
    """The select list and the function from its rows to answers."""
    names = _names(seen)
    if principal.sees_everything or not _guarded(entity, principal.keys):
        return columns(entity, names), answers(entity, names)
    account = quoted(entity.account) if entity.account else "null::uuid"
    full = answers(entity, names)

    cuts: dict[tuple[bool, str | None], Callable[[Any], msgspec.Struct]] = {}

    def present(row: Any) -> msgspec.Struct:
        kind = (row[-2], row[-1])
        cut = cuts.get(kind)
        if cut is None:
            own, of_account = kind
            exact = view(entity, principal.keys_at(of_account) if own else principal.keys)
            shown = exact.own if own else exact.network
            cut = cuts[kind] = _subset(entity, names, tuple(name for name in names if name in shown))
        return cut(full(row))

    return f"{columns(entity, names)}, ({own_sql(entity, principal)}), {account}", present


@functools.lru_cache(maxsize=4096)
def _subset(entity: Entity, names: tuple[str, ...], shown: tuple[str, ...]) -> Callable[[Any], Any]:
    if names == shown:
        return lambda answer: answer
    struct = read_struct(entity, shown)
    return lambda answer: struct(*[getattr(answer, name) for name in shown])


async def read(ctx: Context, entity: Entity, id: str) -> msgspec.Struct:
    """One record as the caller may see it; NotFound."""
    seen = open_view(entity, ctx.principal)
    select, present = selected(entity, ctx.principal, seen)
    row = await ctx.db.fetchrow(
        f"select {select} from {quoted(entity.table)} where id = $1",
        id_or_nobody(id),
    )
    if row is None:
        raise NotFound(f"There is no {entity.name.replace('_', ' ')} with this id")
    return present(row)


def listing(
    ctx: Context, entity: Entity, query: Query, cursors: Cursors, limit: int | None = None
) -> tuple[str, list[Any], Callable[[Any], msgspec.Struct], list[Any]]:
    """The statement of a list (at most `limit` rows, or all): SQL, arguments, presenter and sort keys.

    Rows begin with the values of the sort keys, then come the columns that the presenter takes.
    """
    principal = ctx.principal
    seen = open_view(entity, principal)
    select, present = selected(entity, principal, seen)
    arguments = Arguments()
    clauses = where(query, seen, principal, arguments, ctx.currency)
    keys = sort_columns(query, entity)
    if query.cursor is not None:
        values = cursor_values(cursors.read(entity.name, query, principal.name, query.cursor), keys)
        clauses.append(after(keys, values, arguments))
    order = order_by(keys)
    sorts = ", ".join(f"{column} as sort_{at}" for at, (column, *_) in enumerate(keys))
    branches = _branches(entity, principal) if limit is not None else []
    if not branches:
        whole = f"select {sorts}, {select} from {quoted(entity.table)}{_and(clauses)} order by {order}"
        return whole if limit is None else f"{whole} limit {limit}", arguments.values, present, keys
    ordered = order_by([(f"sort_{at}", down, null, kind) for at, (_, down, null, kind) in enumerate(keys)])
    parts = []
    for source, condition in branches:
        rows = f"select {sorts}, {select} from {quoted(entity.table)}{_and([condition, *clauses])}"
        if source:
            each = f"({rows} order by {order} limit {limit})"
            parts.append(f"(select found.* from {source} one cross join lateral {each} found)")
        else:  # `offset 0`: find by the arm's index, then sort; else the planner walks the table in order for a match
            parts.append(f"(select * from ({rows} offset 0) found order by {ordered} limit {limit})")
    merged = f"select * from ({' union all '.join(parts)}) page order by {ordered} limit {limit}"
    return merged, arguments.values, present, keys


def _and(clauses: list[str]) -> str:
    return f" where {' and '.join(f'({clause})' for clause in clauses)}" if clauses else ""


_ONE_BY_ONE = {
    "own": "unnest((select app.units())::uuid[])",
    "group": "unnest((select app.group_units())::uuid[])",
    "shared": "unnest((select app.audiences())::smallint[])",
    "owner": "(select app.uid() as one)",
}


def _branches(entity: Entity, principal: Principal) -> list[tuple[str, str]]:
    """A list as one branch an arm, each in the order of an index: (where its values come from, condition).

    The row policies stay in force. They alone would do, but over an OR of arms the planner can only walk the whole
    table in order or sort all that the caller may see; an arm's own index gives the first rows at once. No branch
    repeats a row of those before it.
    """
    if principal.sees_everything:
        return []
    arms = reading(entity.rows.of(principal.persona))
    if any(arm.kind == "everyone" for arm in arms):
        return []
    found: list[tuple[str, str]] = []
    before: list[str] = []
    for arm in arms:
        source = _ONE_BY_ONE.get(arm.kind, "")
        condition = f"{arm.column} = one.one" if source else arm.sql
        others = "".join(f" and ({other}) is not true" for other in before)
        found.append((source, condition + others))
        before.append(arm.sql)
    return found


async def page(ctx: Context, entity: Entity, query: Query, cursors: Cursors) -> Page:
    """A page of the records that the caller sees."""
    sql, arguments, present, keys = listing(ctx, entity, query, cursors, query.limit + 1)
    rows = await ctx.db.fetch(sql, *arguments)
    width = len(keys)
    more = len(rows) > query.limit
    rows = rows[: query.limit]
    cursor = None
    if more:
        cursor = cursors.write(entity.name, query, ctx.principal.name, list(rows[-1][:width]))
    return Page([present(row[width:]) for row in rows], cursor)


def create_body(entity: Entity, held: Keys) -> type[msgspec.Struct]:
    """The body that makes a record for these keys: writable fields, and readable ones to be refused by name."""
    seen = view(entity, held)
    return create_struct(entity, frozenset(seen.creates | seen.reads))


def update_body(entity: Entity, held: Keys) -> type[msgspec.Struct]:
    """The body of an update, likewise."""
    seen = view(entity, held)
    return update_struct(entity, frozenset(seen.updates | seen.reads))


def at_account(ctx: Context, entity: Entity, account_id: str | None, letter: str) -> View:
    """The view that counts for a row of that account; Forbidden where the caller's roles there lack the right."""
    held = ctx.principal.keys_at(account_id)
    if not entity.allows(held, letter):
        raise Forbidden(f"Your roles at this account do not let you {_VERBS[letter]} these records")
    return view(entity, held)


async def create(ctx: Context, entity: Entity, data: msgspec.Struct) -> msgspec.Struct:
    """Make a record from a body of `create_body`."""
    open_view(entity, ctx.principal, "c")
    return await read(ctx, entity, (await _create(ctx, entity, presence(data))).id)


async def _create(ctx: Context, entity: Entity, given: dict[str, Any]) -> Record:
    account = None
    if entity.account:
        account = given.get(entity.account) or (
            ctx.principal.account_id if entity.fields[entity.account].defaults_to == "account_id" else None
        )
    exact = at_account(ctx, entity, account, "c")
    forbidden_fields(given, exact.creates)
    nulls(entity, given)
    await references_visible(ctx, entity, given)
    return await ctx.create(entity.struct, **given)


async def update(ctx: Context, entity: Entity, id: str, data: msgspec.Struct, version: int | None) -> msgspec.Struct:
    """Change a record from a body of `update_body`, if `version` is still its version."""
    open_view(entity, ctx.principal, "u")
    record = await ctx.get(entity.struct, id, lock=True)
    at_account(ctx, entity, getattr(record, entity.account) if entity.account else None, "u")
    matched(record, version)  # last: a precondition counts only where the request would else succeed (RFC 9110 §13.2.1)
    await _update(ctx, entity, record, presence(data))
    return await read(ctx, entity, id)


async def _update(ctx: Context, entity: Entity, record: Record, given: dict[str, Any]) -> Record:
    exact = at_account(ctx, entity, getattr(record, entity.account) if entity.account else None, "u")
    forbidden_fields(given, exact.updates)
    nulls(entity, given)
    await references_visible(ctx, entity, given)
    return await ctx.update(record, **given)


async def delete(ctx: Context, entity: Entity, id: str, version: int | None) -> None:
    """Remove a record, if `version` is still its version."""
    open_view(entity, ctx.principal, "d")
    record = await ctx.get(entity.struct, id, lock=True)
    at_account(ctx, entity, getattr(record, entity.account) if entity.account else None, "d")
    matched(record, version)
    await ctx.delete(record)


def command_of(entity: Entity, name: str, principal: Principal) -> Command:
    """The command by name; NotFound where the record type has none or it is closed to the caller."""
    found = entity.commands.get(name)
    if found is None or not found.by & principal.keys:
        raise NotFound(f"{entity.name.replace('_', ' ').capitalize()} has no command {name[:64]} for you")
    return found


async def command(
    ctx: Context, entity: Entity, id: str, name: str, data: msgspec.Struct | None, version: int | None = None
) -> Any:
    """Give a command; the answer is the behaviour's, or the record as the caller may see it."""
    found = command_of(entity, name, ctx.principal)
    record = await ctx.get(entity.struct, id, lock=found.locks)
    account = getattr(record, entity.account) if entity.account else None
    if not found.by & ctx.principal.keys_at(account if account in ctx.principal.units else None):
        raise Forbidden(f"Your roles at this account do not let you {name.replace('_', ' ')}")
    if version is not None:
        matched(record, version)
    _, answer = await ctx.command(record, found, data)
    if isinstance(answer, entity.struct):
        return await read(ctx, entity, id)
    return answer


async def capabilities(ctx: Context, entity: Entity, id: str) -> Capabilities:
    """The state of a record and the commands the caller may give, with the reason where not now."""
    open_view(entity, ctx.principal)
    record = await ctx.get(entity.struct, id)
    state = getattr(record, entity.states.field) if entity.states else None
    account = getattr(record, entity.account) if entity.account else None
    held = ctx.principal.keys_at(account if account in ctx.principal.units else None)
    told = []
    for name in sorted(entity.commands):
        found = entity.commands[name]
        if not found.by & ctx.principal.keys:
            continue
        reason = None
        if not found.by & held:
            reason = "your roles at this account do not allow it"
        elif found.sources and state not in found.sources:
            reason = f"not in the state {state}; allowed in {', '.join(sorted(found.sources))}"
        told.append(Capability(name, reason is None, reason, found.help))
    if entity.commanded is not None:
        state, further = await entity.commanded(ctx, id)
        told += further
    seen = view(entity, held)
    return Capabilities(state, told, sorted(seen.updates & seen.reads))


async def history(ctx: Context, entity: Entity, id: str, before: int, most: int) -> tuple[list[Change], int | None]:
    """The latest changes of a record before a sequence number, fields that the caller may not see left out."""
    shown = await read(ctx, entity, id)
    rows = await ctx.db.fetch(
        "select seq, at, version, op, command, actor, on_behalf_of, request_id, changes "
        "from app.history_of($1, $2, $3, $4)",
        entity.table,
        id_or_nobody(id),
        before,
        most + 1,
    )
    visible = {column.name: name for name in shown.__struct_fields__ for column in entity.fields[name].columns}
    found = []
    for row in rows[:most]:
        told = {visible[name]: pair for name, pair in row["changes"].items() if name in visible}
        if told or row["command"] or row["op"] != "UPDATE":
            actor = _actor_told(row["actor"], ctx.principal)
            behalf, request = row["on_behalf_of"], row["request_id"]
            found.append(Change(row["at"], row["version"], row["op"], row["command"], actor, behalf, request, told))
    return found, rows[most - 1]["seq"] if len(rows) > most else None


def _actor_told(actor: str, principal: Principal) -> str:
    """Customers learn what they did themselves, not who works on their records."""
    return actor if principal.persona != "CUSTOMER" or actor == principal.user_id else "OTHER"


async def upsert(ctx: Context, entity: Entity, raw: Any, row: int) -> BulkResult:
    """One row of a bulk upsert: by `id` or its first external key; a refused row undoes itself alone.

    The caller opens a savepoint around it.
    """
    principal = ctx.principal
    if not isinstance(raw, dict):
        raise UnknownProperty.at(f"/rows/{row}", "is not an object")
    target: Record | None = None
    if isinstance(raw.get("id"), str):
        target = await ctx.get(entity.struct, raw["id"], lock=True)
        raw = {name: value for name, value in raw.items() if name != "id"}
    elif raw.get("external_keys"):
        for key in raw["external_keys"]:
            if isinstance(key, dict) and target is None:
                target = await ctx.by_key(entity.struct, str(key.get("system")), str(key.get("key")))
    if target is None:
        open_view(entity, principal, "c")
        body = msgspec.convert(raw, create_body(entity, principal.keys))
        made = await _create(ctx, entity, presence(_normal(body)))
        return BulkResult(row, "CREATED", made.id)
    open_view(entity, principal, "u")
    change = msgspec.convert(raw, update_body(entity, principal.keys))
    after_it = await _update(ctx, entity, target, presence(_normal(change)))
    return BulkResult(row, "UNCHANGED" if after_it.version == target.version else "UPDATED", target.id)


def _normal(body: msgspec.Struct) -> msgspec.Struct:
    from domain.kit.checking import checked

    return checked(body)


def problem_body(problem: Problem, row: int) -> dict[str, Any]:
    """A refusal as an entry of a result list."""
    errors = [{"pointer": fault.pointer, "detail": fault.detail} for fault in problem.errors]
    return {
        "type": f"urn:forecourt:problem:{problem.slug}",
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
        **({"errors": errors} if errors else {}),
        "row": row,
    }
