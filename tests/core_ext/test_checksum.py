"""Checksums are XXH64's, and a page is verified before it is first read."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core_ext.checksum import PAGE_BYTES, Damaged, Pages, checksum, page_sums

M = 2**64 - 1
P1, P2, P3, P4, P5 = (
    0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5
)  # fmt: skip


def turned(value: int, by: int) -> int:
    return (value << by | value >> 64 - by) & M


def rounded(total: int, value: int) -> int:
    return turned((total + value * P2) & M, 31) * P1 & M


def twin(data: bytes, seed: int) -> int:
    """XXH64 as its description tells it."""
    rest, found = data, (seed + P5) & M
    if len(data) >= 32:
        lanes = [(seed + P1 + P2) & M, (seed + P2) & M, seed, (seed - P1) & M]
        while len(rest) >= 32:
            words = [int.from_bytes(rest[i : i + 8], "little") for i in (0, 8, 16, 24)]
            lanes = [rounded(lane, word) for lane, word in zip(lanes, words, strict=True)]
            rest = rest[32:]
        found = sum(turned(lane, by) for lane, by in zip(lanes, (1, 7, 12, 18), strict=True)) & M
        for lane in lanes:
            found = ((found ^ rounded(0, lane)) * P1 + P4) & M
    found = (found + len(data)) & M
    while len(rest) >= 8:
        found = (turned(found ^ rounded(0, int.from_bytes(rest[:8], "little")), 27) * P1 + P4) & M
        rest = rest[8:]
    if len(rest) >= 4:
        found = (turned(found ^ (int.from_bytes(rest[:4], "little") * P1 & M), 23) * P2 + P3) & M
        rest = rest[4:]
    for byte in rest:
        found = turned(found ^ (byte * P5 & M), 11) * P1 & M
    found = (found ^ found >> 33) * P2 & M
    found = (found ^ found >> 29) * P3 & M
    return found ^ found >> 32


def test_known_sums() -> None:
    assert checksum(b"") == 0xEF46DB3751D8E999
    assert checksum(b"a") == 0xD24EC4F1A98C6E5B
    assert checksum(b"abc") == 0x44BC2CF5AD770999


@given(st.binary(max_size=200), st.integers(0, M))
def test_any_sum_is_that_of_the_description(data: bytes, seed: int) -> None:
    assert checksum(data, seed) == twin(data, seed)


def test_a_damaged_page_is_refused_and_the_others_are_read() -> None:
    data = np.random.default_rng(1).integers(0, 256, 3 * PAGE_BYTES + 77).astype(np.uint8)
    sums = page_sums(data, 640)
    assert len(sums) == 4
    data[PAGE_BYTES + 5] ^= 1
    pages = Pages(data, sums, 640)
    assert pages.unverified == 4
    pages.touch(0, PAGE_BYTES)
    pages.touch(7, 7)
    assert pages.unverified == 3
    for start, stop in ((0, PAGE_BYTES + 1), (PAGE_BYTES, PAGE_BYTES + 1), (2 * PAGE_BYTES - 1, len(data))):
        with pytest.raises(Damaged, match="page 1"):
            pages.touch(start, stop)
    pages.touch(2 * PAGE_BYTES, len(data))
    assert pages.unverified == 1
    starts = np.array([0, 10, PAGE_BYTES - 1, PAGE_BYTES + 1, 2 * PAGE_BYTES, len(data)])
    pages.touch_strings(starts, np.array([0, 1, 4], np.uint32))
    with pytest.raises(Damaged):
        pages.touch_strings(starts, np.array([0, 2], np.uint32))
    for outside in (lambda: pages.touch(0, len(data) + 1), lambda: pages.touch(-1, 5)):
        with pytest.raises(IndexError):
            outside()
    for row in (5, 2**32 - 1):
        with pytest.raises(IndexError):
            pages.touch_strings(starts, np.array([row], np.uint32))
    with pytest.raises(ValueError, match="page"):
        Pages(data, sums[:3], 640)


def test_pages_that_changed_places_are_damaged() -> None:
    data = np.repeat(np.arange(2, dtype=np.uint8), PAGE_BYTES)
    sums = page_sums(data, 0)
    with pytest.raises(Damaged):
        Pages(np.roll(data, PAGE_BYTES), np.roll(sums, 1), 0).touch(0, 1)
