"""Worlds to sign in to."""

from collections.abc import AsyncIterator

import msgspec
import pytest

from service.ops.database import Addresses
from service.settings import Settings
from tests.service.auth.world import World, world_on


@pytest.fixture(scope="session")
async def world(database: Addresses, settings: Settings) -> AsyncIterator[World]:
    async with world_on(database, settings) as found:
        yield found


@pytest.fixture
async def closed_world(fresh_database: Addresses, settings: Settings) -> AsyncIterator[World]:
    """A world where partner relationship management has never been switched on."""
    ours = msgspec.structs.replace(
        settings, database_url=fresh_database.service, database_owner_url=fresh_database.owner
    )
    async with world_on(fresh_database, ours, partners=False) as found:
        yield found
