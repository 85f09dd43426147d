"""Postcode tables: which point a postcode of a country stands for."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from inventory.importing.findings import Action, Finding, rejection
from inventory.importing.mapping import Mapping, Source, checked
from inventory.importing.place import read_description
from inventory.importing.plan import Plan
from inventory.importing.row import Row
from inventory.importing.rows import ReadRow, UnreadRow
from inventory.importing.values import Aliases
from inventory.importing.vehicle import Rejected

_COLUMNS = {
    "country": ("country", "country_code"),
    "postcode": ("postcode", "postal_code", "zip", "zipcode", "plz"),
    "latitude": ("latitude", "lat"),
    "longitude": ("longitude", "lon", "lng"),
    "city": ("city", "place", "place_name"),
    "region": ("region", "state", "state_code"),
}
_IGNORED = ("utc_offset", "dst", "accuracy", "timezone", "county", "community")


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A postcode with its centre in degrees."""

    country: str
    postcode: str
    latitude: float
    longitude: float
    city: str | None = None
    region: str | None = None


class AcceptedPlace(msgspec.Struct, frozen=True):
    """A row that became a place; of two rows with one country and postcode the later counts."""

    number: int
    place: Place
    warnings: tuple[Finding, ...]


class PlaceNormalizer:
    """Normalises the rows of a postcode table, whose columns may have any of their usual names."""

    def __init__(self, aliases: Aliases, country: str | None = None) -> None:
        """`country` is that of every row, for a table without such a column."""
        constants = {"country": country} if country else {}
        columns = {name: Source(columns=found) for name, found in _COLUMNS.items() if name not in constants}
        self.plan = Plan(
            checked(Mapping(code="places", properties=columns, constants=constants, ignored=_IGNORED)), aliases
        )

    def check_header(self, header: Sequence[str]) -> None:
        """Refuses a file before its first row, as Plan.check_header does."""
        self.plan.check_header(header)

    def __call__(self, read: ReadRow) -> AcceptedPlace | Rejected:
        """The place, or every reason why not."""
        if isinstance(read, UnreadRow):
            return Rejected(read.number, read.raw, None, read.reasons)
        row = Row(self.plan, read.cells, read.typed)
        place = self._place(row)
        reasons = tuple(finding for finding in row.findings if finding.action is Action.REJECT)
        if place is None or reasons:
            return Rejected(read.number, read.raw, dict(read.cells), reasons)
        return AcceptedPlace(read.number, place, tuple(row.findings))

    def _place(self, row: Row) -> Place | None:
        found = read_description(row)
        if found and found.postcode and found.country and found.latitude is not None and found.longitude is not None:
            return Place(
                country=found.country,
                postcode=found.postcode,
                latitude=found.latitude,
                longitude=found.longitude,
                city=found.city,
                region=found.region,
            )
        if not row.findings:
            row.findings.append(rejection("place-incomplete", "postcode, country and point are all needed"))
        return None
