"""One state of the whole stock: immutable, so that a search sees a change entirely or not at all."""

from __future__ import annotations

from typing import NamedTuple

from inventory.index.segment import View
from inventory.index.vocabulary import Vocabulary


class Snapshot(NamedTuple):
    """Views of all segments, the large base first, what their codes mean, and the state they show."""

    views: tuple[View, ...]
    vocabulary: Vocabulary
    as_of: str

    @property
    def rows(self) -> int:
        """How many vehicles it holds."""
        return sum(view.rows for view in self.views)

    def find(self, key: str) -> tuple[int, int] | None:
        """Number of the view and row of an id; newest first, for that is where changed rows are."""
        for number in range(len(self.views) - 1, -1, -1):
            row = self.views[number].find(key)
            if row >= 0:
                return number, row
        return None
