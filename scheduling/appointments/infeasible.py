"""Bookings that a changed shift, an absence or a closed bay has broken, and how each could be mended."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from datetime import datetime, timedelta

import msgspec

from domain.kit.errors import Invalid
from domain.kit.store import Context
from scheduling.appointment_records import Appointment
from scheduling.appointments.booking import audience, car_of
from scheduling.appointments.taking import ALTERNATIVES, assigned, schedule_of
from scheduling.asking import Facts, JobRequest, Leg, Option, Reason, Role, Slot, SlotRequest
from scheduling.hours import CELL_SECONDS
from scheduling.schedule import Schedule
from scheduling.statements import SQL

MOST_LOOKED_AT = 500
"""Appointments held against the calendar in one call; each takes about half a millisecond."""
_AT_A_TIME = 10
_NOT_BROKEN = frozenset({"TOO_FAR_AHEAD", "LEAD_TIME", "OFF_GRID", "IN_THE_PAST", "CAP_REACHED", "TRANSPORT_LIMIT"})
"""What would refuse a new booking there, and does not touch one that is made."""


class Exchange(msgspec.Struct, frozen=True):
    """A resource that cannot be had any more, and who would do instead."""

    role: Role
    resource_id: str
    instead_id: str | None


class Repair(msgspec.Struct, frozen=True):
    """The same start with others: `reschedule` with these values does it."""

    start: datetime
    technician_id: str | None


class Infeasible(msgspec.Struct, frozen=True):
    """An appointment that cannot be kept as it is."""

    appointment_id: str
    number: str
    center_id: str
    status: str
    start: datetime
    end: datetime
    is_technician_asked: bool
    reasons: list[Reason]
    broken: list[Exchange]
    repair: Repair | None
    """None where nobody could do it at that time."""
    alternatives: list[Slot]
    """The nearest other starts, where there is no repair."""


class Looked(msgspec.Struct, frozen=True):
    """What was found, and after which appointment (start, id) to go on, if there may be more."""

    items: list[Infeasible]
    further: tuple[datetime, str] | None


async def infeasible(
    ctx: Context, center_ids: list[str] | None, after: tuple[datetime, str] | None, most: int
) -> Looked:
    """Hold appointments to come that the caller plans against the calendar, in order of their start.

    None: of all centres of the caller's. Unavailable while the schedule is loading.
    """
    schedule = schedule_of(ctx)
    principal = ctx.principal
    start, id = after or (ctx.now, "00000000-0000-0000-0000-000000000000")
    rows = await ctx.db.fetch(
        SQL["live_from"],
        start,
        id,
        center_ids,
        None if principal.sees_everything else list(principal.units),
        MOST_LOOKED_AT,
    )
    found: list[Infeasible] = []
    for at in range(0, len(rows), _AT_A_TIME):
        some = rows[at : at + _AT_A_TIME]
        read = await ctx.where(Appointment, "id = any($1::uuid[])", [row["id"] for row in some])
        by_id = {one.id: one for one in read}
        for row in some:
            broken = await _looked_at(ctx, schedule, by_id[row["id"]])
            if broken is not None:
                found.append(broken)
            if len(found) == most:
                return Looked(found, (row["start"], row["id"]))
        await asyncio.sleep(0)  # others are served between the tens
    return Looked(found, (rows[-1]["start"], rows[-1]["id"]) if len(rows) == MOST_LOOKED_AT else None)


async def _looked_at(ctx: Context, schedule: Schedule, one: Appointment) -> Infeasible | None:
    facts: Facts = {}
    if one.asset_id or one.vehicle_id or one.definition_id:
        async with ctx.elevated():
            facts = (await car_of(ctx, one.kind, one.asset_id, one.vehicle_id, one.definition_id)).facts
    request = SlotRequest(
        kind=one.kind,
        jobs=[JobRequest(job.work_type, None, job.pay_type, job.recall_id) for job in one.jobs],
        asset_id=one.asset_id,
        definition_id=one.definition_id,
        center_ids=[one.center_id],
        earliest=one.start,
        latest=one.start + timedelta(seconds=CELL_SECONDS),
        vehicle_id=one.vehicle_id if one.kind == "TEST_DRIVE" else None,
        transport=one.transport,
    )
    asker = audience(ctx.principal)
    try:
        option = schedule.option(
            request, one.center_id, one.start, audience=asker, facts=facts, moving=one.id, walk_in=True
        )
    except Invalid as refusal:  # the centre or its work is no longer there
        reasons = [Reason("NOT_APPLICABLE", refusal.detail)]
        return _told(one, reasons, _all(one), None, [])
    if not isinstance(option, Option):
        reasons = [reason for reason in option.reasons if reason.code not in _NOT_BROKEN]
        if not reasons:
            return None
        return _told(one, reasons, _all(one), None, _others(schedule, request, one, facts))
    free: dict[str, set[int | None]] = defaultdict(set)
    for leg in option.legs:
        free[leg.role].update(leg.candidates)
    kept = {number for r in one.reservations if (number := schedule.no_of(r.resource_id)) in free[r.role]}
    lost = [r for r in one.reservations if schedule.no_of(r.resource_id) not in kept]
    named = {leg.resource_id for leg in option.legs if leg.resource_id is not None}
    lost = [r for r in lost if r.resource_id not in named]
    if not lost:
        return None
    chosen = assigned([_first(leg, kept) for leg in option.legs if leg.candidates])
    assert chosen is not None  # an option can be staffed
    legs = [leg for leg in option.legs if leg.candidates]
    new: dict[str, list[str]] = defaultdict(list)
    for leg, no in zip(legs, chosen, strict=True):
        if no not in kept:
            new[leg.role].append(schedule.id_of(no))
    broken = [Exchange(r.role, r.resource_id, new[r.role].pop(0) if new[r.role] else None) for r in lost]
    people = [
        schedule.id_of(no) for leg, no in zip(legs, chosen, strict=True) if leg.role in ("TECHNICIAN", "SALESPERSON")
    ]
    reason = Reason("ABSENT", "What is reserved is not there any more at that time")
    return _told(one, [reason], broken, Repair(option.start, people[0] if people else None), [])


def _first(leg: Leg, kept: set[int | None]) -> Leg:
    """The leg with those first who have it already."""
    return msgspec.structs.replace(leg, candidates=tuple(sorted(leg.candidates, key=lambda no: no not in kept)))


def _all(one: Appointment) -> list[Exchange]:
    return [Exchange(r.role, r.resource_id, None) for r in one.reservations]


def _others(schedule: Schedule, request: SlotRequest, one: Appointment, facts: Facts) -> list[Slot]:
    return schedule.alternatives(request, one.center_id, one.start, ALTERNATIVES, facts=facts)


def _told(
    one: Appointment, reasons: list[Reason], broken: list[Exchange], repair: Repair | None, others: list[Slot]
) -> Infeasible:
    return Infeasible(
        appointment_id=one.id,
        number=one.number,
        center_id=one.center_id,
        status=one.status,
        start=one.start,
        end=one.end,
        is_technician_asked=one.is_technician_asked,
        reasons=reasons,
        broken=broken,
        repair=repair,
        alternatives=others,
    )
