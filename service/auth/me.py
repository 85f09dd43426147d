"""Who the caller is, as the service knows them at this moment."""

from __future__ import annotations

import msgspec

from domain.kit.policy import Persona
from service.api.routing import EVERYBODY, PREFIX, Call, Kind, Route


class Me(msgspec.Struct):
    """The caller. `brands`: the only brands they may see; empty where they are not limited to any."""

    persona: Persona
    roles: list[str]
    account_id: str | None
    user_id: str | None
    contact_id: str | None
    client_id: str | None
    scopes: list[str]
    brands: list[str]
    units: list[str]


async def _me(call: Call) -> Me:
    who = call.principal
    return Me(
        persona=who.persona,
        roles=sorted(who.roles),
        account_id=who.account_id,
        user_id=who.user_id,
        contact_id=who.contact_id,
        client_id=who.client_id,
        scopes=sorted(who.scopes),
        brands=sorted(who.brands or ()),
        units=list(who.units),
    )


ROUTES = [
    Route(
        method="GET",
        path=f"{PREFIX}/me",
        object="me",
        action="get",
        handler=_me,
        kind=Kind.FREE,
        grant=EVERYBODY,
        summary="Who you are here; without a token, a guest",
        returns=Me,
    )
]
