"""Vehicle definitions of the model years 2012 to 2020, from the EPA's fuel-economy data (US government, public domain).

The data file stands beside this module and is made by `service.demo.derive` from vehicles.csv of fueleconomy.gov.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import msgspec

DATA_FILE = Path(__file__).with_name("definitions.csv.gz")


class Definition(msgspec.Struct, frozen=True, kw_only=True):
    """One vehicle as the EPA rated it; two engines, drives or gearboxes of a model are two definitions."""

    epa_id: int
    make: str
    model: str
    trim: str | None
    model_year: int
    body_style: str
    drivetrain: str
    transmission: str
    gears: int | None
    cylinders: int | None
    displacement_l: float | None
    fuel_type: str
    electric_range_km: int | None
    litres_per_100_km: float | None
    kwh_per_100_km: float | None


COLUMNS = Definition.__struct_fields__


def write_definitions(definitions: Iterable[Definition], path: Path) -> None:
    """Writes the data file; the same definitions give the same bytes."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([getattr(definition, column) for column in COLUMNS] for definition in definitions)
    path.write_bytes(gzip.compress(text.getvalue().encode(), compresslevel=9, mtime=0))


def read_definitions(path: Path) -> tuple[Definition, ...]:
    """The definitions of a data file, in its order."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as text:
        rows = [{column: value or None for column, value in row.items()} for row in csv.DictReader(text)]
    return tuple(msgspec.convert(rows, list[Definition], strict=False))


@cache
def load_definitions() -> tuple[Definition, ...]:
    """The committed definitions, ordered by make, model, year and EPA id."""
    return read_definitions(DATA_FILE)
