"""Buckets of prices, odometers and years: fixed narrow bands that are counted exactly and joined to a few buckets."""

from __future__ import annotations

import functools
import math
from bisect import bisect_right
from collections.abc import Sequence

from domain.kit.money import digits
from inventory.criteria import FacetCount

MOST_BUCKETS = 10
_STEPS = (1_000, 1_250, 1_500, 1_750, 2_000, 2_500, 3_000, 3_500, 4_000, 5_000, 6_000, 7_000, 8_000, 9_000)
EDGES = tuple(step * 10**decade // 1_000 for decade in range(3, 12) for step in _STEPS)
"""Where a band of prices (whole currency units) or kilometres begins: 1,000, 1,250, 1,500 … in every power of ten."""


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


def band_start(band: int) -> int | None:
    """The edge where a band begins; None for the one open below."""
    return EDGES[band - 1] if band else None


def buckets(bands: Sequence[tuple[int | None, int]]) -> list[FacetCount]:
    """At most MOST_BUCKETS buckets from (where the band begins, count > 0), ascending; None for the band open below.

    Neighbouring bands are joined until a bucket has its equal share, so that the edges follow the stock and not its
    outliers; the first and the last bucket are open, so that every number lies in one.
    """
    share = 1 if len(bands) <= MOST_BUCKETS else math.ceil(sum(count for _, count in bands) / MOST_BUCKETS)
    starts: list[int | None] = []
    counts: list[int] = []
    for start, count in bands:
        if not counts or counts[-1] >= share:
            starts.append(start if starts else None)
            counts.append(0)
        counts[-1] += count
    ends = [*starts[1:], None][: len(starts)]
    return [FacetCount(gte=start, lt=end, count=count) for start, end, count in zip(starts, ends, counts, strict=True)]
