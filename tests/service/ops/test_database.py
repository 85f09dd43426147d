"""Making a database ready: roles, rights and migrations, on our own server and on anybody's."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import msgspec
import pytest

from service.ops import database as ready
from service.ops.database import CLASSES, Addresses, check, migrate, named, other_database, pending, prepared, versions
from service.ops.postgres import Server
from service.settings import OperatorError, Settings

pytestmark = pytest.mark.postgres_versions
NEW = f"not yet migrated {os.getpid()}"


async def ask(dsn: str, query: str, *values: object, role: str | None = None) -> object:
    connection = await asyncpg.connect(dsn, server_settings={"role": role} if role else {})
    try:
        return await connection.fetchval(query, *values)
    finally:
        await connection.close()


@pytest.fixture
async def empty(server: Server) -> AsyncIterator[Addresses]:
    """A prepared database without migrations."""
    addresses = await prepared(server, NEW)
    yield addresses
    await ask(server.dsn(), f'drop database "{NEW}" with (force)')


async def test_preparing_and_migrating_again_changes_nothing(server: Server, empty: Addresses) -> None:
    assert await pending(empty.service) == versions()
    told: list[str] = []
    await migrate(empty, told.append)
    assert len(told) == len(versions())
    assert await prepared(server, NEW) == empty
    await migrate(empty, told.append)
    assert len(told) == len(versions())
    assert await pending(empty.service) == []
    await check(empty)


async def test_several_nodes_that_migrate_at_once_wait_for_each_other(empty: Addresses) -> None:
    told: list[str] = []
    await asyncio.gather(*(migrate(empty, told.append) for _ in range(3)))
    assert len(told) == len(versions())


async def test_several_starts_at_once_prepare_one_database(server: Server) -> None:
    made = await asyncio.gather(*(prepared(server, f"made_at_once_{os.getpid()}") for _ in range(4)))
    assert len(set(made)) == 1
    await ask(server.dsn(), f"drop database made_at_once_{os.getpid()} with (force)")


async def test_the_service_is_neither_owner_nor_above_row_security(database: Addresses) -> None:
    assert await ask(
        database.service,
        "select not rolsuper and not rolbypassrls and not rolinherit from pg_roles where rolname = current_user",
    )
    for group in CLASSES:
        assert await ask(database.service, "select current_user", role=group) == group
    with pytest.raises(asyncpg.PostgresError):
        await ask(database.service, "select 1", role="forecourt_owner")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await ask(database.service, "create table mine (a int)", role="forecourt_staff")


async def test_one_database_s_service_cannot_open_another_database(server: Server, database: Addresses) -> None:
    other = await prepared(server, f"somebody_elses_{os.getpid()}")
    stranger = other.service.replace(f"somebody_elses_{os.getpid()}?", other_name(database) + "?")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await ask(stranger, "select 1")
    await ask(server.dsn(), f"drop database somebody_elses_{os.getpid()} with (force)")


def other_name(addresses: Addresses) -> str:
    return urlsplit(addresses.service).path.lstrip("/")


async def test_a_database_has_one_epoch_that_every_class_reads(database: Addresses) -> None:
    epochs = {await ask(database.service, "select app.epoch()", role=group) for group in CLASSES}
    assert len(epochs) == 1
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await ask(database.service, "update app.deployment set epoch = gen_random_uuid()", role="forecourt_staff")


async def test_a_migration_waits_half_a_second_for_a_lock_and_is_tried_again(
    fresh_database: Addresses, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert fresh_database.owner is not None
    await ask(fresh_database.owner, "create table busy (a int)")
    for path in ready.MIGRATIONS.glob("*.sql"):
        (tmp_path / path.name).write_text(path.read_text())
    statement = """
        do $$ begin
          if current_setting('lock_timeout') <> '500ms' then raise exception 'no lock timeout'; end if;
        end $$;
        alter table busy add column b int;"""
    (tmp_path / "29990101000000_busy.sql").write_text(f"-- migrate:up\n{statement}\n-- migrate:down\n")
    monkeypatch.setattr(ready, "MIGRATIONS", tmp_path)
    holder = await asyncpg.connect(fresh_database.owner)
    transaction = holder.transaction()
    await transaction.start()
    await holder.execute("lock table busy in share mode")
    migrating = asyncio.create_task(migrate(fresh_database))
    done, _ = await asyncio.wait({migrating}, timeout=1.5)
    assert not done
    await transaction.rollback()
    await migrating
    await holder.close()
    assert await pending(fresh_database.service) == []


async def test_a_failing_migration_is_undone_and_told(
    fresh_database: Addresses, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in ready.MIGRATIONS.glob("*.sql"):
        (tmp_path / path.name).write_text(path.read_text())
    (tmp_path / "29990101000000_bad.sql").write_text(
        "-- migrate:up\ncreate table half (a int); select 1/0;\n-- migrate:down\n"
    )
    monkeypatch.setattr(ready, "MIGRATIONS", tmp_path)
    with pytest.raises(OperatorError, match="division by zero"):
        await migrate(fresh_database)
    assert await ask(fresh_database.service, "select to_regclass('half')") is None
    assert await pending(fresh_database.service) == ["29990101000000"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("alter role {odd} superuser", "is a superuser"),
        ("alter role {odd} bypassrls", "bypasses row security"),
        ("alter database {name} owner to {odd}", "owns the database"),
        ("revoke forecourt_staff from {odd}", "grant forecourt_staff to"),
        ("grant forecourt_owner to {odd}", "revoke forecourt_owner from"),
    ],
)
async def test_a_database_that_could_not_be_guarded_is_refused(
    server: Server, fresh_database: Addresses, change: str, told: str
) -> None:
    name, odd = other_name(fresh_database), f"odd_{os.getpid()}"
    admin = other_database(server.dsn(), name)
    try:
        await ask(admin, f"create role {odd} login noinherit")
        await ask(admin, f"grant {', '.join(CLASSES)} to {odd}")
        await ask(admin, f"grant connect on database {name} to {odd}")
        dsn = server.dsn(odd, name)
        await check(Addresses(None, dsn))
        await ask(admin, change.format(name=name, odd=odd))
        with pytest.raises(OperatorError, match=told):
            await check(Addresses(None, dsn))
    finally:
        await ask(admin, f"alter database {name} owner to postgres")
        await ask(admin, f"drop owned by {odd}")
        await ask(admin, f"drop role {odd}")


async def test_a_named_database_is_migrated_by_its_owner_and_only_by_it(
    fresh_database: Addresses, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in ready.MIGRATIONS.glob("*.sql"):
        (tmp_path / path.name).write_text(path.read_text())
    (tmp_path / "29990101000000_new.sql").write_text("-- migrate:up\ncreate table new (a int);\n-- migrate:down\n")
    monkeypatch.setattr(ready, "MIGRATIONS", tmp_path)
    served = msgspec.structs.replace(settings, database_url=fresh_database.service, database_owner_url=None)
    with pytest.raises(OperatorError, match="lacks 1 migrations, the first is 29990101000000"):
        await named(served)
    owned = msgspec.structs.replace(served, database_owner_url=fresh_database.owner)
    assert await named(owned) == fresh_database
    assert await named(served) == Addresses(None, fresh_database.service)


async def test_an_unreachable_database_is_told_without_its_password() -> None:
    with pytest.raises(OperatorError, match="cannot be reached as somebody") as refused:
        await check(Addresses(None, "postgresql://somebody:geheim@127.0.0.1:1/forecourt"))
    assert "geheim" not in str(refused.value)
