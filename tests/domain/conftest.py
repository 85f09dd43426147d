"""A world of accounts and users for the tests of business areas."""

from collections.abc import AsyncIterator

import pytest

from service.ops.database import Addresses
from service.settings import Settings
from tests.service.auth.world import World, world_on


@pytest.fixture(scope="session")
async def world(database: Addresses, settings: Settings) -> AsyncIterator[World]:
    async with world_on(database, settings) as found:
        yield found
