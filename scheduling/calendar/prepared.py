"""What a centre has for some work: who and what could do it, as the kernel is asked about it."""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterable, Sequence
from datetime import date
from itertools import pairwise

import msgspec
import numpy as np
from numpy.typing import NDArray

from core_ext import work as kernels
from scheduling.asking import Transport
from scheduling.calendar.center import Center, Sheet
from scheduling.calendar.patterns import Bits, Cells, Patterns
from scheduling.calendar.rows import Resource
from scheduling.calendar.work import Need, Work
from scheduling.hours import day_bounds

_KINDS = {
    "TECHNICIAN": "TECHNICIAN",
    "ADVISOR": "TECHNICIAN",
    "SALESPERSON": "TECHNICIAN",
    "BAY": "BAY",
    "EQUIPMENT": "EQUIPMENT",
    "LOANER": "VEHICLE",
    "DEMO_VEHICLE": "VEHICLE",
}
_CARS = ("LOANER", "DEMO_VEHICLE")
_MOST_KEYS, _MOST_PREPARED = 4096, 64
_KEYS: dict[Hashable, int] = {}
_NUMBERS = itertools.count(1)
PEOPLE = ("TECHNICIAN", "ADVISOR", "SALESPERSON")


class Wish(msgspec.Struct, frozen=True):
    """What a request wants of a centre besides the work itself; resources by their numbers."""

    transport: Transport = "WAIT"
    technician: int | None = None
    vehicle: int | None = None
    outside: bool = False
    """The vehicle belongs to no centre (or has no number yet): a row of its own follows those of the centre."""
    definition_id: str | None = None
    closed_teams: frozenset[str] = frozenset()
    """Teams whose hours are sold: their technicians do not do the main work."""
    now: int | None = None
    """The present cell, where customers come before the work starts: nobody comes in the past."""


class Line(msgspec.Struct, frozen=True):
    """Starts in [low, high) and what the kernel is asked about them; candidates change between lines."""

    low: int
    high: int
    kernel: kernels.Work


class Prepared(msgspec.Struct, frozen=True):
    """A piece of work at a centre: its needs in the order of the kernel's legs, and its lines by time.

    No lines: something that is needed does not exist here at all.
    """

    needs: tuple[Need, ...]
    lines: tuple[Line, ...]
    apart: bool = False
    """Nobody could take two of its places: whoever is free for one may have it."""


def needs_of(work: Work, transport: Transport) -> tuple[Need, ...]:
    """All needs: those of the work, and the car of a test drive or the loaner."""
    if work.kind == "TEST_DRIVE":
        return (*work.needs, Need("DEMO_VEHICLE", -work.before, work.before + work.cells + work.after))
    if transport == "LOANER":
        return (*work.needs, Need("LOANER", 0, work.cells, at_arrival=True))
    return work.needs


def expiry(one: Resource, skills: Iterable[tuple[str, int]]) -> date | bool | None:
    """The first day on which somebody cannot do it any more (None: no such day); False: cannot at all."""
    first: date | None = None
    for skill, level in skills:
        ends = [end for name, own, end in one.skills if name == skill and own >= level]
        if not ends:
            return False
        known = [end for end in ends if end is not None]
        if len(known) == len(ends):
            first = max(known) if first is None else min(first, max(known))
    return first


def suits(one: Resource, need: Need, wish: Wish, main: Need | None) -> bool:
    """Whether a resource is of the kind, type, model and name that a need asks for, whatever it can do and when."""
    if one.kind != _KINDS[need.role]:
        return False
    if need.role in _CARS:
        if wish.vehicle is not None:
            return one.no == wish.vehicle and one.type == need.role
        return one.type == need.role and wish.definition_id in (None, one.definition_id)
    if need is main and (one.team in wish.closed_teams or wish.technician not in (None, one.no)):
        return False
    return need.type is None or one.type == need.type


def candidates(center: Center, need: Need, wish: Wish, main: Need | None) -> list[tuple[int, date | None]]:
    """Rows of those who could, best first (members before those lent), each with the day on which that ends."""
    found: list[tuple[bool, int, date | None]] = []
    for i, one in enumerate(center.resources):
        if suits(one, need, wish, main):
            until = expiry(one, need.skills) if need.skills else None
            if not isinstance(until, bool):
                lent = any(member.secondary and member.center_id == center.id for member in one.members)
                found.append((lent, i, until))
    found.sort(key=lambda each: each[:2])
    return [(i, until) for _, i, until in found]


def offered(sheet: Sheet, zone: str, interval: int, transport: Transport) -> Bits:
    """Starts on the grid at which customers can have come: right then where they wait, else since the day began."""
    patterns, visiting = sheet.patterns, sheet.visiting
    grid = patterns.offers(zone, interval)

    def make() -> Bits:
        if transport == "WAIT":
            return grid & visiting
        opens, _ = patterns.edges(zone, visiting)
        bounds = patterns.days(zone).bounds
        since = [(begin, end) for begin, end in zip(opens, bounds[1:], strict=True) if begin >= 0]
        return grid & patterns.row(np.array(since, np.int32).reshape(-1, 2))

    return patterns.shared(("offered", zone, interval, transport == "WAIT", id(visiting)), visiting, make)


def key_of(work: Work, wish: Wish) -> int:
    """A number for this work and wish, quicker to look up than they are; never given to others."""
    key = (work.key, wish)
    found = _KEYS.get(key)
    if found is None:
        if len(_KEYS) >= _MOST_KEYS:
            _KEYS.clear()
        found = _KEYS[key] = next(_NUMBERS)
    return found


def prepare(center: Center, sheet: Sheet, key: int, work: Work, wish: Wish) -> Prepared:
    """The work at this centre over the stretch of the sheet, kept with it; `key` is that of work and wish."""
    found: Prepared | None = sheet.prepared.get(key)
    if found is None:
        if len(sheet.prepared) >= _MOST_PREPARED:
            sheet.prepared.clear()
        found = sheet.prepared[key] = _prepared(center, sheet, work, wish)
    return found


def _prepared(center: Center, sheet: Sheet, work: Work, wish: Wish) -> Prepared:
    patterns, zone = sheet.patterns, center.row.zone
    needs = needs_of(work, wish.transport)
    offers = offered(sheet, zone, work.interval_minutes or center.row.interval_minutes, wish.transport)
    who: list[list[tuple[int, int | None]]] = []
    cuts: set[int] = set()
    for need in needs:
        if wish.outside and need.role == "DEMO_VEHICLE":
            who.append([(len(center.resources), None)])
            continue
        dated = [
            (row, None if until is None else day_bounds(zone, until)[0])
            for row, until in candidates(center, need, wish, work.main)
        ]
        dated = [(row, until) for row, until in dated if until is None or until > patterns.first]
        if len(dated) < need.count:
            return Prepared(needs, ())
        who.append(dated)
        if not (work.splittable and need is work.main):
            cuts.update(until - work.cells + 1 for _, until in dated if until is not None and until < patterns.last)
    edges = sorted({patterns.first, patterns.last, *(cut for cut in cuts if patterns.first < cut < patterns.last)})
    lines = []
    for low, high in pairwise(edges):
        legs = _legs(center, sheet, work, wish, needs, who, low)
        if legs is not None:
            bits = offers if len(edges) == 2 else offers & patterns.row(np.array([[low, high]], np.int32))
            kernel = kernels.Work(legs, work.cells, bits, sheet.opening, patterns.first, splittable=work.splittable)
            lines.append(Line(low, high, kernel))
    everybody = [row for dated in who for row, _ in dated]
    apart = not work.splittable and len(everybody) == len(set(everybody))
    return Prepared(needs, tuple(lines), apart)


def _legs(
    center: Center,
    sheet: Sheet,
    work: Work,
    wish: Wish,
    needs: Sequence[Need],
    who: Sequence[Sequence[tuple[int, int | None]]],
    low: int,
) -> list[kernels.Leg] | None:
    """The legs for starts from `low` on, until somebody's skill ends; None where nobody is left for one of them."""
    legs = []
    for need, dated in zip(needs, who, strict=True):
        paces = work.splittable and not need.at_arrival and need.role in PEOPLE
        if work.splittable and need is work.main:
            left = list(dated)
        else:
            left = [(row, until) for row, until in dated if until is None or low + work.cells <= until]
        if len(left) < need.count:
            return None
        rows = np.array([row for row, _ in left], np.uint32)
        if need.at_arrival:
            legs.append(_at_arrival(sheet, center.row.zone, work, wish, need, rows))
        elif paces:
            duty = [_duty(center, sheet.patterns, row, until if need is work.main else None) for row, until in left]
            legs.append(kernels.Leg(rows, *_whole(work, need), need.count, duty=duty))
        elif work.splittable:
            legs.append(kernels.Leg(rows, *_whole(work, need), need.count, follows=True))
        else:
            legs.append(kernels.Leg(rows, need.length, need.offset, need.count))
    return legs


def _whole(work: Work, need: Need) -> tuple[int, int]:
    """Length and offset in splittable work, of which everything is held from beginning to end."""
    before, after = -min(need.offset, 0), max(need.offset + need.length - work.cells, 0)
    return before + work.cells + after, -before


def _duty(center: Center, patterns: Patterns, row: int, until: int | None) -> Bits:
    bits = center.duty(center.resources[row], patterns)
    if until is not None and until < patterns.last:
        bits = bits & patterns.row(np.array([[patterns.first, until]], np.int32))
    return bits


def arrivals(sheet: Sheet, zone: str, now: int | None) -> Cells:
    """When customers come who do not wait, on each local day; -1 on days on which nobody can."""
    opens, _ = sheet.edges(zone)
    if now is None:
        return opens
    days = sheet.patterns.days(zone)
    if not days.bounds[0] <= now < days.bounds[-1]:
        return opens
    today = days.index(now)
    if 0 <= opens[today] < now:
        opens = opens.copy()
        opens[today] = now
    return opens


def _at_arrival(sheet: Sheet, zone: str, work: Work, wish: Wish, need: Need, rows: NDArray[np.uint32]) -> kernels.Leg:
    if wish.transport == "WAIT":
        return kernels.Leg(rows, need.length, 0, need.count)
    comes = arrivals(sheet, zone, wish.now)
    bounds = sheet.patterns.days(zone).bounds
    pieces: list[tuple[int, int, int, int]] = []
    if need.role != "LOANER":
        for i, arrival in enumerate(comes.tolist()):
            if arrival >= 0:
                pieces.append((int(bounds[i]), int(bounds[i + 1]), arrival, arrival + need.length))
        return kernels.Leg(rows, needed=need.count, pieces=_table(pieces, 4))
    _, closes = sheet.patterns.edges(zone, sheet.opening)
    if work.splittable:
        for i, arrival in enumerate(comes.tolist()):
            if arrival >= 0:
                pieces.append((int(bounds[i]), int(bounds[i + 1]), arrival, arrival))
        until = [
            (int(bounds[i]) + 1, int(bounds[i + 1]) + 1, close) for i, close in enumerate(closes.tolist()) if close >= 0
        ]
        return kernels.Leg(rows, needed=need.count, pieces=_table(pieces, 4), follows=True, until=_table(until, 3))
    for i, arrival in enumerate(comes.tolist()):
        if arrival < 0:
            continue
        low = int(bounds[i])
        for j in range(i, len(closes)):
            # the last cell of the work lies on day j
            high = min(int(bounds[i + 1]), int(bounds[j + 1]) - work.cells + 1)
            if high > low:
                if closes[j] >= 0:
                    pieces.append((low, high, arrival, int(closes[j])))
                low = high
            if low >= bounds[i + 1]:
                break
    return kernels.Leg(rows, needed=need.count, pieces=_table(pieces, 4))


def _table(rows: Sequence[tuple[int, ...]], width: int) -> Cells:
    return np.array(rows, np.int32).reshape(-1, width)
