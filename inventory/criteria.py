"""What a stock search may ask and how it is answered: the request with its limits, the page with its counts.

The Structs hold what their types can say; `checked` says the rest with a JSON pointer for each fault. The same
request is made from a query string by `from_query` in `inventory.criteria_query`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from domain.kit.errors import FieldError, Malformed, UnknownProperty
from domain.kit.money import digits
from inventory.vehicle_row import CONDITIONS, STATUSES

MOST_VALUES = 1_000
LONGEST_VALUE = 200
LARGEST_RADIUS_KM = 20_037.6
MOST_DIGITS = 40
LARGEST_NUMBER = 2**63 - 1
DEFAULT_STATUS = ["IN_STOCK"]

VALUE_FACETS = (
    "make", "model", "trim", "body_style", "drivetrain", "fuel_type", "transmission", "exterior_color",
    "interior_color", "condition", "status", "options", "location_id", "dealer_account_id",
)  # fmt: skip
RANGE_FACETS = ("price", "model_year", "odometer_km")
SORTS = ("price", "model_year", "odometer_km", "days_in_stock", "available_on", "distance", "relevance")

Value = Annotated[str, Meta(max_length=LONGEST_VALUE)]
Values = Annotated[list[Value], Meta(max_length=MOST_VALUES)]
AttributeValues = Annotated[list[Value | int | float | bool], Meta(max_length=MOST_VALUES)]


class Range(msgspec.Struct, forbid_unknown_fields=True, frozen=True, omit_defaults=True):
    """Numbers between bounds; a bound is a JSON number or a decimal string and is never rounded."""

    gte: Decimal | None = None
    gt: Decimal | None = None
    lte: Decimal | None = None
    lt: Decimal | None = None

    def admits(self, value: Decimal | float) -> bool:
        """Whether a number lies between the bounds; a float counts as the decimal that it is written as."""
        if isinstance(value, float):
            value = Decimal(repr(value))
        return (
            (self.gte is None or value >= self.gte)
            and (self.gt is None or value > self.gt)
            and (self.lte is None or value <= self.lte)
            and (self.lt is None or value < self.lt)
        )


class DateRange(msgspec.Struct, forbid_unknown_fields=True, frozen=True, omit_defaults=True):
    """Days between bounds."""

    gte: date | None = None
    gt: date | None = None
    lte: date | None = None
    lt: date | None = None


class Near(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A point; with a radius only what lies within it matches, without one it is where distances start."""

    latitude: Annotated[float, Meta(ge=-90, le=90)]
    longitude: Annotated[float, Meta(ge=-180, le=180)]
    radius_km: Annotated[float, Meta(gt=0, le=LARGEST_RADIUS_KM)] | None = None


class Sort(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """One sort key; the order is ascending unless given, for relevance descending."""

    by: str
    order: Literal["asc", "desc"] | None = None

    @property
    def descending(self) -> bool:
        """The order that holds."""
        return self.order == "desc" if self.order else self.by == "relevance"


class Criteria(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What a vehicle must meet; an empty list or range is no criterion."""

    make: Values = []
    model: Values = []
    trim: Values = []
    body_style: Values = []
    drivetrain: Values = []
    fuel_type: Values = []
    transmission: Values = []
    exterior_color: Values = []
    interior_color: Values = []
    condition: Values = []
    status: Values | None = None
    """Absent: in stock. Empty: every status that the caller may see."""
    location_id: Values = []
    dealer_account_id: Values = []
    options_all: Values = []
    options_any: Values = []
    attributes: Annotated[dict[Value, AttributeValues | Range], Meta(max_length=50)] = {}
    model_year: Range | None = None
    price: Range | None = None
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$")] | None = None
    odometer_km: Range | None = None
    days_in_stock: Range | None = None
    available_on: DateRange | None = None
    near: Near | None = None
    text: Value | None = None


class SearchRequest(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A search as it comes over the wire."""

    criteria: Criteria = msgspec.field(default_factory=Criteria)
    sort: Annotated[list[Sort], Meta(max_length=len(SORTS))] = []
    limit: Annotated[int, Meta(ge=1, le=200)] = 20
    cursor: Annotated[str, Meta(max_length=2_000)] | None = None
    facets: Annotated[list[Value], Meta(max_length=64)] = []
    facet_limit: Annotated[int, Meta(ge=1, le=10_000)] = 200
    relaxations: bool = False


class FacetCount(msgspec.Struct, kw_only=True, frozen=True):
    """How many vehicles have a value (`value`), or lie in a bucket (`gte` ≤ number < `lt`, an open end is null).

    Buckets of model year and odometer are followed by `{"value": null}` if some vehicles have no such number.
    """

    value: str | UnsetType | None = UNSET
    gte: int | UnsetType | None = UNSET
    lt: int | UnsetType | None = UNSET
    count: int


class Relaxation(msgspec.Struct, frozen=True):
    """The total if only this criterion were dropped."""

    drop: str
    total: int


class SearchPage:
    """One page of an answer, written as JSON already; its parts are read back when they are asked for."""

    def __init__(
        self,
        *,
        total: int,
        items: bytes,
        facets: bytes,
        relaxations: list[Relaxation],
        next_cursor: str | None,
        as_of: str,
        took_us: int,
    ):
        """`items`: vehicles joined by commas; `facets`: members of an object."""
        self.total, self.relaxations, self.next_cursor = total, relaxations, next_cursor
        self.as_of, self.took_us = as_of, took_us
        self._items, self._facets = items, facets

    @cached_property
    def items(self) -> list[msgspec.Raw]:
        """The vehicles, each as JSON."""
        return _read_items(b"[%b]" % self._items)

    @cached_property
    def facets(self) -> dict[str, list[FacetCount]]:
        """The counts by facet."""
        return _read_facets(b"{%b}" % self._facets)

    def encode(self) -> bytes:
        """The answer as JSON."""
        return b'{"total":%d,"items":[%b],"facets":{%b},"relaxations":%b,"next_cursor":%b,"as_of":%b,"took_us":%d}' % (
            self.total,
            self._items,
            self._facets,
            _encode(self.relaxations),
            _encode(self.next_cursor),
            _encode(self.as_of),
            self.took_us,
        )


_encode = msgspec.json.Encoder().encode
_read_items = msgspec.json.Decoder(list[msgspec.Raw]).decode
_read_facets = msgspec.json.Decoder(dict[str, list[FacetCount]]).decode


def checked(request: SearchRequest, known_attributes: frozenset[str] | None = None, root: str = "") -> SearchRequest:
    """The request itself if it keeps every rule, else Malformed (UnknownProperty for names) with a pointer a fault.

    `known_attributes`: the catalogue of attribute codes, if there is one; `root` goes before every pointer.
    """
    unknown = [FieldError(root + pointer, detail) for pointer, detail in _unknown_names(request, known_attributes)]
    if unknown:
        raise UnknownProperty(unknown[0].detail, errors=unknown)
    faults = [FieldError(root + pointer, detail) for pointer, detail in _faults(request)]
    if faults:
        raise Malformed(faults[0].detail, errors=faults)
    return request


def pointer(*steps: str | int) -> str:
    """A JSON pointer (RFC 6901)."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in steps)


def _unknown_names(request: SearchRequest, known: frozenset[str] | None) -> Iterator[tuple[str, str]]:
    for i, sort in enumerate(request.sort):
        if sort.by not in SORTS:
            yield pointer("sort", i, "by"), f"there is no such sort; known are {', '.join(SORTS)}"
    for i, facet in enumerate(request.facets):
        if not facet.startswith("attributes.") and facet not in VALUE_FACETS and facet not in RANGE_FACETS:
            yield pointer("facets", i), "there is no such facet"
        elif facet.startswith("attributes.") and known is not None and facet.removeprefix("attributes.") not in known:
            yield pointer("facets", i), "there is no such attribute"
    for code in request.criteria.attributes:
        if known is not None and code not in known:
            yield pointer("criteria", "attributes", code), "there is no such attribute"


def _faults(request: SearchRequest) -> Iterator[tuple[str, str]]:
    criteria = request.criteria
    if criteria.near is None:
        for i, sort in enumerate(request.sort):
            if sort.by == "distance":
                yield pointer("sort", i, "by"), "distance needs criteria.near"
    for i, facet in enumerate(request.facets):
        if not sound(facet):
            yield pointer("facets", i), "is not a sound text"
    for name in Criteria.__struct_fields__:
        if value := getattr(criteria, name):
            yield from _value_faults(value, "criteria", name)
    if criteria.currency is not None:
        try:
            digits(criteria.currency)
        except ValueError:
            yield pointer("criteria", "currency"), "is not an ISO 4217 currency"
    for name, allowed in (("condition", CONDITIONS), ("status", STATUSES)):
        for i, value in enumerate(getattr(criteria, name) or ()):
            if value.upper() not in allowed:
                yield pointer("criteria", name, i), f"is none of {', '.join(allowed)}"


def _value_faults(value: Any, *at: str) -> Iterator[tuple[str, str]]:
    """Faults of texts, lists, ranges and attributes, by their type."""
    if isinstance(value, str):
        if not sound(value):
            yield pointer(*at), "is not a sound text"
    elif isinstance(value, list):
        for i, one in enumerate(value):
            yield from _value_faults(one, *at, str(i))
    elif isinstance(value, dict):
        for code, one in value.items():
            if not sound(code):
                yield pointer(*at), "has a name that is not a sound text"
            else:
                yield from _value_faults(one, *at, code)
    elif isinstance(value, Range):
        yield from _range_faults(value, *at)
    elif isinstance(value, DateRange):
        yield from _order_faults(value, *at)
    elif isinstance(value, int) and abs(value) > LARGEST_NUMBER:
        yield pointer(*at), "is too large"


def sound(text: str) -> bool:
    """Whether a text can be stored and sent: no U+0000, no half of a surrogate pair."""
    return "\0" not in text and (text.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in text))


def _range_faults(bounds: Range, *at: str) -> Iterator[tuple[str, str]]:
    for name in ("gte", "gt", "lte", "lt"):
        bound = getattr(bounds, name)
        if bound is None:
            continue
        if not _is_plain(bound):
            yield pointer(*at, name), "is not a number between -2^63 and 2^63 of at most 40 digits"
            return
    yield from _order_faults(bounds, *at)


def _is_plain(bound: Decimal) -> bool:
    """Whether arithmetic with a bound is cheap; exponent and digits come first: 1E+999999 would hold the process."""
    if not bound.is_finite() or not -MOST_DIGITS <= bound.adjusted() <= 18:
        return False
    return len(bound.as_tuple().digits) <= MOST_DIGITS and abs(bound) <= LARGEST_NUMBER


def _order_faults(bounds: Range | DateRange, *at: str) -> Iterator[tuple[str, str]]:
    """A range that no value could meet is a mistake of the caller."""
    for low_name in ("gte", "gt"):
        for high_name in ("lte", "lt"):
            low, high = getattr(bounds, low_name), getattr(bounds, high_name)
            if low is None or high is None:
                continue
            if low > high or (low == high and (low_name, high_name) != ("gte", "lte")):
                yield pointer(*at), f"holds nothing: {low_name} is not below {high_name}"
                return
