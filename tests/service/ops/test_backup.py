"""Backup and restore: the same rows, a new epoch, and nothing changed where it fails."""

from pathlib import Path

import asyncpg
import msgspec
import pytest

from service.ops.backup import backup, restore, sums
from service.ops.database import Addresses
from service.ops.progress import Progress
from service.settings import OperatorError, Settings

pytestmark = pytest.mark.postgres_versions
ROWS = """
    create table thing (id int primary key, at timestamptz default now(), note text, body jsonb);
    insert into thing select n, now() + n * interval '1 s', 'Größe ' || n, jsonb_build_object('n', n)
      from generate_series(1, 5000) n;
    alter table thing enable row level security; alter table thing force row level security;
    create policy everything on thing to forecourt_owner using (true) with check (true);
    grant select on thing to forecourt_reader;
"""


@pytest.fixture
def own_settings(fresh_database: Addresses, settings: Settings) -> Settings:
    return msgspec.structs.replace(
        settings, database_url=fresh_database.service, database_owner_url=fresh_database.owner
    )


@pytest.fixture
async def file(own_settings: Settings, tmp_path: Path) -> Path:
    await run(own_settings, ROWS)
    file = tmp_path / "a backup.dump"
    await backup(own_settings, file, Progress())
    return file


async def run(settings: Settings, statements: str) -> object:
    connection = await asyncpg.connect(settings.database_owner_url)
    try:
        return await connection.execute(statements)
    finally:
        await connection.close()


async def state(settings: Settings) -> tuple[str, dict[str, object]]:
    connection = await asyncpg.connect(settings.database_owner_url)
    try:
        async with connection.transaction():
            found = await sums(connection)
        return found.epoch, dict(found.tables)
    finally:
        await connection.close()


async def test_a_restore_brings_back_every_row_and_begins_a_new_epoch(own_settings: Settings, file: Path) -> None:
    epoch, tables = await state(own_settings)
    assert file.stat().st_mode & 0o777 == 0o600
    await run(
        own_settings, "delete from thing where id % 2 = 0; update thing set note = 'changed'; create table new ()"
    )
    await restore(own_settings, file, Progress())
    new_epoch, restored = await state(own_settings)
    assert restored == tables
    assert new_epoch != epoch
    reader = await asyncpg.connect(own_settings.database_url, server_settings={"role": "forecourt_reader"})
    assert await reader.fetchval("select count(*) from thing") == 0, "row security was restored as well"
    await reader.close()


async def test_a_restore_that_differs_from_the_manifest_changes_nothing(own_settings: Settings, file: Path) -> None:
    manifest = file.with_name(file.name + ".sums.json")
    manifest.write_text(manifest.read_text().replace('"rows": 5000', '"rows": 5001'))
    await run(own_settings, "delete from thing where id = 1")
    before = await state(own_settings)
    with pytest.raises(OperatorError, match=r"public\.thing differs"):
        await restore(own_settings, file, Progress())
    assert await state(own_settings) == before


async def test_a_damaged_file_changes_nothing(own_settings: Settings, file: Path) -> None:
    before = await state(own_settings)
    file.write_bytes(file.read_bytes()[:-3000])
    with pytest.raises(OperatorError):
        await restore(own_settings, file, Progress())
    assert await state(own_settings) == before


async def test_a_database_in_use_is_not_replaced(own_settings: Settings, file: Path) -> None:
    connection = await asyncpg.connect(own_settings.database_url)
    with pytest.raises(OperatorError, match="Stop the service"):
        await restore(own_settings, file, Progress())
    await connection.close()


async def test_without_its_manifest_a_backup_is_not_trusted(own_settings: Settings, file: Path) -> None:
    file.with_name(file.name + ".sums.json").unlink()
    with pytest.raises(OperatorError, match=r"sums\.json is missing"):
        await restore(own_settings, file, Progress())
    with pytest.raises(OperatorError, match="There is no file"):
        await restore(own_settings, file.with_name("none"), Progress())
