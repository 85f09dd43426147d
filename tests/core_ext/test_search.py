"""The search kernel finds, counts and orders as its plain twin does, and refuses what does not fit together."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable

import numpy as np
import pytest

from core_ext.columns import ABSENT, CodeColumn, IntColumn
from core_ext.gate import Gate
from core_ext.program import CodeSet, Program
from core_ext.search import search
from core_ext.shelf import Shelf
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
        counted: dict[bytes, object] = {}
        assert [scanned(plain, asked, relax, cuts, counted) for _ in range(2)] == [expected] * 2
        assert len(counted) <= 1


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


def started() -> Program:
    """A program with a scope that all live rows pass."""
    made = Program(limit=5)
    made.group()
    made.filter()
    made.clause()
    made.bitmap(0)
    return made


WRONG_STEPS: list[Callable[[Program], object]] = [
    lambda made: made.codes(0, [3], 3),
    lambda made: made.codes(0, [-1], 3),
    lambda made: made.codes(-1, [0], 3),
    lambda made: made.codes(0, [], 0),
    lambda made: made.code_set(0, CodeSet(np.array([0, 2], np.uint8))),
    lambda made: made.code_set(0, CodeSet(np.zeros(0, np.uint8))),
    lambda made: made.range(-1, 0, 1),
    lambda made: made.bitmap(-1),
    lambda made: made.facet(0, 0, 3),
    lambda made: made.facet(-1, -1, 3),
    lambda made: made.facet(0, -1, 0),
    lambda made: made.by_number(-1, False),
    lambda made: made.by_number(0, False, -2),
    lambda made: made.by_table(0, np.zeros(0, np.int64), False),
    lambda made: made.resume([1], bytes(16)),
    lambda made: (made.by_number(0, False), made.resume([1], bytes(15))),
    lambda made: (made.scores(), made.group()),
    lambda made: (made.scores(), made.filter()),
    lambda made: (made.scores(), made.scores()),
    lambda made: (made.facet(0, 1, 3), search(made, ())),
    lambda made: (search(made, ()), made.clause()),
    lambda made: (search(made, ()), made.bitmap(0)),
    lambda made: search(made, (), ((),)),
]


@pytest.mark.parametrize("wrong", WRONG_STEPS)
def test_a_step_that_no_column_could_be_asked_is_refused(wrong: Callable[[Program], object]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        wrong(started())


def test_a_program_begins_with_its_scope() -> None:
    for step in (Program.filter, Program.clause, lambda made: made.bitmap(0), lambda made: search(made, ())):
        with pytest.raises(ValueError, match=r"\w"):
            step(Program(limit=5))
    with pytest.raises(ValueError, match="limit"):
        Program(limit=-1)


def two_rows(size: int = 3) -> Shelf:
    codes = CodeColumn(np.array([0, 2], np.uint32), size)
    live = np.zeros(64, np.uint64)
    live[0] = 3
    ids = np.arange(32, dtype=np.uint8).reshape(2, 16)
    return Shelf((codes,), (IntColumn(np.array([5, ABSENT], np.int64)),), (live,), ids)


def test_a_segment_that_the_program_does_not_cover_is_refused() -> None:
    made = started()
    made.facet(0, -1, 3)
    made.by_number(0, False)
    found = search(made, (two_rows(),))
    assert found is not None
    assert (found.total, found.counters.tolist(), found.keys) == (2, [1, 0, 1], [(5,), (2**63 - 1,)])
    assert (found.shelves, found.rows) == ([0, 0], [0, 1])
    with pytest.raises(ValueError, match="beyond the program's counters"):
        search(made, (two_rows(4),))
    for wrong in (lambda one: one.range(1, 0, 1), lambda one: one.bitmap(1)):
        asked = started()
        wrong(asked)
        with pytest.raises(ValueError, match="lacks"):
            search(asked, (two_rows(),))
    asked = started()
    asked.bitmap(1)
    with pytest.raises(ValueError, match="length"):
        search(asked, (two_rows(),), ((np.zeros(2, np.uint64),),))
    tabled = started()
    tabled.by_table(0, np.zeros(2, np.int64), False)
    with pytest.raises(ValueError, match="beyond the program's tables"):
        search(tabled, (two_rows(),))


def test_a_shelf_of_arrays_that_do_not_fit_together_is_refused() -> None:
    good = two_rows()
    for change in (
        {"codes": (CodeColumn(np.array([0], np.uint32), 3),)}, {"ints": (IntColumn(np.zeros(1, np.int64)),)},
        {"ints": (None,)}, {"bitmaps": (np.zeros(1, np.uint64),)}, {"ids": np.zeros((2, 15), np.uint8)},
    ):  # fmt: skip
        parts = {"codes": good.codes, "ints": good.ints, "bitmaps": good.bitmaps, "ids": good.ids} | change
        with pytest.raises(ValueError, match=r"\w"):
            Shelf(**parts)  # type: ignore[arg-type]


def test_a_search_that_a_change_overtook_says_so() -> None:
    gate = Gate()
    made = started()
    assert search(made, (two_rows(),), (), gate, gate.serial) is not None
    before = gate.serial
    with gate:
        assert gate.serial == before + 1
    assert search(made, (two_rows(),), (), gate, before) is None


def test_changes_wait_for_searches_and_searches_for_changes() -> None:
    """A change flips two columns; no search ever sees one flipped and the other not."""
    rng = random.Random(3)
    rows = 50_000
    columns = tuple(CodeColumn(np.zeros(rows, np.uint32), 2) for _ in range(2))
    live = np.full(-(-rows // 4_096) * 64, 2**64 - 1, np.uint64)
    ids = np.zeros((rows, 2), ">u8")
    ids[:, 1] = np.arange(rows)
    one = Shelf(columns, (), (live,), ids.view(np.uint8))
    gate = Gate()
    torn: list[int] = []
    done = threading.Event()

    def look() -> None:
        made = started()
        made.group()
        made.filter()
        made.clause()
        made.codes(0, [1], 2)
        made.facet(1, -1, 2)
        while not done.is_set():
            found = search(made, (one,), (), gate, gate.serial)
            if found is not None and found.counters[0]:
                torn.append(found.counters[0])

    threads = [threading.Thread(target=look) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(3_000):
        row = rng.randrange(rows)
        with gate:
            for column in columns:
                column.change(row, 1 - int(column.take(np.array([row], np.uint32))[0]))
    done.set()
    for thread in threads:
        thread.join()
    assert torn == []
