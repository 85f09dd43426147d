"""One database with a network on it, and an application that serves it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest
from litestar import Litestar

from service.ops.database import Addresses
from service.settings import Settings
from tests.contract.direct import Client
from tests.contract.world import World
from tests.service.api.serving import served


@pytest.fixture(scope="session")
async def contract_database(server, template) -> Addresses:  # type: ignore[no-untyped-def] # fixtures of the root
    """A database for the contract tests alone."""
    from tests.conftest import _clone

    return await _clone(server, template)


@pytest.fixture(scope="session")
async def world(contract_database: Addresses) -> World:
    """The network."""
    return await World.on(contract_database)


@asynccontextmanager
async def serving(database: Addresses, settings: Settings) -> AsyncIterator[Litestar]:
    """An application on that database, its index loaded."""
    mine = msgspec.structs.replace(
        settings, database_url=database.service, database_owner_url=database.owner, log_level="WARNING"
    )
    async with served(mine) as (app, caller):
        while (await caller.get("/health/ready")).status_code != 200:
            continue
        yield app


@pytest.fixture(scope="session")
async def app(contract_database: Addresses, settings: Settings, world: World) -> AsyncIterator[Litestar]:
    """The application of the network."""
    assert world
    async with serving(contract_database, settings) as app:
        yield app


@pytest.fixture(scope="session")
async def callers(app: Litestar, world: World) -> dict[str, Client]:
    """A client for each caller of the network, by name."""
    return {name: Client(app, caller.token) for name, caller in world.callers.items()}
