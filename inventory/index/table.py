"""Rows as plain columns in any order: what new rows become first, and what merging segments are taken apart to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core_ext import strings
from core_ext.columns import ABSENT, gather_lists
from inventory.index import bands
from inventory.index.fragments import render
from inventory.index.numbers import NumberIndex, Texts
from inventory.index.vocabulary import (
    INT_COLUMNS,
    MODEL_YEAR,
    ODOMETER_BAND,
    PLACE,
    PRICE_BAND,
    TEXT_COLUMNS,
    Vocabulary,
)
from inventory.index.words import fold
from inventory.vehicle_row import VehicleRow

Numbers = NDArray[np.uint32]
Ids16 = NDArray[np.uint8]
Flags = NDArray[np.bool_]
LARGEST = 1 << 62
"""Whole numbers of a row lie within ± this, so that no sort key is taken for an absent one."""


class Arena(NamedTuple):
    """Byte strings one after the other: string i is blob[starts[i]:starts[i + 1]]."""

    blob: NDArray[np.uint8]
    starts: NDArray[np.int64]

    @classmethod
    def of(cls, texts: Sequence[bytes]) -> Arena:
        """From separate strings."""
        starts = np.zeros(len(texts) + 1, np.int64)
        np.cumsum(np.fromiter(map(len, texts), np.int64, len(texts)), out=starts[1:])
        return cls(np.frombuffer(b"".join(texts), np.uint8), starts)

    def at(self, index: int) -> bytes:
        """One string."""
        return self.blob[self.starts[index] : self.starts[index + 1]].tobytes()

    def take(self, order: Numbers) -> Arena:
        """A new arena with copies of the strings in `order`."""
        return Arena(*strings.gather(self.blob, self.starts, order))

    def replaced(self, texts: Mapping[int, bytes]) -> Arena:
        """A new arena with other strings at some places."""
        lengths = np.diff(self.starts)
        pieces, first = [], 0
        for place in sorted(texts):
            lengths[place] = len(texts[place])
            pieces += [self.blob[self.starts[first] : self.starts[place]], np.frombuffer(texts[place], np.uint8)]
            first = place + 1
        pieces.append(self.blob[self.starts[first] :])
        return Arena(np.concatenate(pieces), np.concatenate(([0], np.cumsum(lengths))).astype(np.int64))

    @classmethod
    def joined(cls, arenas: Sequence[Arena]) -> Arena:
        """All strings of several arenas, one arena after the other."""
        shifts = np.cumsum([0, *(len(arena.blob) for arena in arenas)])
        starts = [arena.starts[:-1] + shift for arena, shift in zip(arenas, shifts[:-1], strict=True)]
        return cls(np.concatenate([a.blob for a in arenas]), np.concatenate([*starts, shifts[-1:]]).astype(np.int64))


class RowTable(NamedTuple):
    """Columns of equal length; nothing is sorted or packed yet."""

    rows: int
    codes: dict[int, Numbers]
    """By column number; a column that is not there has code 0 everywhere."""
    option_starts: Numbers
    options: Numbers
    ints: tuple[NDArray[np.int64], ...]
    network: Flags
    shown: Flags
    """Public and without holds: offered, if the status is one in which cars are."""
    ids: Ids16
    """16 bytes a row."""
    fragments: Arena
    cuts: Numbers
    """Where the guarded tail of each fragment begins."""
    open_words: NumberIndex
    """Of listing numbers."""
    guarded_words: NumberIndex
    """Of VINs, registration and stock numbers."""


def encode(rows: Sequence[VehicleRow], vocabulary: Vocabulary) -> RowTable:
    """Turns vehicles into columns; new values get codes. Writer only.

    ValueError for a number beyond ± LARGEST and for an id that is no UUID.
    """
    codes = {
        number: _array([vocabulary.texts[number].code(getattr(row, name)) for row in rows])
        for number, name in enumerate(TEXT_COLUMNS)
    }
    codes |= _derived(rows, vocabulary)
    codes |= _attributes(rows, vocabulary)
    option_starts, options = _options(rows, vocabulary)
    rendered = [render(row) for row in rows]
    guarded = [(row.stock_number, row.vin, row.registration_number) for row in rows]
    return RowTable(
        rows=len(rows),
        codes=codes,
        option_starts=option_starts,
        options=options,
        ints=_ints(rows),
        network=np.array([row.visibility in ("NETWORK", "PUBLIC") for row in rows], np.bool_),
        shown=np.array([row.shown for row in rows], np.bool_),
        ids=ids_of([row.id for row in rows]),
        fragments=Arena.of([head + tail for head, tail in rendered]),
        cuts=_array([len(head) for head, _ in rendered]),
        open_words=NumberIndex.of(len(rows), Texts.of([(row.listing_number,) for row in rows])),
        guarded_words=NumberIndex.of(len(rows), Texts.of(guarded)),
    )


def ids_of(texts: Iterable[str]) -> Ids16:
    """The bytes of ids in the text form of UUIDs, a line each. ValueError for another text."""
    return np.frombuffer(b"".join([id_bytes(text) for text in texts]), np.uint8).reshape(-1, 16)


def id_bytes(text: str) -> bytes:
    """The 16 bytes of an id in the text form of UUIDs; ValueError for another text."""
    found = bytes.fromhex(text.replace("-", ""))
    if len(found) != 16 or len(text) != 36:
        raise ValueError("an id is the text of a UUID")
    return found


def _array(values: Sequence[int]) -> Numbers:
    return np.array(values, np.uint32)


def _derived(rows: Sequence[VehicleRow], vocabulary: Vocabulary) -> dict[int, Numbers]:
    """Codes of places, years and bands."""
    prices = [
        None if row.price_minor is None or row.price_currency is None
        else (row.price_currency, bands.price_band(row.price_minor, row.price_currency))
        for row in rows
    ]  # fmt: skip
    odometers = [None if row.odometer_km is None else bands.band_of(row.odometer_km) for row in rows]
    return {
        PLACE: _array([vocabulary.places.code_of(row.latitude, row.longitude) for row in rows]),
        MODEL_YEAR: _array([vocabulary.years.code(row.model_year) for row in rows]),
        PRICE_BAND: _array([vocabulary.price_bands.code(price) for price in prices]),
        ODOMETER_BAND: _array([vocabulary.odometer_bands.code(odometer) for odometer in odometers]),
    }


def _attributes(rows: Sequence[VehicleRow], vocabulary: Vocabulary) -> dict[int, Numbers]:
    columns: dict[int, Numbers] = {}
    for at, row in enumerate(rows):
        for code, value in row.attributes.items():
            number = vocabulary.attribute_column(code)
            if number not in columns:
                columns[number] = np.zeros(len(rows), np.uint32)
            columns[number][at] = vocabulary.attribute_values(number).code_of(value)
    return columns


def _options(rows: Sequence[VehicleRow], vocabulary: Vocabulary) -> tuple[Numbers, Numbers]:
    """Each row's options, one spelling a value: the first the row has; code 0 alone where there is none."""
    starts: list[int] = [0]
    codes: list[int] = []
    for row in rows:
        found = {fold(option): option for option in reversed(row.options)}
        codes.extend(vocabulary.options.code(option) for option in found.values())
        if not found:
            codes.append(0)
        starts.append(len(codes))
    return _array(starts), _array(codes)


def _ints(rows: Sequence[VehicleRow]) -> tuple[NDArray[np.int64], ...]:
    columns = (
        [row.price_minor if row.price_currency is not None else None for row in rows],
        [row.model_year for row in rows],
        [row.odometer_km for row in rows],
        [None if row.in_stock_since is None else row.in_stock_since.toordinal() for row in rows],
        [None if row.available_on is None else row.available_on.toordinal() for row in rows],
    )
    if any(value is not None and abs(value) > LARGEST for column in columns for value in column):
        raise ValueError("a number of a vehicle is beyond what the index holds")
    return tuple(np.array([ABSENT if value is None else value for value in column], np.int64) for column in columns)


def take(table: RowTable, order: Numbers) -> RowTable:
    """The rows in `order`, in that order."""
    places = np.full(table.rows, -1, np.int64)
    places[order] = np.arange(len(order))
    option_starts, options = gather_lists(table.option_starts, table.options, order)
    return RowTable(
        rows=len(order),
        codes={number: codes[order] for number, codes in table.codes.items()},
        option_starts=option_starts,
        options=options,
        ints=tuple(values[order] for values in table.ints),
        network=table.network[order],
        shown=table.shown[order],
        ids=table.ids[order],
        fragments=table.fragments.take(order),
        cuts=table.cuts[order],
        open_words=table.open_words.moved(places, len(order)),
        guarded_words=table.guarded_words.moved(places, len(order)),
    )


def joined(tables: Sequence[RowTable]) -> RowTable:
    """All rows of several tables, one table after the other."""
    shifts = np.cumsum([0, *(table.rows for table in tables)])
    rows = int(shifts[-1])
    places = [np.arange(t.rows, dtype=np.int64) + shift for t, shift in zip(tables, shifts[:-1], strict=True)]
    columns = {number for table in tables for number in table.codes}
    option_shifts = np.cumsum([0, *(len(table.options) for table in tables)])
    starts = [t.option_starts[:-1] + shift for t, shift in zip(tables, option_shifts[:-1], strict=True)]
    return RowTable(
        rows=rows,
        codes={
            number: np.concatenate([t.codes.get(number, np.zeros(t.rows, np.uint32)) for t in tables])
            for number in columns
        },
        option_starts=np.concatenate([*starts, option_shifts[-1:]]).astype(np.uint32),
        options=np.concatenate([t.options for t in tables]),
        ints=tuple(np.concatenate([t.ints[i] for t in tables]) for i in range(len(INT_COLUMNS))),
        network=np.concatenate([t.network for t in tables]),
        shown=np.concatenate([t.shown for t in tables]),
        ids=np.concatenate([t.ids for t in tables]),
        fragments=Arena.joined([t.fragments for t in tables]),
        cuts=np.concatenate([t.cuts for t in tables]),
        open_words=NumberIndex.joined([(t.open_words, p) for t, p in zip(tables, places, strict=True)], rows),
        guarded_words=NumberIndex.joined([(t.guarded_words, p) for t, p in zip(tables, places, strict=True)], rows),
    )
