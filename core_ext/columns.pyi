"""Immutable columns of a stock segment: codes with bitmaps or row lists a block, numbers with block bounds."""

import numpy as np
from numpy.typing import NDArray

ABSENT: int
BLOCK_ROWS: int

class CodeColumn:
    rows: int
    codes: NDArray[np.uint16] | NDArray[np.uint32]
    starts: NDArray[np.uint32] | None
    def __init__(
        self,
        codes: NDArray[np.uint32],  # const uint32_t[::1]
        size: int,
        starts: NDArray[np.uint32] | None = None,  # const uint32_t[::1], rows + 1
    ) -> None: ...
    @property
    def nbytes(self) -> int: ...

class IntColumn:
    rows: int
    values: NDArray[np.int32] | NDArray[np.int64]
    def __init__(self, values: NDArray[np.int64]) -> None: ...  # const int64_t[::1]
    def wide(self) -> NDArray[np.int64]: ...
    @property
    def nbytes(self) -> int: ...

def gather_lists(
    starts: NDArray[np.uint32],  # const uint32_t[::1], rows + 1
    codes: NDArray[np.uint32],  # const uint32_t[::1]
    order: NDArray[np.uint32],  # const uint32_t[::1]
) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]: ...
