"""How much of a centre's time is sold: hours by team, a share for walk-ins, arrivals of an advisor, transport."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from domain.kit.fields import Ref, writes
from domain.kit.record import Record, entity
from domain.kit.values import Code, Day
from scheduling.records.hours import Transport
from scheduling.records.resources import CenterId
from scheduling.records.terms import (
    PLACED,
    PLANNED,
    EndOfDay,
    StartOfDay,
    Weekday,
    calendar_triggers,
    minutes,
    of_center,
)

CapacityKind = Literal["HOURS_BY_TEAM", "WALK_IN_SHARE", "ARRIVALS_PER_ADVISOR", "TRANSPORT_LIMIT"]


@entity(
    "capacity_rule",
    rows=of_center(),
    grants=PLANNED,
    title="{kind}",
    indexes=("center_id, kind",),
    checks={
        "hours_by_team": "kind <> 'HOURS_BY_TEAM' or minutes_per_day is not null",
        "walk_in_share": "kind <> 'WALK_IN_SHARE' or percent is not null",
        "arrivals_per_advisor": "kind <> 'ARRIVALS_PER_ADVISOR' or arrivals is not null",
        "transport_limit": "kind <> 'TRANSPORT_LIMIT' or (transport is not null and per_day is not null)",
        "to_on": "to_on is null or from_on is null or to_on >= from_on",
    },
    triggers={**PLACED, **calendar_triggers("capacity_rule", "center_id")},
)
class CapacityRule(Record, kw_only=True):
    """One limit on what may be booked at a centre: on some weekdays, in some hours, from a day until a day (included).

    HOURS_BY_TEAM: `minutes_per_day` of work of a team's technicians (no team: of all). WALK_IN_SHARE: `percent` of the
    day's shift minutes kept for customers without appointment until `release_at` of the day `release_days_before` the
    work. ARRIVALS_PER_ADVISOR: so many `arrivals` at one start for each advisor on shift. TRANSPORT_LIMIT: so many
    appointments `per_day` with that `transport`.
    """

    center_id: CenterId
    account_id: Annotated[str | None, Ref("account"), writes()] = None
    kind: CapacityKind
    team: Code | None = None
    transport: Transport | None = None
    minutes_per_day: Annotated[int, minutes(0, 1_440_000)] | None = None
    percent: Annotated[float, Meta(ge=0, le=100)] | None = None
    arrivals: Annotated[int, Meta(ge=0, le=1_000)] | None = None
    per_day: Annotated[int, Meta(ge=0, le=100_000)] | None = None
    weekdays: list[Weekday] = []
    """Empty: all."""
    start: StartOfDay | None = None
    end: EndOfDay | None = None
    """Starts of work from `start` until before `end` count; none: those of the whole day."""
    from_on: Day | None = None
    to_on: Day | None = None
    release_at: StartOfDay | None = None
    """Local time from which the share is open to everybody; none: never."""
    release_days_before: Annotated[int, Meta(ge=0, le=365)] = 0
