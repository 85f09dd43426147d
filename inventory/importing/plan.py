"""A column mapping made ready for many rows: which text of a row a property gets, and what its words mean."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

import msgspec

from domain.kit.errors import FieldError
from inventory.importing.errors import HeaderFault, UnknownColumn
from inventory.importing.findings import KINDS
from inventory.importing.mapping import SET_BY_THE_SERVICE, AttributeSource, Reading, Source, checked
from inventory.importing.mapping import Mapping as ColumnMapping
from inventory.importing.rows import REPORT_COLUMNS, Cell
from inventory.importing.values import VOCABULARIES, Aliases, folded, model_and_trim

ATTRIBUTE = re.compile(r"attributes\.([a-z][a-z0-9_]{0,62})")
_REMOVED = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u200b\u202a-\u202e\u2066-\u2069\ufeff]")


def cleaned(text: str) -> str:
    """The text in NFC, trimmed, with single blanks, without control and direction-override characters."""
    if not (text.isascii() and text.isprintable()):
        text = _REMOVED.sub("", unicodedata.normalize("NFC", text))
    return " ".join(text.split())


def has_removed_characters(text: str) -> bool:
    """Whether `cleaned` takes more from the text than blanks."""
    return not (text.isascii() and text.isprintable()) and _REMOVED.search(text) is not None


FIELD_OF = {
    **dict.fromkeys(("currency", "odometer_unit"), ""),
    **dict.fromkeys(("mileage_mi", "odometer_km"), "odometer"),
    **dict.fromkeys(
        ("location_name", "address", "city", "region", "postcode", "country", "latitude", "longitude"), "location"
    ),
}
"""Properties of a file that are parts of one field of the vehicle; "" for those that say nothing alone."""


class Taken(msgspec.Struct, frozen=True):
    """What a property gets from a row: its text, the text as it came, the column it came from (None for a constant).

    An empty text is a word of the source that means "not stated"; `part`: the text is one part of a longer one.
    """

    text: str
    raw: str
    column: str | None
    second_choice: bool = False
    part: bool = False


_PARTS = frozenset({"MAKE_OF_TITLE", "MODEL_OF_TITLE", "TRIM_OF_TITLE"})


class Words:
    """A source's own words for one property's values."""

    def __init__(self, words: Mapping[str, str]) -> None:
        self._exact = {folded(word): meant for word, meant in words.items() if "*" not in word}
        self._starts = [(folded(word), meant) for word, meant in words.items() if word.endswith("*")]
        self._ends = [(folded(word), meant) for word, meant in words.items() if word.startswith("*")]

    def meaning(self, text: str) -> str | None:
        """What the text means; "" for "not stated", None where the source has no such word."""
        text = folded(text)
        found = self._exact.get(text)
        if found is None:
            found = next((meant for start, meant in self._starts if text.startswith(start)), None)
        if found is None:
            found = next((meant for end, meant in self._ends if text.endswith(end)), None)
        return found


class Plan:
    """A checked mapping with its aliases, compiled once a file."""

    def __init__(self, mapping: ColumnMapping, aliases: Aliases) -> None:
        self.mapping = checked(mapping)
        self.aliases = aliases
        self.columns = mapping.columns()
        self._known = self.columns | set(mapping.ignored) | set(REPORT_COLUMNS)
        self._missing = frozenset(map(str.casefold, mapping.missing))
        self._words = {name: Words(words) for name, words in mapping.values.items()}
        self.actions = {code: mapping.action(code) for code in KINDS}
        self.money_marks = frozenset(mapping.money_marks)
        self.active = mapping.properties.keys() | mapping.constants.keys()
        self.price_lowest = Decimal(mapping.price_lowest)
        self.price_highest = Decimal(mapping.price_highest)
        self.given = functools.lru_cache(maxsize=256)(self._given)
        self._titles = functools.lru_cache(maxsize=4096)(self._title)

    def unknown(self, columns: Iterable[str]) -> list[str]:
        """The columns that the mapping neither reads nor ignores."""
        unknown = [column for column in columns if column not in self._known]
        if unknown and self.mapping.open_attributes:
            unknown = [column for column in unknown if not ATTRIBUTE.fullmatch(column)]
        return unknown

    def check_header(self, header: Sequence[str]) -> None:
        """Refuses a file before its first row: UnknownColumn naming every unknown column, for nothing in a file is
        ignored in silence; HeaderFault if a key column is absent (the same car would get another identity each time)
        or no column is known at all."""
        unknown = self.unknown(header)
        if unknown:
            errors = [FieldError(f"/{column}", self.why_unknown(column)) for column in unknown]
            named = ", ".join(map(repr, unknown[:10]))
            raise UnknownColumn(
                f"The mapping {self.mapping.code} does not know the columns {named}", errors=errors, columns=unknown
            )
        key = self.mapping.key.columns if self.mapping.key else ()
        absent = [column for column in key if column not in header]
        if absent:
            raise HeaderFault(f"The columns {', '.join(map(repr, absent))}, by which cars are known, are missing")
        if not any(column in self.columns or ATTRIBUTE.fullmatch(column) for column in header):
            raise HeaderFault(f"The mapping {self.mapping.code} reads none of the file's columns")

    def reads(self, column: str) -> bool:
        """Whether anything is read from the column."""
        return column in self.columns or (self.mapping.open_attributes and ATTRIBUTE.fullmatch(column) is not None)

    def columns_of(self, name: str) -> list[str]:
        """The columns that a property may come from."""
        found: list[str] = []
        source: Source | None = self.mapping.properties.get(name)
        while source is not None:
            found += source.columns
            source = source.otherwise
        return found

    def why_unknown(self, column: str) -> str:
        """What to tell about a column that is not known."""
        if column in SET_BY_THE_SERVICE:
            return "is set by the service and cannot be imported"
        return "has no name" if not column else "is not a column of this mapping"

    def _given(self, columns: tuple[str, ...]) -> frozenset[str]:
        """The vehicle's fields of which a row with these columns says something, be it only "not stated"."""
        spoken = {name for name in self.mapping.properties if any(one in columns for one in self.columns_of(name))}
        fields = {FIELD_OF.get(name, name) for name in spoken} | (self.mapping.constants.keys() - FIELD_OF.keys())
        fields |= {
            f"attributes.{code}"
            for code, source in self.mapping.attributes.items()
            if any(column in columns for column in source.columns)
        }
        if self.mapping.open_attributes:
            fields |= {column for column in columns if ATTRIBUTE.fullmatch(column)}
        return frozenset(fields - {""})

    def take(self, name: str, cells: Mapping[str, Cell]) -> Taken | None:
        """The property's text in this row; None where nothing is stated."""
        constant = self.mapping.constants.get(name)
        if constant is not None:
            return Taken(constant, constant, None)
        source = self.mapping.properties.get(name)
        return self._from(name, source, cells) if source is not None else None

    def entries(self, name: str, cells: Mapping[str, Cell]) -> tuple[list[str], str | None]:
        """A list property's entries and the column they came from."""
        if name not in self.active:
            return [], None
        source = self.mapping.properties.get(name)
        columns: tuple[str | None, ...] = source.columns if source else (None,)
        for column in columns:
            cell = cells.get(column) if column else self.mapping.constants.get(name)
            parts = cell.split(self.mapping.list_separator) if isinstance(cell, str) else cell or ()
            found = [text for text in map(cleaned, parts) if not self.is_missing(text)]
            if found:
                return found, column
        return [], None

    def is_missing(self, text: str, more: tuple[str, ...] = ()) -> bool:
        """Whether a cleaned text spells "not stated"; `more` are spellings beside the mapping's."""
        if not text:
            return True
        text = text.casefold()
        return text in self._missing or (bool(more) and text in map(str.casefold, more))

    def attribute_text(self, source: AttributeSource, cells: Mapping[str, Cell]) -> Taken | None:
        """An attribute's text; None where it is not stated."""
        found = self._first(source, cells)
        return Taken(found[1], found[2], found[0]) if found is not None else None

    def column_text(self, column: str, cells: Mapping[str, Cell]) -> tuple[str, str] | None:
        """A column's text, cleaned and as it came; None where it is empty. A list counts as its joined entries."""
        cell = cells.get(column)
        if not cell:
            return None
        raw = cell if isinstance(cell, str) else self.mapping.list_separator.join(cell)
        text = cleaned(raw)
        return (text, raw) if text else None

    def _from(self, name: str, source: Source, cells: Mapping[str, Cell]) -> Taken | None:
        taken: Taken | None = None
        found = self._first(source, cells) if source.take == "FIRST" else self._joined(source, cells)
        if found is not None:
            column, text, raw = found
            meant = self._meaning(name, source.reads, text)
            if meant is not None:
                taken = Taken(meant, raw, column, part=source.reads in _PARTS)
        if (taken is None or not taken.text) and source.otherwise is not None:
            second = self._from(name, source.otherwise, cells)
            if second is not None and second.text:
                return msgspec.structs.replace(second, second_choice=True)
        return taken

    def _first(self, source: Source | AttributeSource, cells: Mapping[str, Cell]) -> tuple[str, str, str] | None:
        for column in source.columns:
            texts = self.column_text(column, cells)
            if texts is not None:
                return None if self.is_missing(texts[0], source.missing) else (column, *texts)
        return None

    def _joined(self, source: Source, cells: Mapping[str, Cell]) -> tuple[str, str, str] | None:
        found = [texts for column in source.columns if (texts := self.column_text(column, cells)) is not None]
        found = [texts for texts in found if not self.is_missing(texts[0], source.missing)]
        if not found:
            return None
        return source.columns[0], " ".join(text for text, _ in found), " ".join(raw for _, raw in found)

    def _meaning(self, name: str, reads: Reading, text: str) -> str | None:
        words = self._words.get(name)
        meant = words.meaning(text) if words else None
        if meant is not None:
            return meant
        if reads == "TEXT":
            return text
        if reads == "UPPER":
            return text.upper()
        if reads == "WORDS":
            return cleaned(text.replace("_", " "))
        if reads == "NAME":
            return " ".join(map(_capitalised, text.replace("_", " ").split()))
        if reads == "KNOWN":
            return self.aliases.value(VOCABULARIES.get(name, name), text)
        make, model, trim = self._titles(text)
        return {"MAKE_OF_TITLE": make, "MODEL_OF_TITLE": model, "TRIM_OF_TITLE": trim}[reads]

    def _title(self, text: str) -> tuple[str | None, str | None, str | None]:
        text = cleaned(text.replace("_", " "))
        start = self.aliases.at_start("make", text)
        return (start[0], *model_and_trim(*start)) if start is not None else (None, None, None)


def _capitalised(word: str) -> str:
    if len(word) <= 2 or any(sign.isdigit() for sign in word):
        return word.upper()
    return word[:1].upper() + word[1:]
