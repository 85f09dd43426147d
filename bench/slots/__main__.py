"""`forecourt bench slots`: the free starts of one, 20 and 500 centres beside plain ways, and searches of 5,000."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from statistics import median

from bench.slots import network, peers
from bench.slots.center import BAYS, CELLS, DAYS, TECHNICIANS, center, prepared, timelines
from core_ext import level, work
from service.settings import OperatorError

ROUNDS = 30
AT_ONCE = 200
"""Ours is too fast for one call to be timed by itself."""
CENTERS = (20, 500)
NETWORK = (5_000, 500)
"""Centres of the whole search, and how many of them have reservations."""
RESOURCE_DAYS = (TECHNICIANS + BAYS) * DAYS
MOST_NANOSECONDS, MOST_MILLISECONDS = 10, 5
LEAST = {"plain Python sweep and sets": 200, "PostgreSQL multiranges": 1_000}


def main(words: Sequence[str] | None = None) -> int:
    """Measures and prints the table; OperatorError for options, and where a peer answers otherwise."""
    if words:
        raise OperatorError("bench slots takes no options.")
    one, asked = center(0), prepared()
    free = timelines(one)
    with peers.multiranges(one) as multiranges:
        others: dict[str, Callable[[], list[int]]] = {
            "plain Python sweep and sets": peers.sweep(one),
            "numpy running sums": peers.sums(one),
            "Python big integers": peers.big_integers(one),
            "PostgreSQL multiranges": multiranges,
        }
        starts = work.starts(free, asked, 0, CELLS).tolist()
        if different := [name for name, ask in others.items() if ask() != starts]:
            raise OperatorError(f"Other starts than ours: {', '.join(different)}.")
        taken: dict[str, list[float]] = {name: [] for name in others}
        ours, listed = [], []
        for _ in range(ROUNDS):  # peers take turns, so that what else the machine does falls on all of them
            ours.append(_seconds(lambda: work.starts(free, asked, 0, CELLS), AT_ONCE))
            listed.append(_seconds(lambda: work.starts(free, asked, 0, CELLS).tolist(), AT_ONCE))
            for name, ask in others.items():
                taken[name].append(_seconds(ask))
    typical = median(ours)
    print(f"{len(starts)} starts; {level.in_use()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.2f}")
    print(f"{'one centre, 25 technicians + 14 bays, 30 days':<46} {'median':>12} {'ratio':>9}")
    print(f"{'ours':<46} {typical * 1e6:9.1f} µs {1:9.0f}")
    print(f"{'ours, as a list of integers':<46} {median(listed) * 1e6:9.1f} µs {median(listed) / typical:9.1f}")
    for name, times in taken.items():
        ratio = median(times) / typical
        print(f"{name:<46} {median(times) * 1e6:9.1f} µs {ratio:9.0f}{_told(ratio >= LEAST.get(name, 0), name)}")
    nanoseconds = typical * 1e9 / RESOURCE_DAYS
    reached = "reached" if nanoseconds <= MOST_NANOSECONDS else "missed"
    print(f"{'a resource-day':<46} {nanoseconds:9.2f} ns  at most {MOST_NANOSECONDS}: {reached}")
    for count in CENTERS:
        frees, works = [timelines(center(i)) for i in range(count)], [prepared() for _ in range(count)]
        times = [_seconds(lambda f=frees, w=works: work.many(f, w, 0, CELLS)) for _ in range(ROUNDS)]  # type: ignore[misc]
        goal = ""
        if count == CENTERS[-1]:
            goal = (
                f"  at most {MOST_MILLISECONDS}: {'reached' if median(times) * 1e3 <= MOST_MILLISECONDS else 'missed'}"
            )
        told = f"{count} centres in one call, bits of all starts"
        print(f"{told:<46} {median(times) * 1e3:9.3f} ms  slowest {max(times) * 1e3:.3f}{goal}")
    print("\n".join(network.table(network.measured(*NETWORK))))
    return 0


def _told(reached: bool, name: str) -> str:
    return f"  at least {LEAST[name]}: {'reached' if reached else 'missed'}" if name in LEAST else ""


def _seconds(ask: Callable[[], object], times: int = 1) -> float:
    began = time.perf_counter()
    for _ in range(times):
        ask()
    return (time.perf_counter() - began) / times


if __name__ == "__main__":
    try:
        sys.exit(main())
    except OperatorError as problem:
        sys.exit(f"bench.slots: {problem}")
