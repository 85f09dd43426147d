"""Reads the rows of calendars from the database, all in the transaction of the connection that is handed in."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import msgspec

from domain.kit.db import Connection
from scheduling.calendar.rows import (
    Absence,
    Busy,
    CapacityRule,
    CenterRow,
    Extra,
    Hours,
    Member,
    Resource,
    Shifts,
    Skills,
    Weekly,
    WorkType,
)
from scheduling.hours import DayHours, cell_of, local_day, minutes_of, to_cell
from scheduling.records.terms import WEEKDAYS
from scheduling.statements import SQL

_DAY = {name: number for number, name in enumerate(WEEKDAYS)}
_ONE_DAY = timedelta(days=1)
Used = Mapping[tuple[date, str], int]


class Catalogue:
    """Hours and holidays, which many centres share: one object each, and the same one as long as it says the same."""

    def __init__(self) -> None:
        self._hours: dict[str, Hours] = {}
        self._holidays: dict[tuple[str | None, str | None, str | None], dict[date, str]] = {}
        self._merged: dict[tuple[str, str | None, str | None], dict[date, str]] = {}

    async def read(self, connection: Connection) -> None:
        """Read all of them."""
        overrides: dict[str, list[Any]] = defaultdict(list)
        for hours_id, on, slots in await connection.fetch(SQL["calendar_overrides"]):
            overrides[hours_id].append((on, slots))
        found = {
            id: _hours(zone, slots, overrides.get(id, ()))
            for id, zone, slots in await connection.fetch(SQL["calendar_hours"])
        }
        self._hours = {id: self._hours[id] if self._hours.get(id) == one else one for id, one in found.items()}
        holidays: dict[tuple[str | None, str | None, str | None], dict[date, str]] = defaultdict(dict)
        for center_id, country, subdivision, on, name in await connection.fetch(SQL["calendar_holidays"]):
            holidays[center_id, country, subdivision][on] = name
        self._holidays = dict(holidays)

    def hours(self, id: str) -> Hours:
        """The hours of an id."""
        return self._hours[id]

    def holidays(self, center_id: str, country: str | None, subdivision: str | None) -> Mapping[date, str]:
        """The recorded holidays of a centre: its own, its country's and its subdivision's."""
        own = (center_id, None, None)
        merged: dict[date, str] = {}
        for key in ((None, country, None), (None, country, subdivision), own):
            merged |= self._holidays.get(key, {}) if key == own or country is not None else {}
        name = (center_id if own in self._holidays else "", country, subdivision)
        kept = self._merged.get(name)
        if kept != merged:
            kept = self._merged[name] = merged
        return kept


def _slots(slots: Iterable[Mapping[str, Any]]) -> list[tuple[int | None, int, int, int | None]]:
    return [
        (
            None if (day := slot.get("day_of_week")) is None else _DAY[day],
            minutes_of(slot["start"]),
            minutes_of(slot["end"]),
            slot.get("max_appointments"),
        )
        for slot in slots
    ]


def _hours(zone: str | None, slots: Any, overrides: Iterable[tuple[date, Any]]) -> Hours:
    week = [(day, start, end, most) for day, start, end, most in _slots(slots) if day is not None]
    days: dict[date, tuple[tuple[int, int], ...]] = {}
    most_on: dict[tuple[date, int], int] = {}
    for on, given in overrides:
        own = _slots(given)
        days[on] = tuple((start, end) for _, start, end, _ in own)
        most_on |= {(on, start): most for _, start, _, most in own if most is not None}
    return Hours(
        weekly=tuple(DayHours(day, start, end) for day, start, end, _ in week),
        overrides=days,
        most={(day, start): most for day, start, _, most in week if most is not None},
        most_on=most_on,
        zone=zone,
    )


async def centers(connection: Connection, catalogue: Catalogue, ids: Sequence[str] | None = None) -> list[CenterRow]:
    """The centres that take appointments, or those of the ids among them."""
    rules: dict[str, list[CapacityRule]] = defaultdict(list)
    for center_id, *rule in await connection.fetch(SQL["calendar_rules"], ids):
        rules[center_id].append(_rule(*rule))
    found = []
    for row in await connection.fetch(SQL["calendar_centers"], ids):
        id, zone, version, account, latitude, longitude, interval, franchises, country, part, hours, visiting, ways = (
            row
        )
        found.append(
            CenterRow(
                id=id,
                zone=zone,
                version=version,
                account_id=account,
                latitude=latitude,
                longitude=longitude,
                interval_minutes=interval,
                franchises=tuple((one["brand"], frozenset(one["functions"])) for one in franchises),
                country=country,
                subdivision=part,
                hours=catalogue.hours(hours),
                visiting=None if visiting is None else catalogue.hours(visiting),
                holidays=catalogue.holidays(id, country, part),
                rules=tuple(rules.get(id, ())),
                transports=frozenset(ways),
            )
        )
    return found


def _minutes(text: str | None) -> int | None:
    return None if text is None else minutes_of(text)


def _rule(
    kind: Any, team: Any, transport: Any, minutes: Any, percent: Any, arrivals: Any, per_day: Any, weekdays: Any,
    start: Any, end: Any, from_on: Any, to_on: Any, release_at: Any, release_days: int,
) -> CapacityRule:  # fmt: skip
    return CapacityRule(
        kind=kind,
        team=team,
        transport=transport,
        minutes=minutes or 0,
        percent=percent or 0.0,
        arrivals=arrivals or 0,
        per_day=per_day or 0,
        weekdays=frozenset(_DAY[day] for day in weekdays),
        start=_minutes(start),
        end=_minutes(end),
        from_on=from_on,
        to_on=to_on,
        release_minute=_minutes(release_at),
        release_days=release_days,
    )


class People:
    """Technicians with equal skills or equal weeks share one object each: there are far fewer of those than of them."""

    def __init__(self) -> None:
        self._skills: dict[Skills, Skills] = {}
        self._weeks: dict[str, Shifts] = {}
        self._shifts: dict[Shifts, Shifts] = {}

    def skills(self, given: Iterable[Mapping[str, Any]]) -> Skills:
        """The skills as the calendar keeps them: a certification counts to the end of the day on which it expires."""
        found = []
        for one in given:
            last = one.get("expires_on")
            found.append((one["skill"], one.get("level", 1), None if last is None else _after(last)))
        skills = tuple(sorted(found, key=lambda skill: (skill[0], -skill[1])))
        return self._skills.setdefault(skills, skills)

    def shifts(self, week: str | None, single: Sequence[tuple[int, int, tuple[tuple[int, int], ...]]]) -> Shifts:
        """The shifts of somebody with this text of weekly ones and these single ones with their breaks."""
        found = self._weeks.get(week or "")
        if found is None:
            found = self._weeks[week or ""] = _week(week or "")
        if not single:
            return found
        once = tuple((begin, end) for begin, end, _ in single)
        pauses = tuple(pause for *_, breaks in single for pause in breaks)
        shifts = Shifts(found.weekly, found.breaks, once, pauses)
        return self._shifts.setdefault(shifts, shifts)


def _after(last: str) -> date:
    return date.fromisoformat(last) + _ONE_DAY


def _week(text: str) -> Shifts:
    weekly, breaks = [], []
    decoder = msgspec.json.Decoder()
    for line in text.splitlines():
        shift, pauses = decoder.decode(b"[" + line.replace("} [", "},[", 1).encode() + b"]")
        day, start = _DAY[shift["day_of_week"]], minutes_of(shift["start"])
        first, last = _day(shift.get("from")), _day(shift.get("to"))
        weekly.append(Weekly((DayHours(day, start, minutes_of(shift["end"])),), first, last))
        for pause in pauses:
            begin = minutes_of(pause["start"])
            later = begin < start  # a break after midnight is of the next day
            breaks.append(
                Weekly(
                    (DayHours((day + later) % 7, begin, minutes_of(pause["end"])),),
                    first + _ONE_DAY if first and later else first,
                    last + _ONE_DAY if last and later else last,
                )
            )
    return Shifts(_merged(weekly), _merged(breaks))


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


def _merged(parts: Iterable[Weekly]) -> tuple[Weekly, ...]:
    """The hours of equal dates as one week."""
    by_dates: dict[tuple[date | None, date | None], list[DayHours]] = defaultdict(list)
    for part in parts:
        by_dates[part.from_on, part.to_on].extend(part.hours)
    return tuple(Weekly(tuple(hours), *dates) for dates, hours in by_dates.items())


def _single(zone: str, start: datetime, end: datetime, breaks: Any) -> tuple[int, int, tuple[tuple[int, int], ...]]:
    begin = cell_of(start)
    on = local_day(zone, begin)
    pauses = []
    for pause in breaks:
        from_minute, to_minute = minutes_of(pause["start"]), minutes_of(pause["end"])
        day = on if to_cell(zone, on, from_minute) >= begin else on + _ONE_DAY
        later = day if to_minute > from_minute else day + _ONE_DAY
        pauses.append((to_cell(zone, day, from_minute), to_cell(zone, later, to_minute)))
    return begin, cell_of(end), tuple(pauses)


async def resources(
    connection: Connection, people: People, since: datetime, ids: Sequence[str] | None = None
) -> list[Resource]:
    """The resources of centres, or those of the ids among them; what ended before `since` is left out."""
    absences: dict[str, list[Absence]] = defaultdict(list)
    for resource_id, id, begin, end in await connection.fetch(SQL["calendar_absences"], ids, since):
        absences[str(resource_id)].append(Absence(begin, end, id))
    members: dict[str, list[Any]] = defaultdict(list)
    for technician, *member in await connection.fetch(SQL["calendar_members"], ids):
        members[technician].append(member)
    weeks = dict(await connection.fetch(SQL["calendar_weeks"], ids))
    singles: dict[str, list[Any]] = defaultdict(list)
    for technician, *shift in await connection.fetch(SQL["calendar_shifts"], ids, since):
        singles[technician].append(shift)
    found = []
    for no, id, center_id, zone, team, skills in await connection.fetch(SQL["calendar_technicians"], ids):
        found.append(
            Resource(
                no=no,
                id=id,
                kind="TECHNICIAN",
                members=membership(center_id, members.get(id, ())),
                team=team,
                skills=people.skills(skills),
                shifts=people.shifts(weeks.get(id), [_single(zone, *shift) for shift in singles.get(id, ())]),
                zone=zone,
                absences=tuple(absences.get(id, ())),
            )
        )
    for no, id, kind, of_type, center_id, definition, brand in await connection.fetch(SQL["calendar_places"], ids):
        found.append(
            Resource(
                no=no,
                id=id,
                kind=kind,
                members=(Member(center_id),),
                type=of_type,
                absences=tuple(absences.get(id, ())),
                definition_id=definition,
                brand=brand,
            )
        )
    return found


def membership(center_id: str, members: Iterable[Sequence[Any]]) -> tuple[Member, ...]:
    """Where somebody works: at the own centre but on days of a primary membership elsewhere, and where members."""
    found: list[Member] = []
    away: list[tuple[date, date | None]] = []
    for where, kind, first, last in members:
        found.append(Member(where, first, last, secondary=kind == "SECONDARY"))
        if kind == "PRIMARY" and where != center_id:
            away.append((first, last))
    at_home: date | None = None
    own: list[Member] = []
    for first, last in sorted(away, key=lambda span: span[0]):
        if at_home is None or at_home < first:
            own.append(Member(center_id, at_home, first - _ONE_DAY))
        if last is None:
            return (*own, *found)
        at_home = max(at_home or last, last + _ONE_DAY)
    return (*own, Member(center_id, at_home, None), *found)


async def work_types(connection: Connection) -> list[WorkType]:
    """All work types in use."""
    return [_work_type(*row) for row in await connection.fetch(SQL["calendar_work"])]


def _skills(given: Iterable[Mapping[str, Any]]) -> tuple[tuple[str, int], ...]:
    return tuple((one["skill"], one.get("level", 1)) for one in given)


def _work_type(
    id: str, code: str, kind: str, minutes: int, durations: Any, applies_to: str | None, before: int, after: int,
    skills: Any, bay_type: str | None, further: Any, splittable: bool, lead: int, ahead: int | None,
    interval: int | None, per_slot: int | None, per_day: int | None, function: str | None,
) -> WorkType:  # fmt: skip
    return WorkType(
        id=id,
        code=code,
        kind=kind,
        minutes=minutes,
        durations=tuple((one["when"], one["minutes"]) for one in durations),
        applies_to=applies_to,
        before_minutes=before,
        after_minutes=after,
        skills=_skills(skills),
        bay_type=bay_type,
        extras=tuple(
            Extra(
                role=one["role"],
                count=one.get("count", 1),
                type=one.get("equipment_type"),
                skills=_skills(one.get("required_skills", ())),
                at_arrival=one.get("during") == "ARRIVAL",
                minutes=one.get("minutes") or Extra("EQUIPMENT").minutes,
            )
            for one in further
        ),
        splittable=splittable,
        lead_minutes=lead,
        days_ahead=ahead,
        interval_minutes=interval,
        per_slot=per_slot,
        per_day=per_day,
        function=function or ("SALES" if kind == "TEST_DRIVE" else "SERVICE"),
    )


async def reserved(connection: Connection, appointments: Sequence[str] | None = None) -> list[tuple[int, Busy, str]]:
    """Live reservations as (resource number, reservation, resource id), of all appointments or of these."""
    return [
        (no, Busy(begin, end, appointment, held_until), resource_id)
        for no, begin, end, appointment, held_until, resource_id in await connection.fetch(
            SQL["calendar_reserved"], appointments
        )
    ]


async def used(connection: Connection, since: date, ids: Sequence[str] | None = None) -> dict[str, Used]:
    """What bookings count for at each centre, from a day on."""
    found: dict[str, dict[tuple[date, str], int]] = defaultdict(dict)
    for center_id, on, counter, count in await connection.fetch(SQL["calendar_used"], ids, since):
        found[center_id][on, counter] = count
    return dict(found)
