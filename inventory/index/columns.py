"""Vehicles as columns of equal length: what a full load reads and an index is built of."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from inventory.index.numbers import Texts

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
