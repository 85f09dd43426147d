"""One application for the tests of the edge."""

from collections.abc import AsyncIterator

import httpx
import pytest

from service.settings import Settings
from tests.service.api.serving import served


@pytest.fixture(scope="session")
async def api(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """A guest's client of an application on the shared database."""
    async with served(settings) as (_, caller):
        yield caller
