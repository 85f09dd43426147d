"""A search kernel's segment and program as plain lists, and the answer by looking at every row: the kernel's oracle."""

from __future__ import annotations

import random
from typing import Any, NamedTuple

import numpy as np

from core_ext.columns import ABSENT, CodeColumn, IntColumn
from core_ext.program import Program
from core_ext.search import scan

CODES, RANGE, BITMAP = range(3)
BY_NUMBER, BY_TABLE, BY_SCORE = range(3)
LAST = 2**63 - 1


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


def columns(plain: Plain) -> tuple[tuple[CodeColumn | None, ...], tuple[IntColumn, ...], tuple[Any, ...]]:
    """The kernel's columns."""
    codes = []
    for number, (values, size) in enumerate(zip(plain.codes, plain.sizes, strict=True)):
        if values is None:
            codes.append(None)
            continue
        flat = np.array([code for one in values for code in one], np.uint32)
        starts = np.cumsum([0, *(len(one) for one in values)]).astype(np.uint32) if number == 4 else None
        codes.append(CodeColumn(flat, size, starts))
    words = (plain.rows + 63) // 64
    bitmaps = []
    for flags in plain.bitmaps:
        packed = np.packbits(np.array([*flags, *[False] * (words * 64 - plain.rows)], np.bool_), bitorder="little")
        bitmaps.append(packed.view(np.uint64))
    return tuple(codes), tuple(IntColumn(np.array(one, np.int64)) for one in plain.ints), tuple(bitmaps)


def program_of(asked: Asked, sizes: list[int], relax: bool) -> Program:
    """The program in its flat form."""
    groups, filters, clauses = [0], [0], [0]
    atoms: list[tuple[int, int, int, int, int, int]] = []
    codes: list[int] = []
    tables: list[int] = []

    def add(clause: list[tuple[int, int, Any, Any]]) -> None:
        for kind, column, low, high in clause:
            if kind == CODES:
                atoms.append((CODES, column, len(codes), len(codes) + len(low), len(tables), sizes[column]))
                codes.extend(sorted(low))
                tables.extend(int(code in low) for code in range(sizes[column]))
            else:
                atoms.append((kind, column, low or 0, high or 0, 0, 0))
        clauses.append(len(atoms))

    for group in asked.groups:
        for one in group:
            for clause in one:
                add(clause)
            filters.append(len(clauses) - 1)
        groups.append(len(filters) - 1)
    for clause in asked.scores:
        add(clause)
    facets, first = [], 0
    for column, group_number in asked.facets:
        facets.append((column, group_number, first, sizes[column]))
        first += sizes[column]
    keys, key_tables = [], list[int]()
    for kind, column, descending, guard, guard_code, table in asked.keys:
        keys.append((kind, column, int(descending), guard, guard_code, len(key_tables), len(table)))
        key_tables += table
    return Program(
        groups=groups, filters=filters, clauses=clauses, atoms=atoms, codes=codes, tables=np.array(tables, np.uint8),
        facets=facets, keys=keys, key_tables=np.array(key_tables, np.int64), relax=relax, cursor=asked.cursor,
    )  # fmt: skip


def scanned(plain: Plain, asked: Asked, relax: bool) -> Answer:
    """The kernel's answer."""
    program = program_of(asked, plain.sizes, relax)
    counters, relaxed = np.zeros(program.counters, np.int64), np.zeros(program.filters, np.int64)
    keys, rows = np.zeros((asked.limit, len(asked.keys)), np.int64), np.zeros(asked.limit, np.uint32)
    codes, ints, bitmaps = columns(plain)
    rank = np.array(plain.rank, np.uint32)
    total, found = scan(program, plain.rows, codes, ints, bitmaps, rank, asked.after, counters, relaxed, keys, rows)
    facets, first = [], 0
    for column, _ in asked.facets:
        counts = counters[first : first + plain.sizes[column]]
        facets.append({int(code): int(counts[code]) for code in np.flatnonzero(counts)})
        first += plain.sizes[column]
    top = [(tuple(key), row) for key, row in zip(keys[:found].tolist(), rows[:found].tolist(), strict=True)]
    return Answer(total, facets, relaxed.tolist(), top)
