"""Columns keep what they are given, in the narrowest form, and refuse what would lead a scan astray."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core_ext.columns import ABSENT, CodeColumn, IntColumn, gather_lists


def u32(values: list[int]) -> np.ndarray[tuple[int], np.dtype[np.uint32]]:
    return np.array(values, np.uint32)


@pytest.mark.parametrize(
    ("size", "kind"), [(256, np.uint8), (257, np.uint16), (65_536, np.uint16), (65_537, np.uint32)]
)
def test_codes_are_kept_in_the_narrowest_type(size: int, kind: type) -> None:
    column = CodeColumn(u32([0, size - 1]), size)
    assert column.arrays["codes"].dtype == kind
    assert column.codes().tolist() == [0, size - 1]
    assert column.nbytes > 0


@given(st.lists(st.integers(0, 31), max_size=300), st.sampled_from([32, 33, 300]), st.booleans())
def test_codes_come_back_as_given_and_from_kept_arrays(codes: list[int], size: int, postings: bool) -> None:
    column = CodeColumn(u32(codes), size, postings=postings)
    again = CodeColumn.restored(column.rows, size, column.arrays)
    for one in (column, again):
        assert one.codes().tolist() == codes
        assert one.take(np.arange(len(codes), dtype=np.uint32)).tolist() == codes


@given(st.lists(st.integers(0, 7), min_size=1, max_size=200), st.lists(st.tuples(st.integers(0), st.integers(0, 7))))
def test_codes_of_a_flat_column_change_in_place(codes: list[int], changes: list[tuple[int, int]]) -> None:
    column = CodeColumn(u32(codes), 8)
    for place, code in changes:
        column.change(place % len(codes), code)
        codes[place % len(codes)] = code
    assert column.codes().tolist() == codes
    fresh = CodeColumn(u32(codes), 8)
    assert all(np.array_equal(column.arrays[name], fresh.arrays[name]) for name in ("flat", "planes"))


def test_only_flat_columns_change_and_only_where_they_have_rows() -> None:
    with pytest.raises(ValueError, match="few codes"):
        CodeColumn(u32([0]), 33).change(0, 1)
    for row, code in ((-1, 0), (1, 0), (0, 8), (0, -1)):
        with pytest.raises(IndexError):
            CodeColumn(u32([0]), 8).change(row, code)
    with pytest.raises(IndexError):
        CodeColumn(u32([0]), 8).take(u32([1]))


@pytest.mark.parametrize(
    ("codes", "size", "starts"),
    [
        ([3], 3, None),
        ([0], 0, None),
        ([0, 1], 2, [0, 1]),
        ([0, 1], 2, [1, 2]),
        ([0, 1], 2, [0, 0, 2]),
        ([0, 1], 2, [0, 2, 1, 2]),
        ([0], 2, []),
    ],
)
def test_arrays_that_do_not_fit_are_refused(codes: list[int], size: int, starts: list[int] | None) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        CodeColumn(u32(codes), size, None if starts is None else u32(starts))


@given(st.lists(st.one_of(st.just(ABSENT), st.integers(-(2**33), 2**33), st.integers(-9, 9)), max_size=50))
def test_whole_numbers_come_back_as_given_and_from_kept_arrays(values: list[int]) -> None:
    column = IntColumn(np.array(values, np.int64))
    assert column.wide().tolist() == values
    assert IntColumn.restored(column.rows, column.base, column.shift, column.arrays).wide().tolist() == values
    present = [value for value in values if value != ABSENT] or [0]
    assert ("broad" in column.arrays) == ((max(present) - min(present)) >> 16 >= 65_535)


@given(st.lists(st.one_of(st.just(ABSENT), st.integers(0, 9)), max_size=50), st.randoms())
def test_rows_are_ordered_by_value_and_then_as_told(values: list[int], rng: random.Random) -> None:
    column = IntColumn(np.array(values, np.int64))
    by_id = list(range(len(values)))
    rng.shuffle(by_id)
    column.ordered(u32(by_id))
    expected = sorted(by_id, key=lambda row: (values[row] == ABSENT, values[row], by_id.index(row)))
    assert column.arrays["order"].tolist() == expected


@given(st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=4), min_size=1, max_size=12), st.data())
def test_lists_are_gathered_in_any_order(lists: list[list[int]], data: st.DataObject) -> None:
    order = data.draw(st.lists(st.integers(0, len(lists) - 1), max_size=15))
    starts = u32([0, *np.cumsum([len(one) for one in lists]).tolist()])
    new_starts, codes = gather_lists(starts, u32([code for one in lists for code in one]), u32(order))
    found = [codes[new_starts[i] : new_starts[i + 1]].tolist() for i in range(len(order))]
    assert found == [lists[place] for place in order]
