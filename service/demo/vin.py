"""Vehicle identification numbers of the demo world: plausible, each valid by its check digit, none twice."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from service.demo.identity import Bytes, Ordinals, digits, scramble

LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ"
YEAR_CODES = "ABCDEFGHJKLMNPRSTVWXY123456789"  # 49 CFR 565.15: thirty years from 1980 on, and again from 2010
PLANTS = "ABCDEFGHJKLMNPRS"
SERIAL_HALF = 4_000
CAPACITY = SERIAL_HALF * SERIAL_HALF  # sixteen plants of a million serial numbers each

_WEIGHTS = np.array([8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2], dtype=np.int32)
_CHECK_CODES = np.frombuffer(b"0123456789X", dtype=np.uint8)
_VALUES = np.zeros(128, dtype=np.int32)
for _group, _first in (("ABCDEFGH", 1), ("JKLMN", 1), ("P", 7), ("R", 9), ("STUVWXYZ", 2), ("0123456789", 0)):
    for _offset, _letter in enumerate(_group):
        _VALUES[ord(_letter)] = _first + _offset


def serials(ordinals: Ordinals, seed: int) -> Ordinals:
    """A number below `CAPACITY` for each vehicle, unique in its world; the plant and serial number of its VIN."""
    return scramble(ordinals, SERIAL_HALF, seed, "vin")


def vins(prefix: Bytes, model_year: NDArray[np.int32], serial: Ordinals) -> Bytes:
    """VINs as ASCII of shape (n, 17).

    `prefix` has shape (n, 8): maker, attributes and engine; the letter at its seventh place tells the years from 2010.
    """
    made = np.empty((len(serial), 17), dtype=np.uint8)
    made[:, :8] = prefix
    made[:, 8] = ord("0")
    made[:, 9] = np.frombuffer(YEAR_CODES.encode(), dtype=np.uint8)[(model_year - 1980) % 30]
    made[:, 10] = np.frombuffer(PLANTS.encode(), dtype=np.uint8)[serial // 1_000_000]
    made[:, 11:] = digits(serial, 6)
    made[:, 8] = _CHECK_CODES[(_VALUES[made] * _WEIGHTS).sum(axis=1) % 11]
    return made
