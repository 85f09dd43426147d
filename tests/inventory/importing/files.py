"""Reads bytes and files for tests, whole or a few bytes at a time."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path

from inventory.importing.mapping import DEFAULT, Mapping
from inventory.importing.normalize import Normalizer
from inventory.importing.reader import FileReader, Format
from inventory.importing.result import RejectWriter
from inventory.importing.rows import RawRow, ReadRow, UnreadRow
from inventory.importing.values import Aliases, shipped_spellings
from inventory.importing.vehicle import Accepted, ImportVehicle, Rejected

TODAY = date(2026, 9, 1)
ALIASES = Aliases(shipped_spellings())
SAMPLES = Path(__file__).parent / "samples"


def rows_of(
    data: bytes, file_format: Format = "CSV", reader: FileReader | None = None, chunk: int = 0
) -> list[ReadRow]:
    """All rows, the bytes fed `chunk` at a time (0: at once)."""
    reader = reader or FileReader(file_format)
    step = chunk or max(len(data), 1)
    found: list[ReadRow] = []
    for start in range(0, len(data), step):
        found += reader.feed(data[start : start + step])
    return found + list(reader.close())


def reader_by(mapping: Mapping, file_format: Format = "CSV") -> FileReader:
    """The reader that a mapping asks for."""
    return FileReader(file_format, mapping.encoding, mapping.or_encoding, mapping.delimiter)


def outcomes(
    data: bytes, mapping: Mapping = DEFAULT, file_format: Format = "CSV", today: date = TODAY
) -> list[Accepted | Rejected]:
    """Every row of a file, normalised."""
    reader, normalizer = reader_by(mapping, file_format), Normalizer(mapping, ALIASES, today)
    rows = rows_of(data, file_format, reader)
    if reader.header is not None:
        normalizer.plan.check_header(reader.header)
    return [normalizer(row) for row in rows]


def csv_of(header: Sequence[str], *rows: Sequence[str]) -> bytes:
    """A CSV file."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue().encode()


def one(mapping: Mapping = DEFAULT, **cells: str) -> Accepted | Rejected:
    """One CSV row, normalised."""
    return outcomes(csv_of(list(cells), list(cells.values())), mapping)[0]


def car(mapping: Mapping = DEFAULT, **cells: str) -> ImportVehicle:
    """One CSV row that must be accepted."""
    found = one(mapping, **cells)
    assert isinstance(found, Accepted), found
    return found.vehicle


def warned(found: Accepted | Rejected) -> list[str]:
    """Codes of the warnings of a row that must be accepted."""
    assert isinstance(found, Accepted), found
    return [warning.code for warning in found.warnings]


def refused(found: Accepted | Rejected) -> list[str]:
    """Codes of the reasons of a row that must be rejected."""
    assert isinstance(found, Rejected), found
    return [reason.code for reason in found.reasons]


def cells(found: Iterable[ReadRow]) -> list[list[object]]:
    """The cells of rows that must have been read."""
    rows = []
    for row in found:
        assert isinstance(row, RawRow), row
        rows.append(list(row.cells.values()))
    return rows


def codes(found: Iterable[ReadRow]) -> list[str | None]:
    """The reason of each row that could not be read, None for the others."""
    return [row.reasons[0].code if isinstance(row, UnreadRow) else None for row in found]


def written(writer: RejectWriter, found: Iterable[Rejected]) -> bytes:
    """A whole file of rejects."""
    return writer.head() + b"".join(map(writer.line, found))


def unpacked(path: Path) -> bytes:
    """Content of a gzip file."""
    return gzip.decompress(path.read_bytes())
