"""What people are mailed about their way of signing in; links and tokens are hidden from everybody but them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from domain.kit.messages import TEMPLATES, send
from domain.kit.policy import GUEST
from service.services import Services

TEMPLATES.add(Path(__file__).parent / "templates")


async def send_mail(
    services: Services, to: str, template: str, data: dict[str, Any], link: str | None = None, locale: str = "en"
) -> None:
    """Hand one mail to the outbox in a transaction of its own; `link` is a path of the portal with its token."""
    hidden = {"link": f"{services.settings.public_url}{link}"} if link else None
    async with services.context(GUEST) as ctx:
        await send(ctx, to=to, template=template, data=data, hidden=hidden, locale=locale)
