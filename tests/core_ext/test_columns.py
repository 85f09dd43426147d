"""Columns keep what they are given, in the narrowest form, and refuse what would lead a scan astray."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core_ext.columns import ABSENT, CodeColumn, IntColumn, gather_lists


def u32(values: list[int]) -> np.ndarray[tuple[int], np.dtype[np.uint32]]:
    return np.array(values, np.uint32)


@pytest.mark.parametrize(("size", "kind"), [(65_536, np.uint16), (65_537, np.uint32)])
def test_codes_are_kept_in_the_narrowest_type(size: int, kind: type) -> None:
    column = CodeColumn(u32([0, size - 1]), size)
    assert column.codes.dtype == kind
    assert column.codes.tolist() == [0, size - 1]
    assert column.nbytes > 0


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
def test_whole_numbers_come_back_as_given(values: list[int]) -> None:
    column = IntColumn(np.array(values, np.int64))
    assert column.wide().tolist() == values
    present = [value for value in values if value != ABSENT]
    narrow = all(-(2**31) < value < 2**31 for value in present)
    assert column.values.dtype == (np.int32 if narrow else np.int64)


@given(st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=4), min_size=1, max_size=12), st.data())
def test_lists_are_gathered_in_any_order(lists: list[list[int]], data: st.DataObject) -> None:
    order = data.draw(st.lists(st.integers(0, len(lists) - 1), max_size=15))
    starts = u32([0, *np.cumsum([len(one) for one in lists]).tolist()])
    new_starts, codes = gather_lists(starts, u32([code for one in lists for code in one]), u32(order))
    found = [codes[new_starts[i] : new_starts[i + 1]].tolist() for i in range(len(order))]
    assert found == [lists[place] for place in order]
