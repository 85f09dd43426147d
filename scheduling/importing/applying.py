"""Writes sound rows of a calendar file, many in one statement; where the database refuses, half by half until each
refused row stands alone."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import NODEFAULT

from domain.kit.errors import FieldError, Problem
from domain.kit.record import Record
from domain.kit.schema import quoted
from domain.kit.store import Context, refusals
from scheduling.importing.plans import Planned, lacking
from scheduling.importing.rows import REFERENCES
from scheduling.records import DateOverride, DemoVehicle, LoanerVehicle, ServiceCenter

Faults = list[FieldError]
UNKNOWN = "refers to no record of this centre"


class Target(msgspec.Struct, frozen=True):
    """Where a file goes: the centre, and the system whose keys it has."""

    center: ServiceCenter
    system: str


class Outcome(msgspec.Struct, frozen=True):
    """What became of rows."""

    created: list[Planned]
    updated: list[Planned]
    unchanged: list[Planned]
    refused: list[tuple[Planned, Faults]]
    """By the database: other rows of the file may clear the way."""
    wrong: list[tuple[Planned, Faults]]
    """Whatever else the file holds."""


async def apply(ctx: Context, target: Target, kind: type[Record], rows: list[Planned]) -> Outcome:
    """Write rows of one type and distinct keys; nothing of a refused row stays."""
    outcome = Outcome([], [], [], [], [])
    known = await _known(ctx, target, kind, [row.row.key for row in rows])
    found = await _references(ctx, target, rows)
    sound = []
    for row in rows:
        faults, values = _resolved(row, found)
        was = known.get(row.row.key)
        if was is None:
            faults += [fault for fault in lacking(row) if fault.pointer[1:] not in values]
        else:
            faults += _fixed(target, kind, was, values)
        if faults:
            outcome.wrong.append((row, faults))
        else:
            sound.append((row, values, was["id"] if was is not None else None))
    if kind in (LoanerVehicle, DemoVehicle):
        sound = await _of_the_dealer(ctx, target, sound, outcome)
    await _put(ctx, target, kind, sound, outcome)
    return outcome


Sound = list[tuple[Planned, dict[str, Any], str | None]]


async def _known(ctx: Context, target: Target, kind: type[Record], keys: list[str]) -> dict[str, dict[str, Any]]:
    rows = await ctx.db.fetch(
        f"select k.key, to_jsonb(t) from external_key k join {quoted(kind.entity.table)} t on t.id = k.record_id "
        "where k.entity = $1 and k.system = $2 and k.key = any($3::text[])",
        kind.entity.table,
        target.system,
        keys,
    )
    return dict(rows)


async def _references(ctx: Context, target: Target, rows: list[Planned]) -> dict[tuple[str, str], str]:
    """The ids that rows name: (field, key or id) → id, of resources of the centre and of vehicles that are seen."""
    found: dict[tuple[str, str], str] = {}
    for field, entities in dict(REFERENCES.values()).items():
        keys = sorted({row.named[field] for row in rows if field in row.named})
        ids = sorted({str(row.values[field]) for row in rows if row.values.get(field) is not None})
        if not keys and not ids:
            continue
        named = await ctx.db.fetch(
            "select key, record_id from external_key where entity = any($1::text[]) and system = $2 "
            "and key = any($3::text[]) order by array_position($1::text[], entity) desc",
            list(entities),
            target.system,
            keys,
        )
        wanted = sorted({id for _, id in named} | set(ids))
        if field == "vehicle_id":
            there = await ctx.db.fetch("select id::text from vehicle where id::text = any($1::text[])", wanted)
        else:
            there = await ctx.db.fetch(
                "select resource_id::text from schedule_resource where resource_id::text = any($1::text[]) "
                "and center_id = $2 and ($3 or kind = 'TECHNICIAN')",
                wanted,
                target.center.id,
                field == "resource_id",
            )
        known = {row[0] for row in there}
        found |= {(field, id): id for id in ids if id in known}
        found |= {(field, key): id for key, id in named if id in known}
    return found


def _resolved(row: Planned, found: dict[tuple[str, str], str]) -> tuple[Faults, dict[str, Any]]:
    values = dict(row.values)
    faults = []
    for name, (field, _) in REFERENCES.items():
        key = row.named.get(field, values.get(field))
        if key is None:
            continue
        if (field, str(key)) in found:
            values[field] = found[field, str(key)]
        else:
            faults.append(FieldError(f"/{name if field in row.named else field}", UNKNOWN))
    return faults, values


def _fixed(target: Target, kind: type[Record], was: dict[str, Any], values: dict[str, Any]) -> Faults:
    """A known record is of this centre, and what never changes of it is as it was."""
    if was.get("center_id", target.center.id) != target.center.id:
        return [FieldError("/key", "names a record of another centre")]
    fields = kind.entity.fields
    return [
        FieldError(f"/{name}", "is never changed")
        for name, value in values.items()
        if fields[name].fixed and msgspec.to_builtins(value) != was[name]
    ]


async def _of_the_dealer(ctx: Context, target: Target, rows: Sound, outcome: Outcome) -> Sound:
    """Dealers keep cars of their own group alone."""
    if ctx.principal.persona != "PARTNER":
        return rows
    own = await ctx.db.fetch(
        "select id::text from vehicle where id::text = any($1::text[]) and app.same_group($2, dealer_account_id)",
        [values["vehicle_id"] for _, values, _ in rows if "vehicle_id" in values],
        target.center.account_id,
    )
    theirs = {row[0] for row in own}
    kept: Sound = []
    for row, values, id in rows:
        if id is None and values["vehicle_id"] not in theirs:
            outcome.wrong.append((row, [FieldError("/vehicle_id", "is no car of the dealer group")]))
        else:
            kept.append((row, values, id))
    return kept


async def _put(ctx: Context, target: Target, kind: type[Record], rows: Sound, outcome: Outcome) -> None:
    if not rows:
        return
    try:
        async with ctx.savepoint():
            with refusals(kind.entity):
                changed = await _changed(ctx, kind, [one for one in rows if one[2] is not None])
                await _made(ctx, target, kind, [one for one in rows if one[2] is None])
    except Problem as refusal:
        if len(rows) == 1:
            faults = list(refusal.errors) or [FieldError("", refusal.detail)]
            outcome.refused.append((rows[0][0], faults))
            return
        half = len(rows) // 2
        await _put(ctx, target, kind, rows[:half], outcome)
        await _put(ctx, target, kind, rows[half:], outcome)
        return
    for row, _, id in rows:
        (outcome.created if id is None else outcome.updated if id in changed else outcome.unchanged).append(row)


async def _changed(ctx: Context, kind: type[Record], rows: Sound) -> set[str]:
    """Put the given values over known records; the ids of those that are others than before."""
    if not rows:
        return set()
    table = quoted(kind.entity.table)
    names = sorted({name for _, values, _ in rows for name in values if not kind.entity.fields[name].fixed})
    if not names:
        return set()
    listed = ", ".join(map(quoted, names))
    done = await ctx.db.fetch(
        f"update {table} t set ({listed}) = row({', '.join('p.' + quoted(name) for name in names)}) "
        f"from (select (jsonb_populate_record(o, j)).* from jsonb_array_elements($1) j "
        f"      join {table} o on o.id = (j ->> 'id')::uuid) p "
        f"where p.id = t.id and ({', '.join('t.' + quoted(name) for name in names)}) is distinct from "
        f"({', '.join('p.' + quoted(name) for name in names)}) returning t.id::text",
        [{**_stored(values), "id": id} for _, values, id in rows],
    )
    return {row[0] for row in done}


async def _made(ctx: Context, target: Target, kind: type[Record], rows: Sound) -> None:
    if not rows:
        return
    fields = kind.entity.fields
    moment = ctx.now
    beside: dict[str, Any] = {"version": 1, "created_at": moment, "updated_at": moment}
    if kind is DateOverride:
        beside["operating_hours_id"] = target.center.operating_hours_id
    elif "center_id" in fields:
        beside["center_id"] = target.center.id
    defaults = {
        name: None if field.default is NODEFAULT else field.default
        for name, field in fields.items()
        if not field.system
    }
    made = [
        {
            **defaults,
            **beside,
            **_stored(values),
            "id": ctx.ids(),
            "external_keys": [{"system": target.system, "key": row.row.key}],
        }
        for row, values, _ in rows
    ]
    columns = ", ".join(quoted(name) for name in fields)
    table = quoted(kind.entity.table)
    await ctx.db.execute(
        f"insert into {table} ({columns}) select {columns} from jsonb_populate_recordset(null::{table}, $1)", made
    )


def _stored(values: dict[str, Any]) -> dict[str, Any]:
    """Values as the database reads them out of JSON."""
    built: dict[str, Any] = msgspec.to_builtins(values)
    return built
