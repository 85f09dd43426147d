"""Reads the rows of a calendar file, NDJSON or CSV, one after the other; a row that is none costs itself alone."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import msgspec

from domain.kit.errors import FieldError, Malformed
from domain.kit.fields import Field
from domain.kit.record import Record
from scheduling.records import (
    Absence,
    Bay,
    CapacityRule,
    DateOverride,
    DemoVehicle,
    Equipment,
    Holiday,
    LoanerVehicle,
    Shift,
    Technician,
)

FileFormat = Literal["CSV", "NDJSON"]
LONGEST_LINE = 1_000_000
KINDS: dict[str, type[Record]] = {
    "TECHNICIAN": Technician,
    "BAY": Bay,
    "EQUIPMENT": Equipment,
    "LOANER_VEHICLE": LoanerVehicle,
    "DEMO_VEHICLE": DemoVehicle,
    "SHIFT": Shift,
    "ABSENCE": Absence,
    "HOLIDAY": Holiday,
    "DATE_OVERRIDE": DateOverride,
    "CAPACITY_RULE": CapacityRule,
}
"""What a file may hold, in the order in which it is taken: plans name resources."""
REFERENCES = {
    "technician_key": ("technician_id", ("technician",)),
    "vehicle_key": ("vehicle_id", ("vehicle",)),
    "resource_key": ("resource_id", ("technician", "bay", "equipment", "vehicle")),
}
"""Columns that name a record by its key in the file's system → the field, and the types of the record."""
_GIVEN_BY_THE_CENTRE = {"account_id", "center_id", "operating_hours_id", "user_id", "country", "subdivision"}


def importable(kind: type[Record]) -> dict[str, Field]:
    """The fields that rows of a type may have."""
    fields = kind.entity.fields.values()
    return {f.name: f for f in fields if not f.system and f.name not in _GIVEN_BY_THE_CENTRE}


def references(kind: type[Record]) -> frozenset[str]:
    """The columns by which rows of a type may name other records."""
    return frozenset(name for name, (field, _) in REFERENCES.items() if field in kind.entity.fields)


COLUMNS = {"type", "key"}.union(*(importable(kind).keys() | references(kind) for kind in KINDS.values()))


class Row(msgspec.Struct):
    """A row as it came, numbered from 1; with faults it is no row of anything."""

    number: int
    type: str
    key: str
    values: dict[str, Any]
    faults: list[FieldError] = []


def rows(path: Path, file_format: FileFormat) -> Iterator[Row]:
    """The rows of a file. Malformed where its first line names columns that there are not."""
    with path.open("rb") as file:
        if file_format == "NDJSON":
            yield from _of_lines(file)
        else:
            text = io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline="")
            yield from _of_cells(text)


def _of_lines(file: Any) -> Iterator[Row]:
    decoder = msgspec.json.Decoder()
    number = 0
    for line in iter(lambda: file.readline(LONGEST_LINE + 1), b""):
        if not line.strip():
            continue
        number += 1
        if len(line) > LONGEST_LINE:
            while line and not line.endswith(b"\n"):
                line = file.readline(LONGEST_LINE)
            yield Row(number, "", "", {}, [FieldError("", f"is longer than {LONGEST_LINE:,} bytes")])
            continue
        try:
            given = decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
            yield Row(number, "", "", {}, [FieldError("", f"is not JSON: {fault}")])
            continue
        if isinstance(given, dict):
            yield _named(number, given)
        else:
            yield Row(number, "", "", {}, [FieldError("", "is not an object")])


def _of_cells(lines: Any) -> Iterator[Row]:
    reader = csv.reader(lines, strict=True)
    try:
        header = [title.strip() for title in next(reader, [])]
    except csv.Error as fault:
        raise Malformed(f"The first line is not CSV: {fault}") from None
    for title in header:
        if title not in COLUMNS:
            raise Malformed.at(f"/{title[:64]}", "is not a column here")
        if header.count(title) > 1:
            raise Malformed.at(f"/{title}", "is there twice")
    if "type" not in header:
        raise Malformed.at("/type", "is a column that the file must have")
    number = 0
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as fault:
            number += 1
            yield Row(number, "", "", {}, [FieldError("", f"is not CSV: {fault}")])
            continue
        if cells is None:
            return
        if cells:
            number += 1
            yield _of_row(number, header, cells)


def _of_row(number: int, header: list[str], cells: list[str]) -> Row:
    given = {title: cell for title, cell in zip(header, cells, strict=False) if cell != ""}
    if len(cells) != len(header):
        return Row(number, "", "", given, [FieldError("", f"has {len(cells)} cells, and the first line {len(header)}")])
    if any("\udc80" <= letter <= "\udcff" for cell in cells for letter in cell):
        told = {title: cell.encode(errors="replace").decode() for title, cell in given.items()}
        return Row(number, "", "", told, [FieldError("", "is not UTF-8")])
    row = _named(number, given)
    fields = KINDS[row.type].entity.fields if row.type in KINDS else {}
    for title, cell in given.items():
        if title in fields:
            try:
                row.values[title] = _value(fields[title], cell)
            except (msgspec.DecodeError, RecursionError) as fault:
                row.faults.append(FieldError(f"/{title}", f"is not JSON: {fault}"))
    return row


def _value(field: Field, cell: str) -> Any:
    if field.kind in (bool, int, float):
        return msgspec.json.decode(cell.strip().lower())
    if field.kind is list and not cell.lstrip().startswith("["):
        return cell.split("|")
    if field.kind in (list, dict):
        return msgspec.json.decode(cell)
    return cell


def _named(number: int, given: dict[str, Any]) -> Row:
    """The row with its type and its key told apart from its values."""
    values = {name: value for name, value in given.items() if name not in ("type", "key")}
    kind, key = given.get("type"), given.get("key")
    faults = []
    if not isinstance(kind, str) or kind not in KINDS:
        faults.append(FieldError("/type", f"is one of {', '.join(KINDS)}"))
    if key is None:
        faults.append(FieldError("/key", "is required: the same file again finds the record by it"))
    elif not isinstance(key, str) or not 0 < len(key) <= 200 or not key.isprintable():
        faults.append(FieldError("/key", "is a text of 1 to 200 characters"))
    return Row(number, kind if isinstance(kind, str) else "", key if isinstance(key, str) else "", values, faults)
