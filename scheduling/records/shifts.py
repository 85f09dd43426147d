"""When technicians work, and when somebody or something is not there."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from domain.kit.fields import Fixed, Ref, reads, writes
from domain.kit.record import Record, entity
from domain.kit.values import Code, Day, Id, exactly
from scheduling.records.terms import (
    PLACED,
    PLANNED,
    START_OF_DAY,
    EndOfDay,
    GridInstant,
    StartOfDay,
    Weekday,
    calendar_triggers,
    of_center,
)


class WeeklyShift(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The same hours every week, local wall clock; an end not after its start runs into the next day."""

    day_of_week: Weekday
    start: StartOfDay
    end: EndOfDay
    from_on: Day | None = msgspec.field(name="from", default=None)
    """The first day on which it may begin."""
    to_on: Day | None = msgspec.field(name="to", default=None)
    """The last day on which it may begin."""


_INSTANT = r"\d{4}-\d\d-\d\dT\d\d:[0-5][05]:00(?:\.0+)?(?:Z|[+-]\d\d:\d\d)"


class LocalBreak(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A pause within the shift, local wall clock; times before the shift's start are of the next day.

    Those of a single shift may be given as instants and are kept as the wall clock of the technician's own centre.
    """

    start: Annotated[str, exactly(f"{START_OF_DAY}|{_INSTANT}")]
    end: Annotated[str, exactly(f"{START_OF_DAY}|24:00|{_INSTANT}")]


@entity(
    "shift",
    rows=of_center(),
    grants=PLANNED,
    title="{technician_id}",
    indexes=("technician_id, start", "start"),
    checks={
        "form": '(weekly is null) = (start is not null) and (start is null) = ("end" is null)',
        "end": '"end" > start and "end" <= start + interval \'24 hours\'',
        "grid": 'extract(epoch from start) % 300 = 0 and extract(epoch from "end") % 300 = 0',
    },
    triggers={
        **PLACED,
        "alone_new": "after insert on shift referencing new table as new_rows "
        "for each statement execute function app.shifts_apart()",
        "alone_changed": "after update on shift referencing new table as new_rows "
        "for each statement execute function app.shifts_apart()",
        **calendar_triggers("shift", "shift"),
    },
)
class Shift(Record, kw_only=True):
    """Time in which a technician works: once, from `start` to `end`, or every week in the zone of the own centre.

    Shifts of one technician never overlap.
    """

    technician_id: Annotated[str, Ref("technician"), Fixed()]
    account_id: Annotated[str | None, Ref("account"), writes()] = None
    start: GridInstant | None = None
    end: GridInstant | None = None
    weekly: WeeklyShift | None = None
    breaks: Annotated[list[LocalBreak], Meta(max_length=20)] = []


@entity(
    "absence",
    rows=of_center(),
    grants=PLANNED,
    title="{resource_id}",
    indexes=("resource_id, start", "center_id, start"),
    checks={
        "end": '"end" > start',
        "grid": 'extract(epoch from start) % 300 = 0 and extract(epoch from "end") % 300 = 0',
    },
    triggers={**PLACED, **calendar_triggers("absence", "absence")},
)
class Absence(Record, kw_only=True):
    """From when until when a technician, a bay, a device or a vehicle is not there; why, only the planners know."""

    resource_id: Annotated[Id, Fixed()]
    """The technician, bay or equipment, or the vehicle that is loaner or demo vehicle."""
    center_id: Annotated[str | None, Ref("service_center"), writes()] = None
    account_id: Annotated[str | None, Ref("account"), writes()] = None
    start: GridInstant
    end: GridInstant
    reason_code: Annotated[Code | None, reads("SERVICE_MANAGER GROUP_MANAGER STAFF SYSTEM", "STAFF SYSTEM")] = None
