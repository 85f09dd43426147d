"""Takes delimited text apart as it arrives: RFC 4180 quoting, any line ending, one bad row costing only itself."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

import msgspec

from inventory.importing.errors import HeaderFault
from inventory.importing.findings import Finding, rejection
from inventory.importing.formulas import unguarded
from inventory.importing.rows import (
    LONGEST_ROW,
    MOST_COLUMNS,
    NUL_SHOWN,
    REPORT_COLUMNS,
    RawRow,
    ReadRow,
    UnreadRow,
    too_long,
)

DELIMITERS = (",", ";", "\t", "|")
_LINE_END = re.compile(r"\r\n?|\n")
_QUOTED = re.compile(r'"([^"]*+(?:""[^"]*+)*+)"')
_UNQUOTED = {mark: re.compile(rf"[^\r\n{re.escape(mark)}]*+") for mark in DELIMITERS}
_SEPARATOR_LINE = re.compile(r"sep=([,;\t|])")


def sniffed_delimiter(header_line: str) -> str:
    """The one of `, ; tab |` that the header line has most of outside quotes; a comma where it has none."""
    bare = _QUOTED.sub("", header_line)
    return max(DELIMITERS, key=lambda mark: (bare.count(mark), -DELIMITERS.index(mark)))


def header_names(fields: Sequence[str]) -> tuple[str, ...]:
    """Column names in NFC, trimmed and with single blanks; HeaderFault where they cannot name columns."""
    names = tuple(" ".join(unicodedata.normalize("NFC", field).split()) for field in fields)
    if len(names) > MOST_COLUMNS:
        raise HeaderFault(f"The header names {len(names):,} columns; {MOST_COLUMNS} is the most")
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise HeaderFault(f"The header names the column {name!r} twice" if name else "Two columns have no name")
        if "\0" in name:
            raise HeaderFault("A column name has the character U+0000")
        seen.add(name)
    return names


class _Taken(msgspec.Struct, frozen=True):
    """One row cut out of the buffer: its fields, or the fault that ends it with its physical line."""

    end: int
    next: int
    fields: list[str]
    fault: str | None = None


class CsvRows:
    """A splitter of delimited text whose first line names the columns.

    Rows end with CR, LF or CRLF outside quotes; blank lines are no rows. A quote inside an unquoted field is text. A
    quote that is not closed within 1,048,576 characters rejects its physical line alone: it does not swallow the rest
    of the file. Text after a closing quote rejects the row up to the end of that line: what lies between may be one
    field or many rows, and a row made of half a field would be worse than a reject. A line `sep=;` before the header,
    as spreadsheets write it, names the delimiter. A file of rejects is known by its columns, and the guard against
    formulas is taken off its cells.
    """

    def __init__(self, delimiter: str | None = None) -> None:
        self._delimiter = delimiter
        self._header: tuple[str, ...] | None = None
        self._rest = ""
        self._skipping: str | None = None
        self._is_report = False
        self._line = 1
        self._number = 0

    @property
    def header(self) -> tuple[str, ...] | None:
        """The column names, once the first line is read."""
        return self._header

    def feed(self, text: str) -> Iterator[ReadRow]:
        """The rows that this text completes. Raises HeaderFault."""
        text = self._rest + text
        # a CR at the end may be the first half of CRLF
        held = "\r" if text.endswith("\r") else ""
        yield from self._rows(text[:-1] if held else text, final=False)
        self._rest += held

    def close(self) -> Iterator[ReadRow]:
        """The last row, where no line end follows it. Raises HeaderFault, also where there was no header at all."""
        yield from self._rows(self._rest, final=True)
        if self._skipping is not None:
            yield self._skipped()
        if self._header is None:
            raise HeaderFault("The file is empty: its first line names the columns")

    def _rows(self, text: str, final: bool) -> Iterator[ReadRow]:
        place = 0
        while place < len(text):
            if self._skipping is not None:
                match = _LINE_END.search(text, place)
                place = match.end() if match else len(text)
                if match:
                    yield self._skipped()
                continue
            taken = self._take(text, place, final)
            if taken is not None:
                row = self._row(text[place : taken.end], taken)
                if row is not None:
                    yield row
                self._line += _line_ends(text, place, taken.next)
                place = taken.next
            elif len(text) - place > LONGEST_ROW:
                if self._header is None:
                    raise HeaderFault(f"The header is longer than {LONGEST_ROW:,} characters")
                self._skipping = too_long(0, 0, text[place:]).raw
            else:
                break
        self._rest = text[place:]

    def _skipped(self) -> ReadRow:
        assert self._skipping is not None
        self._number += 1
        row = too_long(self._number, self._line, self._skipping)
        self._skipping = None
        self._line += 1
        return row

    def _row(self, raw: str, taken: _Taken) -> ReadRow | None:
        if not raw.strip(" "):
            return None
        if self._header is None:
            if taken.fault is not None:
                raise HeaderFault(f"The header cannot be read: {taken.fault}")
            if not _SEPARATOR_LINE.fullmatch(raw):
                self._is_report = REPORT_COLUMNS[0] in taken.fields
                self._header = header_names(self._fields(taken))
            return None
        self._number += 1
        if len(raw) > LONGEST_ROW:
            return too_long(self._number, self._line, raw)
        if taken.fault is not None:
            return self._unread(raw, rejection("row-malformed", taken.fault))
        if "\0" in raw:
            detail = f"the row has U+0000, shown here as {NUL_SHOWN}"
            return self._unread(raw, rejection("characters-impossible", detail))
        if len(taken.fields) != len(self._header):
            detail = f"the row has {len(taken.fields)} fields, the header {len(self._header)}"
            return self._unread(raw, rejection("row-ragged", detail))
        return RawRow(self._number, self._line, dict(zip(self._header, self._fields(taken), strict=True)), raw)

    def _fields(self, taken: _Taken) -> list[str]:
        return [unguarded(field) for field in taken.fields] if self._is_report else taken.fields

    def _unread(self, raw: str, reason: Finding) -> UnreadRow:
        return UnreadRow(self._number, self._line, raw.replace("\0", NUL_SHOWN), (reason,))

    def _take(self, text: str, place: int, final: bool) -> _Taken | None:
        """The row that begins at `place`; None where the buffer ends inside it."""
        end, after = _line_end(text, place, final)
        line = text[place:end]
        if self._header is None and line.strip(" ") and after >= 0:
            separator = _SEPARATOR_LINE.fullmatch(line)
            if separator:
                self._delimiter = separator.group(1)
            elif self._delimiter is None:
                self._delimiter = sniffed_delimiter(line)
        mark = self._delimiter or ","
        if '"' in line:
            return _take_quoted(text, place, mark, final)
        return _Taken(end, after, line.split(mark)) if after >= 0 else None


def _take_quoted(text: str, start: int, mark: str, final: bool) -> _Taken | None:
    fields: list[str] = []
    place = start
    while True:
        match = (_QUOTED if text.startswith('"', place) else _UNQUOTED[mark]).match(text, place)
        if match is None:
            if not final and len(text) - start <= LONGEST_ROW:
                return None
            return _faulty(text, place, final, "a quote is opened and not closed")
        fields.append(match.group(1).replace('""', '"') if match.re is _QUOTED else match.group())
        place = match.end()
        if place == len(text):
            return _Taken(place, place, fields) if final else None
        if text.startswith(mark, place):
            place += 1
        elif text[place] in "\r\n":
            end, after = _line_end(text, place, final)
            return _Taken(end, after, fields)
        else:
            return _faulty(text, place, final, "text follows a closing quote")


def _faulty(text: str, place: int, final: bool, fault: str) -> _Taken | None:
    end, after = _line_end(text, place, final)
    return _Taken(end, after, [], fault) if after >= 0 else None


def _line_end(text: str, place: int, final: bool) -> tuple[int, int]:
    """Where the physical line ends and the next one begins; the latter is -1 where that is not yet known."""
    match = _LINE_END.search(text, place)
    if match is not None:
        return match.span()
    return len(text), len(text) if final else -1


def _line_ends(text: str, place: int, end: int) -> int:
    return text.count("\n", place, end) + text.count("\r", place, end) - text.count("\r\n", place, end)
