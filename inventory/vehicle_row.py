"""The flattened vehicle: the physical car with its open stock entry, as imports make it and searches answer it."""

from __future__ import annotations

from datetime import date

import msgspec

CONDITIONS = ("NEW", "CERTIFIED", "USED", "DEMO", "SALVAGE")
STATUSES = ("ON_ORDER", "IN_TRANSIT", "IN_STOCK", "RESERVED", "SOLD", "IN_SERVICE", "RETIRED")
HOLDS = ("RECALL", "QUALITY", "DAMAGE", "PREPARATION", "TITLE")
VISIBILITIES = ("OWN_GROUP", "NETWORK", "PUBLIC")
OFFERED = frozenset(("ON_ORDER", "IN_TRANSIT", "IN_STOCK", "RESERVED"))
"""The statuses in which guests and customers may see a car."""
GUARDED_FIELDS = ("vin", "registration_number", "stock_number")
"""Never for guests and customers: they often hold each other's parts."""


class VehicleRow(msgspec.Struct, kw_only=True, frozen=True):
    """One car as stock search knows it; an absent value is None."""

    id: str
    version: int
    vin: str | None = None
    registration_number: str | None = None
    stock_number: str | None = None
    listing_number: str
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
    condition: str
    status: str
    holds: tuple[str, ...] = ()
    visibility: str = "PUBLIC"
    available_on: date | None = None
    price_minor: int | None = None
    """Whole minor units of `price_currency`."""
    price_currency: str | None = None
    price_tax: str | None = None
    odometer_value: int | None = None
    odometer_unit: str | None = None
    odometer_status: str | None = None
    odometer_km: int | None = None
    options: tuple[str, ...] = ()
    attributes: dict[str, str | int | float | bool] = {}
    photos: tuple[str, ...] = ()
    location_id: str | None = None
    dealer_account_id: str | None = None
    group_account_id: str | None = None
    """Top of the dealer group."""
    in_stock_since: date | None = None
    latitude: float | None = None
    longitude: float | None = None

    @property
    def shown(self) -> bool:
        """Whether guests and customers may see it in the statuses in which cars are offered."""
        return self.visibility == "PUBLIC" and not self.holds

    @property
    def offered(self) -> bool:
        """Whether guests and customers may see it."""
        return self.shown and self.status in OFFERED
