"""The index is held against the database, and a rebuild reaches whoever follows."""

from __future__ import annotations

import asyncpg
import pytest

from domain.kit.db import Database
from inventory.follower import StockFollower
from inventory.index import StockIndex
from service.demo import world
from service.demo.load import load_world
from service.ops import index
from service.ops.database import Addresses
from service.ops.progress import Progress
from service.settings import OperatorError


@pytest.fixture
async def stocked(fresh_database: Addresses) -> Addresses:
    """A small world's stock."""
    assert fresh_database.owner is not None
    await load_world(world.tiny(), fresh_database.owner, Progress())
    return fresh_database


async def test_the_index_is_held_against_the_database_and_loaded_anew_on_demand(stocked: Addresses) -> None:
    told: list[str] = []
    await index.verify(stocked, told.append)
    assert [line.partition(":")[0] for line in told] == ["guests", "staff"]
    assert " 0 vehicles" not in told[0]

    database = Database(stocked.service)
    follower = StockFollower(database, StockIndex(secret=b"x" * 32))
    await follower.load()
    await index.rebuild(stocked, told.append)
    await follower.poll()
    assert not follower.ready
    await database.close()

    assert stocked.owner is not None
    owner = await asyncpg.connect(stocked.owner)
    await owner.execute("update vehicle set audience = 0 where audience = 2")
    await owner.close()
    with pytest.raises(OperatorError, match=r"What guests see differs. 0 vehicles in the database, \d+ in the index"):
        await index.verify(stocked, told.append)
