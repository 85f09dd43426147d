"""Starts of work are those that a plain enumeration of cells and of all ways to staff it finds."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Thread
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from core_ext import timeline, work
from tests.core_ext.test_timeline import FIRST, array, cells_in

Cells = frozenset[int]


class PlainLeg(NamedTuple):
    """A leg as sets of cells."""

    rows: tuple[int, ...]
    length: int
    offset: int
    needed: int
    pieces: tuple[tuple[int, int, int, int], ...] | None = None
    follows: bool = False
    until: tuple[tuple[int, int, int], ...] | None = None
    duty: tuple[Cells, ...] | None = None


class World(NamedTuple):
    """A small centre and some work in it; cells count from the beginning of its rows."""

    words: int
    free: tuple[Cells, ...]
    opening: Cells | None
    offers: Cells
    legs: tuple[PlainLeg, ...]
    length: int
    splittable: bool

    def paced(self, leg: PlainLeg, candidate: int, start: int) -> int | None:
        """The end that a candidate who sets the pace would have."""
        assert leg.duty is not None
        duty, free, left = leg.duty[candidate], self.free[leg.rows[candidate]], self.length
        for cell in range(start, self.words * 64):
            works = cell in duty and (self.opening is None or cell in self.opening)
            if (cell in duty and cell not in free) or (cell == start and not works):
                return None
            left -= works
            if not left:
                return cell + 1
        return None

    def time(self, leg: PlainLeg, start: int, end: int) -> tuple[int, int] | None:
        """The cells of a leg, from … to."""
        begin, until = start + leg.offset, start + leg.offset + leg.length
        if leg.follows or leg.duty is not None:
            until = end + leg.offset + leg.length - self.length
        if leg.pieces is not None:
            found = [piece for piece in leg.pieces if piece[0] <= start < piece[1]]
            if not found:
                return None
            begin, until = found[0][2:]
        if leg.until is not None:
            ends = [piece[2] for piece in leg.until if piece[0] <= end < piece[1]]
            if not ends:
                return None
            until = ends[0]
        return begin, until

    def able(self, leg: PlainLeg, start: int, end: int) -> set[int]:
        """The candidates who could do a leg."""
        time = self.time(leg, start, end)
        if time is None:
            return set()
        cells = set(range(*time))
        if leg.duty is not None:
            cells -= set(range(start, end))
        return {
            row
            for i, row in enumerate(leg.rows)
            if cells <= self.free[row] and (leg.duty is None or self.paced(leg, i, start) == end)
        }

    def ways(self, start: int, end: int) -> Iterator[tuple[int, ...]]:
        """All ways to give each place of each leg a resource of its own."""
        places = [self.able(leg, start, end) for leg in self.legs for _ in range(leg.needed)]

        def choose(taken: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
            if len(taken) == len(places):
                yield taken
                return
            for row in places[len(taken)] - set(taken):
                yield from choose((*taken, row))

        return choose(())

    def ends(self, start: int) -> list[int]:
        """The ends that work from a start may have."""
        if not self.splittable:
            inside = self.opening is None or set(range(start, start + self.length)) <= self.opening
            return [start + self.length] if inside else []
        found = {self.paced(leg, i, start) for leg in self.legs if leg.duty is not None for i in range(len(leg.rows))}
        return sorted(end for end in found if end is not None)

    def end(self, start: int) -> int | None:
        """The earliest end for which there is a way."""
        if start not in self.offers:
            return None
        return next((end for end in self.ends(start) if any(True for _ in self.ways(start, end))), None)

    def who(self, start: int, end: int) -> list[list[int]]:
        """For each leg the candidates that are part of some way."""
        found: list[set[int]] = [set() for _ in self.legs]
        for way in self.ways(start, end):
            rest = iter(way)
            for i, leg in enumerate(self.legs):
                found[i] |= {next(rest) for _ in range(leg.needed)}
        return [[row for row in leg.rows if row in rows] for leg, rows in zip(self.legs, found, strict=True)]


def bits(cells: Cells, words: int) -> NDArray[np.uint64]:
    rows: NDArray[np.uint64] = np.zeros((1, words), np.uint64)
    timeline.fill(rows, 0, array([(cell, cell + 1) for cell in sorted(cells)]), FIRST, True)
    return rows.reshape(-1)


def timelines(world: World) -> NDArray[np.uint64]:
    return np.array([bits(cells, world.words) for cells in world.free], np.uint64).reshape(-1, world.words)


def moved(pieces: tuple[tuple[int, ...], ...] | None, width: int) -> NDArray[np.int32] | None:
    return None if pieces is None else np.array(pieces, np.int32).reshape(-1, width) + np.int32(FIRST)


def prepared(world: World) -> work.Work:
    legs = [
        work.Leg(
            np.array(leg.rows, np.uint32),
            leg.length,
            leg.offset,
            leg.needed,
            pieces=moved(leg.pieces, 4),
            follows=leg.follows,
            until=moved(leg.until, 3),
            duty=None if leg.duty is None else [bits(cells, world.words) for cells in leg.duty],
        )
        for leg in world.legs
    ]
    opening = None if world.opening is None else bits(world.opening, world.words)
    return work.Work(legs, world.length, bits(world.offers, world.words), opening, FIRST, splittable=world.splittable)


@st.composite
def cells(draw: st.DrawFn, words: int) -> Cells:
    """Everything but a few gaps, now and then nothing but them."""
    most = words * 64
    found = set() if draw(st.integers(0, 15)) == 15 else set(range(most))
    for begin, length in draw(st.lists(st.tuples(st.integers(0, most), st.integers(1, 20)), max_size=2)):
        found ^= set(range(begin, min(begin + length, most)))
    return frozenset(found)


@st.composite
def pieces(draw: st.DrawFn, words: int) -> tuple[tuple[int, int, int, int], ...]:
    borders = [0, *sorted(draw(st.sets(st.integers(-10, words * 64), max_size=4))), words * 64 + 10]
    times = [(draw(st.integers(-5, words * 64 + 5)), draw(st.integers(0, 30))) for _ in borders[1:]]
    return tuple((a, b, c, c + long) for a, b, (c, long) in zip(borders, borders[1:], times, strict=False) if a < b)


@st.composite
def worlds(draw: st.DrawFn, splittable: bool = False) -> World:
    words = draw(st.integers(1, 3))
    count = draw(st.integers(1, 6))
    free = tuple(draw(cells(words)) for _ in range(count))
    length = draw(st.sampled_from([1, 2, 3, 5, 8, 12, 17, 30, 63, 64, 65, 128, 200]))
    legs: list[PlainLeg] = []
    for number in range(draw(st.integers(1 if splittable else 0, 4))):
        least = draw(st.sampled_from([1, 2, 2, 3, 3, 0]))
        rows = tuple(draw(st.lists(st.integers(0, count - 1), unique=True, min_size=min(least, count), max_size=4)))
        kind = draw(st.sampled_from(["fixed", "pieces", "follows", "until"] if splittable else ["fixed", "pieces"]))
        before, after = draw(st.integers(0, 6)), draw(st.integers(0, 6))
        leg = PlainLeg(rows, before + length + after, -before, draw(st.sampled_from([1, 1, 1, 2])))
        if (splittable and not number) or (splittable and kind == "fixed" and draw(st.booleans())):
            leg = leg._replace(duty=tuple(draw(cells(words)) for _ in rows))
        elif kind == "fixed":
            leg = leg._replace(length=draw(st.sampled_from([1, 3, 10, 64, 65, 130])), offset=draw(st.integers(-9, 70)))
        elif kind == "pieces":
            leg = leg._replace(pieces=draw(pieces(words)))
        else:
            leg = leg._replace(follows=True)
            if kind == "until":
                told = draw(pieces(words))
                leg = leg._replace(until=tuple((a, b, d) for a, b, _, d in told))
                if draw(st.booleans()):
                    leg = leg._replace(pieces=draw(pieces(words)))
        if leg.rows and number and draw(st.booleans()):  # the same times as another leg
            leg = leg._replace(length=legs[0].length, offset=legs[0].offset) if leg.duty is None else leg
            if leg.follows and leg.pieces is None and leg.offset + leg.length < length:
                leg = leg._replace(length=length - leg.offset)
        legs.append(leg)
    opening = draw(st.one_of(st.none(), cells(words)))
    return World(words, free, opening, draw(cells(words)), tuple(legs), length, splittable)


def check(world: World, first: int, last: int) -> None:
    asked, free = prepared(world), timelines(world)
    plain = {start: end for start in range(world.words * 64) if (end := world.end(start)) is not None}
    expected = [start for start in plain if first <= start < last]
    assert (work.starts(free, asked, FIRST + first, FIRST + last) - FIRST).tolist() == expected
    every = np.arange(-1, world.words * 64 + 1, dtype=np.int32)
    found = work.ends(free, asked, every + np.int32(FIRST))
    assert {start: end - FIRST for start, end in zip(every.tolist(), found.tolist(), strict=True) if end >= 0} == plain
    for start in [*list(plain)[:2], *list(plain)[-2:]]:
        assert [rows.tolist() for rows in work.who(free, asked, FIRST + start)] == world.who(start, plain[start])
        for end in world.ends(start):
            told = [rows.tolist() for rows in work.who(free, asked, FIRST + start, FIRST + end)]
            assert told == world.who(start, end)
    for start in sorted(set(range(-1, world.words * 64 + 1)) - set(plain))[:3]:
        assert not any(len(rows) for rows in work.who(free, asked, FIRST + start))


@settings(deadline=None)
@given(worlds(), st.integers(-70, 200), st.integers(-70, 260))
def test_starts_are_those_of_a_plain_enumeration(world: World, first: int, last: int) -> None:
    check(world, first, last)


@settings(deadline=None)
@given(worlds(splittable=True), st.integers(-70, 200), st.integers(-70, 260))
def test_starts_of_work_that_pauses_are_those_of_a_plain_enumeration(world: World, first: int, last: int) -> None:
    check(world, first, last)


@settings(deadline=None)
@given(st.lists(worlds(), max_size=4), st.integers(-70, 200), st.integers(-70, 260))
def test_many_centres_are_answered_like_each_by_itself(asked: list[World], first: int, last: int) -> None:
    same = [world for world in asked if world.words == asked[0].words]
    works, frees = [prepared(world) for world in same], [timelines(world) for world in same]
    found = work.many(frees, works, FIRST + first, FIRST + last)
    for line, (one, free) in enumerate(zip(works, frees, strict=True)):
        assert found.cells(line).tolist() == work.starts(free, one, FIRST + first, FIRST + last).tolist()
    assert found.bits.shape[0] == len(same)


def simple(rows: int, *legs: work.Leg, length: int = 3, words: int = 1) -> tuple[NDArray[np.uint64], work.Work]:
    everything = np.full((max(rows, 1), words), 2**64 - 1, np.uint64)
    return everything, work.Work(legs, length, everything[0].copy(), None, FIRST)


def leg(*rows: int, needed: int = 1) -> work.Leg:
    return work.Leg(np.array(rows, np.uint32), 3, needed=needed)


def test_two_places_that_only_one_technician_could_fill_are_not_filled() -> None:
    for legs, staffed in (
        ((leg(0), leg(0)), False),
        ((leg(0), leg(0, 1)), True),
        ((leg(0, 1, needed=2), leg(0, 1, 2)), True),
        ((leg(0, 1, needed=2), leg(0, 1)), False),
        ((leg(0, 1), leg(1, 2), leg(0, 2)), True),
        ((leg(0, 1), leg(0, 1), leg(0, 1)), False),
        ((leg(0, 1), leg(0, 1), leg(2), leg(3)), True),
    ):
        free, asked = simple(4, *legs)
        assert bool(len(work.starts(free, asked, FIRST, FIRST + 64))) == staffed


def test_who_leaves_out_those_whom_another_place_needs() -> None:
    free, asked = simple(3, leg(0, 1, 2), leg(1), leg(2, 1))
    assert [rows.tolist() for rows in work.who(free, asked, FIRST)] == [[0], [1], [2]]


def test_work_pauses_at_lunch_at_closing_and_for_the_weekend_and_keeps_its_bay() -> None:
    day = 288
    words, open_days = 4 * day // 64 + 1, (0, 3)  # Friday, then Monday
    free = np.full((2, words), 2**64 - 1, np.uint64)
    duty, opening = np.zeros((1, words), np.uint64), np.zeros((1, words), np.uint64)
    for on in open_days:
        timeline.fill(opening, 0, array([(on * day + 96, on * day + 204)]), FIRST, True)
        timeline.fill(duty, 0, array([(on * day + 96, on * day + 144), (on * day + 156, on * day + 204)]), FIRST, True)
    length = 96
    legs = [
        work.Leg(np.array([0], np.uint32), length, duty=[duty[0]]),
        work.Leg(np.array([1], np.uint32), length, follows=True),
    ]
    asked = work.Work(legs, length, opening[0], opening[0], FIRST, splittable=True)
    ends = work.ends(free, asked, array([(96, 97), (156, 200), (150, 0)])[:, 0].copy())
    # 96 cells are a whole day; from 156, half of them are left for Monday; 150 is in the lunch break
    assert (ends - FIRST).tolist() == [204, 3 * day + 144, -1 - FIRST]
    timeline.fill(free, 1, array([(2 * day, 2 * day + 1)]), FIRST, False)  # somebody else's car in the bay on Sunday
    assert (work.ends(free, asked, array([(96, 97), (156, 200)])[:, 0].copy()) - FIRST).tolist() == [204, -1 - FIRST]


def test_threads_ask_at_once_and_get_the_same() -> None:
    rng = np.random.default_rng(7)
    free = rng.integers(0, 2**63, (40, 135), dtype=np.uint64) | rng.integers(0, 2**63, (40, 135), dtype=np.uint64)
    legs = [work.Leg(np.arange(25, dtype=np.uint32), 2), work.Leg(np.arange(20, 40, dtype=np.uint32), 2, needed=2)]
    asked = work.Work(legs, 2, np.full(135, 2**64 - 1, np.uint64), None, FIRST)
    expected = work.starts(free, asked, FIRST, FIRST + 8_640).tolist()
    found: list[list[int]] = []

    def ask() -> None:
        for _ in range(20):
            found.append(work.starts(free, asked, FIRST, FIRST + 8_640).tolist())  # noqa: PERF401 - seen as it grows

    threads = [Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 80
    assert all(one == expected for one in found)


def test_legs_and_work_that_do_not_fit_together_are_refused() -> None:
    one, row = np.zeros(1, np.uint32), np.zeros(1, np.uint64)
    piece = np.zeros((1, 4), np.int32)
    for refused, text in (
        (lambda: work.Leg(one), "at least one cell"),
        (lambda: work.Leg(one, 1, needed=0), "needs 1 to"),
        (lambda: work.Leg(one, pieces=np.zeros((1, 3), np.int32)), "four cells"),
        (lambda: work.Leg(one, 1, until=np.zeros((1, 3), np.int32)), "that follow"),
        (lambda: work.Leg(one, 1, follows=True, until=piece), "three cells"),
        (lambda: work.Leg(one, 1, duty=[]), "duty of each"),
        (lambda: work.Leg(one, duty=[row], pieces=piece), "duty of each"),
        (lambda: work.Work([], 0, row, None, FIRST), "at least one cell"),
        (lambda: work.Work([], 1, row[:0], None, FIRST), "a word"),
        (lambda: work.Work([], 1, row, np.zeros(2, np.uint64), FIRST), "one length"),
        (lambda: work.Work([work.Leg(one, 1)], 1, row, None, FIRST, splittable=True), "sets the pace"),
        (lambda: work.Work([work.Leg(one, 1, duty=[row])], 1, row, None, FIRST), "sets the pace"),
        (lambda: work.Work([work.Leg(one, 1, follows=True)], 1, row, None, FIRST), "follow its end"),
        (lambda: work.Work([leg(0, 0)], 1, row, None, FIRST), "once"),
        (lambda: work.Work([leg(0)] * 5, 1, row, None, FIRST), "up to 4"),
        (
            lambda: work.Work([work.Leg(one, 1, duty=[np.zeros(2, np.uint64)])], 1, row, None, FIRST, splittable=True),
            "length of the offers",
        ),
        (lambda: work.Work([work.Leg(one, 1, 1, duty=[row])], 1, row, None, FIRST, splittable=True), "all of the work"),
    ):
        with pytest.raises(ValueError, match=text):
            refused()
    free, asked = simple(2, leg(1))
    with pytest.raises(ValueError, match="rows of the work"):
        work.starts(free[:1], asked, FIRST, FIRST + 1)
    with pytest.raises(ValueError, match="rows of the work"):
        work.starts(np.zeros((2, 2), np.uint64), asked, FIRST, FIRST + 1)
    with pytest.raises(ValueError, match="its timelines"):
        work.many([free], [], FIRST, FIRST + 1)
    with pytest.raises(ValueError, match="one first cell"):
        work.many([free, free], [asked, work.Work([leg(1)], 3, row, None, 0)], FIRST, FIRST + 1)
    with pytest.raises(TypeError, match="once"):
        asked.__init__([], 1, row, None, FIRST)  # type: ignore[misc]


def test_work_without_legs_or_candidates_has_all_starts_or_none() -> None:
    free, asked = simple(0)
    assert work.starts(free, asked, FIRST, FIRST + 64).tolist() == list(range(FIRST, FIRST + 64))
    assert work.who(free, asked, FIRST) == []
    free, asked = simple(1, leg())
    assert not len(work.starts(free, asked, FIRST, FIRST + 64))
    assert [len(rows) for rows in work.who(free, asked, FIRST)] == [0]
    assert cells_in(work.many([], [], FIRST, FIRST + 64).bits.reshape(-1)) == set()
