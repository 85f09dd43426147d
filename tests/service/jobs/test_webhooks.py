"""Webhooks: every committed event of what the owner may see, signed, at least once, to public addresses alone."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import pytest

from service.jobs import webhooks
from service.jobs.posting import Refused, is_public, post
from service.jobs.worker import work
from service.ops.database import Addresses
from service.settings import Settings
from tests.service.auth.world import World, world_on


class Receiver:
    """Takes what is posted and answers as told."""

    def __init__(self) -> None:
        self.taken: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[bytes] = []
        self.arrived = asyncio.Event()
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:])}
        body = await reader.readexactly(int(headers["content-length"]))
        answer = self.answers.pop(0) if self.answers else b"HTTP/1.1 204 No Content\r\n\r\n"
        if b" 2" in answer[:12]:
            self.taken.append((headers, body))
            self.arrived.set()
        writer.write(answer)
        await writer.drain()
        writer.close()

    async def until(self, count: int) -> list[Any]:
        async with asyncio.timeout(20):
            while len(self.taken) < count:
                self.arrived.clear()
                await self.arrived.wait()
        return [msgspec.json.decode(body) for _, body in self.taken]


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    async with await asyncio.start_server(receiver.serve, "127.0.0.1", 0) as server:
        receiver.port = server.sockets[0].getsockname()[1]
        yield receiver


@pytest.fixture
async def world(fresh_database: Addresses, settings: Settings, tmp_path: Path) -> AsyncIterator[World]:
    ours = msgspec.structs.replace(
        settings,
        database_url=fresh_database.service,
        database_owner_url=fresh_database.owner,
        data_dir=tmp_path,
        demo=True,
    )
    async with world_on(fresh_database, ours) as found:
        yield found


@asynccontextmanager
async def worker(world: World) -> AsyncIterator[None]:
    stopping = asyncio.Event()
    task = asyncio.create_task(work(world.services, stopping))
    try:
        yield
    finally:
        stopping.set()
        await task


async def subscribed(world: World, token: str, receiver: Receiver, *events: str) -> dict[str, Any]:
    body = {"url": f"http://127.0.0.1:{receiver.port}/hook?x=1", "events": list(events)}
    answer = await world.call("POST", "/webhook-subscriptions", token, json=body)
    assert answer.status_code == 201, answer.text
    await webhooks.Webhooks(world.services).tell()  # begins to follow here
    found: dict[str, Any] = answer.json()
    return found


async def test_the_owner_is_told_of_what_they_may_see_signed_and_in_the_words_of_their_rights(world: World) -> None:
    group = await world.account("DEALER_GROUP")
    rival = await world.account("DEALER")
    token = await world.token(await world.user("PARTNER", "GROUP_MANAGER", group))
    async with receiving() as receiver, worker(world):
        subscription = await subscribed(world, token, receiver, "contact.*")
        await world.contact(rival)
        mine = await world.contact(group)
        await world.owner.execute("update contact set last_name = 'Changed' where id = $1", mine)
        events = await receiver.until(2)
        headers, body = receiver.taken[0]
        await world.owner.execute("delete from contact where id = $1", mine)
        gone = (await receiver.until(3))[2]
    assert sorted(event["type"] for event in events) == ["contact.created", "contact.updated"]
    assert {event["data"]["id"] for event in events} == {mine}
    assert "birth_on" not in events[0]["data"]
    assert (gone["type"], gone["data"]) == ("contact.deleted", {"id": mine})
    assert events[0]["specversion"] == "1.0"
    key = base64.b64decode(subscription["secret"].removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert headers["webhook-id"] == events[0]["id"]
    assert headers["content-type"] == "application/cloudevents+json"
    log = (await world.call("GET", "/webhook-deliveries?sort=event_seq", token)).json()["items"]
    assert sorted(row["status"] for row in log) == ["DELIVERED", "DELIVERED", "DELIVERED", "SKIPPED"]
    shown = await world.call("GET", f"/webhook-subscriptions/{subscription['id']}", token)
    assert "secret" not in shown.json()
    assert "whsec" not in str(await world.owner.fetchval("select string_agg(changes::text, '') from history"))


async def test_a_receiver_that_fails_is_asked_again_under_the_same_id_and_may_be_resent_to(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "FIRST_PAUSE", timedelta(milliseconds=10))
    group = await world.account("DEALER_GROUP")
    token = await world.token(await world.user("PARTNER", "GROUP_MANAGER", group))
    async with receiving() as receiver, worker(world):
        receiver.answers = [b"HTTP/1.1 500 No\r\n\r\n", b"HTTP/1.1 302 Found\r\nlocation: /x\r\n\r\n", b"nonsense\r\n"]
        await subscribed(world, token, receiver, "contact.created")
        await world.contact(group)
        (event,) = await receiver.until(1)
        async with asyncio.timeout(20):
            while True:
                (row,) = (await world.call("GET", "/webhook-deliveries", token)).json()["items"]
                if row["status"] == "DELIVERED":
                    break
        assert (row["attempts"], row["http_status"]) == (4, 204)
        again = await world.call("POST", f"/webhook-deliveries/{row['id']}/commands/resend", token)
        assert again.status_code == 200, again.text
        events = await receiver.until(2)
    assert events[1]["id"] == event["id"] == row["id"]


async def test_no_event_is_lost_or_told_twice_when_transactions_commit_out_of_order(world: World) -> None:
    group = await world.account("DEALER_GROUP")
    token = await world.token(await world.user("PARTNER", "GROUP_MANAGER", group))
    telling = webhooks.Webhooks(world.services)
    async with receiving() as receiver:
        await subscribed(world, token, receiver, "contact.created")
        slow = await asyncpg.connect(world.services.settings.database_owner_url)
        transaction = slow.transaction()
        await transaction.start()
        early = world.services.ids()
        await slow.execute(
            "insert into contact (id, created_at, updated_at, account_id, last_name) "
            "values ($1, now(), now(), $2, 'Early')",
            early,
            group,
        )
        late = await world.contact(group)
        assert await telling.tell() == 1
        await transaction.commit()
        await slow.close()
        assert await telling.tell() == 1
        assert await telling.tell() == 0
    rows = await world.owner.fetch("select record_id from webhook_delivery order by created_at")
    assert [row[0] for row in rows] == [late, early]


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "192.168.0.1", "172.16.5.4", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
     "::1", "::", "fe80::1", "fc00::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1",
     "2002:7f00:1::", "255.255.255.255", "198.18.0.1", "ff02::1"],
)  # fmt: skip
def test_addresses_of_machines_and_houses_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_addresses_of_the_internet_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0177.0.0.1", "2130706433", "0x7f.1", "[::1]", "127.1"])
async def test_nothing_is_posted_to_this_machine_however_it_is_written(host: str) -> None:
    async with receiving() as receiver:
        with pytest.raises((Refused, OSError)):
            await post(f"http://{host}:{receiver.port}/", b"{}", {})
        assert receiver.taken == []


async def test_an_endless_answer_is_cut() -> None:
    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            while True:
                writer.write(bytes(65_536))
                await writer.drain()
        except OSError:
            pass

    async with await asyncio.start_server(endless, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(ValueError, match="too long"):
            await post(f"http://127.0.0.1:{port}/", b"{}", {}, allow_private=True)


async def test_an_address_with_credentials_or_another_scheme_is_refused() -> None:
    for url in ("http://user:secret@example.com/", "ftp://example.com/", "http:///x"):
        with pytest.raises(Refused):
            await post(url, b"", {})
