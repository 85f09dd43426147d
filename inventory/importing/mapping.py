"""Column mappings: pure data that say how a source writes our properties, and what is decided about its dirt."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from domain.kit.errors import FieldError
from domain.kit.values import exactly
from inventory.importing.errors import MappingFault
from inventory.importing.findings import KINDS, Action
from inventory.importing.numbers import NumberFormat
from inventory.importing.reader import Encoding
from inventory.importing.values import CHOICES

TEXT_PROPERTIES = {
    "registration_number": 20,
    "stock_number": 64,
    "brand": 80,
    "make": 80,
    "model": 120,
    "trim": 200,
    "model_code": 64,
    "body_style": 80,
    "drivetrain": 80,
    "fuel_type": 80,
    "transmission": 80,
    "exterior_color": 120,
    "interior_color": 120,
    "location": 200,
    "location_name": 200,
    "address": 200,
    "city": 100,
    "region": 100,
    "dealer_account": 200,
}
"""Properties that are one line of text, with their longest length in characters."""
CHOICE_PROPERTIES = frozenset({"condition", "status", "visibility", "price_tax", "odometer_unit", "odometer_status"})
LIST_PROPERTIES = {"options": (300, 120), "photos": (100, 2000), "holds": (5, 20), "external_keys": (20, 265)}
"""Properties that are lists, with the most entries and the longest entry."""
DATE_PROPERTIES = frozenset({"available_on", "in_stock_since"})
OTHER_PROPERTIES = frozenset(
    {
        *("vin", "model_year", "price", "currency", "odometer", "mileage_mi", "odometer_km"),
        *("postcode", "country", "latitude", "longitude"),
    }
)
PROPERTIES = frozenset({*TEXT_PROPERTIES, *CHOICE_PROPERTIES, *LIST_PROPERTIES, *DATE_PROPERTIES, *OTHER_PROPERTIES})
"""Everything a mapping can fill, beside attributes."""
SET_BY_THE_SERVICE = frozenset(
    {"id", "version", "created_at", "updated_at", "listing_number", "group_account_id", "distance_km"}
)
"""Properties of a vehicle that callers read and never set; a file that brings them is told so."""
Reading = Literal["TEXT", "UPPER", "WORDS", "NAME", "KNOWN", "MAKE_OF_TITLE", "MODEL_OF_TITLE", "TRIM_OF_TITLE"]
"""How a text is taken from its cell:

- TEXT: as it stands (NFC, trimmed, single blanks);
- UPPER: in capitals;
- WORDS: underscores are blanks;
- NAME: WORDS, each beginning with a capital, words with a digit or of up to two letters all in capitals;
- KNOWN: only if a value alias knows it, else absent;
- MAKE_OF_TITLE, MODEL_OF_TITLE, TRIM_OF_TITLE: the cell is a text of make, model and trim (WORDS): the make is what its
  first words spell, the model the longest known model name after it, else one word, the trim the rest.
"""
Kind = Literal["TEXT", "WORDS", "INTEGER", "DECIMAL", "BOOLEAN", "LITRES"]
"""Types of attributes; LITRES takes litres or cubic centimetres (above 100) and gives litres with one decimal."""
DateFormat = Literal["YYYY-MM-DD", "DD/MM/YYYY", "MM/DD/YYYY", "DD.MM.YYYY"]

Text = Annotated[str, Meta(max_length=500)]
Name = Annotated[str, exactly("[a-z][a-z0-9_]{0,54}")]
"""A mapping's name is part of the system under which its cars are known, and that is a code of 64 characters."""
ColumnName = Annotated[str, Meta(max_length=200)]
NumberText = Annotated[str, exactly(r"-?[0-9]{1,15}(\.[0-9]{1,6})?")]
Columns = Annotated[tuple[ColumnName, ...], Meta(min_length=1, max_length=10)]


class Source(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where a property comes from."""

    columns: Columns
    take: Literal["FIRST", "JOIN"] = "FIRST"
    """FIRST: the first of the columns that is not empty; JOIN: all stated values with a blank between them."""
    reads: Reading = "TEXT"
    missing: tuple[Text, ...] = ()
    """Spellings of "not stated" in these columns, beside the mapping's."""
    otherwise: Source | None = None
    """A second choice, taken with a warning where the first holds nothing."""


class AttributeSource(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where an attribute comes from, its type and its plausible range (both ends included)."""

    columns: Columns
    kind: Kind = "TEXT"
    missing: tuple[Text, ...] = ()
    lowest: NumberText | None = None
    highest: NumberText | None = None


class Refusal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Rows that are no offers of a car: the column holds one of these texts (case and blanks do not count)."""

    column: ColumnName
    values: tuple[Text, ...]
    because: Text


class Key(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The columns that together name a car in this source, for rows without VIN, external key or stock number."""

    system: Annotated[str, exactly(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,54}")]
    columns: Columns


class Decision(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is decided about one kind of dirt of the source, and why; where it names codes, rows are treated so."""

    dirt: Text
    action: Action
    because: Text
    codes: tuple[str, ...] = ()


class Mapping(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """How one source's columns become our properties. Stored as a record; `checked` before it is stored or used."""

    code: Name
    title: Text = ""
    encoding: Encoding = "utf-8"
    or_encoding: Encoding | None = None
    """What the file is in where the first byte beyond ASCII cannot be `encoding`'s."""
    delimiter: Literal[",", ";", "\t", "|"] | None = None
    number_format: NumberFormat = "PLAIN"
    date_format: DateFormat = "YYYY-MM-DD"
    list_separator: Annotated[str, Meta(min_length=1, max_length=1)] = "|"
    missing: tuple[Text, ...] = ()
    """Spellings of "not stated" in any column (case does not count); the empty cell is always one."""
    properties: dict[str, Source] = {}
    attributes: dict[Name, AttributeSource] = {}
    open_attributes: bool = False
    """Whether columns called `attributes.<code>` are attributes without being listed."""
    constants: dict[str, Text] = {}
    """Properties that are the same in every row, written as a cell would be."""
    values: dict[str, dict[str, Text]] = {}
    """By property: this source's own words and what they mean, before any alias; "" means not stated. A word may begin
    or end with `*`."""
    money_marks: tuple[Text, ...] = ()
    """Currency signs that this source writes whatever the currency."""
    price_lowest: NumberText = "1"
    price_highest: NumberText = "5000000"
    odometer_highest_km: Annotated[int, Meta(ge=0, le=10**9)] = 1_000_000
    years_ahead: Annotated[int, Meta(ge=0, le=3)] = 1
    """How far a model year may lie after today, and after the day the car came into stock."""
    key: Key | None = None
    refusals: tuple[Refusal, ...] = ()
    ignored: tuple[ColumnName, ...] = ()
    """Columns that are known and deliberately not read; any other unknown column refuses the file."""
    decisions: tuple[Decision, ...] = ()

    def columns(self) -> frozenset[str]:
        """Every column the mapping reads."""
        found: set[str] = set(self.key.columns) if self.key else set()
        found.update(refusal.column for refusal in self.refusals)
        for attribute in self.attributes.values():
            found.update(attribute.columns)
        for source in self.properties.values():
            choice: Source | None = source
            while choice is not None:
                found.update(choice.columns)
                choice = choice.otherwise
        return frozenset(found)

    def action(self, code: str) -> Action:
        """What this mapping does about a kind of fault."""
        for decision in self.decisions:
            if code in decision.codes:
                return decision.action
        return KINDS[code].usual


def checked(mapping: Mapping) -> Mapping:
    """The mapping itself; MappingFault naming everything in it that contradicts itself or names what does not exist."""
    faults = [FieldError(pointer, detail) for pointer, detail in _faults(mapping)]
    if faults:
        raise MappingFault(f"The mapping {mapping.code} has {len(faults)} faults", errors=faults)
    return mapping


def _faults(mapping: Mapping) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for part, names in (
        ("properties", mapping.properties),
        ("constants", mapping.constants),
        ("values", mapping.values),
    ):
        found += [(f"/{part}/{name}", "is not a property") for name in names if name not in PROPERTIES]
    found += [
        (f"/constants/{name}", "is also read from columns: use one or the other")
        for name in mapping.constants
        if name in mapping.properties
    ]
    for name, words in mapping.values.items():
        if name in CHOICES:
            found += [
                (f"/values/{name}/{word}", f"{meant} is not one of {', '.join(CHOICES[name])}")
                for word, meant in words.items()
                if meant and meant not in CHOICES[name]
            ]
        found += [
            (f"/values/{name}/{word}", "may have * at its beginning or its end only")
            for word in words
            if "*" in word[1:-1] or word.strip("*") == ""
        ]
    found += [
        (f"/ignored/{place}", f"{column} is read")
        for place, column in enumerate(mapping.ignored)
        if column in mapping.columns()
    ]
    if not mapping.properties and not mapping.open_attributes:
        found.append(("/properties", "reads no column"))
    found += _range_faults(mapping)
    found += _decision_faults(mapping)
    return found


def _range_faults(mapping: Mapping) -> list[tuple[str, str]]:
    found = [
        (f"/attributes/{code}", "has no number whose range could be checked")
        for code, source in mapping.attributes.items()
        if (source.lowest or source.highest) and source.kind in ("TEXT", "WORDS", "BOOLEAN")
    ]
    try:
        if Decimal(mapping.price_lowest) > Decimal(mapping.price_highest):
            found.append(("/price_lowest", "is above price_highest"))
    except InvalidOperation:  # built in code, where msgspec has not looked
        found.append(("/price_lowest", "is not a number"))
    return found


def _decision_faults(mapping: Mapping) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    seen: set[str] = set()
    for place, decision in enumerate(mapping.decisions):
        for code in decision.codes:
            pointer = f"/decisions/{place}/codes"
            kind = KINDS.get(code)
            if kind is None:
                found.append((pointer, f"{code} is no kind of fault"))
            elif decision.action not in kind.actions:
                found.append((pointer, f"{code} can be {', '.join(kind.actions)}, not {decision.action}"))
            if code in seen:
                found.append((pointer, f"{code} is decided twice"))
            seen.add(code)
    return found


def _default() -> Mapping:
    columns: dict[str, tuple[str, ...]] = {name: (name,) for name in PROPERTIES}
    columns |= {
        "price": ("price", "price.amount"),
        "currency": ("currency", "price.currency"),
        "odometer": ("odometer", "odometer.value"),
        "odometer_unit": ("odometer_unit", "odometer.unit"),
        "odometer_status": ("odometer_status", "odometer.status"),
        "location": ("location", "location_id"),
        "dealer_account": ("dealer_account", "dealer_account_id"),
    }
    return Mapping(
        code="default",
        title="Columns are the property names",
        properties={name: Source(columns=columns[name]) for name in sorted(columns)},
        open_attributes=True,
    )


DEFAULT = checked(_default())
"""The mapping of a file that names none: columns are the property names, and every fault that may reject does."""
