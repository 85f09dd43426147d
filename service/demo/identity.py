"""Ids and numbers of the demo world: the same seed and ordinal always give the same, and none comes twice."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Ordinals = NDArray[np.int64]
Bytes = NDArray[np.uint8]

FIRST_MILLISECOND = 1_767_225_600_000  # 2026-01-01, so that demo ids sort before the ids of records made later
LISTING_HALF = 10_000


def _mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The output function of SplitMix64 (Steele, Lea, Flood 2014): a bijection of 64-bit values."""
    mixed = values + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


@lru_cache(maxsize=1024)
def _key(seed: int, kind: str) -> np.uint64:
    words = np.frombuffer(kind.encode().ljust(32, b"\0")[:32], dtype="<u8").astype(np.uint64)
    key = np.full(1, seed % 2**64, dtype=np.uint64)
    for word in words:
        key = _mix(key ^ word)
    return np.uint64(key[0])


def uuids(seed: int, kind: str, ordinals: Ordinals) -> Bytes:
    """UUIDs of version 8 (RFC 9562 §5.8) as a C-contiguous array of shape (n, 16); they sort by ordinal.

    `kind` (at most 32 bytes count) keeps the ids of different record types apart; ordinals lie in [0, 2**40).
    """
    key = _key(seed, kind)
    counted = ordinals.astype(np.uint64)
    words = np.empty((len(counted), 2), dtype=">u8")
    first = _mix(counted ^ key)
    words[:, 0] = (counted + np.uint64(FIRST_MILLISECOND)) << np.uint64(16) | first >> np.uint64(52) | np.uint64(0x8000)
    words[:, 1] = _mix(first ^ key) >> np.uint64(2) | np.uint64(0x8000000000000000)
    return words.view(np.uint8)


def uuid_texts(raw: Bytes) -> list[str]:
    """The 36-character texts of `uuids`."""
    digits = raw.tobytes().hex()
    return [
        f"{digits[at : at + 8]}-{digits[at + 8 : at + 12]}-{digits[at + 12 : at + 16]}"
        f"-{digits[at + 16 : at + 20]}-{digits[at + 20 : at + 32]}"
        for at in range(0, len(digits), 32)
    ]


def uuid_text(seed: int, kind: str, ordinal: int) -> str:
    """One id as text."""
    return uuid_texts(uuids(seed, kind, np.array([ordinal], dtype=np.int64)))[0]


def scramble(ordinals: Ordinals, half: int, seed: int, kind: str) -> Ordinals:
    """A keyed permutation of [0, half**2): an additive Feistel network of four rounds.

    Numbers made of it are unique without a memory of the numbers given, and do not tell the ordinal or one another.
    Raises ValueError for an ordinal outside the domain.
    """
    if len(ordinals) and not 0 <= int(ordinals.min()) <= int(ordinals.max()) < half * half:
        raise ValueError(f"only {half * half} numbers of this kind can be told apart")
    left, right = ordinals.astype(np.uint64) // np.uint64(half), ordinals.astype(np.uint64) % np.uint64(half)
    for turn in range(4):
        salt = _key(seed, f"{kind}/{turn}")
        left, right = right, (left + _mix(right ^ salt) % np.uint64(half)) % np.uint64(half)
    return (left * np.uint64(half) + right).astype(np.int64)


def digits(numbers: Ordinals, width: int) -> Bytes:
    """Decimal digits as ASCII, shape (n, width), with leading zeros; higher digits are cut off."""
    powers = 10 ** np.arange(width - 1, -1, -1, dtype=np.int64)
    return (numbers[:, None] // powers % 10 + ord("0")).astype(np.uint8)


def letters(numbers: Ordinals, width: int, alphabet: str) -> Bytes:
    """Numbers written in the base of `alphabet` as ASCII, shape (n, width); higher places are cut off."""
    base = len(alphabet)
    powers = base ** np.arange(width - 1, -1, -1, dtype=np.int64)
    signs = np.frombuffer(alphabet.encode(), dtype=np.uint8)
    spelt: Bytes = signs[numbers[:, None] // powers % base]
    return spelt


def texts(raw: Bytes) -> list[str]:
    """Rows of ASCII of shape (n, width) as text, without trailing NUL."""
    width = raw.shape[1]
    return np.ascontiguousarray(raw).view(f"S{width}")[:, 0].astype(f"U{width}").tolist()  # type: ignore[no-any-return]
