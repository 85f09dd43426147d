"""The commands of a vehicle that move it, over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from domain.kit.errors import (
    CommandNotAllowed,
    Forbidden,
    Invalid,
    KeyReused,
    Malformed,
    NotFound,
    RecallOpen,
    RequestInProgress,
    StaleVersion,
    UnknownProperty,
)
from inventory import movements, stock
from inventory.index import VehicleView
from inventory.index.fragments import render
from inventory.movement_records import VehicleReservation, VehicleTransferOrder
from inventory.movements import COMMANDS, Given
from inventory.movements.car import MOVERS
from service.api.records import expected_version
from service.api.routing import PREFIX, Answer, Call, Kind, Route


class ReservationTold(msgspec.Struct):
    """The reservation of a car, as both its sides know it."""

    id: str
    number: str
    status: str
    account_id: str | None
    until_at: datetime
    deadline_at: datetime | None
    reason: str | None


class TransferTold(msgspec.Struct):
    """The transfer of a car, as both its sides know it."""

    id: str
    number: str
    status: str
    from_location_id: str | None
    to_location_id: str
    to_account_id: str | None
    deadline_at: datetime | None
    reason: str | None
    answer: str | None


class MovedVehicle(VehicleView, kw_only=True):
    """The vehicle after a command, with the reservation and the transfer order that the command was about."""

    reservation: ReservationTold | None
    transfer_order: TransferTold | None


_encode = msgspec.json.Encoder().encode


async def _answer(call: Call, given: Given) -> Answer:
    """As the caller would read the vehicle. Whoever moves cars sees all of it, also one that is only coming to them."""
    async with call.ctx.elevated():
        row, _ = await stock.seen(call.ctx, given.vehicle_id)
    head, guarded = render(row)
    reservation = _of(given.reservation, ReservationTold)
    order = _of(given.order, TransferTold)
    told = head + guarded + b',"reservation":' + _encode(reservation) + b',"transfer_order":' + _encode(order) + b"}"
    return Answer(told, headers={"etag": f'"{row.version}"'})


def _of(record: VehicleReservation | VehicleTransferOrder | None, told: type[msgspec.Struct]) -> msgspec.Struct | None:
    if record is None:
        return None
    return told(*[getattr(record, name) for name in told.__struct_fields__])


def _route(name: str) -> Route:
    command = COMMANDS[name]

    async def handler(call: Call) -> Any:
        return await _answer(call, await movements.give(call.ctx, call.id, name, call.body, expected_version(call)))

    return Route(
        method="POST",
        path=f"{PREFIX}/vehicles/{{id}}/commands/{name}",
        object="vehicle",
        action=name,
        handler=handler,
        kind=Kind.WRITE,
        grant=MOVERS,
        summary=command.help,
        body=command.input,
        body_optional=not any(field.required for field in msgspec.structs.fields(command.input)),
        returns=MovedVehicle,
        idempotent=True,
        problems=(
            Malformed,
            UnknownProperty,
            Invalid,
            Forbidden,
            NotFound,
            CommandNotAllowed,
            RecallOpen,
            StaleVersion,
            RequestInProgress,
            KeyReused,
        ),
    )


ROUTES = [_route(name) for name in COMMANDS]
