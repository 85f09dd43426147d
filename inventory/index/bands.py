"""Buckets of prices, odometers and years: fixed narrow bands that are counted exactly and joined to a few buckets."""

from __future__ import annotations

import functools
from bisect import bisect_right
from collections.abc import Callable, Hashable
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from domain.kit.money import digits
from inventory.index.dictionary import Codes

MOST_BUCKETS = 10
_STEPS = (1_000, 1_250, 1_500, 1_750, 2_000, 2_500, 3_000, 3_500, 4_000, 5_000, 6_000, 7_000, 8_000, 9_000)
EDGES = tuple(step * 10**decade // 1_000 for decade in range(3, 12) for step in _STEPS)
"""Where a band of prices (whole currency units) or kilometres begins: 1,000, 1,250, 1,500 … in every power of ten."""
_OPEN = -(1 << 62)
"""Where the band begins that is open below; never shown."""

K = TypeVar("K", bound=Hashable)


class Scale(NamedTuple):
    """The bands of a facet in ascending order."""

    known: int
    """How many codes there were when it was made."""
    codes: NDArray[np.int64]
    starts: NDArray[np.int64]


def band_of(value: int) -> int:
    """The band of a number: 0 below EDGES[0], i from EDGES[i - 1]."""
    return bisect_right(EDGES, value)


def price_band(minor: int, currency: str) -> int:
    """The band of a price in minor units."""
    return bisect_right(_scaled(currency), minor)


@functools.cache
def _scaled(currency: str) -> list[int]:
    scale: int = 10 ** digits(currency)
    return [edge * scale for edge in EDGES]


def price_scale(bands: Codes[tuple[str, int]], currency: str) -> Scale:
    """The price bands of a currency."""
    return _scale(bands, currency, lambda band: _start(band[1]) if band[0] == currency else None)


def odometer_scale(bands: Codes[int]) -> Scale:
    """The bands of kilometres."""
    return _scale(bands, None, _start)


def year_scale(years: Codes[int]) -> Scale:
    """Every year is a band."""
    return _scale(years, None, lambda year: year)


def _start(band: int) -> int:
    """The edge where a band begins."""
    return EDGES[band - 1] if band else _OPEN


def _scale(codes: Codes[K], key: Hashable, start: Callable[[K], int | None]) -> Scale:
    """The scale that was made last, or another if there are more codes by now; `start` is None for no band of it."""
    known = codes.learned
    scale: Scale | None = codes.derived.get(key)
    if scale is None or scale.known != known:
        found = []
        for code in range(1, known):
            value = codes.values[code]
            if value is not None and (begins := start(value)) is not None:
                found.append((begins, code))
        found.sort()
        ordered = np.array(found, np.int64).reshape(-1, 2)
        scale = Scale(known, np.ascontiguousarray(ordered[:, 1]), np.ascontiguousarray(ordered[:, 0]))
        codes.derived[key] = scale
    return scale
