"""Stock search as plain as it can be told: every question answered by looking at every row. The oracle of the index."""

from __future__ import annotations

import math
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec

from inventory.criteria import DateRange, Range, SearchPage, SearchRequest
from inventory.index import Audience
from inventory.vehicle_row import VehicleRow

EXPONENTS = {"USD": 2, "EUR": 2, "CHF": 2, "JPY": 0}
Test = Callable[[VehicleRow], bool]


def same(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold()


def parts_of(text: str) -> list[list[str]]:
    """Each piece between spaces as its runs of letters, marks and digits."""
    pieces = []
    for piece in same(text).split():
        spaced = "".join(c if c.isalnum() or unicodedata.category(c)[0] == "M" else " " for c in piece)
        if spaced.split():
            pieces.append(spaced.split())
    return pieces


def words_of(texts: Iterable[str | None]) -> set[str]:
    pieces = [piece for text in texts if text for piece in parts_of(text)]
    return {word for piece in pieces for word in [*piece, "".join(piece)]}


def sees(row: VehicleRow, audience: Audience) -> bool:
    if audience.brands is not None and row.brand not in audience.brands:
        return False
    if audience.guarded:
        offered = row.status in ("ON_ORDER", "IN_TRANSIT", "IN_STOCK", "RESERVED")
        return row.visibility == "PUBLIC" and not row.holds and offered
    return audience.everything or row.dealer_account_id in audience.units or row.visibility in ("NETWORK", "PUBLIC")


def inside(value: Any, bounds: Range | DateRange) -> bool:
    if value is None:
        return False
    return (
        (bounds.gte is None or value >= bounds.gte)
        and (bounds.gt is None or value > bounds.gt)
        and (bounds.lte is None or value <= bounds.lte)
        and (bounds.lt is None or value < bounds.lt)
    )


def chord_square(row: VehicleRow, latitude: float, longitude: float) -> float | None:
    """On the unit sphere, the axes added one after the other: by it distances are compared."""
    if row.latitude is None or row.longitude is None:
        return None
    square = 0.0
    for one, other in zip(on_sphere(row.latitude, row.longitude), on_sphere(latitude, longitude), strict=True):
        square += (one - other) * (one - other)
    return square


def on_sphere(latitude: float, longitude: float) -> tuple[float, float, float]:
    phi, lam = math.radians(latitude), math.radians(longitude)
    return math.cos(phi) * math.cos(lam), math.cos(phi) * math.sin(lam), math.sin(phi)


def kilometres(square: float) -> float:
    """The arc over a chord on the sphere of 6371.0088 km."""
    return 2 * 6371.0088 * math.asin(min(math.sqrt(square) / 2, 1.0))


def attribute_text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(int(value)) if isinstance(value, float) and value == int(value) and abs(value) < 1e15 else str(value)


class Twin:
    """The answers to one request of one audience over some rows."""

    def __init__(self, rows: Iterable[VehicleRow], request: SearchRequest, audience: Audience, today: date):
        self.rows, self.request, self.audience, self.today = list(rows), request, audience, today
        self.visible = [row for row in self.rows if sees(row, audience)]
        self.currency = request.criteria.currency or "USD"
        self.tests = self.criteria()
        verdicts = [(row, [name for name, test in self.tests.items() if not test(row)]) for row in self.visible]
        self.failing = [(row, set(failed)) for row, failed in verdicts]

    def price(self, row: VehicleRow) -> Decimal | None:
        if row.price_minor is None or row.price_currency != self.currency:
            return None
        return Decimal(row.price_minor).scaleb(-EXPONENTS[self.currency])

    def days_in_stock(self, row: VehicleRow) -> int | None:
        return None if row.in_stock_since is None else (self.today - row.in_stock_since).days

    def nearness(self, row: VehicleRow) -> float | None:
        near = self.request.criteria.near
        return None if near is None else chord_square(row, near.latitude, near.longitude)

    def distance(self, row: VehicleRow) -> float | None:
        square = self.nearness(row)
        return None if square is None else kilometres(square)

    def criteria(self) -> dict[str, Test]:
        """The criteria given, by name."""
        c, tests = self.request.criteria, dict[str, Test]()
        for name in (
            "make", "model", "trim", "body_style", "drivetrain", "fuel_type", "transmission", "exterior_color",
            "interior_color", "condition", "status", "location_id", "dealer_account_id",
        ):  # fmt: skip
            values = getattr(c, name)
            if name == "status" and values is None:
                values = ["IN_STOCK"]
            if values:
                tests[name] = one_of(name, values)
        if c.options_all:
            tests["options_all"] = lambda row: {same(o) for o in c.options_all} <= {same(o) for o in row.options}
        if c.options_any:
            tests["options_any"] = lambda row: bool({same(o) for o in c.options_any} & {same(o) for o in row.options})
        for code, wish in c.attributes.items():
            if wish not in ([], Range()):
                tests[f"attributes.{code}"] = attribute(code, wish)
        for name, value in (
            ("price", self.price),
            ("model_year", lambda row: row.model_year),
            ("odometer_km", lambda row: row.odometer_km),
            ("days_in_stock", self.days_in_stock),
            ("available_on", lambda row: row.available_on),
        ):
            bounds = getattr(c, name)
            if bounds is not None and bounds not in (Range(), DateRange()):
                tests[name] = ranged(value, bounds)
        if c.near is not None and c.near.radius_km is not None:
            radius = c.near.radius_km
            tests["near"] = lambda row: (self.distance(row) is not None) and (self.distance(row) or 0) <= radius
        pieces = parts_of(c.text or "")
        if pieces:
            tests["text"] = lambda row: all(
                any(word.startswith((part, "".join(piece))) for word in self.words(row))
                for piece in pieces
                for part in piece
            )
        return tests

    def words(self, row: VehicleRow) -> set[str]:
        texts = [row.make, row.model, row.trim, *row.options, row.listing_number]
        if not self.audience.guarded:
            texts += [row.vin, row.stock_number, row.registration_number]
        return words_of(texts)

    def relevance(self, row: VehicleRow) -> int:
        whole = words_of([row.make, row.model, row.trim])
        pieces = parts_of(self.request.criteria.text or "")
        return sum(part in whole or "".join(piece) in whole for piece in pieces for part in piece)

    @property
    def total(self) -> int:
        return len(self.matching(set()))

    def matching(self, left_out: set[str]) -> list[VehicleRow]:
        return [row for row, failed in self.failing if failed <= left_out]

    def ordered(self) -> list[str]:
        """The ids of all matches in the order asked for."""
        sorts = [(sort.by, sort.descending) for sort in self.request.sort] or [("days_in_stock", False)]
        values = {
            "price": self.price,
            "model_year": lambda row: row.model_year,
            "odometer_km": lambda row: row.odometer_km,
            "days_in_stock": self.days_in_stock,
            "available_on": lambda row: row.available_on and row.available_on.toordinal(),
            "distance": self.nearness,
            "relevance": self.relevance,
        }

        def key(row: VehicleRow) -> list[Any]:
            parts: list[Any] = []
            for by, descending in sorts:
                value = values[by](row)
                parts.append((1, 0) if value is None else (0, -value if descending else value))
            return [*parts, row.id]

        return [row.id for row in sorted(self.matching(set()), key=key)]

    def relaxations(self) -> dict[str, int]:
        return {name: len(self.matching({name})) for name in self.tests if name != "status"}

    def facet_rows(self, name: str) -> list[VehicleRow]:
        return self.matching({"options_all", "options_any"} if name == "options" else {name})

    def values(self, row: VehicleRow, facet: str) -> list[str | None]:
        if facet == "options":
            seen: dict[str, str] = {}
            for option in row.options:
                seen.setdefault(same(option), option)
            return [*seen.values()] or [None]
        if facet.startswith("attributes."):
            value = row.attributes.get(facet.removeprefix("attributes."))
            return [None if value is None else attribute_text(value)]
        return [getattr(row, facet)]

    def value_facet(self, facet: str) -> list[tuple[str | None, int]]:
        """Shown values with their counts."""
        counts: Counter[str | None] = Counter()
        counted: dict[str | None, Counter[str]] = {}
        for row in self.facet_rows(facet):
            for value in self.values(row, facet):
                folded = None if value is None else same(value)
                counts[folded] += 1
                counted.setdefault(folded, Counter())[value or ""] += 1
        weights = Counter(v for row in self.rows if self.weighs(row) for v in self.values(row, facet) if v is not None)
        shown: list[tuple[str | None, int]] = []
        for folded, count in counts.items():
            known = Counter({v: n for v, n in weights.items() if same(v) == folded}) or counted[folded]
            name = None if folded is None else min(v for v, n in known.items() if n == max(known.values()))
            shown.append((name, count))
        shown.sort(key=lambda one: (-one[1], one[0] is None, one[0] or ""))
        return shown[: self.request.facet_limit]

    def weighs(self, row: VehicleRow) -> bool:
        """Whether a row counts for the commonest spelling."""
        return sees(row, msgspec.structs.replace(self.audience, brands=None, units=frozenset()))

    def check(self, page: SearchPage) -> None:
        """Asserts that a first page is right in everything but times and tokens."""
        assert page.total == self.total
        ids = [msgspec.json.decode(item)["id"] for item in page.items]
        assert ids == self.ordered()[: self.request.limit]
        assert (page.next_cursor is not None) == (page.total > self.request.limit)
        wanted = self.relaxations() if self.request.relaxations else {}
        assert {one.drop: one.total for one in page.relaxations} == wanted
        assert set(page.facets) == set(self.request.facets)
        for name in page.facets:
            if name in ("price", "model_year", "odometer_km"):
                self.check_buckets(name, page)
            else:
                assert [(one.value, one.count) for one in page.facets[name]] == self.value_facet(name)
        if self.request.criteria.near is not None:
            self.check_distances(page)

    def check_buckets(self, name: str, page: SearchPage) -> None:
        """Buckets touch each other, are open at both ends and count every match with such a number once."""
        numbers = [self.price(row) if name == "price" else getattr(row, name) for row in self.facet_rows(name)]
        known = [number for number in numbers if number is not None]
        buckets = [one for one in page.facets[name] if one.value is msgspec.UNSET]
        absent = [one for one in page.facets[name] if one.value is None]
        assert buckets + absent == page.facets[name]
        assert [one.count for one in absent] == [len(numbers) - len(known)] * (
            name != "price" and len(known) < len(numbers)
        )
        assert bool(buckets) == bool(known)
        if buckets:
            assert (buckets[0].gte, buckets[-1].lt) == (None, None)
            assert [one.lt for one in buckets[:-1]] == [one.gte for one in buckets[1:]]
        for one in buckets:
            assert one.count == sum((one.gte is None or n >= one.gte) and (one.lt is None or n < one.lt) for n in known)
            assert one.count > 0

    def check_distances(self, page: SearchPage) -> None:
        by_id = {row.id: row for row in self.visible}
        for item in page.items:
            vehicle = msgspec.json.decode(item)
            distance = self.distance(by_id[vehicle["id"]])
            if distance is None:
                assert vehicle["distance_km"] is None
            else:
                assert vehicle["distance_km"] == float(f"{distance:.3f}")


def one_of(name: str, values: list[str]) -> Test:
    wanted = {same(value) for value in values}
    return lambda row: getattr(row, name) is not None and same(getattr(row, name)) in wanted


def ranged(value: Callable[[VehicleRow], Any], bounds: Any) -> Test:
    return lambda row: inside(value(row), bounds)


def attribute(code: str, wish: Any) -> Test:
    if isinstance(wish, Range):
        return lambda row: (
            isinstance(row.attributes.get(code), int | float)
            and (not isinstance(row.attributes[code], bool) and inside(Decimal(str(row.attributes[code])), wish))
        )
    wanted = {same(attribute_text(value)) for value in wish}
    return lambda row: code in row.attributes and same(attribute_text(row.attributes[code])) in wanted
