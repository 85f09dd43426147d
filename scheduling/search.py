"""Finds free slots: all centres of a question in one call of the kernel, told by start, then centre."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import compress
from typing import Any

import numpy as np

from core_ext import work as kernels
from domain.kit.errors import Invalid
from scheduling.asking import FirstSlot, Slot, SlotRequest
from scheduling.calendar.center import Center
from scheduling.calendar.prepared import PEOPLE, Line
from scheduling.calendar.world import World
from scheduling.hours import instant_of
from scheduling.question import AtCenter, Question

_VEHICLES = ("LOANER", "DEMO_VEHICLE")
_MOST_WORDS = 64
"""Starts of a page that lie further apart are told one by one."""
_instant = lru_cache(maxsize=1 << 16)(instant_of)
Place = tuple[int, str]
"""A start cell and a centre: where a page ended."""


def centers_of(world: World, request: SlotRequest) -> list[Center]:
    """The centres that a request means, by id; Invalid names one that there is not."""
    if (request.near is None) == (not request.center_ids):
        raise Invalid.at("/center_ids", "give either center_ids or near")
    if request.near is not None:
        near = request.near
        ids = world.around(near.latitude, near.longitude, near.max_centers, near.radius_km)
    else:
        ids = sorted({id.lower() for id in request.center_ids})
        for i, id in enumerate(request.center_ids):
            if id.lower() not in world.centers:
                raise Invalid.at(f"/center_ids/{i}", "there is no such service centre")
    return [world.centers[id] for id in ids]


class Found:
    """The free starts of a question at some centres (ordered by id), as bits; read by pages."""

    def __init__(self, question: Question, centers: Sequence[Center]) -> None:
        self.question = question
        self.places: list[AtCenter] = []
        self.refused: list[Center] = []
        """Centres that do not do this work, whatever the time."""
        lines: list[tuple[int, Line]] = []
        fits = question.applies() is None
        for center in centers:
            if not fits or not question.accepted(center):
                self.refused.append(center)
                continue
            place = AtCenter(question, center)
            lines += [(len(self.places), line) for line in place.prepared.lines if question.meets(line)]
            self.places.append(place)
        self._of = [at for at, _ in lines]
        self._starts = kernels.many(
            [self.places[at].free for at in self._of],
            [line.kernel for _, line in lines],
            question.first,
            max(question.last, question.first),
        )
        for i, at in enumerate(self._of):
            if self.places[at].narrowed:
                self._narrow(i, self.places[at])

    def _narrow(self, line: int, place: AtCenter) -> None:
        bits, first = self._starts.bits, self._starts.first_cell
        for start in self._starts.cells(line).tolist():
            if not place.allows(start):
                word, bit = divmod(start - first, 64)
                bits[line, word] &= np.uint64(~(1 << bit) & (2**64 - 1))

    def counts(self) -> list[int]:
        """How many starts each of `places` has."""
        found = [0] * len(self.places)
        for at, count in zip(self._of, self._starts.counts().tolist(), strict=True):
            found[at] += count
        return found

    def page(self, limit: int, after: Place | None = None) -> list[tuple[int, AtCenter]]:
        """Up to `limit` starts behind a place, by start, then centre."""
        if after is None:
            cells, lines = self._starts.page(limit)
        else:
            line = max((i for i, at in enumerate(self._of) if self.places[at].center.id <= after[1]), default=-1)
            cells, lines = self._starts.page(limit, after[0], line)
        return [(cell, self.places[self._of[line]]) for cell, line in zip(cells.tolist(), lines.tolist(), strict=True)]

    def first(self) -> FirstSlot | None:
        """The earliest start of all."""
        for start, place in self.page(1):
            zone = place.center.row.zone
            return FirstSlot(place.center.id, instant_of(start, zone), instant_of(place.end(start), zone))
        return None


def slots(page: Sequence[tuple[int, AtCenter]]) -> list[Slot]:
    """Free starts of one question as they are told, in their order."""
    if not page:
        return []
    question = page[0][1].question
    together = {id(place): place for _, place in page if _is_plain(place)}
    named = _named(question, list(together.values()), [start for start, place in page if id(place) in together])
    if named is None:
        return [slot(start, place) for start, place in page]
    told, cells = [], question.work.cells
    for start, place in page:
        found = named.get((start, id(place)))
        if found is None:
            told.append(slot(start, place))
        else:
            row = place.center.row
            told.append(Slot(row.id, _instant(start, row.zone), _instant(start + cells, row.zone), *found))
    return told


def _is_plain(place: AtCenter) -> bool:
    """Whether whoever is free for the main work or the car may have it, all the time and at every start."""
    prepared = place.prepared
    return (
        prepared.apart
        and place.limits is None
        and place.question.outside is None
        and len(prepared.lines) == 1
        and not any(need.at_arrival and need.role in _VEHICLES for need in prepared.needs)
    )


def _named(
    question: Question, places: Sequence[AtCenter], starts: Sequence[int]
) -> dict[tuple[int, int], tuple[list[str], list[str]]] | None:
    """Who could do the main work and which vehicles are free, by start and place, worked out for all at once.

    None where there are none of these places, or the starts lie too far apart for that.
    """
    if not places:
        return None
    unique = sorted(set(starts))
    told: list[list[list[list[str]]]] = []
    for roles in (PEOPLE, _VEHICLES):
        at = next((i for i, need in enumerate(places[0].prepared.needs) if need.role in roles), None)
        if at is None:
            told.append([])
            continue
        need = places[0].prepared.needs[at]
        begins = np.array(unique, np.int64) + (need.offset - question.patterns.first)
        first, last = int(begins[0]) >> 6, (int(begins[-1]) + need.length - 1 >> 6) + 1
        if last - first > _MOST_WORDS:
            return None
        rows = [place.prepared.lines[0].kernel.legs[at].rows for place in places]
        words = np.concatenate([place.free[mine, first:last] for place, mine in zip(places, rows, strict=True)])
        sums = np.zeros((len(words), (last - first) * 64 + 1), np.int32)
        np.cumsum(np.unpackbits(words.view(np.uint8), axis=1, bitorder="little"), axis=1, out=sums[:, 1:])
        begins -= first * 64
        free = (sums[:, begins + need.length] - sums[:, begins] == need.length).T.tolist()
        ids, end = [], 0
        for place, mine in zip(places, rows, strict=True):
            resources, begin = place.center.resources, end
            end += len(mine)
            own = [resources[row].id for row in mine.tolist()]
            ids.append([list(compress(own, line[begin:end])) for line in free])
        told.append(ids)
    people, vehicles = told
    return {
        (start, id(place)): (people[at][i] if people else [], vehicles[at][i] if vehicles else [])
        for at, place in enumerate(places)
        for i, start in enumerate(unique)
    }


def slot(start: int, place: AtCenter) -> Slot:
    """A free start as it is told."""
    question, center = place.question, place.center
    resources = center.resources
    people: list[str] = []
    vehicles: list[str] = []
    for need, rows in zip(place.prepared.needs, place.who(start), strict=True):
        if need is question.work.main and need.role in PEOPLE:
            people = [resources[row].id for row in rows]
        elif need.role in _VEHICLES:
            named: Any = question.request.vehicle_id
            vehicles = [named] if question.outside is not None else [resources[row].id for row in rows]
    zone = center.row.zone
    end = place.end(start) if question.work.splittable else start + question.work.cells
    return Slot(center.id, _instant(start, zone), _instant(end, zone), people, vehicles)
