"""The commands of a vehicle that move it: each one transaction under the car's lock, its line of the ledger with it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta

from domain.kit.db import literal
from domain.kit.errors import CommandNotAllowed, Forbidden, Invalid
from domain.kit.events import publish
from domain.kit.query import id_or_nobody
from domain.kit.store import Context, matched
from domain.kit.values import Checked, Id, Instant, Label, email_address, phone_number, printable
from inventory import vin as vins
from inventory.movement_records import Reason, VehicleReservation, VehicleTransferOrder
from inventory.movements import rules
from inventory.movements.car import Car, acts_for, opened, own_side, seen
from inventory.movements.holds import end_lapsed, settle
from inventory.movements.rules import RULES
from inventory.records import StockEntry

ANSWER_TIME = timedelta(hours=24)
"""How long a request holds another dealer's car: somebody of the keeper's comes to work within it on any weekday, and a
car that nobody answers for is not lost to other buyers for longer than a day."""
DISPATCH_TIME = timedelta(days=14)
"""How long an approved transfer holds a car that is not sent: carriers are booked within two weeks."""
USUAL_RESERVATION = timedelta(hours=48)
"""Until when a car is reserved if nothing is said: time to sign and to pay a deposit."""
LONGEST_RESERVATION = timedelta(days=365)
"""No car is held for longer than it takes to build one."""

Holder = Annotated[str, Meta(min_length=1, max_length=200), Checked(printable)]


class Reserve(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """For whom (the id of a contact that you see, a mail address, a phone number or a name) and until when."""

    holder_contact: Holder | None = None
    until: Instant | None = None
    deposit_reference: Label | None = None


class RequestTransfer(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Where the car is wanted, and why."""

    to_location_id: Id
    reason: Reason | None = None


class Decline(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Why not."""

    reason: Reason | None = None


class Receive(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The VIN as scanned off the car; of a car without one its stock number, listing number or external key."""

    scanned_vin: Annotated[str, Meta(min_length=1, max_length=200), Checked(printable)]


class Nothing(msgspec.Struct, forbid_unknown_fields=True):
    """These commands take no input."""


class Given(msgspec.Struct):
    """What a command has led to: the reservation and the transfer order as they are now, where there are any."""

    vehicle_id: str
    reservation: VehicleReservation | None
    order: VehicleTransferOrder | None


class Target(msgspec.Struct, frozen=True):
    """What a command refers to beside the car, as the caller sees it: looked up before rights are widened."""

    contact_id: str | None = None
    location_id: str | None = None


Act = Callable[[Context, Car, Any, Target], Awaitable[None]]


async def give(ctx: Context, vehicle_id: str, name: str, data: Any, version: int | None = None) -> Given:
    """Give the command `name` of COMMANDS; `version` is that of If-Match.

    NotFound for a car that the caller does not see; Forbidden on the wrong side; CommandNotAllowed with the reason,
    the state and what is allowed; RecallOpen; Invalid for a wrong VIN or place; StaleVersion. Locks the vehicle's row.
    """
    command = COMMANDS[name]
    id = await seen(ctx, vehicle_id)
    target = await _target(ctx, data)
    await ctx.db.execute(f"set local app.command = {literal(name)}")
    async with ctx.elevated():
        car = await opened(ctx, id, lock=True)
        await end_lapsed(ctx, car)
        refusal = RULES[name](car, ctx.principal)
        if isinstance(refusal, Forbidden):
            raise refusal
        if version is not None:
            matched(msgspec.structs.replace(car.vehicle, version=car.version), version)
        if isinstance(refusal, CommandNotAllowed):
            refusal.data["allowed"] = [other for other in COMMANDS if RULES[other](car, ctx.principal) is None]
        if refusal is not None:
            raise refusal
        before = (car.reservation, car.order)
        await command.act(ctx, car, data, target)
        reservation, order = [
            await _again(ctx, kind, now if now is not None else was)
            for kind, now, was in (
                (VehicleReservation, car.reservation, before[0]),
                (VehicleTransferOrder, car.order, before[1]),
            )
        ]
        told = {"stock_entry_id": car.entry.id, "status": car.entry.status}
        await publish(ctx, f"vehicle.{name}", car.vehicle, told)
    await ctx.db.execute(f"set local app.command = {literal(ctx.deed.command)}")
    return Given(id, reservation, order)


async def _again(ctx: Context, kind: Any, record: Any) -> Any:
    return None if record is None else await ctx.get(kind, record.id)


async def _target(ctx: Context, data: Any) -> Target:
    if isinstance(data, Reserve) and _is_id(data.holder_contact):
        found = await ctx.db.fetchval("select id from contact where id = $1", data.holder_contact)
        if found is None:
            raise Invalid.at("/holder_contact", "refers to no contact that you may see")
        return Target(contact_id=found)
    if isinstance(data, RequestTransfer):
        found = await ctx.db.fetchval("select id from location where id = $1", id_or_nobody(data.to_location_id))
        if found is None:
            raise Invalid.at("/to_location_id", "refers to no location that you may see")
        return Target(location_id=found)
    return Target()


def _is_id(text: str | None) -> bool:
    try:
        return text is not None and bool(UUID(text))
    except ValueError:
        return False


def _named(text: str | None) -> str | None:
    """A person as written down: mail addresses and phone numbers in the form in which erasure finds them."""
    if text is None:
        return None
    for normal in (email_address, phone_number):
        try:
            return normal(text)
        except ValueError:
            continue
    return text


async def _reserve(ctx: Context, car: Car, data: Reserve, target: Target) -> None:
    until = data.until or car.moment + USUAL_RESERVATION
    if until <= car.moment:
        raise Invalid.at("/until", "has passed")
    if until > car.moment + LONGEST_RESERVATION:
        raise Invalid.at("/until", f"is more than {LONGEST_RESERVATION.days} days ahead")
    near = rules.is_near(car, ctx.principal)
    _, account = own_side(ctx.principal)
    car.reservation = await ctx.create(
        VehicleReservation,
        vehicle_id=car.vehicle.id,
        account_id=account,
        keeper_account_id=car.keeper_id,
        location_id=car.entry.location_id,
        brand=car.entry.brand,
        holder_contact_id=target.contact_id,
        reserved_for=None if target.contact_id else _named(data.holder_contact),
        deposit_reference=data.deposit_reference,
        until_at=until,
        deadline_at=None if near else min(until, car.moment + ANSWER_TIME),
        status="ACTIVE" if near else "REQUESTED",
    )
    await settle(ctx, car)


async def _release(ctx: Context, car: Car, _: Nothing, __: Target) -> None:
    if rules.may_end_reservation(car, ctx.principal):
        if car.reservation is not None:
            await ctx.update(car.reservation, event="released", status="RELEASED")
        car.reservation, car.held_plainly = None, False
    if car.order is not None and rules.may_end_order(car, ctx.principal):
        await ctx.update(car.order, event="cancelled", status="CANCELLED", answer="Taken back")
        car.order = None
    await settle(ctx, car)


async def _request_transfer(ctx: Context, car: Car, data: RequestTransfer, target: Target) -> None:
    assert target.location_id is not None
    if target.location_id == car.entry.location_id:
        raise Invalid.at("/to_location_id", "is where the car stands")
    dealer = await ctx.db.fetchval("select app.dealer_of($1)", target.location_id)
    if ctx.principal.persona == "PARTNER" and not acts_for(ctx.principal, dealer):
        raise Forbidden("You have cars brought to locations of your own alone")
    car.order = await ctx.create(
        VehicleTransferOrder,
        vehicle_id=car.vehicle.id,
        from_location_id=car.entry.location_id,
        from_account_id=car.keeper_id,
        to_location_id=target.location_id,
        to_account_id=dealer,
        brand=car.entry.brand,
        reason=data.reason,
        deadline_at=car.moment + ANSWER_TIME,
    )
    car.held_plainly = False
    await settle(ctx, car)


async def _approve(ctx: Context, car: Car, _: Nothing, __: Target) -> None:
    if car.reservation is not None and car.reservation.status == "REQUESTED":
        car.reservation = await ctx.update(car.reservation, event="approved", status="ACTIVE", deadline_at=None)
    if car.order is not None and car.order.status == "REQUESTED":
        deadline = car.moment + DISPATCH_TIME
        car.order = await ctx.update(car.order, event="approved", status="APPROVED", deadline_at=deadline)
    await settle(ctx, car)


async def _decline(ctx: Context, car: Car, data: Decline, _: Target) -> None:
    if car.reservation is not None and car.reservation.status == "REQUESTED":
        await ctx.update(car.reservation, event="declined", status="DECLINED", reason=data.reason)
        car.reservation = None
    if car.order is not None and car.order.status == "REQUESTED":
        await ctx.update(car.order, event="rejected", status="REJECTED", answer=data.reason)
        car.order = None
    await settle(ctx, car)


async def _dispatch(ctx: Context, car: Car, _: Nothing, __: Target) -> None:
    assert car.order is not None
    car.order = await ctx.update(
        car.order,
        event="dispatched",
        status="IN_TRANSIT",
        from_location_id=car.entry.location_id,
        dispatched_at=car.moment,
        deadline_at=None,
    )
    car.entry = await ctx.update(car.entry, transfer_order_id=car.order.id)
    await settle(ctx, car)


async def _receive(ctx: Context, car: Car, data: Receive, _: Target) -> None:
    order, old = car.order, car.entry
    assert order is not None
    _is_the_car(car, data.scanned_vin)
    today = car.moment.date()
    same_dealer = order.to_account_id == old.dealer_account_id
    number = old.stock_number if same_dealer else None
    if number is not None and await ctx.db.fetchval(
        "select exists (select from stock_entry where location_id = $1 and stock_number = $2 and left_on is null)",
        order.to_location_id,
        number,
    ):
        number = None
    await ctx.update(order, event="received", status="COMPLETED", received_at=car.moment)
    car.order = None
    await ctx.update(
        old, status="RETIRED", left_on=max(today, old.in_stock_since), reserved_for=None, reserved_until_at=None
    )
    car.entry = await ctx.create(
        StockEntry,
        vehicle_id=car.vehicle.id,
        version=old.version + 2,  # so that vehicle and entry together never have an earlier version again
        dealer_account_id=order.to_account_id,
        location_id=order.to_location_id,
        brand=old.brand,
        stock_number=number,
        status="IN_STOCK",
        holds=old.holds,
        visibility=old.visibility,
        price=old.price,
        price_tax=old.price_tax,
        in_stock_since=old.in_stock_since if same_dealer else today,
    )
    if same_dealer:
        await ctx.db.execute(
            "update stock_price set stock_entry_id = $1 where stock_entry_id = $2", car.entry.id, old.id
        )
    await settle(ctx, car)


def _is_the_car(car: Car, scanned: str) -> None:
    vin = car.vehicle.vin
    if vin is not None:
        known = {vin}
        scanned = vins.normal_vin(scanned)
    else:
        keys = [key.key for key in car.vehicle.external_keys]
        known = {one for one in (car.vehicle.listing_number, car.entry.stock_number, *keys) if one}
    if scanned not in known:
        raise Invalid.at("/scanned_vin", f"{scanned} is not the car of this transfer")


async def _deliver(ctx: Context, car: Car, _: Nothing, __: Target) -> None:
    if car.reservation is not None:
        await ctx.update(car.reservation, event="fulfilled", status="FULFILLED")
    car.reservation, car.held_plainly = None, False
    car.entry = await ctx.update(car.entry, status="SOLD", reserved_for=None, reserved_until_at=None)


class MoveCommand(msgspec.Struct, frozen=True):
    """A command: what it takes, what it does, and one sentence on it."""

    input: type[msgspec.Struct]
    act: Act
    help: str


COMMANDS: dict[str, MoveCommand] = {
    "reserve": MoveCommand(
        Reserve, _reserve, "Hold a car: at once in the own group and at centres, elsewhere by request to its keeper"
    ),
    "release": MoveCommand(Nothing, _release, "Give up a reservation or a request that has not been sent yet"),
    "request_transfer": MoveCommand(
        RequestTransfer, _request_transfer, "Ask the keeper to send a car to a location; it is held until the deadline"
    ),
    "approve": MoveCommand(Nothing, _approve, "Agree to what is requested"),
    "decline": MoveCommand(Decline, _decline, "Refuse what is requested; the car is free again"),
    "dispatch": MoveCommand(Nothing, _dispatch, "Send a car on its approved way"),
    "receive": MoveCommand(Receive, _receive, "Take in a car that has come, by scanning its VIN"),
    "deliver": MoveCommand(Nothing, _deliver, "Hand a car over to its buyer; never one with an open recall"),
}
"""In the order of a car's way."""

assert COMMANDS.keys() == RULES.keys()
