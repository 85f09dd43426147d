"""What do the parts of a search for free starts cost: one centre, 20, 500, who could do it, and preparing it?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray
from pytest_benchmark.fixture import BenchmarkFixture

from bench.slots.center import CELLS, LENGTH, center, prepared, timelines
from core_ext import timeline, work


class Centers(NamedTuple):
    """Timelines of so many centres, and the same work in each."""

    free: list[NDArray[np.uint64]]
    works: list[work.Work]

    @classmethod
    def of(cls, count: int) -> Centers:
        """The first so many."""
        return cls([timelines(center(i)) for i in range(count)], [prepared() for _ in range(count)])


def _starts(asked: Centers) -> object:
    return work.starts(asked.free[0], asked.works[0], 0, CELLS)


def _many(asked: Centers) -> object:
    return work.many(asked.free, asked.works, 0, CELLS)


def _page(asked: Centers) -> object:
    return work.many(asked.free, asked.works, 0, CELLS).page(200)


def _who(asked: Centers) -> object:
    return work.who(asked.free[0], asked.works[0], int(work.starts(asked.free[0], asked.works[0], 0, CELLS)[0]))


def _runs(asked: Centers) -> object:
    return timeline.runs(asked.free[0][0], LENGTH)


def _prepare(_: Centers) -> object:
    return prepared()


CASES: dict[str, tuple[int, Callable[[Centers], Any]]] = {
    "runs of one row": (1, _runs),
    "starts of one centre": (1, _starts),
    "the first start of one centre and who could do it": (1, _who),
    "prepare hours, offers and work": (1, _prepare),
    "a page of 200 from 20 centres": (20, _page),
    "bits of 500 centres": (500, _many),
}


@pytest.mark.benchmark(max_time=0.5)
@pytest.mark.parametrize("name", CASES)
def bench_slots(benchmark: BenchmarkFixture, name: str) -> None:
    count, ask = CASES[name]
    asked = Centers.of(count)
    benchmark(lambda: ask(asked))
