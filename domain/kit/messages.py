"""Messages to people: written with the business change, delivered after it by the worker at least once."""

from __future__ import annotations

import html as markup
import secrets
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

import jinja2
import msgspec

from domain.kit.consent import Purpose, consented
from domain.kit.errors import Invalid, NotFound
from domain.kit.events import on
from domain.kit.fields import Fixed, Ref, reads, writes
from domain.kit.jobs import enqueue
from domain.kit.queue import push
from domain.kit.record import Record, entity, states
from domain.kit.rows import own, owner
from domain.kit.store import Context
from domain.kit.values import Code, Count, Email, Instant, Label, Locale, Privacy, Text

ENTRYPOINT = "message"
Channel = Literal["EMAIL", "SMS", "CALL_TASK"]
_BODY_READERS = "CUSTOMER PARTNER STAFF SYSTEM"
SECRET_MARK = "\N{MATHEMATICAL LEFT WHITE SQUARE BRACKET}{}\N{MATHEMATICAL RIGHT WHITE SQUARE BRACKET}"  # noqa: S105
"""How a secret's place is written in a stored body; the value stands apart and goes once the message is out."""


@entity(
    "sender_domain",
    rows=own("account_id").to("PARTNER"),
    grants={"PARTNER": "r", "GROUP_MANAGER": "cr", "STAFF": "r", "MARKETING": "cr", "ADMIN": "crud"},
    title="{domain}",
    unique=("domain",),
    states=states("status", "UNVERIFIED VERIFIED"),
    without="update delete bulk import",
)
class SenderDomain(Record, kw_only=True):
    """A domain that mail may come from once its owner has proved that it is theirs by a TXT record with the token."""

    domain: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$(?!\n)"), Fixed()]
    account_id: Annotated[str | None, Ref("account"), Fixed()] = None
    token: Annotated[Code | None, writes(), reads("PARTNER STAFF", "ADMIN MARKETING")] = None
    status: str = "UNVERIFIED"
    verified_at: Annotated[Instant | None, writes()] = None


@entity(
    "message",
    rows=owner("user_id") | own("account_id").to("CUSTOMER") | own("sender_account_id").to("PARTNER"),
    grants={"CUSTOMER": "r", "PARTNER": "r", "SERVICE_AGENT": "r", "MARKETING": "r"},
    title="{subject}",
    person="contact_id",
    states=states("status", "QUEUED SENT FAILED PARKED"),
    without="create update delete bulk import by-key",
    indexes=("status, created_at where status in ('QUEUED', 'FAILED')", "contact_id", '"to"'),
)
class Message(Record, kw_only=True):
    """One message to one person, by mail, by text or as a task to call them."""

    channel: Annotated[Channel, Fixed(), writes()]
    purpose: Annotated[Purpose, Fixed(), writes()]
    to: Annotated[str, msgspec.Meta(min_length=3, max_length=254), Privacy.PERSONAL, Fixed(), writes()]
    sender: Annotated[Email | None, Privacy.NONE, writes()] = None
    contact_id: Annotated[str | None, Ref("contact"), writes()] = None
    user_id: Annotated[str | None, Ref("user"), writes()] = None
    account_id: Annotated[str | None, Ref("account"), writes()] = None
    sender_account_id: Annotated[str | None, Ref("account"), writes(), reads("PARTNER STAFF SYSTEM")] = None
    locale: Annotated[Locale, writes()] = "en"
    template: Annotated[Code, Fixed(), writes()]
    subject: Annotated[str, msgspec.Meta(max_length=500), Privacy.FREE_TEXT, writes()]
    text: Annotated[str, msgspec.Meta(max_length=200_000), Privacy.FREE_TEXT, writes(), reads(_BODY_READERS)]
    html: Annotated[str | None, msgspec.Meta(max_length=500_000), Privacy.FREE_TEXT, writes(), reads(_BODY_READERS)] = (
        None
    )
    status: str = "QUEUED"
    attempts: Annotated[Count, writes()] = 0
    error: Annotated[Label | None, writes(), reads("PARTNER STAFF SYSTEM")] = None
    next_attempt_at: Annotated[Instant | None, writes()] = None
    sent_at: Annotated[Instant | None, writes()] = None


@on("sender_domain.created")
async def give_token(ctx: Context, record: Record, _: dict[str, Any]) -> None:
    """Every domain gets the token that its owner puts into the DNS."""
    async with ctx.elevated():
        await ctx.update(record, token=secrets.token_hex(16))


@Message.command("resend", move="FAILED | PARKED > QUEUED", by="SERVICE_AGENT MARKETING ADMIN")
async def resend(ctx: Context, message: Message) -> Message:
    """Try the delivery again from the start; the receiver knows the message by the same id."""
    async with ctx.elevated():
        again = await ctx.update(message, status="QUEUED", attempts=0, error=None, next_attempt_at=None)
    await push(ctx, ENTRYPOINT, message.id)
    return again


class CallOutcome(msgspec.Struct, forbid_unknown_fields=True):
    """What came of a call."""

    outcome: Text


@Message.command("complete_call", move="QUEUED | FAILED > SENT", by="PARTNER SERVICE_AGENT MARKETING ADMIN")
async def complete_call(ctx: Context, message: Message, data: CallOutcome) -> Message:
    """The call was made; what was said becomes part of the task."""
    if message.channel != "CALL_TASK":
        raise Invalid("Only tasks to call somebody are completed by hand")
    told = f"{message.text}\n\n{data.outcome}"
    async with ctx.elevated():
        return await ctx.update(message, text=told, status="SENT", sent_at=ctx.now)


@SenderDomain.command("verify", by="GROUP_MANAGER MARKETING ADMIN")
async def verify(ctx: Context, domain: SenderDomain) -> SenderDomain:
    """Look for the token in the domain's DNS; what waits for the domain is sent as soon as it is found."""
    if domain.status != "VERIFIED":
        await enqueue(ctx, "verify_sender_domain", {"domain_id": domain.id})
    return domain


class Templates:
    """The texts of messages: `<folder>/<name>.<locale>.html` with the blocks `subject`, `text` and perhaps `html`."""

    def __init__(self) -> None:
        self._folders: list[Path] = []

    def add(self, folder: Path) -> None:
        """Take the templates of one more folder."""
        self._folders.append(folder)
        loader = jinja2.FileSystemLoader(self._folders)
        self._rich = jinja2.Environment(
            loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
        )
        self._plain = self._rich.overlay(autoescape=jinja2.select_autoescape((), default=False))

    def render(self, name: str, locale: str, data: dict[str, Any]) -> tuple[str, str, str | None]:
        """Subject, text and HTML in the locale, else its language, else English. NotFound for no such template."""
        names = [f"{name}.{tag}.html" for tag in (locale, locale.partition("-")[0], "en")]
        try:
            plain, rich = self._plain.select_template(names), self._rich.select_template(names)
        except jinja2.TemplatesNotFound:
            raise NotFound(f"There is no template {name}") from None

        def block(template: jinja2.Template, part: str) -> str:
            return "".join(template.blocks[part](template.new_context(data))).strip()

        subject = " ".join(block(plain, "subject").split())
        return subject, block(plain, "text"), block(rich, "html") if "html" in rich.blocks else None


TEMPLATES = Templates()
TEMPLATES.add(Path(__file__).parent / "templates")


async def send(
    ctx: Context,
    *,
    to: str,
    template: str,
    data: dict[str, Any],
    hidden: dict[str, str] | None = None,
    channel: Channel = "EMAIL",
    purpose: str = "TRANSACTIONAL",
    locale: str = "en",
    contact_id: str | None = None,
    user_id: str | None = None,
    account_id: str | None = None,
    sender_account_id: str | None = None,
    sender: str | None = None,
    delay: timedelta = timedelta(0),
) -> Message | None:
    """Write a message in the caller's transaction; the worker delivers it after the commit.

    `data` fills the template; `hidden` (links with tokens) fill it too, but are kept apart, seen by nobody and gone
    when the message is out. Without consent, a MARKETING or RESEARCH message is not written: None.
    """
    if purpose in ("MARKETING", "RESEARCH") and (
        contact_id is None
        or not await consented(ctx, contact_id, purpose, "PHONE" if channel == "CALL_TASK" else channel)
    ):
        return None
    shown = {**data, **{name: SECRET_MARK.format(name) for name in hidden or {}}}
    subject, text, html = TEMPLATES.render(template, locale, shown)
    async with ctx.elevated():
        message = await ctx.create(
            Message,
            channel=channel,
            purpose=purpose,
            to=to,
            sender=sender,
            contact_id=contact_id,
            user_id=user_id,
            account_id=account_id,
            sender_account_id=sender_account_id,
            locale=locale,
            template=template,
            subject=subject[:500],
            text=text,
            html=html if channel == "EMAIL" else None,
        )
        if hidden:
            await ctx.db.execute("insert into message_secret (message_id, data) values ($1, $2)", message.id, hidden)
    if channel != "CALL_TASK":
        await push(ctx, ENTRYPOINT, message.id, delay=delay, priority=10 if purpose == "TRANSACTIONAL" else 0)
    return message


def filled(body: str, hidden: dict[str, str], *, escaping: bool = False) -> str:
    """A stored body with its secrets in their places; `escaping` for HTML."""
    for name, value in hidden.items():
        body = body.replace(SECRET_MARK.format(name), markup.escape(value) if escaping else value)
    return body
