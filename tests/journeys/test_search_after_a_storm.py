"""After a storm of writes, kills and imports everybody finds what the row policies show them, to the last count."""

from __future__ import annotations

import random
import shutil
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from inventory.criteria import SearchRequest
from inventory.follower import StockFollower
from inventory.index import StockIndex, stock
from service.demo.world import SEED, World
from service.ops import postgres
from service.ops.database import Addresses
from service.settings import Settings
from service.stock import audience, index_file
from tests.journeys.search_oracle import Found, Oracle, check
from tests.journeys.search_requests import Requests
from tests.journeys.served import Served
from tests.journeys.storm import NEW_CAR, NEW_CARS, Storm
from tests.service.api.stock_world import StockWorld, loaded, stocked

pytestmark = pytest.mark.xdist_group("storm")
VEHICLES = 2_400
SEARCHES, MANY_SEARCHES = 25, 2_000
"""By each caller: in the suite, and in the long form."""
CALLERS = (
    "guest", "customer", "dealer", "dealer2", "manager", "technician", "staff", "brands", "oem", "oem-brand",
)  # fmt: skip
OTHERS = ("loaded", "restored", "resumed")
"""Indexes beside the one that was followed all the time: see `_others`."""
SMALL = {"COMPACTED_ROWS": 48, "MOST_SEGMENTS": 4, "SMALL_CHANGE_ROWS": 200}
"""Thresholds of the index with which so few cars do all that millions do."""


class Aftermath(msgspec.Struct):
    """The stock after the storm. `indexes`: OTHERS."""

    world: StockWorld
    served: Served
    storm: Storm
    merged: Counter[str]
    oracle: Oracle
    cars: list[dict[str, Any]]
    indexes: list[StockIndex]
    after: str


@contextmanager
def _small_index() -> Iterator[Counter[str]]:
    """What the index did with these thresholds."""
    done: Counter[str] = Counter()
    with pytest.MonkeyPatch.context() as patch:
        for name, rows in SMALL.items():
            patch.setattr(stock, name, rows)
        for owner, name in ((StockIndex, "_replace"), (StockIndex, "_flip"), (StockIndex, "take"), (stock, "combine")):
            patch.setattr(owner, name, _counted(getattr(owner, name), name, done))
        yield done


def _counted(before: Callable[..., Any], name: str, done: Counter[str]) -> Callable[..., Any]:
    def counted(*given: Any, **more: Any) -> Any:
        done[name] += 1
        return before(*given, **more)

    return counted


@pytest.fixture(scope="module")
async def aftermath(server: postgres.Server, template: Addresses, settings: Settings) -> AsyncIterator[Aftermath]:
    folder = Path(tempfile.mkdtemp(prefix="forecourt storm "))
    demo = World(SEED, VEHICLES, dealers=7, groups=3, customers=12)
    seed = random.randrange(2**32)
    print(f"storm's seed {seed}")
    async with loaded(server, template, "storm", demo) as addresses:
        served = Served(folder)
        del served.environ["FORECOURT_DEMO"], served.environ["FORECOURT_DEMO_VEHICLES"]
        served.environ |= {
            "FORECOURT_DATABASE_URL": addresses.service,
            "FORECOURT_DATABASE_OWNER_URL": str(addresses.owner),
            "FORECOURT_SECRET_KEY": settings.secret_key,
            **{f"FORECOURT_RATE_{who}": "0" for who in ("GUESTS", "PEOPLE", "SYSTEMS")},
        }
        served.start()
        try:
            served.until_ready()
            ours = msgspec.structs.replace(settings, data_dir=folder / "ours", log_level="WARNING")
            with _small_index() as done:
                async with stocked(addresses, ours, demo) as world:
                    storm = Storm(world, str(addresses.owner), served, server, seed)
                    await storm.rage()
                    after = await world.token()
                    moment = world.services.clock()
                    world.services.clock = lambda: moment
                    await world.services.stock.reached(after, 10)
                    oracle = Oracle(world.services.database, world.principals["staff"], moment.date())
                    cars = await oracle.cars(world.principals["staff"])
                    indexes = await _others(world, ours)
                    yield Aftermath(world, served, storm, done, oracle, cars, indexes, after)
        finally:
            served.stop()
            shutil.rmtree(folder, ignore_errors=True)


async def _others(world: StockWorld, ours: Settings) -> list[StockIndex]:
    """Loaded from the database, from a file of the first index, and from its file before the storm with all since."""
    first, database = world.services.stock.index, world.services.database
    fresh, restored, resumed = (
        StockIndex(secret=b"x" * 32, today=lambda: world.services.clock().date()) for _ in range(3)
    )
    await StockFollower(database, fresh).load()
    now = ours.data_dir / "now"
    first.save(now)
    restored.restore(now)
    restored.verify()
    restored.known_attributes = first.known_attributes
    assert await StockFollower(database, resumed, file=index_file(ours, database.dsn)).resume()
    return [fresh, restored, resumed]


async def test_the_storm_has_done_all_that_it_should_do(aftermath: Aftermath) -> None:
    told, done = aftermath.storm.told, aftermath.merged
    print(told, done)
    assert told["written"] > 100
    assert told["undone"] > 5
    assert all(told[f"killed {who}"] for who in ("storm writer", "%forecourt_reader", "forecourt%"))
    assert told["workers killed"]
    for command in ("reserve", "release", "request_transfer", "approve", "dispatch", "receive", "patch"):
        assert told[command], command
    assert told["imported"] == 4
    assert sum((car["vin"] or "").startswith(NEW_CAR) for car in aftermath.cars) == NEW_CARS
    left = "select count(*) from stock_entry where left_on is not null and transfer_order_id is null"
    assert await aftermath.world.owner.fetchval(left) > 20, "a complete file lacked these"
    assert done["take"] == 2, "the first index was loaded once, as was the other"
    assert done["_flip"] > 10
    assert done["combine"] > done["_replace"] > 0, "some segments were joined at once, others by merges"
    assert len(aftermath.cars) > VEHICLES


@pytest.mark.parametrize("name", CALLERS)
async def test_random_searches_equal_the_database_under_the_callers_row_policies(
    aftermath: Aftermath, name: str
) -> None:
    await _searches(aftermath, name, SEARCHES)


@pytest.mark.stress
@pytest.mark.parametrize("name", CALLERS)
async def test_thousands_of_random_searches_equal_the_database(aftermath: Aftermath, name: str) -> None:
    await _searches(aftermath, name, MANY_SEARCHES)


@pytest.mark.parametrize("name", CALLERS)
async def test_workers_that_were_killed_find_the_same(aftermath: Aftermath, name: str) -> None:
    chance = random.Random(name)
    requests = Requests(aftermath.cars, chance)
    authorization = aftermath.world.callers[name].headers.get("authorization")
    headers = {"x-after-change": aftermath.after, "connection": "close"}  # so that another worker takes the next
    if authorization:
        headers["authorization"] = authorization
    for _ in range(6):
        body = requests.body()
        request, found = await _expected(aftermath, name, body)
        async with aftermath.served.client() as caller:
            answer = await caller.post("/api/v1/vehicles/search", json=body, headers=headers)
        assert answer.status_code == 200, answer.text
        _check(answer.json(), found, request, body)


async def _searches(aftermath: Aftermath, name: str, count: int) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    requests = Requests(aftermath.cars, chance)
    some = 0
    for _ in range(count):
        body = requests.body()
        request, found = await _expected(aftermath, name, body)
        some += found.total > 0
        answer = await _asked(aftermath, name, body)
        _check(answer, found, request, body)
        if answer["next_cursor"] and chance.random() < 0.3:
            second = await _asked(aftermath, name, {**body, "cursor": answer["next_cursor"]})
            _check(second, found, request, body, 1)
        for which, index in zip(OTHERS, aftermath.indexes, strict=True):
            page = index.search(request, audience(aftermath.world.principals[name]))
            _check(msgspec.json.decode(page.encode()), found, request, body, which=which)
    assert some > count // 4, "most searches should find something"


async def _expected(aftermath: Aftermath, name: str, body: dict[str, Any]) -> tuple[SearchRequest, Found]:
    request = msgspec.json.decode(msgspec.json.encode(body), type=SearchRequest)
    return request, await aftermath.oracle.answer(aftermath.world.principals[name], request)


async def _asked(aftermath: Aftermath, name: str, body: dict[str, Any]) -> dict[str, Any]:
    headers = {"x-after-change": aftermath.after}
    answer = await aftermath.world.callers[name].post("/api/v1/vehicles/search", json=body, headers=headers)
    assert answer.status_code == 200, (answer.text, body)
    found: dict[str, Any] = answer.json()
    return found


def _check(
    answer: dict[str, Any],
    found: Found,
    request: SearchRequest,
    body: dict[str, Any],
    page: int = 0,
    which: str = "followed",
) -> None:
    """With the index and the request in the report of what differs."""
    try:
        check(answer, found, request, page)
    except AssertionError as fault:
        fault.add_note(f"{which} index: {msgspec.json.encode(body).decode()}")
        raise
