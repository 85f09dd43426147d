"""What may be asked when one car is looked for among all locations, and which of it are wishes."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

import msgspec
from msgspec import Meta

from domain.kit.errors import FieldError, Invalid, Malformed, UnknownProperty
from inventory.criteria import Criteria, DateRange, Range, SearchRequest, Value, checked, pointer
from inventory.index.words import fold, wanted
from inventory.network import Network, Way

MOST_ITEMS = 50
HEAVIEST = 1_000_000
IN_STOCK, ON_THE_WAY = "IN_STOCK", ("ON_ORDER", "IN_TRANSIT")
_NO_WISHES = frozenset(("status", "currency", "attributes"))


class Origin(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Where the car is wanted: a point or a location."""

    latitude: Annotated[float, Meta(ge=-90, le=90)] | None = None
    longitude: Annotated[float, Meta(ge=-180, le=180)] | None = None
    location_id: Value | None = None


class LocateRequest(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A car that is looked for."""

    wanted: Criteria
    weights: Annotated[dict[Value, Decimal], Meta(max_length=100)] = {}
    """By name of the criterion, `attributes.<code>` for an attribute; 0 to a million, 1 where none is given."""
    required: Annotated[list[Value], Meta(max_length=100)] = []
    """Names of criteria that must be met."""
    origin: Origin
    limit: Annotated[int, Meta(ge=1, le=MOST_ITEMS)] = 10


def wishes_of(criteria: Criteria) -> list[str]:
    """The names of the criteria that can be met or not, in their order."""
    found = []
    for name in Criteria.__struct_fields__:
        value = getattr(criteria, name)
        if name == "attributes":
            found += [f"attributes.{code}" for code, wish in value.items() if wish not in ([], Range())]
        elif name == "near":
            found += ["near"] if value is not None and value.radius_km is not None else []
        elif name == "text":
            found += ["text"] if wanted(value or "") else []
        elif name not in _NO_WISHES and value and value not in (Range(), DateRange()):
            found.append(name)
    return found


def checked_request(request: LocateRequest, known_attributes: frozenset[str] | None) -> LocateRequest:
    """The request itself if it keeps every rule; Malformed, UnknownProperty with a pointer a fault."""
    try:
        checked(SearchRequest(criteria=request.wanted), known_attributes)
    except Malformed as fault:
        errors = [FieldError("/wanted" + e.pointer.removeprefix("/criteria"), e.detail, e.code) for e in fault.errors]
        raise type(fault)(fault.detail, errors=errors) from None
    named = [(pointer("weights", name), name) for name in request.weights]
    named += [(pointer("required", at), name) for at, name in enumerate(request.required) if name != "status"]
    unknown = [
        FieldError(at, "there is no such wish") for at, name in named if not _known(name, request, known_attributes)
    ]
    if unknown:
        raise UnknownProperty(unknown[0].detail, errors=unknown)
    faults = [
        FieldError(pointer("weights", name), f"is not a number from 0 to {HEAVIEST:,} of at most 20 digits")
        for name, weight in request.weights.items()
        if not (weight.is_finite() and len(weight.as_tuple().digits) <= 20 and -20 <= weight.adjusted() <= 6)
        or not 0 <= weight <= HEAVIEST
    ]
    allowed = (IN_STOCK, *ON_THE_WAY)
    faults += [
        FieldError(pointer("wanted", "status", at), f"is no status to come by a car in: {', '.join(allowed)}")
        for at, status in enumerate(request.wanted.status or ())
        if status.upper() not in allowed
    ]
    origin = request.origin
    if [origin.latitude is None, origin.longitude is None] not in ([True, True], [False, False]):
        faults.append(FieldError("/origin", "has one half of a point"))
    elif (origin.latitude is None) == (origin.location_id is None):
        faults.append(FieldError("/origin", "is not exactly one of a point and a location_id"))
    if faults:
        raise Malformed(faults[0].detail, errors=faults)
    return request


def _known(name: str, request: LocateRequest, known_attributes: frozenset[str] | None) -> bool:
    if name.startswith("attributes."):
        code = name.removeprefix("attributes.")
        return code in request.wanted.attributes or known_attributes is None or code in known_attributes
    return name in Criteria.__struct_fields__ and name not in _NO_WISHES


def way_of(origin: Origin, network: Network) -> Way:
    """The way through the network from a checked origin. Invalid for a location that is not there or has no point."""
    if origin.location_id is None:
        assert origin.latitude is not None
        assert origin.longitude is not None
        return network.way_from(origin.latitude, origin.longitude)
    site = network.sites.get(fold(origin.location_id))
    if site is None:
        raise Invalid.at("/origin/location_id", "there is no such location")
    if site.latitude is None or site.longitude is None:
        raise Invalid.at("/origin/location_id", "has no point: give latitude and longitude")
    return network.way_from(site.latitude, site.longitude, site.id)
