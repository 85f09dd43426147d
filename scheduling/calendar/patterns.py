"""Rows of bits over a stretch of time that many share: shifts, opening hours, offered starts, the days of a zone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from functools import lru_cache
from typing import Any, TypeVar

import holidays as holiday_calendars
import numpy as np
from numpy.typing import NDArray

from core_ext import timeline
from scheduling import hours
from scheduling.calendar.rows import CenterRow, Hours, Shifts, Weekly

Bits = NDArray[np.uint64]
Cells = NDArray[np.int32]
WORD = 64
CELLS_A_DAY = 86_400 // hours.CELL_SECONDS
_NONE: Mapping[date, tuple[tuple[int, int], ...]] = {}
T = TypeVar("T")


@lru_cache(maxsize=4096)
def public_holidays(country: str, subdivision: str | None, year: int) -> Mapping[date, str]:
    """The public holidays of a country (and its subdivision) by the `holidays` library; none where it knows none."""
    try:
        found = holiday_calendars.country_holidays(country, subdiv=subdivision, years=year)
    except NotImplementedError:
        return {}
    return {on: str(name) for on, name in found.items()}


def closed_days(row: CenterRow, first: date, last: date) -> dict[date, str]:
    """The holidays of a centre from one day to another with their names, whether or not its hours override them."""
    found = {on: name for on, name in row.holidays.items() if first <= on <= last}
    if row.country is not None:
        for year in range(first.year, last.year + 1):
            for on, name in public_holidays(row.country, row.subdivision, year).items():
                if first <= on <= last:
                    found.setdefault(on, name)
    return found


class Days:
    """The local days of a zone over a stretch of time; `bounds[i]` is the first cell of day `first + i`."""

    def __init__(self, zone: str, first_cell: int, last_cell: int) -> None:
        self.zone = zone
        self.first = hours.local_day(zone, first_cell)
        count = (hours.local_day(zone, last_cell - 1) - self.first).days + 1
        bounds = [hours.day_bounds(zone, self.first + timedelta(days=i)) for i in range(count)]
        self.bounds: Cells = np.array([bounds[0][0], *(end for _, end in bounds)], np.int32)

    def index(self, cell: int) -> int:
        """Which day a cell belongs to."""
        return int(np.searchsorted(self.bounds, cell, "right")) - 1

    def on(self, cell: int) -> date:
        """The local date of a cell within the stretch."""
        return self.first + timedelta(days=self.index(cell))

    def bounds_of(self, on: date) -> tuple[int, int]:
        """The first cell of a local date and the first after it, also outside the stretch."""
        return hours.day_bounds(self.zone, on)


class Patterns:
    """The shared rows over `cells` cells from `first`, both multiples of a word; made when first asked for.

    Rows handed out are shared: never write to them.
    """

    def __init__(self, first: int, cells: int) -> None:
        self.first = first
        self.cells = cells
        self.words = cells // WORD
        self.everything: Bits = np.full(self.words, 2**64 - 1, np.uint64)
        self._made: dict[Any, tuple[Any, Any]] = {}
        self._lock = threading.RLock()

    @property
    def last(self) -> int:
        """The first cell behind the stretch."""
        return self.first + self.cells

    def shared(self, key: Any, keep: Any, make: Callable[[], T]) -> T:
        """What was made for the key; `keep` holds on to objects whose identity is part of it."""
        found = self._made.get(key)
        if found is None:
            with self._lock:
                found = self._made.get(key)
                if found is None:
                    found = self._made[key] = (make(), keep)
        result: T = found[0]
        return result

    def row(self, ranges: Cells) -> Bits:
        """A row with these ranges set."""
        bits = np.zeros((1, self.words), np.uint64)
        timeline.fill(bits, 0, np.ascontiguousarray(ranges, np.int32), self.first, True)
        row: Bits = bits[0]
        return row

    def days(self, zone: str) -> Days:
        """The local days of a zone."""
        return self.shared(("days", zone), None, lambda: Days(zone, self.first, self.last))

    def offers(self, zone: str, interval_minutes: int) -> Bits:
        """Starts every interval from local midnight."""
        return self.shared(
            ("offers", zone, interval_minutes),
            None,
            lambda: hours.offers(zone, interval_minutes, self.first, self.cells),
        )

    def _weekly(self, zone: str, one: Weekly, overrides: Mapping[date, tuple[tuple[int, int], ...]] = _NONE) -> Cells:
        first = hours.local_day(zone, self.first) - timedelta(days=1)  # yesterday's night shift runs into today
        last = hours.local_day(zone, self.last)
        return hours.weekly(zone, one.hours, first, last, from_on=one.from_on, to_on=one.to_on, overrides=overrides)

    def shifts(self, zone: str, shifts: Shifts) -> Bits:
        """When somebody with these shifts works, in a zone."""
        return self.shared(("shifts", zone, shifts), None, lambda: self._shifts(zone, shifts))

    def _shifts(self, zone: str, shifts: Shifts) -> Bits:
        bits = np.zeros((1, self.words), np.uint64)
        for one in shifts.weekly:
            timeline.fill(bits, 0, self._weekly(zone, one), self.first, True)
        for one in shifts.breaks:
            timeline.fill(bits, 0, self._weekly(zone, one), self.first, False)
        if shifts.once:
            single = self.row(np.array(shifts.once, np.int32))
            if shifts.pauses:
                single &= ~self.row(np.array(shifts.pauses, np.int32))
            bits[0] |= single
        row: Bits = bits[0]
        return row

    def opening(self, row: CenterRow, of: Hours) -> Bits:
        """When a centre is open by these hours, without its holidays."""
        key = ("open", of.zone or row.zone, id(of), id(row.holidays), row.country, row.subdivision)
        return self.shared(key, (of, row.holidays), lambda: self._opening(row, of))

    def _opening(self, row: CenterRow, of: Hours) -> Bits:
        zone = of.zone or row.zone
        days = self.days(zone)
        first, last = days.first - timedelta(days=1), days.first + timedelta(days=len(days.bounds))
        closed: dict[date, tuple[tuple[int, int], ...]] = dict.fromkeys(closed_days(row, first, last), ())
        return self.row(self._weekly(zone, Weekly(of.weekly), {**closed, **of.overrides}))

    def edges(self, zone: str, bits: Bits) -> tuple[Cells, Cells]:
        """The first cell of a row on each local day and the end of its last one; -1 on days without."""
        return self.shared(("edges", zone, id(bits)), bits, lambda: self._edges(self.days(zone), bits))

    def _edges(self, days: Days, bits: Bits) -> tuple[Cells, Cells]:
        is_open = np.unpackbits(bits.view(np.uint8), bitorder="little")
        opens, closes = np.full((2, len(days.bounds) - 1), -1, np.int32)
        for i, (begin, end) in enumerate(zip(days.bounds[:-1] - self.first, days.bounds[1:] - self.first, strict=True)):
            found = np.flatnonzero(is_open[max(begin, 0) : end])
            if len(found):
                opens[i] = self.first + max(begin, 0) + found[0]
                closes[i] = self.first + max(begin, 0) + found[-1] + 1
        return opens, closes
