"""Parts that work uses up: kept at the centre while it is booked, issued when it is done, free again when it is not."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from domain.kit.events import on
from domain.kit.periodic import periodic
from domain.kit.query import id_or_nobody
from domain.kit.store import Context
from inventory.parts import issue_parts, release_parts, reserve_parts
from scheduling.appointment_records import Appointment
from scheduling.hours import instant_of, to_cell, zone_of
from scheduling.question import PartsReady

MOST_A_ROUND = 500
"""Appointments looked at in one round of the clock."""

_NEEDED = """
select p.product_id::text, sum(p.quantity)::int
  from unnest($1::text[]) asked (code) join work_type w on w.code = asked.code and w.parts <> '[]',
       jsonb_to_recordset(w.parts) p (product_id uuid, quantity int)
 group by p.product_id order by p.product_id"""
_LACKING = """
select c.id as center_id, c.time_zone, n.product_id::text, n.quantity - coalesce(own.reserved, 0)::int as quantity,
       coalesce(i.quantity_on_hand - i.quantity_reserved, 0) as free, i.expected_on
  from service_center c
 cross join unnest($2::uuid[], $3::int[]) n (product_id, quantity)
  left join product_item i on i.product_id = n.product_id and i.location_id = c.location_id
  left join lateral (select sum(t.reserved) as reserved from product_item_transaction t
                      where t.item_id = i.id and t.reference = $4) own on $4::text is not null
 where ($1::uuid[] is null or c.id = any($1)) and n.quantity > coalesce(own.reserved, 0)
 order by c.id, n.product_id"""
_LEFT_BEHIND = """
select distinct a.id, c.location_id, a.number
  from appointment a
  join service_center c on c.id = a.center_id
  join work_type w on w.code = any(a.work_types) and w.parts <> '[]'
 cross join lateral jsonb_to_recordset(w.parts) p (product_id uuid)
  join product_item i on i.product_id = p.product_id and i.location_id = c.location_id
 where a.status = 'EXPIRED' and a.ended_at > app.moment() - interval '2 days' and ($1::uuid is null or c.id = $1)
   and (select sum(t.reserved) from product_item_transaction t where t.item_id = i.id and t.reference = a.number) > 0
 order by a.id limit $2"""
_WAITING = """
select a.id
  from appointment a
  join service_center c on c.id = a.center_id
 where a.status in ('BOOKED', 'CHECKED_IN', 'IN_PROGRESS') and a.start < app.moment() + interval '60 days'
   and a.work_types && array(select code from work_type where parts <> '[]')
   and exists (select from unnest(a.work_types) asked (code) join work_type w on w.code = asked.code,
                      jsonb_to_recordset(w.parts) p (product_id uuid, quantity int)
                 join product_item i on i.product_id = p.product_id and i.location_id = c.location_id
                where i.quantity_on_hand > i.quantity_reserved
                  and coalesce((select sum(t.reserved) from product_item_transaction t
                                 where t.item_id = i.id and t.reference = a.number), 0) < p.quantity)
 order by a.start, a.id limit $1"""


class Lacking(msgspec.Struct, frozen=True):
    """Parts that work needs beyond what is kept for it, and how many of them are free."""

    center_id: str
    time_zone: str
    product_id: str
    quantity: int
    free: int
    expected_on: Any

    def ready_at(self, now: datetime) -> datetime | None:
        """From when they are there: the day on which they are expected, unless that has passed; None: not in sight."""
        if self.expected_on is None:
            return None
        begins = instant_of(to_cell(self.time_zone, self.expected_on, 0), self.time_zone)
        over = begins + timedelta(days=1) <= now.astimezone(zone_of(self.time_zone))
        return None if over else begins


async def parts_ready(
    ctx: Context, works: Sequence[str], center_ids: Sequence[str] | None, moving: str | None = None
) -> PartsReady:
    """From when centres (None: all) have the parts of some work, of those that lack any now.

    `moving`: the id of an appointment; what is kept for it counts as there.
    """
    async with ctx.elevated():
        found: dict[str, datetime | None] = {}
        reference: str | None = None
        if moving is not None:
            reference = await ctx.db.fetchval("select number from appointment where id = $1", moving)
        for one in await _lacking(ctx, works, center_ids, reference):
            if one.free >= one.quantity:
                continue
            at = one.ready_at(ctx.now)
            before = found.get(one.center_id, at)
            found[one.center_id] = None if at is None or before is None else max(at, before)
        return found


async def _lacking(
    ctx: Context, works: Sequence[str], center_ids: Sequence[str] | None, reference: str | None
) -> list[Lacking]:
    needed = await ctx.db.fetch(_NEEDED, list(works))
    if not needed:
        return []
    places = None if center_ids is None else [id_or_nobody(id) for id in center_ids]
    rows = await ctx.db.fetch(_LACKING, places, [row[0] for row in needed], [row[1] for row in needed], reference)
    return [Lacking(*row.values()) for row in rows]


@on("appointment.created")
async def _booked(ctx: Context, made: Appointment, _: dict[str, Any]) -> None:
    """Keep the parts that are there; those that are expected before the start are kept when they come."""
    if made.work_types:
        async with ctx.elevated():
            await _keep(ctx, made)


async def _keep(ctx: Context, made: Appointment, *, insists: bool = True) -> None:
    """NotEnough where parts are neither there nor expected in time and the caller insists."""
    lacking = await _lacking(ctx, made.work_types, [made.center_id], made.number)
    if any(one.free < one.quantity for one in lacking) and await _let_go(ctx, made.center_id):
        lacking = await _lacking(ctx, made.work_types, [made.center_id], made.number)
    if not lacking:
        return
    location = await _location(ctx, made)
    there = [(one.product_id, one.quantity) for one in lacking if one.free >= one.quantity]
    for one in lacking:
        if one.free < one.quantity and insists:
            at = one.ready_at(ctx.now)
            if at is None or at > made.start:
                there.append((one.product_id, one.quantity))
    if there:
        await reserve_parts(ctx, location, there, made.number)


async def _location(ctx: Context, made: Appointment) -> str:
    found: str = await ctx.db.fetchval("select location_id from service_center where id = $1", made.center_id)
    return found


@on("appointment.updated")
async def _ended(ctx: Context, now: Appointment, changes: dict[str, Any]) -> None:
    """Parts of work that is done are consumed, those of work that will not be done are free."""
    if "status" not in changes or now.status not in ("CANCELLED", "NO_SHOW", "COMPLETED") or not now.work_types:
        return
    async with ctx.elevated():
        if await ctx.db.fetch(_NEEDED, now.work_types):
            settle = issue_parts if now.status == "COMPLETED" else release_parts
            await settle(ctx, await _location(ctx, now), now.number)


async def _let_go(ctx: Context, center_id: str | None) -> bool:
    """Free what is kept for holds that are past their time; whether there was anything."""
    rows = await ctx.db.fetch(_LEFT_BEHIND, center_id, MOST_A_ROUND)
    for row in rows:
        await release_parts(ctx, row["location_id"], row["number"])
    return bool(rows)


@periodic("keep_parts", "* * * * *")
async def keep_parts(ctx: Context) -> None:
    """Frees the parts of holds that ended by the clock, and keeps what has come for the work that waits for it."""
    await _let_go(ctx, None)
    for row in await ctx.db.fetch(_WAITING, MOST_A_ROUND):
        await _keep(ctx, await ctx.get(Appointment, row["id"]), insists=False)
