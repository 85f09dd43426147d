"""One command starts everything and stops everything, whatever of it is killed."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.service.ops.processes import children, ended


class Service:
    """A supervisor in a process of its own, whose lines are read as they come."""

    def __init__(self, folder: Path, app: str = "create_app", **more: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(more.pop("port", probe.getsockname()[1]))
        environ = {name: value for name, value in os.environ.items() if not name.startswith("FORECOURT_")}
        environ |= {"FORECOURT_PORT": str(self.port), "FORECOURT_DATA_DIR": str(folder), "FORECOURT_WORKERS": "2"}
        environ |= {"FORECOURT_DEMO": "1", **more}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.service.ops.tiny", app],
            cwd=ROOT,
            env=environ,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.lines: list[str] = []

    def until(self, text: str, seconds: float = 60.0) -> str:
        """Reads lines until one holds the text."""
        assert self.process.stderr is not None
        watch = threading.Timer(seconds, self.process.kill)
        watch.start()
        try:
            for line in self.process.stderr:
                self.lines.append(line.rstrip())
                if text in line:
                    return line
        finally:
            watch.cancel()
        raise AssertionError(f"{text!r} was never said: {self.lines}")

    def get(self, path: str) -> str:
        """The answer to a GET, asked again while no worker listens."""
        deadline = time.monotonic() + 20
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=20) as answer:
                    return str(answer.read().decode())
            except (urllib.error.URLError, ConnectionError):
                if time.monotonic() > deadline:
                    raise

    def pids(self, word: str) -> list[int]:
        """Processes below the supervisor whose command line holds the word."""
        found = []
        for pid in children(self.process.pid):
            try:
                if word.encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
                    found.append(pid)
            except OSError:
                continue
        return found

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        _, rest = self.process.communicate(timeout=20)
        self.lines += rest.splitlines()
        return self.process.returncode


@pytest.fixture
def folder(short_folder: Path) -> Path:
    return short_folder / "a folder"


@pytest.fixture
def service(folder: Path) -> Iterator[Service]:
    service = Service(folder)
    service.until("Forecourt serves at")
    yield service
    if service.process.poll() is None:
        service.process.kill()
    service.process.communicate()


def test_it_serves_as_the_unprivileged_role_and_stops_without_a_trace(service: Service) -> None:
    assert service.get("/database") == "forecourt_service"
    everything = children(service.process.pid)
    assert len(service.pids("service.ops.web")) == 2
    assert service.stop() == 0
    assert all(ended(pid, 0.5) for pid in everything)


def test_the_demo_is_loaded_once(service: Service, folder: Path) -> None:
    assert any("Loading the demo: done" in line for line in service.lines)
    service.stop()
    again = Service(folder)
    again.until("Forecourt serves at")
    assert not any("demo" in line for line in again.lines)
    assert again.stop() == 0


def test_a_stream_without_end_does_not_hold_up_the_stop(service: Service) -> None:
    with socket.create_connection(("127.0.0.1", service.port)) as client:
        client.sendall(b"GET /endless HTTP/1.1\r\nhost: x\r\n\r\n")
        assert client.recv(100)
        assert service.stop() == 0


def test_two_signals_stop_it_as_cleanly_as_one(service: Service) -> None:
    everything = children(service.process.pid)
    service.process.send_signal(signal.SIGINT)
    assert service.stop() == 0
    assert all(ended(pid, 0.5) for pid in everything)


def test_a_killed_worker_is_started_again(service: Service) -> None:
    victim = service.pids("service.ops.web")[0]
    os.kill(victim, signal.SIGKILL)
    service.until("has ended with code -9; starting it again")
    assert service.get("/database") == "forecourt_service"
    assert service.stop() == 0


def test_a_killed_database_is_started_again(service: Service) -> None:
    (postmaster,) = [pid for pid in service.pids("bin/postgres") if pid in direct_children(service.process.pid)]
    os.kill(postmaster, signal.SIGKILL)
    service.until("PostgreSQL has ended; starting it again")
    service.until("PostgreSQL runs again")
    assert service.get("/database") == "forecourt_service"
    assert service.stop() == 0


def test_killing_the_supervisor_ends_everything_and_the_next_start_takes_up(service: Service, folder: Path) -> None:
    everything = children(service.process.pid)
    service.process.kill()
    service.process.wait()
    assert all(ended(pid) for pid in everything)
    again = Service(folder, port=str(service.port))
    again.until("Forecourt serves at")
    assert again.get("/database") == "forecourt_service"
    assert again.stop() == 0


def test_killing_everything_at_once_leaves_nothing_that_cannot_be_taken_up(service: Service, folder: Path) -> None:
    for pid in [*children(service.process.pid), service.process.pid]:
        with contextlib.suppress(ProcessLookupError):  # a backend of PostgreSQL may have ended by itself
            os.kill(pid, signal.SIGKILL)
    service.process.wait()
    again = Service(folder, port=str(service.port))
    again.until("Forecourt serves at")
    assert again.stop() == 0


def test_a_port_in_use_is_refused_with_a_sentence(service: Service, folder: Path) -> None:
    second = Service(folder, port=str(service.port))
    assert "FORECOURT_PORT" in second.until("is in use")
    assert second.process.wait(20) == 1
    assert service.stop() == 0


def test_two_supervisors_share_one_database(service: Service, folder: Path) -> None:
    second = Service(folder)
    second.until("Forecourt serves at")
    assert service.stop() == 0
    second.until("PostgreSQL runs again")
    assert second.get("/database") == "forecourt_service"
    assert second.stop() == 0


def test_an_application_that_cannot_start_stops_the_start(folder: Path) -> None:
    service = Service(folder, "create_broken")
    service.until("This application cannot start.")
    service.until("cannot start; it has said why")
    assert service.process.wait(20) == 1


def test_an_application_that_crashes_before_it_serves_is_given_up(folder: Path) -> None:
    service = Service(folder, "create_crashing")
    service.until("ended 3 times before anything was served")
    assert service.process.wait(20) == 1


def test_a_demo_is_never_served_as_the_real_thing_nor_the_reverse(service: Service, folder: Path) -> None:
    service.stop()
    real = Service(folder, FORECOURT_DEMO="0", FORECOURT_SECRET_KEY="x" * 48)
    real.until("whose passwords everybody knows")
    assert real.process.wait(20) == 1


def test_an_end_during_the_start_is_clean_too(folder: Path) -> None:
    service = Service(folder)
    service.until("Starting PostgreSQL")
    assert service.stop() == 0


def direct_children(pid: int) -> set[int]:
    return {child for child in children(pid) if pid == parent_of(child)}


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
