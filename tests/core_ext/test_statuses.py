"""Statuses change where their row is, and nowhere else."""

from __future__ import annotations

from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core_ext.columns import CodeColumn, bit_at
from core_ext.gate import Gate
from core_ext.ids import Ids
from core_ext.statuses import Statuses

OFFERED = {1, 2}


def text(number: int) -> str:
    return str(UUID(int=number))


def bits(flags: list[bool]) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
    packed = np.packbits(np.array([*flags, *[False] * (4_096 - len(flags))]), bitorder="little")
    return packed.view(np.uint64).copy()


@given(
    st.lists(st.tuples(st.integers(0, 7), st.booleans(), st.booleans()), min_size=1, max_size=40),
    st.lists(st.tuples(st.integers(0, 45), st.integers(0, 7)), max_size=30),
)
def test_changes_are_those_of_plain_lists(rows: list[tuple[int, bool, bool]], changes: list[tuple[int, int]]) -> None:
    codes, live, shown = [list(one) for one in zip(*rows, strict=True)]
    offered = [flag and code in OFFERED for code, _, flag in rows]
    column = CodeColumn(np.array(codes, np.uint32), 8)
    ids = Ids(np.frombuffer(b"".join(UUID(int=row).bytes for row in range(len(rows))), np.uint8).reshape(-1, 16))
    kept = bits(offered)
    statuses, gate = Statuses(ids, column, bits(live), bits(shown), kept), Gate()
    for row, code in changes:
        there = row < len(rows) and bool(live[row])
        before = gate.serial
        assert statuses.change(gate, text(row), code, code in OFFERED) == (row if there else -1)
        assert gate.serial == before + there
        if there:
            codes[row], offered[row] = code, bool(shown[row]) and code in OFFERED
    assert column.codes().tolist() == codes
    assert [bit_at(kept, row) for row in range(len(rows))] == offered


def test_what_is_no_id_or_no_code_is_refused() -> None:
    ids = Ids(np.zeros((1, 16), np.uint8))
    live = bits([True])
    statuses = Statuses(ids, CodeColumn(np.zeros(1, np.uint32), 8), live, live, bits([True]))
    for wrong in ("", "x" * 36, text(0).replace("-", ""), text(0)[:-1] + "é", text(0).replace("-", "0"), "ü" * 36):
        with pytest.raises(ValueError, match="UUID"):
            statuses.change(Gate(), wrong, 1, True)
    assert statuses.change(Gate(), text(0).upper(), 1, True) == 0
    for code in (-1, 8):
        with pytest.raises(IndexError):
            statuses.change(Gate(), text(0), code, True)
    with pytest.raises(ValueError, match="few codes"):
        Statuses(ids, CodeColumn(np.zeros(1, np.uint32), 33), live, live, bits([True]))
    with pytest.raises(ValueError, match="belong together"):
        Statuses(ids, CodeColumn(np.zeros(2, np.uint32), 8), live, live, bits([True]))
