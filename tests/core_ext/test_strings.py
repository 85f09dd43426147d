"""Strings in an arena are ordered, found and copied as a Python list of them would be."""

from __future__ import annotations

from bisect import bisect_right

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
lists = st.one_of(st.lists(texts, max_size=40), st.lists(texts, max_size=40).map(sorted))


def arena(values: list[bytes]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    starts = np.cumsum([0, *(len(value) for value in values)]).astype(np.int64)
    return np.frombuffer(b"".join(values), np.uint8), starts


@given(lists)
def test_the_order_is_that_of_bytes_and_equal_strings_stay_as_they_came(values: list[bytes]) -> None:
    order = strings.sort(*arena(values))
    assert order.tolist() == sorted(range(len(values)), key=lambda place: values[place])


@given(lists, texts)
def test_strings_are_found_counted_and_completed(values: list[bytes], key: bytes) -> None:
    held = arena(values)
    order = strings.sort(*held)
    found = strings.find(*held, order, key)
    assert (found >= 0) == (key in values)
    assert found < 0 or values[found] == key
    asked = [key, *values[:5], key + b"x"]
    places = strings.find_each(*held, order, *arena(asked)).tolist()
    assert [place >= 0 for place in places] == [one in values for one in asked]
    assert all(values[place] == one for place, one in zip(places, asked, strict=True) if place >= 0)
    assert strings.upto(*held, order, key) == bisect_right(sorted(values), key)
    first, last = strings.with_prefix(*held, order, key)
    assert [values[place] for place in order[first:last]] == [one for one in sorted(values) if one.startswith(key)]


@given(st.lists(texts, min_size=1, max_size=20), st.data())
def test_strings_are_copied_in_any_order(values: list[bytes], data: st.DataObject) -> None:
    order = data.draw(st.lists(st.integers(0, len(values) - 1), max_size=30))
    blob, starts = strings.gather(*arena(values), np.array(order, np.uint32))
    found = [blob[starts[i] : starts[i + 1]].tobytes() for i in range(len(order))]
    assert found == [values[place] for place in order]


def test_bits_are_set_for_the_rows_of_a_part_of_the_order() -> None:
    words = np.zeros(2, np.uint64)
    order, rows = np.array([2, 0, 1], np.uint32), np.array([70, 3, 127], np.uint32)
    strings.set_bits(words, order, rows, 0, 2)
    assert words.tolist() == [0, (1 << 63) | (1 << 6)]
    for first, last in ((-1, 2), (0, 4)):
        with pytest.raises(IndexError):
            strings.set_bits(words, order, rows, first, last)


def test_an_arena_whose_starts_do_not_cover_it_is_refused() -> None:
    for starts in ([], [1, 3], [0, 2]):
        with pytest.raises(ValueError, match="starts"):
            strings.sort(np.frombuffer(b"abc", np.uint8), np.array(starts, np.int64))
