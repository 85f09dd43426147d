"""The search request takes what the contract names, in a body and in a query string; the rest is refused by pointer."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.kit.errors import Malformed, Problem, SearchTooCostly, UnknownProperty
from inventory.criteria import Criteria, DateRange, Near, Range, SearchRequest, Sort, checked
from inventory.criteria_query import from_query
from inventory.index import EVERYTHING, GUEST, StockIndex
from inventory.index import plan as plan_module
from inventory.index.answer import Setting, answer, find
from inventory.index.plan import CLAUSE_NS, MOST_NANOSECONDS, WORD_NS, whole
from tests.inventory.stocks import TODAY, seeded_rows

EXAMPLE = b"""{"criteria": {"make": ["Toyota"], "model": [], "trim": [], "body_style": [], "drivetrain": [],
 "fuel_type": [], "transmission": [], "exterior_color": [], "interior_color": [], "condition": ["USED"],
 "status": ["IN_STOCK"], "location_id": [], "dealer_account_id": [], "options_all": [], "options_any": [],
 "attributes": {"seats": ["7"], "range_km": {"gte": 400}},
 "model_year": {"gte": 2018, "lte": 2024}, "price": {"lte": 30000}, "currency": null, "odometer_km": {"lte": 80000},
 "days_in_stock": {"gte": 30}, "available_on": {"lte": "2026-12-31"},
 "near": {"latitude": 40.7, "longitude": -74.0, "radius_km": 150}, "text": "hybrid xle"},
 "sort": [{"by": "price", "order": "asc"}], "limit": 20, "cursor": null,
 "facets": ["make", "model", "body_style", "price", "model_year"], "relaxations": true}"""


def parsed(query: str) -> SearchRequest:
    return from_query(parse_qsl(query, keep_blank_values=True))


def refused(query: str) -> Problem:
    with pytest.raises(Malformed) as refusal:
        parsed(query)
    return refusal.value


def test_the_example_of_the_contract_is_taken_and_answered() -> None:
    request = checked(msgspec.json.decode(EXAMPLE, type=SearchRequest))
    index = StockIndex(secret=b"s", today=lambda: TODAY)
    index.load(seeded_rows(50, 1), "token")
    answer = msgspec.json.decode(index.search(request, GUEST).encode())
    assert list(answer) == ["total", "items", "facets", "relaxations", "next_cursor", "as_of", "took_us"]
    assert list(answer["facets"]) == request.facets
    assert {one["drop"] for one in answer["relaxations"]} == {
        "make", "condition", "attributes.seats", "attributes.range_km", "model_year", "price", "odometer_km",
        "days_in_stock", "available_on", "near", "text",
    }  # fmt: skip
    assert answer["as_of"] == "token"


def test_an_empty_request_means_the_defaults() -> None:
    request = msgspec.json.decode(b"{}", type=SearchRequest)
    assert (request.limit, request.facet_limit, request.criteria.status) == (20, 200, None)
    assert request == parsed("")


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"sort": [Sort("mileage")]}, "/sort/0/by"),
        ({"sort": [Sort("price"), Sort("distance")]}, "/sort/1/by"),
        ({"facets": ["make", "vin"]}, "/facets/1"),
        ({"facets": ["attributes.wings"]}, "/facets/0"),
        ({"criteria": Criteria(attributes={"a/b": ["x"]})}, "/criteria/attributes/a~1b"),
        ({"criteria": Criteria(attributes={"seats": [2**70]})}, "/criteria/attributes/seats/0"),
        ({"criteria": Criteria(status=["IN_STOCK", "LOST"])}, "/criteria/status/1"),
        ({"criteria": Criteria(condition=["NEWISH"])}, "/criteria/condition/0"),
        ({"criteria": Criteria(currency="QQQ")}, "/criteria/currency"),
        ({"criteria": Criteria(make=["ok", "a\0b"])}, "/criteria/make/1"),
        ({"criteria": Criteria(text="\ud800")}, "/criteria/text"),
        ({"criteria": Criteria(price=Range(gte=Decimal(5), lte=Decimal(4)))}, "/criteria/price"),
        ({"criteria": Criteria(price=Range(gt=Decimal(5), lte=Decimal(5)))}, "/criteria/price"),
        ({"criteria": Criteria(price=Range(gt=Decimal("NaN")))}, "/criteria/price/gt"),
        ({"criteria": Criteria(price=Range(lt=Decimal("-Infinity")))}, "/criteria/price/lt"),
        ({"criteria": Criteria(model_year=Range(lt=Decimal("1E+999999")))}, "/criteria/model_year/lt"),
        ({"criteria": Criteria(model_year=Range(lt=Decimal("1E-999999")))}, "/criteria/model_year/lt"),
        ({"criteria": Criteria(odometer_km=Range(lte=Decimal(2**63)))}, "/criteria/odometer_km/lte"),
        ({"criteria": Criteria(attributes={"seats": Range(lte=Decimal("NaN"))})}, "/criteria/attributes/seats/lte"),
    ],
)
def test_what_breaks_a_rule_is_refused_by_its_place(changes: dict[str, Any], pointer: str) -> None:
    with pytest.raises(Malformed) as refusal:
        checked(SearchRequest(**changes), frozenset(("seats",)))
    assert [error.pointer for error in refusal.value.errors] == [pointer]
    with pytest.raises(Malformed) as refusal:
        checked(SearchRequest(**changes), frozenset(("seats",)), root="/wanted")
    assert refusal.value.errors[0].pointer == "/wanted" + pointer


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"sort": [Sort("mileage")]}, "/sort/0/by"),
        ({"sort": [Sort("distance")]}, "/sort/0/by"),
        ({"facets": ["make", "vin"]}, "/facets/1"),
        ({"facets": ["attributes.wings"]}, "/facets/0"),
        ({"facets": ["attributes.\0"]}, "/facets/0"),
        ({"criteria": Criteria(attributes={"wings": ["x"]})}, "/criteria/attributes/wings"),
        ({"criteria": Criteria(status=["LOST"])}, "/criteria/status/0"),
        ({"criteria": Criteria(condition=["NEWISH"])}, "/criteria/condition/0"),
        ({"criteria": Criteria(currency="QQQ")}, "/criteria/currency"),
        ({"criteria": Criteria(make=["Toyota", "a\0b"])}, "/criteria/make/1"),
        ({"criteria": Criteria(options_all=["\ud800"])}, "/criteria/options_all/0"),
        ({"criteria": Criteria(options_any=["ABS", "\0"])}, "/criteria/options_any/1"),
        ({"criteria": Criteria(text="a\0")}, "/criteria/text"),
        ({"criteria": Criteria(price=Range(gte=Decimal(5), lte=Decimal(4)))}, "/criteria/price"),
        ({"criteria": Criteria(price=Range(gte=Decimal("5.4"), lte=Decimal("5.3")))}, "/criteria/price"),
        ({"criteria": Criteria(days_in_stock=Range(gt=Decimal(5), lte=Decimal(5)))}, "/criteria/days_in_stock"),
        ({"criteria": Criteria(price=Range(gt=Decimal("NaN")))}, "/criteria/price/gt"),
        ({"criteria": Criteria(model_year=Range(lt=Decimal("1E+999999")))}, "/criteria/model_year/lt"),
        ({"criteria": Criteria(odometer_km=Range(lte=Decimal(2**63)))}, "/criteria/odometer_km/lte"),
        ({"criteria": Criteria(available_on=DateRange(gt=TODAY, lt=TODAY))}, "/criteria/available_on"),
        ({"criteria": Criteria(make=["Toyota"], trim=["\0"])}, "/criteria/trim/0"),
    ],
)
def test_a_search_refuses_what_the_check_refuses(changes: dict[str, Any], pointer: str) -> None:
    """A search looks a request up in its dictionaries first: nothing unsound may pass for known."""
    odd = msgspec.structs.replace(seeded_rows(1, 1)[0], make="a\0b", options=("\0",), trim="\0", listing_number="x")
    index = StockIndex(secret=b"s", today=lambda: TODAY, known_attributes=frozenset(("seats",)))
    index.load([*seeded_rows(30, 2), odd], "1")
    request = SearchRequest(**changes)
    setting = Setting(b"s", "USD", TODAY, frozenset(("seats",)))
    for look in (
        lambda: index.search(request, EVERYTHING),
        lambda: find(index._snapshot, request, EVERYTHING, setting),
        lambda: answer(index._snapshot, request, EVERYTHING, "somebody", setting),
    ):
        with pytest.raises(Malformed) as refusal:
            look()
        assert [error.pointer for error in refusal.value.errors] == [pointer]


@pytest.mark.parametrize(
    ("criteria", "pointer"),
    [
        (Criteria(text=" ".join("abcdefghijklmnopqrstuvwxyz" * 3)), "/criteria/text"),
        (Criteria(text="toyota", options_all=["ABS"] * 1_000), "/criteria/options_all"),
        (Criteria(options_all=["ABS"], attributes={f"a{n}": ["x"] for n in range(50)}), "/criteria/attributes"),
    ],
)
def test_a_search_that_would_cost_more_than_its_cap_says_so(
    monkeypatch: pytest.MonkeyPatch, criteria: Criteria, pointer: str
) -> None:
    index = StockIndex(secret=b"s", today=lambda: TODAY)
    index.load(seeded_rows(100, 1), "1")
    request = SearchRequest(criteria=criteria)
    assert index.search(request, EVERYTHING).total <= 100
    monkeypatch.setattr(plan_module, "MOST_NANOSECONDS", 1_000)
    with pytest.raises(SearchTooCostly) as refusal:
        index.search(request, EVERYTHING)
    assert (refusal.value.status, refusal.value.slug) == (422, "search-too-costly")
    assert [error.pointer for error in refusal.value.errors] == [pointer]
    assert index.search(SearchRequest(criteria=Criteria(text="toyota")), EVERYTHING).total > 0


def test_ten_words_on_ten_million_vehicles_are_within_the_cap_and_a_hundred_are_not() -> None:
    assert 10 * WORD_NS * 10**7 < MOST_NANOSECONDS < 100 * WORD_NS * 10**7
    assert 1_000 * CLAUSE_NS * 10**6 < MOST_NANOSECONDS


def test_unknown_names_are_unknown_properties() -> None:
    for request in (SearchRequest(sort=[Sort("x")]), SearchRequest(facets=["x"])):
        with pytest.raises(UnknownProperty):
            checked(request)


@pytest.mark.parametrize(
    "body",
    [
        b'{"criteria": {"colour": ["red"]}}',
        b'{"limit": 0}',
        b'{"limit": 201}',
        b'{"criteria": {"near": {"latitude": 91, "longitude": 0}}}',
        b'{"criteria": {"near": {"latitude": 1, "longitude": 0, "radius_km": 0}}}',
        b'{"criteria": {"near": {"latitude": 1, "longitude": 0, "radius_km": 25000}}}',
        b'{"criteria": {"price": {"gte": "abc"}}}',
        b'{"criteria": {"price": {"gte": NaN}}}',
        b'{"criteria": {"price": {"at_least": 1}}}',
        b'{"sort": [{"by": "price", "order": "up"}]}',
        b'{"criteria": {"text": "%s"}}' % (b"x" * 201),
        b'{"criteria": {"make": [%s]}}' % b",".join([b'"x"'] * 1_001),
    ],
)
def test_the_types_refuse_what_is_out_of_bounds(body: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        msgspec.json.decode(body, type=SearchRequest)


def test_a_query_string_makes_the_same_request_as_a_body() -> None:
    made = parsed(
        "make=Toyota&make=Kia&status=&price.lte=30000.50&model_year.gte=2018&available_on.lt=2026-12-31&text=xle"
        "&near.latitude=40.7&near.longitude=-74&near.radius_km=150&attributes.seats=7&attributes.range.a.gte=400"
        "&sort=-price,model_year&sort=relevance&facets=make,price&facets=model&facet_limit=9&limit=5&relaxations=true"
        "&currency=EUR&trim="
    )
    assert made == SearchRequest(
        criteria=Criteria(
            make=["Toyota", "Kia"],
            status=[],
            price=Range(lte=Decimal("30000.50")),
            model_year=Range(gte=Decimal(2018)),
            available_on=DateRange(lt=date(2026, 12, 31)),
            near=Near(40.7, -74.0, 150.0),
            attributes={"seats": ["7"], "range.a": Range(gte=Decimal(400))},
            currency="EUR",
            text="xle",
        ),
        sort=[Sort("price", "desc"), Sort("model_year", "asc"), Sort("relevance")],
        facets=["make", "price", "model"],
        facet_limit=9,
        limit=5,
        relaxations=True,
    )


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("colour=red", "?colour"),
        ("price=5", "?price"),
        ("price.from=5", "?price.from"),
        ("near.x=5", "?near.x"),
        ("criteria.make=x", "?criteria.make"),
        ("price.lte=abc", "?price.lte"),
        ("price.lte=NaN", "?price.lte"),
        ("price.lte=1&price.lte=2", "?price.lte"),
        ("price.gte=5&price.lte=3", "?price.gte"),
        ("limit=1000", "?limit"),
        ("limit=x", "?limit"),
        ("sort=colour", "?sort"),
        ("sort=distance", "?sort"),
        ("facets=make,vin", "?facets"),
        ("attributes.range.gte=x", "?attributes.range.gte"),
        ("attributes.a=1&attributes.a.gte=1", "?attributes.a.gte"),
        ("attributes.a.gte=1&attributes.a=1", "?attributes.a"),
        ("near.latitude=91&near.longitude=3", "?near.latitude"),
        ("near.latitude=nan&near.longitude=3", "?near.latitude"),
        ("near.latitude=1", "?near.latitude"),
        ("available_on.lte=tomorrow", "?available_on.lte"),
        ("status=LOST", "?status"),
        ("relaxations=perhaps", "?relaxations"),
    ],
)
def test_a_wrong_parameter_is_named(query: str, pointer: str) -> None:
    assert [error.pointer for error in refused(query).errors] == [pointer]


@given(st.text(max_size=20), st.text(max_size=20))
def test_no_parameter_whatsoever_does_worse_than_a_refusal(name: str, value: str) -> None:
    for one in (name, "make", "price.lte", "sort", "limit", "near.latitude", f"attributes.{name}", "attributes.x.gte"):
        try:
            request = from_query([(one, value)])
        except Malformed as refusal:
            assert refusal.errors[0].pointer.startswith("?")  # noqa: PT017 - either outcome is right
        else:
            checked(request)


decimals = st.decimals(min_value=-1000, max_value=1000, places=3)


@given(st.sampled_from(["gte", "gt", "lte", "lt"]), decimals, st.integers(-200_000, 200_000))
def test_bounds_become_whole_minor_units_without_rounding(name: str, bound: Decimal, minor: int) -> None:
    bounds = Range(**{name: bound})
    low, high = whole(bounds, 2)
    assert (low <= minor <= high) == bounds.admits(Decimal(minor) / 100)


@pytest.mark.parametrize(
    ("litres", "bounds", "found"),
    [
        (12.7, '{"gte": 12.7}', 1), (12.7, '{"lt": 12.7}', 0), (2.1, '{"gte": "2.1", "lte": 2.1}', 1),
        (2.1, '{"gt": 2.1}', 0), (2, '{"gte": 2.0, "lte": "2"}', 1),
    ],
)  # fmt: skip
def test_an_attribute_with_decimals_lies_on_the_bound_that_is_written_like_it(
    litres: float, bounds: str, found: int
) -> None:
    row = msgspec.structs.replace(seeded_rows(1, 1)[0], attributes={"litres": litres})
    index = StockIndex(secret=b"s", today=lambda: TODAY)
    index.load([row], "")
    wish = msgspec.json.decode(bounds, type=Range)
    assert (
        index.find(SearchRequest(criteria=Criteria(status=[], attributes={"litres": wish})), EVERYTHING).total == found
    )


def test_a_price_criterion_and_facet_leave_other_currencies_out_and_sort_them_last() -> None:
    base = [msgspec.structs.replace(row, status="IN_STOCK", odometer_km=None) for row in seeded_rows(4, 1)]
    priced = [(1_000_00, "USD"), (900, "JPY"), (None, "USD"), (5_000_00, "USD")]
    stock = [
        msgspec.structs.replace(row, price_minor=p, price_currency=c) for row, (p, c) in zip(base, priced, strict=True)
    ]
    index = StockIndex(secret=b"s", today=lambda: TODAY)
    index.load(stock, "1")
    for order, expected in (("asc", [0, 3]), ("desc", [3, 0])):
        request = SearchRequest(sort=[Sort("price", order)], facets=["price", "odometer_km"])  # type: ignore[arg-type]
        page = index.search(request, EVERYTHING)
        ids = [msgspec.json.decode(item)["id"] for item in page.items]
        assert ids == [stock[i].id for i in expected] + sorted((stock[1].id, stock[2].id))
        assert sum(one.count for one in page.facets["price"]) == 2
        assert [(one.value, one.count) for one in page.facets["odometer_km"]] == [(None, 4)]
    yen = SearchRequest(criteria=Criteria(currency="JPY", price=Range(gte=Decimal(900))))
    assert index.search(yen, EVERYTHING).total == 1
