"""Reads a row's attributes: those that the mapping types, and `attributes.<code>` columns by the look of their text."""

from __future__ import annotations

import re
from decimal import Decimal

from inventory.importing import numbers
from inventory.importing.mapping import AttributeSource, Kind
from inventory.importing.plan import ATTRIBUTE, Taken, cleaned
from inventory.importing.row import Row
from inventory.importing.rows import Cell, JsonLiteral

Value = str | int | float | bool
_LONGEST = 500
_MOST_LITRES = 100
"""No engine of a car has more: beyond it the number is cubic centimetres."""
_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,14}")
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]{0,11})\.[0-9]{1,6}")
_VOLUME = re.compile(r"(?P<number>[0-9].*?)\s*(?:l|litres?|liters?|cc|ccm|cm3)?", re.IGNORECASE)


def read_attributes(row: Row) -> dict[str, Value]:
    """Codes and values; faults are reported to the row under `attributes.<code>`."""
    found: dict[str, Value] = {}
    for code, source in row.mapping.attributes.items():
        value = _typed(row, code, source)
        if value is not None:
            found[code] = value
    if row.mapping.open_attributes:
        for column, cell in row.cells.items():
            match = ATTRIBUTE.fullmatch(column)
            if match and match[1] not in row.mapping.attributes:
                value = _open(row, column, cell)
                if value is not None:
                    found[match[1]] = value
    return found


def _typed(row: Row, code: str, source: AttributeSource) -> Value | None:
    taken = row.plan.attribute_text(source, row.cells)
    return None if taken is None else _value(row, f"attributes.{code}", source, taken)


def _value(row: Row, field: str, source: AttributeSource, taken: Taken) -> Value | None:
    text = taken.text
    if source.kind in ("TEXT", "WORDS"):
        return _text(row, field, cleaned(text.replace("_", " ")) if source.kind == "WORDS" else text, taken)
    if source.kind == "BOOLEAN":
        meant = row.aliases.value("boolean", text)
        if meant is None:
            row.report("attribute-malformed", f"{text!r} is neither yes nor no", taken, field)
        return None if meant is None else meant == "true"
    try:
        number = written = numbers.decimal(_without_unit(text, source.kind), row.mapping.number_format)
        if source.kind == "LITRES":
            number = (written / 1000 if written > _MOST_LITRES else written).quantize(Decimal("0.1"))
        if source.kind == "INTEGER" and number != number.to_integral_value():
            raise ValueError("is not a whole number")
    except ValueError as fault:
        row.report("attribute-malformed", f"{text!r} {fault}", taken, field)
        return None
    if (source.lowest is not None and number < Decimal(source.lowest)) or (
        source.highest is not None and number > Decimal(source.highest)
    ):
        within = f"{source.lowest or '…'} to {source.highest or '…'}"
        if not row.kept("attribute-implausible", f"{text!r} is not within {within}", taken, field):
            return None
    if number != written:
        row.keep_raw(field, taken)
    return int(number) if source.kind == "INTEGER" else float(number)


def _without_unit(text: str, kind: Kind) -> str:
    match = _VOLUME.fullmatch(text[: numbers.LONGEST_NUMBER + 1]) if kind == "LITRES" else None
    return match["number"] if match else text


def _open(row: Row, column: str, cell: Cell) -> Value | None:
    """A value by its looks: JSON's own types, and of CSV the texts that a number, true or false give back unchanged."""
    taken = Taken(cleaned(cell), cell, column) if isinstance(cell, str) else Taken("", "", column)
    if not isinstance(cell, str):
        if cell:
            row.report("value-listed", "takes one value, not a list", taken, column)
        return None
    if row.plan.is_missing(taken.text):
        return None
    if isinstance(cell, JsonLiteral) or not row.typed:
        if taken.text in ("true", "false"):
            return taken.text == "true"
        if _INTEGER.fullmatch(taken.text):
            return int(taken.text)
        if _DECIMAL.fullmatch(taken.text):
            return float(taken.text)
        if isinstance(cell, JsonLiteral):
            row.report("attribute-malformed", "is not a number that can be kept", taken, column)
            return None
    return _text(row, column, taken.text, taken)


def _text(row: Row, field: str, text: str, taken: Taken) -> str | None:
    if len(text) > _LONGEST:
        row.report("text-too-long", f"has {len(text):,} characters; {_LONGEST} is the most", taken, field)
        return None
    return text
