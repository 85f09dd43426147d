"""A start goes on from the file that another process left, or loads everything where that file cannot be trusted."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from datetime import date
from pathlib import Path

import asyncpg
import msgspec
import pytest

from domain.kit import feed
from domain.kit.db import Database
from domain.kit.errors import Unavailable
from domain.kit.policy import Principal
from domain.kit.store import Context
from inventory import follower as follower_module
from inventory.criteria import Criteria, SearchRequest
from inventory.follower import StockFollower
from inventory.index import EVERYTHING, StockIndex
from inventory.records import StockEntry, Vehicle
from service.ops.database import Addresses

pytestmark = pytest.mark.postgres_versions
SYNC = Principal("SYSTEM", client_id="dms", scopes=frozenset({"inventory.sync"}))
ALL = SearchRequest(criteria=Criteria(status=[]), limit=200)


@pytest.fixture
async def pools(fresh_database: Addresses) -> AsyncIterator[Database]:
    found = Database(fresh_database.service, most=16)
    yield found
    await found.close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "index" / "stock"


async def take_in(pools: Database, count: int) -> list[str]:
    """Cars, by their stock entries."""
    found = []
    async with pools.acting(SYNC) as connection:
        ctx = Context(connection, SYNC)
        for number in range(count):
            car = await ctx.create(
                Vehicle, make="Toyota", model=f"Model {number}", condition="USED", attributes={"seats": number}
            )
            entry = await ctx.create(StockEntry, vehicle_id=car.id, in_stock_since=date(2026, 1, 1))
            found.append(entry.id)
    return found


async def change(pools: Database, entries: list[str]) -> None:
    async with pools.acting(SYNC) as connection:
        ctx = Context(connection, SYNC)
        for entry in entries:
            record = await ctx.get(StockEntry, entry)
            await ctx.update(record, stock_number=f"{record.version} {entry}")


def follower(pools: Database, file: Path | None) -> StockFollower:
    return StockFollower(pools, StockIndex(secret=b"x" * 32), file=file)


async def until(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not happened():  # noqa: ASYNC110 - what is waited for happens in threads and other tasks
            await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def running(one: StockFollower) -> AsyncIterator[None]:
    task = asyncio.create_task(one.run())
    try:
        await until(lambda: one.ready)
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def as_loaded(pools: Database, one: StockFollower) -> bool:
    """Whether the index answers what one that was loaded this moment does."""
    fresh = follower(pools, None)
    await fresh.load()
    ours, theirs = one.index.search(ALL, EVERYTHING), fresh.index.search(ALL, EVERYTHING)
    return (ours.total, msgspec.json.encode(ours.items)) == (theirs.total, msgspec.json.encode(theirs.items))


async def test_a_second_process_goes_on_from_the_file_of_the_first_and_what_came_since(
    pools: Database, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = await take_in(pools, 30)
    first = follower(pools, file)
    async with running(first):
        await until(file.exists)
    await change(pools, entries[:7])
    await take_in(pools, 2)

    second = follower(pools, file)
    monkeypatch.setattr(second, "load", None)
    async with running(second):
        assert await as_loaded(pools, second)
        assert second.index.count == 32
        assert "seats" in second.attributes.codes()
        await until(lambda: not second.index.unverified)
        await change(pools, entries[5:9])
        async with pools.reading() as connection:
            await second.reached((await feed.begin(connection)).token, 10)
        assert await as_loaded(pools, second)


async def test_a_file_that_is_too_old_of_another_epoch_or_none_is_not_gone_on_from(
    pools: Database, file: Path, fresh_database: Addresses, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = await take_in(pools, 30)
    assert not await follower(pools, file).resume()
    assert not await follower(pools, None).resume()
    first = follower(pools, file)
    await first.load()
    first.index.save(file)
    monkeypatch.setattr(follower_module, "CATCH_UP_CHANGES", 5)
    assert await follower(pools, file).resume()
    await change(pools, entries[:4])
    assert await follower(pools, file).resume()
    await change(pools, entries[:4])
    assert not await follower(pools, file).resume()
    first = follower(pools, file)
    await first.load()
    first.index.save(file)
    assert await follower(pools, file).resume()
    assert fresh_database.owner is not None
    owner = await asyncpg.connect(fresh_database.owner)
    await owner.execute("update app.deployment set epoch = gen_random_uuid()")
    await owner.close()
    assert not await follower(pools, file).resume()
    file.write_bytes(b"no file of ours")
    assert not await follower(pools, file).resume()
    async with running(follower(pools, file)):
        await until(lambda: file.read_bytes()[:4] == b"FRCT")


async def test_a_damaged_vehicle_is_not_answered_and_the_index_is_loaded_anew(pools: Database, file: Path) -> None:
    await take_in(pools, 30)
    first = follower(pools, file)
    await first.load()
    first.index.save(file)
    content = file.read_bytes()
    at = content.index(b'"model":"Model 7"')
    file.unlink()
    file.write_bytes(content[: at + 15] + b"6" + content[at + 16 :])

    second = follower(pools, file)
    assert await second.resume()
    with pytest.raises(Unavailable):
        second.index.search(ALL, EVERYTHING)
    async with running(second):
        await until(lambda: second.ready and not second.index.damaged)
        assert await as_loaded(pools, second)
        await until(file.exists)
    third = follower(pools, file)
    assert await third.resume()
    third.index.verify()
    assert await as_loaded(pools, third)


async def test_one_process_writes_the_file_for_all_and_when_enough_has_changed(pools: Database, file: Path) -> None:
    await take_in(pools, 3)
    one, other = follower(pools, file), follower(pools, file)
    async with running(one), running(other):
        await until(file.exists)
        assert one.keeper is not None
        assert other.keeper is not None
        ours, theirs = one.keeper, other.keeper
        await until(lambda: not ours._is_due and not theirs._is_due)
        written = file.stat().st_ino
        await take_in(pools, 3)
        async with pools.reading() as connection:
            mark = await feed.begin(connection)
        await asyncio.gather(one.reached(mark.token, 10), other.reached(mark.token, 10))
        ours._next = time.monotonic()
        ours.outdate(one.index.count)
        await until(lambda: file.stat().st_ino != written)
    assert {entry.name for entry in file.parent.iterdir()} == {"stock", "stock.lock"}
    again = follower(pools, file)
    assert again.keeper is not None
    assert again.keeper.restored() is not None
    assert again.index.count == 6


async def test_a_file_that_cannot_be_written_or_read_harms_nothing(pools: Database, tmp_path: Path) -> None:
    await take_in(pools, 3)
    (tmp_path / "taken").write_text("a file where the folder should be")
    one = follower(pools, tmp_path / "taken" / "stock")
    async with running(one):
        assert one.keeper is not None
        keeper = one.keeper
        await until(lambda: keeper._next > 0)
        assert await as_loaded(pools, one)
