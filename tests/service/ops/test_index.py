"""The index is held against the database, and a rebuild reaches whoever follows."""

from __future__ import annotations

from pathlib import Path

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


async def test_the_index_is_held_against_the_database_and_loaded_anew_on_demand(
    stocked: Addresses, tmp_path: Path
) -> None:
    told: list[str] = []
    file = tmp_path / "index" / "stock"
    await index.verify(stocked, told.append, file)
    assert [line.partition(":")[0] for line in told] == ["guests", "staff"]
    assert " 0 vehicles" not in told[0]

    database = Database(stocked.service)
    follower = StockFollower(database, StockIndex(secret=b"x" * 32))
    await follower.load()
    follower.index.save(file)
    told.clear()
    await index.verify(stocked, told.append, file)
    assert [line.partition(":")[0].partition(" is ")[0] for line in told] == [
        "guests",
        "staff",
        str(file),
        "guests",
        "staff",
    ]
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(OperatorError, match="is damaged"):
        await index.verify(stocked, told.append, file)
    await index.rebuild(stocked, told.append, file)
    assert not file.exists()
    await follower.poll()
    assert not follower.ready
    await database.close()

    assert stocked.owner is not None
    owner = await asyncpg.connect(stocked.owner)
    await owner.execute("update vehicle set audience = 0 where audience = 2")
    await owner.close()
    with pytest.raises(OperatorError, match=r"What guests see differs. 0 vehicles in the database, \d+ in the index"):
        await index.verify(stocked, told.append)
