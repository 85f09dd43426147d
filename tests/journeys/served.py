"""The service as `forecourt serve` runs it: started, watched, killed in parts and stopped by tests."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import httpx

from service.demo.users import CLIENT, DOMAIN, PASSWORD
from tests.conftest import ROOT
from tests.service.ops.processes import children, ended

READY_SECONDS = 90.0


T = TypeVar("T")


def until(found: Callable[[], T | None]) -> T:
    """What other processes bring about, when it is there."""
    deadline = time.monotonic() + 30
    while (value := found()) is None:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return value


class Served:
    """A demo of few cars in a folder of its own, on a port of its own."""

    def __init__(self, folder: Path, vehicles: int = 2_000):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.folder = folder
        self.address = f"http://127.0.0.1:{self.port}"
        environ = {name: value for name, value in os.environ.items() if not name.startswith("FORECOURT_")}
        self.environ = {
            **environ,
            "FORECOURT_DEMO": "1",
            "FORECOURT_DEMO_VEHICLES": str(vehicles),
            "FORECOURT_PORT": str(self.port),
            "FORECOURT_DATA_DIR": str(folder / "var"),
            "FORECOURT_WORKERS": "2",
            "FORECOURT_LOG_LEVEL": "WARNING",
        }
        self.lines = folder / "lines"
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def owner(self) -> str:
        """The address of the database for the role that owns the tables."""
        sockets = quote(str(self.folder / "var/postgres.socket"), safe="")
        return f"postgresql://forecourt_migrator@/forecourt?host={sockets}"

    def start(self) -> None:
        """Start it without waiting."""
        assert self.process is None or self.process.poll() is not None
        with self.lines.open("ab") as lines:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "service.cli", "serve"], cwd=ROOT, env=self.environ, stdout=lines, stderr=lines
            )

    def until_ready(self) -> float:
        """Seconds until it is ready."""
        assert self.process is not None
        began = time.monotonic()
        while time.monotonic() - began < READY_SECONDS:
            if self.is_ready():
                return time.monotonic() - began
            assert self.process.poll() is None, self.said()
            time.sleep(0.05)
        raise AssertionError(self.said())

    def is_ready(self) -> bool:
        """Whether it says so."""
        try:
            return httpx.get(f"{self.address}/health/ready", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False

    def said(self) -> str:
        """What it has written."""
        return self.lines.read_text()

    def pids(self, word: str) -> list[int]:
        """Processes below the supervisor whose command line holds the word."""
        assert self.process is not None
        found = []
        for pid in children(self.process.pid):
            try:
                if word.encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
                    found.append(pid)
            except OSError:
                continue
        return found

    def kill(self, part: str) -> None:
        """Kill -9 a web worker, the job worker, the database server or the supervisor, whose children end with it."""
        assert self.process is not None
        if part == "supervisor":
            below = children(self.process.pid)
            self.process.kill()
            self.process.wait()
            assert all(ended(pid) for pid in below)
            return
        word = {"web worker": "service.ops.web", "job worker": "service.cli\0worker", "database": "bin/postgres"}[part]
        pids = self.pids(word)
        if pids:  # none while it is being started again
            os.kill(min(pids), signal.SIGKILL)

    def stop(self) -> int:
        """End it as Ctrl-C and service managers do; its exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)

    def call(self, method: str, path: str, token: str | None = None, **more: Any) -> httpx.Response:
        """One request under /api/v1."""
        headers = {**({"authorization": f"Bearer {token}"} if token else {}), **more.pop("headers", {})}
        return httpx.request(method, f"{self.address}/api/v1{path}", headers=headers, timeout=30, **more)

    def search(self, token: str | None, criteria: dict[str, Any], after: str | None = None) -> list[dict[str, Any]]:
        """The vehicles, at most 200, after the change."""
        headers = {"x-after-change": after} if after else {}
        body = {"criteria": {"status": [], **criteria}, "limit": 200}
        answer = self.call("POST", "/vehicles/search", token, json=body, headers=headers)
        assert answer.status_code == 200, answer.text
        items: list[dict[str, Any]] = answer.json()["items"]
        return items

    def mail(self, to: str) -> str:
        """The text of the first mail to an address, which the worker sends soon."""

        def written() -> str | None:
            for path in (self.folder / "var" / "outbox").rglob("*.eml"):
                mail = message_from_bytes(path.read_bytes(), policy=policy.default)
                if mail["to"] == to:
                    part = mail.get_body(("plain",))
                    assert part is not None
                    return str(part.get_content())
            return None

        return until(written)

    def client(self, token: str | None = None, **more: float) -> httpx.AsyncClient:
        """A client that shows the token."""
        headers = {"authorization": f"Bearer {token}"} if token else {}
        return httpx.AsyncClient(base_url=self.address, headers=headers, timeout=more.get("timeout", 20.0))

    def token(self, login: str) -> str:
        """An access token of a user of the demo, or of its system client."""
        form = {"grant_type": "password", "username": f"{login}@{DOMAIN}", "password": PASSWORD}
        if login == CLIENT.client_id:
            form = {"grant_type": "client_credentials", "client_id": login, "client_secret": PASSWORD}
        answer = httpx.post(f"{self.address}/api/v1/oauth/token", data=form)
        assert answer.status_code == 200, answer.text
        token: str = answer.json()["access_token"]
        return token
