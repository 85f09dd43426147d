"""Registration numbers of used cars in the form of their country, none twice in its country."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from service.demo.identity import Bytes, Ordinals, digits, letters, scramble

WIDTH = 10
HALF = 10_000
ALPHABET = "ABCDEFGHJKLMNPRSTUVWXYZ"
GERMAN_DISTRICTS = ("B", "M", "HH", "K", "F", "S", "D", "DO", "E", "L", "HB", "DD", "H", "N", "DU", "BO", "W", "BI",
                    "BN", "MS")  # fmt: skip
BRITISH_YEARS = ("12", "62", "13", "63", "14", "64", "15", "65", "16", "66", "17", "67", "18", "68", "19", "69")


def numbers(ordinals: Ordinals, seed: int, country: NDArray[np.int8], registered: NDArray[np.bool_]) -> Bytes:
    """Numbers as ASCII of shape (n, 10), NUL where not registered; `country` 0 is the US, 1 Germany, 2 Great Britain.

    ABC-1234, B-AB 1234 and AB12 CDE; ordinals lie below 10**8.
    """
    number = scramble(ordinals, HALF, seed, "registration")
    made = np.zeros((len(ordinals), WIDTH), dtype=np.uint8)
    american = np.flatnonzero(registered & (country == 0))
    made[american, :3] = letters(number[american] // 10_000, 3, ALPHABET)
    made[american, 3] = ord("-")
    made[american, 4:8] = digits(number[american], 4)
    for at in np.flatnonzero(registered & (country > 0)).tolist():
        text = (_german if country[at] == 1 else _british)(int(number[at])).encode()
        made[at, : len(text)] = np.frombuffer(text, dtype=np.uint8)
    return made


def _spelt(number: int, width: int) -> str:
    base = len(ALPHABET)
    return "".join(ALPHABET[number // base**place % base] for place in reversed(range(width)))


def _german(number: int) -> str:
    rest, figures = divmod(number, 9_999)
    district, pair = divmod(rest, len(ALPHABET) ** 2)
    return f"{GERMAN_DISTRICTS[district]}-{_spelt(pair, 2)} {figures + 1}"


def _british(number: int) -> str:
    rest, ending = divmod(number, len(ALPHABET) ** 3)
    year, area = divmod(rest, len(ALPHABET) ** 2)
    return f"{_spelt(area, 2)}{BRITISH_YEARS[year]} {_spelt(ending, 3)}"
