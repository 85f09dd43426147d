"""Timelines as rows of bits: cells are set and cleared, runs of free ones found, and starts read from many of them."""

import numpy as np
from numpy.typing import NDArray

def fill(
    rows: NDArray[np.uint64],  # uint64_t[:, ::1]
    row: int,
    ranges: NDArray[np.int32],  # const int32_t[:, ::1], n x 2: from, to
    first_cell: int,
    value: bool,
) -> None: ...
def fill_rows(
    rows: NDArray[np.uint64],  # uint64_t[:, ::1]
    which: NDArray[np.uint32],  # const uint32_t[::1], the row of each range
    ranges: NDArray[np.int32],  # const int32_t[:, ::1], n x 2
    first_cell: int,
    value: bool,
) -> None: ...
def runs(free: NDArray[np.uint64], length: int) -> NDArray[np.uint64]: ...  # const uint64_t[::1]
def cells_of(bits: NDArray[np.uint64], first_cell: int) -> NDArray[np.int32]: ...  # const uint64_t[::1]

class Starts:
    bits: NDArray[np.uint64]  # uint64_t[:, ::1], a line a question
    first_cell: int
    def __init__(self, bits: NDArray[np.uint64], first_cell: int) -> None: ...
    def cells(self, line: int) -> NDArray[np.int32]: ...
    def counts(self) -> NDArray[np.int64]: ...
    def firsts(self) -> NDArray[np.int32]: ...  # -1 where there is none
    def page(
        self, limit: int, after_cell: int = ..., after_line: int = ...
    ) -> tuple[NDArray[np.int32], NDArray[np.int32]]: ...  # cells and their lines
