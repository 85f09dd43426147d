"""A request for every route, as one caller, about a row that stands in one relation to them."""

from __future__ import annotations

import itertools
import re
from datetime import timedelta
from typing import Any

import msgspec

from domain.kit import catalogue
from domain.kit.ids import new_id
from domain.kit.record import Entity
from service.api.routing import Route
from tests.contract.direct import Answered, Client
from tests.contract.values import MOMENT, body, sound
from tests.contract.world import Caller, Place, World

RELATIONS = ("own", "same", "other", "missing")
_STALE = '"999999999"'
"""A version that no record has: whoever may write is told so (412), and nothing is changed."""


def entity_of(route: Route) -> Entity | None:
    """The record type that the path's `{id}` or the body of a create is about."""
    return catalogue.load().get(route.object)


def relations(route: Route) -> tuple[str, ...]:
    """The relations that make a difference for the route."""
    entity = entity_of(route)
    if entity is not None and ("{id}" in route.path or route.action == "by-key"):
        return RELATIONS
    if entity is not None and route.action == "create" and isinstance(route.grant, tuple):
        return ("own", "other")
    return ("",)


def _place(caller: Caller, relation: str) -> Place:
    return caller.other if relation == "other" else caller.same if relation == "same" else caller.own


async def prepare(world: World, route: Route, caller: Caller) -> None:
    """Make the rows that requests of the caller will be about."""
    entity = entity_of(route)
    if entity is not None and relations(route) == RELATIONS:
        for relation in RELATIONS:
            await world.row(entity, _place(caller, relation))
            if route.action == "by-key":
                await world.key(entity, _place(caller, relation))


async def ask(world: World, client: Client, route: Route, caller: Caller, relation: str) -> Answered:
    """Send the request."""
    entity, place = entity_of(route), _place(caller, relation)
    path = route.path
    if entity is not None and relation and route.action != "create":
        id = new_id() if relation == "missing" else await world.row(entity, place)
        path = path.replace("{id}", id).replace("{system}", "test")
        if "{key}" in path:
            path = path.replace("{key}", id if relation == "missing" else await world.key(entity, place))
    path = re.sub(r"\{[^}]*\}", "none", path)
    headers = {"idempotency-key": new_id()} if route.idempotent else {}
    content: bytes | None = None
    if route.method in ("PATCH", "DELETE") or "/commands/" in path:
        headers["if-match"] = _STALE
    if route.body is not None:
        headers["content-type"] = "application/json"
        content = msgspec.json.encode(await _body(world, route, entity, place))
    return await client.call(route.method, path, headers, content or b"")


async def _body(world: World, route: Route, entity: Entity | None, place: Place) -> dict[str, Any]:
    if entity is not None and route.method == "POST" and "{id}" in route.path:
        return body(route.body)
    if entity is None or route.action != "create" or not isinstance(route.grant, tuple):
        return {}
    told: dict[str, Any] = {}
    known = catalogue.load()
    for field in msgspec.structs.fields(route.body):
        declared = entity.fields[field.name]
        if declared.ref and (field.required or field.name == entity.account):
            neutral = "related" in field.name
            told[field.name] = await world.row(known[declared.ref], world.neutral if neutral else place)
        elif field.required:
            told[field.name] = sound(field.type)
    return told | _also(entity) | await world.beside(entity, place)


_days = itertools.count(1)


def _also(entity: Entity) -> dict[str, Any]:
    """What rules over several fields ask of a body besides."""
    day = MOMENT + timedelta(days=next(_days))
    during = {"start": day.isoformat(), "end": (day + timedelta(hours=8)).isoformat()}
    return {
        "date_override": {"closed": True},
        "shift": during,
        "absence": during,
        "capacity_rule": {"minutes_per_day": 480},
    }.get(entity.name, {})
