"""The loops over blocks answer at every level as numpy does, and stay within the rows that they are given."""

from __future__ import annotations

import ctypes
import mmap
import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from core_ext import level, loops

ROWS = 4096
Words = NDArray[np.uint64]
Array = NDArray[Any]
SIZES = st.one_of(st.sampled_from([0, 1, 31, 32, 33, 63, 64, 65, 127, 4064, 4065, 4095, 4096]), st.integers(0, ROWS))
SEEDS = st.integers(0, 2**32)
NUMBERS = ["uint8", "uint16", "int32", "int64"]
CODES = ["uint8", "uint16", "uint32"]


CHOSEN = (level.in_use(),) if os.environ.get(level.VARIABLE) else level.LEVELS


@pytest.fixture(autouse=True, params=CHOSEN, scope="module")
def chosen_level(request: pytest.FixtureRequest) -> Iterator[None]:
    before = level.in_use()
    level.use(request.param)
    yield
    level.use(before)


def masks_of(rows: Array) -> Words:
    """Blocks × 4,096 booleans as masks that begin where no register would."""
    packed = np.packbits(rows, axis=1, bitorder="little").view("<u8")
    room = np.zeros(packed.size + 1, np.uint64)
    shifted = room[1:].reshape(packed.shape)
    shifted[:] = packed
    return shifted


def rows_of(masks: Words) -> Array:
    return np.unpackbits(np.ascontiguousarray(masks).view(np.uint8), axis=1, bitorder="little").astype(bool)


@st.composite
def some_masks(draw: st.DrawFn, count: int) -> list[Array]:
    """So many times two blocks of rows: none, all, few, many, a run of them."""
    rng = np.random.default_rng(draw(SEEDS))
    drawn = []
    for _ in range(count):
        density = draw(st.sampled_from([0.0, 0.001, 0.05, 0.5, 0.99, 1.0]))
        rows = rng.random((2, ROWS)) < density
        if draw(st.booleans()):
            rows[0, slice(*sorted(rng.integers(0, ROWS + 1, 2)))] = draw(st.booleans())
        drawn.append(rows)
    return drawn


@given(some_masks(2))
def test_rows_are_counted(drawn: list[Array]) -> None:
    mask, other = drawn
    assert loops.count(masks_of(mask)) == mask.sum()
    assert loops.count_both(masks_of(mask), masks_of(other)) == (mask & other).sum()
    assert loops.count_less(masks_of(mask), masks_of(other)) == (mask & ~other).sum()
    assert loops.blocks_with_any(masks_of(mask)) == mask.any(axis=1).sum()


@given(some_masks(2))
def test_masks_are_combined(drawn: list[Array]) -> None:
    mask, other = drawn
    for combine, expected in ((loops.and_into, mask & other), (loops.and_not_into, mask & ~other)):
        changed = masks_of(mask)
        assert combine(masks_of(other), changed) == expected.any(axis=1).sum()
        np.testing.assert_array_equal(rows_of(changed), expected)
    changed = masks_of(mask)
    loops.or_into(masks_of(other), changed)
    np.testing.assert_array_equal(rows_of(changed), mask | other)
    out = masks_of(np.ones((2, ROWS), bool))
    assert loops.and_of(masks_of(mask), masks_of(other), out) == (mask & other).any(axis=1).sum()
    np.testing.assert_array_equal(rows_of(out), mask & other)
    changed = masks_of(mask)
    loops.and_of(changed, masks_of(other), changed)
    np.testing.assert_array_equal(rows_of(changed), mask & other)


@given(some_masks(4))
def test_failed_groups_are_counted_up_to_two_and_one_of_them_is_left_out(drawn: list[Array]) -> None:
    alive, *groups = drawn
    once, twice = masks_of(~alive), masks_of(~alive)  # what is not alive has failed for good
    for group in groups:
        loops.fail(masks_of(alive), masks_of(group), once, twice)
    failures = sum((alive & ~group).astype(int) for group in groups)
    np.testing.assert_array_equal(rows_of(once), (failures >= 1) | ~alive)
    np.testing.assert_array_equal(rows_of(twice), (failures >= 2) | ~alive)
    for left_out in range(len(groups)):
        others = [group for place, group in enumerate(groups) if place != left_out]
        expected = alive & np.logical_and.reduce(others)
        out = masks_of(alive)
        assert loops.but_one(once, twice, masks_of(groups[left_out]), out) == expected.sum()
        np.testing.assert_array_equal(rows_of(out), expected)


@st.composite
def some_numbers(draw: st.DrawFn, kinds: list[str]) -> Array:
    """Two blocks of rows: values all over the type or close together, its ends among them."""
    kind = np.dtype(draw(st.sampled_from(kinds)))
    rng = np.random.default_rng(draw(SEEDS))
    limits = np.iinfo(kind)
    everywhere, low, high = (limits.min, limits.max), (limits.min, limits.min + 3), (limits.max - 3, limits.max)
    reach = draw(st.sampled_from([everywhere, low, high, (0, 3)]))
    return rng.integers(*reach, size=(2, draw(SIZES)), dtype=kind, endpoint=True)


def expected_rows(before: Array, found: Array) -> Array:
    after = before.copy()
    after[:, : found.shape[1]] |= found
    return after


@given(some_numbers(NUMBERS), some_masks(1), st.data())
def test_rows_within_a_range_are_added(values: Array, drawn: list[Array], data: st.DataObject) -> None:
    limits = np.iinfo(values.dtype)
    held = [int(values.flat[0])] if values.size else [0]
    ends = st.one_of(st.sampled_from([limits.min, limits.max, *held]), st.integers(int(limits.min), int(limits.max)))
    low, high = data.draw(ends), data.draw(ends)
    out = masks_of(drawn[0])
    loops.in_range(values, low, high, out)
    np.testing.assert_array_equal(rows_of(out), expected_rows(drawn[0], (values >= low) & (values <= high)))


@given(some_numbers(CODES), some_masks(1), SEEDS)
def test_rows_with_a_code_are_added(codes: Array, drawn: list[Array], seed: int) -> None:
    code = codes.flat[seed % codes.size] if codes.size else codes.dtype.type(seed % 7)
    out = masks_of(drawn[0])
    loops.equal(codes, int(code), out)
    np.testing.assert_array_equal(rows_of(out), expected_rows(drawn[0], codes == code))


@given(st.sampled_from(CODES), SIZES, some_masks(1), SEEDS, st.sampled_from([0.0, 0.1, 0.5, 1.0]))
def test_rows_whose_code_is_in_a_table_are_added(
    kind: str, rows: int, drawn: list[Array], seed: int, share: float
) -> None:
    rng = np.random.default_rng(seed)
    size = 256 if kind == "uint8" else int(rng.choice([1, 2, 3, 4, 100, 1000, 65_536]))
    codes = rng.integers(0, size, (2, rows), dtype=kind)
    table = (rng.random(size) < share).astype(np.uint8)
    out = masks_of(drawn[0])
    needed = 256 if kind == "uint8" else int(codes.max(initial=0)) + 1
    loops.in_table(codes, table[:needed].copy(), out)
    np.testing.assert_array_equal(rows_of(out), expected_rows(drawn[0], table[codes].astype(bool)))


@given(st.sampled_from([8, 64]), SIZES, some_masks(2), SEEDS)
def test_rows_whose_code_is_in_a_set_are_added(words: int, rows: int, drawn: list[Array], seed: int) -> None:
    before, members = drawn
    codes = np.random.default_rng(seed).integers(0, words * 64, (2, rows), dtype=np.uint16)
    out = masks_of(before)
    loops.in_set(codes, masks_of(members)[0, :words].copy(), out)
    np.testing.assert_array_equal(rows_of(out), expected_rows(before, members[0, codes]))


@given(st.integers(1, 5), SIZES, some_masks(1), SEEDS)
def test_codes_are_counted_on_their_planes(bits: int, rows: int, drawn: list[Array], seed: int) -> None:
    codes = np.random.default_rng(seed).integers(0, 1 << bits, (2, rows), dtype=np.uint8)
    planes = np.full((2, bits, 64), seed, np.uint64)
    loops.planes_of(codes, planes)
    padded = np.zeros((2, ROWS), np.uint8)
    padded[:, :rows] = codes
    for bit in range(bits if rows else 0):
        np.testing.assert_array_equal(rows_of(planes[:, bit]), (padded >> bit) & 1)
    if rows:
        counters = np.arange(1 << bits, dtype=np.int64)
        loops.count_planes(planes, masks_of(drawn[0]), counters)
        expected = np.arange(1 << bits) + np.bincount(padded[drawn[0]], minlength=1 << bits)
        np.testing.assert_array_equal(counters, expected)


@given(some_masks(1), SEEDS, st.one_of(st.integers(0, 70), st.sampled_from([255, 256, 4096])))
def test_listed_rows_are_added_and_counted(drawn: list[Array], seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    rows = np.sort(np.array([rng.choice(ROWS, count, replace=False) for _ in range(2)]).astype(np.uint16), axis=1)
    out = masks_of(drawn[0])
    assert loops.count_rows(rows, out) == np.take_along_axis(drawn[0], rows.astype(int), 1).sum()
    loops.set_rows(rows, out)
    listed = np.zeros((2, ROWS), bool)
    np.put_along_axis(listed, rows.astype(int), True, 1)
    np.testing.assert_array_equal(rows_of(out), drawn[0] | listed)


@given(some_masks(1), SEEDS, SIZES)
def test_codes_are_looked_up_in_a_table_of_numbers(drawn: list[Array], seed: int, size: int) -> None:
    rng = np.random.default_rng(seed)
    chosen, codes = drawn[0].copy(), rng.integers(0, 3_000, (2, size)).astype(np.uint16)
    chosen[:, size:] = False
    table = rng.integers(0, 500, 3_000).astype(np.float64)
    table[rng.integers(0, 3_000, 20)] = np.inf
    found = np.where(chosen[:, :size], table[codes], np.inf)
    assert loops.least(codes, masks_of(chosen), table) == found.min(initial=np.inf)
    limit, masks = float(rng.integers(0, 500)), masks_of(chosen)
    loops.at_most(codes, table, limit, masks)
    np.testing.assert_array_equal(rows_of(masks)[:, :size], found <= limit)


@given(some_masks(1))
def test_set_rows_are_listed_in_ascending_order(drawn: list[Array]) -> None:
    rows = np.zeros((2, ROWS), np.uint16)
    assert loops.extract(masks_of(drawn[0]), rows) == drawn[0].sum()
    for block in range(2):
        expected = np.flatnonzero(drawn[0][block])
        np.testing.assert_array_equal(rows[block, : len(expected)], expected)


@pytest.fixture(scope="module")
def edge() -> Iterator[Array]:
    """Bytes right after which nothing may be touched: the next page is closed."""
    room = mmap.mmap(-1, 16 * mmap.PAGESIZE)
    address = ctypes.addressof(ctypes.c_char.from_buffer(room))
    libc = ctypes.CDLL(None, use_errno=True)
    last = ctypes.c_void_p(address + 15 * mmap.PAGESIZE)
    assert libc.mprotect(last, ctypes.c_size_t(mmap.PAGESIZE), 0) == 0
    yield np.frombuffer(room, np.uint8)[: 15 * mmap.PAGESIZE]
    assert libc.mprotect(last, ctypes.c_size_t(mmap.PAGESIZE), 3) == 0


def at_the_edge(edge: Array, array: Array) -> Array:
    held = edge[edge.size - array.nbytes :].view(array.dtype).reshape(array.shape)
    held[:] = array
    return held


@pytest.mark.parametrize("rows", [1, 7, 33, 63, 64, 65, 100, 4095, 4096])
def test_nothing_is_read_beyond_the_rows(edge: Array, rows: int) -> None:
    rng = np.random.default_rng(rows)
    for kind in ("uint8", "uint16", "int32", "uint32", "int64"):
        values = at_the_edge(edge, rng.integers(0, 100, (1, rows), dtype=kind))
        out = np.zeros((1, 64), np.uint64)
        if kind in NUMBERS:
            loops.in_range(values, 0, 100, out)
        if kind in CODES:
            loops.equal(values, 5, out)
            loops.in_table(values, np.ones(256, np.uint8), out)
        if kind == "uint16":
            loops.in_set(values, np.zeros(8, np.uint64), out)
            loops.in_set(values, np.zeros(64, np.uint64), out)
            loops.count_rows(values, out)
            loops.set_rows(values, out)
            chosen = masks_of(np.arange(ROWS)[None, :] < rows)
            loops.least(values, chosen, np.zeros(100))
            loops.at_most(values, np.zeros(100), 1.0, chosen)
        if kind == "uint8":
            loops.planes_of(values, np.zeros((1, 5, 64), np.uint64))
        expected = np.ones(rows, bool) if kind != "uint32" else values[0] >= 0
        np.testing.assert_array_equal(rows_of(out)[0, :rows], expected)
    for kind in ("uint16", "uint32"):
        codes = rng.integers(0, rows, (1, 300), dtype=kind)
        table = at_the_edge(edge, np.ones(int(codes.max()) + 1, np.uint8))
        loops.in_table(codes, table, out)
    room = at_the_edge(edge, np.zeros((1, ROWS), np.uint16))
    loops.extract(masks_of(rng.random((1, ROWS)) < rows / ROWS), room)
