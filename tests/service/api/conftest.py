"""One application for the tests of the edge, and a database with stock to copy."""

from collections.abc import AsyncIterator

import httpx
import pytest

from service.ops import postgres
from service.ops.database import Addresses
from service.settings import Settings
from tests.service.api.serving import served
from tests.service.api.stock_world import loaded


@pytest.fixture(scope="session")
async def api(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """A guest's client of an application on the shared database."""
    async with served(settings) as (_, caller):
        yield caller


@pytest.fixture(scope="session")
async def stock(server: postgres.Server, template: Addresses) -> AsyncIterator[Addresses]:
    """The tiny world with its people, to which nobody is connected: make a copy."""
    async with loaded(server, template, "stock") as addresses:
        yield addresses
