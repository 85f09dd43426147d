"""What a request comes to: how long its jobs take for a vehicle, and which resources they need when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import msgspec

from scheduling.asking import JobRequest, Kind, Role, SlotRequest
from scheduling.calendar.rows import WorkType
from scheduling.hours import CELL_SECONDS

CELL_MINUTES = CELL_SECONDS // 60
SALES = ("SALES", 1)
_OF_ROLE = {"ADVISOR": [("ADVISOR", 1)], "SALESPERSON": [SALES]}
Holds = Callable[[str, Mapping[str, Any]], bool | None]
"""Whether a rule holds for facts; None where it cannot be told, for a fact is missing or of another type."""


class Need(msgspec.Struct, frozen=True):
    """A resource that work needs: cells from the start (negative: before it) or, `at_arrival`, from the arrival."""

    role: Role
    offset: int
    length: int
    count: int = 1
    skills: tuple[tuple[str, int], ...] = ()
    type: str | None = None
    job: int | None = None
    at_arrival: bool = False


class Work(msgspec.Struct, frozen=True):
    """Jobs that follow each other, as one piece of work of `cells` cells with its blocks before and after.

    The first need is the main one: the technician (or salesperson) of the whole work; the bays follow.
    """

    key: Hashable
    """Equal for equal work, and quick to compare."""
    kind: Kind
    types: tuple[WorkType, ...]
    minutes: tuple[int, ...]
    cells: int
    before: int
    after: int
    splittable: bool
    needs: tuple[Need, ...]
    lead_minutes: int
    days_ahead: int | None
    interval_minutes: int | None
    functions: frozenset[str]

    @property
    def main(self) -> Need:
        """The person who does the work."""
        return self.needs[0]


def in_cells(minutes: int) -> int:
    """Minutes as cells, rounded up: what takes 7 minutes holds two cells."""
    return -(-minutes // CELL_MINUTES)


def duration(one: WorkType, facts: Mapping[str, Any], holds: Holds) -> int:
    """Minutes for a vehicle: of the first rule that holds, else the usual ones."""
    for when, minutes in one.durations:
        if holds(when, facts):
            return minutes
    return one.minutes


def _together(skills: Sequence[tuple[str, int]]) -> tuple[tuple[str, int], ...]:
    """Every skill once, at the highest level asked for."""
    highest: dict[str, int] = {}
    for skill, level in skills:
        highest[skill] = max(level, highest.get(skill, level))
    return tuple(sorted(highest.items()))


def work_of(
    kind: Kind, types: Sequence[WorkType], minutes: Sequence[int], jobs: Sequence[JobRequest], version: int = 0
) -> Work:
    """The work of some types in a row, each taking its minutes.

    One technician does all of it and holds the first block before and the last block after; a bay is held as long as
    the following jobs stand in one of its type (a job without one stays where the car is).
    """
    lengths = [in_cells(each) for each in minutes]
    total = sum(lengths)
    before, after = in_cells(types[0].before_minutes), in_cells(types[-1].after_minutes)
    skills = [skill for one in types for skill in one.skills]
    if kind == "TEST_DRIVE":
        main = Need("SALESPERSON", -before, before + total + after, skills=_together([SALES, *skills]))
    else:
        main = Need("TECHNICIAN", -before, before + total + after, skills=_together(skills))
    needs = [main, *_bays(types, lengths, before, after)]
    needs += _further(types, lengths, before, after)
    ahead = [one.days_ahead for one in types if one.days_ahead is not None]
    intervals = [one.interval_minutes for one in types if one.interval_minutes is not None]
    functions = frozenset(one.function for one in types)
    if any(job.pay_type == "WARRANTY" for job in jobs):
        functions |= {"WARRANTY"}
    return Work(
        key=(version, kind, tuple(one.id for one in types), tuple(minutes), functions),
        kind=kind,
        types=tuple(types),
        minutes=tuple(minutes),
        cells=total,
        before=before,
        after=after,
        splittable=all(one.splittable for one in types),
        needs=tuple(needs),
        lead_minutes=max(one.lead_minutes for one in types),
        days_ahead=min(ahead, default=None),
        interval_minutes=intervals[0] if intervals else None,
        functions=functions,
    )


def _further(types: Sequence[WorkType], lengths: Sequence[int], before: int, after: int) -> list[Need]:
    """Further resources: one that several jobs ask for stays from the first to the last of them."""
    found: dict[tuple[str, str | None, bool, int], Need] = {}
    at = 0
    for job, (one, length) in enumerate(zip(types, lengths, strict=True)):
        early, late = before if job == 0 else 0, after if job == len(types) - 1 else 0
        seen: Counter[tuple[str, str | None, bool]] = Counter()  # what one job asks for twice are two
        for extra in one.extras:
            wanted = [*_OF_ROLE.get(extra.role, ()), *extra.skills]
            begin, end = (0, in_cells(extra.minutes)) if extra.at_arrival else (at - early, at + length + late)
            kind = (extra.role, extra.type, extra.at_arrival)
            key = (*kind, seen[kind])
            seen[kind] += 1
            count: int = extra.count
            only: int | None = job
            if key in found:
                other = found[key]
                only = job if other.job == job else None
                begin, end = min(begin, other.offset), max(end, other.offset + other.length)
                wanted += other.skills
                count = max(count, other.count)
            found[key] = Need(
                extra.role,
                begin,
                end - begin,
                count,
                _together(wanted),
                extra.type,
                only,
                extra.at_arrival,
            )
        at += length
    return list(found.values())


def _bays(types: Sequence[WorkType], lengths: Sequence[int], before: int, after: int) -> list[Need]:
    stays: list[tuple[str, int, int]] = []
    at = 0
    for one, length in zip(types, lengths, strict=True):
        end = at + length
        if one.bay_type is not None and (not stays or stays[-1][0] != one.bay_type):
            begin = 0 if not stays else at
            stays.append((one.bay_type, begin, end))
        elif stays:
            stays[-1] = (stays[-1][0], stays[-1][1], end)
        at = end
    total = sum(lengths)
    return [
        Need(
            "BAY",
            begin - (before if begin == 0 else 0),
            end - begin + (before if begin == 0 else 0) + (after if end == total else 0),
            type=bay_type,
        )
        for bay_type, begin, end in stays
    ]


def asked_types(request: SlotRequest, known: Mapping[str, WorkType]) -> list[WorkType]:
    """The work types that a request names; KeyError with the code of an unknown one.

    A test drive that names none is of the first type of its kind.
    """
    codes = [job.work_type for job in request.asked()]
    if not codes and request.kind == "TEST_DRIVE":
        drives = sorted(code for code, one in known.items() if one.kind == "TEST_DRIVE")
        if drives:
            return [known[drives[0]]]
    return [known[code] for code in codes]
