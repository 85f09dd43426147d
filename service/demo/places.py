"""Cities that the demo world is placed in: facts about 128 American metropolitan areas, eight German and eight British.

Coordinates are of the city's centre, rounded to four digits; populations are of the metropolitan area, rounded.
"""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path

import msgspec

DATA_FILE = Path(__file__).with_name("places.csv")


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A city with the postcode of its centre and its IANA time zone."""

    city: str
    region: str
    country: str
    postcode: str
    latitude: float
    longitude: float
    time_zone: str
    population_thousands: int


@cache
def load_places() -> tuple[Place, ...]:
    """Every place, the United States first, roughly by population."""
    with DATA_FILE.open(encoding="utf-8", newline="") as text:
        return tuple(msgspec.convert(list(csv.DictReader(text)), list[Place], strict=False))


def place(city: str, region: str) -> Place:
    """The one place of that name; KeyError if the table lacks it."""
    found = {(known.city, known.region): known for known in load_places()}
    return found[city, region]
