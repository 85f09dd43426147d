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

def add_classes(
    texts: list[str],
    codes: dict[str | None, int],
    classes: NDArray[np.int32],  # const int32_t[::1], by code
    shift: int,
    keys: NDArray[np.uint64],  # uint64_t[::1], added to
) -> list[int]: ...

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
        origins: NDArray[np.int32] | None,  # const int32_t[::1], of each question; -1 for no point
        points: NDArray[np.float64] | None,  # const double[:, ::1], 3 x origins: unit vectors
        vectors: NDArray[np.float64],  # const double[:, ::1], 3 x places
    ) -> None: ...
