"""Small worlds of centres in memory, for tests that need no database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from scheduling.asking import SlotRequest
from scheduling.calendar.rows import (
    Absence,
    Busy,
    CenterRow,
    Hours,
    Member,
    Resource,
    Shifts,
    Weekly,
    WorkType,
)
from scheduling.calendar.world import Calendar, Reserved
from scheduling.hours import DayHours, cell_of
from scheduling.question import question
from scheduling.search import Found, centers_of

MONDAY = date(2026, 11, 23)
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SECRET = b"a secret for tests, long enough to be one"


def at(text: str) -> datetime:
    """An instant in UTC, such as `11-23 08:00` of 2026."""
    return datetime.fromisoformat(f"2026-{text}:00+00:00")


def cell(text: str) -> int:
    """Its cell."""
    return cell_of(at(text))


def hours(start: int = 8, end: int = 17, days: Iterable[int] = range(5)) -> tuple[DayHours, ...]:
    """The same hours on some weekdays."""
    return tuple(DayHours(day, start * 60, end * 60) for day in days)


def week(start: int = 8, end: int = 17, days: Iterable[int] = range(5), breaks: tuple[DayHours, ...] = ()) -> Shifts:
    """Weekly shifts."""
    return Shifts((Weekly(hours(start, end, days)),), (Weekly(breaks),) if breaks else ())


def center(id: str = "c1", **values: Any) -> CenterRow:
    """A centre open on weekdays from 8 to 17, in UTC."""
    given: dict[str, Any] = {"zone": "UTC", "version": 1, "hours": Hours(hours()), "interval_minutes": 30}
    return CenterRow(id=id, **{**given, **values})


def technician(no: int, *skills: Any, of: str = "c1", shifts: Shifts | None = None, **values: Any) -> Resource:
    """Somebody with skills given as names or (name, level, end)."""
    told = tuple((skill, 1, None) if isinstance(skill, str) else (*skill, None)[:3] for skill in skills)
    given: dict[str, Any] = {"members": (Member(of),), "skills": told, "shifts": shifts or week(), "zone": "UTC"}
    return Resource(no=no, id=f"t{no}", kind="TECHNICIAN", **{**given, **values})


def bay(no: int, of_type: str = "LIFT", of: str = "c1", **values: Any) -> Resource:
    """A bay."""
    return Resource(no=no, id=f"b{no}", kind="BAY", members=(Member(of),), type=of_type, **values)


def equipment(no: int, of_type: str = "SCANNER", of: str = "c1", **values: Any) -> Resource:
    """A device."""
    return Resource(no=no, id=f"e{no}", kind="EQUIPMENT", members=(Member(of),), type=of_type, **values)


def car(no: int, of_type: str = "LOANER", of: str = "c1", **values: Any) -> Resource:
    """A loaner or demo vehicle."""
    return Resource(no=no, id=f"v{no}", kind="VEHICLE", members=(Member(of),), type=of_type, **values)


def work(code: str = "OIL", **values: Any) -> WorkType:
    """An hour by anybody."""
    return WorkType(id=code.lower(), code=code, **values)


def away(start: str, end: str, id: str = "away") -> Absence:
    """An absence."""
    return Absence(cell(start), cell(end), id)


def taken(no: int, start: str, end: str, appointment: str = "a1", **values: Any) -> Reserved:
    """A reservation."""
    return Reserved(no, f"r{no}", Busy(cell(start), cell(end), appointment, **values))


def calendar(
    rows: Sequence[CenterRow] = (),
    resources: Sequence[Resource] = (),
    works: Sequence[WorkType] = (),
    reserved: Sequence[Reserved] = (),
    used: Mapping[str, Mapping[tuple[date, str], int]] | None = None,
    now: datetime = NOW,
) -> Calendar:
    """A calendar of these rows."""
    made = Calendar(now.date())
    made.load(rows or [center()], resources, reserved, used or {}, works or [work()], 1, now.timestamp())
    return made


def asking(**values: Any) -> SlotRequest:
    """A request for the work OIL at c1 on Monday."""
    given: dict[str, Any] = {
        "center_ids": ["c1"],
        "earliest": at("11-23 00:00"),
        "latest": at("11-24 00:00"),
    }
    if values.get("kind") != "TEST_DRIVE":
        given["work_types"] = ["OIL"]
    return SlotRequest(**{**given, **values})


def starts(made: Calendar, request: SlotRequest | None = None, now: datetime = NOW, **values: Any) -> list[str]:
    """The free starts of a request, as `11-23 08:00` in UTC."""
    asked = question(made, request or asking(), values.pop("facts", {}), now, **values)
    found = Found(asked, centers_of(asked.world, asked.request))
    page = found.page(100_000)
    return [datetime.fromtimestamp(start * 300, UTC).strftime("%m-%d %H:%M") for start, _ in page]
