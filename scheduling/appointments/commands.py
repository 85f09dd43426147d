"""What happens to an appointment after it was made: each command one transaction under the row's lock."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec

from domain.kit.errors import CommandNotAllowed, Forbidden, Invalid, NotFound, SlotTaken
from domain.kit.record import Command
from domain.kit.store import Context
from domain.kit.values import Id, Instant
from scheduling.appointment_records import Appointment, Place, Proposal, Reason, Reservation
from scheduling.appointments.booking import (
    CENTRES_PEOPLE,
    Center,
    audience,
    car_of,
    center_of,
    is_planner,
    on_the_grid,
    request_of,
)
from scheduling.appointments.taking import Reserved, Wish, columns, reserve, take
from scheduling.asking import Counter, JobRequest
from scheduling.hours import cell_of, instant_of, on_grid

PROPOSAL_SECONDS = 24 * 3600
"""How long a centre's proposal keeps both places, unless the earlier of them comes first."""
_PLANNERS = " ".join(sorted(CENTRES_PEOPLE))
_WORKSHOP = f"{_PLANNERS} TECHNICIAN"
_EITHER_SIDE = f"CUSTOMER {_PLANNERS}"


class Reschedule(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Another start, with the technician who is wished for; absent: as was asked before, null: anybody."""

    start: Instant
    technician_id: Id | msgspec.UnsetType | None = msgspec.UNSET


class Extend(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """When the work will end."""

    end: Instant


class Cancel(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Why."""

    reason: Reason | None = None


def _not_now(state: str, detail: str) -> CommandNotAllowed:
    allowed = sorted(c.name for c in Appointment.entity.commands.values() if state in c.sources)
    return CommandNotAllowed(detail, state=state, allowed=allowed)


async def _opened(ctx: Context, seen: Appointment, command: str, *, lock: bool = True) -> tuple[Appointment, datetime]:
    """The appointment under its row lock, and the database's clock; the context is elevated.

    NotFound for a hold of somebody else's, Forbidden where the caller only sees it, CommandNotAllowed where the state
    has changed or the hold is past its time.
    """
    principal = ctx.principal
    mine = await ctx.get(Appointment, seen.id, lock=lock)
    moment: datetime = await ctx.db.fetchval("select clock_timestamp()")
    if principal.persona == "PARTNER" and mine.account_id not in principal.units:
        raise Forbidden("You may see but not change this record")
    if mine.status == "HELD":
        if mine.held_by != principal.name and not (command == "cancel" and is_planner(principal, mine.account_id)):
            raise NotFound("There is no appointment with this id")
        if mine.held_until is not None and mine.held_until <= moment:
            raise _not_now("EXPIRED", "The hold has ended")
    if mine.status not in Appointment.entity.commands[command].sources:
        raise _not_now(mine.status, f"{command} is not allowed in the state {mine.status}")
    return mine, moment


async def _center(ctx: Context, mine: Appointment) -> Center:
    return await center_of(ctx, mine.center_id, mine.kind, mine.work_types)


def _before(mine: Appointment, minutes: int) -> datetime:
    return mine.start - timedelta(minutes=minutes)


@Appointment.command("confirm", move="HELD > BOOKED", by=_EITHER_SIDE, locks=False)
async def confirm(ctx: Context, seen: Appointment) -> Appointment:
    """Book what you hold."""
    async with ctx.elevated():
        mine, _ = await _opened(ctx, seen, "confirm")
        for table in ("live_reservation", "live_capacity"):
            await ctx.db.execute(f"update {table} set held_until = null where appointment_id = $1", mine.id)
        return await ctx.update(mine, status="BOOKED", held_until=None, confirmed_at=ctx.now)


@Appointment.command("reschedule", move="HELD | BOOKED > HELD | BOOKED", by=_EITHER_SIDE, locks=False)
async def reschedule(ctx: Context, seen: Appointment, data: Reschedule) -> Appointment:
    """Move it to another start at the same centre; it keeps its place where that cannot be had."""
    async with ctx.elevated():
        mine, _ = await _opened(ctx, seen, "reschedule", lock=False)
        center = await _center(ctx, mine)
        if (
            ctx.principal.persona == "CUSTOMER"
            and mine.status == "BOOKED"
            and ctx.now > _before(mine, center.reschedule_cutoff_minutes)
        ):
            raise _not_now(mine.status, "It is too late to move it; please call the centre")
        asked = _technician(mine, data)
        wish = await _wish(ctx, mine, data, asked)
        place, _ = await take(ctx, wish, mine.id, "MOVE", expected=mine.version, keep_until=mine.held_until)
        mine = await ctx.get(Appointment, mine.id, lock=True)
        changes = {**columns(place), "is_technician_asked": asked is not None, "moved_at": _moved(ctx, mine, place)}
        return await ctx.update(mine, proposal=None, proposed=None, proposed_until=None, **changes)


@Appointment.command("propose", move="BOOKED > BOOKED", by=_PLANNERS, locks=False)
async def propose(ctx: Context, seen: Appointment, data: Reschedule) -> Appointment:
    """Offer the customer another start; both places are kept until it is accepted, declined or out of time."""
    async with ctx.elevated():
        mine, moment = await _opened(ctx, seen, "propose", lock=False)
        wish = await _wish(ctx, mine, data, _technician(mine, data))
        earlier = min(mine.start, data.start)
        lasts = min(PROPOSAL_SECONDS, int((earlier - moment).total_seconds()))
        if lasts <= 0:
            raise Invalid.at("/start", "lies in the past", "IN_THE_PAST")
        place, until = await take(ctx, wish, mine.id, "PROPOSE", expected=mine.version, lasts=lasts)
        assert until is not None
        mine = await ctx.get(Appointment, mine.id, lock=True)
        told = Proposal(place.start, place.end, place.arrival_at, place.promised_at, place.technician_id, until)
        return await ctx.update(mine, proposal=told, proposed=place, proposed_until=until)


@Appointment.command("accept", move="BOOKED > BOOKED", by=_EITHER_SIDE, locks=False)
async def accept(ctx: Context, seen: Appointment) -> Appointment:
    """Take the start that the centre has proposed; the former one is free at once."""
    async with ctx.elevated():
        mine, _ = await _opened(ctx, seen, "accept", lock=False)
        place = await _proposed(ctx, mine)
        await _again(ctx, mine, place)
        mine = await ctx.get(Appointment, mine.id, lock=True)
        changes = {**columns(place), "moved_at": _moved(ctx, mine, place)}
        return await ctx.update(mine, proposal=None, proposed=None, proposed_until=None, **changes)


@Appointment.command("decline", move="BOOKED > BOOKED", by=_EITHER_SIDE, locks=False)
async def decline(ctx: Context, seen: Appointment) -> Appointment:
    """Keep the start as it is; the proposed one is free at once. The centre takes its proposal back by this too."""
    async with ctx.elevated():
        mine, _ = await _opened(ctx, seen, "decline")
        if mine.proposal is None:
            raise _not_now(mine.status, "Nothing is proposed")
        await ctx.db.execute("select app.release($1::uuid[], true)", [mine.id])
        return await ctx.update(mine, proposal=None, proposed=None, proposed_until=None)


async def _proposed(ctx: Context, mine: Appointment) -> Place:
    over = await ctx.db.fetchval("select $1::timestamptz <= clock_timestamp()", mine.proposed_until)
    if mine.proposed is None or over:
        raise _not_now(mine.status, "Nothing is proposed any more" if over else "Nothing is proposed")
    return mine.proposed


def _moved(ctx: Context, mine: Appointment, place: Place) -> datetime | None:
    """When a booking has got another start; a hold is none yet."""
    return ctx.now if mine.status == "BOOKED" and place.start != mine.start else mine.moved_at


def _technician(mine: Appointment, data: Reschedule) -> str | None:
    if data.technician_id is msgspec.UNSET:
        return mine.technician_id if mine.is_technician_asked else None
    return data.technician_id


class _Again(msgspec.Struct):
    """What is asked of the schedule for an appointment that is there already."""

    kind: Any
    center_id: str
    start: datetime
    technician_id: str | None
    vehicle_id: str | None
    transport: Any


async def _wish(ctx: Context, mine: Appointment, data: Reschedule, technician_id: str | None) -> Wish:
    on_the_grid(data)
    if technician_id is not None:
        works_here = await center_of(ctx, mine.center_id, mine.kind, [], technician_id)
        if works_here.technician_id is None:
            raise Invalid.at("/technician_id", "names nobody who works here")
    car = await car_of(ctx, mine.kind, mine.asset_id, mine.vehicle_id, mine.definition_id)
    asked = [JobRequest(job.work_type, job.concern, job.pay_type, job.recall_id) for job in mine.jobs]
    driven = mine.vehicle_id if mine.kind == "TEST_DRIVE" else None
    again = _Again(mine.kind, mine.center_id, data.start, technician_id, driven, mine.transport)
    # at the same start only the people and places change: neither the grid of offers nor a lead time matters
    is_walk_in = mine.is_walk_in or data.start == mine.start
    request = request_of(again, asked, car)
    return Wish(request, mine.center_id, data.start, audience(ctx.principal), car.facts, is_walk_in)


async def _again(ctx: Context, mine: Appointment, place: Place) -> None:
    """Take exactly this place instead of what the appointment has; SlotTaken tells whom it would hit."""
    rows = await ctx.db.fetch(
        "select resource_id, no from schedule_resource where resource_id = any($1::uuid[])",
        [one.resource_id for one in place.reservations],
    )
    numbers = {row["resource_id"]: row["no"] for row in rows}
    wanted = [
        Reserved(numbers[one.resource_id], cell_of(one.start), cell_of(one.end), one.role, one.job)
        for one in place.reservations
    ]
    counters = [Counter(one.counter, one.on_day, one.amount, 2**31 - 1) for one in place.shares]
    _, against = await reserve(ctx, mine.id, "MOVE", mine.center_id, wanted, counters, expected=mine.version)
    if not against:
        return
    if against[0].what == "CHANGED":
        raise _not_now(mine.status, "It has changed meanwhile; read it again")
    hit = [
        {"role": one.role, "resource_id": one.resource_id, "appointment_id": other.hit}
        for other in against
        if other.place is not None
        for one in [place.reservations[other.place - 1]]
    ]
    raise SlotTaken("Others have booked what it would need", alternatives=[], conflicts=hit)


@Appointment.command(
    "extend",
    move="BOOKED | CHECKED_IN | IN_PROGRESS > BOOKED | CHECKED_IN | IN_PROGRESS",
    by=_WORKSHOP,
    locks=False,
)
async def extend(ctx: Context, seen: Appointment, data: Extend) -> Appointment:
    """Let the work end later, on the same people and places; refused with whom it would hit."""
    if not on_grid(data.end):
        raise Invalid.at("/end", "is not on a full five minutes", "OFF_GRID")
    async with ctx.elevated():
        mine, _ = await _opened(ctx, seen, "extend", lock=False)
        if data.end <= mine.end:
            raise Invalid.at("/end", f"is not after {mine.end.isoformat()}")
        if data.end > mine.end + timedelta(days=7):
            raise Invalid.at("/end", "is more than a week after the present end")
        later = data.end - mine.end
        longer = [_longer(one, mine, later, data.end) for one in mine.reservations]
        promised = max(mine.promised_at, data.end)
        place = Place(
            start=mine.start,
            end=data.end,
            arrival_at=mine.arrival_at,
            promised_at=promised,
            blocked_from=mine.blocked_from,
            blocked_to=mine.blocked_to + later,
            technician_id=mine.technician_id,
            technician_ids=mine.technician_ids,
            bay_id=mine.bay_id,
            reservations=longer,
            shares=mine.shares,
        )
        await _again(ctx, mine, place)
        mine = await ctx.get(Appointment, mine.id, lock=True)
        return await ctx.update(mine, proposal=None, proposed=None, proposed_until=None, **columns(place))


def _longer(one: Reservation, mine: Appointment, later: timedelta, end: datetime) -> Reservation:
    if one.end < mine.end:  # over before: an advisor at the arrival
        return one
    until = max(one.end, end) if one.role == "LOANER" else one.end + later
    return msgspec.structs.replace(one, end=until)


@Appointment.command("cancel", move="HELD | BOOKED | CHECKED_IN > CANCELLED", by=_EITHER_SIDE, locks=False)
async def cancel(ctx: Context, seen: Appointment, data: Cancel) -> Appointment:
    """Give it up; all that it held is free at once. After the centre's cut-off only the centre does so."""
    async with ctx.elevated():
        mine, _ = await _opened(ctx, seen, "cancel")
        center = await _center(ctx, mine)
        late = mine.status != "HELD" and ctx.now > _before(mine, center.cancel_cutoff_minutes)
        if late and ctx.principal.persona == "CUSTOMER":
            raise _not_now(mine.status, "It is too late to cancel; please call the centre")
        await ctx.db.execute("select app.release($1::uuid[])", [mine.id])
        return await ctx.update(mine, status="CANCELLED", reason=data.reason, is_late=late, **_ended(ctx))


@Appointment.command("check_in", move="BOOKED > CHECKED_IN", by=_WORKSHOP, locks=False)
async def check_in(ctx: Context, seen: Appointment) -> Appointment:
    """The customer, or the car, is there."""
    async with ctx.elevated():
        mine, _ = await _opened(ctx, seen, "check_in")
        await ctx.db.execute("select app.release($1::uuid[], true)", [mine.id])
        return await ctx.update(
            mine, status="CHECKED_IN", checked_in_at=ctx.now, proposal=None, proposed=None, proposed_until=None
        )


@Appointment.command("start", move="BOOKED | CHECKED_IN > IN_PROGRESS", by=_WORKSHOP, locks=False)
async def start(ctx: Context, seen: Appointment) -> Appointment:
    """The work begins."""
    async with ctx.elevated():
        mine, _ = await _opened(ctx, seen, "start")
        await ctx.db.execute("select app.release($1::uuid[], true)", [mine.id])
        return await ctx.update(
            mine,
            status="IN_PROGRESS",
            checked_in_at=mine.checked_in_at or ctx.now,
            started_at=ctx.now,
            proposal=None,
            proposed=None,
            proposed_until=None,
        )


@Appointment.command("complete", move="CHECKED_IN | IN_PROGRESS > COMPLETED", by=_WORKSHOP, locks=False)
async def complete(ctx: Context, seen: Appointment) -> Appointment:
    """The work is done; what is still reserved from now on is free at once."""
    async with ctx.elevated():
        mine, moment = await _opened(ctx, seen, "complete")
        await ctx.db.execute("select app.release($1::uuid[])", [mine.id])
        now = instant_of(cell_of(moment) + 1)
        cut = [msgspec.structs.replace(one, end=min(one.end, now)) for one in mine.reservations if one.start < now]
        return await ctx.update(mine, status="COMPLETED", reservations=cut, **_ended(ctx))


@Appointment.command("no_show", move="BOOKED > NO_SHOW", by=_PLANNERS, locks=False)
async def no_show(ctx: Context, seen: Appointment) -> Appointment:
    """Nobody came; what is still reserved is free at once. Not before the centre's time of grace is over."""
    async with ctx.elevated():
        mine, _ = await _opened(ctx, seen, "no_show")
        center = await _center(ctx, mine)
        until = mine.arrival_at + timedelta(minutes=center.no_show_after_minutes)
        if ctx.now < until:
            raise _not_now(mine.status, f"Customers are waited for until {until.isoformat()}")
        await ctx.db.execute("select app.release($1::uuid[])", [mine.id])
        return await ctx.update(mine, status="NO_SHOW", **_ended(ctx))


Appointment.entity.add(
    msgspec.structs.replace(
        Command.of(Appointment.entity, "expire", None, help="The time of a hold or proposal is over."), by=frozenset()
    )
)  # given by the clock alone, in app.expire: whoever follows events knows it by this name


def _ended(ctx: Context) -> dict[str, Any]:
    return {"ended_at": ctx.now, "proposal": None, "proposed": None, "proposed_until": None}
