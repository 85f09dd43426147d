"""The pieces of a page of results as JSON: vehicles from their fragments, facet values and buckets from counters."""

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

class Fragments:
    def __init__(
        self,
        blob: NDArray[np.uint8],  # const uint8_t[::1]
        starts: NDArray[np.int64],  # const int64_t[::1], rows + 1
        cuts: NDArray[np.uint32],  # const uint32_t[::1], rows
    ) -> None: ...

def items(
    fragments: tuple[Fragments | None, ...],
    segments: Collection[int],
    rows: Collection[int],
    *,
    guarded: bool,
    distances: NDArray[np.float64] | None = None,  # const double[::1], rows
    instead: dict[int, bytes] | None = None,
) -> bytes: ...

class Labels:
    size: int
    def __init__(self, texts: list[bytes], order: Collection[int]) -> None: ...
    def values(
        self,
        counters: NDArray[np.int64],  # const int64_t[::1]
        first: int,
        size: int,
        limit: int,
        classes: NDArray[np.int32] | None = None,  # const int32_t[::1]
    ) -> bytes: ...

def buckets(
    counters: NDArray[np.int64],  # const int64_t[::1]
    first: int,
    size: int,
    codes: NDArray[np.int64],  # const int64_t[::1]
    starts: NDArray[np.int64],  # const int64_t[::1]
    most: int,
) -> bytes: ...
