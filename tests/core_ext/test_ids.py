"""Ids lead to their rows, whatever they are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core_ext.ids import Ids

Key = st.one_of(st.binary(min_size=16, max_size=16), st.integers(0, 40).map(lambda number: number.to_bytes(16, "big")))


def lines(keys: list[bytes]) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    return np.frombuffer(b"".join(keys), np.uint8).reshape(-1, 16)


@given(st.lists(Key, max_size=60, unique=True), st.lists(Key, max_size=20))
def test_each_id_is_found_where_it_stands_and_no_other(keys: list[bytes], others: list[bytes]) -> None:
    made = Ids(lines(keys))
    rows = {key: row for row, key in enumerate(keys)}
    for ids in (made, Ids(lines(keys), made.slots)):
        asked = [*keys, *others]
        assert [ids.find(key) for key in asked] == [rows.get(key, -1) for key in asked]
        assert ids.find_each(lines(asked)).tolist() == [rows.get(key, -1) for key in asked]
        assert [keys[row] for row in ids.order().tolist()] == sorted(keys)


def test_what_is_no_id_is_refused() -> None:
    for wrong in (b"", bytes(15), bytes(17)):
        with pytest.raises(ValueError, match="16 bytes"):
            Ids(lines([bytes(16)])).find(wrong)
    with pytest.raises(ValueError, match="16 bytes"):
        Ids(np.zeros((1, 15), np.uint8))
    for slots in (0, 1, 3):
        with pytest.raises(ValueError, match="belong"):
            Ids(lines([bytes(16)]), np.zeros(slots, np.uint32))
