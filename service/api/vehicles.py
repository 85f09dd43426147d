"""Vehicles over HTTP: criteria search, one vehicle, taking in and changing."""

from __future__ import annotations

from typing import Any

import msgspec

from domain.kit.errors import (
    AlreadyExists,
    CursorInvalid,
    FieldForbidden,
    Forbidden,
    Invalid,
    KeyReused,
    Malformed,
    NotFound,
    PreconditionRequired,
    RequestInProgress,
    StaleVersion,
    Unavailable,
    UnknownProperty,
)
from domain.kit.policy import keys
from inventory import stock
from inventory.criteria import FacetCount, Relaxation, SearchRequest
from inventory.criteria_query import from_query
from inventory.index import VehicleView
from inventory.index.fragments import assemble, render
from inventory.records import SELLERS, Vehicle
from service.api.records import expected_version
from service.api.routing import EVERYBODY, PREFIX, SIGNED_IN, Answer, Call, Kind, Route
from service.api.search_parameters import search_parameters
from service.stock import at_hand, audience, searched

_SEARCH_PROBLEMS = (Malformed, UnknownProperty, Invalid, CursorInvalid, Unavailable)
_KEEPERS = keys(" ".join(SELLERS)) | keys("DISTRIBUTION PRODUCT_MANAGER ADMIN inventory.sync")


class VehiclePage(msgspec.Struct):
    """One page of a stock search; the answer itself is put together from ready pieces."""

    total: int
    items: list[VehicleView]
    facets: dict[str, list[FacetCount]]
    relaxations: list[Relaxation]
    next_cursor: str | None
    as_of: str
    took_us: int


class OwnVehicles(msgspec.Struct):
    """A customer's cars, at most two hundred."""

    items: list[VehicleView]


async def _search(call: Call) -> Any:
    return await _page(call, call.body)


async def _search_by_address(call: Call) -> Any:
    await at_hand(call.services, call.request.headers.get("x-after-change"))  # which attributes are known is read here
    return await _page(call, from_query(call.raw, call.services.stock.index.known_attributes))


async def _page(call: Call, request: SearchRequest) -> Answer:
    after = call.request.headers.get("x-after-change")
    page = await searched(call.services, request, audience(call.principal), call.principal.name, after)
    return Answer(page.encode())


async def _one(call: Call) -> Any:
    row, own = await stock.seen(call.ctx, call.id)
    head, guarded = render(row)
    shown = guarded if own or not audience(call.principal).guarded else b""
    return Answer(bytes(assemble(head, shown, None, with_distance=False)), headers={"etag": f'"{row.version}"'})


async def _mine(call: Call) -> Any:
    ids = await call.ctx.db.fetch(
        "select id from vehicle where asset_id = any((select app.assets())::uuid[]) order by id limit 200"
    )
    found = []
    for (id,) in ids:
        row, _ = await stock.seen(call.ctx, id)
        found.append(bytes(assemble(*render(row), None, with_distance=False)))
    return Answer(b'{"items":[' + b",".join(found) + b"]}")


async def _by_key(call: Call) -> Any:
    found = await call.ctx.by_key(Vehicle, call.params["system"], call.params["key"])
    if found is None:
        raise NotFound("No vehicle has this external key")
    call.params["id"] = found.id
    return await _one(call)


async def _take_in(call: Call) -> Any:
    made = await stock.take_in(call.ctx, call.body)
    call.params["id"] = made.id
    answer = await _one(call)
    answer.status = 201
    answer.headers["location"] = f"{PREFIX}/vehicles/{made.id}"
    return answer


async def _change(call: Call) -> Any:
    await stock.change(call.ctx, call.id, call.body, expected_version(call))
    return await _one(call)


ROUTES = [
    Route(
        method="POST",
        path=f"{PREFIX}/vehicles/search",
        object="vehicle",
        action="search",
        handler=_search,
        kind=Kind.FREE,
        grant=EVERYBODY,
        summary="Search the stock of all locations by criteria, with exact totals, facets and relaxations",
        body=SearchRequest,
        asks=True,
        returns=VehiclePage,
        problems=_SEARCH_PROBLEMS,
    ),
    Route(
        method="GET",
        path=f"{PREFIX}/vehicles",
        object="vehicle",
        action="search",
        handler=_search_by_address,
        kind=Kind.FREE,
        grant=EVERYBODY,
        summary="The same search by query parameters, for people",
        returns=VehiclePage,
        query=None,
        documented=search_parameters(),
        problems=_SEARCH_PROBLEMS,
    ),
    Route(
        method="GET",
        path=f"{PREFIX}/vehicles/{{id}}",
        object="vehicle",
        action="get",
        handler=_one,
        kind=Kind.READ,
        grant=EVERYBODY,
        summary="One vehicle with its open stock entry",
        returns=VehicleView,
        problems=(NotFound,),
    ),
    Route(
        method="GET",
        path=f"{PREFIX}/me/vehicles",
        object="vehicle",
        action="mine",
        handler=_mine,
        kind=Kind.READ,
        grant=keys("CUSTOMER"),
        summary="The cars that you own or drive today",
        returns=OwnVehicles,
    ),
    Route(
        method="GET",
        path=f"{PREFIX}/vehicles/by-key/{{system}}/{{key}}",
        object="vehicle",
        action="by-key",
        handler=_by_key,
        kind=Kind.READ,
        grant=SIGNED_IN,
        summary="The vehicle that another system calls so",
        returns=VehicleView,
        problems=(NotFound,),
    ),
    Route(
        method="POST",
        path=f"{PREFIX}/vehicles",
        object="vehicle",
        action="create",
        handler=_take_in,
        kind=Kind.WRITE,
        grant=_KEEPERS,
        summary="Take a vehicle into stock",
        body=stock.NewVehicle,
        returns=VehicleView,
        status=201,
        idempotent=True,
        problems=(
            Malformed, UnknownProperty, Invalid, Forbidden, FieldForbidden, AlreadyExists, RequestInProgress, KeyReused,
        ),
    ),
    Route(
        method="PATCH",
        path=f"{PREFIX}/vehicles/{{id}}",
        object="vehicle",
        action="update",
        handler=_change,
        kind=Kind.WRITE,
        grant=_KEEPERS,
        summary="Change a vehicle or its stock entry; If-Match holds the version read",
        body=stock.VehicleInput,
        returns=VehicleView,
        problems=(
            Malformed, UnknownProperty, Invalid, Forbidden, FieldForbidden, NotFound, AlreadyExists, StaleVersion,
            PreconditionRequired,
        ),
    ),
]  # fmt: skip
