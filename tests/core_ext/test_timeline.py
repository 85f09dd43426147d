"""Rows of bits are sets of cells: filled, searched for runs and read like them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from core_ext import timeline

Ranges = list[tuple[int, int]]
WORDS = st.integers(1, 4)
CELLS = st.integers(-70, 330)
RANGES = st.lists(st.tuples(CELLS, CELLS), max_size=8)
LENGTHS = st.one_of(st.integers(1, 70), st.sampled_from([63, 64, 65, 127, 128, 129, 191, 192, 193, 256, 257, 10_000]))
FIRST = 5_000_000 // 64 * 64


def array(ranges: Ranges) -> NDArray[np.int32]:
    return np.array(ranges, np.int32).reshape(-1, 2) + np.int32(FIRST)


def cells_in(row: NDArray[np.uint64]) -> set[int]:
    return set(np.flatnonzero(np.unpackbits(row.view(np.uint8), bitorder="little")).tolist())


def cells_of(ranges: Ranges, words: int) -> set[int]:
    return {cell for begin, end in ranges for cell in range(max(begin, 0), min(end, words * 64))}


@given(WORDS, st.lists(st.tuples(st.integers(0, 2), st.booleans(), RANGES), max_size=6))
def test_filled_rows_are_sets_of_cells(words: int, steps: list[tuple[int, bool, Ranges]]) -> None:
    rows = np.zeros((3, words), np.uint64)
    twin: list[set[int]] = [set(), set(), set()]
    for row, value, ranges in steps:
        timeline.fill(rows, row, array(ranges), FIRST, value)
        cells = cells_of(ranges, words)
        twin[row] = twin[row] | cells if value else twin[row] - cells
    assert [cells_in(row) for row in rows] == twin


@given(WORDS, st.lists(st.tuples(st.integers(0, 2), st.tuples(CELLS, CELLS)), max_size=9), st.booleans())
def test_many_rows_are_filled_like_one_after_the_other(
    words: int, steps: list[tuple[int, tuple[int, int]]], value: bool
) -> None:
    rows = np.full((3, words), 0 if value else 2**64 - 1, np.uint64)
    singly = rows.copy()
    which, ranges = np.array([row for row, _ in steps], np.uint32), [one for _, one in steps]
    timeline.fill_rows(rows, which, array(ranges), FIRST, value)
    for row, one in steps:
        timeline.fill(singly, row, array([one]), FIRST, value)
    assert (rows == singly).all()


@given(WORDS, RANGES, LENGTHS)
def test_a_run_is_so_many_cells_in_a_row(words: int, ranges: Ranges, length: int) -> None:
    rows = np.zeros((1, words), np.uint64)
    timeline.fill(rows, 0, array(ranges), FIRST, True)
    cells = cells_in(rows[0])
    expected = {cell for cell in cells if all(cell + i in cells for i in range(length))}
    assert cells_in(timeline.runs(rows[0], length)) == expected
    assert timeline.cells_of(rows[0], FIRST).tolist() == [FIRST + cell for cell in sorted(cells)]


@given(
    WORDS,
    st.lists(RANGES, max_size=4),
    st.integers(0, 400),
    st.one_of(st.none(), st.tuples(st.integers(-70, 330), st.integers(-1, 4))),
)
def test_a_page_goes_on_behind_the_last_one(
    words: int, lines: list[Ranges], limit: int, after: tuple[int, int] | None
) -> None:
    bits = np.zeros((len(lines), words), np.uint64)
    for line, ranges in enumerate(lines):
        timeline.fill(bits, line, array(ranges), FIRST, True)
    found = timeline.Starts(bits, FIRST)
    every = sorted((cell, line) for line, ranges in enumerate(lines) for cell in cells_of(ranges, words))
    if after is None:
        page, expected = found.page(limit), every
    else:
        page = found.page(limit, FIRST + after[0], after[1])
        expected = [one for one in every if one > after]
    assert [(cell - FIRST, line) for cell, line in zip(*map(np.ndarray.tolist, page), strict=True)] == expected[:limit]
    each = [sorted(cells_of(ranges, words)) for ranges in lines]
    assert found.counts().tolist() == [len(cells) for cells in each]
    assert found.firsts().tolist() == [FIRST + cells[0] if cells else -1 for cells in each]
    assert [found.cells(line).tolist() for line in range(len(lines))] == [[FIRST + c for c in cells] for cells in each]


def test_what_does_not_fit_the_rows_is_refused() -> None:
    rows = np.zeros((2, 1), np.uint64)
    for row in (-1, 2):
        with pytest.raises(IndexError):
            timeline.fill(rows, row, array([]), FIRST, True)
    with pytest.raises(ValueError, match="first cell"):
        timeline.fill(rows, 0, np.zeros((1, 3), np.int32), FIRST, True)
    with pytest.raises(IndexError):
        timeline.fill_rows(rows, np.array([0, 2], np.uint32), array([(0, 1), (0, 1)]), FIRST, True)
    assert not rows.any()
    with pytest.raises(ValueError, match="its row"):
        timeline.fill_rows(rows, np.array([0], np.uint32), array([]), FIRST, True)
    with pytest.raises(ValueError, match="at least one"):
        timeline.runs(rows[0], 0)
    with pytest.raises(IndexError):
        timeline.Starts(rows, FIRST).cells(2)
    with pytest.raises(ValueError, match="no less"):
        timeline.Starts(rows, FIRST).page(-1)
    timeline.fill(np.zeros((1, 0), np.uint64), 0, array([(0, 9)]), FIRST, True)
