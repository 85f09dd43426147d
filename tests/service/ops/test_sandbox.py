"""A sandbox has the original's records and none of its sessions, secrets and errands; the original stays as it is."""

from __future__ import annotations

import shlex
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import msgspec
import pytest

from domain.kit.ids import new_id
from domain.kit.tokens import hashed
from service.auth.demo import SeedUser, enable_partners, seed_client, seed_users
from service.ops import postgres, sandbox
from service.ops.database import Addresses, database_name
from service.ops.progress import Progress
from service.ops.sandbox import create
from service.settings import OperatorError, Settings

STATE = """
select (select status from prm_setting), (select purpose from app.deployment), (select app.epoch()),
       (select count(*) from "user"), (select count(*) from credential where password_hash is not null),
       (select count(*) from client_secret), (select count(*) from session), (select count(*) from idempotency),
       (select count(*) from message), (select count(*) from pgqueuer),
       (select count(*) from webhook_subscription where status = 'ACTIVE'), (select array_agg(status) from job)
"""


@pytest.fixture
async def original(server: postgres.Server, fresh_database: Addresses, settings: Settings) -> AsyncIterator[Settings]:
    admin = await asyncpg.connect(server.dsn())
    await admin.execute("alter role forecourt_template_migrator createdb")
    connection = await asyncpg.connect(fresh_database.owner)
    user = SeedUser(
        id=new_id(), email="a@example.com", name="A", persona="STAFF", licence=None, role="ADMIN", account_id=None,
        contact_id=None,
    )  # fmt: skip
    await enable_partners(connection)
    await seed_users(connection, [user], "a long enough password")
    await seed_client(connection, "system", "System", "secret", ["inventory.sync"])
    await connection.execute(
        "insert into session (id, kind, user_id, began_at, last_used_at, expires_at) "
        "values (gen_random_uuid(), 'TOKEN', $1, now(), now(), now() + interval '1 day')",
        user.id,
    )
    await connection.execute(
        "insert into session_token select $1, id, 'ACCESS', now() + interval '1 day' from session", hashed("token")
    )
    await connection.execute("insert into idempotency values ('a', 'POST /x', 'k', 'x', 200, '{}', 'x')")
    await connection.execute(
        "insert into webhook_subscription (id, created_at, updated_at, url, user_id) "
        "values (gen_random_uuid(), now(), now(), 'https://example.com/hook', $1)",
        user.id,
    )
    await connection.execute("select app.push('job', gen_random_uuid()::text)")
    await connection.close()
    yield msgspec.structs.replace(
        settings, database_url=fresh_database.service, database_owner_url=fresh_database.owner
    )
    for (name,) in await admin.fetch(
        "select datname from pg_database where datname like $1", database_name(fresh_database.service) + r"\_%"
    ):
        await admin.execute(f'drop database "{name}" with (force)')
    await admin.close()


async def _state(dsn: str | None) -> Any:
    connection = await asyncpg.connect(dsn)
    try:
        return tuple(await connection.fetchrow(STATE))
    finally:
        await connection.close()


def _said(told: str) -> dict[str, str]:
    words = [shlex.split(line)[1] for line in told.splitlines() if line.startswith("export ")]
    return dict(word.split("=", 1) for word in words)


@pytest.mark.parametrize(("purpose", "passwords"), [("LIVE", 1), ("DEMO", 0)])
async def test_a_sandbox_begins_with_the_records_alone(original: Settings, purpose: str, passwords: int) -> None:
    await _run(original.database_owner_url, f"update app.deployment set purpose = '{purpose}'")
    before = await _state(original.database_owner_url)
    given = _said(await create(original, "trial", Progress()))
    assert await _state(original.database_owner_url) == before
    status, kept, epoch, *counts = await _state(given["FORECOURT_DATABASE_OWNER_URL"])
    assert (status, kept) == ("DISABLED", "SANDBOX")
    assert epoch != before[2]
    assert counts == [1, passwords, passwords, 0, 0, 0, 0, 0, None]
    assert given["FORECOURT_DATABASE_URL"] != original.database_url
    await _run(given["FORECOURT_DATABASE_OWNER_URL"], "update prm_setting set status = 'ENABLED'")
    with pytest.raises(asyncpg.CheckViolationError):
        await _run(given["FORECOURT_DATABASE_OWNER_URL"], "update prm_setting set status = 'DISABLED'")
    with pytest.raises(OperatorError, match="There is a sandbox trial already"):
        await create(original, "trial", Progress())


async def _run(dsn: str | None, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@pytest.mark.parametrize("name", ["", "Trial", "1st", "a-b", "a" * 40, 'x"; drop database y'])
async def test_a_name_that_cannot_be_one_is_refused(settings: Settings, name: str) -> None:
    with pytest.raises(OperatorError, match="is no name for a sandbox"):
        await create(settings, name, Progress())


async def test_a_sandbox_that_fails_leaves_nothing_behind(
    original: Settings, server: postgres.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise OperatorError("broken")

    monkeypatch.setattr(sandbox, "restore", broken)
    with pytest.raises(OperatorError, match="broken"):
        await create(original, "half", Progress())
    admin = await asyncpg.connect(server.dsn())
    try:
        assert not await admin.fetch(r"select from pg_database where datname like '%\_half'")
    finally:
        await admin.close()


async def test_a_role_that_may_not_make_databases_is_told_what_to_do(
    original: Settings, server: postgres.Server
) -> None:
    await _run(server.dsn(), "alter role forecourt_template_migrator nocreatedb")
    with pytest.raises(OperatorError, match=r"alter role .* createdb"):
        await create(original, "refused", Progress())
