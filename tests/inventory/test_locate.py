"""The cars that are located are those that looking at every car and every wish finds, in the same order."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.kit.errors import Invalid, Malformed, Problem, UnknownProperty
from inventory import locate
from inventory.criteria import Criteria, Near, Range, SearchRequest
from inventory.index import EVERYTHING, Audience, StockIndex
from inventory.locate import Buyer, LocatedVehicle, drops, located
from inventory.locate_request import LocateRequest, Origin, checked_request, wishes_of
from inventory.network import Network, Site
from inventory.vehicle_row import VehicleRow
from tests.inventory.search_twin import Twin, chord_square, kilometres, sees
from tests.inventory.stocks import TODAY, audiences, id_named, requests, rows

SITES = [
    Site("plant", "PLANT", 52.0, 5.0),
    Site("hub-a", "HUB", 40.0, -80.0),
    Site("hub-b", "HUB", 50.0, 0.0, "hub-a"),
    Site("centre-a", "DISTRIBUTION_CENTER", 40.5, -75.0, "hub-a"),
    Site("centre-b", "DISTRIBUTION_CENTER", 50.5, 0.5, "hub-b"),
    Site("lot-a", "DEALER_LOT", 40.71, -74.0, "centre-a"),
    Site("lot-a2", "DEALER_LOT", 40.73, -73.99, "lot-a"),
    Site("lot-b", "DEALER_LOT", 51.5, -0.12, "centre-b"),
    Site("lot-near-a", "DEALER_LOT", 40.6, -75.5),
    Site("nowhere", "DEALER_LOT"),
    Site("round-1", "DEALER_LOT", 1.0, 1.0, "round-2"),
    Site("round-2", "DEALER_LOT", 1.0, 1.0, "round-1"),
]
NETWORK = Network(SITES)
PLACES = [None, "unknown", *(site.id for site in SITES)]
ORIGINS = [Origin(location_id="lot-a"), Origin(location_id="lot-b"), Origin(latitude=45.0, longitude=-60.0)]


def placed(row: VehicleRow, place: str | None) -> VehicleRow:
    """The car at a location of the network."""
    site = NETWORK.sites.get(place or "")
    point = (site.latitude, site.longitude) if site else (None, None)
    return msgspec.structs.replace(row, location_id=place, latitude=point[0], longitude=point[1])


@st.composite
def stocks(draw: st.DrawFn) -> list[VehicleRow]:
    return [
        msgspec.structs.replace(
            placed(row, draw(st.sampled_from(PLACES))),
            status=draw(st.sampled_from(["IN_STOCK", "IN_STOCK", "IN_TRANSIT", "ON_ORDER", "SOLD"])),
        )
        for row in draw(rows(most=14))
    ]


@st.composite
def wanteds(draw: st.DrawFn) -> LocateRequest:
    wanted = draw(requests()).criteria
    wanted.status = draw(st.sampled_from([None, None, None, [], ["in_transit"]]))
    wanted.location_id = draw(st.sampled_from([[], [], ["LOT-A", "hub-a"]]))
    if draw(st.booleans()):
        wanted.near = Near(40.71, -74.0, draw(st.sampled_from([1.0, 200.0, 6_000.0])))
    names = wishes_of(wanted)
    name = st.sampled_from(names or ["make"])  # where nothing is wished, a weight for nothing
    weight = st.sampled_from([Decimal(0), Decimal("0.1"), Decimal("0.2"), Decimal("0.3"), Decimal(1), Decimal(5)])
    return LocateRequest(
        wanted=wanted,
        weights=draw(st.dictionaries(name, weight, max_size=4)),
        required=draw(st.lists(name, max_size=2)),
        origin=draw(st.sampled_from(ORIGINS)),
        limit=draw(st.sampled_from([1, 2, 3, 50])),
    )


def index_of(stock: list[VehicleRow]) -> StockIndex:
    index = StockIndex(secret=b"s", today=lambda: TODAY)
    index.load(stock, "1")
    return index


def found(stock: list[VehicleRow], request: LocateRequest, audience: Audience = EVERYTHING) -> list[LocatedVehicle]:
    index = index_of(stock)
    buyer = Buyer(group=frozenset(("dealer-1",)))
    return located(lambda asked: index.search(asked, audience), request, NETWORK, buyer, TODAY)


def exhaustively(stock: list[VehicleRow], request: LocateRequest, audience: Audience) -> list[tuple[Any, ...]]:
    """(id, score, hop, names of the differences) of the best cars, by scoring every one."""
    wanted = msgspec.structs.replace(request.wanted, status=[])
    tests = Twin(stock, SearchRequest(criteria=wanted), audience, TODAY).tests
    tests.pop("status", None)
    origin = request.origin
    own = NETWORK.sites[origin.location_id] if origin.location_id else None
    latitude = own.latitude if own else origin.latitude
    longitude = own.longitude if own else origin.longitude
    assert latitude is not None
    assert longitude is not None
    way = NETWORK.way_from(latitude, longitude, own and own.id)
    weights = {name: Fraction(request.weights.get(name, Decimal(1))) for name in tests}

    def candidates(statuses: list[str]) -> list[tuple[Any, ...]]:
        scored = []
        for row in stock:
            unmet = [name for name, test in tests.items() if not test(row)]
            if not sees(row, audience) or row.status not in statuses or set(unmet) & set(request.required):
                continue
            lost, whole = sum(weights[name] for name in unmet), sum(weights.values())
            square = chord_square(row, latitude, longitude)
            distance = None if square is None else kilometres(square)
            hop = way.hop_of.get(row.location_id or "", way.beyond)
            key = (bool(unmet), lost, hop, math.inf if distance is None else round(distance, 6), row.id)
            scored.append((key, (row.id, float((whole - lost) / whole) if whole else 1.0, hop, set(unmet))))
        return [told for _, told in sorted(scored, key=lambda one: one[0])]

    every = ["IN_STOCK", "ON_ORDER", "IN_TRANSIT"]
    if request.wanted.status is None:
        best = candidates(["IN_STOCK"])
        if not any(not unmet for *_, unmet in best):
            best = candidates(every)
    else:
        best = candidates([status.upper() for status in request.wanted.status] or every)
    return best[: request.limit]


@settings(max_examples=300, deadline=None)
@given(stocks(), wanteds(), audiences())
def test_the_cars_found_are_those_of_exhaustive_scoring(
    stock: list[VehicleRow], request: LocateRequest, audience: Audience
) -> None:
    checked_request(request, None)
    told = [
        (
            msgspec.json.decode(one.vehicle)["id"],
            one.score,
            one.hop,
            {difference.field for difference in one.differences},
        )
        for one in found(stock, request, audience)
    ]
    assert told == exhaustively(stock, request, audience)


@settings(max_examples=40, deadline=None)
@given(stocks(), wanteds(), audiences(), st.sampled_from([1, 2, 5]))
def test_it_is_the_same_where_pages_are_short_and_every_hop_is_asked(
    stock: list[VehicleRow], request: LocateRequest, audience: Audience, page: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(locate, "PAGE", page)
        told = [msgspec.json.decode(one.vehicle)["id"] for one in found(stock, request, audience)]
    assert told == [id for id, *_ in exhaustively(stock, request, audience)]


@given(st.lists(st.sampled_from([0, 1, 1, 2, 3, 7]), max_size=7))
def test_every_set_of_wishes_comes_once_and_the_lightest_first(weights: list[int]) -> None:
    sets = list(drops([Fraction(weight) for weight in weights]))
    assert len({frozenset(places) for _, places in sets}) == len(sets) == 2 ** len(weights)
    assert [total for total, _ in sets] == sorted(total for total, _ in sets)
    assert all(total == sum(weights[place] for place in places) for total, places in sets)


def car(id: str, place: str | None, **more: Any) -> VehicleRow:
    told = {"condition": "NEW", "status": "IN_STOCK", "make": "Ford", "model": "Escape", **more}
    return placed(VehicleRow(id=id_named(id), version=1, listing_number=id, **told), place)


def asked(**more: Any) -> LocateRequest:
    body = {"wanted": {"make": ["Ford"]}, "origin": {"location_id": "lot-a"}, **more}
    return checked_request(msgspec.convert(body, LocateRequest, strict=False), None)


def test_the_own_place_comes_first_then_the_centre_then_hub_after_hub() -> None:
    stock = [
        car("1", "hub-b"), car("2", "lot-b"), car("3", "hub-a"), car("4", "lot-a2"), car("5", "centre-a"),
        car("6", "lot-a"), car("7", None), car("8", "nowhere"), car("9", "unknown"), car("0", "lot-near-a"),
    ]  # fmt: skip
    told = [(msgspec.json.decode(one.vehicle)["listing_number"], one.hop) for one in found(stock, asked())]
    assert told == [
        ("6", 0), ("4", 1), ("5", 1), ("0", 1), ("3", 2), ("2", 3), ("1", 3), ("7", 4), ("8", 4), ("9", 4)
    ]  # fmt: skip


def test_without_an_exact_match_the_one_option_that_differs_is_named() -> None:
    stock = [
        car("far", "lot-b", options=("ABS", "Tow bar"), exterior_color="Red"),
        car("own", "lot-a", options=(), exterior_color="Blue"),
    ]
    wanted = {"make": ["Ford"], "options_all": ["abs", "Sunroof"], "exterior_color": ["red"]}
    best, next_best = found(stock, asked(wanted=wanted, required=["make"]))
    assert msgspec.json.decode(best.vehicle)["listing_number"] == "far"
    assert msgspec.to_builtins(best.differences) == [
        {"field": "options_all", "wanted": ["Sunroof"], "offered": ["abs"]}
    ]
    assert best.score == 2 / 3
    assert best.distance_km is not None
    assert best.distance_km == pytest.approx(5571, abs=30)
    assert [one.field for one in next_best.differences] == ["exterior_color", "options_all"]
    assert next_best.differences[0].offered == "Blue"


def test_every_kind_of_wish_says_what_is_offered_instead() -> None:
    stock = [
        car("x", "lot-b", price_minor=3_000_000, price_currency="USD", odometer_km=5, model_year=2020, options=("A",),
            attributes={"seats": 5}, in_stock_since=TODAY, trim="SE"),
    ]  # fmt: skip
    wanted = {
        "make": ["Ford"], "price": {"lte": "20000"}, "odometer_km": {"gte": 10}, "model_year": {"gte": 2024},
        "options_any": ["B"], "attributes": {"seats": [7]}, "days_in_stock": {"gte": 3}, "text": "hybrid",
        "available_on": {"lte": "2027-01-01"}, "near": {"latitude": 40.71, "longitude": -74.0, "radius_km": 50},
    }  # fmt: skip
    (one,) = found(stock, asked(wanted=wanted))
    offered = {difference.field: difference.offered for difference in one.differences}
    near = offered.pop("near")
    assert near["distance_km"] == one.distance_km
    assert offered == {
        "price": {"amount": "30000.00", "currency": "USD"}, "odometer_km": 5, "model_year": 2020, "options_any": [],
        "attributes.seats": 5, "days_in_stock": 0, "text": "Ford Escape SE", "available_on": None,
    }  # fmt: skip
    assert one.score == 0.1


@pytest.mark.parametrize(
    ("status", "dealer", "acquire"),
    [
        ("IN_STOCK", "dealer-1", "RESERVE"), ("IN_STOCK", None, "RESERVE"), ("IN_STOCK", "dealer-2", "REQUEST"),
        ("ON_ORDER", "dealer-1", "ORDER"), ("IN_TRANSIT", None, "ORDER"),
    ],
)  # fmt: skip
def test_how_to_come_by_a_car(status: str, dealer: str | None, acquire: str) -> None:
    (one,) = found([car("x", "lot-a", status=status, dealer_account_id=dealer)], asked())
    assert one.acquire == acquire
    assert Buyer(reserves=False).acquire(status, dealer) == ("ORDER" if acquire == "ORDER" else "REQUEST")


def test_cars_on_the_way_are_offered_only_where_none_in_stock_fits() -> None:
    coming = car("coming", "lot-a", status="IN_TRANSIT")
    in_stock = [
        msgspec.json.decode(one.vehicle)["listing_number"] for one in found([coming, car("far", "lot-b")], asked())
    ]
    assert in_stock == ["far"]
    wanted = {"make": ["Ford"], "trim": ["SE"]}
    both = found([coming, car("far", "lot-b")], asked(wanted=wanted))
    assert [msgspec.json.decode(one.vehicle)["listing_number"] for one in both] == ["coming", "far"]


BAD: list[tuple[dict[str, Any], type[Problem], str]] = [
    ({"weights": {"colour": 1}}, UnknownProperty, "/weights/colour"),
    ({"weights": {"status": 1}}, UnknownProperty, "/weights/status"),
    ({"weights": {"vin": 1}}, UnknownProperty, "/weights/vin"),
    ({"weights": {"make": -1}}, Malformed, "/weights/make"),
    ({"weights": {"make": "NaN"}}, Malformed, "/weights/make"),
    ({"weights": {"make": "1E+999999"}}, Malformed, "/weights/make"),
    ({"required": ["make", "stock_number"]}, UnknownProperty, "/required/1"),
    ({"wanted": {"price": {"gte": 2, "lte": 1}}}, Malformed, "/wanted/price"),
    ({"wanted": {"status": ["SOLD"]}}, Malformed, "/wanted/status/0"),
    ({"origin": {}}, Malformed, "/origin"),
    ({"origin": {"latitude": 1}}, Malformed, "/origin"),
    ({"origin": {"latitude": 1, "longitude": 1, "location_id": "lot-a"}}, Malformed, "/origin"),
]


@pytest.mark.parametrize(("more", "kind", "pointer"), BAD, ids=[f"{pointer} {more}" for more, _, pointer in BAD])
def test_what_breaks_a_rule_is_told_where(more: dict[str, Any], kind: type[Problem], pointer: str) -> None:
    with pytest.raises(kind) as told:
        asked(**more)
    assert type(told.value) is kind
    assert [fault.pointer for fault in told.value.errors] == [pointer]


@pytest.mark.parametrize("place", ["nobody's", "nowhere"])
def test_an_origin_must_be_a_location_with_a_point(place: str) -> None:
    with pytest.raises(Invalid) as told:
        found([car("x", "lot-a")], asked(origin={"location_id": place}))
    assert told.value.errors[0].pointer == "/origin/location_id"


def test_wishes_that_contradict_each_other_in_too_many_ways_are_refused() -> None:
    wishes = [f"w{at}" for at in range(40)]
    stock = [car(f"{at}", "lot-a", attributes=dict.fromkeys(wishes[at : at + 3], 1)) for at in range(38)]
    wanted = Criteria(attributes={name: [1] for name in wishes})
    with pytest.raises(Invalid, match="2,000 searches"):
        found(stock, LocateRequest(wanted=wanted, origin=ORIGINS[0], limit=50))


def test_a_range_that_says_nothing_is_no_wish() -> None:
    assert wishes_of(Criteria(price=Range(), attributes={"a": [], "b": [1]}, text="—", near=Near(1, 1))) == [
        "attributes.b"
    ]
