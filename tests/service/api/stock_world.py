"""A tiny stocked network whose people are signed in, and an application that serves it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from io import StringIO
from typing import Any

import asyncpg
import httpx
from litestar import Litestar

from domain.kit import feed
from domain.kit.clock import now
from domain.kit.ids import new_id
from domain.kit.policy import GUEST, Principal
from service.app import create_app
from service.auth.demo import SeedUser, seed_client, seed_users
from service.auth.principal import caller
from service.demo.load import load_world
from service.demo.users import CLIENT, DOMAIN, PASSWORD
from service.demo.world import World, tiny
from service.ops import postgres
from service.ops.database import Addresses, other_database
from service.ops.progress import Progress
from service.services import Services
from service.settings import Settings
from tests.service.api.serving import client

BRAND = "Toyota"
DEMO_PEOPLE = (
    "customer", "customer2", "dealer", "manager", "dealer2", "supplier", "technician", "staff", "executive",
)  # fmt: skip
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


class StockWorld:
    """Callers by name: the demo's, a guest, and `sister`, `brands`, `distribution`, `oem`, `oem-brand`.

    `sister` sells at another branch of the dealer's group; `brands` (staff) and `oem-brand` (a system) are limited to
    BRAND.
    """

    def __init__(self, demo: World, owner: asyncpg.Connection, app: Litestar, services: Services):
        self.demo = demo
        self.owner = owner
        self.app = app
        self.services = services
        self.principals: dict[str, Principal] = {"guest": GUEST}
        self.callers: dict[str, httpx.AsyncClient] = {}

    async def sign_in(self, stack: AsyncExitStack) -> None:
        """Sign everybody in."""
        self.callers["guest"] = await stack.enter_async_context(client(self.app))
        people = {name: f"{name}@{DOMAIN}" for name in (*DEMO_PEOPLE, "sister", "brands", "distribution")}
        for name, mail in people.items():
            await self._enter(stack, name, {"grant_type": "password", "username": mail, "password": PASSWORD})
        for name, id in (("oem", CLIENT.client_id), ("oem-brand", "oem-brand")):
            form = {"grant_type": "client_credentials", "client_id": id, "client_secret": PASSWORD}
            await self._enter(stack, name, form)

    async def _enter(self, stack: AsyncExitStack, name: str, form: dict[str, str]) -> None:
        answer = await self.callers["guest"].post("/api/v1/oauth/token", data=form)
        assert answer.status_code == 200, (name, answer.text)
        token = answer.json()["access_token"]
        found = await caller(self.services, token, "ACCESS")
        assert found is not None
        self.principals[name] = found
        own = client(self.app, authorization=f"Bearer {token}")
        self.callers[name] = await stack.enter_async_context(own)

    async def token(self) -> str:
        """A token of everything that is committed now."""
        async with self.services.database.reading() as connection:
            return (await feed.begin(connection)).token

    async def found(self, name: str, request: dict[str, Any], after: str | None = None) -> list[dict[str, Any]]:
        """All items of a search, page by page; the total is that of the items, and none comes twice."""
        items: list[dict[str, Any]] = []
        cursor = None
        headers = {"x-after-change": after} if after else {}
        while True:
            body = {"limit": 20, **request, "cursor": cursor}
            answer = await self.callers[name].post("/api/v1/vehicles/search", json=body, headers=headers)
            assert answer.status_code == 200, answer.text
            page = answer.json()
            items += page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        ids = [item["id"] for item in items]
        assert page["total"] == len(ids) == len(set(ids))
        return items

    async def visible(self, name: str) -> set[str]:
        """The vehicles in stock as PostgreSQL's row policies show them to the caller: car and entry both seen.

        The organisation also finds the cars that have left: those without an open entry.
        """
        principal = self.principals[name]
        left = (
            "or not exists (select from stock_entry o where o.vehicle_id = v.id and o.left_on is null)"
            if principal.sees_everything
            else ""
        )
        async with self.services.context(principal, readonly=True) as ctx:
            rows = await ctx.db.fetch(
                "select distinct v.id from vehicle v join stock_entry e on e.vehicle_id = v.id "
                f"where e.left_on is null {left}"
            )
        return {row[0] for row in rows}

    async def vehicle_of(self, account: str | None, condition: str = "true") -> str:
        """A vehicle in the open stock of an account."""
        id: str = await self.owner.fetchval(
            "select v.id::text from vehicle v join stock_entry e on e.vehicle_id = v.id and e.left_on is null "
            f"where e.dealer_account_id is not distinct from $1::uuid and {condition} order by v.id limit 1",
            account,
        )
        assert id is not None
        return id


@asynccontextmanager
async def loaded(
    server: postgres.Server, template: Addresses, name: str, demo: World | None = None
) -> AsyncIterator[Addresses]:
    """A database that holds the demo, else the tiny world, and more people; nobody is connected to it."""
    assert template.owner is not None
    async with _copied(server, template, template.service, f"{name}_{os.getpid()}") as addresses:
        assert addresses.owner is not None
        demo = demo or tiny()
        await load_world(demo, addresses.owner, Progress(StringIO()))
        owner = await asyncpg.connect(addresses.owner)
        try:
            await _more_people(owner, demo)
        finally:
            await owner.close()
        yield addresses


@asynccontextmanager
async def copied(server: postgres.Server, original: Addresses, name: str) -> AsyncIterator[Addresses]:
    """A copy of a database to which nobody is connected, row by row the same."""
    async with _copied(server, original, original.service, f"{name}_{os.getpid()}") as addresses:
        yield addresses


@asynccontextmanager
async def _copied(server: postgres.Server, original: Addresses, service: str, name: str) -> AsyncIterator[Addresses]:
    assert original.owner is not None
    source = service.partition("@/")[2].partition("?")[0]
    admin = await asyncpg.connect(server.dsn())
    try:
        await admin.execute("select pg_advisory_lock(1)")  # a template in use by another clone is refused
        await admin.execute(f"create database {name} template {source} owner forecourt_template_migrator")
        await admin.execute("select pg_advisory_unlock(1)")
        await admin.execute(f"revoke all on database {name} from public")
        await admin.execute(f"grant connect on database {name} to forecourt_template_service")
        try:
            yield Addresses(other_database(original.owner, name), other_database(service, name))
        finally:
            await admin.execute(f"drop database {name} with (force)")
    finally:
        await admin.close()


async def _more_people(owner: asyncpg.Connection, demo: World) -> None:
    first = demo.network.dealers[0]
    sister = next(one for one in demo.network.dealers[1:] if one.group == first.group)
    contact = new_id()
    await owner.execute(
        "insert into contact (id, created_at, updated_at, account_id, last_name) "
        "values ($1, now(), now(), $2, 'Sister')",
        contact,
        sister.account.id,
    )

    def person(name: str, persona: str, role: str, **more: str | None) -> SeedUser:
        absent = {"licence": None, "account_id": None, "contact_id": None}
        return SeedUser(
            id=new_id(), email=f"{name}@{DOMAIN}", name=name, persona=persona, role=role, **{**absent, **more}
        )

    partner = {"licence": "PARTNER_COMMUNITY", "account_id": sister.account.id, "contact_id": contact}
    people = [
        person("sister", "PARTNER", "SALES", **partner),
        person("brands", "STAFF", "CHANNEL_MANAGER"),
        person("distribution", "STAFF", "DISTRIBUTION"),
    ]
    await seed_users(owner, people, PASSWORD)
    await seed_client(owner, "oem-brand", "One brand's systems", PASSWORD, CLIENT.scopes)
    await owner.execute('update "user" set brands = $1 where name = $2', [BRAND], "brands")
    await owner.execute("update api_client set brands = $1 where client_id = 'oem-brand'", [BRAND])


@asynccontextmanager
async def application(
    addresses: Addresses, settings: Settings, *, clock: datetime | None = None
) -> AsyncIterator[tuple[Litestar, Services]]:
    """The application on a database, its index loaded; with `clock` it is always that moment."""
    services = Services(settings, addresses.service, clock=(lambda: clock) if clock else now)
    app = create_app(settings, services)
    began, over = asyncio.Event(), asyncio.Event()

    async def live() -> None:  # in one task: a fixture may begin and end in two, which the lifespan does not bear
        async with app.lifespan():
            began.set()
            await over.wait()

    life = asyncio.create_task(live())
    begun = asyncio.create_task(began.wait())
    await asyncio.wait([life, begun], return_when=asyncio.FIRST_COMPLETED)
    begun.cancel()
    try:
        if life.done():
            await life
        assert services.stock.ready
        yield app, services
    finally:
        over.set()
        await life


@asynccontextmanager
async def stocked(addresses: Addresses, settings: Settings, demo: World | None = None) -> AsyncIterator[StockWorld]:
    """The demo, else the tiny world, served, with everybody signed in."""
    async with application(addresses, settings) as (app, services), AsyncExitStack() as stack:
        owner = await asyncpg.connect(addresses.owner)
        stack.push_async_callback(owner.close)
        world = StockWorld(demo or tiny(), owner, app, services)
        await world.sign_in(stack)
        yield world
