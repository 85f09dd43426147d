"""A search kernel's segments and program as plain lists, and the answer by looking at every row: its oracle."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from core_ext.columns import ABSENT, CodeColumn, IntColumn
from core_ext.program import CodeSet, Program
from core_ext.search import search
from core_ext.shelf import Shelf

CODES, RANGE, BITMAP = range(3)
BY_NUMBER, BY_TABLE, BY_SCORE = range(3)
LAST = 2**63 - 1
LISTS = 4
"""The column of lists."""
POSTED = (2, 3)
"""Columns that keep the rows of each code."""


class Plain(NamedTuple):
    """Columns by row."""

    rows: int
    codes: list[list[list[int]] | None]
    sizes: list[int]
    ints: list[list[int]]
    bitmaps: list[list[bool]]
    rank: list[int]


class Asked(NamedTuple):
    """A program before it is made flat: atoms are (kind, column, low, high or the set of codes)."""

    groups: list[list[list[list[tuple[int, int, Any, Any]]]]]
    scores: list[list[tuple[int, int, Any, Any]]]
    facets: list[tuple[int, int]]
    keys: list[tuple[int, int, bool, int, int, list[int]]]
    limit: int
    cursor: list[int] | None
    after: int


class Answer(NamedTuple):
    """What a scan finds."""

    total: int
    facets: list[dict[int, int]]
    relaxed: list[int]
    top: list[tuple[tuple[int, ...], int]]


def random_plain(rng: random.Random, rows: int) -> Plain:
    """Columns of every kind: clustered, dense, sparse, wide, of lists, missing; numbers narrow, wide and with gaps."""
    sizes = [3, 40, 900, 70_000, 25, 5]
    clustered = sorted(rng.randrange(40) for _ in range(rows))
    lists = [
        sorted(rng.sample(range(1, 25), rng.choice([1, 2, 6]))) if rng.random() < 0.7 else [0] for _ in range(rows)
    ]
    codes: list[list[list[int]] | None] = [
        [[rng.choice([0, 1, 1, 1, 2])] for _ in range(rows)],
        [[code] for code in clustered],
        [[rng.randrange(900)] for _ in range(rows)],
        [[rng.choice([0, 7, 69_999, rng.randrange(70_000)])] for _ in range(rows)],
        lists,
        None,
    ]
    near = rng.randrange(-50, 50)
    ints = [
        [rng.choice([ABSENT, near, rng.randrange(-100, 100), near + row // 1_000]) for row in range(rows)],
        [rng.choice([ABSENT, 2**40, -(2**40), row % 17]) for row in range(rows)],
        [row // 300 for row in range(rows)],
        [ABSENT] * rows,
    ]
    bitmaps = [[rng.random() < share for _ in range(rows)] for share in (0.98, 0.5, 0.02)]
    rank = list(range(rows))
    rng.shuffle(rank)
    return Plain(rows, codes, sizes, ints, bitmaps, rank)


def random_asked(rng: random.Random, plain: Plain) -> Asked:
    """Any program over such columns."""

    def atom() -> tuple[int, int, Any, Any]:
        kind = rng.choice([CODES, CODES, RANGE, BITMAP])
        if kind == CODES:
            column = rng.randrange(len(plain.codes))
            many = rng.choice([1, 2, plain.sizes[column] // 2])
            return CODES, column, frozenset(rng.sample(range(plain.sizes[column]), many)), None
        if kind == RANGE:
            low = rng.choice([-(2**62), -30, 0, 5, 2**40])
            return RANGE, rng.randrange(len(plain.ints)), low, rng.choice([low, low + 20, 2**62, low - 1])
        return BITMAP, rng.randrange(len(plain.bitmaps)), None, None

    def clauses() -> list[list[tuple[int, int, Any, Any]]]:
        return [[atom() for _ in range(rng.choice([0, 1, 1, 2, 3]))] for _ in range(rng.choice([0, 1, 1, 2]))]

    groups = [[[[(BITMAP, rng.choice([0, 0, 1]), None, None)]]]]
    groups += [[clauses() for _ in range(rng.choice([1, 1, 2]))] for _ in range(rng.choice([0, 1, 3, 5]))]
    scores = [[atom() for _ in range(rng.choice([0, 1, 2]))] for _ in range(rng.choice([0, 0, 2]))]
    facets = [
        (rng.randrange(len(plain.codes)), rng.randrange(-1, len(groups)) or -1) for _ in range(rng.choice([0, 2, 4]))
    ]
    keys = []
    for _ in range(rng.choice([0, 1, 1, 2, 3])):
        kind = rng.choice([BY_NUMBER, BY_NUMBER, BY_TABLE, BY_SCORE])
        column = rng.randrange(len(plain.ints) if kind == BY_NUMBER else len(plain.codes))
        if kind == BY_TABLE and column == 4:
            column = 0
        guard = rng.choice([-1, -1, 0, 2, 5]) if kind == BY_NUMBER else -1
        table = [rng.choice([LAST, rng.randrange(100)]) for _ in range(plain.sizes[column])] if kind == BY_TABLE else []
        keys.append((kind, column, rng.random() < 0.5, guard, rng.choice([0, 1, -1]), table))
    cursor = [rng.choice([LAST, rng.randrange(-60, 60)]) for _ in keys] if rng.random() < 0.3 else None
    return Asked(groups, scores, facets, keys, rng.choice([0, 1, 5, 21, 201]), cursor, rng.randrange(plain.rows + 1))


def holds(plain: Plain, row: int, atom: tuple[int, int, Any, Any]) -> bool:
    kind, column, low, high = atom
    if kind == CODES:
        return not low.isdisjoint(codes_at(plain, column, row))
    if kind == RANGE:
        value = plain.ints[column][row]
        return value != ABSENT and low <= value <= high
    return plain.bitmaps[column][row]


def codes_at(plain: Plain, column: int, row: int) -> list[int]:
    codes = plain.codes[column]
    return [0] if codes is None else codes[row]


def key_of(plain: Plain, asked: Asked, row: int, key: tuple[int, int, bool, int, int, list[int]]) -> int:
    kind, column, descending, guard, guard_code, table = key
    if kind == BY_NUMBER:
        value = plain.ints[column][row]
        if value == ABSENT or (
            guard >= 0 and (plain.codes[guard] is None or codes_at(plain, guard, row) != [guard_code])
        ):
            return LAST
    elif kind == BY_TABLE:
        value = table[codes_at(plain, column, row)[0]]
        if value == LAST:
            return LAST
    else:
        value = sum(any(holds(plain, row, atom) for atom in clause) for clause in asked.scores)
    return ~value if descending else value


def plainly(plain: Plain, asked: Asked) -> Answer:
    """The answer row by row."""
    total, matches = 0, []
    filters = [(number, one) for number, group in enumerate(asked.groups) for one in group]
    relaxed = [0] * len(filters)
    facets: list[dict[int, int]] = [{} for _ in asked.facets]
    for row in range(plain.rows):
        failed = [
            place
            for place, (_, clauses) in enumerate(filters)
            if not all(any(holds(plain, row, atom) for atom in clause) for clause in clauses)
        ]
        if not failed:
            total += 1
            matches.append(row)
        if len(failed) == 1 and filters[failed[0]][0] != 0:
            relaxed[failed[0]] += 1
        for place, (column, group) in enumerate(asked.facets):
            if all(filters[one][0] == group for one in failed):
                for code in codes_at(plain, column, row):
                    facets[place][code] = facets[place].get(code, 0) + 1
    ordered = sorted((*(key_of(plain, asked, row, key) for key in asked.keys), plain.rank[row], row) for row in matches)
    if asked.cursor is not None:
        ordered = [one for one in ordered if one[:-1] >= (*asked.cursor, asked.after)]
    return Answer(total, facets, relaxed, [(one[:-2], one[-1]) for one in ordered[: asked.limit]])


def shelf(plain: Plain, first: int, last: int) -> Shelf:
    """The kernel's columns of some of the rows; of the bitmaps all but the last."""
    codes: list[CodeColumn | None] = []
    for number, (values, size) in enumerate(zip(plain.codes, plain.sizes, strict=True)):
        if values is None:
            codes.append(None)
            continue
        values = values[first:last]
        flat = np.array([code for one in values for code in one], np.uint32)
        starts = np.cumsum([0, *(len(one) for one in values)]).astype(np.uint32) if number == LISTS else None
        codes.append(CodeColumn(flat, size, starts, postings=number in POSTED))
    ranks = np.array(plain.rank[first:last], np.uint64)
    ints = tuple(IntColumn(np.array(one[first:last], np.int64)) for one in plain.ints)
    for column in ints[1:]:
        column.ordered(np.argsort(ranks).astype(np.uint32))
    ids = np.zeros((last - first, 2), ">u8")
    ids[:, 1] = ranks + np.uint64(1)
    bitmaps = tuple(packed(flags[first:last]) for flags in plain.bitmaps[:-1])
    return Shelf(tuple(codes), ints, bitmaps, ids.view(np.uint8))


def packed(flags: list[bool]) -> NDArray[np.uint64]:
    """Flags as 64 words a block."""
    room = -(-len(flags) // 4_096) * 4_096
    bits = np.packbits(np.array([*flags, *[False] * (room - len(flags))], np.bool_), bitorder="little")
    return bits.view(np.uint64)


def program_of(asked: Asked, sizes: list[int], relax: bool) -> tuple[Program, list[int]]:
    """The program, and the first counter of each facet."""
    program = Program(limit=asked.limit, relax=relax)

    def add(clause: list[tuple[int, int, Any, Any]]) -> None:
        program.clause()
        for kind, column, low, high in clause:
            if kind == CODES and len(low) % 2:
                program.codes(column, low, sizes[column])
            elif kind == CODES:
                table = np.array([code in low for code in range(sizes[column])], np.uint8)
                program.code_set(column, CodeSet(table))
            elif kind == RANGE:
                program.range(column, low, high)
            else:
                program.bitmap(column)

    for group in asked.groups:
        program.group()
        for one in group:
            program.filter()
            for clause in one:
                add(clause)
    if asked.scores:
        program.scores()
    for clause in asked.scores:
        add(clause)
    for kind, column, descending, guard, guard_code, table in asked.keys:
        if kind == BY_NUMBER:
            program.by_number(column, descending, guard, guard_code)
        elif kind == BY_TABLE:
            program.by_table(column, np.array(table, np.int64), descending)
        else:
            program.by_score(descending)
    if asked.cursor is not None:
        program.resume(asked.cursor, asked.after.to_bytes(16, "big"))
    return program, [program.facet(column, group, sizes[column]) for column, group in asked.facets]


def scanned(
    plain: Plain, asked: Asked, relax: bool, cuts: Sequence[int] = (), counted: dict[bytes, Any] | None = None
) -> Answer:
    """The kernel's answer over segments that begin at `cuts`."""
    program, firsts = program_of(asked, plain.sizes, relax)
    edges = [0, *cuts, plain.rows]
    pieces = list(itertools.pairwise(edges))
    extra = tuple((packed(plain.bitmaps[-1][first:last]),) for first, last in pieces) if program.bitmaps > 2 else ()
    found = search(program, tuple(shelf(plain, first, last) for first, last in pieces), extra, counted=counted)
    assert found is not None
    facets = []
    for first, (column, _) in zip(firsts, asked.facets, strict=True):
        counts = found.counters[first : first + plain.sizes[column]]
        facets.append({int(code): int(counts[code]) for code in np.flatnonzero(counts)})
    rows = [edges[number] + row for number, row in zip(found.shelves, found.rows, strict=True)]
    assert found.ids == [str(UUID(int=plain.rank[row] + 1)) for row in rows]
    return Answer(found.total, facets, found.relaxed, list(zip(found.keys, rows, strict=True)))
