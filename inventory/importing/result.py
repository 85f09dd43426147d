"""What became of an import: counts that must add up, and the file of rejects that can be mended and sent again."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Sequence

import msgspec

from inventory.importing.formulas import guarded
from inventory.importing.mapping import Mapping
from inventory.importing.rows import REPORT_COLUMNS
from inventory.importing.vehicle import Rejected


class ImportCounts(msgspec.Struct, frozen=True, kw_only=True):
    """What became of every row of a file. ValueError unless received = created + updated + unchanged + superseded +
    rejected: a row that is in none of them was lost. `closed` counts stock entries, `warnings` single warnings."""

    received: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    superseded: int = 0
    rejected: int = 0
    closed: int = 0
    warnings: int = 0

    def __post_init__(self) -> None:
        if any(getattr(self, name) < 0 for name in self.__struct_fields__):
            raise ValueError("a count is below zero")
        accounted = self.created + self.updated + self.unchanged + self.superseded + self.rejected
        if self.received != accounted:
            raise ValueError(f"{self.received} rows were received, {accounted} are accounted for")

    def __add__(self, other: ImportCounts) -> ImportCounts:
        """The counts of two parts of a file."""
        return ImportCounts(**{name: getattr(self, name) + getattr(other, name) for name in self.__struct_fields__})


class RejectWriter:
    """Writes rejected rows so that they can be mended and sent again with the same mapping.

    The first columns are the row's number in its file and every reason; then come the original columns as they were. A
    row that could not be taken apart stands whole in `forecourt_raw`, its columns empty. The three columns are not read
    when the file comes back. Cells that a spreadsheet would evaluate are guarded with an apostrophe, which the reader
    takes off a file with these columns: safe to open and without loss. The encoding is the mapping's.
    """

    def __init__(self, mapping: Mapping, header: Sequence[str] | None) -> None:
        """`header` is that of the file; None for NDJSON."""
        # a file of rejects that is sent again and rejected again has the columns already
        self._header = None if header is None else [name for name in header if name not in REPORT_COLUMNS]
        self._delimiter = mapping.delimiter or ","
        # signs that the encoding lacks can only stand in the reasons
        self._encoder = codecs.getincrementalencoder(mapping.encoding)("backslashreplace")

    def head(self) -> bytes:
        """The header line; empty for NDJSON. It comes before any `line`."""
        if self._header is None:
            return b""
        # every name is quoted, so that nothing but the delimiter can be taken for one
        return self._line([guarded(name) for name in (*REPORT_COLUMNS, *self._header)], csv.QUOTE_ALL)

    def line(self, reject: Rejected) -> bytes:
        """One rejected row."""
        return self._csv(reject, self._header) if self._header is not None else self._json(reject)

    def _csv(self, reject: Rejected, header: Sequence[str]) -> bytes:
        cells = reject.cells
        values = [str(cells[name]) if cells is not None else "" for name in header]
        raw = reject.raw if cells is None else ""
        fields = [str(reject.number), _reasons(reject), raw, *values]
        return self._line([guarded(field) for field in fields], csv.QUOTE_MINIMAL)

    def _line(self, fields: list[str], quoting: int) -> bytes:
        line = io.StringIO(newline="")
        csv.writer(line, delimiter=self._delimiter, quoting=quoting).writerow(fields)  # type: ignore[arg-type]
        return self._encoder.encode(line.getvalue())

    def _json(self, reject: Rejected) -> bytes:
        number, reasons, raw = REPORT_COLUMNS
        line: dict[str, int | str | msgspec.Raw] = {number: reject.number, reasons: _reasons(reject)}
        if reject.cells is None:
            line[raw] = reject.raw
        else:
            # values stay the bytes they were, so that no number changes its digits
            values = msgspec.json.decode(reject.raw, type=dict[str, msgspec.Raw])
            line |= {name: value for name, value in values.items() if name not in REPORT_COLUMNS}
        return self._encoder.encode(f"{msgspec.json.encode(line).decode()}\n")


def _reasons(reject: Rejected) -> str:
    return "; ".join(f"{reason.code}: {reason.sentence}" for reason in reject.reasons)
