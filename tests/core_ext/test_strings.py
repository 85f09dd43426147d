"""Strings in an arena are copied as a Python list of them would be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from core_ext import strings

texts = st.one_of(
    st.binary(max_size=20),
    st.text("ab\0", max_size=12).map(str.encode),
    st.integers(0, 99).map(lambda number: b"a-long-common-prefix-%d" % number),
)


def arena(values: list[bytes]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    starts = np.cumsum([0, *(len(value) for value in values)]).astype(np.int64)
    return np.frombuffer(b"".join(values), np.uint8), starts


@given(st.lists(texts, min_size=1, max_size=20), st.data())
def test_strings_are_copied_in_any_order(values: list[bytes], data: st.DataObject) -> None:
    order = data.draw(st.lists(st.integers(0, len(values) - 1), max_size=30))
    blob, starts = strings.gather(*arena(values), np.array(order, np.uint32))
    found = [blob[starts[i] : starts[i + 1]].tobytes() for i in range(len(order))]
    assert found == [values[place] for place in order]


def test_an_arena_whose_starts_do_not_cover_it_is_refused() -> None:
    for starts in ([], [1, 3], [0, 2]):
        with pytest.raises(ValueError, match="starts"):
            strings.gather(np.frombuffer(b"abc", np.uint8), np.array(starts, np.int64), np.zeros(1, np.uint32))
    with pytest.raises(IndexError):
        strings.gather(np.frombuffer(b"abc", np.uint8), np.array([0, 3], np.int64), np.array([1], np.uint32))
