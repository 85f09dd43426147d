"""What one may not see is answered exactly as what is not there."""

import re
from typing import Any

import pytest

from domain.kit import catalogue
from domain.kit.ids import new_id
from service.api.table import table
from tests.contract.direct import Answered, Client
from tests.contract.world import World

BY_ID = [route for route in table() if "{id}" in route.path and route.object in catalogue.load()]
CALLERS = ("GUEST", "CUSTOMER", "SALES", "GROUP_MANAGER", "SUPPLIER", "TECHNICIAN")


def told(answer: Answered, id: str) -> tuple[Any, ...]:
    """All of an answer that may not differ: status, headers and bytes, but for the request's own id."""
    request_id = answer.header("x-request-id") or "-"
    headers = {(name, value) for name, value in answer.headers if name != b"x-request-id"}
    return answer.status, headers, answer.body.replace(request_id.encode(), b"").replace(id.encode(), b"")


@pytest.mark.parametrize("caller", CALLERS)
async def test_anothers_row_and_no_row_are_answered_alike(
    world: World, callers: dict[str, Client], caller: str
) -> None:
    client, other = callers[caller], world.callers[caller].other
    for route in BY_ID:
        theirs = await world.row(catalogue.load()[route.object], other)
        nothing = new_id()
        headers = {"if-match": '"1"', "content-type": "application/json"}
        body = b"{}" if route.body is not None else b""
        found = []
        for id in (theirs, nothing):
            answer = await client.call(route.method, route.path.replace("{id}", id), headers, body)
            found.append(told(answer, id))
        if found[0] != found[1]:
            view = await client.call("GET", re.sub(r"(/\{id\}).*", r"\1", route.path).replace("{id}", theirs))
            assert view.status == 200, f"{route.name} tells of what the caller does not see: {found}"


@pytest.mark.parametrize("caller", CALLERS)
async def test_a_filter_on_a_hidden_field_is_answered_as_one_on_no_field(
    callers: dict[str, Client], caller: str
) -> None:
    for path, hidden in (
        ("/api/v1/vehicles", "vin=1HGCM82633A004352"),
        ("/api/v1/vehicles", "zzz=1HGCM82633A004352"),
        ("/api/v1/assets", "zzz=1"),
    ):
        answer = await callers[caller].call("GET", f"{path}?{hidden}")
        name = hidden.partition("=")[0]
        nothing = await callers[caller].call("GET", f"{path}?{hidden.replace(name, 'qqq')}")
        assert told(answer, name) == told(nothing, "qqq")
        assert answer.status == 400


async def test_every_sort_of_wrong_token_is_answered_alike(callers: dict[str, Client], world: World) -> None:
    token = world.callers["SALES"].token
    assert token is not None
    other = "A" if token[-1] != "A" else "B"
    wrong = (token[:-1] + other, f"fcx{token[3:]}", token[:-43] + "A" * 43, "", "x" * 5_000)
    shown = [f"Bearer {one}" for one in wrong]
    found = {told(await callers["GUEST"].call("GET", "/api/v1/me", {"authorization": one}), "-")[0] for one in shown}
    assert found == {401}
