"""Holds that end by the clock: ended by whoever wants the car first, and tidied by the minute."""

from __future__ import annotations

from typing import Any

from domain.kit.periodic import periodic
from domain.kit.store import Context
from inventory.movement_records import VehicleReservation
from inventory.movements.car import Car, opened

MOST_A_MINUTE = 500
"""Cars tidied in one transaction: a burst is worked off in a few minutes, and no lock is held for long."""

_DUE = """
select due.vehicle_id from (
  select vehicle_id from vehicle_reservation where status in ('REQUESTED', 'ACTIVE') and until_at <= app.moment()
  union select vehicle_id from vehicle_reservation where status = 'REQUESTED' and deadline_at <= app.moment()
  union select vehicle_id from vehicle_transfer_order
         where status in ('REQUESTED', 'APPROVED') and deadline_at <= app.moment()
  union select vehicle_id from stock_entry
         where left_on is null and status = 'RESERVED' and reserved_until_at <= app.moment()) due
  join stock_entry e on e.vehicle_id = due.vehicle_id and e.left_on is null
 order by due.vehicle_id limit $1"""


async def end_lapsed(ctx: Context, car: Car) -> None:
    """End what is past its time on a car that is locked."""
    for gone in car.lapsed():
        if isinstance(gone, VehicleReservation):
            await ctx.update(gone, event="expired", status="EXPIRED")
        else:
            await ctx.update(gone, event="expired", status="CANCELLED", answer="The deadline has passed")
    await settle(ctx, car)


async def settle(ctx: Context, car: Car) -> None:
    """Make the open stock entry say what follows from what is open on the car."""
    held, order = car.reservation, car.order
    until = None
    if held is not None:
        until = held.deadline_at if held.status == "REQUESTED" else held.until_at
    elif order is not None and order.status != "IN_TRANSIT":
        until = order.deadline_at
    changes: dict[str, Any] = {"status": car.status}
    if not car.held_plainly:
        # the keeper of somebody else's reservation learns until when, not for whom
        own = held is not None and held.account_id == car.entry.dealer_account_id
        changes |= {"reserved_until_at": until, "reserved_for": held.reserved_for if own and held else None}
    car.entry = await ctx.update(car.entry, **changes)


@periodic("end_lapsed_holds", "* * * * *")
async def end_lapsed_holds(ctx: Context) -> None:
    """Tidies holds that are past their time, so that searches find the cars free; nobody waits for it to have one."""
    rows = await ctx.db.fetch(_DUE, MOST_A_MINUTE)
    due = await ctx.db.fetch(
        "select id from vehicle where id = any($1::uuid[]) order by id for no key update skip locked",
        [row[0] for row in rows],
    )
    for row in due:
        await end_lapsed(ctx, await opened(ctx, row[0], lock=True))
