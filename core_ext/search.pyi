"""Criteria search over segments by blocks of 4,096 rows: exact counts, facets, relaxations and the best rows."""

import numpy as np
from numpy.typing import NDArray

from core_ext.gate import Gate
from core_ext.program import Program
from core_ext.shelf import Shelf

class Found:
    total: int
    counters: NDArray[np.int64]  # program.counters
    relaxed: list[int]  # program.filters
    keys: list[tuple[int, ...]]  # of each hit, in the order of the page
    ids: list[str]
    shelves: list[int]
    rows: list[int]

def search(
    program: Program,
    shelves: tuple[Shelf, ...],
    extra: tuple[tuple[NDArray[np.uint64], ...], ...] = (),  # const uint64_t[::1] each, for each shelf
    gate: Gate | None = None,
    serial: int = 0,
    counted: dict[bytes, tuple[NDArray[np.int64], list[int]]] | None = None,
) -> Found | None: ...
def matching(
    program: Program, shelf: Shelf, gate: Gate | None = None, serial: int = 0
) -> NDArray[np.uint64] | None: ...
