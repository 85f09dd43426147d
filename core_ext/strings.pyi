"""Many byte strings in one arena: order, look-up by bisection, prefixes, copies; no Python object a string."""

import numpy as np
from numpy.typing import NDArray

# In all: blob const uint8_t[::1], starts const int64_t[::1] of n + 1, order const uint32_t[::1] as `sort` gives it.

def sort(blob: NDArray[np.uint8], starts: NDArray[np.int64]) -> NDArray[np.uint32]: ...
def find(blob: NDArray[np.uint8], starts: NDArray[np.int64], order: NDArray[np.uint32], key: bytes) -> int: ...
def find_each(
    blob: NDArray[np.uint8],
    starts: NDArray[np.int64],
    order: NDArray[np.uint32],
    keys: NDArray[np.uint8],  # const uint8_t[::1]
    key_starts: NDArray[np.int64],  # const int64_t[::1]
) -> NDArray[np.int64]: ...
def upto(blob: NDArray[np.uint8], starts: NDArray[np.int64], order: NDArray[np.uint32], key: bytes) -> int: ...
def with_prefix(
    blob: NDArray[np.uint8], starts: NDArray[np.int64], order: NDArray[np.uint32], key: bytes
) -> tuple[int, int]: ...
def gather(
    blob: NDArray[np.uint8], starts: NDArray[np.int64], order: NDArray[np.uint32]
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]: ...
def set_bits(
    words: NDArray[np.uint64],  # uint64_t[::1]
    order: NDArray[np.uint32],
    rows: NDArray[np.uint32],  # const uint32_t[::1]
    first: int,
    last: int,
) -> None: ...
