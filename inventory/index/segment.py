"""A part of the stock, rows sorted by make, model, trim and colour, and views of what lives of it in which status."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core_ext.checksum import Pages
from core_ext.columns import BLOCK_ROWS, CodeColumn, IntColumn, aligned, bit_at, gather_lists, set_bit, together
from core_ext.ids import Ids
from core_ext.page import Fragments
from core_ext.runs import Runs
from core_ext.shelf import Shelf
from core_ext.statuses import Statuses
from inventory.index.fragments import with_status
from inventory.index.numbers import NumberIndex
from inventory.index.table import Arena, Numbers, RowTable, joined, take
from inventory.index.vocabulary import COLUMN, INT, OPTIONS, PLACE, Vocabulary
from inventory.vehicle_row import OFFERED

Bits = NDArray[np.uint64]
POSTED = (PLACE, COLUMN["location_id"])
"""Columns that keep the rows of each code: few of very many codes are asked for."""
ORDERED = ("price_minor", "odometer_km", "in_stock_since", "model_year")
"""Numbers whose order a segment keeps if it is large."""
STATUS = COLUMN["status"]
SORTED = (("make", 14), ("model", 18), ("trim", 20), ("exterior_color", 12))
"""What rows are sorted by, and how many bits of the value's class the sort key has room for."""


class Segment:
    """Rows that come and go together; made by `build`. Of what a row says only its status and version ever change."""

    def __init__(self, table: RowTable, runs: Runs, vocabulary: Vocabulary):
        self.rows = table.rows
        self.runs = runs
        self.codes = tuple(
            CodeColumn(table.options, len(vocabulary.options), table.option_starts) if number == OPTIONS
            else CodeColumn(table.codes[number], vocabulary.size(number), postings=number in POSTED)
            if number in table.codes
            else None
            for number in range(vocabulary.columns)
        )  # fmt: skip
        self.ints = tuple(IntColumn(values) for values in table.ints)
        statuses = vocabulary.text("status")
        offered = [code for status in OFFERED if (code := statuses.find(status)) is not None]
        self.shown = pack(table.shown)
        self.offered = pack(table.shown & np.isin(table.codes[STATUS], offered))
        self.network = pack(table.network)
        self.ids = Ids(table.ids)
        if table.rows >= BLOCK_ROWS:
            by_id = self.ids.order()
            for name in ORDERED:
                self.ints[INT[name]].ordered(by_id)
            together([*(column for column in self.codes if column is not None), *self.ints])
        self.fragments = table.fragments
        self.cuts = table.cuts
        self.open_words = table.open_words
        self.guarded_words = table.guarded_words
        self.changed: dict[int, tuple[str, int]] = {}
        """Status and version of the rows where they are no longer those of the fragment."""
        self.written = Fragments(*table.fragments, table.cuts)
        self.pages: Pages | None = None
        """Where the JSON is mapped from a file: what of it was verified."""

    @classmethod
    def restored(
        cls, *, rows: int, runs: Runs, codes: tuple[CodeColumn | None, ...], ints: tuple[IntColumn, ...],
        shown: Bits, offered: Bits, network: Bits, ids: Ids, fragments: Arena,
        cuts: Numbers, open_words: NumberIndex, guarded_words: NumberIndex, changed: dict[int, tuple[str, int]],
        pages: Pages,
    ) -> Segment:  # fmt: skip
        """A segment of the parts that another had; they are believed, but for pages of JSON not verified yet."""
        made = cls.__new__(cls)
        made.rows, made.runs, made.codes, made.ints, made.ids = rows, runs, codes, ints, ids
        made.shown, made.offered, made.network = shown, offered, network
        made.fragments, made.cuts, made.written = fragments, cuts, Fragments(*fragments, cuts)
        made.open_words, made.guarded_words, made.changed, made.pages = open_words, guarded_words, changed, pages
        return made

    def touch(self, rows: Sequence[int]) -> None:
        """Call before reading the JSON of rows; Damaged if that is not what was written to the file."""
        pages = self.pages  # another thread may have verified the rest meanwhile
        if pages is not None:
            pages.touch_strings(self.fragments.starts, np.array(rows, np.uint32))

    def verify(self) -> None:
        """Verifies all JSON that nobody has touched yet: 10 GB a second, other threads run. Damaged."""
        pages = self.pages
        if pages is not None:
            pages.touch(0, len(self.fragments.blob))
            self.pages = None

    def fragment(self, row: int, guarded: bool) -> tuple[bytes, bytes]:
        """The row's JSON: what all see, and the guarded tail (empty for a guarded audience). Damaged."""
        self.touch([row])
        start, stop = self.fragments.starts[row], self.fragments.starts[row + 1]
        cut = start + self.cuts[row]
        head = self.fragments.blob[start:cut].tobytes()
        if row in self.changed:
            head = with_status(head, *self.changed[row])
        return head, b"" if guarded else self.fragments.blob[cut:stop].tobytes()

    def codes_of(self, column: int, rows: Numbers) -> Numbers:
        """The codes that rows have in a column: one a row, or all options of all of them."""
        found = self.codes[column] if column < len(self.codes) else None
        if found is None:
            return np.zeros(len(rows), np.uint32)
        if found.starts is None:
            return found.take(rows)
        return gather_lists(found.starts, found.codes(), rows)[1]

    def of_kind(self, rows: Numbers, kind: str) -> Numbers:
        """Those of the rows that belong to a class: all, network or offered."""
        if kind == "all":
            return rows
        flags = self.offered if kind == "offered" else self.network
        chosen: Numbers = rows[(flags[rows >> 6] >> (rows & 63).astype(np.uint64)) & np.uint64(1) == 1]
        return chosen

    def table(self, rows: Numbers) -> RowTable:
        """The given rows taken apart again. Damaged."""
        self.verify()
        options = self.codes[OPTIONS]
        assert options is not None
        assert options.starts is not None
        fragments, cuts = self.fragments, self.cuts
        changed = dict(self.changed)  # a merge takes rows apart while others change
        if changed:
            heads = {row: self.fragment(row, guarded=False) for row in changed}
            fragments = fragments.replaced({row: head + tail for row, (head, tail) in heads.items()})
            cuts = cuts.copy()
            for row, (head, _) in heads.items():
                cuts[row] = len(head)
        whole = RowTable(
            rows=self.rows,
            codes={
                number: column.codes()
                for number, column in enumerate(self.codes)
                if column is not None and number != OPTIONS
            },
            option_starts=options.starts,
            options=options.codes(),
            ints=tuple(column.wide() for column in self.ints),
            network=unpack(self.network, self.rows),
            shown=unpack(self.shown, self.rows),
            ids=self.ids.ids,
            fragments=fragments,
            cuts=cuts,
            open_words=self.open_words,
            guarded_words=self.guarded_words,
        )
        return take(whole, rows)


class View:
    """A segment with the rows of it that are alive; rows die in place, readers kept out by the caller."""

    def __init__(self, segment: Segment, live: Bits | None = None):
        """`live`: the rows that are alive, if not all are; changed in place from now on."""
        self.segment = segment
        self.live = pack(np.ones(segment.rows, np.bool_)) if live is None else live
        self.shelf = Shelf(segment.codes, segment.ints, (self.live, segment.offered, segment.network), segment.ids.ids)
        statuses = segment.codes[STATUS]
        assert statuses is not None
        self.statuses = Statuses(segment.ids, statuses, self.live, segment.shown, segment.offered)
        self._dead: list[int] = [] if live is None else np.flatnonzero(~unpack(live, segment.rows)).tolist()

    @property
    def rows(self) -> int:
        """How many rows are alive."""
        return self.segment.rows - len(self._dead)

    @property
    def dead(self) -> Numbers:
        """The rows that are not."""
        return np.array(self._dead, np.uint32)

    def is_live(self, row: int) -> bool:
        """Whether a row is alive."""
        return bit_at(self.live, row)

    def kill(self, rows: Sequence[int]) -> None:
        """Ends rows, so far as they are alive."""
        for row in rows:
            if self.is_live(row):
                set_bit(self.live, row, False)
                self._dead.append(row)

    def find(self, key: bytes) -> int:
        """The live row of an id, or -1."""
        row = self.segment.ids.find(key)
        return row if row >= 0 and self.is_live(row) else -1

    def rows_of(self, keys: NDArray[np.uint8]) -> list[int]:
        """The rows of ids, so far as the segment has them."""
        rows = self.segment.ids.find_each(keys)
        found: list[int] = rows[rows >= 0].tolist()
        return found


def pack(flags: NDArray[np.bool_]) -> Bits:
    """Flags as 64 words for each block of rows, row 0 lowest."""
    packed = np.packbits(flags, bitorder="little")
    bits = aligned(-(-len(flags) // BLOCK_ROWS) * BLOCK_ROWS // 64)
    bits.view(np.uint8)[: len(packed)] = packed
    return bits


def unpack(bits: Bits, rows: int) -> NDArray[np.bool_]:
    """The flags again."""
    return np.unpackbits(bits.view(np.uint8), count=rows, bitorder="little").astype(np.bool_)


def build(table: RowTable, vocabulary: Vocabulary) -> tuple[Segment, Numbers]:
    """A segment of the table's rows, and the order in which it has them."""
    keys = np.zeros(table.rows, np.uint64)
    for name, width in SORTED:
        dictionary = vocabulary.text(name)
        classes = dictionary.class_of(len(dictionary))[table.codes[COLUMN[name]]].astype(np.uint64)
        keys = (keys << np.uint64(width)) | (classes & np.uint64((1 << width) - 1))
    order = np.argsort(keys, kind="stable").astype(np.uint32)
    return Segment(take(table, order), Runs.of(keys[order]), vocabulary), order


def combine(
    views: Sequence[View], kept: Sequence[Numbers], vocabulary: Vocabulary
) -> tuple[Segment, list[NDArray[np.int64]]]:
    """One segment of some rows of several views, and for each view where its rows went (-1: nowhere)."""
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


def living(view: View) -> Numbers:
    """The live rows of a view."""
    return np.flatnonzero(unpack(view.live, view.segment.rows)).astype(np.uint32)
