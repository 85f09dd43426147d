"""Copies the database into a sandbox on the same server: a database of its own, out of which nothing is sent."""

import re
import shlex
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import unquote, urlsplit

import asyncpg
from msgspec.structs import replace

from service.ops import postgres
from service.ops.backup import backup, restore
from service.ops.database import Addresses, database_name, named, other_database, prepared
from service.ops.progress import Progress
from service.settings import OperatorError, Settings

# Sign-ins and answers promised under a key are the original's, and what waits to be sent is the original's to send.
_EMPTIED = (
    "session", "session_token", "single_use_token", "attempt", "known_place", "idempotency", "message",
    "message_secret", "webhook_delivery", "webhook_position", "job_lease", "pgqueuer", "pgqueuer_log",
    "pgqueuer_statistics",
)  # fmt: skip
_BEGIN_ANEW = f"""
begin;
set local search_path = public;
set local app.actor = 'sandbox';
truncate {", ".join(_EMPTIED)};
update job set status = 'CANCELLED', finished_at = now() where finished_at is null;
update webhook_subscription set status = 'PAUSED' where status = 'ACTIVE';
alter table prm_setting disable trigger prm_setting_no_way_back;
update prm_setting set status = 'DISABLED', enabled_at = null where status <> 'DISABLED';
alter table prm_setting enable trigger prm_setting_no_way_back;
update credential set password_hash = null, password_changed_at = null
  where (select purpose from app.deployment) = 'DEMO';
delete from client_secret where (select purpose from app.deployment) = 'DEMO';
update app.deployment set purpose = 'SANDBOX', epoch = gen_random_uuid(), began_at = now();
commit;
"""


async def create(settings: Settings, name: str, progress: Progress) -> str:
    """Makes the sandbox while the original may be in use; returns how to serve it, for people.

    In it partner relationship management is disabled, nobody is signed in, and no message, job or webhook waits; in
    that of a demo nobody has a password, for the demo's are published. Raises OperatorError, and no database is left.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,30}", name):
        raise OperatorError(
            f"{name!r} is no name for a sandbox. Use up to 31 small letters, digits and underscores, a letter first."
        )
    make = _on_our_server if settings.database_url is None else _on_given_server
    async with make(settings, name) as (source, sandbox):
        with TemporaryDirectory(prefix="forecourt-sandbox-") as folder:
            file = Path(folder, "copy")
            await backup(_at(settings, source), file, progress)
            await restore(_at(settings, sandbox), file, progress)
        connection = await asyncpg.connect(sandbox.owner)
        try:
            await connection.execute(_BEGIN_ANEW)
        finally:
            await connection.close()
    return _told(settings, name, sandbox)


def _at(settings: Settings, addresses: Addresses) -> Settings:
    return replace(settings, database_url=addresses.service, database_owner_url=addresses.owner)


@asynccontextmanager
async def _on_our_server(settings: Settings, name: str) -> AsyncIterator[tuple[Addresses, Addresses]]:
    """The original and the new database, with login roles of its own; both go again if the block fails."""
    database = f"forecourt_{name}"
    server = postgres.start(settings.data_dir / "postgres")
    try:
        source = await prepared(server)
        admin = await asyncpg.connect(server.dsn())
        try:
            await _refuse_known(admin, database, name)
            try:
                yield source, await prepared(server, database)
            except BaseException:
                await admin.execute(f"drop database if exists {database} with (force)")
                await admin.execute(f"drop role if exists {database}_migrator, {database}_service")
                raise
        finally:
            await admin.close()
    finally:
        server.stop()


@asynccontextmanager
async def _on_given_server(settings: Settings, name: str) -> AsyncIterator[tuple[Addresses, Addresses]]:
    """The original and the new database, with the login roles of the original."""
    source = await named(settings)
    if source.owner is None:
        raise OperatorError("FORECOURT_DATABASE_OWNER_URL is not set. Set it to the role that owns the tables.")
    database = f"{database_name(source.service)}_{name}"
    admin = await asyncpg.connect(source.owner)
    try:
        await _refuse_known(admin, database, name)
        try:
            await admin.execute(f'create database "{database}" template template0')
        except asyncpg.InsufficientPrivilegeError:
            owner = unquote(urlsplit(source.owner).username or "")
            raise OperatorError(
                f'The role {owner} may not make databases. As an administrator: alter role "{owner}" createdb;'
            ) from None
        try:
            service = unquote(urlsplit(source.service).username or "")
            await admin.execute(f'revoke all on database "{database}" from public')
            await admin.execute(f'grant connect on database "{database}" to "{service}"')
            yield source, Addresses(other_database(source.owner, database), other_database(source.service, database))
        except BaseException:
            await admin.execute(f'drop database "{database}" with (force)')
            raise
    finally:
        await admin.close()


async def _refuse_known(admin: asyncpg.Connection, database: str, name: str) -> None:
    if await admin.fetchval("select exists (select from pg_database where datname = $1)", database):
        raise OperatorError(f"There is a sandbox {name} already: the database {database}. Choose another name.")


def _told(settings: Settings, name: str, sandbox: Addresses) -> str:
    folder = settings.data_dir / f"sandbox-{name}"
    given = {
        "FORECOURT_DATABASE_URL": sandbox.service,
        "FORECOURT_DATABASE_OWNER_URL": sandbox.owner or "",
        "FORECOURT_DATA_DIR": str(folder),
        "FORECOURT_PORT": str(settings.port + 1 if settings.port < 65_535 else settings.port - 1),
        "FORECOURT_DEMO": "0",
    }
    lines = [f"export {variable}={shlex.quote(value)}" for variable, value in given.items()]
    needs = "" if settings.database_url else f", while Forecourt serves from {settings.data_dir}"
    return "\n".join(
        (
            f"The sandbox {name} is ready. It is served like this{needs};",
            "with the FORECOURT_SECRET_KEY of the original people's second factors work in it too:",
            "",
            *lines,
            "export FORECOURT_SECRET_KEY=…",
            "forecourt serve",
        )
    )
