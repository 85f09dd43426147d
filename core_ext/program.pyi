"""A compiled query as flat arrays, checked once, so that scans need not check anything a row."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

class Program:
    counters: int
    filters: int
    bitmaps: int
    columns: int
    def __init__(
        self,
        *,
        groups: Sequence[int],  # int32 offsets into the filters
        filters: Sequence[int],  # int32 offsets into the clauses
        clauses: Sequence[int],  # int32 offsets into the atoms
        atoms: Sequence[tuple[int, int, int, int, int, int]],  # kind, column, low, high, table, size
        codes: Sequence[int],  # uint32
        tables: NDArray[np.uint8],
        facets: Sequence[tuple[int, int, int, int]],  # column, group left out or -1, first counter, codes
        keys: Sequence[tuple[int, int, int, int, int, int, int]],  # kind, column, descending, guard, code, table, size
        key_tables: NDArray[np.int64],
        relax: bool = False,
        cursor: Sequence[int] | None = None,
    ) -> None: ...
