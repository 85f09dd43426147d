"""Backup to one file and restore from it, proved by counts and sums of every table."""

import asyncio
import os
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

import asyncpg
import msgspec

from service.ops import postgres
from service.ops.database import Addresses, opened
from service.ops.progress import Progress
from service.settings import OperatorError, Settings

# A restore changes it on purpose.
_NOT_COMPARED = ("app.deployment",)
_ROWS = "count(*)"
_SUM = "coalesce(sum(('x' || left(md5(t::text), 16))::bit(64)::bigint::numeric), 0)::text"
_TEXT_FORMS = (
    "set local timezone = 'UTC'; set local datestyle = 'ISO'; set local intervalstyle = 'iso_8601'; "
    "set local bytea_output = 'hex'; set local extra_float_digits = 1"
)


class TableSum(msgspec.Struct, frozen=True):
    """Rows of a table, and a sum over the hashes of their texts that does not depend on their order."""

    rows: int
    sum: str


class Manifest(msgspec.Struct, frozen=True):
    """What stands beside a backup, in `FILE.sums.json`."""

    epoch: str
    server_version: str
    tables: dict[str, TableSum]


async def backup(settings: Settings, file: Path, progress: Progress) -> Manifest:
    """Writes the database as it is at one moment, while it may be in use, to `file` (pg_dump's custom format).

    The manifest is taken from the same snapshot. Both files appear whole or not at all, readable by their owner only.
    Raises OperatorError.
    """
    async with opened(settings) as addresses:
        owner = _owner(addresses)
        draft = file.with_name(file.name + ".part")
        connection = await asyncpg.connect(owner)
        try:
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                snapshot = await connection.fetchval("select pg_export_snapshot()")
                tools = _tools(connection.get_server_version().major)
                os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
                with progress.step("Writing the backup"):
                    await _run(
                        owner,
                        [tools / "pg_dump", "-Fc", "--no-owner", "--enable-row-security", f"--snapshot={snapshot}"],
                        ["--lock-wait-timeout=10s", "--file", draft],
                    )
                with progress.step("Summing the tables"):
                    manifest = await sums(connection)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
        finally:
            await connection.close()
    beside = _manifest_file(file)
    beside.write_bytes(msgspec.json.format(msgspec.json.encode(manifest)))
    beside.chmod(0o600)
    draft.replace(file)
    progress.line(
        f"{file}: {sum(table.rows for table in manifest.tables.values()):,} rows of {len(manifest.tables)} tables"
    )
    return manifest


async def restore(settings: Settings, file: Path, progress: Progress) -> None:
    """Replaces the whole database by that of `file` in one transaction, proves it, and begins a new epoch.

    Raises OperatorError, and the database is as it was, while the service is connected, where the file is incomplete,
    or where the sums differ from the manifest's.
    """
    manifest = _read_manifest(file)
    async with opened(settings) as addresses:
        owner = _owner(addresses)
        connection = await asyncpg.connect(owner)
        try:
            await _refuse_while_used(connection)
            tools = _tools(connection.get_server_version().major)
            script = file.with_name(file.name + ".sql.part")
            os.close(os.open(script, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
            try:
                with progress.step("Reading the backup"):
                    await _run(
                        None, [tools / "pg_restore", "--no-owner", "--enable-row-security", "--file", script], [file]
                    )
                with progress.step("Restoring"):
                    await _run(
                        owner,
                        [tools / "psql", "-X", "-q", "-1", "-v", "ON_ERROR_STOP=1"],
                        _replacing(script, manifest),
                    )
            finally:
                script.unlink(missing_ok=True)
            epoch = await connection.fetchval("select app.epoch()")
        finally:
            await connection.close()
    progress.line(f"Restored {len(manifest.tables)} tables as they were; the new epoch is {epoch}.")


async def sums(connection: asyncpg.Connection) -> Manifest:
    """Counts and sums of all tables of ours, as the connection's transaction sees them; call it inside one."""
    await connection.execute(_TEXT_FORMS)
    names = await connection.fetch(
        "select format('%I.%I', n.nspname, c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace "
        "where n.nspname in ('public', 'app') and c.relkind = 'r' order by 1"
    )
    tables = {}
    for (name,) in names:
        if name not in _NOT_COMPARED:
            tables[name] = TableSum(*await connection.fetchrow(f"select {_ROWS}, {_SUM} from {name} t"))
    return Manifest(
        epoch=str(await connection.fetchval("select app.epoch()")),
        server_version=await connection.fetchval("select current_setting('server_version')"),
        tables=tables,
    )


def _replacing(script: Path, manifest: Manifest) -> list[str | Path]:
    expected = msgspec.json.encode(manifest.tables).decode().replace("'", "''")
    compare = f"""
        do $compare$
        declare expected jsonb := '{expected}'; name text; found jsonb;
        begin
          for name in select jsonb_object_keys(expected) loop
            if to_regclass(name) is null then raise exception 'The table % is missing in the backup', name; end if;
            execute format($q$select jsonb_build_object('rows', {_ROWS}, 'sum', {_SUM}) from %s t$q$, name) into found;
            if found <> expected -> name then
              raise exception 'The table % differs: % in the backup, % restored', name, expected -> name, found;
            end if;
          end loop;
        end $compare$"""
    return [
        *("-c", "set client_min_messages = warning; drop schema if exists app cascade; drop schema public cascade"),
        *("-c", "create schema public"),
        *("-f", script),
        *("-c", _TEXT_FORMS),
        *("-c", compare),
        *("-c", "update app.deployment set epoch = gen_random_uuid(), began_at = now()"),
    ]


def _read_manifest(file: Path) -> Manifest:
    beside = _manifest_file(file)
    if not file.exists():
        raise OperatorError(f"There is no file {file}.")
    if not beside.exists():
        raise OperatorError(f"{beside} is missing: without it nothing shows that the backup is whole.")
    return msgspec.json.decode(beside.read_bytes(), type=Manifest)


async def _refuse_while_used(connection: asyncpg.Connection) -> None:
    others = await connection.fetchval(
        "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() "
        "and usesysid is not null"
    )
    if others:
        raise OperatorError(f"The database is in use by {others} connections. Stop the service on every node first.")


def _owner(addresses: Addresses) -> str:
    if addresses.owner is None:
        raise OperatorError("FORECOURT_DATABASE_OWNER_URL is not set. Set it to the role that owns the tables.")
    return addresses.owner


def _manifest_file(file: Path) -> Path:
    return file.with_name(file.name + ".sums.json")


def _tools(server_major: int) -> Path:
    """Programs that fit the server: those of 16 write what 15 and 16 understand."""
    return postgres.wheel_postgres(16 if server_major <= 16 else 18)


async def _run(dsn: str | None, program: list[str | Path], arguments: list[str | Path]) -> None:
    """Runs one of PostgreSQL's programs; the address goes through the environment, where no other user reads it."""
    environ = {"PATH": os.defpath, **(_environment(dsn) if dsn else {})}
    process = await asyncio.create_subprocess_exec(
        *map(str, [*program, *arguments]),
        env=environ,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        said = (await process.communicate())[1].decode(errors="replace").strip()
    except BaseException:
        process.kill()
        await process.wait()
        raise
    if process.returncode:
        raise OperatorError(f"{Path(program[0]).name} failed: {said}")


def _environment(dsn: str) -> dict[str, str]:
    parts = urlsplit(dsn)
    query = dict(parse_qsl(parts.query))
    found = {
        "PGHOST": query.get("host") or parts.hostname,
        "PGPORT": query.get("port") or (str(parts.port) if parts.port else None),
        "PGUSER": unquote(parts.username or ""),
        "PGPASSWORD": unquote(parts.password or ""),
        "PGDATABASE": unquote(parts.path.lstrip("/")),
        "PGSSLMODE": query.get("sslmode"),
        "PGSSLROOTCERT": query.get("sslrootcert"),
    }
    return {name: value for name, value in found.items() if value}
