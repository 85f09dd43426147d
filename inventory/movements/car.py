"""A car with what is open on it, read under the lock that every movement of it takes."""

from __future__ import annotations

from datetime import datetime

import msgspec

from domain.kit.errors import NotFound
from domain.kit.policy import Principal, keys
from domain.kit.query import id_or_nobody
from domain.kit.store import Context
from inventory.movement_records import OPEN_RESERVATION, OPEN_TRANSFER, VehicleReservation, VehicleTransferOrder
from inventory.records import SELLERS, StockEntry, Vehicle

DEALERS_MOVERS = keys(" ".join(SELLERS)) | keys("inventory.sync")
CENTRES_MOVERS = keys("DISTRIBUTION ADMIN inventory.sync")
MOVERS = DEALERS_MOVERS | CENTRES_MOVERS


def acts_for(principal: Principal, account_id: str | None) -> bool:
    """Whether the caller moves cars for that dealer; None: for the organisation. Administrators do for everybody."""
    if "ADMIN" in principal.keys:
        return True
    if account_id is None:
        return principal.sees_everything and bool(principal.keys & CENTRES_MOVERS)
    return (
        principal.persona == "PARTNER"
        and account_id in principal.units
        and bool(principal.keys_at(account_id) & DEALERS_MOVERS)
    )


def own_side(principal: Principal) -> tuple[bool, str | None]:
    """Whether the caller may hold cars at all, and for which account (None: the organisation)."""
    if principal.persona != "PARTNER":
        return acts_for(principal, None), None
    first = [principal.account_id] if principal.account_id else []
    for unit in (*first, *principal.units):
        if acts_for(principal, unit):
            return True, unit
    return False, None


class Car(msgspec.Struct):
    """A vehicle, its open stock entry and what is open on it. `moment` is the database's clock."""

    vehicle: Vehicle
    entry: StockEntry
    keeper_id: str | None
    """The dealer in whose stock it stands; none: the organisation."""
    groups: dict[str, str]
    """The dealer group of each dealer concerned."""
    reservation: VehicleReservation | None
    order: VehicleTransferOrder | None
    moment: datetime
    held_plainly: bool = False
    """Reserved without a reservation record: by a file, or before there were any."""

    @property
    def status(self) -> str:
        """The status that follows from what is open."""
        if self.order is not None and self.order.status == "IN_TRANSIT":
            return "IN_TRANSIT"
        if self.reservation is not None or self.order is not None or self.held_plainly:
            return "RESERVED"
        return "IN_STOCK" if self.entry.status == "RESERVED" else self.entry.status

    @property
    def version(self) -> int:
        """The version of vehicle and open entry together, as reading the vehicle tells it."""
        return self.vehicle.version + self.entry.version - 1

    def same_group(self, one: str | None, other: str | None) -> bool:
        """Whether two sides are of one dealer group, or both the organisation."""
        if one is None or other is None:
            return one == other
        return self.groups[one] == self.groups[other]

    def lapsed(self) -> list[VehicleReservation | VehicleTransferOrder]:
        """Take away what is past its time by the database's clock; what was taken away and must be written so."""
        gone: list[VehicleReservation | VehicleTransferOrder] = []
        held, order = self.reservation, self.order
        if held is not None and _past(
            held.until_at, held.deadline_at if held.status == "REQUESTED" else None, self.moment
        ):
            gone.append(held)
            self.reservation = None
        if order is not None and order.status != "IN_TRANSIT" and _past(order.deadline_at, None, self.moment):
            gone.append(order)
            self.order = None
        if self.held_plainly and _past(self.entry.reserved_until_at, None, self.moment):
            self.held_plainly = False
        return gone


def _past(one: datetime | None, other: datetime | None, moment: datetime) -> bool:
    return any(end is not None and end <= moment for end in (one, other))


async def seen(ctx: Context, vehicle_id: str) -> str:
    """The id of a car that the caller sees, or that is coming to them or held by them; NotFound."""
    found = await ctx.db.fetchval(
        "select id from vehicle where id = $1 "
        "union all select vehicle_id from vehicle_transfer_order where vehicle_id = $1 and status = any($2) "
        "union all select vehicle_id from vehicle_reservation where vehicle_id = $1 and status = any($3) limit 1",
        id_or_nobody(vehicle_id),
        list(OPEN_TRANSFER),
        list(OPEN_RESERVATION),
    )
    if found is None:
        raise NotFound("There is no vehicle with this id")
    return str(found)


async def opened(ctx: Context, vehicle_id: str, *, lock: bool) -> Car:
    """The car, past row policies: the caller has made sure that it is seen, and has elevated the context.

    `lock` takes the vehicle's row first, as every writer of a car and its entries does, and so holds all that belongs
    to the car. NotFound for one that stands in no stock.
    """
    vehicle = await ctx.get(Vehicle, vehicle_id, lock=lock)
    entries = await ctx.where(StockEntry, "vehicle_id = $1 and left_on is null", vehicle_id, lock=lock)
    if not entries:
        raise NotFound("This vehicle stands in no stock that you may see")
    entry = entries[0]
    reservations = await ctx.where(
        VehicleReservation, "vehicle_id = $1 and status = any($2)", vehicle_id, list(OPEN_RESERVATION)
    )
    orders = await ctx.where(
        VehicleTransferOrder, "vehicle_id = $1 and status = any($2)", vehicle_id, list(OPEN_TRANSFER)
    )
    held = reservations[0] if reservations else None
    order = orders[0] if orders else None
    concerned = [entry.dealer_account_id, held.account_id if held else None]
    rows = await ctx.db.fetch(
        "select id, type, coalesce(parent_account_id, id) as top from account where id = any($1::uuid[])",
        [account for account in concerned if account is not None],
    )
    dealers = {row["id"]: row["top"] for row in rows if row["type"] != "OEM"}
    return Car(
        vehicle=vehicle,
        entry=entry,
        keeper_id=entry.dealer_account_id if entry.dealer_account_id in dealers else None,
        groups=dealers,
        reservation=held,
        order=order,
        moment=await ctx.db.fetchval("select app.moment()"),
        held_plainly=entry.status == "RESERVED" and held is None and order is None,
    )
