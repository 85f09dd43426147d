"""The migrated schema is the declared one, and every statement of ours can be prepared on it."""

from __future__ import annotations

import asyncpg
import pytest

from domain.kit import catalogue, drift
from inventory.statements import SQL
from service.ops.database import Addresses

pytestmark = pytest.mark.postgres_versions


async def test_the_migrations_make_what_the_declarations_say(fresh_database: Addresses) -> None:
    assert fresh_database.owner is not None
    connection = await asyncpg.connect(fresh_database.owner)
    try:
        entities = list(catalogue.load().values())
        declared, migrated = await drift.difference(connection, entities)
        assert drift.draft(entities, declared, migrated) == ""
    finally:
        await connection.close()


async def test_drift_is_seen_and_drafted(fresh_database: Addresses) -> None:
    assert fresh_database.owner is not None
    connection = await asyncpg.connect(fresh_database.owner)
    try:
        await connection.execute("alter table product drop column name; drop policy product_guest_select on product")
        entities = list(catalogue.load().values())
        drafted = drift.draft(entities, *await drift.difference(connection, entities))
        assert "alter table product add column name text not null;" in drafted
        assert "create policy product_guest_select on product for select to forecourt_guest" in drafted
        await connection.execute(drafted)
        assert await drift.difference(connection, entities) == ({}, {})
    finally:
        await connection.close()


@pytest.mark.parametrize("name", sorted(SQL))
async def test_named_statements_can_be_prepared(database: Addresses, name: str) -> None:
    connection = await asyncpg.connect(database.service, server_settings={"role": "forecourt_reader"})
    try:
        await connection.prepare(SQL[name])
    finally:
        await connection.close()


async def test_every_record_table_forces_row_security_on_everybody(database: Addresses) -> None:
    connection = await asyncpg.connect(database.service)
    try:
        open_tables = await connection.fetch(
            "select relname from pg_class where relname = any($1) and not (relrowsecurity and relforcerowsecurity)",
            list(catalogue.load()),
        )
        assert open_tables == []
        role = await connection.fetchrow(
            "select rolsuper, rolbypassrls, rolinherit from pg_roles where rolname = current_user"
        )
        assert tuple(role) == (False, False, False)
    finally:
        await connection.close()


async def test_no_trigger_notifies(database: Addresses) -> None:
    connection = await asyncpg.connect(database.service)
    try:
        found = await connection.fetch(
            "select p.proname from pg_trigger t join pg_proc p on p.oid = t.tgfoid where p.prosrc ~* 'notify'"
        )
        assert found == []
    finally:
        await connection.close()
