"""The generated stock as the index takes it in: codes, ids and JSON written by whole columns."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Hashable, Iterable
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
import numpy as np
from numpy.typing import NDArray

from bench.search.stock import FIRST_YEAR, LOCATIONS, SEED, TODAY, Column, Stock
from core_ext.columns import ABSENT
from inventory.index import StockIndex
from inventory.index.bands import band_of
from inventory.index.dictionary import Codes
from inventory.index.numbers import NumberIndex, Texts
from inventory.index.table import Arena, RowTable
from inventory.index.vocabulary import COLUMN, MODEL_YEAR, ODOMETER_BAND, PLACE, PRICE_BAND, Vocabulary

MOST_WITH_LONG_JSON = 2_000_000
"""Beyond, a vehicle's JSON holds its id and numbers only, so that ten million fit into memory."""
_FIRST_INSTANT, _INSTANTS_APART = 0x0190_0000_0000, 7
Bytes = NDArray[np.uint8]


class Filled(NamedTuple):
    """An index with the stock, and what it costs beside the JSON."""

    stock: StockIndex
    ids: Bytes
    """The id of each vehicle by its number, ascending: 16 bytes."""
    json_bytes: int
    bytes_a_vehicle: float
    """Memory that the process keeps more than before, less the JSON."""


def filled(stock: Stock) -> Filled:
    """The index of the stock as a load would leave it."""
    ids = _ids(stock.rows)
    _tidy()
    before = _resident()
    index = StockIndex(secret=b"bench", today=lambda: TODAY)
    vocabulary = Vocabulary()
    table = _table(stock, ids, vocabulary)
    json_bytes = len(table.fragments.blob)
    vocabulary.index_words()
    index.take(table, vocabulary, "1")
    del table
    _tidy()
    return Filled(index, ids, json_bytes, (_resident() - before - json_bytes) / max(stock.rows, 1))


def id_of(ids: Bytes, number: int) -> str:
    """The id of a vehicle."""
    return str(UUID(bytes=ids[number].tobytes()))


def number_of(text: str) -> int:
    """Which vehicle an id names: it is made at that instant."""
    return (int(text.replace("-", "")[:12], 16) - _FIRST_INSTANT) // _INSTANTS_APART


def _table(stock: Stock, ids: Bytes, vocabulary: Vocabulary) -> RowTable:
    columns, rows = stock.columns, stock.rows
    texts = {name: stock.values[name] for name in stock.values}
    codes = {COLUMN[name]: _coded(vocabulary.text(name), values)[columns[name]] for name, values in texts.items()}
    dealers = [f"00000000-0000-4000-9000-{dealer:012x}" for dealer in stock.network.dealers.tolist()]
    codes[COLUMN["dealer_account_id"]] = _coded(vocabulary.text("dealer_account_id"), dealers)[columns["location_id"]]
    for name, text in (("brand", "OWN"), ("price_currency", "USD")):
        codes[COLUMN[name]] = np.full(rows, vocabulary.text(name).code(text), np.uint32)
    points = [vocabulary.places.code_of(*point) for point in stock.network.locations.tolist()]
    codes[PLACE] = np.array(points, np.uint32)[columns["location_id"]]
    years = range(FIRST_YEAR, FIRST_YEAR + stock.codes("model_year"))
    codes[MODEL_YEAR] = _coded(vocabulary.years, _present(years, columns["model_year"]))[columns["model_year"]]
    bands = [("USD", band) for band in range(stock.codes("price_band"))]
    codes[PRICE_BAND] = _coded(vocabulary.price_bands, _present(bands, columns["price_band"]))[columns["price_band"]]
    odometers, back = np.unique(columns["odometer_km"], return_inverse=True)
    of_value = np.array([band_of(value) for value in odometers.tolist()])
    codes[ODOMETER_BAND] = _coded(vocabulary.odometer_bands, _present(range(200), of_value))[of_value[back]]
    starts, options = _options(columns["options"], vocabulary)
    long_json = rows <= MOST_WITH_LONG_JSON
    fragments, cut = _fragments(ids, long_json)
    return RowTable(
        rows=rows,
        codes=codes,
        option_starts=starts,
        options=options,
        ints=(
            columns["price"].astype(np.int64),
            columns["model_year"].astype(np.int64) + FIRST_YEAR,
            columns["odometer_km"].astype(np.int64),
            columns["in_stock_since"].astype(np.int64),
            np.full(rows, ABSENT, np.int64),
        ),
        network=np.ones(rows, np.bool_),
        shown=np.ones(rows, np.bool_),
        ids=ids,
        fragments=fragments,
        cuts=np.full(rows, cut, np.uint32),
        open_words=_words(_digits(rows)),
        guarded_words=_words(_vins(rows)),
    )


def _present(values: Iterable[Any], codes: Column) -> list[Any]:
    """The values that some vehicle has, None for the others: they shall not get a code."""
    seen = np.bincount(codes, minlength=1)
    return [value if at < len(seen) and seen[at] else None for at, value in enumerate(values)]


def _coded(dictionary: Codes[Any], values: Iterable[Hashable]) -> NDArray[np.uint32]:
    """The code that the index gives to each of our codes."""
    return np.array([dictionary.code(value) for value in values], np.uint32)


def _options(words: Column, vocabulary: Vocabulary) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """Lists of option codes, code 0 alone where there is none."""
    codes = _coded(vocabulary.options, (f"Option {option}" for option in range(64)))
    counts = np.maximum(np.bitwise_count(words), 1).astype(np.int64)
    starts = np.concatenate(([0], np.cumsum(counts)))
    found = np.zeros(starts[-1], np.uint32)
    step = 500_000
    for first in range(0, len(words), step):
        part = words[first : first + step]
        bits = np.unpackbits(part.view(np.uint8).reshape(len(part), 8), axis=1, bitorder="little")
        rows, options = np.nonzero(bits)
        inside = np.arange(len(rows)) - np.searchsorted(rows, rows)
        found[starts[first + rows] + inside] = codes[options]
    return starts.astype(np.uint32), found


def _ids(rows: int) -> Bytes:
    """UUIDs of version 7, ascending as they are made: an instant a vehicle, the rest random."""
    rng = np.random.default_rng([SEED, 3])
    ids = rng.integers(0, 256, (rows, 16), np.uint8)
    instants = (_FIRST_INSTANT + np.arange(rows, dtype=np.uint64) * _INSTANTS_APART).astype(">u8")
    ids[:, :6] = instants.view(np.uint8).reshape(rows, 8)[:, 2:]
    ids[:, 6] = ids[:, 6] & 0x0F | 0x70
    ids[:, 8] = ids[:, 8] & 0x3F | 0x80
    return ids


def _uuid_text(ids: Bytes) -> Bytes:
    """The ids as 36 characters."""
    digits = np.frombuffer(b"0123456789abcdef", np.uint8)
    text = np.full((len(ids), 36), ord("-"), np.uint8)
    places = [place for place in range(36) if place not in (8, 13, 18, 23)]
    text[:, places[0::2]] = digits[ids >> 4]
    text[:, places[1::2]] = digits[ids & 15]
    return text


def _digits(rows: int) -> Bytes:
    """Listing numbers of eight digits."""
    numbers = np.arange(rows)
    return np.stack([numbers // 10**place % 10 + ord("0") for place in range(7, -1, -1)], axis=1).astype(np.uint8)


def _vins(rows: int) -> Bytes:
    """Words like folded VINs: seventeen letters and digits."""
    letters = np.frombuffer(b"abcdefghjklmnprstuvwxyz0123456789", np.uint8)
    vins = letters[np.random.default_rng([SEED, 4]).integers(0, len(letters), (rows, 17))]
    vins[:, 9:] = _digits(rows)
    return vins


def _words(texts: Bytes) -> NumberIndex:
    """One number a vehicle."""
    return NumberIndex.of(len(texts), Texts(*_arena(texts), np.arange(len(texts), dtype=np.uint32)))


def _arena(texts: Bytes) -> Arena:
    """Texts of one length."""
    rows, length = texts.shape
    return Arena(np.ascontiguousarray(texts).ravel(), np.arange(rows + 1, dtype=np.int64) * length)


def _fragments(ids: Bytes, long_json: bool) -> tuple[Arena, int]:
    """The JSON of each vehicle: its own id and listing number, all else as usual cars have it."""
    said: dict[str, Any] = {"id": "-" * 36, "listing_number": "0" * 8}
    if long_json:
        said |= {
            "brand": "OWN", "make": "Toyota", "model": "Corolla Cross", "trim": "XLE", "model_year": 2024,
            "model_code": "6304", "body_style": "SUV", "drivetrain": "AWD", "fuel_type": "HYBRID",
            "transmission": "CVT", "exterior_color": "Blue", "interior_color": "Black", "condition": "USED",
            "status": "IN_STOCK", "holds": [], "visibility": "PUBLIC", "available_on": None,
            "price": {"amount": "27995.00", "currency": "USD"}, "price_tax": "EXCLUDED",
            "odometer": {"value": 31_204, "unit": "KM", "status": "ACTUAL"}, "odometer_km": 31_204,
            "options": ["Sunroof", "Navigation", "Heated seats"], "attributes": {"seats": 5}, "photos": [],
            "location_id": f"00000000-0000-4000-8000-{LOCATIONS:012x}",
            "dealer_account_id": "00000000-0000-4000-9000-000000000001", "in_stock_since": "2026-09-14", "version": 1,
        }  # fmt: skip
    guarded = {"vin": "0" * 17, "registration_number": None, "stock_number": "0" * 8}
    head, tail = msgspec.json.encode(said)[:-1], b"," + msgspec.json.encode(guarded)[1:-1]
    blob = np.tile(np.frombuffer(head + tail, np.uint8), (len(ids), 1))
    first = head.index(b"-" * 36)
    blob[:, first : first + 36] = _uuid_text(ids)
    first = head.index(b"0" * 8)
    blob[:, first : first + 8] = _digits(len(ids))
    return _arena(blob), len(head)


def _tidy() -> None:
    """Gives freed memory back to the system, so that what is resident is in use."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)


def _resident() -> int:
    """Bytes of memory that the process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096
