"""A small network of accounts and users on a migrated database, and an application that serves it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import asyncpg
import httpx
import msgspec
from litestar import Litestar
from pwdlib.hashers.argon2 import Argon2Hasher

from domain.kit.ids import new_id
from service.app import create_app
from service.auth.demo import SeedUser, enable_partners, seed_users
from service.auth.passwords import Passwords
from service.ops.database import Addresses
from service.services import Services
from service.settings import Settings

PASSWORD = "a long enough password"
CHEAP = Passwords(Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1))
HOME = "203.0.113.7"
LICENCES = {"CUSTOMER": "CUSTOMER_COMMUNITY_PLUS", "PARTNER": "PARTNER_COMMUNITY"}
_numbers = itertools.count(1)


class Person(msgspec.Struct, frozen=True):
    """A user of the tests."""

    id: str
    email: str
    account_id: str | None
    contact_id: str | None


class World:
    """Makes accounts and users as the owner of the tables, and speaks to the application from any address."""

    def __init__(self, owner: asyncpg.Connection, app: Litestar, services: Services):
        self.owner = owner
        self.app = app
        self.services = services

    def client(self, address: str = HOME, token: str | None = None, **headers: str) -> httpx.AsyncClient:
        """A client at that address that shows the token."""
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        transport = httpx.ASGITransport(cast("Any", self.app), client=(address, 50_000), raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000", headers=headers)

    async def account(self, kind_of: str, parent: str | None = None, *, kind: str = "BUSINESS") -> str:
        """An account; dealers, groups and suppliers are partners."""
        id = new_id()
        await self.owner.execute(
            "insert into account (id, created_at, updated_at, kind, type, name, parent_account_id, is_partner) "
            "values ($1, now(), now(), $2, $3, $4, $5, $6)",
            id,
            kind,
            kind_of,
            f"Account {next(_numbers)}",
            parent,
            kind_of in ("DEALER_GROUP", "DEALER", "SUPPLIER"),
        )
        return id

    async def contact(self, account: str) -> str:
        """A contact of the account."""
        id = new_id()
        await self.owner.execute(
            "insert into contact (id, created_at, updated_at, account_id, last_name) "
            "values ($1, now(), now(), $2, 'Doe')",
            id,
            account,
        )
        return id

    async def user(self, persona: str, role: str | None = None, account: str | None = None) -> Person:
        """An active user with PASSWORD; a customer without an account gets a person account."""
        if persona == "CUSTOMER" and account is None:
            account = await self.account("CUSTOMER", kind="PERSON")
        contact = await self.contact(account) if account else None
        person = Person(new_id(), f"user{next(_numbers)}@example.com", account, contact)
        seed = SeedUser(
            id=person.id,
            email=person.email,
            name="Somebody",
            persona=persona,
            licence=LICENCES.get(persona),
            role=role,
            account_id=account,
            contact_id=contact,
        )
        await seed_users(self.owner, [seed], PASSWORD, CHEAP)
        return person

    async def assign(self, person: Person, role: str, account: str | None) -> str:
        """One more role."""
        id = new_id()
        await self.owner.execute(
            "insert into role_assignment (id, created_at, updated_at, user_id, account_id, role) "
            "values ($1, now(), now(), $2, $3, $4)",
            id,
            person.id,
            account,
            role,
        )
        return id

    async def grant(self, form: dict[str, str], address: str = HOME, **headers: str) -> httpx.Response:
        """Ask the token endpoint."""
        async with self.client(address, **headers) as client:
            return await client.post("/api/v1/oauth/token", data=form)

    async def sign_in(
        self, person: Person, password: str = PASSWORD, address: str = HOME, **more: str
    ) -> httpx.Response:
        """Ask for a token with a password."""
        form = {"grant_type": "password", "username": person.email, "password": password, **more}
        return await self.grant(form, address)

    async def token(self, person: Person) -> str:
        """An access token of the user."""
        answer = await self.sign_in(person)
        assert answer.status_code == 200, answer.text
        found: str = answer.json()["access_token"]
        return found

    async def me(self, token: str) -> httpx.Response:
        """Who holds the token."""
        async with self.client(token=token) as client:
            return await client.get("/api/v1/me")

    async def call(self, method: str, path: str, token: str | None = None, **more: Any) -> httpx.Response:
        """One request under /api/v1."""
        async with self.client(token=token) as client:
            return await client.request(method, f"/api/v1{path}", **more)

    async def mailed(self, to: str, template: str | None = None) -> dict[str, str] | None:
        """The secrets of the latest message to an address."""
        found = await self.owner.fetchval(
            "select coalesce(s.data, '{}')::text from message m left join message_secret s on s.message_id = m.id "
            'where m."to" = $1 and ($2::text is null or m.template = $2) order by m.created_at desc, m.id desc limit 1',
            to,
            template,
        )
        return None if found is None else msgspec.json.decode(found)

    async def mails(self, to: str) -> list[str]:
        """The templates of all messages to an address, in their order."""
        rows = await self.owner.fetch('select template from message where "to" = $1 order by created_at, id', to)
        return [row[0] for row in rows]


@asynccontextmanager
async def world_on(database: Addresses, settings: Settings, *, partners: bool = True) -> AsyncIterator[World]:
    """The application on this database, and the hands of its owner."""
    services = Services(settings, database.service)
    services.parts["passwords"] = CHEAP
    app = create_app(settings, services)
    owner = await asyncpg.connect(database.owner)
    try:
        if partners:
            await enable_partners(owner)
        async with _alive(app):
            yield World(owner, app, services)
    finally:
        await owner.close()


@asynccontextmanager
async def _alive(app: Litestar) -> AsyncIterator[None]:
    """The application's life in a task of its own: a fixture is left by another task than it was entered by."""
    started, over = asyncio.Event(), asyncio.Event()

    async def live() -> None:
        async with app.lifespan():
            started.set()
            await over.wait()

    life = asyncio.create_task(live())
    first, _ = await asyncio.wait([life, asyncio.create_task(started.wait())], return_when=asyncio.FIRST_COMPLETED)
    if life in first:
        life.result()
    try:
        yield
    finally:
        over.set()
        await life
