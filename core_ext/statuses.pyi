"""Statuses of rows that change in place, found by id, while searches are kept out."""

import numpy as np
from numpy.typing import NDArray

from core_ext.columns import CodeColumn
from core_ext.gate import Gate
from core_ext.ids import Ids

class Statuses:
    def __init__(
        self,
        ids: Ids,
        column: CodeColumn,
        live: NDArray[np.uint64],  # const uint64_t[::1]
        shown: NDArray[np.uint64],  # const uint64_t[::1]
        offered: NDArray[np.uint64],  # uint64_t[::1]
    ) -> None: ...
    def change(self, gate: Gate, key: str, code: int, is_offered: bool) -> int: ...
    def put(self, row: int, code: int, is_offered: bool) -> None: ...
