"""Criteria search over one segment: conjunctions by blocks of 4,096 rows, exact counts, facets, relaxations and the best rows."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core_ext.columns import CodeColumn, IntColumn

class Program:
    counters: int
    filters: int
    bitmaps: int
    columns: int
    def __init__(
        self,
        *,
        groups: ArrayLike,  # int32 offsets into the filters
        filters: ArrayLike,  # int32 offsets into the clauses
        clauses: ArrayLike,  # int32 offsets into the atoms
        atoms: Sequence[tuple[int, int, int, int, int]],  # kind, column, low, high, table
        codes: ArrayLike,  # uint32
        tables: ArrayLike,  # uint8
        facets: Sequence[tuple[int, int, int, int]],  # column, group left out or -1, first counter, codes
        keys: Sequence[tuple[int, int, int, int, int, int]],  # kind, column, descending, guard, guard code, table
        key_tables: ArrayLike,  # int64
        relax: bool = False,
        cursor: Sequence[int] | None = None,
    ) -> None: ...

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
