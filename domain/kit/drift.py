"""Holds the declared schema against the migrated one and drafts the SQL that is missing."""

from __future__ import annotations

from collections.abc import Iterable

import asyncpg

from domain.kit.record import Entity
from domain.kit.schema import Statement, quoted, statements

Pieces = dict[tuple[str, str, str], str]
"""(kind, table, name) → definition as the database prints it."""

_QUERIES = {
    "column": """
        select c.relname, a.attname, format('%s%s%s', format_type(a.atttypid, a.atttypmod),
               case when a.attnotnull then ' not null' else '' end,
               coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), ''))
          from pg_attribute a join pg_class c on c.oid = a.attrelid left join pg_attrdef d
               on d.adrelid = a.attrelid and d.adnum = a.attnum
         where c.relnamespace = $1::regnamespace and c.relkind = 'r' and a.attnum > 0 and not a.attisdropped""",
    "constraint": """
        select c.relname, k.conname, pg_get_constraintdef(k.oid)
          from pg_constraint k join pg_class c on c.oid = k.conrelid
         where c.relnamespace = $1::regnamespace and k.contype in ('c', 'f', 'x')""",
    "index": """
        select c.relname, i.relname, pg_get_indexdef(x.indexrelid)
          from pg_index x join pg_class c on c.oid = x.indrelid join pg_class i on i.oid = x.indexrelid
         where c.relnamespace = $1::regnamespace and not exists
               (select from pg_constraint k where k.conindid = x.indexrelid and k.contype in ('p', 'x'))""",
    "policy": """
        select tablename, policyname, format('%s to %s using (%s) with check (%s)', cmd, array_to_string(roles, ','),
               qual, with_check)
          from pg_policies where schemaname = $1""",
    "trigger": """
        select c.relname, t.tgname, pg_get_triggerdef(t.oid)
          from pg_trigger t join pg_class c on c.oid = t.tgrelid
         where c.relnamespace = $1::regnamespace and not t.tgisinternal""",
    "security": """
        select relname, word, 'on' from pg_class,
               lateral (values ('enable', relrowsecurity), ('force', relforcerowsecurity)) s (word, is_on)
         where relnamespace = $1::regnamespace and relkind = 'r' and is_on""",
    "grant": """
        select table_name, grantee, string_agg(lower(privilege_type), ', ' order by privilege_type)
          from information_schema.role_table_grants where table_schema = $1 and grantee like 'forecourt\\_%'
         group by 1, 2""",
}


async def pieces(connection: asyncpg.Connection, schema: str, tables: Iterable[str]) -> Pieces:
    """Everything that the record tables of a schema consist of."""
    wanted = set(tables)
    found: Pieces = {}
    for kind, query in _QUERIES.items():
        for table, name, definition in await connection.fetch(query, schema):
            if table in wanted:
                found[kind, table, name] = definition.replace(f"{schema}.", "")
    return found


async def difference(connection: asyncpg.Connection, entities: list[Entity]) -> tuple[Pieces, Pieces]:
    """(declared, migrated) where they differ. Builds the declared schema in a scratch schema and rolls back."""
    tables = [entity.table for entity in entities]
    migrated = await pieces(connection, "public", tables)
    transaction = connection.transaction()
    await transaction.start()
    try:
        await connection.execute("create schema drift_scratch; set local search_path = drift_scratch")
        for statement in statements(entities):
            await connection.execute(statement.sql)
        declared = await pieces(connection, "drift_scratch", tables)
    finally:
        await transaction.rollback()
    same = {key for key, definition in declared.items() if migrated.get(key) == definition}
    return (
        {key: text for key, text in declared.items() if key not in same},
        {key: text for key, text in migrated.items() if key not in same},
    )


def draft(entities: list[Entity], declared: Pieces, migrated: Pieces) -> str:
    """The SQL that makes the migrated schema equal to the declared one; removals are comments to decide on."""
    new = {table for kind, table, name in declared if kind == "column" and name == "id"}
    lines = [
        statement.sql + ";"
        for statement in statements(entities)
        if statement.table in new and (statement.kind in ("table", "sequence") or _key(statement) in declared)
    ]
    for (kind, table, name), text in sorted(declared.items()):
        if kind == "column" and table not in new:
            verb = "alter column" if (kind, table, name) in migrated else "add column"
            lines.append(f"alter table {quoted(table)} {verb} {quoted(name)} {text};")
    for statement in statements(entities):
        if statement.table not in new and _key(statement) in declared:
            if _key(statement) in migrated:
                lines.append(_removal(*_key(statement)))
            lines.append(statement.sql + ";")
    lines.extend(f"-- gone: {_removal(*key)}" for key in sorted(migrated) if key not in declared)
    return "\n".join(lines)


def _key(statement: Statement) -> tuple[str, str, str]:
    return statement.kind, statement.table, statement.name


def _removal(kind: str, table: str, name: str) -> str:
    if kind in ("column", "constraint"):
        return f"alter table {quoted(table)} drop {kind} {quoted(name)};"
    if kind == "index":
        return f"drop index {name};"
    if kind == "grant":
        return f"revoke all on {quoted(table)} from {name};"
    if kind == "security":
        return f"alter table {quoted(table)} {'disable' if name == 'enable' else 'no force'} row level security;"
    return f"drop {kind} {name} on {quoted(table)};"
