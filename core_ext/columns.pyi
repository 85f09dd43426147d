"""Immutable columns of a stock segment: codes with bitmaps, planes or row lists a block, numbers with block bounds."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

ABSENT: int
BLOCK_ROWS: int

class CodeColumn:
    rows: int
    size: int
    arrays: dict[str, NDArray[Any]]
    def __init__(
        self,
        codes: NDArray[np.uint32],  # const uint32_t[::1]
        size: int,
        starts: NDArray[np.uint32] | None = None,  # const uint32_t[::1], rows + 1
        postings: bool = False,
    ) -> None: ...
    @staticmethod
    def restored(rows: int, size: int, arrays: Mapping[str, NDArray[Any]]) -> CodeColumn: ...
    @property
    def starts(self) -> NDArray[np.uint32] | None: ...
    def codes(self) -> NDArray[np.uint32]: ...
    def take(self, rows: NDArray[np.uint32]) -> NDArray[np.uint32]: ...
    def change(self, row: int, code: int) -> None: ...
    def settle(self) -> None: ...
    @property
    def nbytes(self) -> int: ...

class IntColumn:
    rows: int
    base: int
    shift: int
    arrays: dict[str, NDArray[Any]]
    def __init__(self, values: NDArray[np.int64]) -> None: ...  # const int64_t[::1]
    @staticmethod
    def restored(rows: int, base: int, shift: int, arrays: Mapping[str, NDArray[Any]]) -> IntColumn: ...
    def ordered(self, by_id: NDArray[np.uint32]) -> None: ...
    def wide(self) -> NDArray[np.int64]: ...
    def settle(self) -> None: ...
    @property
    def nbytes(self) -> int: ...

def gather_lists(
    starts: NDArray[np.uint32],  # const uint32_t[::1], rows + 1
    codes: NDArray[np.uint32],  # const uint32_t[::1]
    order: NDArray[np.uint32],  # const uint32_t[::1]
) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]: ...
def together(columns: Iterable[CodeColumn | IntColumn]) -> None: ...
def aligned(words: int) -> NDArray[np.uint64]: ...
def set_bit(bits: NDArray[np.uint64], place: int, value: bool) -> None: ...  # uint64_t[::1]
def bit_at(bits: NDArray[np.uint64], place: int) -> bool: ...  # const uint64_t[::1]
