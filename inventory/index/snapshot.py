"""One state of the whole stock, as a search enters it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core_ext.gate import Gate
from core_ext.shelf import Shelf
from inventory.index.segment import View
from inventory.index.vocabulary import Vocabulary


class Snapshot(NamedTuple):
    """Views of all segments, the large base first, what their codes mean, and the state they show."""

    views: tuple[View, ...]
    vocabulary: Vocabulary
    as_of: str
    gate: Gate
    """Keeps searches out while views change in place."""
    serial: int
    """The gate's count of changes: what is read of the views holds as long as it is this."""
    counted: dict[bytes, tuple[NDArray[np.int64], list[int]]]
    """Facets and relaxations of searches in this state; the kernel fills it."""
    shelves: tuple[Shelf, ...]
    """The views as the kernel reads them."""

    @property
    def is_current(self) -> bool:
        """Whether nothing has changed since the snapshot was taken."""
        return self.gate.serial == self.serial

    @property
    def rows(self) -> int:
        """How many vehicles it holds."""
        return sum(view.rows for view in self.views)

    def find(self, key: bytes) -> tuple[View, int] | None:
        """The view and row of an id; newest first, for that is where changed rows are."""
        for view in reversed(self.views):
            row = view.find(key)
            if row >= 0:
                return view, row
        return None
