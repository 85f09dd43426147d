"""Vehicles as columns of equal length: what a full load reads and an index is built of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from core_ext.copy import ABSENT, first_of_kind
from domain.kit.money import digits
from inventory.index.bands import EDGES
from inventory.index.dictionary import Dictionary
from inventory.index.numbers import NumberIndex, Texts
from inventory.index.table import LARGEST, Arena, RowTable
from inventory.index.vocabulary import (
    INT_COLUMNS,
    MODEL_YEAR,
    ODOMETER_BAND,
    PLACE,
    PRICE_BAND,
    TEXT_COLUMNS,
    Vocabulary,
)

Codes = NDArray[np.uint32]
Whole = NDArray[np.int64]


class Coded(NamedTuple):
    """One value a row: its code, and what codes mean; code 0 is None."""

    codes: Codes
    values: list[str | None]


class Listed(NamedTuple):
    """Any number of values a row: row i has codes[starts[i]:starts[i + 1]]; there is no value with code 0."""

    starts: Codes
    codes: Codes
    values: list[Any]


class Columns(NamedTuple):
    """Vehicles as columns of equal length, in no particular order."""

    ids: NDArray[np.uint8]
    """16 bytes a row."""
    coded: dict[str, Coded]
    options: Listed
    holds: Listed
    attributes: Listed
    """Each value a pair: the attribute's code and what it is."""
    whole: dict[str, Whole]
    """Whole numbers, and dates as ordinals; ABSENT for none."""
    points: dict[str, tuple[float, float]]
    """Latitude and longitude of the locations that have them."""
    numbers: dict[str, Texts]
    fragments: tuple[NDArray[np.uint8], Whole, Codes]
    """JSON as `fragments.render` writes it, where each row's begins, and where in it the guarded tail does."""


def table_of(columns: Columns, vocabulary: Vocabulary) -> RowTable:
    """The same as rows of an index; new values get codes. Writer only.

    ValueError for a number beyond ± LARGEST. About 1 µs a vehicle.
    """
    rows = len(columns.ids)
    for name in ("price_minor", "model_year", "odometer_km"):
        present = columns.whole[name][columns.whole[name] != ABSENT]
        if len(present) and int(np.abs(present).max()) > LARGEST:
            raise ValueError("a number of a vehicle is beyond what the index holds")
    codes = {number: _coded(columns.coded[name], vocabulary.texts[number]) for number, name in enumerate(TEXT_COLUMNS)}
    option_starts, options = _options(columns.options, vocabulary)
    visibility = columns.coded["visibility"]
    listing, *guarded = (
        columns.numbers[name] for name in ("listing_number", "stock_number", "vin", "registration_number")
    )
    return RowTable(
        rows=rows,
        codes=codes | _derived(columns, codes, vocabulary) | _attributes(columns.attributes, vocabulary),
        option_starts=option_starts,
        options=options,
        ints=tuple(_ints(name, columns) for name in INT_COLUMNS),
        network=_one_of(visibility, ("NETWORK", "PUBLIC")),
        shown=_one_of(visibility, ("PUBLIC",)) & (columns.holds.starts[1:] == columns.holds.starts[:-1]),
        ids=columns.ids,
        fragments=Arena(*columns.fragments[:2]),
        cuts=columns.fragments[2],
        open_words=NumberIndex.of(rows, listing),
        guarded_words=NumberIndex.of(rows, *guarded),
    )


def _coded(column: Coded, dictionary: Dictionary) -> Codes:
    now = [0, *(dictionary.code(value) for value in column.values[1:])]
    return np.array(now, np.uint32)[column.codes]


def _one_of(column: Coded, values: tuple[str, ...]) -> NDArray[np.bool_]:
    return np.array([value in values for value in column.values])[column.codes]


def _ints(name: str, columns: Columns) -> Whole:
    values = columns.whole[name]
    if name == "price_minor":
        return np.where(columns.coded["price_currency"].codes == 0, ABSENT, values)
    return values


def _derived(columns: Columns, codes: dict[int, Codes], vocabulary: Vocabulary) -> dict[int, Codes]:
    """Codes of places, years and bands."""
    locations = columns.coded["location_id"]
    places = [vocabulary.places.code_of(*columns.points.get(value or "", (None, None))) for value in locations.values]
    kilometres = columns.whole["odometer_km"]
    bands_of = np.where(kilometres == ABSENT, ABSENT, np.searchsorted(np.array(EDGES), kilometres, side="right"))
    return {
        PLACE: np.array(places, np.uint32)[locations.codes],
        MODEL_YEAR: _learned(columns.whole["model_year"], vocabulary.years.code),
        PRICE_BAND: _price_bands(columns, vocabulary),
        ODOMETER_BAND: _learned(bands_of, vocabulary.odometer_bands.code),
    }


def _learned(values: Whole, code: Callable[[int], int]) -> Codes:
    """The code of each number that is not ABSENT."""
    different, which = np.unique(values, return_inverse=True)
    now = [0 if value == ABSENT else code(value) for value in different.tolist()]
    return np.array(now, np.uint32)[which.reshape(-1)]


def _price_bands(columns: Columns, vocabulary: Vocabulary) -> Codes:
    prices, currencies = columns.whole["price_minor"], columns.coded["price_currency"]
    found = np.zeros(len(prices), np.uint32)
    for number, currency in enumerate(currencies.values):
        if currency is not None:
            chosen = np.flatnonzero((currencies.codes == number) & (prices != ABSENT))
            edges = np.array(EDGES) * 10 ** digits(currency)
            in_bands = np.searchsorted(edges, prices[chosen], side="right").astype(np.int64)

            def code(band: int, currency: str = currency) -> int:
                return vocabulary.price_bands.code((currency, band))

            found[chosen] = _learned(in_bands, code)
    return found


def _attributes(listed: Listed, vocabulary: Vocabulary) -> dict[int, Codes]:
    """A column for each attribute, 0 where a row has none."""
    rows = len(listed.starts) - 1
    column_of, code_of = np.zeros(len(listed.values), np.uint32), np.zeros(len(listed.values), np.uint32)
    for number, pair in enumerate(listed.values):
        if pair is not None:
            column_of[number] = vocabulary.attribute_column(pair[0])
            code_of[number] = vocabulary.attribute_values(int(column_of[number])).code_of(pair[1])
    row_of = np.repeat(np.arange(rows), listed.starts[1:] - listed.starts[:-1])
    columns, codes = column_of[listed.codes], code_of[listed.codes]
    found = {}
    for column in np.unique(column_of[1:]).tolist():
        chosen = np.flatnonzero(columns == column)
        found[column] = np.zeros(rows, np.uint32)
        found[column][row_of[chosen]] = codes[chosen]
    return found


def _options(listed: Listed, vocabulary: Vocabulary) -> tuple[Codes, Codes]:
    """Each row's options, one spelling a value: the first the row has; code 0 alone where there is none."""
    now = np.array([0, *(vocabulary.options.code(value) for value in listed.values[1:])], np.uint32)
    classes = vocabulary.options.class_of(len(vocabulary.options)).astype(np.uint32)
    return first_of_kind(listed.starts, now[listed.codes], classes)
