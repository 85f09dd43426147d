"""Counts and the nearest row in runs of rows with one sort key: many small questions at once."""

import numpy as np
from numpy.typing import NDArray

from core_ext.columns import CodeColumn

class Runs:
    keys: NDArray[np.uint64]  # of each run, ascending
    starts: NDArray[np.uint32]  # first row of each run, then the number of rows
    def __init__(self, keys: NDArray[np.uint64], starts: NDArray[np.uint32]) -> None: ...
    @staticmethod
    def of(row_keys: NDArray[np.uint64]) -> Runs: ...  # const uint64_t[::1], ascending
    @property
    def nbytes(self) -> int: ...

class Answers:
    counts: NDArray[np.int64]
    squares: NDArray[np.float64]  # squared chord to the nearest row; infinity for none
    shelves: NDArray[np.int32]  # of the nearest row; -1 for none
    rows: NDArray[np.uint32]
    def __init__(self, questions: int) -> None: ...
    def ids(self) -> list[str | None]: ...
    def ask(
        self,
        shelf: int,
        runs: Runs,
        wanted: NDArray[np.uint64],  # const uint64_t[::1], 64 words a block: rows that count
        places: CodeColumn | None,
        ids: NDArray[np.uint8],  # const uint8_t[:, ::1], rows x 16
        low: NDArray[np.uint64],  # const uint64_t[::1], of each question
        high: NDArray[np.uint64],
        points: NDArray[np.float64] | None,  # const double[:, ::1], questions x 3: unit vectors; NaN for no point
        vectors: NDArray[np.float64],  # const double[:, ::1], places x 4
    ) -> None: ...
