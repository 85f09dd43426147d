"""An immutable part of the stock, rows sorted by make, model, trim and colour, and views of what lives of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core_ext import strings
from core_ext.columns import CodeColumn, IntColumn, gather_lists
from inventory.index.table import Arena, Numbers, RowTable, Words, joined, take
from inventory.index.vocabulary import COLUMN, OPTIONS, Vocabulary

Bits = NDArray[np.uint64]


class WordIndex(NamedTuple):
    """Words in order, for look-up by prefix."""

    words: Words
    order: Numbers

    @classmethod
    def of(cls, words: Words) -> WordIndex:
        """Sorts the words."""
        return cls(words, strings.sort(*words.texts))

    def mark(self, prefix: str, bits: Bits) -> None:
        """Sets the bits of the rows that have a word beginning so."""
        first, last = strings.with_prefix(*self.words.texts, self.order, prefix.encode())
        strings.set_bits(bits, self.order, self.words.rows, first, last)


class Segment:
    """Rows that never change; made by `build`. Whether a row is still alive is told by the views of it."""

    def __init__(self, table: RowTable, vocabulary: Vocabulary):
        self.rows = table.rows
        self.codes = tuple(
            CodeColumn(table.options, len(vocabulary.options), table.option_starts) if number == OPTIONS
            else CodeColumn(table.codes[number], vocabulary.size(number)) if number in table.codes
            else None
            for number in range(vocabulary.columns)
        )  # fmt: skip
        self.ints = tuple(IntColumn(values) for values in table.ints)
        self.offered = pack(table.offered)
        self.network = pack(table.network)
        self.ids = table.ids
        self.id_order = strings.sort(*table.ids)
        self.id_rank = np.empty(table.rows, np.uint32)
        self.id_rank[self.id_order] = np.arange(table.rows, dtype=np.uint32)
        self.fragments = table.fragments
        self.cuts = table.cuts
        self.open_words = WordIndex.of(table.open_words)
        self.guarded_words = WordIndex.of(table.guarded_words)
        self._spellings: dict[tuple[int, str], NDArray[np.int64]] = {}

    def find(self, key: str) -> int:
        """The row of an id, -1 if it has none."""
        return strings.find(*self.ids, self.id_order, key.encode(errors="surrogatepass"))

    def id_at(self, row: int) -> str:
        """The id of a row."""
        return self.ids.at(row).decode()

    def ids_upto(self, key: str) -> int:
        """How many ids are not after `key`."""
        return strings.upto(*self.ids, self.id_order, key.encode())

    def fragment(self, row: int, guarded: bool) -> tuple[bytes, bytes]:
        """The row's JSON: what all see, and the guarded tail (empty for a guarded audience)."""
        start, stop = self.fragments.starts[row], self.fragments.starts[row + 1]
        cut = start + self.cuts[row]
        head = self.fragments.blob[start:cut].tobytes()
        return head, b"" if guarded else self.fragments.blob[cut:stop].tobytes()

    def codes_of(self, column: int, rows: Numbers) -> NDArray[np.uint16] | Numbers:
        """The codes that rows have in a column: one a row, or all options of all of them."""
        found = self.codes[column] if column < len(self.codes) else None
        if found is None:
            return np.zeros(len(rows), np.uint32)
        if found.starts is None:
            taken: NDArray[np.uint16] | Numbers = found.codes[rows]
            return taken
        return gather_lists(found.starts, found.codes.astype(np.uint32), rows)[1]

    def of_kind(self, rows: Numbers, kind: str) -> Numbers:
        """Those of the rows that belong to a class: all, network or offered."""
        if kind == "all":
            return rows
        flags = self.offered if kind == "offered" else self.network
        chosen: Numbers = rows[(flags[rows >> 6] >> (rows & 63).astype(np.uint64)) & np.uint64(1) == 1]
        return chosen

    def spellings(self, column: int, kind: str) -> NDArray[np.int64]:
        """How many rows of a class have each code, dead rows included. Counted once, then kept."""
        counts = self._spellings.get((column, kind))
        if counts is None:
            rows = self.of_kind(np.arange(self.rows, dtype=np.uint32), kind)
            counts = np.bincount(self.codes_of(column, rows), minlength=1)
            self._spellings[column, kind] = counts
        return counts

    def table(self, rows: Numbers) -> RowTable:
        """The given rows taken apart again."""
        options = self.codes[OPTIONS]
        assert options is not None
        assert options.starts is not None
        whole = RowTable(
            rows=self.rows,
            codes={
                number: column.codes.astype(np.uint32)
                for number, column in enumerate(self.codes)
                if column is not None and number != OPTIONS
            },
            option_starts=options.starts,
            options=options.codes.astype(np.uint32),
            ints=tuple(column.wide() for column in self.ints),
            offered=unpack(self.offered, self.rows),
            network=unpack(self.network, self.rows),
            ids=self.ids,
            fragments=self.fragments,
            cuts=self.cuts,
            open_words=self.open_words.words,
            guarded_words=self.guarded_words.words,
        )
        return take(whole, rows)


class View(NamedTuple):
    """A segment with the rows of it that are alive; changing it makes another view."""

    segment: Segment
    live: Bits
    dead: Numbers
    """The rows that are not."""

    @property
    def rows(self) -> int:
        """How many rows are alive."""
        return self.segment.rows - len(self.dead)

    @classmethod
    def whole(cls, segment: Segment) -> View:
        """With every row alive."""
        return cls(segment, pack(np.ones(segment.rows, np.bool_)), np.zeros(0, np.uint32))

    def is_live(self, row: int) -> bool:
        """Whether a row is alive."""
        return bool((int(self.live[row >> 6]) >> (row & 63)) & 1)

    def without(self, rows: Numbers) -> View:
        """The same with more rows dead; each must have been alive and stand once."""
        if not len(rows):
            return self
        live = self.live.copy()
        np.bitwise_and.at(live, rows >> 6, ~(np.uint64(1) << (rows & 63).astype(np.uint64)))
        return View(self.segment, live, np.concatenate((self.dead, rows)))

    def find(self, key: str) -> int:
        """The live row of an id, or -1."""
        row = self.segment.find(key)
        return row if row >= 0 and self.is_live(row) else -1

    def without_ids(self, keys: Arena) -> View:
        """The same with the rows of these ids dead, so far as it has them; no id stands twice."""
        rows = strings.find_each(*self.segment.ids, self.segment.id_order, *keys)
        rows = rows[rows >= 0]
        alive = (self.live[rows >> 6] >> (rows & 63).astype(np.uint64)) & np.uint64(1) == 1
        return self.without(rows[alive].astype(np.uint32))


def pack(flags: NDArray[np.bool_]) -> Bits:
    """Flags as 64-bit words, row 0 lowest."""
    packed = np.packbits(flags, bitorder="little")
    return np.concatenate((packed, np.zeros(-len(packed) % 8, np.uint8))).view(np.uint64)


def unpack(bits: Bits, rows: int) -> NDArray[np.bool_]:
    """The flags again."""
    return np.unpackbits(bits.view(np.uint8), count=rows, bitorder="little").astype(np.bool_)


def build(table: RowTable, vocabulary: Vocabulary) -> tuple[Segment, Numbers]:
    """A segment of the table's rows, and the order in which it has them.

    The sort key keeps 14, 18, 20 and 12 bits of the four value classes: more would only bring rows together that
    share nothing, which costs a little time and no truth.
    """
    key = np.zeros(table.rows, np.uint64)
    for name, width in (("make", 14), ("model", 18), ("trim", 20), ("exterior_color", 12)):
        dictionary = vocabulary.text(name)
        classes = dictionary.class_of(len(dictionary))[table.codes[COLUMN[name]]].astype(np.uint64)
        key = (key << np.uint64(width)) | (classes & np.uint64((1 << width) - 1))
    order = np.argsort(key, kind="stable").astype(np.uint32)
    return Segment(take(table, order), vocabulary), order


def combine(views: Sequence[View], vocabulary: Vocabulary) -> tuple[Segment, list[NDArray[np.int64]]]:
    """One segment of the live rows of several views, and for each view where its rows went (-1: dead)."""
    kept = [np.flatnonzero(unpack(view.live, view.segment.rows)).astype(np.uint32) for view in views]
    segment, order = build(joined([v.segment.table(rows) for v, rows in zip(views, kept, strict=True)]), vocabulary)
    places = np.empty(len(order), np.int64)
    places[order] = np.arange(len(order))
    moved, first = [], 0
    for view, rows in zip(views, kept, strict=True):
        where = np.full(view.segment.rows, -1, np.int64)
        where[rows] = places[first : first + len(rows)]
        moved.append(where)
        first += len(rows)
    return segment, moved
