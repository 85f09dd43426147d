"""Finds free slots: all centres of a question in one call of the kernel, told by start, then centre."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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
Place = tuple[int, str]
"""A start cell and a centre: where a page ended."""


def centers_of(world: World, request: SlotRequest) -> list[Center]:
    """The centres that a request means, by id; Invalid names one that there is not."""
    if (request.near is None) == (not request.center_ids):
        raise Invalid.at("/center_ids", "give either center_ids or near")
    if request.near is not None:
        near = request.near
        ids: Iterable[str] = world.nearest(near.latitude, near.longitude, near.max_centers, near.radius_km)
    else:
        ids = dict.fromkeys(id.lower() for id in request.center_ids)
        for i, id in enumerate(request.center_ids):
            if id.lower() not in world.centers:
                raise Invalid.at(f"/center_ids/{i}", "there is no such service centre")
    return [world.centers[id] for id in sorted(ids)]


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
            if not fits or question.authorised(center) is not None or not question.takes_transport(center):
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
    return Slot(center.id, instant_of(start, zone), instant_of(end, zone), people, vehicles)
