"""Every route, as every caller, about own rows, rows of the same account, of others, and rows that are not there."""

import asyncio
import os

import pytest

from service.api.routing import Route
from service.api.table import table
from service.ops.database import Addresses
from service.ops.postgres import Server
from service.settings import Settings
from tests.conftest import _clone
from tests.contract import expectations
from tests.contract.conftest import serving
from tests.contract.direct import Client
from tests.contract.requests import ask, prepare, relations
from tests.contract.world import World

pytestmark = pytest.mark.xdist_group("matrix")
WRITES = os.environ.get("FORECOURT_WRITE_EXPECTED") == "1"


async def _line(
    world: World, callers: dict[str, Client], route: Route, name: str, faults: list[str]
) -> tuple[str, str]:
    """What one caller is answered at one route."""
    statuses = []
    caller = world.callers[name]
    for relation in relations(route):
        if relation == "same" and caller.same == caller.own and route.method == "GET":
            statuses.append(statuses[-1])  # whoever belongs to no account has no rows of the same one
            continue
        answer = await ask(world, callers[name], route, caller, relation)
        statuses.append(str(answer.status))
        if answer.status >= 500 or answer.fault is not None:
            faults.append(f"{route.name} as {name}, {relation}: {answer.body!r} {answer.fault!r}")
    return name, " ".join(statuses)


async def _found(world: World, callers: dict[str, Client]) -> tuple[expectations.Cells, list[str]]:
    cells: expectations.Cells = {}
    faults: list[str] = []
    for route in table():
        for caller in world.callers.values():
            await prepare(world, route, caller)
        asked = [_line(world, callers, route, name, faults) for name in world.callers]
        if route.action == "create":  # one after the other: who comes first gets what others then find taken
            cells[route.name] = dict([await one for one in asked])
        else:
            cells[route.name] = dict(await asyncio.gather(*asked))
    return cells, faults


@pytest.fixture(scope="module")
async def found(server: Server, template: Addresses, settings: Settings) -> expectations.Cells:
    """What every caller is answered, on a network that no other test has touched."""
    database = await _clone(server, template)
    world = await World.on(database)
    async with serving(database, settings) as app:
        callers = {name: Client(app, caller.token) for name, caller in world.callers.items()}
        cells, faults = await _found(world, callers)
        for name, client in callers.items():
            if (await client.call("GET", "/api/v1/me")).status != 200:
                faults.append(f"the token of {name} opens nothing any more")
    assert faults == []
    if WRITES:
        expectations.write(cells)
    return cells


async def test_every_route_has_an_expected_cell_for_every_caller(found: expectations.Cells) -> None:
    expected = expectations.read()
    lacking = [
        f"{route} as {caller}" for route in found for caller in found[route] if caller not in expected.get(route, {})
    ]
    assert lacking == [], "declare who may do this in tests/contract/expected.txt"
    assert sorted(expected.keys() - found.keys()) == [], "these routes are gone"


async def test_everybody_is_answered_as_expected(found: expectations.Cells) -> None:
    expected = expectations.read()
    wrong = [
        f"{route} as {caller}: expected {expected[route][caller]}, found {statuses}"
        for route, line in found.items()
        for caller, statuses in line.items()
        if caller in expected.get(route, {}) and expected[route][caller] != statuses
    ]
    assert wrong == []


def test_nobody_reads_what_is_not_there(found: expectations.Cells) -> None:
    for route, line in found.items():
        if route.startswith("GET") and "{id}" in route:
            assert {statuses.split()[-1] for statuses in line.values()} <= {"401", "403", "404"}, route
