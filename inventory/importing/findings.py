"""What can be wrong with a row of a stock file, and what is done about it: mended, kept, dropped or rejected."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from types import MappingProxyType

import msgspec


class Action(enum.StrEnum):
    """What happens to a faulty value; all but REJECT leave a warning and the raw text."""

    MEND = "MEND"
    """The value meant is certain: it is put right."""
    KEEP = "KEEP"
    """The value may be right: it stays as it is."""
    DROP = "DROP"
    """The value is wrong or says nothing: the property is stored as absent."""
    REJECT = "REJECT"
    """The row is not stored; it waits with its reasons to be mended and sent again."""


class Finding(msgspec.Struct, frozen=True):
    """One fault of one row. `column` is the file's column, `field` our property, where the fault belongs to one."""

    code: str
    sentence: str
    action: Action
    column: str | None = None
    field: str | None = None


class Kind(msgspec.Struct, frozen=True):
    """A kind of fault: its usual action first, then the others that a mapping may choose instead."""

    actions: tuple[Action, ...]
    meaning: str

    @property
    def usual(self) -> Action:
        return self.actions[0]


_M, _K, _D, _R = Action.MEND, Action.KEEP, Action.DROP, Action.REJECT

KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        # the row as a whole: nothing to choose, there is no vehicle to keep
        "row-malformed": Kind((_R,), "the row cannot be parsed"),
        "row-too-long": Kind((_R,), "the row is longer than 1,048,576 characters"),
        "row-ragged": Kind((_R,), "the row has more or fewer fields than the header"),
        "row-empty": Kind((_R,), "no mapped column holds a value"),
        "row-refused": Kind((_R,), "the mapping refuses rows with this value"),
        "property-unknown": Kind((_R,), "a JSON row has a property that the mapping does not know"),
        "property-nested": Kind((_R,), "a JSON property holds an object or list where a value belongs"),
        "characters-impossible": Kind((_R,), "U+0000 or half a surrogate pair, which no text can hold"),
        "characters-removed": Kind((_M, _R), "control or direction characters inside a value"),
        "text-too-long": Kind((_R, _D), "a text is longer than its property takes"),
        "code-malformed": Kind((_R, _D), "a code has blanks or signs that codes cannot have"),
        "value-listed": Kind((_R, _D), "a list where the property takes one value"),
        # identity
        "vin-malformed": Kind((_R, _D), "not 17 characters, or characters that no VIN has"),
        "vin-check-digit": Kind((_R,), "the check digit is wrong where it is mandatory"),
        "vin-check-digit-elsewhere": Kind((_K, _D, _R), "the check digit is wrong where makers need not keep it"),
        "vin-year": Kind((_K, _R), "the VIN's model-year place contradicts the model year"),
        "external-key-malformed": Kind((_R,), "an external key is not system:key"),
        # what the car is
        "make-missing": Kind((_R, _K), "the row does not say which make the car is"),
        "model-missing": Kind((_K, _R), "the row does not say which model the car is"),
        "taken-from-other-column": Kind((_M, _R), "the value was read from the column named as the second choice"),
        "model-year-missing": Kind((_K, _R), "the row has no model year"),
        "model-year-malformed": Kind((_R, _D), "the model year is not a year"),
        "model-year-impossible": Kind((_R, _D), "no car of that year exists, or not yet"),
        "model-year-after-stock": Kind((_K, _D, _R), "the year lies after the day the car came into stock"),
        "choice-unknown": Kind((_R, _D), "not one of the values that the property allows"),
        "date-malformed": Kind((_R, _D), "not a date as the mapping writes them"),
        # price and odometer
        "price-malformed": Kind((_R, _D), "not an amount in the mapping's number format"),
        "price-zero": Kind((_D, _R), "a price of nothing, which stands for a price on request"),
        "price-low": Kind((_K, _D, _R), "a price below the mapping's lowest plausible one"),
        "price-implausible": Kind((_R, _D, _K), "a price above the mapping's highest plausible one"),
        "currency-missing": Kind((_R, _D), "a price without a currency"),
        "currency-unknown": Kind((_R, _D), "not an ISO 4217 currency"),
        "currency-contradicted": Kind((_R, _K), "the amount carries the sign of another currency"),
        "odometer-malformed": Kind((_R, _D), "not a whole number in the mapping's number format"),
        "odometer-unit-missing": Kind((_R, _D), "an odometer reading without a unit"),
        "odometer-contradicted": Kind((_R, _D), "two readings, or two units, that do not agree"),
        "odometer-implausible": Kind((_K, _D, _R), "a reading above the mapping's highest plausible one"),
        # the place
        "country-unknown": Kind((_R, _D), "not a country"),
        "region-unknown": Kind((_K, _D, _R), "not a state or province of its country"),
        "postcode-padded": Kind((_M, _R), "the postcode had lost its leading zero"),
        "postcode-malformed": Kind((_R, _D), "not a postcode of its country"),
        "point-malformed": Kind((_R, _D), "latitude or longitude is missing, not a number or out of range"),
        "place-incomplete": Kind((_R,), "a postcode table's row without postcode, country or point"),
        "location-described-twice": Kind((_K, _R), "a location is both named and described: the name counts"),
        # lists and attributes
        "list-too-long": Kind((_R, _D), "more entries than the property takes"),
        "photo-malformed": Kind((_R, _D), "not an http or https address"),
        "attribute-malformed": Kind((_R, _D), "an attribute is not of the type the mapping gives it"),
        "attribute-implausible": Kind((_D, _K, _R), "an attribute outside the range the mapping gives it"),
        # what only the stock tells
        "account-unknown": Kind((_R,), "no account is called so"),
        "account-forbidden": Kind((_R,), "an account into which the caller may not import"),
        "brand-forbidden": Kind((_R,), "a brand that is not the caller's"),
        "location-unknown": Kind((_R,), "no location is called so, or it is another account's"),
        "held-elsewhere": Kind((_R,), "another account holds the car: stock moves by transfer"),
        "identity-contradicted": Kind((_R,), "the car known by the row's key has another VIN"),
        "stock-number-taken": Kind((_R,), "another car stands at the location under the stock number"),
        "external-key-taken": Kind((_R,), "an external key names another car"),
        "date-contradicted": Kind((_R,), "the car would have left before it came"),
        "row-forbidden": Kind((_R,), "the row lies outside what the caller may write"),
        "row-unstorable": Kind((_R,), "the row breaks another rule of the database"),
    }
)


def finding(code: str, action: Action, detail: str, column: str | None = None, field: str | None = None) -> Finding:
    """A finding whose sentence names the column, or else the property, and what is wrong with it."""
    subject = column if column is not None else field
    return Finding(code, f"{subject}: {detail}" if subject is not None else detail, action, column, field)


def rejection(code: str, detail: str, column: str | None = None, field: str | None = None) -> Finding:
    """A finding that rejects the row."""
    return finding(code, Action.REJECT, detail, column, field)
