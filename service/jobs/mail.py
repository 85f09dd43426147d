"""Where messages go: into files by default, to a mail server where one is set."""

from __future__ import annotations

import asyncio
import os
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

import aiosmtplib

from domain.kit.messages import Message, filled

SECONDS = 30.0


class Undeliverable(Exception):
    """The receiver refuses for good; another try would not help."""


class Transport(Protocol):
    """Takes a message away. Raises Undeliverable, or anything else for a later try."""

    async def deliver(self, message: Message, sender: str, secrets: dict[str, str]) -> None: ...


def written(message: Message, sender: str, secrets: dict[str, str]) -> EmailMessage:
    """The message as mail. Its Message-ID is the same in every try, so that receivers drop repetitions."""
    mail = EmailMessage()
    mail["Message-ID"] = f"<{message.id}@{sender.rpartition('@')[2]}>"
    mail["Date"] = format_datetime(message.created_at)
    mail["From"] = sender
    mail["To"] = message.to
    mail["Subject"] = filled(message.subject, secrets)
    mail["Content-Language"] = message.locale
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(filled(message.text, secrets))
    if message.html is not None:
        mail.add_alternative(filled(message.html, secrets, escaping=True), subtype="html")
    return mail


class Files:
    """One file a message below a folder, named by the message's id: a repetition replaces it."""

    def __init__(self, folder: Path):
        self.folder = folder

    async def deliver(self, message: Message, sender: str, secrets: dict[str, str]) -> None:
        await asyncio.to_thread(self._write, message, written(message, sender, secrets).as_bytes())

    def path_of(self, message: Message) -> Path:
        """Where the message is written."""
        ending = "eml" if message.channel == "EMAIL" else "sms"
        return self.folder / f"{message.created_at:%Y-%m-%d}" / f"{message.id}.{ending}"

    def _write(self, message: Message, content: bytes) -> None:
        path = self.path_of(message)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = path.with_name(f"{path.name}.{os.getpid()}.part")
        draft.write_bytes(content)
        draft.replace(path)


class Smtp:
    """A mail server at `smtp://user:password@host:port` (STARTTLS where it is offered) or `smtps://…`."""

    def __init__(self, url: str):
        parts = urlsplit(url)
        self._tls = parts.scheme == "smtps"
        self._host = parts.hostname or "localhost"
        self._port = parts.port or (465 if self._tls else 25)
        self._user = unquote(parts.username) if parts.username else None
        self._password = unquote(parts.password) if parts.password else None

    async def deliver(self, message: Message, sender: str, secrets: dict[str, str]) -> None:
        try:
            await aiosmtplib.send(
                written(message, sender, secrets),
                hostname=self._host,
                port=self._port,
                username=self._user,
                password=self._password,
                use_tls=self._tls,
                timeout=SECONDS,
            )
        except aiosmtplib.SMTPRecipientsRefused as refused:
            code = refused.recipients[0].code
            if 500 <= code < 600:
                raise Undeliverable(f"the mail server refuses the recipient: {code}") from None
            raise
        except aiosmtplib.SMTPResponseException as fault:
            if 500 <= fault.code < 600 and not isinstance(fault, aiosmtplib.SMTPAuthenticationError):
                raise Undeliverable(f"the mail server refuses the message: {fault.code}") from None
            raise
