"""A full load as columns holds what a load of single vehicles holds, byte for byte, and refuses a stream cut off."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator
from datetime import date
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import pytest

from core_ext.copy import ABSENT
from domain.kit.db import Database
from domain.kit.money import Money
from domain.kit.policy import Principal
from domain.kit.store import Context
from inventory import loading
from inventory.criteria import RANGE_FACETS, VALUE_FACETS, Criteria, Near, SearchRequest, Sort
from inventory.follower import rows
from inventory.index import EVERYTHING, GUEST, StockIndex
from inventory.index.columns import Columns, table_of
from inventory.index.fragments import render
from inventory.index.vocabulary import Vocabulary
from inventory.records import Location, StockEntry, Vehicle
from inventory.vehicle_row import VehicleRow
from service.demo import world
from service.demo.load import load_world
from service.ops.database import Addresses
from service.ops.progress import Progress

pytestmark = pytest.mark.postgres_versions
SYNC = Principal("SYSTEM", client_id="dms", scopes=frozenset({"inventory.sync"}))
TODAY = functools.partial(date, 2026, 11, 20)
CODED = [name for name, kind in loading.FIELDS.items() if kind == "code"]


@pytest.fixture
async def pools(fresh_database: Addresses) -> AsyncIterator[Database]:
    found = Database(fresh_database.service)
    yield found
    await found.close()


async def both(pools: Database) -> tuple[Columns, list[VehicleRow]]:
    """The stock as columns and as vehicles, in one snapshot."""
    async with pools.reading() as connection:
        return await loading.columns(connection), await rows(connection)


def ordinal(value: date | int | None) -> int:
    if value is None:
        return ABSENT
    return value.toordinal() if isinstance(value, date) else value


def vehicle(columns: Columns, row: int) -> dict[str, Any]:
    """What the columns say of one row, its JSON before and behind the cut last."""

    def listed(name: str) -> tuple[Any, ...]:
        found = getattr(columns, name)
        codes = found.codes[found.starts[row] : found.starts[row + 1]].tolist()
        return tuple(found.values[code] for code in codes)

    def number(name: str) -> str:
        blob, starts, of = columns.numbers[name]
        assert of[row] == row
        return bytes(blob[starts[row] : starts[row + 1]]).decode()

    blob, starts, cuts = columns.fragments
    whole = bytes(blob[starts[row] : starts[row + 1]])
    coded = {name: columns.coded[name].values[columns.coded[name].codes[row]] for name in CODED}
    return {
        **coded,
        **{name: int(values[row]) for name, values in columns.whole.items()},
        **{name: number(name) for name in columns.numbers},
        "options": listed("options"),
        "holds": listed("holds"),
        "attributes": dict(listed("attributes")),
        "point": columns.points.get(coded["location_id"] or ""),
        "json": (whole[: cuts[row]], whole[cuts[row] :]),
    }


def expected(row: VehicleRow, columns: Columns) -> dict[str, Any]:
    return {
        **{name: getattr(row, name) for name in (*CODED, "options", "holds", "attributes")},
        **{name: ordinal(getattr(row, name)) for name in columns.whole},
        **{name: getattr(row, name) or "" for name in columns.numbers},
        "point": None if row.latitude is None else (row.latitude, row.longitude),
        "json": render(row),
    }


def answers(index: StockIndex, currency: str) -> list[object]:
    """What an index says of all its cars, with every facet, to staff, guests and by each kind of number."""
    found: list[object] = []
    for audience in (EVERYTHING, GUEST):
        for text in (None, "v-0", "1hg", "fc", "s", "second"):
            page = index.search(
                SearchRequest(
                    criteria=Criteria(status=[], text=text, currency=currency, near=Near(40.0, -74.0)),
                    sort=[Sort("distance", "asc"), Sort("price", "desc")],
                    facets=[*VALUE_FACETS, *RANGE_FACETS, "attributes.seats", "attributes.on"],
                    facet_limit=200,
                    limit=200,
                    relaxations=True,
                ),
                audience,
            )
            found.append((page.total, bytes(msgspec.json.encode((page.items, page.facets, page.relaxations)))))
    return found


def check(columns: Columns, stock: list[VehicleRow]) -> None:
    vocabulary, secret = Vocabulary(), b"x" * 32
    built, loaded = StockIndex(secret=secret, today=TODAY), StockIndex(secret=secret, today=TODAY)
    table = table_of(columns, vocabulary)
    vocabulary.index_words()
    built.take(table if table.rows else None, vocabulary, "")
    loaded.load(stock)
    for currency in ("USD", "EUR", "JPY"):
        assert answers(built, currency) == answers(loaded, currency)
    assert len(columns.ids) == len(stock)
    place = {UUID(bytes=key.tobytes()): row for row, key in enumerate(columns.ids)}
    for row in stock:
        assert vehicle(columns, place[UUID(row.id)]) == expected(row, columns)


async def test_a_world_of_demo_cars_is_loaded_as_its_vehicles_are(pools: Database, fresh_database: Addresses) -> None:
    assert fresh_database.owner is not None
    await load_world(world.tiny(), fresh_database.owner, Progress())
    columns, stock = await both(pools)
    assert len(stock) == 50
    check(columns, stock)


async def test_strange_and_scanty_cars_and_those_that_left_are_loaded_as_well(
    pools: Database, fresh_database: Addresses
) -> None:
    assert fresh_database.owner is not None
    async with pools.acting(SYNC) as connection:
        ctx = Context(connection, SYNC)
        lot = await ctx.create(Location, code="L-1", name="Lot", kind="DEALER_LOT", latitude=40.5, longitude=-74.0)
        yard = await ctx.create(Location, code="L-2", name="Yard", kind="DEALER_LOT")
        cars = [
            await ctx.create(Vehicle, make="Škoda “\\\"\t\x7f", model="नमस्ते 😀", condition="NEW", **more)
            for more in (
                {},
                {"attributes": {"seats": 5, "Ä\"\\": "x, \"y\": {", "on": True, "km": 1.5, "big": 1e300, "no": False}},
                {"options": ["ABS", "abs", "Weiß\n"], "photos": ["https://a.example/1.jpg?x=\"2", "https://a.example/2"]},
                {"odometer_value": 7, "odometer_unit": "MI", "odometer_km": 11, "vin": "1HGCM82633A004352"},
                {"brand": "OPEL", "trim": "", "model_code": "ü"},
                {"trim": "never in stock"},
            )
        ]  # fmt: skip
        places = (lot.id, yard.id, None, lot.id, None)
        entries = [
            await ctx.create(StockEntry, vehicle_id=car.id, location_id=place, in_stock_since=date(2026, 1, number + 1))
            for number, (car, place) in enumerate(zip(cars, places, strict=False))
        ]
        held = {"holds": ["TITLE", "RECALL"], "available_on": date(1999, 12, 31)}
        await ctx.update(entries[0], price=Money("0.05", "USD"), stock_number='"', **held)
        await ctx.update(entries[1], price=Money("1234567", "JPY"), price_tax="EXCLUDED", brand="Other")
    owner = await asyncpg.connect(fresh_database.owner)
    await owner.execute("update stock_entry set left_on = '2026-02-01', status = 'RETIRED' where vehicle_id = any($1)",
                        [cars[3].id, cars[4].id])  # fmt: skip
    await owner.execute("update stock_entry set price_currency = null, price_minor = null where id = $1", entries[2].id)
    await owner.close()
    async with pools.acting(SYNC) as connection:
        ctx = Context(connection, SYNC)
        again = await ctx.create(StockEntry, vehicle_id=cars[4].id, in_stock_since=date(2026, 3, 1))
        await ctx.update(again, stock_number="second stay")
    columns, stock = await both(pools)
    assert len(stock) == 5
    check(columns, stock)
    assert {row.visibility for row in stock} == {"PUBLIC", "OWN_GROUP"}


async def test_an_empty_stock_is_loaded(pools: Database) -> None:
    columns, stock = await both(pools)
    assert not stock
    check(columns, stock)
    assert columns.fragments[1].tolist() == [0]


async def test_a_currency_that_nobody_knows_ends_the_load_and_the_connection_goes_on(
    pools: Database, fresh_database: Addresses
) -> None:
    assert fresh_database.owner is not None
    await load_world(world.tiny(), fresh_database.owner, Progress())
    owner = await asyncpg.connect(fresh_database.owner)
    await owner.execute("alter table stock_entry disable trigger user")
    await owner.execute("update stock_entry set price_currency = 'XQX' where price_currency is not null")
    await owner.close()
    with pytest.raises(ValueError, match="XQX is not an ISO 4217 currency"):
        await both(pools)
    async with pools.reading() as connection:
        assert await connection.fetchval("select 1") == 1


def test_a_stream_cut_off_is_refused() -> None:
    intake = loading.Intake()
    intake.feed([b"PGCOPY\n\xff\r\n\0" + bytes(8)])
    with pytest.raises(ValueError, match="cut off"):
        intake.finished({})
