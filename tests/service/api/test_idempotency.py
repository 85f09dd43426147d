"""One key, one effect: the first answer is given again, to its caller, for its address and its body alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from domain.kit.ids import new_id
from service.ops.database import Addresses
from service.settings import Settings
from tests.service.auth.world import World, world_on


@pytest.fixture(scope="module")
async def world(database: Addresses, settings: Settings) -> AsyncIterator[World]:
    async with world_on(database, settings) as found:
        yield found


async def _seller(world: World) -> tuple[str, str]:
    account = await world.account("DEALER")
    return await world.token(await world.user("PARTNER", "SALES", account)), account


async def _post(world: World, token: str, account: str, key: str, name: str = "Ann") -> httpx.Response:
    body = {"last_name": name, "account_id": account}
    return await world.call("POST", "/contacts", token, json=body, headers={"idempotency-key": key})


async def _contacts(world: World, account: str) -> int:
    found: int = await world.owner.fetchval("select count(*) from contact where account_id = $1", account)
    return found


async def test_a_repeated_request_gets_the_first_answer_and_no_second_effect(world: World) -> None:
    token, account = await _seller(world)
    before = await _contacts(world, account)
    key = new_id()
    first, again = await _post(world, token, account, key), await _post(world, token, account, key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.content == again.content
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers["location"] == first.headers["location"]
    assert again.headers["x-change"] == first.headers["x-change"]
    assert await _contacts(world, account) == before + 1


async def test_another_body_under_the_same_key_is_refused(world: World) -> None:
    token, account = await _seller(world)
    key = new_id()
    await _post(world, token, account, key)
    other = await _post(world, token, account, key, "Bob")
    assert (other.status_code, other.json()["type"]) == (422, "urn:forecourt:problem:idempotency-key-reused")


async def test_another_callers_key_is_another_key(world: World) -> None:
    key = new_id()
    one, two = await _seller(world), await _seller(world)
    first, second = await _post(world, *one, key), await _post(world, *two, key)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["id"] != second.json()["id"]


async def test_twins_at_the_same_moment_have_one_effect(world: World) -> None:
    token, account = await _seller(world)
    before = await _contacts(world, account)
    key = new_id()
    answers = await asyncio.gather(*(_post(world, token, account, key) for _ in range(8)))
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len({answer.json()["id"] for answer in answers if answer.status_code == 201}) == 1
    for answer in answers:
        if answer.status_code == 409:
            assert answer.json()["type"] == "urn:forecourt:problem:request-in-progress"
    assert await _contacts(world, account) == before + 1


async def test_a_refused_request_leaves_its_key_free(world: World) -> None:
    token, account = await _seller(world)
    key = new_id()
    refused = await world.call(
        "POST", "/contacts", token, json={"last_name": "", "account_id": account}, headers={"idempotency-key": key}
    )
    assert refused.status_code == 422
    assert (await _post(world, token, account, key)).status_code == 201


@pytest.mark.parametrize("key", ["", " ", "a" * 256, "a\tb"])
async def test_a_key_that_is_none_is_refused(world: World, key: str) -> None:
    token, account = await _seller(world)
    assert (await _post(world, token, account, key)).status_code == 400


async def test_a_key_is_forgotten_after_a_day(world: World) -> None:
    token, account = await _seller(world)
    key = new_id()
    first = await _post(world, token, account, key)
    await world.owner.execute("update idempotency set created_at = now() - interval '25 hours' where key = $1", key)
    again = await _post(world, token, account, key)
    assert again.status_code == 201
    assert again.json()["id"] != first.json()["id"]
