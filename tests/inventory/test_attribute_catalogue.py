"""The attribute catalogue: what is known is held to it, what is not is kept, and the index knows both."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date
from typing import Any

import pytest

from domain.kit.db import Database
from domain.kit.errors import AlreadyExists, Invalid, UnknownProperty
from domain.kit.policy import Principal
from domain.kit.store import Context
from inventory.attribute_records import AttributeChoice, AttributeDefinition
from inventory.criteria import Criteria, SearchRequest
from inventory.follower import StockFollower
from inventory.index import EVERYTHING, StockIndex
from inventory.records import Product, StockEntry, Vehicle, VehicleDefinition
from service.ops.database import Addresses

pytestmark = pytest.mark.postgres_versions
SYNC = Principal("SYSTEM", client_id="pim", scopes=frozenset({"catalogue.sync", "inventory.sync"}))


@pytest.fixture
async def pools(fresh_database: Addresses) -> AsyncIterator[Database]:
    found = Database(fresh_database.service, most=4)
    yield found
    await found.close()


async def make(pools: Database, kind: Any, **values: Any) -> Any:
    async with pools.acting(SYNC) as connection:
        return await Context(connection, SYNC).create(kind, **values)


async def car(pools: Database, **attributes: Any) -> Any:
    return await make(pools, Vehicle, make="Toyota", model="Corolla", condition="USED", attributes=attributes)


async def refused(pools: Database, **attributes: Any) -> list[tuple[str, str]]:
    with pytest.raises(Invalid) as fault:
        await car(pools, **attributes)
    return [(error.pointer, error.detail) for error in fault.value.errors]


async def test_known_attributes_are_held_to_their_type_and_unknown_ones_are_kept(pools: Database) -> None:
    choices = [AttributeChoice("SEDAN", {"de": "Limousine"}), AttributeChoice("WAGON")]
    for code, data_type in (("trunk_l", "NUMBER"), ("has_hitch", "BOOLEAN"), ("note", "TEXT")):
        await make(pools, AttributeDefinition, code=code, data_type=data_type, labels={"en": code})
    await make(pools, AttributeDefinition, code="form", data_type="CHOICE", choices=choices)
    sound = {"trunk_l": 500.5, "has_hitch": True, "note": "dry", "form": "WAGON", "who_knows": "1"}
    assert (await car(pools, **sound)).attributes == sound
    assert sorted(await refused(pools, trunk_l="500", has_hitch=1, note=7, form="VAN")) == [
        ("/attributes/form", "is one of SEDAN, WAGON"),
        ("/attributes/has_hitch", "is true or false"),
        ("/attributes/note", "is a text"),
        ("/attributes/trunk_l", "is a number"),
    ]
    assert await refused(pools, trunk_l=True) == [("/attributes/trunk_l", "is a number")]


async def test_products_and_definitions_are_held_to_what_applies_to_them(pools: Database) -> None:
    await make(pools, AttributeDefinition, code="weight_g", data_type="NUMBER", applies_to=["PART"], unit="g")
    part = await make(pools, Product, code="P-1", name="Filter", type="PART", attributes={"weight_g": 120})
    with pytest.raises(Invalid):
        await make(pools, VehicleDefinition, make="A", model="B", model_year=2026, attributes={"weight_g": 1})
    async with pools.acting(SYNC) as connection:
        ctx = Context(connection, SYNC)
        with pytest.raises(Invalid) as fault:
            await ctx.update(await ctx.get(Product, part.id), type="ACCESSORY")
    assert fault.value.errors[0].detail == "is an attribute of PART, not of ACCESSORY"


async def test_a_definition_that_is_not_in_force_binds_nobody(pools: Database) -> None:
    for code, days in (
        ("later", {"available_from_on": date(2199, 1, 1)}),
        ("before", {"discontinued_on": date(2020, 1, 1)}),
    ):
        await make(pools, AttributeDefinition, code=code, data_type="NUMBER", **days)
    assert (await car(pools, later="x", before="y")).attributes == {"later": "x", "before": "y"}


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"data_type": "CHOICE"}, "/choices"),
        ({"data_type": "TEXT", "choices": [AttributeChoice("A")]}, "/choices"),
        ({"data_type": "CHOICE", "choices": [AttributeChoice("A"), AttributeChoice("A")]}, "/choices/1/value"),
        ({"data_type": "TEXT", "unit": "km"}, "/unit"),
        (
            {"data_type": "TEXT", "available_from_on": date(2026, 1, 2), "discontinued_on": date(2026, 1, 2)},
            "/discontinued_on",
        ),
    ],
)
async def test_a_definition_makes_sense(pools: Database, wrong: dict[str, Any], pointer: str) -> None:
    with pytest.raises(Invalid) as fault:
        await make(pools, AttributeDefinition, code="x", **wrong)
    assert fault.value.errors[0].pointer == pointer


async def test_a_code_is_defined_once(pools: Database) -> None:
    await make(pools, AttributeDefinition, code="x", data_type="TEXT")
    with pytest.raises(AlreadyExists):
        await make(pools, AttributeDefinition, code="x", data_type="TEXT")


def _ask(index: StockIndex, code: str) -> int | None:
    """How many cars have the attribute 1; None where it is unknown."""
    request = SearchRequest(criteria=Criteria(attributes={code: [1]}), facets=[f"attributes.{code}"])
    try:
        return index.search(request, EVERYTHING).total
    except UnknownProperty:
        return None


async def test_the_index_knows_the_catalogue_and_what_cars_have_without_a_restart(pools: Database) -> None:
    day = date(2026, 6, 1)
    index = StockIndex(secret=b"x" * 32)
    follower = StockFollower(pools, index, today=lambda: day)
    imported = await car(pools, brought=1)
    await make(pools, StockEntry, vehicle_id=imported.id, in_stock_since=date(2026, 1, 1))
    await follower.load()
    assert (_ask(index, "brought"), _ask(index, "fresh")) == (1, None)
    await make(pools, AttributeDefinition, code="fresh", data_type="NUMBER", discontinued_on=date(2026, 8, 1))
    await follower.poll()
    assert _ask(index, "fresh") == 0
    async with pools.acting(SYNC) as connection:
        ctx = Context(connection, SYNC)
        await ctx.update(await ctx.get(Vehicle, imported.id), attributes={"fresh": 1, "other": 1})
    await follower.poll()
    assert [_ask(index, code) for code in ("fresh", "brought", "other", "nobody")] == [1, 0, 1, None]
    await make(pools, AttributeDefinition, code="summer", data_type="NUMBER", available_from_on=date(2026, 7, 1))
    await follower.poll()
    assert _ask(index, "summer") is None
    day = date(2026, 7, 1)
    await follower.poll()
    assert _ask(index, "summer") == 0
    day = date(2026, 8, 1)
    await follower.poll()
    assert _ask(index, "fresh") == 1  # a car has it
