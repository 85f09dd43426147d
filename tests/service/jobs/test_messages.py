"""Messages: written with the change, delivered at least once under one id, never to whoever must not have them."""

from __future__ import annotations

import asyncio
import email
import email.policy
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP

from domain.kit import access
from domain.kit.consent import Consent
from domain.kit.errors import Invalid, NotFound
from domain.kit.jobs import enqueue
from domain.kit.messages import CallOutcome, Message, SenderDomain, complete_call, send
from domain.kit.policy import GUEST, WORKER
from service.jobs import messages as delivering
from service.jobs import sender_domains
from service.jobs.mail import Files, Smtp
from tests.service.jobs.conftest import Place

SENDER = "no-reply@forecourt.example"


async def verified(place: Place) -> SenderDomain:
    async with place.services.context(WORKER) as ctx:
        domain = await ctx.create(SenderDomain, domain="forecourt.example")
        domain = await ctx.get(SenderDomain, domain.id)
        await sender_domains.sender_domain_verified(ctx, domain)
    return domain


async def written(place: Place, **more: Any) -> Message:
    async with place.services.context(GUEST) as ctx:
        message = await send(
            ctx,
            to=more.pop("to", "ada@customers.example"),
            template="notice",
            data={"subject": "Your car", "name": "Ada <b>", "text": "It is ready.\nCome."},
            **more,
        )
    assert message is not None
    return message


async def until(place: Place, id: str, *states: str) -> Message:
    async with asyncio.timeout(20):
        while True:
            async with place.services.context(WORKER, readonly=True) as ctx:
                found = await ctx.get(Message, id)
            if found.status in states:
                return found
            await asyncio.sleep(0.02)


def mail_of(place: Place, message: Message) -> EmailMessage:
    path = Files(place.services.settings.data_dir / "outbox").path_of(message)
    return email.message_from_bytes(path.read_bytes(), policy=email.policy.default)  # type: ignore[return-value]


async def test_a_message_becomes_one_file_with_its_id_and_no_markup_from_its_data(place: Place) -> None:
    await verified(place)
    message = await written(place, locale="de-AT")
    async with place.worker():
        sent = await until(place, message.id, "SENT")
    mail = mail_of(place, sent)
    assert mail["message-id"] == f"<{message.id}@forecourt.example>"
    assert mail["from"] == SENDER
    assert mail["subject"] == "Your car"
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None
    assert html is not None
    assert text.get_content().startswith("Guten Tag Ada <b>,\n\nIt is ready.\nCome.")
    assert "Ada &lt;b&gt;" in html.get_content()
    assert sent.sent_at is not None


async def test_mail_from_an_unverified_domain_waits_with_an_error_and_goes_once_when_it_is_verified(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = await written(place)
    outgoing = delivering.Messages(place.services)
    await outgoing.deliver(message.id)
    waiting = await until(place, message.id, "QUEUED")
    assert waiting.error == "The sender's domain forecourt.example is not verified"
    assert not (place.services.settings.data_dir / "outbox").exists()
    async with place.services.context(WORKER) as ctx:
        domain = await ctx.create(SenderDomain, domain="forecourt.example")
        domain = await ctx.get(SenderDomain, domain.id)
        first = await enqueue(ctx, "verify_sender_domain", {"domain_id": domain.id})
    texts: list[str] = []

    async def txt(_: str) -> list[str]:
        return texts

    monkeypatch.setattr(sender_domains, "txt_records", txt)
    async with place.worker():
        assert (await place.ended(first.id)).status == "FAILED"
        texts.append(f"forecourt-verification={domain.token}")
        async with place.services.context(WORKER) as ctx:
            second = await enqueue(ctx, "verify_sender_domain", {"domain_id": domain.id})
        assert (await place.ended(second.id)).status == "SUCCEEDED"
        sent = await until(place, message.id, "SENT")
    assert sent.attempts == 1


async def test_nobody_inactive_gets_a_message(place: Place) -> None:
    await verified(place)
    await place.ask("update \"user\" set status = 'SUSPENDED'")
    by_id = await written(place, to="other@customers.example", user_id=place.customer.user_id)
    by_address = await written(place, to="ADA@customers.example")
    async with place.worker():
        for message in (by_id, by_address):
            assert (await until(place, message.id, "PARKED")).error == "The user is not active"


async def test_a_link_with_a_token_is_in_the_mail_alone_and_forgotten_afterwards(place: Place) -> None:
    await verified(place)
    async with place.services.context(GUEST) as ctx:
        message = await send(
            ctx,
            to="ada@customers.example",
            template="notice",
            data={"subject": "Reset", "text": "Go on"},
            hidden={"name": "https://forecourt.example/reset?a=1&b=2"},
        )
    assert message is not None
    assert "reset?a" not in message.text
    async with place.worker():
        sent = await until(place, message.id, "SENT")
    body = mail_of(place, sent)
    assert "reset?a=1&b=2" in str(body.get_body(("plain",)))
    assert "reset?a=1&amp;b=2" in body.get_body(("html",)).get_content()  # type: ignore[union-attr]
    assert await place.ask("select count(*) from message_secret") == 0
    assert "reset?a" not in str(await place.ask("select string_agg(changes::text, '') from history"))


async def test_marketing_needs_consent_that_was_not_withdrawn(place: Place) -> None:
    contact, account = place.customer.contact_id, place.customer.account_id

    async def tried() -> Message | None:
        async with place.services.context(WORKER) as ctx:
            return await send(
                ctx,
                to="ada@customers.example",
                template="notice",
                data={"subject": "New cars", "name": None, "text": "Look"},
                purpose="MARKETING",
                contact_id=contact,
            )

    assert await tried() is None
    async with place.services.context(place.customer) as ctx:
        consent = await ctx.create(
            Consent,
            contact_id=contact,
            account_id=account,
            purpose="MARKETING",
            channel="EMAIL",
            source="portal",
            given_at=ctx.now,
        )
    assert await tried() is not None
    async with place.services.context(place.customer) as ctx:
        await access.command(ctx, Consent.entity, consent.id, "withdraw", None)
    assert await tried() is None


class Receiver:
    """A mail server that refuses as told."""

    def __init__(self) -> None:
        self.answers: list[str] = []
        self.received: list[bytes] = []

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Any) -> str:  # noqa: N802 - the server's name
        if self.answers:
            return self.answers.pop(0)
        self.received.append(envelope.content)
        return "250 taken"


async def test_a_mail_server_that_is_busy_is_asked_again_and_one_that_refuses_is_not(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivering, "FIRST_PAUSE", timedelta(milliseconds=10))
    await verified(place)
    receiver = Receiver()
    async with await asyncio.get_running_loop().create_server(lambda: SMTP(receiver), "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        receiver.answers = ["451 later", "550 never", "451 later"]
        messages = [await written(place), await written(place)]
        async with place.worker(mail=Smtp(f"smtp://127.0.0.1:{port}")):
            ended = {(await until(place, message.id, "SENT", "FAILED")).status for message in messages}
    assert ended == {"SENT", "FAILED"}
    assert len(receiver.received) == 1


async def test_a_message_in_a_transaction_that_fails_is_never_sent(place: Place) -> None:
    async def fails() -> None:
        async with place.services.context(place.customer) as ctx:
            await send(ctx, to="a@b.example", template="notice", data={"subject": "s", "name": None, "text": "t"})
            await send(ctx, to="a@b.example", template="no-such-template", data={})

    with pytest.raises(NotFound):
        await fails()
    assert await place.ask("select count(*) from message") == 0


async def test_a_call_is_a_task_that_somebody_completes(place: Place, tmp_path: Path) -> None:
    task = await written(place, channel="CALL_TASK", to="+12125550100")
    async with place.services.context(WORKER) as ctx:
        done = await complete_call(ctx, task, CallOutcome(outcome="Reached, all well"))
    assert done.status == "SENT"
    assert done.text.endswith("Reached, all well")
    mail = await written(place)
    async with place.services.context(WORKER) as ctx:
        with pytest.raises(Invalid):
            await complete_call(ctx, mail, CallOutcome(outcome="x"))
