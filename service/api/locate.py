"""Finding by wish: one car among all locations, and suggestions while somebody types."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import msgspec

from domain.kit.errors import Invalid, Malformed, Unavailable, UnknownProperty
from inventory.criteria import SearchPage, SearchRequest, Value
from inventory.locate import Buyer, LocatedVehicle, LocatedView, located
from inventory.locate_request import LocateRequest, checked_request
from inventory.suggestions import Suggestions, suggested
from service.api.routing import EVERYBODY, PREFIX, Call, Kind, Param, Route
from service.finding import asked, network
from service.stock import at_hand, audience

_FIND_PROBLEMS = (Malformed, UnknownProperty, Invalid, Unavailable)


class LocateAnswer(msgspec.Struct):
    """The cars found, and the state of the stock that they are of."""

    items: list[LocatedView]
    as_of: str


class _Located(msgspec.Struct):
    items: list[LocatedVehicle]
    as_of: str


async def _locate(call: Call) -> Any:
    index = await at_hand(call.services, call.request.headers.get("x-after-change"))
    as_of = index.as_of
    request: LocateRequest = checked_request(call.body, index.known_attributes)
    places = await network(call.services)
    principal = call.principal
    asking = audience(principal)
    buyer = Buyer(
        group=frozenset(principal.group_units or principal.units),
        reserves=principal.persona not in ("GUEST", "CUSTOMER"),
    )

    def search(wish: SearchRequest) -> SearchPage:
        return index.search(wish, asking)

    today = call.services.clock().date()
    # Some dozen searches at best, two thousand at worst: never on the event loop.
    found = await asyncio.to_thread(located, search, request, places, buyer, today)
    return _Located(found, as_of)


async def _suggestions(call: Call) -> Any:
    index = await at_hand(call.services, call.request.headers.get("x-after-change"))
    asking = audience(call.principal)

    def search(wish: SearchRequest) -> SearchPage:
        return index.search(wish, asking)

    return Suggestions(await asked(index, suggested, search, call.query["text"], call.query.get("limit", 10)))


ROUTES = [
    Route(
        method="POST",
        path=f"{PREFIX}/vehicles/locate",
        object="vehicle",
        action="locate",
        handler=_locate,
        kind=Kind.FREE,
        grant=EVERYBODY,
        summary="Look for one car: exact matches along the network of locations, then the closest, and what differs",
        body=LocateRequest,
        asks=True,
        returns=LocateAnswer,
        problems=_FIND_PROBLEMS,
    ),
    Route(
        method="GET",
        path=f"{PREFIX}/vehicles/suggestions",
        object="vehicle",
        action="suggest",
        handler=_suggestions,
        kind=Kind.FREE,
        grant=EVERYBODY,
        summary="What somebody who types may mean: values of cars in stock that begin so, each with its count",
        returns=Suggestions,
        query={
            "text": Param(Value, "what has been typed so far", required=True),
            "limit": Param(Annotated[int, msgspec.Meta(ge=1, le=50)], "most suggestions; 10 unless given"),
        },
        problems=_FIND_PROBLEMS,
    ),
]
