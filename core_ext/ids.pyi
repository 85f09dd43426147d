"""Rows by their ids of 16 bytes."""

import numpy as np
from numpy.typing import NDArray

class Ids:
    ids: NDArray[np.uint8]  # rows x 16
    slots: NDArray[np.uint32]
    def __init__(
        self,
        ids: NDArray[np.uint8],  # const uint8_t[:, ::1], rows x 16
        slots: NDArray[np.uint32] | None = None,  # const uint32_t[::1]
    ) -> None: ...
    def find(self, key: bytes) -> int: ...
    def find_each(self, keys: NDArray[np.uint8]) -> NDArray[np.int64]: ...  # const uint8_t[:, ::1], n x 16
    def order(self) -> NDArray[np.uint32]: ...
    @property
    def nbytes(self) -> int: ...
