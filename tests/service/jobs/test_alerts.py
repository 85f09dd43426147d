"""Saved searches: each match is told once, to whoever may see the car, however often a worker dies over it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from domain.kit.errors import Invalid, Malformed
from domain.kit.messages import Message
from domain.kit.money import Money
from domain.saved_searches import MOST_SAVED_SEARCHES, SavedSearch
from domain.saved_searches import alerts as writing
from inventory.arrivals import matching
from inventory.criteria import Criteria, DateRange, Near, Range
from inventory.follower import rows
from inventory.index import GUEST, StockIndex
from inventory.records import Location, Vehicle
from service.jobs import alerts as watching
from service.jobs.alerts import Alerts
from tests.service.jobs.conftest import Place
from tests.service.jobs.watching import TOYOTA, Watch

pytestmark = pytest.mark.postgres_versions


@pytest.fixture
def watch(place: Place) -> Watch:
    return Watch(place)


async def test_a_car_that_comes_into_stock_is_told_once(watch: Watch) -> None:
    search = await watch.save()
    car = await watch.car()
    await watch.steps()
    assert await watch.told() == [car]
    await watch.change(car, status="RESERVED")
    await watch.steps()
    await watch.change(car, status="IN_STOCK")
    await watch.steps()
    assert await watch.messages() == 1
    async with watch.place.services.context(watch.place.customer, readonly=True) as ctx:
        (message,) = await ctx.where(Message, "true")
        found = await ctx.get(SavedSearch, search.id)
    assert (message.to, message.channel, message.purpose) == ("ada@customers.example", "EMAIL", "SERVICE")
    assert "Toyota Corolla" in message.text
    assert "15000.00 USD" in message.text
    assert found.last_matched_at is not None


async def test_a_car_that_matched_when_the_search_was_saved_is_told_only_as_a_new_stay(watch: Watch) -> None:
    car = await watch.car()
    await watch.save()
    for status in ("RESERVED", "IN_STOCK"):
        await watch.change(car, status=status)
        await watch.steps()
    await watch.change(car, visibility="OWN_GROUP")
    await watch.change(car, visibility="PUBLIC")
    await watch.steps()
    assert await watch.messages() == 0
    await watch.change(car, status="IN_TRANSIT")
    await watch.steps()
    await watch.come_back(car)
    await watch.steps()
    assert await watch.told() == [car]


async def test_a_car_that_moves_to_another_stay_without_leaving_the_match_is_not_told(watch: Watch) -> None:
    await watch.save()
    car = await watch.car()
    await watch.steps()
    await watch.come_back(car)  # between two looks
    await watch.steps()
    assert await watch.messages() == 1


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"status": "RESERVED"}, {"status": "IN_STOCK"}),
        ({"status": "ON_ORDER"}, {"status": "IN_STOCK"}),
        ({"holds": ["RECALL"]}, {"holds": []}),
        ({"visibility": "NETWORK"}, {"visibility": "PUBLIC"}),
    ],
)
async def test_what_brings_a_car_into_the_match_is_told_then(
    watch: Watch, before: dict[str, Any], after: dict[str, Any]
) -> None:
    car = await watch.car(**before)
    await watch.save()
    await watch.car(**before)  # nor one that comes unseen
    await watch.steps()
    assert await watch.messages() == 0
    await watch.change(car, **after)
    await watch.steps()
    assert await watch.told() == [car]


async def test_a_price_that_drops_into_the_range_is_told_and_other_changes_are_not(watch: Watch) -> None:
    dear = await watch.car(25_000)
    cheap = await watch.car(12_000)
    await watch.save()
    await watch.change(cheap, price=Money("11000.00", "USD"))
    await watch.change(dear, stock_number="S-1")
    async with watch.writing() as ctx:
        await ctx.update(await ctx.get(Vehicle, cheap), photos=["https://photos.example/1.jpg"])
    await watch.steps()
    assert await watch.messages() == 0
    await watch.change(dear, price=Money("19999.00", "USD"))
    await watch.steps()
    await watch.change(dear, price=Money("18000.00", "USD"))
    await watch.steps()
    assert await watch.told() == [dear]


async def test_a_location_that_gets_its_point_brings_its_cars_into_the_radius(watch: Watch) -> None:
    async with watch.writing() as ctx:
        lot = await ctx.create(Location, code="L-1", name="Lot", kind="DEALER_LOT", latitude=10.0, longitude=10.0)
    car = await watch.car(location_id=lot.id)
    await watch.save(Criteria(near=Near(latitude=40.0, longitude=-74.0, radius_km=50.0)))
    async with watch.writing() as ctx:
        await ctx.update(await ctx.get(Location, lot.id), name="The lot")
    await watch.steps()
    assert await watch.messages() == 0
    async with watch.writing() as ctx:
        await ctx.update(await ctx.get(Location, lot.id), latitude=40.1, longitude=-74.1)
    await watch.steps()
    assert await watch.told() == [car]


class _Killed(BaseException):
    """What a worker that dies leaves behind: nothing that was not committed."""


def _dies(module: Any, name: str, *, after: bool) -> Callable[[pytest.MonkeyPatch], None]:
    original = getattr(module, name)

    async def dying(*arguments: Any, **more: Any) -> Any:
        if after:
            await original(*arguments, **more)
        raise _Killed

    def patch(monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, name, dying)

    return patch


DEATHS = {
    "before it looks": _dies(watching, "_changed", after=False),
    "after it has looked": _dies(Alerts, "_found", after=True),
    "before the match": _dies(Alerts, "_matched", after=False),
    "between match and message": _dies(Alerts, "_tell", after=False),
    "after the message": _dies(writing, "write", after=True),
    "after match and message": _dies(Alerts, "_matched", after=True),
    "before it moves on": _dies(Alerts, "_advance", after=False),
    "before the commit": _dies(Alerts, "_advance", after=True),
}


@pytest.mark.parametrize("death", DEATHS)
async def test_a_worker_that_dies_neither_loses_nor_repeats_a_match(watch: Watch, death: str) -> None:
    await watch.save()
    first, second = await watch.car(), await watch.car()
    with pytest.MonkeyPatch.context() as monkeypatch:
        DEATHS[death](monkeypatch)
        with pytest.raises(_Killed):
            await watch.alerts.step()
    assert await watch.messages() == 0
    assert await watch.place.ask("select count(*) from saved_search_match") == 0
    await watch.steps()
    assert sorted(await watch.told()) == sorted([first, second])
    assert await watch.messages() == 1


async def test_several_workers_tell_a_match_once(watch: Watch) -> None:
    await watch.save()
    for _ in range(4):
        await watch.car()
        await asyncio.gather(*(Alerts(watch.place.services).step() for _ in range(6)))
    await watch.steps()
    assert len(set(await watch.told())) == len(await watch.told()) == 4


async def test_a_feed_that_is_read_again_tells_nothing_twice(watch: Watch) -> None:
    await watch.save()
    before = await watch.place.ask("select seen from saved_search_position")
    cars = [await watch.car(), await watch.car()]
    await watch.steps()
    await watch.place.ask("update saved_search_position set seen = $1", before)
    await watch.steps()
    assert sorted(await watch.told()) == sorted(cars)


async def test_a_search_that_is_committed_after_the_car_came_and_was_looked_at_misses_nothing(watch: Watch) -> None:
    await watch.save(Criteria(make=["nobody"]))
    services, customer = watch.place.services, watch.place.customer
    async with services.context(customer) as ctx:
        await ctx.create(SavedSearch, name="Late", criteria=TOYOTA, alert="IMMEDIATE")
        car = await watch.car()
        await watch.steps()
    assert await watch.messages() == 0
    await watch.steps()
    assert await watch.told() == [car]


async def test_what_happens_while_no_worker_runs_is_told_afterwards(watch: Watch) -> None:
    await watch.save()
    old = await watch.car()
    await watch.save(Criteria(make=["Honda"]))
    new = await watch.car(make="Honda")
    await watch.steps()
    assert sorted(await watch.told()) == sorted([old, new])


async def test_a_large_step_is_taken_in_parts_and_goes_on_where_it_stopped(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "MOST_CARS", 3)
    await watch.save()
    cars = [await watch.car() for _ in range(8)]
    assert await watch.alerts.step()
    late = await watch.car()
    watch.alerts = Alerts(watch.place.services)
    with pytest.MonkeyPatch.context() as dying:
        DEATHS["before the commit"](dying)
        with pytest.raises(_Killed):
            await watch.alerts.step()
    await watch.steps()
    assert sorted(await watch.told()) == sorted([*cars, late])
    assert await watch.place.ask("select heading is null from saved_search_position")


async def test_a_paused_search_tells_nothing_and_begins_anew(watch: Watch) -> None:
    search = await watch.save(alert="DAILY")
    await watch.car()
    await watch.steps()
    await watch.edit(search, is_active=False)
    await watch.car()
    await watch.steps()
    await watch.edit(search, is_active=True, alert="IMMEDIATE")
    await watch.steps()
    await watch.alerts.digests()
    assert await watch.messages() == 0
    car = await watch.car()
    await watch.steps()
    assert await watch.told() == [car]


async def test_other_criteria_have_another_beginning(watch: Watch) -> None:
    search = await watch.save()
    honda = await watch.car(make="Honda")
    await watch.edit(search, criteria=Criteria(make=["Honda"]))
    await watch.edit(search, name="My other car")
    await watch.steps()
    assert await watch.messages() == 0
    await watch.change(honda, stock_number="S-1")
    toyota, other = await watch.car(), await watch.car(make="Honda")
    await watch.steps()
    assert await watch.told() == [other]
    assert toyota not in await watch.told()


async def test_a_new_epoch_begins_all_watches_anew(watch: Watch) -> None:
    await watch.save()
    await watch.steps()
    await watch.place.ask("update app.deployment set epoch = gen_random_uuid()")
    await watch.car()
    await watch.steps()
    assert await watch.messages() == 0
    car = await watch.car()
    await watch.steps()
    assert await watch.told() == [car]


async def test_a_search_is_held_to_the_rules_and_their_number_is_limited(watch: Watch) -> None:
    with pytest.raises(Malformed) as refused:
        await watch.save(Criteria(price=Range(gte=Decimal(3), lte=Decimal(2))))
    assert [fault.pointer for fault in refused.value.errors] == ["/criteria/price"]
    with pytest.raises(Malformed):
        await watch.save(Criteria(price=Range(gte=Decimal("1E+999999"))))
    with pytest.raises(Invalid) as unreachable:
        await watch.save(channel="SMS")
    assert unreachable.value.errors[0].pointer == "/channel"
    for _ in range(MOST_SAVED_SEARCHES - 1):
        await watch.save(alert="NONE")
    saved = await asyncio.gather(*(watch.save(alert="NONE") for _ in range(4)), return_exceptions=True)
    assert sorted(type(one).__name__ for one in saved) == ["Invalid", "Invalid", "Invalid", "SavedSearch"]


async def test_what_is_told_is_what_a_comparison_of_whole_stocks_tells(watch: Watch) -> None:
    """Random changes between looks; the twin searches the whole stock before and after each."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    cars = [await watch.car(chance.choice((15_000, 25_000)), chance.choice(("Toyota", "Honda"))) for _ in range(8)]
    criteria = [
        TOYOTA,
        Criteria(status=["IN_STOCK", "RESERVED"], available_on=DateRange(gte=date(2026, 6, 1))),
        Criteria(attributes={"seats": ["7"]}),
        Criteria(text="corolla s-1"),
    ]
    searches = [await watch.save(one) for one in criteria]
    baseline = [await _matching(watch, one) for one in criteria]
    before, expected = baseline, [set[tuple[str, str]]() for _ in criteria]
    # A car that came back between two looks matched before and matches now, as another stay: it may be told for that.
    returned = [set[tuple[str, str]]() for _ in criteria]
    for _ in range(12):
        for _ in range(chance.randint(1, 4)):
            await _something(watch, chance, chance.choice(cars))
        await watch.steps()
        after = [await _matching(watch, one) for one in criteria]
        for at, found in enumerate(after):
            came = {(car, stay) for car, stay in found.items() if car not in before[at]}
            expected[at] |= {pair for pair in came if pair not in baseline[at].items()}
            returned[at] |= {(car, stay) for car, stay in found.items() if before[at].get(car) != stay}
        before = after
    for search, pairs, others in zip(searches, expected, returned, strict=True):
        told = await watch.place.ask(
            "select coalesce(array_agg(vehicle_id || ' ' || stock_entry_id), '{}') from saved_search_match "
            "where saved_search_id = $1",
            search.id,
        )
        said = msgspec.json.encode(search.criteria)
        assert len(told) == len(set(told)), said
        assert {" ".join(pair) for pair in pairs} <= set(told) <= {" ".join(pair) for pair in pairs | others}, said


async def _matching(watch: Watch, criteria: Criteria) -> dict[str, str]:
    """By car its open stay, of those that a search over the whole stock finds."""
    async with watch.place.services.database.reading() as connection:
        index = StockIndex(secret=b"x" * 32)
        index.load(await rows(connection), "")
        stays = await connection.fetch("select vehicle_id, id from stock_entry where left_on is null")
    found = matching(index, criteria, GUEST)
    return {car: stay for car, stay in stays if car in found}


async def _something(watch: Watch, chance: random.Random, car: str) -> None:
    """One random change of a car."""
    changes: list[dict[str, Any]] = [
        {"status": chance.choice(("IN_STOCK", "RESERVED", "ON_ORDER"))},
        {"price": Money(chance.choice(("15000.00", "25000.00")), "USD")},
        {"holds": chance.choice(([], ["DAMAGE"]))},
        {"available_on": chance.choice((None, date(2026, 7, 1)))},
        {"visibility": chance.choice(("PUBLIC", "NETWORK"))},
    ]
    of_the_car: list[dict[str, Any]] = [
        {"attributes": chance.choice(({}, {"seats": 7}, {"seats": 5}))},
        {"model": chance.choice(("Corolla", "Camry")), "options": chance.choice(([], ["S-1"]))},
    ]
    kind = chance.random()
    if kind < 0.15:
        await watch.come_back(car)
    elif kind < 0.7:
        await watch.change(car, **chance.choice(changes))
    else:
        async with watch.writing() as ctx:
            await ctx.update(await ctx.get(Vehicle, car), **chance.choice(of_the_car))
