"""Takes NDJSON apart as it arrives: one object a line, each bad line a rejected row."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import NoReturn, TypeAlias

from inventory.importing.findings import Finding, rejection
from inventory.importing.rows import (
    LONGEST_ROW,
    MOST_COLUMNS,
    NUL_SHOWN,
    Cell,
    JsonLiteral,
    RawRow,
    ReadRow,
    UnreadRow,
    too_long,
)

_Json: TypeAlias = "str | bool | list[_Json] | dict[str, _Json] | None"
_LINE_END = re.compile(r"\r\n?|\n")
_IMPOSSIBLE = re.compile("[\0\ud800-\udfff]")
_NULL = ""


class _Unusable(Exception):
    """The line's JSON is not a row; carries the finding."""

    def __init__(self, reason: Finding) -> None:
        super().__init__(reason.sentence)
        self.reason = reason


def _object(pairs: list[tuple[str, _Json]]) -> dict[str, _Json]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a property is given twice")
    return found


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a JSON number")


# numbers keep their digits: no float rounds a price, no 4,000-digit integer costs time
_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=JsonLiteral, parse_float=JsonLiteral, parse_constant=_no_number
)


class JsonRows:
    """A splitter of NDJSON. Objects inside a row become dotted properties: `price` with `amount` → `price.amount`."""

    header = None

    def __init__(self) -> None:
        self._rest = ""
        self._skipping: str | None = None
        self._line = 1
        self._number = 0

    def feed(self, text: str) -> Iterator[ReadRow]:
        """The rows whose line end has come."""
        text = self._rest + text
        held = "\r" if text.endswith("\r") else ""
        yield from self._rows(text[:-1] if held else text)
        self._rest += held

    def close(self) -> Iterator[ReadRow]:
        """The last row, where no line end follows it."""
        if self._rest or self._skipping is not None:
            yield from self._rows(self._rest + "\n")

    def _rows(self, text: str) -> Iterator[ReadRow]:
        place = 0
        while match := _LINE_END.search(text, place):
            line, place = text[place : match.start()], match.end()
            if self._skipping is not None or line.strip():
                yield self._row(line)
            self._line += 1
        self._rest = text[place:]
        if self._skipping is not None or len(self._rest) > LONGEST_ROW:
            self._skipping, self._rest = self._skipping or too_long(0, 0, self._rest).raw, ""

    def _row(self, line: str) -> ReadRow:
        self._number += 1
        if self._skipping is not None or len(line) > LONGEST_ROW:
            row = too_long(self._number, self._line, self._skipping or line)
            self._skipping = None
            return row
        try:
            return RawRow(self._number, self._line, cells_of(line), line, typed=True)
        except _Unusable as fault:
            return UnreadRow(self._number, self._line, line.replace("\0", NUL_SHOWN), (fault.reason,))


def cells_of(line: str) -> dict[str, Cell]:
    """The flattened values of one line's object; raises _Unusable with the finding for anything else."""
    try:
        found: _Json = _DECODER.decode(line)
    except RecursionError:
        raise _Unusable(rejection("row-malformed", "the JSON is nested too deeply")) from None
    except ValueError as fault:
        raise _Unusable(rejection("row-malformed", f"not one JSON object: {fault}")) from None
    if not isinstance(found, dict):
        raise _Unusable(rejection("row-malformed", "not one JSON object"))
    cells: dict[str, Cell] = {}
    for name, value in found.items():
        if isinstance(value, dict):
            for inner, part in value.items():
                _put(cells, f"{name}.{inner}", part)
        else:
            _put(cells, name, value)
    if len(cells) > MOST_COLUMNS:
        detail = f"the row has {len(cells):,} properties; {MOST_COLUMNS} is the most"
        raise _Unusable(rejection("row-malformed", detail))
    return cells


def _put(cells: dict[str, Cell], name: str, value: _Json) -> None:
    if name in cells:
        raise _Unusable(rejection("row-malformed", "a property is given twice", name))
    cell: Cell
    if isinstance(value, list):
        cell = tuple(_entry(name, entry) for entry in value)
    elif isinstance(value, dict):
        raise _Unusable(rejection("property-nested", "holds an object inside an object", name))
    else:
        cell = _text(value)
    if any(map(_IMPOSSIBLE.search, (name, cell) if isinstance(cell, str) else (name, *cell))):
        raise _Unusable(rejection("characters-impossible", "a text has U+0000 or half a surrogate pair"))
    cells[name] = cell


def _entry(name: str, entry: _Json) -> str:
    """A list's entry as a text; `{"system", "key"}` as `system:key`, the form that a CSV cell has."""
    if isinstance(entry, dict) and entry.keys() == {"system", "key"}:
        system, key = entry["system"], entry["key"]
        if isinstance(system, str) and isinstance(key, str):
            return f"{system}:{key}"
    if isinstance(entry, list | dict):
        raise _Unusable(rejection("property-nested", "has an entry that is an object or a list", name))
    return _text(entry)


def _text(value: str | bool | None) -> str:
    if value is None:
        return _NULL
    if isinstance(value, bool):
        return JsonLiteral("true" if value else "false")
    return value
