"""What does each loop over a block of 4,096 rows cost at each level of the processor?

A call runs the loop 1,000 times on one block, which so stays in the nearest cache: microseconds a call are nanoseconds
a block. Half of the rows are set; codes and values are random, as after sorting by something else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pytest_benchmark.fixture import BenchmarkFixture

from core_ext import level, loops

TIMES, ROWS = 1_000, 4_096
RNG = np.random.default_rng(20_261_120)


def again(block: NDArray[Any]) -> NDArray[Any]:
    """The same block a thousand times; it may be written to."""
    return np.lib.stride_tricks.as_strided(block, (TIMES, *block.shape), (0, *block.strides))


def mask(share: float = 0.5) -> NDArray[Any]:
    return again(np.packbits(RNG.random(ROWS) < share, bitorder="little").view("<u8"))


def values(kind: str, size: int) -> NDArray[Any]:
    return again(RNG.integers(0, size, ROWS, dtype=kind))


def some(count: int) -> NDArray[Any]:
    return again(np.sort(RNG.choice(ROWS, count, replace=False)).astype(np.uint16))


def cases() -> Iterator[tuple[str, Callable[[], object]]]:
    """Names and calls of all loops."""
    a, b, c, out = mask(), mask(), mask(), mask(0)
    yield "count", partial(loops.count, a)
    yield "count_both", partial(loops.count_both, a, b)
    yield "count_less", partial(loops.count_less, a, b)
    yield "any", partial(loops.blocks_with_any, a)
    yield "and_into", partial(loops.and_into, a, mask())
    yield "and_not_into", partial(loops.and_not_into, a, mask())
    yield "or_into", partial(loops.or_into, a, out)
    yield "and_of", partial(loops.and_of, a, b, out)
    yield "fail", partial(loops.fail, a, b, mask(), mask())
    yield "but_one", partial(loops.but_one, a, b, c, out)
    for kind in ("uint8", "uint16", "int32", "int64"):
        yield f"range {kind}", partial(loops.in_range, values(kind, 200), 50, 150, out)
    for kind in ("uint8", "uint16", "uint32"):
        yield f"equal {kind}", partial(loops.equal, values(kind, 200), 50, out)
    for kind, size in (("uint8", 256), ("uint16", 3_000), ("uint32", 100_000)):
        table = RNG.integers(0, 2, size, dtype=np.uint8)
        yield f"table {kind}", partial(loops.in_table, values(kind, size), table, out)
    for words in (8, 64):
        members = RNG.integers(0, 1 << 63, words, dtype=np.uint64)
        yield f"bits of {words * 64}", partial(loops.in_set, values("uint16", words * 64), members, out)
    for bits in (1, 2, 3, 4, 5):
        planes = again(RNG.integers(0, 1 << 63, (bits, 64), dtype=np.uint64))
        yield f"count {1 << bits} codes", partial(loops.count_planes, planes, a, np.zeros(1 << bits, np.int64))
    yield "planes of 16 codes", partial(loops.planes_of, values("uint8", 16), again(np.zeros((4, 64), np.uint64)))
    for count in (16, 256):
        yield f"set {count} rows", partial(loops.set_rows, some(count), out)
        yield f"count {count} rows", partial(loops.count_rows, some(count), a)
    for share in (0.005, 0.5):
        yield f"extract {share:.1%}", partial(loops.extract, mask(share), again(np.zeros(ROWS, np.uint16)))


CASES = dict(cases())


@pytest.mark.benchmark(max_time=0.05)
@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("chosen", level.LEVELS)
def bench_loop(benchmark: BenchmarkFixture, name: str, chosen: str) -> None:
    before = level.in_use()
    level.use(chosen)
    benchmark.group = name
    benchmark(CASES[name])
    level.use(before)
