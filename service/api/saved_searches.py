"""Saved searches over HTTP: saved with attributes that are known, run as a search, their alerts ended by a link."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta

from domain.kit.errors import CursorInvalid, Invalid, Malformed, NotFound, Unavailable, UnknownProperty
from domain.kit.store import Context
from domain.saved_searches import SavedSearch
from inventory.criteria import Criteria, SearchRequest, checked
from service.api.records import create_routes, update_routes
from service.api.routing import EVERYBODY, PREFIX, Answer, Call, Kind, Param, Route
from service.api.vehicles import VehiclePage
from service.saved_searches import unsubscribed
from service.stock import audience, searched

_FACETS = Annotated[str, Meta(max_length=1_000)]


class Unsubscription(msgspec.Struct, forbid_unknown_fields=True):
    """What stands behind `token=` in the link of an alert."""

    token: Annotated[str, Meta(min_length=1, max_length=200)]


def _of_known_attributes(route: Route) -> Route:
    """The route of a record type, its criteria held against the attributes that searches know."""

    async def handler(call: Call) -> Any:
        criteria = getattr(call.body, "criteria", UNSET)
        if isinstance(criteria, Criteria):
            checked(SearchRequest(criteria=criteria), call.services.stock.index.known_attributes)
        return await route.handler(call)

    return msgspec.structs.replace(route, handler=handler)


async def _run(call: Call) -> Answer:
    """The page of the search as its caller sees the stock; whoever may read the search may run it."""
    async with call.services.context(call.principal, readonly=True) as ctx:
        search = await ctx.get(SavedSearch, call.id)
    request = SearchRequest(
        criteria=search.criteria,
        sort=search.sort,
        limit=call.query.get("limit", SearchRequest().limit),
        cursor=call.query.get("cursor"),
        facets=[name for name in call.query.get("facets", "").split(",") if name],
    )
    after = call.request.headers.get("x-after-change")
    page = await searched(call.services, request, audience(call.principal), call.principal.name, after)
    return Answer(page.encode())


async def _unsubscribe(call: Call) -> None:
    """The alert of one search ends; a second time changes nothing."""
    ctx: Context = call.ctx
    id = unsubscribed(call.services.settings, call.body.token)
    async with ctx.elevated():
        search = await ctx.find(SavedSearch, id, lock=True) if id is not None else None
        if search is None:
            raise NotFound("This link belongs to no saved search")
        await ctx.update(search, alert="NONE")


ROUTES = [
    *map(_of_known_attributes, create_routes(SavedSearch.entity)),
    *map(_of_known_attributes, update_routes(SavedSearch.entity)),
    Route(
        method="GET",
        path=f"{PREFIX}/saved-searches/{{id}}/vehicles",
        object="saved_search",
        action="run",
        handler=_run,
        kind=Kind.FREE,
        grant=(SavedSearch.entity, "r"),
        summary="The vehicles that a saved search finds now, page by page, as a stock search answers them",
        returns=VehiclePage,
        query={
            "limit": Param(Annotated[int, Meta(ge=1, le=200)], "1 to 200"),
            "cursor": Param(Annotated[str, Meta(max_length=2_000)], "next_cursor of the page before"),
            "facets": Param(_FACETS, "facets as in a stock search, separated by commas"),
        },
        problems=(Malformed, UnknownProperty, CursorInvalid, NotFound, Unavailable),
    ),
    Route(
        method="POST",
        path=f"{PREFIX}/saved-searches/unsubscribe",
        object="saved_search",
        action="unsubscribe",
        handler=_unsubscribe,
        kind=Kind.WRITE,
        grant=EVERYBODY,
        summary="End the alert of a saved search by the token in its messages, without signing in",
        body=Unsubscription,
        status=204,
        problems=(Malformed, UnknownProperty, Invalid, NotFound),
    ),
]
