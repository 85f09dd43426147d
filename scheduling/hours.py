"""Local clocks and calendars as instants on a grid of five minutes: the only module that knows time zones.

A cell is five minutes: cell c begins 300 c seconds after 1970-01-01T00:00Z. A local time means the first instant at
which the clock of the zone shows it; where the clock jumps over it, the first instant after the jump.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
import numpy as np
from numpy.typing import NDArray

CELL_SECONDS: Final = 300
CELL_MINUTES: Final = 5
MIDNIGHT: Final = 1_440
"""The minute at which a day ends."""

_CELL = timedelta(seconds=CELL_SECONDS)
_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAYS_OF_EPOCH = date(1970, 1, 1).toordinal()


class DayHours(msgspec.Struct, frozen=True):
    """Hours of one day of the week (0 = Monday) in minutes of the local clock, 0 … 1440.

    An end not after its start lies on the next day.
    """

    day_of_week: int
    start: int
    end: int


class Span(msgspec.Struct, frozen=True):
    """The same for one local date."""

    on: date
    start: int
    end: int


def zone_of(name: str) -> ZoneInfo:
    """The zone of an IANA name; ValueError for a name that is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, OSError):
        raise ValueError(f"{name!r} is no time zone") from None


def cell_of(instant: datetime) -> int:
    """The cell in which an instant lies. ValueError for one without an offset."""
    if instant.tzinfo is None:
        raise ValueError("an instant needs an offset from UTC")
    return (instant - _EPOCH) // _CELL


def on_grid(instant: datetime) -> bool:
    """Whether a cell begins at this instant. ValueError for one without an offset."""
    return instant_of(cell_of(instant)) == instant


def instant_of(cell: int, zone: str | None = None) -> datetime:
    """The beginning of a cell, in UTC or in a zone."""
    instant = _EPOCH + cell * _CELL
    return instant if zone is None else instant.astimezone(zone_of(zone))


def minutes_of(clock: str) -> int:
    """The minute of the day, 0 … 1440, of a text `HH:MM`; `24:00` is midnight. ValueError for anything else."""
    hour, colon, minute = clock.partition(":")
    if colon and len(hour) == len(minute) == 2 and clock.isascii() and hour.isdigit() and minute.isdigit():
        found = int(hour) * 60 + int(minute)
        if found <= MIDNIGHT and int(minute) < 60:
            return found
    raise ValueError(f"{clock!r} is no time of day between 00:00 and 24:00")


def readings(zone: str, local: datetime) -> tuple[datetime, ...]:
    """The instants, in UTC, at which the clock of a zone shows a local time: none in a gap, two in a fold.

    ValueError for a time with an offset: that is an instant already.
    """
    if local.tzinfo is not None:
        raise ValueError("a local time has no offset")
    there = zone_of(zone)
    found = {local.replace(tzinfo=there, fold=fold).astimezone(UTC) for fold in (0, 1)}
    return tuple(sorted(one for one in found if one.astimezone(there).replace(tzinfo=None, fold=0) == local))


def local_instant(zone: str, local: datetime) -> datetime:
    """The first instant, in UTC, at which the clock shows a local time or has jumped over it. ValueError as above."""
    shown = readings(zone, local)
    if shown:
        return shown[0]
    there = zone_of(zone)
    before, after = (local.replace(tzinfo=there, fold=fold).utcoffset() for fold in (0, 1))
    assert before is not None
    assert after is not None
    low, high = local.replace(tzinfo=UTC) - after, local.replace(tzinfo=UTC) - before
    while high - low > _SECOND:  # the clock jumps after `low` and not after `high`
        middle = low + (high - low) // _SECOND // 2 * _SECOND
        if middle.astimezone(there).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high


def _local_seconds(on: date, minute: int) -> int:
    """What a clock shows, as seconds since it showed the beginning of 1970."""
    return ((on.toordinal() - _DAYS_OF_EPOCH) * MIDNIGHT + minute) * 60


@lru_cache(maxsize=1 << 16)
def _offset(zone: str, on: date) -> int | None:
    """The seconds by which the clock of a zone is ahead of UTC all of a local date; None where that changes."""
    there = zone_of(zone)
    offsets = {
        datetime.combine(on, time(hour), there).replace(fold=fold).utcoffset() for hour in range(24) for fold in (0, 1)
    }
    offsets |= {datetime.combine(on + _DAY, time(), there).replace(fold=fold).utcoffset() for fold in (0, 1)}
    offset = offsets.pop()
    return None if offsets or offset is None else offset // _SECOND


@lru_cache(maxsize=1 << 14)
def _seconds_of_jump(zone: str, on: date, minute: int) -> int:
    local = datetime.combine(on, time()) + timedelta(minutes=minute)
    return (local_instant(zone, local) - _EPOCH) // _SECOND


def _seconds(zone: str, on: date, minute: int) -> int:
    """Seconds since 1970 of a minute of a local date."""
    offset = _offset(zone, on)
    return _seconds_of_jump(zone, on, minute) if offset is None else _local_seconds(on, minute) - offset


def to_cell(zone: str, on: date, minute: int) -> int:
    """The first cell that begins at or after a minute (0 … 1440) of a local date. ValueError for another minute.

    Offsets of whole five minutes, which all zones have had since 1972, lead to the very instant.
    """
    if not 0 <= minute <= MIDNIGHT:
        raise ValueError("a day has the minutes 0 to 1440")
    return -(-_seconds(zone, on, minute) // CELL_SECONDS)


def local_day(zone: str, cell: int) -> date:
    """The date that the clock of a zone shows when a cell begins."""
    return instant_of(cell, zone).date()


def day_bounds(zone: str, on: date) -> tuple[int, int]:
    """The first cell of a local date and the first after it; the same one twice if the zone has skipped the date."""
    return to_cell(zone, on, 0), to_cell(zone, on + _DAY, 0)


def span_cells(zone: str, span: Span) -> tuple[int, int]:
    """The cells [from, to) that lie within a span as a whole; none (from = to) where the clock jumps over it."""
    on = span.on if span.end > span.start else span.on + _DAY
    begin = to_cell(zone, span.on, span.start)
    if not 0 <= span.end <= MIDNIGHT:
        raise ValueError("a day has the minutes 0 to 1440")
    return begin, max(begin, _seconds(zone, on, span.end) // CELL_SECONDS)


def weekly(
    zone: str,
    hours: Sequence[DayHours],
    first: date,
    last: date,
    *,
    from_on: date | None = None,
    to_on: date | None = None,
    overrides: Mapping[date, Sequence[tuple[int, int]]] | None = None,
) -> NDArray[np.int32]:
    """The cells of hours that repeat by the week, for spans that begin on a local date from `first` to `last`.

    `from_on` and `to_on` (both included) bound the dates on which the hours hold; `overrides` gives dates their own
    hours as (start, end) in minutes, none for a closed day, within these bounds or not. Returns ranges [from, to)
    as int32 (n, 2): ascending, apart from each other, shared and read-only. ValueError for minutes beyond a day. Asked
    again for the same, it costs a look-up.
    """
    told = tuple(sorted((on, tuple((start, end) for start, end in spans)) for on, spans in (overrides or {}).items()))
    return _weekly(zone, tuple(hours), first, last, from_on, to_on, told)


@lru_cache(maxsize=1 << 14)
def _weekly(
    zone: str,
    hours: tuple[DayHours, ...],
    first: date,
    last: date,
    from_on: date | None,
    to_on: date | None,
    overrides: tuple[tuple[date, tuple[tuple[int, int], ...]], ...],
) -> NDArray[np.int32]:
    own = dict(overrides)
    days: list[list[tuple[int, int]]] = [[] for _ in range(7)]
    for one in hours:
        days[one.day_of_week].append((one.start, one.end))
    ranges = []
    for number in range(first.toordinal(), last.toordinal() + 1):
        on = date.fromordinal(number)
        spans: Sequence[tuple[int, int]] = ()
        if on in own:
            spans = own[on]
        elif (from_on is None or from_on <= on) and (to_on is None or on <= to_on):
            spans = days[on.weekday()]
        ranges += [span_cells(zone, Span(on, start, end)) for start, end in spans]
    found = np.array(_joined(ranges), np.int32).reshape(-1, 2)
    found.flags.writeable = False
    return found


def _joined(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same cells in as few ranges as will do."""
    joined: list[tuple[int, int]] = []
    for begin, end in sorted(ranges):
        if begin == end:
            continue
        if joined and begin <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(joined[-1][1], end)
        else:
            joined.append((begin, end))
    return joined


def offers(zone: str, interval_minutes: int, first_cell: int, cells: int) -> NDArray[np.uint64]:
    """The cells from `first_cell` at which the local clock shows a multiple of the interval since midnight, as bits.

    Where the clock is set back both readings are offered, where it jumps ahead none in between: an offer is the same
    time of day all year. Bit i of the words is cell `first_cell + i`. ValueError for an interval that is no multiple of
    five minutes within a day.
    """
    if not 0 < interval_minutes <= MIDNIGHT or interval_minutes % CELL_MINUTES:
        raise ValueError("starts are offered every 5, 10, … minutes")
    offered = np.zeros(-(-cells // 64) * 64, np.uint8)
    cell = first_cell
    while cell < first_cell + cells:
        on = local_day(zone, cell)
        end = max(min(day_bounds(zone, on)[1], first_cell + cells), cell + 1)
        offset = _offset(zone, on)
        if offset is not None:
            seconds = np.arange(cell, end) * CELL_SECONDS + offset - _local_seconds(on, 0)
        else:
            shown = (instant_of(one, zone).time() for one in range(cell, end))
            seconds = np.array([(one.hour * 60 + one.minute) * 60 + one.second for one in shown])
        offered[cell - first_cell : end - first_cell] = seconds % (interval_minutes * 60) == 0
        cell = end
    return np.packbits(offered, bitorder="little").view("<u8").astype(np.uint64, copy=False)
