"""Records as rows of CSV: for people, with nothing in it that a spreadsheet would run; for machines, without loss."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from domain.kit.errors import Malformed
from domain.kit.fields import Field
from domain.kit.money import Money
from domain.kit.record import Entity

Style = Literal["human", "lossless"]
BOM = "\ufeff"
MOST_COLUMNS = 500
KEY_COLUMN = "external_key."
_RUN = re.compile("[\\s\"'\ufeff]*[=+\\-@\uff1d\uff0b\uff0d\uff20]|[\ufeff\"' ]*[\t\r\n]")
_DISARMED = re.compile("'" + f"(?:{_RUN.pattern})")
_TRUE, _FALSE = frozenset({"true", "yes", "1"}), frozenset({"false", "no", "0"})


def disarmed(text: str) -> str:
    """The text with an apostrophe before it if a spreadsheet might take it for a formula."""
    return f"'{text}" if _RUN.match(text) else text


def armed(text: str) -> str:
    """The text as it was before `disarmed`."""
    return text[1:] if _DISARMED.match(text) else text


def titles(entity: Entity, names: tuple[str, ...]) -> list[str]:
    """The header of these fields; an amount of money has two columns."""
    found: list[str] = []
    for name in names:
        found += [f"{name}.amount", f"{name}.currency"] if entity.fields[name].is_money else [name]
    return found


def cells(entity: Entity, names: tuple[str, ...], record: msgspec.Struct, style: Style) -> list[str]:
    """The row of a record; fields that the reader may not see on it are empty."""
    found: list[str] = []
    for name in names:
        field, value = entity.fields[name], getattr(record, name, None)
        if field.is_money:
            found += [value.amount, value.currency] if isinstance(value, Money) else ["", ""]
        else:
            found.append(_cell(field, value, style))
    return found


def _cell(field: Field, value: Any, style: Style) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        if style == "human":
            return disarmed(value)
        plain = value and not value.startswith('"')
        return value if plain or (not value and not field.nullable) else msgspec.json.encode(value).decode()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return msgspec.json.encode(value).decode()
    if (
        isinstance(value, list)
        and style == "human"
        and all(isinstance(item, str) and "|" not in item for item in value)
    ):
        return disarmed("|".join(value))
    text = msgspec.json.encode(value).decode()
    return text.strip('"') if text.startswith('"') else text


def line(row: list[str]) -> str:
    """A row as a line of CSV (RFC 4180)."""
    written = io.StringIO()
    csv.writer(written, lineterminator="\r\n").writerow(row)
    return written.getvalue()


class Reader:
    """Rows of a CSV as raw values by field. Malformed for a header that names unknown or doubled columns."""

    def __init__(self, entity: Entity, lines: Iterator[str], style: Style, readable: frozenset[str]):
        self._entity = entity
        self._style = style
        self._rows = csv.reader(lines, strict=True)
        self.columns = self._header(readable)

    def _header(self, readable: frozenset[str]) -> list[tuple[str, str]]:
        try:
            header = next(self._rows, [])
        except csv.Error as fault:
            raise Malformed(f"The first line is not CSV: {fault}") from None
        if len(header) > MOST_COLUMNS:
            raise Malformed(f"More than {MOST_COLUMNS} columns")
        found: list[tuple[str, str]] = []
        for title in header:
            name, _, part = title.strip().partition(".")
            field = self._entity.fields.get(name)
            known = field is not None and name in readable and (field.is_money == (part in ("amount", "currency")))
            if title.strip().startswith(KEY_COLUMN) and part and "external_keys" in readable:
                known, name = True, "external_key"
            if not known or (part and name != "external_key" and field is not None and not field.is_money):
                raise Malformed.at(f"/{title.strip()[:64]}", "is not a column here")
            if (name, part) in found:
                raise Malformed.at(f"/{title.strip()[:64]}", "is there twice")
            found.append((name, part))
        if not found:
            raise Malformed("The first line names no columns")
        return found

    def __iter__(self) -> Iterator[dict[str, Any] | Malformed]:
        while True:
            try:
                row = next(self._rows, None)
            except csv.Error as fault:
                yield Malformed(f"The line is not CSV: {fault}")
                continue
            if row is None:
                return
            if not row:
                continue
            try:
                yield self._values(row)
            except Malformed as refusal:
                yield refusal

    def _values(self, row: list[str]) -> dict[str, Any]:
        if len(row) != len(self.columns):
            raise Malformed(f"The row has {len(row)} cells, the header {len(self.columns)}")
        found: dict[str, Any] = {}
        for (name, part), cell in zip(self.columns, row, strict=True):
            if "\x00" in cell:
                raise Malformed.at(f"/{name}", "has the character U+0000")
            if name == "external_key":
                if cell:
                    found.setdefault("external_keys", []).append({"system": part, "key": self._text(cell)})
            elif part:
                found.setdefault(name, {})[part] = cell or None
            else:
                self._take(found, self._entity.fields[name], cell)
        for name, value in found.items():
            if self._entity.fields[name].is_money and not any(value.values()):
                found[name] = None
        return found

    def _take(self, found: dict[str, Any], field: Field, cell: str) -> None:
        if cell:
            found[field.name] = self._value(field, cell)
        elif field.nullable:
            found[field.name] = None
        elif self._style == "lossless" and field.kind is str and not field.choices and field.ref is None:
            found[field.name] = ""

    def _text(self, cell: str) -> str:
        if self._style == "human":
            return armed(cell)
        return str(_json(cell)) if cell.startswith('"') else cell

    def _value(self, field: Field, cell: str) -> Any:
        where = f"/{field.name}"
        if field.kind is list:
            text = self._text(cell)
            return _json(text, where) if text.startswith("[") else text.split("|")
        if field.kind is dict:
            return _json(cell, where)
        if field.kind is bool:
            if cell.strip().lower() not in _TRUE | _FALSE:
                raise Malformed.at(where, "is true or false")
            return cell.strip().lower() in _TRUE
        if field.kind in (int, float):
            number = _json(cell.strip(), where)
            if isinstance(number, bool) or not isinstance(number, int | float):
                raise Malformed.at(where, "is not a number")
            return number
        return self._text(cell)


def _json(text: str, where: str = "") -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as fault:
        raise Malformed.at(where, f"is not JSON: {fault}") from None
