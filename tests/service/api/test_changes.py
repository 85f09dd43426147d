"""The changes stream tells each caller what they may see, and nothing is missed between two calls."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from service.ops.database import Addresses
from service.settings import Settings
from tests.service.auth.world import World, world_on


@pytest.fixture(scope="module")
async def world(database: Addresses, settings: Settings) -> AsyncIterator[World]:
    async with world_on(database, settings) as found:
        yield found


async def _changes(world: World, token: str, **params: Any) -> tuple[list[dict[str, Any]], str]:
    answer = await world.call("GET", "/changes", token, params=params)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    *lines, end = [msgspec.json.decode(line) for line in answer.text.splitlines()]
    assert end["end"] is True
    assert end["answered"] == len(lines)
    return lines, end["as_of"]


async def test_each_sees_the_changes_of_their_own_rows_and_closures_of_what_they_lose(world: World) -> None:
    north, south = await world.account("DEALER"), await world.account("DEALER")
    seller = await world.token(await world.user("PARTNER", "SALES", north))
    rival = await world.token(await world.user("PARTNER", "SALES", south))
    _, start = await _changes(world, seller)

    made = await world.call("POST", "/contacts", seller, json={"last_name": "Quill", "account_id": north})
    assert made.status_code == 201, made.text
    contact = made.json()["id"]
    lines, after = await _changes(world, seller, after=start, types="contact")
    assert [(line["op"], line["id"], line["record"]["last_name"]) for line in lines] == [("CREATE", contact, "Quill")]
    assert (await _changes(world, rival, after=start, types="contact"))[0] == []

    await world.owner.execute("update contact set account_id = $1 where id = $2", south, contact)
    lines, _ = await _changes(world, seller, after=after, types="contact")
    assert lines == [{"type": "contact", "id": contact, "op": "CLOSE", "at": lines[0]["at"]}]
    lines, _ = await _changes(world, rival, after=after, types="contact")
    assert [(line["op"], line["id"]) for line in lines] == [("UPDATE", contact)]


async def test_the_token_of_a_write_can_be_followed_from(world: World) -> None:
    dealer = await world.account("DEALER")
    seller = await world.token(await world.user("PARTNER", "SALES", dealer))
    first = await world.call("POST", "/contacts", seller, json={"last_name": "One", "account_id": dealer})
    second = await world.call("POST", "/contacts", seller, json={"last_name": "Two", "account_id": dealer})
    lines, _ = await _changes(world, seller, after=first.headers["x-change"], types="contact")
    assert second.json()["id"] in [line["id"] for line in lines]


@pytest.mark.parametrize(
    ("params", "status"),
    [
        ({"after": "x"}, 400),
        ({"types": "no_such"}, 400),
        ({"types": "api_client"}, 400),
        ({"wait": "301"}, 400),
        ({"x": "1"}, 400),
    ],
)
async def test_wrong_parameters_are_refused(world: World, params: dict[str, str], status: int) -> None:
    seller = await world.token(await world.user("PARTNER", "SALES", await world.account("DEALER")))
    answer = await world.call("GET", "/changes", seller, params=params)
    assert answer.status_code == status, answer.text
    assert answer.json()["errors"][0]["pointer"] == f"?{next(iter(params))}"


async def test_guests_have_no_stream(world: World) -> None:
    assert (await world.call("GET", "/changes")).status_code == 401
