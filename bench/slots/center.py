"""A service centre of named size with fixed seed: when each technician and bay is there, and when busy."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core_ext import timeline, work

Range = tuple[int, int]

TECHNICIANS, BAYS, DAYS = 25, 14, 30
DAY, LENGTH, INTERVAL = 288, 12, 3
"""Cells of five minutes: a day, an hour's work, and a start every quarter of an hour."""
CELLS = DAYS * DAY
WORDS = CELLS // 64
OPENING = [(day * DAY + 96, day * DAY + 216) for day in range(DAYS) if day % 7 < 6]
SEED = 20_261_122


class Center(NamedTuple):
    """Ranges of cells a resource; technicians stand before bays."""

    there: list[list[Range]]
    busy: list[list[Range]]

    def gaps(self, resource: int) -> list[Range]:
        """When a resource is free: what it is there for less what it is busy with."""
        found = []
        taken = sorted(self.busy[resource])
        for begin, end in self.there[resource]:
            for busy_from, busy_to in taken:
                if busy_to <= begin or busy_from >= end:
                    continue
                if busy_from > begin:
                    found.append((begin, busy_from))
                begin = max(begin, busy_to)
            if begin < end:
                found.append((begin, end))
        return found

    def kinds(self) -> list[list[list[Range]]]:
        """The gaps of all technicians, of all bays, and the opening hours: of each kind one must be free."""
        gaps = [self.gaps(resource) for resource in range(TECHNICIANS + BAYS)]
        return [gaps[:TECHNICIANS], gaps[TECHNICIANS:], [OPENING]]


def center(number: int) -> Center:
    """The centre of a number: two shifts with lunch breaks, two thirds of all time sold."""
    rng = np.random.default_rng((SEED, number))
    there: list[list[Range]] = []
    busy: list[list[Range]] = []
    for resource in range(TECHNICIANS + BAYS):
        shifts: list[Range] = [(0, CELLS)]
        if resource < TECHNICIANS:
            early = 96 if resource % 2 else 120
            shifts = [
                span
                for day in range(DAYS)
                if (day + resource) % 7 < 5
                for span in (
                    (day * DAY + early, day * DAY + early + 48),
                    (day * DAY + early + 54, day * DAY + early + 96),
                )
            ]
        there.append(shifts)
        taken, cell = [], 0
        while cell < CELLS:
            begin = cell + int(rng.integers(0, 18))
            cell = begin + int(rng.choice([6, 12, 18, 24, 36]))
            taken.append((begin, min(cell, CELLS)))
        busy.append([one for one in taken if one[0] < CELLS])
    return Center(there, busy)


def timelines(of: Center) -> NDArray[np.uint64]:
    """The rows of a centre as the service keeps them."""
    rows = np.zeros((TECHNICIANS + BAYS, WORDS), np.uint64)
    for resource in range(TECHNICIANS + BAYS):
        timeline.fill(rows, resource, np.array(of.there[resource], np.int32), 0, True)
        timeline.fill(rows, resource, np.array(of.busy[resource], np.int32), 0, False)
    return rows


def prepared() -> work.Work:
    """An hour's work for a technician and a bay."""
    shared = np.zeros((2, WORDS), np.uint64)
    timeline.fill(shared, 0, np.array(OPENING, np.int32), 0, True)
    timeline.fill(shared, 1, np.array([(cell, cell + 1) for cell in range(0, CELLS, INTERVAL)], np.int32), 0, True)
    technicians = np.arange(TECHNICIANS, dtype=np.uint32)
    bays = np.arange(TECHNICIANS, TECHNICIANS + BAYS, dtype=np.uint32)
    return work.Work([work.Leg(technicians, LENGTH), work.Leg(bays, LENGTH)], LENGTH, shared[1], shared[0], 0)
