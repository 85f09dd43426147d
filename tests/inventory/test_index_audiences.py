"""What guests and customers get never depends on VIN, registration or stock number, and odd texts harm nobody."""

from __future__ import annotations

import random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.kit.errors import Malformed
from inventory.criteria import Criteria, SearchPage, SearchRequest
from inventory.index import EVERYTHING, GUEST, Audience, StockIndex
from inventory.vehicle_row import GUARDED_FIELDS, VehicleRow
from tests.inventory.search_twin import Twin
from tests.inventory.stocks import TEXTS, TODAY, request_from, seeded_rows

PARTNER = Audience(guarded=False, units=frozenset(("dealer-1",)))


def index_of(stock: list[VehicleRow]) -> StockIndex:
    index = StockIndex(secret=b"s", today=lambda: TODAY)
    index.load(stock, "1")
    return index


def timeless(page: SearchPage) -> bytes:
    return page.encode().partition(b',"took_us":')[0]


@pytest.fixture(scope="module")
def two_worlds() -> tuple[StockIndex, StockIndex, list[VehicleRow]]:
    """The same stock twice, but for the guarded fields."""
    stock = seeded_rows(500, 11)
    other = [
        msgspec.structs.replace(row, vin=f"Toyota {row.id}", registration_number="hybrid", stock_number=None)
        for row in stock
    ]
    return index_of(stock), index_of(other), stock


@pytest.mark.parametrize("seed", range(60))
def test_guests_get_the_same_bytes_whatever_the_guarded_fields_hold(
    two_worlds: tuple[StockIndex, StockIndex, list[VehicleRow]], seed: int
) -> None:
    one, other, stock = two_worlds
    rng = random.Random(seed)
    request = request_from(rng.choice)
    request.criteria.text = rng.choice(TEXTS)
    page = one.search(request, GUEST)
    assert timeless(page) == timeless(other.search(request, GUEST))
    key = rng.choice(stock).id
    assert one.get(key, GUEST) == other.get(key, GUEST) or bytes(one.get(key, GUEST)) == bytes(other.get(key, GUEST))  # type: ignore[arg-type]


def test_guarded_fields_are_found_and_shown_where_they_may_be_seen() -> None:
    row = msgspec.structs.replace(
        seeded_rows(1, 1)[0], vin="1FTEW1EP5KFA00001", visibility="PUBLIC", holds=(), status="IN_STOCK"
    )
    index = index_of([row])
    request = SearchRequest(criteria=Criteria(text="1ftew1ep5kfa"))
    assert index.search(request, GUEST).total == 0
    for audience in (PARTNER, EVERYTHING):
        page = index.search(request, audience)
        assert page.total == 1
        assert msgspec.json.decode(page.items[0])["vin"] == row.vin
    shown = index.search(SearchRequest(), GUEST).items[0]
    assert set(GUARDED_FIELDS) & set(msgspec.json.decode(shown)) == set()


def test_the_order_of_fields_is_fixed_and_the_guarded_come_last() -> None:
    row = seeded_rows(1, 1)[0]
    index = index_of([row])
    whole = index.get(row.id, EVERYTHING)
    assert whole is not None
    fields = list(msgspec.json.decode(whole))
    assert fields[0] == "id"
    assert fields[-4:] == ["version", *GUARDED_FIELDS]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.text(max_size=8), st.text(max_size=8), st.lists(st.text(max_size=5), max_size=3)), max_size=8
    ),
    st.text(max_size=6),
    st.data(),
)
def test_any_text_is_found_again_and_never_breaks_an_answer(
    texts: list[tuple[str, str, list[str]]], words: str, data: st.DataObject
) -> None:
    stock = [
        msgspec.structs.replace(row, make=make, model=model, options=tuple(options), attributes={"seats": model})
        for row, (make, model, options) in zip(seeded_rows(len(texts), 3), texts, strict=True)
    ]
    index = index_of(stock)
    asked = data.draw(st.sampled_from([make for make, _, _ in texts] or ["x"]))
    facets = ["make", "model", "options", "attributes.seats"]
    for criteria in (
        Criteria(status=[], make=[asked]),
        Criteria(status=[], text=words.replace("\0", "") or None),
        Criteria(status=[], options_any=[option for _, _, options in texts for option in options][:5]),
    ):
        request = SearchRequest(criteria=criteria, facets=facets, relaxations=True)
        if any("\0" in text for text in (*criteria.make, *criteria.options_any)):
            with pytest.raises(Malformed):
                index.search(request, EVERYTHING)
            continue
        page = index.search(request, EVERYTHING)
        Twin(stock, request, EVERYTHING, TODAY).check(page)
        msgspec.json.decode(page.encode())
