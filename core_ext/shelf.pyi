"""A segment of the stock as searches read it: its columns, and the rows of it that are alive."""

import numpy as np
from numpy.typing import NDArray

from core_ext.columns import CodeColumn, IntColumn

class Shelf:
    rows: int
    codes: tuple[CodeColumn | None, ...]
    ints: tuple[IntColumn, ...]
    bitmaps: tuple[NDArray[np.uint64], ...]
    ids: NDArray[np.uint8]
    def __init__(
        self,
        codes: tuple[CodeColumn | None, ...],
        ints: tuple[IntColumn, ...],
        bitmaps: tuple[NDArray[np.uint64], ...],  # const uint64_t[::1], 64 words a block
        ids: NDArray[np.uint8],  # const uint8_t[:, ::1], rows x 16
    ) -> None: ...
