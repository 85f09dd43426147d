"""One service centre in memory: its resources, what they are busy with, and the bits of when each is free."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

import numpy as np

from core_ext import timeline
from scheduling.calendar.patterns import Bits, Cells, Patterns
from scheduling.calendar.rows import Busy, CenterRow, Resource
from scheduling.hours import day_bounds

NOTHING: tuple[Busy, ...] = ()
_FAR = 2**31 - 1


class Sheet:
    """The bits of a centre over a stretch of time: row i of `free` is of `center.resources[i]`; never written to.

    `prepared` keeps what searches have worked out about the rows of its resources; sheets that differ in what is busy
    alone share it.
    """

    __slots__ = ("free", "offers", "opening", "patterns", "prepared", "visiting")

    def __init__(self, center: Center, patterns: Patterns, free: Bits, prepared: dict[Any, Any] | None = None) -> None:
        row = center.row
        self.patterns = patterns
        self.free = free
        self.opening = patterns.opening(row, row.hours)
        self.visiting = self.opening if row.visiting is None else patterns.opening(row, row.visiting) & self.opening
        self.offers = patterns.offers(row.zone, row.interval_minutes)
        self.prepared: dict[Any, Any] = {} if prepared is None else prepared

    def edges(self, zone: str) -> tuple[Cells, Cells]:
        """When customers may come first and last on each local day of `patterns.days(zone)`; -1 on days without."""
        return self.patterns.edges(zone, self.visiting)


class Center:
    """A centre as one state of the database has it; a change makes another Center: no reader sees half of one."""

    __slots__ = ("_sheet", "busy", "limited", "resources", "row", "rows", "used")

    def __init__(
        self,
        row: CenterRow,
        resources: Iterable[Resource],
        busy: Mapping[int, tuple[Busy, ...]] | None = None,
        used: Mapping[tuple[date, str], int] | None = None,
    ) -> None:
        """`busy` by the resource's number, sorted by time; `used` the counts that bookings have raised."""
        self.row = row
        self.resources = tuple(sorted(resources, key=lambda one: one.no))
        self.rows = {one.no: i for i, one in enumerate(self.resources)}
        self.busy: Mapping[int, tuple[Busy, ...]] = busy or {}
        self.used: Mapping[tuple[date, str], int] = used or {}
        self.limited = bool(row.rules or row.hours.most or row.hours.most_on)
        """Whether anything that is sold here is counted."""
        self._sheet: Sheet | None = None

    @property
    def id(self) -> str:
        """The centre's id."""
        return self.row.id

    def sheet(self, patterns: Patterns) -> Sheet:
        """The bits over the stretch of `patterns`; the last ones made are kept."""
        kept = self._sheet
        if kept is None or kept.patterns is not patterns:
            kept = self._sheet = self.sheet_over(patterns)
        return kept

    def sheet_over(self, patterns: Patterns) -> Sheet:
        """The bits over a stretch, made anew."""
        free: Bits = np.empty((len(self.resources), patterns.words), np.uint64)
        for i in range(len(self.resources)):
            self._fill(free, i, patterns)
        return Sheet(self, patterns, free)

    def _fill(self, free: Bits, i: int, patterns: Patterns) -> None:
        one = self.resources[i]
        free[i] = self.duty(one, patterns)
        taken: list[tuple[int, ...]] = [away[:2] for away in one.absences]
        taken += [busy[:2] for busy in self.busy.get(one.no, NOTHING)]
        if taken:
            timeline.fill(free, i, np.array(taken, np.int32), patterns.first, False)

    def duty(self, one: Resource, patterns: Patterns) -> Bits:
        """When a resource is there for this centre, absent and busy or not."""
        zone = self.row.zone if one.zone is None else one.zone
        bits = patterns.everything if one.shifts is None else patterns.shifts(zone, one.shifts)
        spans = self.membership(one)
        if spans == ((-_FAR, _FAR),):
            return bits
        low, high = patterns.first, patterns.last
        clipped = [(max(begin, low), min(end, high)) for begin, end in spans if begin < high and end > low]
        return bits & patterns.row(np.array(clipped, np.int32).reshape(-1, 2))

    def membership(self, one: Resource) -> tuple[tuple[int, int], ...]:
        """The cells during which a resource belongs to this centre."""
        zone = self.row.zone
        return tuple(
            (
                -_FAR if member.from_on is None else day_bounds(zone, member.from_on)[0],
                _FAR if member.to_on is None else day_bounds(zone, member.to_on)[1],
            )
            for member in one.members
            if member.center_id == self.row.id
        )

    def without(self, appointment_id: str, patterns: Patterns) -> Center:
        """This centre as if an appointment held nothing; its sheet is over `patterns`."""
        left = {
            no: tuple(one for one in busy if one.appointment_id != appointment_id)
            for no, busy in self.busy.items()
            if any(one.appointment_id == appointment_id for one in busy)
        }
        return self.with_busy(left, patterns)

    def with_busy(
        self,
        changed: Mapping[int, tuple[Busy, ...]],
        patterns: Patterns,
        used: Mapping[tuple[date, str], int] | None = None,
    ) -> Center:
        """This centre after some of its resources' reservations (all of each) and its counts have changed."""
        other = Center.__new__(Center)
        other.row, other.resources, other.rows, other.limited = self.row, self.resources, self.rows, self.limited
        mine = {no: busy for no, busy in changed.items() if no in self.rows}
        other.busy = {**self.busy, **mine} if mine else self.busy
        other.used = self.used if used is None else used
        kept = self._sheet
        if kept is None or kept.patterns is not patterns:
            other._sheet = None
        elif not mine:
            other._sheet = kept
        else:
            free = kept.free.copy()
            for no in mine:
                other._fill(free, self.rows[no], patterns)
            other._sheet = Sheet(other, patterns, free, kept.prepared)
        return other
