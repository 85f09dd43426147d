"""Suggestions are the values that begin as typed, with counts that a search for each confirms."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inventory.criteria import Criteria, SearchRequest
from inventory.index import EVERYTHING, GUEST, Audience, StockIndex
from inventory.suggestions import FIELDS, NUMBERS, Suggestion, suggested
from inventory.vehicle_row import VehicleRow
from tests.inventory.search_twin import sees, words_of
from tests.inventory.stocks import TEXTS, TODAY, audiences, id_named, rows


def index_of(stock: list[VehicleRow]) -> StockIndex:
    index = StockIndex(secret=b"s", today=lambda: TODAY)
    index.load(stock, "1")
    return index


def told(stock: list[VehicleRow], text: str, audience: Audience = EVERYTHING, limit: int = 50) -> list[Suggestion]:
    index = index_of(stock)
    return suggested(lambda asked: index.search(asked, audience), text, limit)


@settings(max_examples=150, deadline=None)
@given(rows(), st.sampled_from([text for text in TEXTS if text]), audiences())
def test_every_count_is_that_of_a_search_for_the_value(stock: list[VehicleRow], text: str, audience: Audience) -> None:
    index = index_of(stock)
    before = " ".join(text.split()[:-1]) if words_of([text.split()[-1]]) else None
    for one in told(stock, text, audience, 1_000):
        visible = [row for row in stock if sees(row, audience) and row.status == "IN_STOCK"]
        if one.field in NUMBERS:
            assert 1 <= one.count <= sum(getattr(row, one.field) == one.value for row in visible)
            assert one.field == "listing_number" or not audience.guarded
        elif before is not None:
            name = "options_any" if one.field == "options" else one.field
            criteria = Criteria(text=before or None, **{name: [one.value]})
            assert index.search(SearchRequest(criteria=criteria), audience).total == one.count


@settings(max_examples=150, deadline=None)
@given(rows(), st.sampled_from(["f", "toy", "hyb", "x", "a", "s", "150", "w", "lst", "vin", "17a"]), audiences())
def test_no_value_that_begins_so_is_missing_and_none_is_unseen(
    stock: list[VehicleRow], word: str, audience: Audience
) -> None:
    visible = [row for row in stock if sees(row, audience) and row.status == "IN_STOCK"]
    expected = set()
    for field in FIELDS:
        if field in NUMBERS[1:] and audience.guarded:
            continue
        for row in visible:
            value = getattr(row, field)
            for one in value if field == "options" else [value]:
                if one is not None and any(found.startswith(word) for found in words_of([one])):
                    expected.add((field, frozenset(words_of([one]))))
    found = {(one.field, frozenset(words_of([one.value]))) for one in told(stock, word, audience, 1_000)}
    assert found == expected


def car(id: str, **more: Any) -> VehicleRow:
    plain = {"condition": "NEW", "status": "IN_STOCK", "listing_number": f"L-{id}", **more}
    return VehicleRow(id=id_named(id), version=1, **plain)


def test_the_more_important_field_comes_first_then_the_larger_count() -> None:
    stock = [
        car("1", make="Coro", model="Corolla", exterior_color="Coral", options=("Cornering lights",)),
        car("2", make="Toyota", model="Corona", trim="Cor"),
        car("3", make="Toyota", model="Corolla"),
        car("4", make="Toyota", model="Corsa", status="SOLD"),
    ]
    assert [(one.field, one.value, one.count) for one in told(stock, "Cor")] == [
        ("make", "Coro", 1), ("model", "Corolla", 2), ("model", "Corona", 1), ("trim", "Cor", 1),
        ("exterior_color", "Coral", 1), ("options", "Cornering lights", 1),
    ]  # fmt: skip
    assert told(stock, "cor", limit=2) == told(stock, "cor")[:2]
    assert told(stock, "toyota corol") == [Suggestion("model", "Corolla", 1)]
    assert told(stock, "corol toyota") == [Suggestion("make", "Toyota", 1)]


@pytest.mark.parametrize("text", ["—", " - ", "zzz", "Corsa"])
def test_what_no_car_in_stock_has_is_not_suggested(text: str) -> None:
    assert told([car("1", make="Ford"), car("2", model="Corsa", status="SOLD")], text) == []


def test_numbers_are_suggested_once_few_cars_are_left_and_guarded_ones_to_those_who_see_them() -> None:
    stock = [car(f"{at:03}", make="Ford", vin=f"1FT{at:03}", stock_number="S-1") for at in range(300)]
    assert told(stock, "l") == []
    assert told(stock, "l-00")[0] == Suggestion("listing_number", "L-000", 1)
    assert told(stock, "1ft01")[0] == Suggestion("vin", "1FT010", 1)
    assert told(stock, "1ft01", GUEST) == []
    assert told(stock[:5], "s-1") == [Suggestion("stock_number", "S-1", 5)]
    assert told(stock[:5], "s-1", GUEST) == []
