"""Keeps a spreadsheet from taking a cell for a formula, in a way that can be taken back without loss."""

from __future__ import annotations

import re

# what spreadsheets evaluate, also behind blanks, quotes and a byte order mark, and in full width
_FORMULA = re.compile(r"'*(?:[\t\r\n]|[\s\"'\ufeff]*[=+\-@\uff1d\uff0b\uff0d\uff20])")


def guarded(cell: str) -> str:
    """The cell with an apostrophe before what a spreadsheet would evaluate; `unguarded` takes it back."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def unguarded(cell: str) -> str:
    """Undoes `guarded`, exactly: a cell that already had an apostrophe before a formula was given another."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell, 1) else cell
