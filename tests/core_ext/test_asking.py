"""Criteria enter a program as plain Python would enter them; what is not plain is asked of the caller."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core_ext.asking import AGE, EACH, MONEY, NUMBERS, OTHER, PRESET, TOGETHER, VALUES, ask
from core_ext.columns import CodeColumn, IntColumn
from core_ext.program import Program
from core_ext.search import search
from core_ext.shelf import Shelf

ROWS = 60
TODAY = 100
KINDS = (VALUES, PRESET, NUMBERS, MONEY, AGE, EACH, TOGETHER, OTHER)
COLUMNS = (0, 1, 0, 1, 2, 2, 2, -1)


class Bounds(NamedTuple):
    """A range as criteria have it."""

    gte: Decimal | None = None
    gt: Decimal | None = None
    lte: Decimal | None = None
    lt: Decimal | None = None


class Spellings:
    """A dictionary of three values, the second in two spellings."""

    values: tuple[str | None, ...] = (None, "a", "b", "B", "c")
    spelled: dict[str, tuple[int, ...]] = {"a": (1,), "b": (2, 3), "B": (2, 3), "c": (4,)}


def exactly(bounds: Bounds, places: int) -> tuple[int, int]:
    def scaled(bound: Decimal, rounding: str) -> int:
        return int(bound.scaleb(places).to_integral_value(rounding))

    low, high = [-(2**62)], [2**62]
    if bounds.gte is not None:
        low.append(scaled(bounds.gte, ROUND_CEILING))
    if bounds.gt is not None:
        low.append(scaled(bounds.gt, ROUND_FLOOR) + 1)
    if bounds.lte is not None:
        high.append(scaled(bounds.lte, ROUND_FLOOR))
    if bounds.lt is not None:
        high.append(scaled(bounds.lt, ROUND_CEILING) - 1)
    return min(max(low), 2**62 + 1), max(min(high), -(2**62) - 1)


def entered(values: tuple[Any, ...], places: int, guard: tuple[int, ...] = (1,)) -> tuple[Program, Any, list[Any]]:
    """A program with the values, what `ask` tells, and what it asked."""
    asked: list[Any] = []

    def folded(dictionary: Spellings, text: str) -> tuple[int, ...]:
        asked.append(text)
        return dictionary.spelled.get(text.strip(), ())

    def told(bounds: Bounds, digits: int) -> tuple[int, int]:
        asked.append(bounds)
        return exactly(bounds, digits)

    program = Program(limit=ROWS, relax=True)
    program.group()
    program.filter()
    program.clause()
    program.bitmap(0)
    known = (Spellings(), Spellings(), Spellings())
    made = ask(program, values, KINDS, COLUMNS, known, ["a"], places, 1, guard, TODAY, folded, told)
    program.by_number(0, False)
    return program, made, asked


def stock() -> tuple[Shelf, list[tuple[int, int, int, int, int, int]]]:
    """Rows with three codes and three numbers."""
    rows = [(n % 5, n % 4, n % 3 + 1, n - 20, n * 50, TODAY - n) for n in range(ROWS)]
    columns = list(zip(*rows, strict=True))
    ids = np.zeros((ROWS, 16), np.uint8)
    ids[:, 15] = np.arange(ROWS)
    every = np.zeros(64, np.uint64)
    every[0] = 2**ROWS - 1
    return Shelf(
        tuple(CodeColumn(np.array(column, np.uint32), 5) for column in columns[:3]),
        tuple(IntColumn(np.array(column, np.int64)) for column in columns[3:]),
        (every,),
        ids,
    ), rows


bound = st.one_of(
    st.none(),
    st.integers(-30, 70).map(Decimal),
    st.sampled_from([Decimal(text) for text in ("12.5", "7.00", "7.001", "1E+1", "0", "00.5", "123456789012345678")]),
)
ranges = st.one_of(st.none(), st.builds(Bounds, bound, bound, bound, bound))
lists = st.lists(st.sampled_from(["a", "b", "B", "c", " c", "d"]), max_size=3)


@given(
    st.tuples(
        lists, st.one_of(st.none(), lists), ranges, ranges, ranges, lists, lists, st.sampled_from([None, [], [1]])
    ),
    st.sampled_from([0, 2, 3]),
)
def test_a_program_matches_what_the_values_say(values: tuple[Any, ...], places: int) -> None:
    program, (fields, groups, others), asked = entered(values, places)
    shelf, rows = stock()
    found = search(program, (shelf,))
    assert found is not None

    def has(code: int, wanted: list[str]) -> bool:
        return any(code in Spellings.spelled.get(text.strip(), ()) for text in wanted)

    def inside(number: int, bounds: Bounds, digits: int = 0) -> bool:
        low, high = exactly(bounds, digits)
        return low <= number <= high

    def meets(row: tuple[int, ...], kind: int, wish: Any) -> bool:
        a, b, c, number, money, since = row
        if kind == VALUES:
            return has(a, wish)
        if kind == PRESET:
            return has(b, ["a"] if wish is None else wish)
        if kind == EACH:
            return all(has(c, [text]) for text in wish)
        if kind == TOGETHER:
            return has(c, wish)
        if kind == NUMBERS:
            return inside(number, wish)
        if kind == MONEY:
            return b == 1 and inside(money, wish, places)
        return inside(TODAY - since, wish)

    given_values = [
        (place, kind, wish)
        for place, (kind, wish) in enumerate(zip(KINDS, values, strict=True))
        if kind != OTHER and ((wish is None and kind == PRESET) or (wish and wish != Bounds()))
    ]
    assert fields == [place for place, _, _ in given_values]
    assert others == ([7] if values[7] else [])
    assert len(set(groups)) == len(groups) - (5 in fields and 6 in fields)
    assert program.filters == len(fields) + 1
    expected = [n for n, row in enumerate(rows) if all(meets(row, kind, wish) for _, kind, wish in given_values)]
    assert sorted(found.rows) == expected
    for text in (text for text in asked if isinstance(text, str)):
        assert text not in Spellings.spelled


@pytest.mark.parametrize(
    ("bounds", "places", "plain"),
    [
        (Bounds(gte=Decimal(30_000)), 2, True),
        (Bounds(gte=Decimal("30000.50")), 2, True),
        (Bounds(gte=Decimal("30000.5"), lt=Decimal(40_000)), 2, True),
        (Bounds(gte=Decimal("30000.505")), 2, False),
        (Bounds(gte=Decimal("30000.50")), 0, False),
        (Bounds(gte=Decimal(-1)), 0, False),
        (Bounds(lte=Decimal("3E+4")), 0, False),
        (Bounds(lte=Decimal("NaN")), 0, False),
        (Bounds(lte=Decimal(10**15)), 0, False),
        (Bounds(gte=Decimal(5), lte=Decimal(4)), 0, False),
        (Bounds(gt=Decimal(5), lt=Decimal(6)), 0, False),
    ],
)
def test_only_what_is_plainly_right_is_not_asked_about(bounds: Bounds, places: int, plain: bool) -> None:
    def told(asked: Bounds, digits: int) -> tuple[int, int]:
        assert (asked, digits) == (bounds, places)
        raise LookupError

    program = Program(limit=1)
    program.group()
    arguments: Any = ((bounds,), (MONEY,), (0,), (Spellings(),), [], places, 0, (1,), TODAY, None, told)
    if plain:
        assert ask(program, *arguments) == ([0], [1], [])
    else:
        with pytest.raises(LookupError):
            ask(program, *arguments)


def test_values_without_a_kind_are_refused() -> None:
    with pytest.raises(ValueError, match="length"):
        ask(Program(limit=1), ([],), (), (), (), [], 0, 0, (), 0, lambda *_: (), lambda *_: (0, 0))
