"""Vehicles as JSON, written once when they enter the index; what guests may not see is a tail that is cut off."""

from __future__ import annotations

from datetime import date

import msgspec

from domain.kit.money import Money
from inventory.vehicle_row import VehicleRow


class Odometer(msgspec.Struct, frozen=True):
    """What the odometer shows, in its own unit."""

    value: int
    unit: str | None
    status: str | None


class _Seen(msgspec.Struct, kw_only=True):
    """What every audience sees of a vehicle, in the order of the wire."""

    id: str
    listing_number: str
    brand: str | None
    make: str | None
    model: str | None
    trim: str | None
    model_year: int | None
    model_code: str | None
    body_style: str | None
    drivetrain: str | None
    fuel_type: str | None
    transmission: str | None
    exterior_color: str | None
    interior_color: str | None
    condition: str
    status: str
    holds: tuple[str, ...]
    visibility: str
    available_on: date | None
    price: Money | None
    price_tax: str | None
    odometer: Odometer | None
    odometer_km: int | None
    options: tuple[str, ...]
    attributes: dict[str, str | int | float | bool]
    photos: tuple[str, ...]
    location_id: str | None
    dealer_account_id: str | None
    in_stock_since: date | None
    version: int


class VehicleView(_Seen, kw_only=True, omit_defaults=True):
    """A vehicle as searches answer it; guarded fields for those who may see them, a distance if a point was given."""

    vin: str | msgspec.UnsetType | None = msgspec.UNSET
    registration_number: str | msgspec.UnsetType | None = msgspec.UNSET
    stock_number: str | msgspec.UnsetType | None = msgspec.UNSET
    distance_km: float | msgspec.UnsetType | None = msgspec.UNSET
    """Null for a vehicle whose location has no point."""


class _Guarded(msgspec.Struct):
    vin: str | None
    registration_number: str | None
    stock_number: str | None


_encode = msgspec.json.Encoder().encode
_SAME = tuple(name for name in _Seen.__struct_fields__ if name not in ("price", "odometer"))


def render(row: VehicleRow) -> tuple[bytes, bytes]:
    """The vehicle's JSON object without its closing brace: what all see, and the guarded fields with their comma."""
    price = odometer = None
    if row.price_minor is not None and row.price_currency is not None:
        price = Money.of(row.price_minor, row.price_currency)
    if row.odometer_value is not None:
        odometer = Odometer(row.odometer_value, row.odometer_unit, row.odometer_status)
    seen = _Seen(price=price, odometer=odometer, **{name: getattr(row, name) for name in _SAME})
    guarded = _Guarded(row.vin, row.registration_number, row.stock_number)
    return _encode(seen)[:-1], b"," + _encode(guarded)[1:-1]


def assemble(head: bytes, tail: bytes, distance_km: float | None, with_distance: bool) -> msgspec.Raw:
    """The whole object; `distance_km` (None: the vehicle has no point) is written to the metre if a point was given."""
    if not with_distance:
        return msgspec.Raw(head + tail + b"}")
    distance = b"null" if distance_km is None else b"%.3f" % distance_km
    return msgspec.Raw(head + tail + b',"distance_km":' + distance + b"}")


def with_status(head: bytes, status: str, version: int) -> bytes:
    """What all see of a vehicle, as `render` wrote it, with another status and version.

    A quote inside a text is written with a backslash before it, so the first `"status":` after the condition is the
    vehicle's own, and the version is the last property.
    """
    first = head.index(b',"status":"') + len(b',"status":"')
    last = head.rindex(b',"version":') + len(b',"version":')
    return b"%b%b%b%d" % (head[:first], status.encode(), head[head.index(b'"', first) : last], version)
