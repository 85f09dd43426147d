"""Words that records of workshop time share: weekdays, times of day, the 5-minute grid, who reads and who writes."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta

from domain.kit.rows import Rows, everyone, group, own
from domain.kit.values import Checked, exactly, in_our_time

GRID_MINUTES = 5
Weekday = Literal["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"]
WEEKDAYS: tuple[str, ...] = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")


def on_the_grid(value: datetime) -> datetime:
    """An instant on a full five minutes."""
    if value.second or value.microsecond or value.minute % GRID_MINUTES:
        raise ValueError("lies off the grid of 5 minutes")
    return value


START_OF_DAY = "(?:[01][0-9]|2[0-3]):[0-5][05]"
StartOfDay = Annotated[str, exactly(START_OF_DAY, "local wall clock, every 5 minutes")]
EndOfDay = Annotated[str, exactly(f"{START_OF_DAY}|24:00", "local wall clock; 24:00 is midnight")]
GridInstant = Annotated[datetime, Meta(tz=True), Checked(in_our_time), Checked(on_the_grid)]
Level = Annotated[int, Meta(ge=1, le=99)]


def minutes_of(time: str) -> int:
    """Minutes since local midnight of a time of day such as 08:00; 24:00 is 1440."""
    hour, _, minute = time.partition(":")
    return int(hour) * 60 + int(minute)


def minutes(least: int, most: int) -> Meta:
    """Whole minutes on the grid."""
    return Meta(ge=least, le=most, multiple_of=GRID_MINUTES)


_ALL = {"PARTNER": "r", "STAFF": "r", "SYSTEM": "r"}
_PLANNERS = ("SERVICE_MANAGER", "GROUP_MANAGER", "scheduling.sync")
KEPT = {**_ALL, **dict.fromkeys(_PLANNERS, "cru")}
"""A centre's own resources: bookings name them, so that they are retired and not deleted."""
PLANNED = {**_ALL, **dict.fromkeys(_PLANNERS, "crud")}
"""A centre's own plans."""
CUSTOMERS = {"CUSTOMER": "r"}
OWN = "PARTNER STAFF SYSTEM"


def of_center() -> Rows:
    """Rows of a centre: its dealer's own, read by the whole dealer group."""
    return own("account_id").to("PARTNER") | group("account_id")


def facts() -> Rows:
    """Rows that everybody may know, written by their dealer."""
    return everyone() | own("account_id").to("PARTNER")


def calendar_triggers(table: str, scope: str) -> dict[str, str]:
    """What raises the version of the calendars that rows of the table shape, once a statement.

    `scope` says how the function finds the centres of a row.
    """
    function = f"for each statement execute function app.calendar_changed('{scope}')"
    old, new = "old table as old_rows", "new table as new_rows"
    return {
        "calendar_new": f"after insert on {table} referencing {new} {function}",
        "calendar_changed": f"after update on {table} referencing {old} {new} {function}",
        "calendar_gone": f"after delete on {table} referencing {old} {function}",
    }


PLACED = {"placed": "before insert or update app.place_in_calendar()"}
"""Fills in the dealer whose row it is."""
