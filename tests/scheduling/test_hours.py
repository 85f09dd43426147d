"""Local hours become the cells that reading the local clock minute by minute finds, around every change of a clock."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo, available_timezones

import numpy as np
import pytest

from core_ext import timeline
from scheduling import hours
from scheduling.hours import DayHours

ZONES = (
    "Europe/Berlin",
    "Europe/Lisbon",
    "America/New_York",
    "America/Sao_Paulo",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Africa/Casablanca",
    "Pacific/Apia",
    "America/Nuuk",
    "Antarctica/Troll",
    "UTC",
)
OPENING = {
    "00:00-24:00": (0, 1_440),
    "08:00-17:00": (480, 1_020),
    "13:00-18:00": (780, 1_080),
    "22:00-06:00": (1_320, 360),
    "01:30-03:30": (90, 210),
}
INTERVALS = (15, 45, 60, 90)
YEARS = range(2024, 2036)
DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)


def transitions(zone: str, years: range = YEARS) -> Iterator[datetime]:
    """The instants in whose minute the offset of a zone changes."""
    there = ZoneInfo(zone)
    low = datetime(years[0], 1, 1, tzinfo=UTC)
    while low.year <= years[-1]:
        high = low + timedelta(hours=6)
        if low.astimezone(there).utcoffset() != high.astimezone(there).utcoffset():
            minute = low
            while minute.astimezone(there).utcoffset() == low.astimezone(there).utcoffset():
                minute += MINUTE
            yield minute
        low = high


class Clock(NamedTuple):
    """What a local clock shows in each minute from `begin` on."""

    zone: str
    begin: datetime
    shown: list[datetime]

    @classmethod
    def around(cls, zone: str, instant: datetime) -> Clock:
        """Read from two days before an instant until three days after it."""
        begin = instant.replace(hour=0, minute=0, second=0) - 2 * DAY
        there = ZoneInfo(zone)
        return cls(
            zone, begin, [(begin + i * MINUTE).astimezone(there).replace(tzinfo=None, fold=0) for i in range(5 * 1_440)]
        )

    @property
    def first_cell(self) -> int:
        return int(self.begin.timestamp()) // 300

    def dates(self) -> list[date]:
        """The local dates that lie inside with the night behind them."""
        return sorted({shown.date() for shown in self.shown})[1:-2]

    def first_minute(self, local: datetime) -> int:
        """The first minute in which the clock shows a local time or has passed it."""
        return next((i for i, shown in enumerate(self.shown) if shown >= local), len(self.shown))

    def open_minutes(self, start: int, end: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """The minutes within daily hours that begin on one of the dates."""
        found = np.zeros(len(self.shown), bool)
        for on in self.dates():
            midnight = datetime(on.year, on.month, on.day)
            opens = self.first_minute(midnight + start * MINUTE)
            closes = self.first_minute(midnight + end * MINUTE + (DAY if end <= start else 0 * DAY))
            found[opens:closes] = True
        return found

    def slots(self, start: int, end: int, interval: int) -> list[int]:
        """The cells at which work of a slot's length may start."""
        is_open = self.open_minutes(start, end)
        return [
            self.first_cell + i // 5
            for i, shown in enumerate(self.shown)
            if (shown.hour * 60 + shown.minute) % interval == 0
            and i + interval <= len(is_open)
            and is_open[i : i + interval].all()
        ]


def materialised(clock: Clock, start: int, end: int, interval: int) -> list[int]:
    """The same by way of bits."""
    cells, dates = len(clock.shown) // 5, clock.dates()
    everyday = [DayHours(day, start, end) for day in range(7)]
    rows = np.zeros((1, -(-cells // 64)), np.uint64)
    timeline.fill(rows, 0, hours.weekly(clock.zone, everyday, dates[0], dates[-1]), clock.first_cell, True)
    free = timeline.runs(rows[0], interval // 5) & hours.offers(clock.zone, interval, clock.first_cell, cells)
    return [int(cell) for cell in timeline.cells_of(free, clock.first_cell)]


def compare(zone: str, instant: datetime) -> None:
    clock = Clock.around(zone, instant)
    for (start, end), interval in itertools.product(OPENING.values(), INTERVALS):
        assert materialised(clock, start, end, interval) == clock.slots(start, end, interval), (start, end, interval)
    for on in clock.dates():
        begin, behind = hours.day_bounds(zone, on)
        inside = [i for i, shown in enumerate(clock.shown) if shown.date() == on]
        assert (begin, behind) == (clock.first_cell + inside[0] // 5, clock.first_cell + inside[-1] // 5 + 1)
        assert all(hours.local_day(zone, cell) == on for cell in (begin, behind - 1))


SHORT = [
    ("Europe/Berlin", datetime(2026, 3, 29, 1, tzinfo=UTC)),
    ("Europe/Berlin", datetime(2026, 10, 25, 1, tzinfo=UTC)),
    ("America/New_York", datetime(2027, 3, 14, 7, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 4, 4, 15, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 10, 3, 15, 30, tzinfo=UTC)),
    ("Antarctica/Troll", datetime(2028, 3, 26, 1, tzinfo=UTC)),
    ("Antarctica/Troll", datetime(2028, 10, 29, 1, tzinfo=UTC)),
    ("Africa/Casablanca", datetime(2030, 1, 6, 2, tzinfo=UTC)),
    ("America/Nuuk", datetime(2025, 3, 30, 1, tzinfo=UTC)),
    ("Asia/Kathmandu", datetime(2026, 6, 1, tzinfo=UTC)),
]


@pytest.mark.parametrize(("zone", "instant"), SHORT, ids=lambda told: str(told)[:16])
def test_slots_are_those_of_reading_the_clock_each_minute(zone: str, instant: datetime) -> None:
    compare(zone, instant)


@pytest.mark.stress
@pytest.mark.parametrize("zone", ZONES)
def test_slots_around_every_change_are_those_of_reading_the_clock_each_minute(zone: str) -> None:
    changes = [*transitions(zone), datetime(2025, 1, 15, tzinfo=UTC)]
    assert len(changes) >= (21 if zone.startswith(("Europe", "Antarctica")) else 1)
    for instant in changes:
        compare(zone, instant)


@pytest.mark.stress
def test_slots_of_every_zone_are_those_of_reading_the_clock_each_minute() -> None:
    seen = set()  # most zones share their clock with another
    for zone in sorted(available_timezones() - {"Factory", "localtime"}):
        changes = tuple(transitions(zone))
        kind = changes, *(instant.astimezone(ZoneInfo(zone)).utcoffset() for instant in changes)
        if changes and kind not in seen:
            seen.add(kind)
            for instant in (*changes[:2], *changes[-2:]):
                compare(zone, instant)
    assert len(seen) > 10


def test_a_time_in_a_gap_is_the_first_instant_after_it() -> None:
    for zone, local, expected in (
        ("Europe/Berlin", datetime(2026, 3, 29, 2), datetime(2026, 3, 29, 1, tzinfo=UTC)),
        ("Europe/Berlin", datetime(2026, 3, 29, 2, 55), datetime(2026, 3, 29, 1, tzinfo=UTC)),
        ("Australia/Lord_Howe", datetime(2026, 10, 4, 2, 15), datetime(2026, 10, 3, 15, 30, tzinfo=UTC)),
        ("Antarctica/Troll", datetime(2028, 3, 26, 2, 30), datetime(2028, 3, 26, 1, tzinfo=UTC)),
        ("Pacific/Apia", datetime(2011, 12, 30, 12), datetime(2011, 12, 30, 10, tzinfo=UTC)),
        ("Africa/Cairo", datetime(2026, 4, 24, 0, 10), datetime(2026, 4, 23, 22, tzinfo=UTC)),
    ):
        assert hours.readings(zone, local) == ()
        assert hours.local_instant(zone, local) == expected
        minute = local.hour * 60 + local.minute
        assert hours.instant_of(hours.to_cell(zone, local.date(), minute)) == expected


def test_a_time_in_a_fold_is_the_first_of_the_two() -> None:
    for zone, local, expected, hour in (
        ("Europe/Berlin", datetime(2026, 10, 25, 2, 30), datetime(2026, 10, 25, 0, 30, tzinfo=UTC), 60),
        ("Australia/Lord_Howe", datetime(2026, 4, 5, 1, 30), datetime(2026, 4, 4, 14, 30, tzinfo=UTC), 30),
        ("Antarctica/Troll", datetime(2028, 10, 29, 1), datetime(2028, 10, 28, 23, tzinfo=UTC), 120),
    ):
        assert hours.readings(zone, local) == (expected, expected + hour * MINUTE)
        assert hours.local_instant(zone, local) == expected
        assert hours.to_cell(zone, local.date(), local.hour * 60 + local.minute) == hours.cell_of(expected)


@pytest.mark.parametrize(
    ("zone", "on", "cells"),
    [
        ("Europe/Berlin", date(2026, 3, 29), 23 * 12),
        ("Europe/Berlin", date(2026, 10, 25), 25 * 12),
        ("Australia/Lord_Howe", date(2026, 4, 5), 24 * 12 + 6),
        ("Antarctica/Troll", date(2028, 3, 26), 22 * 12),
        ("Pacific/Apia", date(2011, 12, 30), 0),
        ("Asia/Kathmandu", date(2026, 3, 29), 24 * 12),
    ],
)
def test_a_day_is_as_long_as_its_clock_says(zone: str, on: date, cells: int) -> None:
    begin, behind = hours.day_bounds(zone, on)
    assert behind - begin == cells
    everyday = [DayHours(day, 0, 1_440) for day in range(7)]
    expected = [[begin, behind]] if cells else []
    assert hours.weekly(zone, everyday, on, on).tolist() == expected


def test_hours_over_night_run_into_the_next_day_and_days_that_touch_are_one_range() -> None:
    saturday = date(2026, 3, 28)
    night = hours.weekly("Europe/Berlin", [DayHours(5, 1_320, 360)], saturday, saturday)
    assert (night[:, 1] - night[:, 0]).tolist() == [7 * 12]  # an hour is missing in that night
    whole = hours.weekly("Europe/Berlin", [DayHours(d, 0, 1_440) for d in range(7)], saturday, saturday + 6 * DAY)
    assert (whole[:, 1] - whole[:, 0]).tolist() == [7 * 288 - 12]
    assert hours.weekly("Europe/Berlin", [DayHours(6, 125, 175)], saturday, saturday + DAY).tolist() == []


def test_hours_hold_between_two_dates_and_give_way_to_those_of_a_single_one() -> None:
    monday = date(2026, 6, 1)
    everyday = [DayHours(day, 480, 1_020) for day in range(7)]
    week = hours.weekly(
        "Europe/Berlin",
        everyday,
        monday,
        monday + 6 * DAY,
        from_on=monday + DAY,
        to_on=monday + 4 * DAY,
        overrides={monday: [(600, 660), (630, 720)], monday + 2 * DAY: [], monday + 3 * DAY: [(1_380, 60)]},
    )
    local = [[hours.instant_of(cell, "Europe/Berlin").strftime("%a %H:%M") for cell in one] for one in week.tolist()]
    assert local == [
        ["Mon 10:00", "Mon 12:00"],
        ["Tue 08:00", "Tue 17:00"],
        ["Thu 23:00", "Fri 01:00"],
        ["Fri 08:00", "Fri 17:00"],
    ]
    assert not week.flags.writeable


def test_cells_and_instants_are_each_other() -> None:
    instant = datetime(2026, 11, 22, 5, 5, tzinfo=UTC)
    cell = hours.cell_of(instant)
    assert hours.instant_of(cell) == instant
    assert hours.instant_of(cell, "Asia/Kathmandu").isoformat() == "2026-11-22T10:50:00+05:45"
    assert hours.cell_of(instant + timedelta(seconds=299)) == cell
    assert hours.cell_of(datetime(1969, 12, 31, 23, 59, tzinfo=UTC)) == -1
    assert hours.on_grid(instant)
    assert not hours.on_grid(instant + timedelta(microseconds=1))
    for refused in (hours.cell_of, hours.on_grid):
        with pytest.raises(ValueError, match="offset"):
            refused(datetime(2026, 11, 22))


def test_what_is_no_time_of_day_zone_or_interval_is_refused() -> None:
    assert [hours.minutes_of(text) for text in ("00:00", "08:05", "23:59", "24:00")] == [0, 485, 1_439, 1_440]
    for text in ("24:01", "8:00", "08:60", "0800", "", "08:00 ", "٠٨:00", "-1:00", "08:0a"):
        with pytest.raises(ValueError, match="no time of day"):
            hours.minutes_of(text)
    for name in ("Europe/Atlantis", "", "../etc/passwd", "Europe"):
        with pytest.raises(ValueError):  # noqa: PT011 - zoneinfo words some of them
            hours.zone_of(name)
    on = date(2026, 6, 1)
    for minute in (-1, 1_441):
        with pytest.raises(ValueError, match="0 to 1440"):
            hours.to_cell("UTC", on, minute)
        with pytest.raises(ValueError, match="0 to 1440"):
            hours.span_cells("UTC", hours.Span(on, 0, minute))
    for interval in (0, 7, -5, 1_445):
        with pytest.raises(ValueError, match="5, 10"):
            hours.offers("UTC", interval, 0, 64)
    with pytest.raises(ValueError, match="no offset"):
        hours.local_instant("UTC", datetime(2026, 6, 1, tzinfo=UTC))


def test_offers_are_the_same_wherever_a_row_begins() -> None:
    first = hours.cell_of(datetime(2026, 10, 20, tzinfo=UTC)) // 64 * 64
    whole = timeline.cells_of(hours.offers("Europe/Berlin", 45, first, 64 * 40), first)
    part = timeline.cells_of(hours.offers("Europe/Berlin", 45, first + 64 * 7, 64 * 20), first + 64 * 7)
    assert part.tolist() == [cell for cell in whole.tolist() if first + 64 * 7 <= cell < first + 64 * 27]
    assert timeline.cells_of(hours.offers("UTC", 60, 0, 30), 0).tolist() == [0, 12, 24]
