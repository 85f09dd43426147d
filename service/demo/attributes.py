"""The demo's catalogue of attributes: what its models and cars have."""

from __future__ import annotations

from typing import NamedTuple


class Attribute(NamedTuple):
    """A definition; `is_facet`: whether pages offer it as one."""

    code: str
    en: str
    de: str
    data_type: str = "NUMBER"
    unit: str | None = None
    is_facet: bool = True
    choices: tuple[str, ...] = ()


UPHOLSTERY = ("Cloth", "Leather", "Synthetic leather")
ATTRIBUTES = (
    Attribute("seats", "Seats", "Sitze"),
    Attribute("doors", "Doors", "Türen"),
    Attribute("gears", "Gears", "Gänge"),
    Attribute("cylinders", "Cylinders", "Zylinder"),
    Attribute("displacement_l", "Displacement", "Hubraum", unit="l"),
    Attribute("range_km", "Electric range", "Elektrische Reichweite", unit="km"),
    Attribute("tow_capacity_kg", "Towing capacity", "Anhängelast", unit="kg"),
    Attribute("litres_per_100_km", "Fuel consumption", "Kraftstoffverbrauch", unit="l/100 km"),
    Attribute("kwh_per_100_km", "Power consumption", "Stromverbrauch", unit="kWh/100 km"),
    Attribute("upholstery", "Upholstery", "Polster", "CHOICE", choices=UPHOLSTERY),
    Attribute("previous_owners", "Previous owners", "Vorbesitzer"),
    Attribute("accident_free", "Accident-free", "Unfallfrei", "BOOLEAN"),
    Attribute("epa_id", "EPA rating", "EPA-Einstufung", is_facet=False),
    Attribute(
        "carried_over", "Carried over from an earlier year", "Aus einem früheren Jahr", "BOOLEAN", is_facet=False
    ),
)
