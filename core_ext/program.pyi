"""A compiled query as flat arrays, checked once, so that scans need not check anything a row."""

from collections.abc import Sequence

from numpy.typing import ArrayLike

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
