"""Hostile values in every field of every body and in every query parameter: refused in time, never a fault of ours."""

import gc
import json
from typing import Any

import pytest

from service.api.routing import Route
from service.api.table import table
from tests.contract import hostile
from tests.contract.direct import Answered, Client
from tests.contract.requests import _body, entity_of
from tests.contract.world import World

MOST_SECONDS = 0.2
CALLERS = ("ADMIN", "GROUP_MANAGER", "CUSTOMER", "SCOPED")
ROUTES = [route for route in table() if not route.streams]
WITH_BODY = [route for route in ROUTES if route.body is not None]


async def slow(client: Client, method: str, target: str, headers: dict[str, str], body: bytes) -> float:
    """Seconds of the fastest of three tries: other tests share the processor."""
    return min([(await client.call(method, target, headers, body)).seconds for _ in range(3)])


def fault(answer: Answered, route: Route, what: str) -> str | None:
    """What is wrong with an answer to hostile input."""
    if answer.fault is not None:
        return f"{route.name}, {what}: the answer was cut off by {answer.fault!r}"
    if answer.status >= 500:
        return f"{route.name}, {what}: {answer.status} {answer.body[:300]!r}"
    if answer.status >= 400:
        if answer.header("content-type") not in ("application/problem+json", "application/json"):
            return f"{route.name}, {what}: {answer.header('content-type')}"
        for word in (b"Traceback", b"asyncpg", b'File "', b"select ", b"insert into"):
            if word in answer.body:
                return f"{route.name}, {what}: tells {word!r}"
        if len(answer.body) > 20_000:
            return f"{route.name}, {what}: an answer of {len(answer.body):,} bytes"
    return None


async def tried(
    client: Client, route: Route, target: str, what: str, headers: dict[str, str], body: bytes
) -> str | None:
    answer = await client.call(route.method, target, headers, body)
    wrong = fault(answer, route, what)
    if wrong is None and answer.seconds > MOST_SECONDS:
        gc.collect()
        seconds = await slow(client, route.method, target, headers, body)
        if seconds > MOST_SECONDS:
            return f"{route.name}, {what}: {seconds:.2f} s"
    return wrong


def caller_of(route: Route, world: World) -> str:
    """One who may give the request: the hostile value must get as far as it can."""
    held = route.grant[0].holders(route.grant[1]) if isinstance(route.grant, tuple) else route.grant
    for name in CALLERS:
        persona = {"GROUP_MANAGER": "PARTNER", "ADMIN": "STAFF", "SCOPED": "SYSTEM"}.get(name, name)
        if name in held or persona in held or (name == "SCOPED" and any("." in key for key in held)):
            return name
    return next((name for name in world.callers if name in held), "ADMIN")


async def path_of(world: World, route: Route, caller: str) -> str:
    entity = entity_of(route)
    id = await world.row(entity, world.callers[caller].own) if entity else "none"
    path = route.path.replace("{id}", id).replace("{system}", "test").replace("{key}", "x")
    return path.replace("{release}", "x").replace("{path:path}", "x")


def once(routes: list[Route]) -> list[Route]:
    """One route of each sort: the generic ones do the same for every record type."""
    found: dict[Any, Route] = {}
    for route in routes:
        generic = isinstance(route.grant, tuple) or "/commands/" in route.path
        found.setdefault((route.method, route.action, "commands" in route.path) if generic else route.name, route)
    return list(found.values())


class Tried:
    """What was tried before: a value is as hostile to one field of a type as to all others of it."""

    def __init__(self) -> None:
        self.seen: set[Any] = set()

    def new(self, *key: Any) -> bool:
        """Whether this is tried for the first time."""
        known = key in self.seen
        self.seen.add(key)
        return not known


async def hostile_fields(client: Client, world: World, route: Route, name: str, before: Tried) -> list[str]:
    path = await path_of(world, route, name)
    base = await _body(world, route, entity_of(route), world.callers[name].own)
    headers = {"content-type": "application/json", "if-match": '"1"'}
    faults = []
    for place, annotation in hostile.places(route.body):
        if not before.new(len(place), route.action if len(place) == 1 else "", str(annotation)):
            continue
        for what, value in hostile.JSON_VALUES.items():
            body = hostile.with_value(base, place, value)
            faults.append(await tried(client, route, path, f"{'/'.join(place)} = {what}", headers, body))
    return [wrong for wrong in faults if wrong]


async def hostile_query(client: Client, world: World, route: Route, name: str, before: Tried) -> list[str]:
    if route.answers == ("text/event-stream",):
        return []
    path = await path_of(world, route, name)
    headers = {"content-type": "application/json", "if-match": '"999999999"'}
    faults = []
    for parameter, kind in [*hostile.parameters(route), ("unknown", "")]:
        if before.new(kind or route.method + parameter):
            for what, value in hostile.query_values():
                target = f"{path}?{parameter}={value}"
                faults.append(await tried(client, route, target, f"?{parameter}={what}", headers, b""))
    if before.new(route.method, route.kind, route.query is None):
        for what, value in hostile.query_values():
            faults.append(await tried(client, route, f"{path}?{value}=1", f"?{what}=1", headers, b""))
    return [wrong for wrong in faults if wrong]


async def test_no_value_in_any_field_of_a_body_is_our_fault(world: World, callers: dict[str, Client]) -> None:
    before = Tried()
    for route in ROUTES:
        if route.body is not None:
            name = caller_of(route, world)
            assert await hostile_fields(callers[name], world, route, name, before) == []


async def test_no_query_is_our_fault(world: World, callers: dict[str, Client]) -> None:
    before = Tried()
    for route in ROUTES:
        name = caller_of(route, world)
        assert await hostile_query(callers[name], world, route, name, before) == []


@pytest.mark.stress
@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
async def test_every_field_and_parameter_of_every_route_bears_every_value(
    world: World, callers: dict[str, Client], route: Route
) -> None:
    name = caller_of(route, world)
    if route.body is not None:
        assert await hostile_fields(callers[name], world, route, name, Tried()) == []
    assert await hostile_query(callers[name], world, route, name, Tried()) == []


@pytest.mark.parametrize("route", once(WITH_BODY), ids=lambda route: route.name)
async def test_no_body_is_our_fault(world: World, callers: dict[str, Client], route: Route) -> None:
    name = caller_of(route, world)
    path = await path_of(world, route, name)
    faults = []
    for what, body in hostile.BODIES.items():
        headers = {"content-type": "application/json", "if-match": '"1"'}
        faults.append(await tried(callers[name], route, path, what, headers, body))
    assert [wrong for wrong in faults if wrong] == []


@pytest.mark.parametrize("route", once([route for route in ROUTES if "{" in route.path]), ids=lambda route: route.name)
async def test_no_path_is_our_fault(world: World, callers: dict[str, Client], route: Route) -> None:
    name = caller_of(route, world)
    headers = {"content-type": "application/json", "if-match": '"1"'}
    body = json.dumps({}).encode() if route.body is not None else b""
    faults = []
    for what, value in hostile.query_values():
        start, _, rest = route.path.partition("{")
        path = start + value.replace("/", "%2F").replace("?", "%3F") + rest.partition("}")[2]
        path = path.replace("{key}", value.replace("/", "%2F").replace("?", "%3F")).replace("{path:path}", "x")
        faults.append(await tried(callers[name], route, path, f"path {what}", headers, body))
    assert [wrong for wrong in faults if wrong] == []


@pytest.mark.parametrize("route", once(ROUTES), ids=lambda route: route.name)
async def test_no_header_is_our_fault(world: World, callers: dict[str, Client], route: Route) -> None:
    name = caller_of(route, world)
    path = await path_of(world, route, name)
    values = ["", "\x00", "\xff", "*", '"', 'W/"', "9" * 4_000, '"9999999999999999999"', "a" * 60_000, ",,,;;q=", "-1"]
    faults = []
    for header in (
        "if-match", "idempotency-key", "x-after-change", "x-request-id", "accept", "accept-encoding", "content-type",
        "content-encoding", "authorization", "if-none-match", "host", "cookie", "origin", "x-forwarded-for", "range",
    ):  # fmt: skip
        for value in values:
            if route.answers == ("text/event-stream",):
                continue
            body = b"{}" if route.body is not None else b""
            faults.append(await tried(callers[name], route, path, f"{header}: {value[:20]!r}", {header: value}, body))
    assert [wrong for wrong in faults if wrong] == []
