"""Checksums of bytes, and pages of a mapped file that are verified before they are first read."""

import numpy as np
from numpy.typing import NDArray

PAGE_BYTES: int

class Damaged(Exception): ...

def checksum(data: NDArray[np.uint8] | bytes, seed: int = 0) -> int: ...
def page_sums(data: NDArray[np.uint8] | bytes, seed: int) -> NDArray[np.uint64]: ...

class Pages:
    def __init__(
        self,
        data: NDArray[np.uint8] | bytes,  # const uint8_t[::1]
        sums: NDArray[np.uint64],  # const uint64_t[::1]
        seed: int,
    ) -> None: ...
    def touch(self, start: int, stop: int) -> None: ...
    def touch_strings(
        self,
        starts: NDArray[np.int64],  # const int64_t[::1]
        chosen: NDArray[np.uint32],  # const uint32_t[::1]
    ) -> None: ...
    @property
    def unverified(self) -> int: ...
