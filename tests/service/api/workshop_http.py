"""A workshop whose people are signed in, served by an application in process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import msgspec
from litestar import Litestar

from domain.kit.ids import new_id
from domain.kit.policy import Principal
from domain.kit.tokens import hashed, new_token
from service.ops.database import Addresses
from service.services import Services
from service.settings import Settings
from tests.scheduling.appointments.conftest import Workshop, workshop_on
from tests.service.api.serving import client, served

_LETTERS = {"CUSTOMER": "c", "PARTNER": "p", "STAFF": "s"}
_LICENCES = {"CUSTOMER": "CUSTOMER_COMMUNITY_PLUS", "PARTNER": "PARTNER_COMMUNITY", "STAFF": None}


class Served(msgspec.Struct):
    """The workshop and a client a person; `callers["guest"]` has no token."""

    workshop: Workshop
    app: Litestar
    callers: dict[str, httpx.AsyncClient]

    @property
    def services(self) -> Services:
        found: Services = self.app.state.services
        return found

    async def post(self, who: str, path: str, body: dict[str, Any] | None = None, **headers: str) -> httpx.Response:
        """A POST below /api/v1, with values as JSON has them."""
        content = msgspec.json.encode(body or {})
        sent = {"content-type": "application/json", **headers}
        return await self.callers[who].post(f"/api/v1/{path}", content=content, headers=sent)

    async def get(self, who: str, path: str, **headers: str) -> httpx.Response:
        """A GET below /api/v1."""
        return await self.callers[who].get(f"/api/v1/{path}", headers=headers)

    async def book(self, who: str, start: datetime, **values: Any) -> httpx.Response:
        """Book a service."""
        given = {"work_types": [self.workshop.works[0]], "center_id": self.workshop.center, "start": start, **values}
        return await self.post(who, "appointments", given)


@asynccontextmanager
async def workshop_served(addresses: Addresses, folder: Path, **settings: Any) -> AsyncIterator[Served]:
    """Make the workshop on a database of its own and serve it."""
    workshop = await workshop_on(addresses)
    given = Settings(
        data_dir=folder,
        database_url=addresses.service,
        database_owner_url=addresses.owner,
        secret_key="a secret key for tests alone, 48 characters long",
        public_url="http://127.0.0.1:8000",
        **settings,
    )
    async with AsyncExitStack() as stack:
        app, guest = await stack.enter_async_context(served(given))
        made = Served(workshop, app, {"guest": guest})
        await workshop.owner.execute("update prm_setting set status = 'ENABLED'")
        await workshop.owner.execute("update account set is_partner = true where type = 'DEALER'")
        for name, principal in workshop.people.items():
            token = await _signed_in(workshop, name, principal)
            own = client(app, authorization=f"Bearer {token}")
            made.callers[name] = await stack.enter_async_context(own)
        yield made
        await workshop.sound()
        await workshop.close()


async def _signed_in(workshop: Workshop, name: str, principal: Principal) -> str:
    """A user and a session of the principal; its token."""
    owner, contact = workshop.owner, principal.contact_id
    if principal.persona == "PARTNER":
        contact = new_id()
        await owner.execute(
            "insert into contact (id, created_at, updated_at, account_id, last_name) values ($1, now(), now(), $2, $3)",
            contact,
            principal.account_id,
            name,
        )
    await owner.execute(
        'insert into "user" '
        "(id, created_at, updated_at, email, name, persona, licence, account_id, contact_id, status) "
        "values ($1, now(), now(), $2, $3, $4, $5, $6, $7, 'ACTIVE')",
        principal.user_id,
        f"{name}@workshop.example",
        name,
        principal.persona,
        _LICENCES[principal.persona],
        principal.account_id,
        contact,
    )
    for role in principal.roles:
        await owner.execute(
            "insert into role_assignment (id, created_at, updated_at, user_id, account_id, role) "
            "values ($1, now(), now(), $2, $3, $4)",
            new_id(),
            principal.user_id,
            principal.account_id,
            role,
        )
    session = new_id()
    await owner.execute(
        "insert into session (id, kind, user_id, began_at, last_used_at, expires_at) "
        "values ($1, 'TOKEN', $2, now(), now(), now() + interval '1 day')",
        session,
        principal.user_id,
    )
    token = new_token(_LETTERS[principal.persona])
    await owner.execute(
        "insert into session_token (token_hash, session_id, kind, expires_at) "
        "values ($1, $2, 'ACCESS', now() + interval '1 day')",
        hashed(token),
        session,
    )
    return token
