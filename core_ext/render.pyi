"""JSON of many rows written from columns: a list of pieces a row, no Python object a value."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

SLACK: int

class Writer:
    def write(self, rows: int, pieces: list[tuple[Any, ...]]) -> None: ...
    def finish(self) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.uint32]]: ...
