"""Words of numbers, sorted and front-coded: which rows have a word that begins so."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Arrays: TypeAlias = tuple[
    NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint32], NDArray[np.uint64], NDArray[np.int64], NDArray[np.int64]
]

class Collector:
    def add_texts(
        self,
        blob: NDArray[np.uint8],  # const uint8_t[::1]
        starts: NDArray[np.int64],  # const int64_t[::1], n + 1
        rows: NDArray[np.uint32],  # const uint32_t[::1], n
    ) -> NDArray[np.int64]: ...
    def add_words(self, blob: NDArray[np.uint8], starts: NDArray[np.int64], rows: NDArray[np.uint32]) -> None: ...
    def add_index(
        self,
        rows: NDArray[np.uint8],  # const uint8_t[:, ::1], entries x 1 to 4
        text: NDArray[np.uint8],  # const uint8_t[::1]
        blocks: NDArray[np.uint32],  # const uint32_t[::1]
        heads: NDArray[np.uint64],  # const uint64_t[::1]
        entry_ends: NDArray[np.int64],  # const int64_t[::1], as many as heads
        block_ends: NDArray[np.int64],  # const int64_t[::1], as many as heads
        places: NDArray[np.int64],  # const int64_t[::1]
    ) -> None: ...
    def index(self, rows: int) -> Arrays: ...

def mark(
    rows: NDArray[np.uint8],
    text: NDArray[np.uint8],
    blocks: NDArray[np.uint32],
    heads: NDArray[np.uint64],
    entry_ends: NDArray[np.int64],
    block_ends: NDArray[np.int64],
    prefix: bytes,
    bits: NDArray[np.uint64],  # uint64_t[::1]
) -> None: ...
