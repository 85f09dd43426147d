"""Figures for Prometheus, counted in each process and added up over all processes of a node when they are asked for.

A request costs its process two additions. Once a second each process writes its figures into a file of its own beside
the others'; whichever worker is asked adds them up. Files of processes that have ended keep counting until the service
is started anew, so that counters never run backwards while it lives.
"""

from __future__ import annotations

import asyncio
import bisect
import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from domain.kit.ids import new_id

MEDIA_TYPE = "text/plain; version=0.0.4"
BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_HELP = {
    "forecourt_requests_total": ("counter", "Requests answered, by route and status"),
    "forecourt_request_seconds": ("histogram", "Time from a request's arrival to the end of its answer"),
    "forecourt_event_loop_lag_seconds": ("gauge", "Longest delay of an event loop in the last seconds"),
    "forecourt_pool_connections": ("gauge", "Database connections by class and state"),
    "forecourt_processes": ("gauge", "Processes that the other figures come from"),
    "forecourt_jobs": ("gauge", "Jobs by status"),
}
_WORST = frozenset({"forecourt_event_loop_lag_seconds"})
_PUBLISH_SECONDS = 1.0
_LAG_SECONDS = 0.1
_LAG_WINDOW = 50
Labels = tuple[tuple[str, str], ...]


class Counted(msgspec.Struct):
    """The figures of one process as its file has them: rows of (method, route, status, count), and so on."""

    requests: list[tuple[str, str, int, int]]
    times: list[tuple[str, str, float, list[int]]]
    gauges: list[tuple[str, list[tuple[str, str]], float]]


class Metrics:
    """The figures of this process; `folder` is where it meets the others of the node."""

    def __init__(self, folder: Path):
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._family = f"{os.getppid()}-"
        self._file = folder / f"{self._family}{os.getpid()}-{new_id()}.json"
        self._requests: dict[tuple[str, str, int], int] = {}
        self._times: dict[tuple[str, str], tuple[list[float], list[int]]] = {}
        self._gauges: dict[tuple[str, Labels], float] = {}
        self._lags: list[float] = []
        self._forget_older()

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request."""
        key = (method, route, status)
        self._requests[key] = self._requests.get(key, 0) + 1
        found = self._times.get((method, route))
        if found is None:
            found = self._times[method, route] = ([0.0], [0] * (len(BOUNDS) + 1))
        found[0][0] += seconds
        found[1][bisect.bisect_left(BOUNDS, seconds)] += 1

    def gauge(self, name: str, value: float, **labels: str) -> None:
        """Set a figure that goes up and down."""
        self._gauges[name, tuple(sorted(labels.items()))] = value

    async def watch(self) -> None:
        """Measure the event loop and publish this process's figures, until cancelled."""
        loop = asyncio.get_running_loop()
        published = loop.time()
        while True:
            due = loop.time() + _LAG_SECONDS
            await asyncio.sleep(_LAG_SECONDS)
            self._lags = [*self._lags[-_LAG_WINDOW:], max(0.0, loop.time() - due)]
            if loop.time() - published >= _PUBLISH_SECONDS:
                published = loop.time()
                self.publish()

    def publish(self) -> None:
        """Write this process's figures for the others."""
        fresh = self._file.with_suffix(".new")
        with contextlib.suppress(OSError):  # a full disk must not stop requests
            fresh.write_bytes(msgspec.json.encode(self._counted()))
            fresh.replace(self._file)

    def close(self) -> None:
        """Leave the final figures."""
        self._gauges.clear()
        self._lags.clear()
        self.publish()

    def text(self, jobs: dict[str, int]) -> bytes:
        """All processes' figures, and the jobs by status, in Prometheus's text format."""
        everybody = self._everybody()
        everybody.append(Counted([], [], [("forecourt_jobs", [("status", name)], n) for name, n in jobs.items()]))
        return "".join(_lines(everybody)).encode()

    def _counted(self) -> Counted:
        self.gauge("forecourt_event_loop_lag_seconds", max(self._lags, default=0.0))
        self.gauge("forecourt_processes", 1)
        return Counted(
            [(*key, count) for key, count in self._requests.items()],
            [(*key, sums[0], list(counts)) for key, (sums, counts) in self._times.items()],
            [(name, list(labels), value) for (name, labels), value in self._gauges.items()],
        )

    def _everybody(self) -> list[Counted]:
        found = [self._counted()]
        for path in self._folder.glob(f"{self._family}*.json"):
            if path == self._file:
                continue
            try:
                other = msgspec.json.decode(path.read_bytes(), type=Counted)
            except (OSError, msgspec.MsgspecError):
                continue
            if not _lives(path):
                other.gauges = []
            found.append(other)
        return found

    def _forget_older(self) -> None:
        """Remove what ended services left behind."""
        for path in self._folder.glob("*.json"):
            if not path.name.startswith(self._family) and not _lives(path):
                path.unlink(missing_ok=True)


def _lives(path: Path) -> bool:
    try:
        os.kill(int(path.name.split("-")[1]), 0)
    except (ProcessLookupError, ValueError, IndexError):
        return False
    except PermissionError:
        return True
    return True


def _lines(everybody: list[Counted]) -> Iterator[str]:
    requests: dict[Labels, float] = {}
    times: dict[Labels, tuple[float, list[int]]] = {}
    gauges: dict[str, dict[Labels, float]] = {}
    for one in everybody:
        for method, route, status, count in one.requests:
            key: Labels = (("method", method), ("route", route), ("status", str(status)))
            requests[key] = requests.get(key, 0) + count
        for method, route, total, counts in one.times:
            labels: Labels = (("method", method), ("route", route))
            before = times.get(labels, (0.0, [0] * len(counts)))
            times[labels] = (before[0] + total, [a + b for a, b in zip(before[1], counts, strict=True)])
        for name, pairs, value in one.gauges:
            known = gauges.setdefault(name, {})
            place: Labels = tuple(pairs)
            known[place] = max(known.get(place, 0.0), value) if name in _WORST else known.get(place, 0.0) + value
    yield from _metric("forecourt_requests_total", requests)
    yield from _head("forecourt_request_seconds")
    for labels, (total, counts) in sorted(times.items()):
        running = 0
        for bound, count in zip((*BOUNDS, float("inf")), counts, strict=True):
            running += count
            told = "+Inf" if bound == float("inf") else repr(bound)
            yield _line("forecourt_request_seconds_bucket", (*labels, ("le", told)), running)
        yield _line("forecourt_request_seconds_sum", labels, total)
        yield _line("forecourt_request_seconds_count", labels, running)
    for name in sorted(gauges):
        yield from _metric(name, gauges[name])


def _metric(name: str, values: dict[Labels, float]) -> Iterator[str]:
    yield from _head(name)
    for labels, value in sorted(values.items()):
        yield _line(name, labels, value)


def _head(name: str) -> Iterator[str]:
    kind, told = _HELP[name]
    yield f"# HELP {name} {told}\n# TYPE {name} {kind}\n"


def _line(name: str, labels: Labels, value: float) -> str:
    told = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels)
    number = int(value) if float(value).is_integer() else value
    return f"{name}{{{told}}} {number}\n" if told else f"{name} {number}\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
