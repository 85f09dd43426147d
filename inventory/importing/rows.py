"""Rows of a file as they came, with their place in it, and the limits that keep any file within bounded memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol, TypeAlias

import msgspec

from inventory.importing.findings import Finding, rejection

LONGEST_ROW = 1 << 20
"""Characters of one row; a longer one is rejected, and the file goes on."""
MOST_COLUMNS = 500
KEPT_OF_LONG_ROW = 4096
"""Characters kept of a row that is too long to keep."""
NUL_SHOWN = "\u2400"
"""Stands for U+0000 in rejects: the row is rejected for it, and no database text can hold it."""


REPORT_COLUMNS = ("forecourt_row", "forecourt_reasons", "forecourt_raw")
"""What a file of rejects has before the original columns; never read, so that a mended one can be sent as it is."""


class JsonLiteral(str):
    """A JSON number, true or false, in the digits it came in: an attribute keeps its type by it."""

    __slots__ = ()


Cell: TypeAlias = str | tuple[str, ...]
"""One value of a row: a text, a JsonLiteral, or the entries of a JSON list."""


class RawRow(msgspec.Struct, frozen=True):
    """One row as it came. `number` counts data rows from 1, `line` is where it begins; a JSON null is an empty text.

    `typed` says that texts and numbers are told apart, as JSON does.
    """

    number: int
    line: int
    cells: Mapping[str, Cell]
    raw: str
    typed: bool = False


class UnreadRow(msgspec.Struct, frozen=True):
    """A row that could not be taken apart; `raw` is cut after 4,096 characters where `truncated`."""

    number: int
    line: int
    raw: str
    reasons: tuple[Finding, ...]
    truncated: bool = False


ReadRow: TypeAlias = RawRow | UnreadRow


def too_long(number: int, line: int, text: str) -> UnreadRow:
    """The reject of a row beyond the limit, with its beginning."""
    reason = rejection("row-too-long", f"the row has more than {LONGEST_ROW:,} characters")
    return UnreadRow(number, line, text[:KEPT_OF_LONG_ROW].replace("\0", NUL_SHOWN), (reason,), truncated=True)


class RowSplitter(Protocol):
    """Takes decoded text as it comes and gives rows; what a chunk leaves unfinished waits for the next."""

    @property
    def header(self) -> Sequence[str] | None:
        """The column names, once read; None for a format without."""

    def feed(self, text: str) -> Iterator[ReadRow]: ...

    def close(self) -> Iterator[ReadRow]: ...
