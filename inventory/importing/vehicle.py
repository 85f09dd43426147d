"""What a row of a stock file becomes: a vehicle in canonical values, its place, and the keys it is known by."""

from __future__ import annotations

from datetime import date
from typing import Literal

import msgspec

from domain.kit.values import ExternalKey
from inventory.importing.findings import Finding
from inventory.importing.rows import Cell


class LocationReference(msgspec.Struct, frozen=True, tag="REFERENCE"):
    """A location by its id or code, as the file writes it."""

    name: str


class LocationDescription(msgspec.Struct, frozen=True, kw_only=True, tag="DESCRIPTION"):
    """A place to find or to make: the same values are the same location.

    Without a point, and without a postcode that the postcode table knows, it is kept and is never within a radius.
    """

    name: str | None = None
    address: str | None = None
    city: str | None = None
    region: str | None = None
    postcode: str | None = None
    country: str | None = None
    latitude: float | None = None
    longitude: float | None = None


class Identity(msgspec.Struct, frozen=True):
    """One way to know the car again. `system` is empty for VIN and STOCK_NUMBER.

    STOCK_NUMBER counts together with the vehicle's location. KEY_COLUMNS and ROW_HASH belong to the importing account:
    the same file of two dealers tells of different cars. A ROW_HASH is completed by its occurrence number: which of the
    file's rows with that hash it is, counted from 1 once all rows are known.
    """

    kind: Literal["VIN", "EXTERNAL_KEY", "STOCK_NUMBER", "KEY_COLUMNS", "ROW_HASH"]
    system: str
    key: str


class ImportVehicle(msgspec.Struct, frozen=True, kw_only=True):
    """A vehicle as one row tells it.

    `given` names the properties that the file speaks of (`attributes.<code>` for attributes): of these, None and empty
    mean "not stated" and clear what was stored; others are left as they are, or get their defaults on a new car.
    `raw` has the text as it came of every property whose value is not that text.
    """

    vin: str | None = None
    registration_number: str | None = None
    stock_number: str | None = None
    external_keys: tuple[ExternalKey, ...] = ()
    brand: str | None = None
    make: str | None = None
    model: str | None = None
    trim: str | None = None
    model_year: int | None = None
    model_code: str | None = None
    body_style: str | None = None
    drivetrain: str | None = None
    fuel_type: str | None = None
    transmission: str | None = None
    exterior_color: str | None = None
    interior_color: str | None = None
    condition: str | None = None
    status: str | None = None
    holds: tuple[str, ...] = ()
    visibility: str | None = None
    available_on: date | None = None
    price_minor: int | None = None
    price_currency: str | None = None
    price_tax: str | None = None
    odometer_value: int | None = None
    odometer_unit: str | None = None
    odometer_status: str | None = None
    odometer_km: int | None = None
    options: tuple[str, ...] = ()
    attributes: dict[str, str | int | float | bool] = {}
    photos: tuple[str, ...] = ()
    location: LocationReference | LocationDescription | None = None
    dealer_account: str | None = None
    in_stock_since: date | None = None
    raw: dict[str, str] = {}
    given: frozenset[str] = frozenset()


class Accepted(msgspec.Struct, frozen=True):
    """A row that became a vehicle. `identities` are the ways to know it, the one that counts first.

    The row as it came stays with it: it may still be rejected when it is stored.
    """

    number: int
    vehicle: ImportVehicle
    identities: tuple[Identity, ...]
    warnings: tuple[Finding, ...]
    raw: str
    cells: dict[str, Cell]


class Rejected(msgspec.Struct, frozen=True):
    """A row that did not, with every reason and as it came. `cells` is None where the row could not be taken apart.

    `identities` are those that could still be read: the car they name is not missing from the file.
    """

    number: int
    raw: str
    cells: dict[str, Cell] | None
    reasons: tuple[Finding, ...]
    identities: tuple[Identity, ...] = ()
