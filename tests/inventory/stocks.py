"""Random vehicles, requests and audiences for search tests: small pools full of ties, spellings and absent values."""

from __future__ import annotations

import random
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from hypothesis import strategies as st

from inventory.criteria import (
    RANGE_FACETS,
    SORTS,
    VALUE_FACETS,
    Criteria,
    DateRange,
    Near,
    Range,
    SearchRequest,
    Sort,
)
from inventory.index import Audience
from inventory.vehicle_row import CONDITIONS, HOLDS, STATUSES, VISIBILITIES, VehicleRow

TODAY = date(2026, 11, 20)
POOLS: dict[str, list[Any]] = {
    "brand": [None, "TOYOTA", "FORD", "Ford"],
    "make": [None, "Toyota", "TOYOTA", "toyota", "Ford", "Škoda", "S\u030ckoda", "ŠKODA", "Straße", "STRASSE", ""],
    "model": [None, "F-150", "F150", "f 150", "Camry Hybrid", "Rio", "RAV4", "\u0130d.3", "नमस्ते 3", "500 e"],
    "trim": [None, "XLE", "xle", "SE Hybrid", "Toyota Edition"],
    "body_style": [None, "SUV", "Sedan"],
    "drivetrain": [None, "AWD", "awd"],
    "fuel_type": [None, "HYBRID", "Hybrid", "GASOLINE"],
    "transmission": [None, "MANUAL"],
    "exterior_color": [None, "Black", "black", "Weiß", "WEISS"],
    "interior_color": [None, "Grey"],
    "price_currency": ["USD", "USD", "USD", "EUR", "JPY", None],
    "price_minor": [None, 0, 1, 99, 2_399_500, 2_399_501, 3_000_000, 120_000_00, 2**40, -5],
    "price_tax": [None, "INCLUDED"],
    "model_year": [None, 1999, 2018, 2019, 2020, 2024, 9999],
    "odometer_km": [None, 0, 12, 79_999, 80_000, 80_001, 250_000],
    "location_id": [None, "loc-1", "loc-2", "LOC-2"],
    "dealer_account_id": [None, "dealer-1", "dealer-2", "Dealer-2"],
    "options": ["ABS", "abs", "Heated seats", "heated-seats", "Sun roof", "Ünïcode", "SUV"],
    "seats": [5, 7, "7", "seven", True],
    "range_km": [390, 400, 400.5, "400", 1e300],
    "point": [
        (None, None), (40.7128, -74.006), (40.73, -73.99), (51.5, -0.12), (-33.87, 151.21), (89.9, 10.0),
        (40.7128, None),
    ],
    "number": [None, "1FTEW1EP5K", "VIN-17 A", "B-AB 123", "F-150"],
    "in_stock_since": [None, *(TODAY - timedelta(days) for days in (-3, 0, 1, 29, 30, 31, 400))],
    "available_on": [None, date(2026, 12, 30), date(2026, 12, 31), date(2027, 1, 1)],
}  # fmt: skip
TEXTS = [
    None, "hybrid", "xle hyb", "f-150", "f150", "150", "f", "ABS sun", "škoda", "STRASSE", "toyota toyota", "vin",
    "1ftew", "17a", "lst-00001", "lst", "—", "नमस्ते", "ab-123", "i\u0307d", "seats heated", "zzz", "edition toy",
]  # fmt: skip
ORIGINS = [(40.71, -74.0), (0.3, 0.7), (-40.0, 179.5)]
RADII = [None, 0.5, 3.3, 40.0, 6_000.0, 15_950.5, 20_037.6]
BOUNDS = {
    "price": ["0", "239.95", "23995.00", "23995.005", "23995", "30000", "1E3", "-1"],
    "model_year": ["2018", "2019.5", "2020", "9999"],
    "odometer_km": ["0", "80000", "79999.9"],
    "days_in_stock": ["0", "30", "29.5", "-2"],
    "range": ["390", "400", "400.25", "1E18"],
}  # fmt: skip


def row_from(pick: Any, number: int, version: int = 1) -> VehicleRow:
    """A vehicle whose every value is chosen by `pick(pool)`."""
    latitude, longitude = pick(POOLS["point"])
    kilometres = pick(POOLS["odometer_km"])
    attributes = {}
    if pick([False, True]):
        attributes["seats"] = pick(POOLS["seats"])
    if pick([False, False, True]):
        attributes["range_km"] = pick(POOLS["range_km"])
    plain = {
        name: pick(POOLS[name])
        for name in (
            "brand", "make", "model", "trim", "body_style", "drivetrain", "fuel_type", "transmission", "exterior_color",
            "interior_color", "price_currency", "price_minor", "price_tax", "model_year", "location_id",
            "dealer_account_id", "in_stock_since", "available_on",
        )
    }  # fmt: skip
    return VehicleRow(
        id=str(UUID(int=(number * 7919 % 10_007) << 64 | number)),
        version=version,
        listing_number=f"LST-{number:05d}",
        vin=pick(POOLS["number"]),
        stock_number=pick(POOLS["number"]),
        registration_number=pick(POOLS["number"]),
        condition=pick(CONDITIONS),
        status=pick(("IN_STOCK", "IN_STOCK", *STATUSES)),
        holds=pick(((), (), (), *((hold,) for hold in HOLDS))),
        visibility=pick(("PUBLIC", "PUBLIC", *VISIBILITIES)),
        odometer_value=kilometres,
        odometer_km=kilometres,
        odometer_unit=None if kilometres is None else "KM",
        options=tuple(pick(POOLS["options"]) for _ in range(pick([0, 0, 1, 2, 4]))),
        attributes=attributes,
        latitude=latitude,
        longitude=longitude,
        **plain,
    )


def request_from(pick: Any) -> SearchRequest:
    """A request whose every part is chosen by `pick(pool)`; most criteria are absent most of the time."""

    def some(pool: Any, often: int = 16) -> list[Any]:
        if pick(range(often)):
            return []
        known = [value for value in pool if value is not None]
        return [pick([*known, "nobody has this"]) for _ in range(pick([1, 2, 3]))]

    def bounds(name: str) -> Range | None:
        if pick(range(12)):
            return None
        low, high = Decimal(pick(BOUNDS[name])), Decimal(pick(BOUNDS[name]))
        low, high = min(low, high), max(low, high)
        lower = pick([{}, {"gte": low}, {"gt": low - 1}])
        return Range(**lower, **pick([{}, {"lte": high}, {"lt": high + 1}]))

    near = None
    if not pick(range(3)):
        latitude, longitude = pick(ORIGINS)
        near = Near(latitude, longitude, pick(RADII))
    attributes: dict[str, Any] = {}
    if not pick(range(12)):
        attributes["seats"] = pick([[], ["7"], [7, True], ["SEVEN", 5]])
    if not pick(range(12)):
        attributes["range_km"] = bounds("range") or pick([["400"], Range(gte=Decimal(400))])
    if not pick(range(40)):
        attributes["unheard_of"] = ["x"]
    lists = {
        name: some(POOLS[name])
        for name in (
            "make", "model", "trim", "body_style", "drivetrain", "fuel_type", "transmission", "exterior_color",
            "interior_color", "location_id", "dealer_account_id",
        )
    }  # fmt: skip
    days = [None, DateRange(lte=date(2026, 12, 31)), DateRange(gt=date(2026, 12, 30), lt=date(2027, 1, 1))]
    criteria = Criteria(
        **lists,
        condition=[pick(CONDITIONS) for _ in range(pick([0, 0, 0, 0, 0, 2]))],
        status=pick([None, [], [], [], [], ["in_stock", "SOLD"], [pick(STATUSES)]]),
        options_all=some(POOLS["options"]),
        options_any=some(POOLS["options"]),
        attributes=attributes,
        model_year=bounds("model_year"),
        price=bounds("price"),
        currency=pick([None, None, "USD", "EUR", "JPY", "CHF"]),
        odometer_km=bounds("odometer_km"),
        days_in_stock=bounds("days_in_stock"),
        available_on=pick([None] * 8 + days),
        near=near,
        text=pick([None] * 24 + TEXTS),
    )
    sorts = [sort for sort in SORTS if near is not None or sort != "distance"]
    facets = [*VALUE_FACETS, *RANGE_FACETS, "attributes.seats", "attributes.range_km", "attributes.unheard_of"]
    return SearchRequest(
        criteria=criteria,
        sort=[Sort(pick(sorts), pick([None, "asc", "desc"])) for _ in range(pick([0, 1, 1, 2, 3]))],
        limit=pick([1, 2, 3, 7, 200]),
        facets=[pick(facets) for _ in range(pick([0, 2, 8]))],
        facet_limit=pick([200, 200, 2, 1]),
        relaxations=pick([False, True]),
    )


def audience_from(pick: Any) -> Audience:
    """A guest, a partner with or without accounts, staff with or without brands."""
    brands = pick([None, None, None, frozenset(), frozenset(("TOYOTA",)), frozenset(("Ford", "nobody"))])
    if pick([False, True]):
        return Audience(guarded=True, brands=brands)
    units = pick([frozenset(), frozenset(("dealer-1",)), frozenset(("Dealer-2", "dealer-9"))])
    return Audience(guarded=False, units=units, everything=pick([False, True]), brands=brands)


@st.composite
def rows(draw: st.DrawFn, most: int = 10) -> list[VehicleRow]:
    """A small stock."""
    count = draw(st.integers(0, most))
    return [draw(row(number)) for number in range(count)]


@st.composite
def row(draw: st.DrawFn, number: int, version: int = 1) -> VehicleRow:
    """One vehicle with a given number."""
    return row_from(lambda pool: draw(st.sampled_from(pool)), number, version)


@st.composite
def requests(draw: st.DrawFn) -> SearchRequest:
    """Any request within the rules."""
    return request_from(lambda pool: draw(st.sampled_from(pool)))


@st.composite
def audiences(draw: st.DrawFn) -> Audience:
    """Any audience."""
    return audience_from(lambda pool: draw(st.sampled_from(pool)))


def seeded_rows(count: int, seed: int) -> list[VehicleRow]:
    """A stock of any size, the same for the same seed."""
    rng = random.Random(seed)
    return [row_from(rng.choice, number) for number in range(count)]


def id_named(name: str) -> str:
    """An id that belongs to a short name; ids have the order of their names."""
    return str(UUID(bytes=name.encode().ljust(16, b"\0")))
