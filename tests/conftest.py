"""What all tests share: one server a run, databases cloned from a migrated template, and real data where it is.

`--postgres 16` runs on another version: 18 and 16 come with the wheel, others are taken from the machine.
"""

import asyncio
import itertools
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import asyncpg
import pytest
from hypothesis import settings as hypothesis_settings

import core_ext
from service.ops import postgres
from service.ops.database import Addresses, migrate, other_database, prepared
from service.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
CHECKED = {"CORE_EXT_DEBUG": "debug", "CORE_EXT_SANITIZE": "sanitized"}  # variables that ask for kernels with checks
KERNELS = next(
    (ROOT / "build" / folder / "core_ext" for name, folder in CHECKED.items() if os.environ.get(name) == "1"),
    ROOT / "core_ext",
)
QUICK = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "shared_buffers": "128MB"}
hypothesis_settings.register_profile("fuzz", max_examples=300, deadline=None)
_server = pytest.StashKey[postgres.Server]()
_folder = pytest.StashKey[Path]()

if KERNELS != ROOT / "core_ext":  # found before the release build
    core_ext.__path__.insert(0, str(KERNELS))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--postgres", type=int, default=18, help="major version of PostgreSQL to run on")


def binaries(major: int) -> Path | None:
    """Folder of the PostgreSQL programs of this version, or None where the machine has none."""
    return postgres.wheel_postgres(major) if major in (16, 18) else postgres.system_postgres(major)


def _start(config: pytest.Config) -> postgres.Server:
    if _server not in config.stash:
        found = binaries(config.getoption("--postgres"))
        assert found is not None
        config.stash[_folder] = Path(tempfile.mkdtemp(prefix="forecourt-tests-"))
        config.stash[_server] = postgres.start(config.stash[_folder] / "pg", binaries=found, options=QUICK)
    return config.stash[_server]


def pytest_configure_node(node: object) -> None:
    """Under xdist the controlling process owns the server: it outlives every worker."""
    config: pytest.Config = node.config  # type: ignore[attr-defined]
    if binaries(config.getoption("--postgres")) is not None:
        server = _start(config)
        template = asyncio.run(_template(server))
        node.workerinput.update(  # type: ignore[attr-defined]
            sockets=str(server.socket_dir), server_pid=server.pid, owner=template.owner, service=template.service
        )


def pytest_unconfigure(config: pytest.Config) -> None:
    if _server in config.stash:
        config.stash[_server].stop()
        shutil.rmtree(config.stash[_folder], ignore_errors=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if binaries(major := config.getoption("--postgres")) is None:
        for item in items:
            item.add_marker(pytest.mark.skip(reason=f"PostgreSQL {major} is not installed on this machine"))


async def _template(server: postgres.Server) -> Addresses:
    addresses = await prepared(server, "forecourt_template")
    await migrate(addresses)
    return addresses


@pytest.fixture(scope="session")
def server(pytestconfig: pytest.Config) -> postgres.Server:
    """The PostgreSQL server of this run; its superuser's address is `server.dsn()`."""
    if given := getattr(pytestconfig, "workerinput", None):
        return postgres.Server(Path(given["sockets"]), given["server_pid"], None)
    return _start(pytestconfig)


@pytest.fixture(scope="session")
async def template(pytestconfig: pytest.Config, server: postgres.Server) -> Addresses:
    """The migrated, otherwise empty database that others are cloned from; leave it alone."""
    if given := getattr(pytestconfig, "workerinput", None):
        return Addresses(given["owner"], given["service"])
    return await _template(server)


_numbers = itertools.count(1)


async def _clone(server: postgres.Server, template: Addresses) -> Addresses:
    name = f"test_{os.getpid()}_{next(_numbers)}"
    assert template.owner is not None
    admin = await asyncpg.connect(server.dsn())
    try:
        await admin.execute("select pg_advisory_lock(1)")  # a template in use by another clone is refused
        await admin.execute(f"create database {name} template forecourt_template owner forecourt_template_migrator")
        await admin.execute(f"revoke all on database {name} from public")
        await admin.execute(f"grant connect on database {name} to forecourt_template_service")
    finally:
        await admin.close()
    return Addresses(other_database(template.owner, name), other_database(template.service, name))


async def _drop(server: postgres.Server, addresses: Addresses) -> None:
    admin = await asyncpg.connect(server.dsn())
    try:
        name = addresses.service.partition("@/")[2].partition("?")[0]
        await admin.execute(f"drop database {name} with (force)")
    finally:
        await admin.close()


@pytest.fixture(scope="session")
async def database(server: postgres.Server, template: Addresses) -> Addresses:
    """A migrated database shared by the tests of this process: `database.owner` migrates, `database.service` serves."""
    return await _clone(server, template)


@pytest.fixture
async def fresh_database(server: postgres.Server, template: Addresses) -> AsyncIterator[Addresses]:
    """A migrated database for one test alone."""
    addresses = await _clone(server, template)
    yield addresses
    await _drop(server, addresses)


@pytest.fixture(scope="session")
def settings(database: Addresses, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of a service on `database`."""
    return Settings(
        data_dir=tmp_path_factory.mktemp("var"),
        database_url=database.service,
        database_owner_url=database.owner,
        secret_key="a secret key for tests alone, 48 characters long",
        public_url="http://127.0.0.1:8000",
    )


@pytest.fixture(scope="session")
def real_data() -> Callable[[str], Path]:
    """Gives the path of a file of real data by its name; skips the test where the folder is not there."""

    def find(name: str) -> Path:
        folder = Path(os.environ.get("FORECOURT_TEST_DATA") or ROOT.parent / "shared" / "data")
        if not (folder / name).exists():
            pytest.skip(f"real data is not there: {name} (FORECOURT_TEST_DATA names its folder)")
        return folder / name

    return find


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A temporary folder with a short name, for sockets."""
    folder = Path(tempfile.mkdtemp(prefix="f", dir="/tmp"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)
