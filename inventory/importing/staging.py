"""Rows of a file on their way into the database: what of each is stored until it is applied."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from domain.kit.ids import Ids
from inventory.importing.mapping import PROPERTIES
from inventory.importing.plan import FIELD_OF
from inventory.importing.vehicle import (
    Accepted,
    Identity,
    ImportVehicle,
    LocationDescription,
    LocationReference,
    Rejected,
)

_COLUMNS_OF = {
    "price": ("price_minor", "price_currency"),
    "odometer": ("odometer_value", "odometer_unit", "odometer_km"),
}
"""Fields of which a row speaks as a whole and that are several columns."""
_ENTRY = frozenset(
    {"stock_number", "status", "holds", "visibility", "available_on", "price", "price_tax", "in_stock_since"}
)
_APART = frozenset({"external_keys", "location", "dealer_account"})
"""Fields that have columns of their own in waiting."""
_NEVER_CLEARED = frozenset({"vin", "make", "condition", "status", "visibility", "in_stock_since"})
"""A row that leaves one of these empty says nothing about it: what is stored stays, a new car gets its default."""


def waiting(found: Accepted | Rejected, ids: Ids) -> dict[str, Any]:
    """The row as `import_stage` takes it."""
    vehicle = found.vehicle if isinstance(found, Accepted) else ImportVehicle()
    place = vehicle.location
    return {
        "number": found.number,
        "outcome": None if isinstance(found, Accepted) else "REJECTED",
        "first_identity": _text(found.identities[0], vehicle) if found.identities else None,
        "identities": [
            {"place": at, "kind": one.kind, "system": one.system, "key": one.key}
            for at, one in enumerate(found.identities)
        ],
        "vehicle": _patch(vehicle, vehicle.given - _ENTRY - _APART),
        "entry": _patch(vehicle, vehicle.given & _ENTRY),
        "attributes": vehicle.attributes,
        "raw": vehicle.raw,
        "cleared_attributes": sorted(name[11:] for name in vehicle.given if name.startswith("attributes.")),
        "cleared_raw": sorted(_raw_names(vehicle.given)),
        "place": _place(place) if isinstance(place, LocationDescription) else None,
        "place_name": place.name if isinstance(place, LocationReference) else None,
        "dealer": vehicle.dealer_account,
        "warnings": found.warnings if isinstance(found, Accepted) else [],
        "reasons": found.reasons if isinstance(found, Rejected) else [],
        "text": found.raw,
        "cells": found.cells,
        "new_vehicle_id": ids(),
        "new_entry_id": ids(),
        "new_location_id": ids(),
    }


def weight(found: Sequence[Accepted | Rejected]) -> int:
    """Characters of the rows as they came."""
    return sum(len(one.raw) for one in found)


def _patch(vehicle: ImportVehicle, fields: frozenset[str]) -> dict[str, Any]:
    values = {
        column: getattr(vehicle, column)
        for field in fields
        if not field.startswith("attributes.")
        for column in _COLUMNS_OF.get(field, (field,))
    }
    return {column: value for column, value in values.items() if value is not None or column not in _NEVER_CLEARED}


def _raw_names(given: frozenset[str]) -> set[str]:
    named = {name for name in PROPERTIES if FIELD_OF.get(name, name) in given}
    return named | given | ({"currency"} if "price" in given else set())


def _place(place: LocationDescription) -> dict[str, Any]:
    return {name: value for name, value in msgspec.structs.asdict(place).items() if value is not None}


def _text(identity: Identity, vehicle: ImportVehicle) -> str:
    """One text for what makes two rows of a file the same car; a stock number counts with its place."""
    text = f"{identity.kind}|{identity.system}|{identity.key}"
    return f"{text}|{msgspec.json.encode(vehicle.location).decode()}" if identity.kind == "STOCK_NUMBER" else text
