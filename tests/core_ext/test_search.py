"""The search kernel finds, counts and orders as its plain twin does, and refuses what does not fit together."""

from __future__ import annotations

import random
import threading

import numpy as np
import pytest

from core_ext.columns import ABSENT, CodeColumn, IntColumn
from core_ext.program import Program
from core_ext.search import scan
from tests.core_ext.scans import Answer, plainly, random_asked, random_plain, scanned

SIZES = (0, 1, 63, 64, 65, 300, 300, 1_000, 4_095, 4_096, 4_097, 8_200)


@pytest.mark.parametrize("seed", range(60))
def test_a_scan_answers_as_the_twin_does(seed: int) -> None:
    rng = random.Random(seed)
    plain = random_plain(rng, rng.choice(SIZES))
    for relax in (True, False, True):
        asked = random_asked(rng, plain)
        expected = plainly(plain, asked)
        if not relax:
            expected = Answer(expected.total, expected.facets, [0] * len(expected.relaxed), expected.top)
        assert scanned(plain, asked, relax) == expected
        cuts = sorted(rng.randrange(plain.rows + 1) for _ in range(rng.choice([1, 2, 5])))
        assert scanned(plain, asked, relax, cuts) == expected


def test_scans_at_once_do_not_disturb_each_other() -> None:
    rng = random.Random(1)
    plain = random_plain(rng, 8_200)
    asked = [random_asked(rng, plain) for _ in range(4)]
    expected = [scanned(plain, one, True) for one in asked]
    found: list[list[Answer]] = [[] for _ in asked]

    def repeat(place: int) -> None:
        found[place] = [scanned(plain, asked[place], True) for _ in range(10)]

    threads = [threading.Thread(target=repeat, args=(place,)) for place in range(len(asked))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [[one] * 10 for one in expected]


def program(**changes: object) -> Program:
    """All live rows, ordered by number column 0, with one facet."""
    parts: dict[str, object] = {
        "groups": [0, 1], "filters": [0, 1], "clauses": [0, 1], "atoms": [(2, 0, 0, 0, 0, 0)], "codes": [],
        "tables": [], "facets": [(0, -1, 0, 3)], "keys": [(0, 0, 0, -1, 0, 0, 0)], "key_tables": [],
    }  # fmt: skip
    return Program(**(parts | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "changes",
    [
        {"groups": [0, 2]},
        {"groups": [0]},
        {"groups": [0, 0, 1]},
        {"groups": [1, 1]},
        {"filters": [0, 2]},
        {"clauses": [0, 2]},
        {"clauses": [0, 1, 0]},
        {"atoms": [(3, 0, 0, 0, 0, 0)]},
        {"atoms": [(2, 0, 0)]},
        {"atoms": [(0, 0, 0, 5, 0, 1)]},
        {"atoms": [(0, 0, 0, 0, 0, 1)]},
        {"atoms": [(0, -1, 0, 0, 0, 0)]},
        {"facets": [(0, 0, 0, 3)]},
        {"facets": [(0, 1, 0, 3)]},
        {"facets": [(-1, -1, 0, 3)]},
        {"facets": [(0, -1, 0, 0)]},
        {"facets": [(0, -1, -1, 3)]},
        {"facets": [(0, -1)]},
        {"keys": [(7, 0, 0, -1, 0, 0, 0)]},
        {"keys": [(0, 0)]},
        {"keys": [(1, 0, 0, -1, 0, 9, 1)]},
        {"cursor": [1, 2]},
    ],
)
def test_a_program_that_does_not_fit_together_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        program(**changes)


def test_a_segment_that_the_program_does_not_cover_is_refused() -> None:
    made = program()
    codes = CodeColumn(np.array([0, 2], np.uint32), 3)
    numbers = IntColumn(np.array([5, ABSENT], np.int64))
    live, rank = np.array([3], np.uint64), np.array([0, 1], np.uint32)
    counters, relaxed = np.zeros(3, np.int64), np.zeros(1, np.int64)
    keys, rows = np.zeros((2, 1), np.int64), np.zeros(2, np.uint32)
    good = [made, 2, (codes,), (numbers,), (live,), rank, 0, counters, relaxed, keys, rows]
    assert scan(*good) == (2, 2)  # type: ignore[arg-type]
    assert (counters.tolist(), keys[:, 0].tolist(), rows.tolist()) == ([1, 0, 1], [5, 2**63 - 1], [0, 1])
    wide = CodeColumn(np.array([0, 2], np.uint32), 4)
    short = CodeColumn(np.array([0], np.uint32), 3)
    for place, bad in (
        (1, 3), (2, (wide,)), (2, (short,)), (3, ()), (4, ()), (4, (np.zeros(2, np.uint64),)),
        (5, np.zeros(1, np.uint32)), (7, np.zeros(2, np.int64)), (8, np.zeros(2, np.int64)),
        (9, np.zeros((2, 2), np.int64)), (9, np.zeros((1, 1), np.int64)),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=r"\w"):
            scan(*[bad if i == place else one for i, one in enumerate(good)])  # type: ignore[arg-type]
