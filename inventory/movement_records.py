"""Reservations and transfer orders of vehicles, and the ledger of where each has stood."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from domain.kit.fields import Fixed, Ref, Series, reads, writes
from domain.kit.record import Record, entity, states
from domain.kit.rows import group, own
from domain.kit.values import Checked, Code, Count, Instant, Label, Privacy, printable

Reason = Annotated[str, Meta(min_length=1, max_length=500), Checked(printable), Privacy.FREE_TEXT]
Place = Literal["OUTSIDE", "ON_HAND", "IN_TRANSIT"]
OPEN_RESERVATION = ("REQUESTED", "ACTIVE")
OPEN_TRANSFER = ("REQUESTED", "APPROVED", "IN_TRANSIT")

_READERS = {"PARTNER": "r", "STAFF": "r", "SYSTEM": "r"}
_BY_COMMANDS_OF_THE_VEHICLE = "create update delete bulk import commands"
_HOLDERS_SIDE = "PARTNER STAFF SYSTEM"


@entity(
    "vehicle_reservation",
    rows=own("account_id").to("PARTNER") | group("account_id") | group("keeper_account_id"),
    grants=_READERS,
    title="{number}",
    brand="brand",
    person="holder_contact_id",
    states=states("status", "REQUESTED ACTIVE DECLINED EXPIRED RELEASED FULFILLED"),
    without=_BY_COMMANDS_OF_THE_VEHICLE,
    unique=("vehicle_id where status in ('REQUESTED', 'ACTIVE')",),
    indexes=(
        "vehicle_id, created_at desc",
        "until_at where status in ('REQUESTED', 'ACTIVE')",
        "deadline_at where status = 'REQUESTED'",
    ),
    checks={"deadline": "status <> 'REQUESTED' or deadline_at is not null"},
)
class VehicleReservation(Record, kw_only=True):
    """A car kept for somebody until a time; REQUESTED while its keeper has not answered, at the latest by the deadline.

    `account_id` is the side that holds it (none: the organisation itself), `keeper_account_id` the stock in which the
    car stood. The keeper learns that the car is held and by which dealer, not for which customer.
    """

    number: Annotated[str, Series("VR-", 8)]
    vehicle_id: Annotated[str, Ref("vehicle"), Fixed()]
    account_id: Annotated[str | None, Ref("account"), Fixed()] = None
    keeper_account_id: Annotated[str | None, Ref("account"), Fixed()] = None
    location_id: Annotated[str | None, Ref("location"), Fixed()] = None
    brand: Annotated[Code | None, writes()] = None
    holder_contact_id: Annotated[str | None, Ref("contact"), reads(_HOLDERS_SIDE), Fixed()] = None
    reserved_for: Annotated[Label | None, reads(_HOLDERS_SIDE), Privacy.PERSONAL] = None
    deposit_reference: Annotated[Label | None, reads(_HOLDERS_SIDE)] = None
    until_at: Instant
    deadline_at: Instant | None = None
    status: str = "REQUESTED"
    reason: Reason | None = None


@entity(
    "vehicle_transfer_order",
    rows=own("to_account_id").to("PARTNER") | group("to_account_id") | group("from_account_id"),
    grants=_READERS,
    title="{number}",
    brand="brand",
    states=states("status", "REQUESTED APPROVED IN_TRANSIT COMPLETED REJECTED CANCELLED"),
    without=_BY_COMMANDS_OF_THE_VEHICLE,
    unique=("vehicle_id where status in ('REQUESTED', 'APPROVED', 'IN_TRANSIT')",),
    indexes=("vehicle_id, created_at desc", "deadline_at where status in ('REQUESTED', 'APPROVED')"),
    checks={
        "deadline": "status not in ('REQUESTED', 'APPROVED') or deadline_at is not null",
        "dispatched": "status not in ('IN_TRANSIT', 'COMPLETED') or dispatched_at is not null",
        "received": "(status = 'COMPLETED') = (received_at is not null)",
        "elsewhere": "from_location_id is distinct from to_location_id",
    },
)
class VehicleTransferOrder(Record, kw_only=True):
    """A car's way from one location to another, with the statuses of STAR's VehicleTransferOrder.

    Accounts are those of dealers; none stands for the organisation's own places. `deadline_at`: until when the keeper
    answers a request or sends what was approved; afterwards the order is CANCELLED and the car free.
    """

    number: Annotated[str, Series("VT-", 8)]
    vehicle_id: Annotated[str, Ref("vehicle"), Fixed()]
    from_location_id: Annotated[str | None, Ref("location"), writes()] = None
    from_account_id: Annotated[str | None, Ref("account"), Fixed()] = None
    to_location_id: Annotated[str, Ref("location"), Fixed()]
    to_account_id: Annotated[str | None, Ref("account"), Fixed()] = None
    brand: Annotated[Code | None, writes()] = None
    status: str = "REQUESTED"
    reason: Reason | None = None
    answer: Reason | None = None
    """Why it was rejected or cancelled."""
    deadline_at: Instant | None = None
    dispatched_at: Instant | None = None
    received_at: Instant | None = None


@entity(
    "vehicle_stock_transaction",
    rows=own("to_account_id").to("PARTNER") | group("to_account_id") | group("from_account_id"),
    grants=_READERS,
    title="{kind}",
    brand="brand",
    without=_BY_COMMANDS_OF_THE_VEHICLE,
    unique=("vehicle_id, position",),
    indexes=("from_location_id, created_at desc", "to_location_id, created_at desc"),
    checks={
        "moves": "(from_place, case when from_place = 'ON_HAND' then from_location_id end, "
        "case when from_place = 'ON_HAND' then from_account_id end) is distinct from "
        "(to_place, case when to_place = 'ON_HAND' then to_location_id end, "
        "case when to_place = 'ON_HAND' then to_account_id end)",
        "position_positive": "position > 0",
    },
    triggers={"kept": "before update or delete app.append_only()"},
)
class VehicleStockTransaction(Record, kw_only=True):
    """One movement of one car, written by the database with the change of its stock entry and never changed.

    The lines of a car are a chain: each begins at the place where the one before ended, so that the car is at exactly
    one. A car that has never moved has no line, for its open stock entry tells where it came in; the first movement
    writes that as OPENING. On hand at a location are the lines to ON_HAND there less those from ON_HAND there, under
    way to it those to IN_TRANSIT less those from IN_TRANSIT.
    """

    vehicle_id: Annotated[str, Ref("vehicle"), Fixed()]
    position: Annotated[Count, Fixed()]
    kind: Literal["OPENING", "STOCKED", "RELOCATED", "DISPATCHED", "RECEIVED", "DELIVERED", "REMOVED"]
    from_place: Place
    to_place: Place
    from_location_id: Annotated[str | None, Ref("location")] = None
    to_location_id: Annotated[str | None, Ref("location")] = None
    from_account_id: Annotated[str | None, Ref("account")] = None
    to_account_id: Annotated[str | None, Ref("account")] = None
    brand: Code | None = None
    stock_entry_id: Annotated[str | None, Ref("stock_entry")] = None
    transfer_order_id: Annotated[str | None, Ref("vehicle_transfer_order")] = None
    actor: Annotated[str, Meta(max_length=200)]
    """The user or system client by whom, as in history."""
