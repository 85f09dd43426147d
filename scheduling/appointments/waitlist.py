"""The waitlist: what gets free is offered to whoever waits longest, as a hold in their name, then to the next."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from domain.kit.errors import CommandNotAllowed, Forbidden, Invalid, SlotTaken, TooManyHolds
from domain.kit.events import on
from domain.kit.messages import TEMPLATES, send
from domain.kit.store import Context, references_visible
from domain.kit.values import Code, Id, Instant
from scheduling.appointment_records import Appointment, AppointmentJob, Person, WaitlistEntry
from scheduling.appointments.booking import (
    CENTRES_PEOPLE,
    Car,
    Center,
    car_of,
    center_of,
    customer_of,
    is_planner,
    known_works,
    may_book,
    owned,
)
from scheduling.appointments.taking import Holder, Wish, columns, schedule_of, take
from scheduling.asking import CUSTOMER, MOST_JOBS, JobRequest, Kind, SlotRequest, Transport
from scheduling.hours import zone_of
from scheduling.statements import SQL

TEMPLATES.add(Path(__file__).parent / "templates")
MOST_TRIED = 20
"""Slots of one entry's window that are tried for it at a time."""
LONGEST_WINDOW = timedelta(days=90)
_SIDES = "CUSTOMER " + " ".join(sorted(CENTRES_PEOPLE))


class JoinWaitlist(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Work that is wanted at a centre at a start from `earliest` until before `latest`."""

    kind: Kind = "SERVICE"
    center_id: Id
    work_types: Annotated[list[Code], Meta(min_length=1, max_length=MOST_JOBS)]
    earliest: Instant
    latest: Instant
    technician_id: Id | None = None
    asset_id: Id | None = None
    vehicle_id: Id | None = None
    definition_id: Id | None = None
    customer: Person | None = None
    transport: Transport = "WAIT"


async def join(ctx: Context, data: JoinWaitlist) -> WaitlistEntry:
    """Put somebody on the waitlist of a centre. Invalid names the field; Forbidden at another's centre."""
    if not data.earliest < data.latest <= data.earliest + LONGEST_WINDOW:
        raise Invalid.at("/latest", f"is not within {LONGEST_WINDOW.days} days after earliest")
    if data.latest <= ctx.now:
        raise Invalid.at("/latest", "lies in the past", "IN_THE_PAST")
    center = await center_of(ctx, data.center_id, data.kind, data.work_types, data.technician_id)
    may_book(ctx.principal, center)
    known_works(center, data, _jobs(data.work_types))
    if data.technician_id is not None and center.technician_id is None:
        raise Invalid.at("/technician_id", "names nobody who works here")
    await references_visible(ctx, WaitlistEntry.entity, {"definition_id": data.definition_id})
    _, account_id, contact_id = await customer_of(ctx, data.customer)
    await owned(ctx, data)
    async with ctx.elevated():
        car = await car_of(ctx, data.kind, data.asset_id, data.vehicle_id, data.definition_id)
        return await ctx.create(
            WaitlistEntry,
            center_id=center.id,
            account_id=center.account_id,
            offered_to=ctx.principal.name,
            customer_account_id=account_id or car.account_id,
            contact_id=contact_id or car.contact_id,
            kind=data.kind,
            work_types=data.work_types,
            asset_id=car.asset_id,
            vehicle_id=car.vehicle_id,
            definition_id=car.definition_id,
            technician_id=data.technician_id,
            transport=data.transport,
            earliest=data.earliest,
            latest=data.latest,
            queued_at=ctx.now,
        )


@WaitlistEntry.command("withdraw", move="WAITING | OFFERED > WITHDRAWN", by=_SIDES, locks=False)
async def withdraw(ctx: Context, seen: WaitlistEntry) -> WaitlistEntry:
    """Wait no longer. A hold that is offered stays until it is confirmed, cancelled or out of time."""
    principal = ctx.principal
    if principal.persona == "PARTNER" and not is_planner(principal, seen.account_id):
        raise Forbidden("You may see but not change this record")
    async with ctx.elevated():
        entry = await ctx.get(WaitlistEntry, seen.id, lock=True)
        if entry.status not in ("WAITING", "OFFERED"):
            raise CommandNotAllowed(f"withdraw is not allowed in the state {entry.status}", state=entry.status)
        return await ctx.update(entry, status="WITHDRAWN", offered_until=None)


@on("appointment.confirm")
async def _taken(ctx: Context, appointment: Appointment, _: dict[str, Any]) -> None:
    """Whoever confirms an offer has what they waited for."""
    async with ctx.elevated():
        for entry in await ctx.where(WaitlistEntry, "appointment_id = $1", appointment.id, lock=True):
            if entry.status == "OFFERED":
                await ctx.update(entry, status="TAKEN", offered_until=None)


async def settle(ctx: Context, most: int = 200) -> list[str]:
    """Put those back in the queue who did not take their offer, end what waits for the past: the centres concerned.

    The context is the worker's. Takes the rows' locks.
    """
    rows = await ctx.db.fetch(SQL["entries_due"], ctx.now, most)
    entries = await ctx.where(WaitlistEntry, "id = any($1::uuid[])", [row["id"] for row in rows], lock=True)
    for entry in entries:
        if entry.status == "OFFERED" and entry.appointment_id is not None:
            missed = await ctx.get(Appointment, entry.appointment_id)
            if missed.status not in ("EXPIRED", "CANCELLED"):
                continue
            status = "WAITING" if entry.latest > ctx.now else "LAPSED"
            declined = [*entry.declined, missed.start.isoformat()]
            await ctx.update(
                entry, status=status, offered_until=None, queued_at=ctx.now, declined=declined, event="missed"
            )
        elif entry.status == "WAITING" and entry.latest <= ctx.now:
            await ctx.update(entry, status="LAPSED", event="lapsed")
    return sorted({row["center_id"] for row in rows})


async def offer(ctx: Context, center_id: str) -> WaitlistEntry | None:
    """Offer what is free at a centre to the first in the queue whom it suits; None where there is nobody.

    The context is the worker's, one offer a transaction. Holds the centre's queue, then the locks of `app.reserve`.
    """
    await ctx.db.execute("select pg_advisory_xact_lock(hashtextextended('waitlist ' || $1, 0))", center_id)
    rows = await ctx.db.fetch(SQL["waiting_at"], center_id, ctx.now, 100)
    for row in rows:
        entry = await ctx.get(WaitlistEntry, row["id"])
        center = await center_of(ctx, center_id, entry.kind, entry.work_types, entry.technician_id)
        car = await car_of(ctx, entry.kind, entry.asset_id, entry.vehicle_id, entry.definition_id)
        made = await _held(ctx, entry, center, car)
        if made is None:
            continue
        entry = await ctx.get(WaitlistEntry, entry.id, lock=True)
        if entry.status != "WAITING":
            raise CommandNotAllowed("The entry has left the queue meanwhile", state=entry.status)
        entry = await ctx.update(
            entry, event="offer", status="OFFERED", offered_until=made.held_until, appointment_id=made.id
        )
        await _told(ctx, entry, made, center)
        return entry
    return None


async def _held(ctx: Context, entry: WaitlistEntry, center: Center, car: Car) -> Appointment | None:
    """A hold for the entry on the first start that is free, if there is one that has not been declined."""
    schedule = schedule_of(ctx)
    jobs = _jobs(entry.work_types)
    request = SlotRequest(
        kind=entry.kind,
        jobs=jobs,
        asset_id=entry.asset_id,
        definition_id=entry.definition_id,
        center_ids=[center.id],
        earliest=max(entry.earliest, ctx.now),
        latest=entry.latest,
        technician_id=entry.technician_id,
        vehicle_id=entry.vehicle_id if entry.kind == "TEST_DRIVE" else None,
        transport=entry.transport,
        limit=MOST_TRIED + len(entry.declined),
    )
    declined = {datetime.fromisoformat(one) for one in entry.declined}
    try:
        page = schedule.search(request, CUSTOMER, car.facts)
    except Invalid:  # what is wanted is not offered any more
        return None
    for slot in page.slots:
        if slot.start in declined:
            continue
        id = ctx.ids()
        wish = Wish(request, center.id, slot.start, CUSTOMER, car.facts)
        holder = Holder(entry.offered_to, center.waitlist_offer_minutes * 60, center.max_holds)
        try:
            place, until = await take(ctx, wish, id, holder=holder)
        except TooManyHolds:
            return None
        except (SlotTaken, Invalid):  # somebody was faster
            continue
        person = await _person(ctx, entry)
        return await ctx.create(
            Appointment,
            id=id,
            kind=entry.kind,
            status="HELD",
            center_id=center.id,
            account_id=center.account_id,
            customer_account_id=entry.customer_account_id,
            contact_id=entry.contact_id,
            customer=person,
            brand=car.brand,
            asset_id=entry.asset_id,
            vehicle_id=entry.vehicle_id,
            definition_id=entry.definition_id,
            transport=entry.transport,
            jobs=[AppointmentJob(job.work_type) for job in jobs],
            work_types=entry.work_types,
            is_technician_asked=entry.technician_id is not None,
            held_until=until,
            held_by=entry.offered_to,
            **columns(place),
        )
    return None


async def _person(ctx: Context, entry: WaitlistEntry) -> Person:
    if entry.contact_id is None:
        return Person()
    row = await ctx.db.fetchrow(SQL["booking_contact"], entry.contact_id)
    return Person(row["name"], row["email"], row["phone"], row["id"])


async def _told(ctx: Context, entry: WaitlistEntry, made: Appointment, center: Center) -> None:
    if made.customer.email is None:
        return
    row = await ctx.db.fetchrow(
        "select c.name, t.locale from service_center c left join contact t on t.id = $2 where c.id = $1",
        center.id,
        entry.contact_id,
    )
    zone = zone_of(center.time_zone)
    data = {
        "center": row["name"],
        "start": made.start.astimezone(zone).strftime("%Y-%m-%d %H:%M"),
        "until": made.held_until.astimezone(zone).strftime("%H:%M") if made.held_until else "",
        "number": made.number,
    }
    await send(
        ctx,
        to=made.customer.email,
        template="waitlist_offer",
        data=data,
        locale=row["locale"] or "en",
        contact_id=entry.contact_id,
        account_id=entry.customer_account_id,
        sender_account_id=center.account_id,
    )


def _jobs(work_types: list[str]) -> list[JobRequest]:
    return [JobRequest(work_type=code) for code in work_types]
