"""Criteria search over one segment by blocks of 4,096 rows: exact counts, facets, relaxations and the best rows."""

import numpy as np
from numpy.typing import NDArray

from core_ext.columns import CodeColumn, IntColumn
from core_ext.program import Program

def scan(
    program: Program,
    rows: int,
    codes: tuple[CodeColumn | None, ...],
    ints: tuple[IntColumn, ...],
    bitmaps: tuple[NDArray[np.uint64], ...],  # const uint64_t[::1]
    rank: NDArray[np.uint32],  # const uint32_t[::1], rows
    after: int,
    counters: NDArray[np.int64],  # int64_t[::1], added to
    relaxed: NDArray[np.int64],  # int64_t[::1], filters, added to
    top_keys: NDArray[np.int64],  # int64_t[:, ::1], limit x keys
    top_rows: NDArray[np.uint32],  # uint32_t[::1], limit
) -> tuple[int, int]: ...
