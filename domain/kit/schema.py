"""The SQL that a declaration needs: table, constraints, indexes, row policies, rights, triggers, each with its name."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from domain.kit.fields import Column, Field
from domain.kit.policy import DEALER_ROLES, PERSONAS, ROLE_CLASS, Persona
from domain.kit.record import BY_RULES, KEPT, Entity
from domain.kit.rows import reading
from domain.kit.values import Privacy


class Statement(msgspec.Struct, frozen=True):
    """One piece of the schema: what it is, on which table, its name there, and the SQL that makes it."""

    kind: str
    table: str
    name: str
    sql: str


def quoted(name: str) -> str:
    """An identifier as SQL text; record types may be called `order` or `user`."""
    return name if re.fullmatch("[a-z_][a-z0-9_]*", name) and name not in _RESERVED else f'"{name}"'


_WORDS = """all and any array as asc both case cast check collate column constraint create default desc distinct do
else end except fetch for foreign from grant group having in into is leading like limit not null offset on only or order
placing primary references returning select some table then to trailing true false union unique user using when where
window with"""
_RESERVED = frozenset(_WORDS.split())


def _default(entity: Entity, field: Field, column: Column) -> str:
    if column.name == "version":
        return " default 1"
    if field.series:
        series = field.series
        return f" default app.series('{_sequence(entity, field)}', '{series.prefix}', {series.digits})"
    if column.default:
        return f" default {column.default}"
    if isinstance(field.default, bool):
        return f" default {str(field.default).lower()}"
    if isinstance(field.default, int | float) and field.kind in (int, float):
        return f" default {field.default}"
    if isinstance(field.default, str):
        return f" default '{field.default}'"
    return ""


def _sequence(entity: Entity, field: Field) -> str:
    return f"{entity.table}_{field.name}"


def _table(entity: Entity) -> Statement:
    lines = []
    for field in entity.fields.values():
        for column in field.columns:
            null = "" if column.nullable else " not null"
            key = " primary key" if column.name == "id" else null
            lines.append(f"  {quoted(column.name)} {column.sql_type}{key}{_default(entity, field, column)}")
    if is_shared(entity):
        rule = f"generated always as ({entity.audience}) stored" if _computes(entity) else "not null default 0"
        lines.append(f"  audience smallint {rule}")
    body = ",\n".join(lines)
    return Statement("table", entity.table, entity.table, f"create table {quoted(entity.table)} (\n{body}\n)")


def _computes(entity: Entity) -> bool:
    return entity.audience not in (BY_RULES, KEPT)


def is_shared(entity: Entity) -> bool:
    """Whether rows carry an audience code."""
    return any(arm.kind == "shared" for arm in entity.rows.arms)


def _constraints(entity: Entity) -> Iterator[Statement]:
    table = quoted(entity.table)

    def constraint(name: str, rule: str) -> Statement:
        return Statement("constraint", entity.table, name, f"alter table {table} add constraint {name} {rule}")

    for field in entity.fields.values():
        column = quoted(field.columns[0].name)
        if field.choices:
            values = ", ".join(f"'{choice}'" for choice in field.choices)
            rule = f"{column} <@ array[{values}]" if field.kind is list else f"{column} in ({values})"
            yield constraint(f"{entity.table}_{field.name}_check", f"check ({rule})")
        if field.is_money and field.nullable:
            pair = f"({field.name}_minor is null) = ({field.name}_currency is null)"
            yield constraint(f"{entity.table}_{field.name}_check", f"check ({pair})")
        if field.ref:
            yield constraint(
                f"{entity.table}_{field.name}_fkey", f"foreign key ({column}) references {quoted(field.ref)} (id)"
            )
    for name, rule in entity.checks.items():
        yield constraint(f"{entity.table}_{name}", rule if rule.startswith("exclude") else f"check ({rule})")


def _index_name(entity: Entity, spec: str, suffix: str) -> str:
    words = re.findall("[a-z0-9_]+", spec.partition(" where ")[0])
    return "_".join([entity.table, *(w for w in words if w not in ("desc", "asc")), suffix])[:63]


def _indexes(entity: Entity) -> Iterator[Statement]:
    table = quoted(entity.table)
    led: set[str] = {"id"}
    made: set[str] = set()

    def index(spec: str, unique: bool = False) -> Iterator[Statement]:
        columns, where, condition = spec.partition(" where ")
        name = _index_name(entity, spec, "key" if unique else "idx")
        if name not in made:
            made.add(name)
            led.add(columns.split(",")[0].split()[0].strip())
            kind = "unique index" if unique else "index"
            yield Statement(
                "index", entity.table, name, f"create {kind} {name} on {table} ({columns}){where}{condition}"
            )

    yield from index("created_at desc, id desc")
    for field in entity.fields.values():
        if field.series:
            yield from index(field.name, unique=True)
    for spec in entity.unique:
        yield from index(spec, unique=True)
    for arm in entity.rows.arms:
        if arm.kind == "shared":
            yield from index("audience, created_at desc, id desc where audience > 0")
        elif arm.column and arm.column != "id":
            yield from index(f"{arm.column}, created_at desc, id desc")
    for spec in entity.indexes:
        yield from index(spec)
    for field in entity.fields.values():
        if field.ref and field.name not in led:
            yield from index(field.name)


def personas_of(entity: Entity) -> list[Persona]:
    """The personas below staff that hold any grant on the record type: the ceiling that the database itself keeps."""
    held = {key for key, letters in entity.grants.items() if letters}
    found: list[Persona] = [p for p in PERSONAS if p in held]
    if held & set(DEALER_ROLES) and "PARTNER" not in found:
        found.append("PARTNER")
    return [p for p in found if p not in ("STAFF", "SYSTEM")]


def _policies(entity: Entity) -> Iterator[Statement]:
    table = quoted(entity.table)
    for verb in ("enable", "force"):
        sql = f"alter table {table} {verb} row level security"
        yield Statement("security", entity.table, verb, sql)

    def policy(role: str, action: str, using: str, check: str) -> Statement:
        name = f"{entity.table}_{role.removeprefix('forecourt_')}_{action}"
        parts = [f"create policy {name} on {table} for {action} to {role}"]
        parts += [f"using ({using})"] if using else []
        parts += [f"with check ({check})"] if check else []
        return Statement("policy", entity.table, name, " ".join(parts))

    yield policy("forecourt_owner", "all", "true", "true")
    yield policy("forecourt_reader", "select", "true", "")
    staff = "true"
    if entity.brand:
        staff = f"(select app.brands()) is null or {quoted(entity.brand)} = any((select app.brands())::text[])"
    yield policy("forecourt_staff", "all", staff, staff)
    for persona in personas_of(entity):
        arms = entity.rows.of(persona)
        if not arms:
            continue
        role = ROLE_CLASS[persona]
        write = " or ".join(arm.sql for arm in arms if arm.writes)
        yield policy(role, "select", " or ".join(arm.sql for arm in reading(arms)), "")
        if write and persona != "GUEST":
            yield policy(role, "insert", "", write)
            yield policy(role, "update", write, write)
            yield policy(role, "delete", write, "")


def _rights(entity: Entity) -> Iterator[Statement]:
    table = quoted(entity.table)

    def right(role: str, verbs: str) -> Statement:
        return Statement("grant", entity.table, role, f"grant {verbs} on {table} to {role}")

    yield right("forecourt_reader", "select")
    yield right("forecourt_staff", "select, insert, update, delete")
    for persona in personas_of(entity):
        yield right(ROLE_CLASS[persona], "select" if persona == "GUEST" else "select, insert, update, delete")


def _triggers(entity: Entity) -> Iterator[Statement]:
    table = quoted(entity.table)
    hidden = ", ".join(
        f"'{'-' if field.quiet else ''}{column.name}'"
        for field in entity.fields.values()
        if field.quiet or field.privacy is Privacy.SECRET
        for column in field.columns
    )
    each = f"{table} for each row execute function"
    sharing = is_shared(entity) and entity.audience == BY_RULES
    computed = "'audience'" if is_shared(entity) and _computes(entity) else ""
    pieces = [
        *(
            [("share", f"before insert or update on {table} for each row execute function app.share()")]
            if sharing
            else []
        ),
        ("touch", f"before update on {each} app.touch({computed})"),
        (
            "remember",
            f"after insert or update or delete on {table} for each row execute function app.remember({hidden})",
        ),
        (
            "name_new",
            f"after insert on {table} for each row when (new.external_keys <> '[]') execute function app.name_record()",
        ),
        (
            "name_changed",
            f"after update on {table} for each row when (old.external_keys is distinct from new.external_keys) "
            "execute function app.name_record()",
        ),
        (
            "name_gone",
            f"after delete on {table} for each row when (old.external_keys <> '[]') execute function app.name_record()",
        ),
        *(
            (name, rule if " for each " in rule else f"{when} on {each} {function}")
            for name, rule, when, function in _further(entity)
        ),
    ]
    for name, sql in pieces:
        full = f"{entity.table}_{name}"
        yield Statement("trigger", entity.table, full, f"create trigger {full} {sql}")


def _further(entity: Entity) -> Iterator[tuple[str, str, str, str]]:
    for name, rule in entity.triggers.items():
        when, _, function = rule.rpartition(" ")
        yield name, rule, when, function


def statements(entities: list[Entity]) -> list[Statement]:
    """All SQL of the record types, in an order that runs: tables first, then what refers to them."""
    found = [_table(e) for e in entities]
    for entity in entities:
        for field in entity.fields.values():
            if field.series:
                name = _sequence(entity, field)
                found.insert(0, Statement("sequence", entity.table, name, f"create sequence {name}"))
    for part in (_constraints, _indexes, _policies, _rights, _triggers):
        for entity in entities:
            found.extend(part(entity))
    return found
