"""PostgreSQL's binary COPY stream taken apart into columns, a chunk at a time; no Python object a row."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

ABSENT: int
KINDS: tuple[str, ...]

class CopyReader:
    rows: int
    def __init__(self, kinds: Sequence[str]) -> None: ...
    def feed(self, data: bytes | bytearray | memoryview) -> None: ...
    def take(self) -> list[Any]: ...
    def dictionary(self, field: int, first: int = 1) -> list[bytes]: ...
    def finish(self) -> None: ...

def first_of_kind(
    starts: NDArray[np.uint32],  # const uint32_t[::1], n + 1
    codes: NDArray[np.uint32],  # const uint32_t[::1]
    kinds: NDArray[np.uint32],  # const uint32_t[::1], by code
) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]: ...
