"""Takes a centre's whole calendar in: every good row, and of each bad one its number and all that is wrong with it.

A row is a record of one of `KINDS`; `key` is its name in the sending system. Rows of a key that is known change that
record, others make one; so the same file again changes nothing. Of two rows with one key in a file the later counts.
"""

from scheduling.importing.rows import COLUMNS, KINDS, FileFormat
from scheduling.importing.runs import CalendarImport, Rejected, import_calendar

__all__ = ["COLUMNS", "KINDS", "CalendarImport", "FileFormat", "Rejected", "import_calendar"]
