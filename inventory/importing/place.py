"""Reads where a row's car stands: a location that is named, or the description of one."""

from __future__ import annotations

import re

from inventory.importing.plan import Taken
from inventory.importing.postcodes import countries, postcode
from inventory.importing.row import Row
from inventory.importing.vehicle import LocationDescription, LocationReference

_COORDINATE = re.compile(r"-?[0-9]{1,3}(?:[.,][0-9]{1,15})?")


def read_location(row: Row) -> LocationReference | LocationDescription | None:
    """The location; None where the row says nothing but a country."""
    named = row.line("location")
    described = read_description(row)
    if named is None:
        return described
    if described is not None:
        row.report("location-described-twice", "the location is named and described; the name counts", None, "location")
    return LocationReference(named)


def read_description(row: Row) -> LocationDescription | None:
    """The place that the row describes; None where it says nothing but a country."""
    country = _country(row)
    latitude, longitude = _point(row)
    found = LocationDescription(
        name=row.line("location_name"),
        address=row.line("address"),
        city=row.line("city"),
        region=_region(row, country),
        postcode=_postcode(row, country),
        country=country,
        latitude=latitude,
        longitude=longitude,
    )
    return None if found == LocationDescription(country=country) else found


def _country(row: Row) -> str | None:
    taken = row.take("country")
    if taken is None:
        return None
    code = taken.text.upper()
    if code in countries():
        return code
    known = row.aliases.value("country", taken.text)
    if known is None:
        row.report("country-unknown", f"{taken.text!r} is not a country", taken, "country")
    return known


def _region(row: Row, country: str | None) -> str | None:
    vocabulary = f"region.{country}"
    if country is None or not row.aliases.knows(vocabulary):
        return row.line("region")
    taken = row.take("region")
    if taken is None:
        return None
    known = row.aliases.value(vocabulary, taken.text)
    if known is not None:
        return known
    kept = row.kept("region-unknown", f"{taken.text!r} is not a state or province of {country}", taken, "region")
    return taken.text[:100] if kept else None


def _postcode(row: Row, country: str | None) -> str | None:
    taken = row.take("postcode")
    if taken is None:
        return None
    found = postcode(taken.text, country or "")
    if found is None:
        of = f" of {country}" if country else ""
        row.report("postcode-malformed", f"{taken.text!r} is not a postcode{of}", taken, "postcode")
        return None
    if found.padded:
        row.report("postcode-padded", f"{taken.text!r} had lost its leading zero", taken, "postcode")
    return found.code


def _point(row: Row) -> tuple[float | None, float | None]:
    latitude, longitude = row.take("latitude"), row.take("longitude")
    if latitude is None and longitude is None:
        return None, None
    if latitude is None or longitude is None:
        row.report("point-malformed", "latitude and longitude belong together", latitude or longitude, "latitude")
        return None, None
    north, east = _degrees(row, latitude, "latitude", 90), _degrees(row, longitude, "longitude", 180)
    if north is None or east is None:
        return None, None
    if north == 0 and east == 0:
        row.report("point-malformed", "0, 0 is the sea off Africa", latitude, "latitude")
        return None, None
    return north, east


def _degrees(row: Row, taken: Taken, name: str, most: int) -> float | None:
    if _COORDINATE.fullmatch(taken.text):
        value = float(taken.text.replace(",", "."))
        if abs(value) <= most:
            return value
    row.report("point-malformed", f"{taken.text!r} is not a {name} between -{most} and {most}", taken, name)
    return None
