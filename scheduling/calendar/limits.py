"""How much of its time a centre sells: the counts that an appointment raises, and what is left of each."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import numpy as np

from scheduling.asking import Counter
from scheduling.calendar.center import Center
from scheduling.calendar.patterns import Days, Patterns
from scheduling.calendar.rows import CapacityRule, Resource
from scheduling.calendar.work import CELL_MINUTES, Work
from scheduling.hours import CELL_SECONDS, to_cell

NO_CAP = 2**31 - 1
_OTHER_TRADES = frozenset({"ADVISOR", "SALES"})


def repairs(one: Resource) -> bool:
    """Whether somebody's shifts are workshop time: advisors and salespeople sell, they do not repair."""
    skills = {skill for skill, _, _ in one.skills}
    return one.kind == "TECHNICIAN" and not (skills and skills <= _OTHER_TRADES)


class Limits:
    """The counts of one request at one centre."""

    def __init__(
        self, center: Center, work: Work, transport: str, patterns: Patterns, now: float, *, walk_in: bool = False
    ) -> None:
        """`now` in Unix seconds; a walk-in may take the share that is kept for walk-ins."""
        self.center = center
        self.work = work
        self.transport = transport
        self.patterns = patterns
        self.days: Days = patterns.days(center.row.zone)
        self.now = now
        self.walk_in = walk_in
        row = center.row
        by_kind: dict[str, list[CapacityRule]] = {}
        for rule in row.rules if work.kind == "SERVICE" else ():
            by_kind.setdefault(rule.kind, []).append(rule)
        self._hours = by_kind.get("HOURS_BY_TEAM", [])
        self._walk_in = by_kind.get("WALK_IN_SHARE", [])
        self._arrivals = by_kind.get("ARRIVALS_PER_ADVISOR", [])
        self._transport = [rule for rule in by_kind.get("TRANSPORT_LIMIT", ()) if rule.transport == transport]
        self._slots = bool(row.hours.most or row.hours.most_on)
        self._types = [one for one in work.types if one.per_day is not None or one.per_slot is not None]
        self.by_team = frozenset(rule.team for rule in self._hours if rule.team is not None)
        self.any = bool(self._hours or self._walk_in or self._arrivals or self._transport or self._slots or self._types)
        """Whether anything is counted at all."""

    def counters(self, start: int, team: str | None = None) -> Iterator[Counter]:
        """The counts that work at a start raises, done by somebody of a team."""
        on = self.days.on(start)
        yield from self._minutes(start, on, team)
        for rule in self._transport:
            if self._applies(rule, start, on):
                yield Counter(f"TRANSPORT:{self.transport}{_hours(rule)}", on, 1, rule.per_day)
        for rule in self._arrivals:
            if self._applies(rule, start, on):
                yield Counter(f"ARRIVALS:{start}", on, 1, rule.arrivals * self._advisors(start))
        if self._slots:
            yield from self._slot(start, on)
        for one in dict.fromkeys(self._types):
            amount = self.work.types.count(one)
            if one.per_day is not None:
                yield Counter(f"WORK:{one.code}", on, amount, one.per_day)
            if one.per_slot is not None:
                yield Counter(f"WORK:{one.code}:{start}", on, amount, one.per_slot)

    def _minutes(self, start: int, on: date, team: str | None) -> Iterator[Counter]:
        amount = sum(self.work.minutes)
        caps: dict[str, int] = {}
        for rule in self._hours:
            if rule.team in (None, team) and self._applies(rule, start, on):
                name = f"MINUTES{'' if rule.team is None else ':' + rule.team}{_hours(rule)}"
                caps[name] = min(rule.minutes, caps.get(name, NO_CAP))
        for rule in self._walk_in:
            if self._applies(rule, start, on):
                kept = not self.walk_in and not self._released(rule, on)
                cap = int(self.shift_minutes(on) * (100 - rule.percent) / 100) if kept else NO_CAP
                name = f"MINUTES{_hours(rule)}"
                caps[name] = min(cap, caps.get(name, NO_CAP))
        for name, cap in caps.items():
            yield Counter(name, on, amount, cap)

    def _released(self, rule: CapacityRule, on: date) -> bool:
        if rule.release_minute is None:
            return False
        zone = self.center.row.zone
        return to_cell(zone, on - timedelta(days=rule.release_days), rule.release_minute) * CELL_SECONDS <= self.now

    def _applies(self, rule: CapacityRule, start: int, on: date) -> bool:
        if (
            (rule.from_on is not None and on < rule.from_on)
            or (rule.to_on is not None and rule.to_on < on)
            or (rule.weekdays and on.weekday() not in rule.weekdays)
        ):
            return False
        zone = self.center.row.zone
        if rule.start is not None and start < to_cell(zone, on, rule.start):
            return False
        return rule.end is None or start < to_cell(zone, on, rule.end)

    def shift_minutes(self, on: date) -> int:
        """Minutes of all shifts of the workshop on a local day."""
        begin, end = self.days.bounds_of(on)
        span = self.patterns.row(np.array([[begin, end]], np.int32))
        count = 0
        for one in self.center.resources:
            if repairs(one):
                count += int(np.bitwise_count(self.center.duty(one, self.patterns) & span).sum())
        return count * CELL_MINUTES

    def _advisors(self, start: int) -> int:
        """Advisors who are there at a cell."""
        word, bit = divmod(start - self.patterns.first, 64)
        count = 0
        for one in self.center.resources:
            if any(skill == "ADVISOR" for skill, _, _ in one.skills):
                there = int(self.center.duty(one, self.patterns)[word]) >> bit & 1
                count += there and not any(away.from_cell <= start < away.to_cell for away in one.absences)
        return count

    def _slot(self, start: int, on: date) -> Iterator[Counter]:
        """The time slot of the opening hours in which a start lies; it may have begun yesterday."""
        of = self.center.row.hours
        zone = of.zone or self.center.row.zone
        for day in (on, on - timedelta(days=1)):
            if day in of.overrides:
                slots = [(begin, end, of.most_on.get((day, begin))) for begin, end in of.overrides[day]]
            else:
                slots = [
                    (one.start, one.end, of.most.get((one.day_of_week, one.start)))
                    for one in of.weekly
                    if one.day_of_week == day.weekday()
                ]
            for begin, end, most in slots:
                last = day if end > begin else day + timedelta(days=1)
                if to_cell(zone, day, begin) <= start < to_cell(zone, last, end):
                    if most is not None:
                        yield Counter(f"HOURS:{begin}", day, 1, most)
                    return

    def left(self, one: Counter) -> int:
        """How much of a count is left."""
        return one.cap - self.center.used.get((one.on_day, one.counter), 0)

    def full(self, start: int, team: str | None = None) -> list[Counter]:
        """The counts that do not let work at a start in."""
        return [one for one in self.counters(start, team) if one.amount > self.left(one)]


def _hours(rule: CapacityRule) -> str:
    """Rules for other hours count apart."""
    return "" if rule.start is None and rule.end is None else f"@{rule.start or 0}-{rule.end or 1440}"
