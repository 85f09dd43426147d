"""`forecourt serve`: the database, the web workers and the job worker as one thing that starts and stops together."""

import asyncio
import contextlib
import errno
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import asyncpg

from service.ops import postgres, web
from service.ops.database import Addresses, named, prepared
from service.ops.database import migrate as migrate_database
from service.ops.progress import Progress
from service.settings import OperatorError, Settings

_CHILD_SECONDS = 6.0  # a web worker cuts what still runs after four
_CALM_SECONDS = 30.0
_TRIES_BEFORE_SERVING = 3
_SLOWEST_RESTART = 10.0

LoadDemo = Callable[[Settings, str, Progress], Awaitable[None]]


async def load_demo(settings: Settings, owner: str, progress: Progress) -> None:
    """Fills an empty database with the demo; goes on where an earlier try was interrupted."""
    from service.demo.load import load_demo

    await load_demo(settings, owner, progress)


class Command(NamedTuple):
    """What the supervisor runs beside the database: argument lists of the children, and the loader of the demo."""

    web: Sequence[str] = ("-m", "service.ops.web")
    jobs: Sequence[str] | None = ("-m", "service.cli", "worker")
    load_demo: LoadDemo = load_demo


_FORECOURT = Command()


def serve(settings: Settings, command: Command = _FORECOURT) -> int:
    """Runs in the foreground until SIGTERM or Ctrl-C, then stops everything it started and returns 0.

    Raises OperatorError when the service cannot start.
    """
    with contextlib.suppress(asyncio.CancelledError), _claimed(settings):
        asyncio.run(_Service(settings, command).run())
    return 0


@contextlib.contextmanager
def _claimed(settings: Settings) -> Iterator[None]:
    """Refuses a port in use. The workers share it among themselves, so a second service would not notice the first."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    taken = OperatorError(
        f"Port {settings.port} on {settings.host} is in use. Stop what listens there, or set FORECOURT_PORT to another."
    )
    with socket.socket(socket.AF_UNIX) as claim, socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
            claim.bind(f"\0forecourt-{settings.host}-{settings.port}")  # ends with this process, leaves no file
        except PermissionError:
            raise OperatorError(
                f"Port {settings.port} may not be opened by this user. Set FORECOURT_PORT to one above 1023."
            ) from None
        except OSError as fault:
            if fault.errno == errno.EADDRINUSE:
                raise taken from None
            raise OperatorError(f"{settings.host} cannot be listened on: {fault.strerror}") from None
        probe.close()
        yield


class _Service:
    def __init__(self, settings: Settings, command: Command) -> None:
        self._settings = settings
        self._command = command
        self._progress = Progress()
        self._server: postgres.Server | None = None
        self._stopping = False
        self._serves = False
        # The server ends with the thread that started it: this one lasts as long as the process.
        self._keeper = ThreadPoolExecutor(1, thread_name_prefix="postgres")

    async def run(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        for ending in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(ending, self._stop_once, task)
        try:
            addresses = await self._database()
            await self._decide_purpose(addresses)
            async with asyncio.TaskGroup() as group:
                for number in range(self._settings.workers):
                    group.create_task(self._keep(f"web worker {number + 1}", self._command.web, addresses))
                if self._command.jobs:
                    group.create_task(self._keep("job worker", self._command.jobs, addresses))
                group.create_task(self._announce())
                if self._server is not None:
                    group.create_task(self._watch_server())
        except ExceptionGroup as group:
            told = [fault for fault in group.exceptions if isinstance(fault, OperatorError)]
            raise (told[0] if told else group) from None
        finally:
            self._stopping = True
            await self._stop_server()

    def _stop_once(self, task: asyncio.Task[None]) -> None:
        # `make` hands a signal on that came to us as well; a second one must not interrupt the stopping.
        if not self._stopping:
            self._stopping = True
            self._progress.line("Stopping …")
            task.cancel()

    async def _database(self) -> Addresses:
        if self._settings.database_url is not None:
            return await named(self._settings, self._progress.line)
        with self._progress.step("Starting PostgreSQL"):
            await self._start_server()
        assert self._server is not None
        addresses = await prepared(self._server)
        with self._progress.step("Migrating the database"):
            await migrate_database(addresses, self._progress.line)
        return addresses

    async def _start_server(self) -> None:
        def start() -> None:
            self._server = postgres.start(self._settings.data_dir / "postgres")

        await asyncio.get_running_loop().run_in_executor(self._keeper, start)

    async def _stop_server(self) -> None:
        def stop() -> None:
            if self._server is not None:
                self._server.stop()

        # One thread, so a start that was cancelled half-way has ended before this runs.
        await asyncio.get_running_loop().run_in_executor(self._keeper, stop)
        self._keeper.shutdown()

    async def _watch_server(self) -> None:
        pause = 0.5
        while True:
            await asyncio.sleep(pause)
            if self._server is None or self._server.alive():
                pause = 0.5
                continue
            self._progress.line("PostgreSQL has ended; starting it again")
            try:
                await self._start_server()
                self._progress.line("PostgreSQL runs again")
            except OperatorError as problem:
                self._progress.line(str(problem))
                pause = min(pause * 2, _SLOWEST_RESTART)

    async def _decide_purpose(self, addresses: Addresses) -> None:
        """A database is for the demo or for real use from its first start on, for the demo's passwords are public."""
        connection = await asyncpg.connect(addresses.owner or addresses.service)
        try:
            if addresses.owner is None:
                await connection.execute("set role forecourt_reader")
            purpose, loaded = await connection.fetchrow("select purpose, demo_loaded_at from app.deployment")
            wanted = "DEMO" if self._settings.demo else "LIVE"
            if purpose is None and addresses.owner is not None:
                await connection.execute("update app.deployment set purpose = $1 where purpose is null", wanted)
                purpose = wanted
            if self._settings.demo and purpose != "DEMO":
                raise OperatorError(
                    "The demo does not go into a database that is in real use. Unset FORECOURT_DEMO, or set "
                    "FORECOURT_DATA_DIR to a new folder."
                )
            if not self._settings.demo and purpose == "DEMO":
                raise OperatorError(
                    "This database holds the demo, whose passwords everybody knows. Set FORECOURT_DEMO to 1, or set "
                    "FORECOURT_DATA_DIR to a new folder."
                )
        finally:
            await connection.close()
        if self._settings.demo and loaded is None and addresses.owner is not None:
            await self._load_demo(addresses.owner)

    async def _load_demo(self, owner: str) -> None:
        await self._command.load_demo(self._settings, owner, self._progress)
        connection = await asyncpg.connect(owner)
        try:
            await connection.execute("update app.deployment set demo_loaded_at = now()")
        finally:
            await connection.close()

    async def _keep(self, name: str, arguments: Sequence[str], addresses: Addresses) -> None:
        """Runs a child, again when it ends, until this task is cancelled; then ends it."""
        environ = {**os.environ, "FORECOURT_DATABASE_URL": addresses.service}
        environ.pop("FORECOURT_DATABASE_OWNER_URL", None)
        environ["FORECOURT_DATA_DIR"] = str(self._settings.data_dir)
        loop = asyncio.get_running_loop()
        pause, tries = 0.2, 0
        while True:
            began = loop.time()
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *arguments,
                "--parent",
                str(os.getpid()),
                env=environ,
                start_new_session=True,  # Ctrl-C is for the supervisor, which stops the children in order
            )
            try:
                code = await process.wait()
            finally:
                await asyncio.shield(_end(process))
            if code == web.CANNOT_START:
                raise OperatorError(f"The {name} cannot start; it has said why.")
            tries += 1
            if tries >= _TRIES_BEFORE_SERVING and not self._serves:
                raise OperatorError(f"The {name} ended {tries} times before anything was served; it has said why.")
            pause = 0.2 if loop.time() - began > _CALM_SECONDS else min(pause * 2, _SLOWEST_RESTART)
            self._progress.line(f"The {name} has ended with code {code}; starting it again in {pause:.1f} s")
            await asyncio.sleep(pause)

    async def _announce(self) -> None:
        with self._progress.step("Starting the workers"):
            while not await self._ready():  # noqa: ASYNC110 - other processes become ready
                await asyncio.sleep(0.1)
        self._serves = True
        self._progress.line(f"Forecourt serves at {self._settings.public_url} (Ctrl-C stops it)")

    async def _ready(self) -> bool:
        try:
            async with asyncio.timeout(5):
                reader, writer = await asyncio.open_connection(self._settings.host, self._settings.port)
                try:
                    writer.write(b"GET /health/ready HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
                    return b" 200 " in await reader.readline()
                finally:
                    writer.close()
        except (OSError, TimeoutError):
            return False


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(_CHILD_SECONDS):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
