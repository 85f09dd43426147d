"""The words of listing numbers, or of VINs, registration and stock numbers, in few bytes: look-up by prefix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core_ext import numbers
from inventory.index.words import words_of

Bits = NDArray[np.uint64]
Rows = NDArray[np.uint32]


class Texts(NamedTuple):
    """Numbers as UTF-8, one after the other: number i is blob[starts[i]:starts[i + 1]] and belongs to rows[i]."""

    blob: NDArray[np.uint8]
    starts: NDArray[np.int64]
    rows: Rows

    @classmethod
    def of(cls, given: Sequence[tuple[str | None, ...]]) -> Texts:
        """The numbers of each row; None and "" are none."""
        found = [(text.encode(), row) for row, texts in enumerate(given) for text in texts if text]
        starts = np.zeros(len(found) + 1, np.int64)
        np.cumsum(np.fromiter((len(text) for text, _ in found), np.int64, len(found)), out=starts[1:])
        rows = np.fromiter((row for _, row in found), np.uint32, len(found))
        return cls(np.frombuffer(b"".join(text for text, _ in found), np.uint8), starts, rows)


class NumberIndex(NamedTuple):
    """Which rows have a number with a word that begins so; see `core_ext.numbers` for the arrays.

    Never changed: `moved` and `joined` make new ones. About 6 bytes a listing or stock number, 8 a VIN, 10 a
    registration number.
    """

    rows: NDArray[np.uint8]
    text: NDArray[np.uint8]
    blocks: NDArray[np.uint32]
    heads: NDArray[np.uint64]
    entry_ends: NDArray[np.int64]
    block_ends: NDArray[np.int64]

    @classmethod
    def of(cls, rows: int, *texts: Texts) -> NumberIndex:
        """Of the numbers of `rows` rows; IndexError for a number of a row beyond."""
        collector = numbers.Collector()
        for some in texts:
            others = collector.add_texts(*some)
            if len(others):
                collector.add_words(*_words(some, others))
        return cls(*collector.index(rows))

    def mark(self, prefix: str, bits: Bits) -> None:
        """Sets the bits of the rows that have a word beginning with the folded prefix."""
        numbers.mark(*self, prefix.encode(), bits)

    def moved(self, places: NDArray[np.int64], rows: int) -> NumberIndex:
        """The same for other row numbers below `rows`: places[row] is the new one, -1 for a row that is dropped."""
        if len(places) != rows or not rows or places.min() < 0 or places.max() >= rows:
            return self.joined([(self, places)], rows)
        width = self.rows.shape[1]
        wide = np.zeros((len(self.rows), 4), np.uint8)
        wide[:, :width] = self.rows
        now = places[wide.view("<u4").reshape(-1)].astype("<u4")
        return self._replace(rows=np.ascontiguousarray(now.view(np.uint8).reshape(-1, 4)[:, :width]))

    @classmethod
    def joined(cls, parts: Sequence[tuple[NumberIndex, NDArray[np.int64]]], rows: int) -> NumberIndex:
        """Several as one: each with the new numbers of its rows, below `rows`; -1 for a row that is dropped."""
        collector = numbers.Collector()
        for index, places in parts:
            collector.add_index(*index, places)
        return cls(*collector.index(rows))

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        return sum(array.nbytes for array in self)


def _words(texts: Texts, chosen: NDArray[np.int64]) -> Texts:
    """The words of the chosen numbers, without those that another of the same number covers."""
    found: list[tuple[str, ...]] = []
    for number in chosen.tolist():
        words = words_of(texts.blob[texts.starts[number] : texts.starts[number + 1]].tobytes().decode())
        found.append(tuple(w for w in words if not any(o != w and o.startswith(w) for o in words)))
    made = Texts.of(found)
    return made._replace(rows=texts.rows[chosen][made.rows])
