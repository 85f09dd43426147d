"""CPU time on one core, first runs of different queries, every timed answer held against the oracle's."""

from __future__ import annotations

import gc
import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.search.searcher import Searcher, differences
from bench.search.shapes import Answer, Query
from service.settings import OperatorError

Times = dict[str, list[float]]
"""Milliseconds of each query by shape."""


class Wrong(OperatorError):
    """A peer's answer is not the oracle's: its times say nothing."""


def pin() -> int:
    """Keeps this process and those it starts on one core; which."""
    core = max(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})
    return core


def time_searches(peer: Searcher, warm: Sequence[Query], queries: Sequence[Query], expected: Sequence[Answer]) -> Times:
    """Runs other queries of the same shapes to warm up, then each query once; Wrong if an answer is.

    The answers that were timed are compared afterwards, so that neither the oracle nor a first run of the same query
    has filled a cache that the timed run profits from.
    """
    for query in warm:
        peer.search(peer.prepare(query))
    prepared = [peer.prepare(query) for query in queries]
    spent, answers = [], []
    overhead = overhead_ns(peer)
    search, cpu = peer.search, peer.cpu
    gc.collect()
    gc.disable()
    try:
        for one in prepared:
            started = cpu()
            found = search(one)
            spent.append(cpu() - started)
            answers.append(found)
    finally:
        gc.enable()
    times: Times = {}
    for query, nanoseconds, raw, right in zip(queries, spent, answers, expected, strict=True):
        if wrong := differences(query, right, peer.answer(query, raw)):
            raise Wrong(f"{peer.name} answers {query} wrongly: {'; '.join(wrong)}")
        times.setdefault(query.shape, []).append(max(nanoseconds - overhead, 0) / 1e6)
    return times


def overhead_ns(peer: Searcher) -> float:
    """What reading the peer's clock twice takes by itself."""
    readings = [-peer.cpu() + peer.cpu() for _ in range(1_000)]
    return float(np.median(readings))


def machine(core: int) -> dict[str, Any]:
    """Where and under what load the figures were measured."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.machine(),
    )
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "core": core,
        "python": platform.python_version(),
        "system": platform.release(),
    }


def load() -> list[float]:
    """Mean number of running processes over the last 1, 5 and 15 minutes."""
    return [round(value, 2) for value in os.getloadavg()]
