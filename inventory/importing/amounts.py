"""Reads a row's price and odometer."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from domain.kit.money import digits
from inventory.importing import numbers
from inventory.importing.plan import Taken
from inventory.importing.row import Row

_LARGEST_READING = 2**31 - 1


class Price(msgspec.Struct, frozen=True):
    """An amount in whole minor units of its currency; both None where there is no price."""

    minor: int | None = None
    currency: str | None = None


class Odometer(msgspec.Struct, frozen=True):
    """A reading as given and in whole kilometres; all None where there is none."""

    value: int | None = None
    unit: str | None = None
    km: int | None = None


def read_price(row: Row) -> Price:
    """The price in its currency. A sign that only one currency has names it where nothing else does."""
    taken = row.take("price")
    given_currency = row.take("currency")
    if taken is None:
        return Price()
    mapping = row.mapping
    try:
        amount = numbers.amount(taken.text, mapping.number_format, row.plan.money_marks)
        if amount.value < 0:
            raise ValueError("is below zero")
    except ValueError as fault:
        row.report("price-malformed", f"{taken.text!r} {fault}", taken, "price")
        return Price()
    if amount.value == 0 and not row.kept("price-zero", "a price of 0 is no price", taken, "price"):
        return Price()
    currency = _currency(row, given_currency, amount.currencies, taken)
    if currency is None:
        return Price()
    kept = True
    if amount.value > row.plan.price_highest:
        kept = row.kept("price-implausible", f"{taken.text!r} is above {mapping.price_highest}", taken, "price")
    elif 0 < amount.value < row.plan.price_lowest:
        kept = row.kept("price-low", f"{taken.text!r} is below {mapping.price_lowest}", taken, "price")
    return _exact(row, amount.value, currency, taken) if kept else Price()


def _exact(row: Row, value: Decimal, currency: str, taken: Taken) -> Price:
    try:
        return Price(numbers.minor_units(value, currency), currency)
    except ValueError as fault:
        row.report("price-malformed", f"{taken.text!r} {fault}", taken, "price")
        return Price()


def _currency(row: Row, given: Taken | None, signs: frozenset[str], price: Taken) -> str | None:
    if given is None:
        if len(signs) == 1:
            return next(iter(signs))
        row.report("currency-missing", "a price without a currency", price, "currency")
        return None
    currency = given.text.upper()
    try:
        digits(currency)
    except ValueError:
        row.report("currency-unknown", f"{given.text!r} is not an ISO 4217 currency", given, "currency")
        return None
    if not signs or currency in signs:
        return currency
    kept = row.kept("currency-contradicted", f"{price.text!r} is not an amount of {currency}", price, "price")
    return currency if kept else None


def read_odometer(row: Row) -> Odometer:
    """The reading from `odometer` with its unit, `mileage_mi` or `odometer_km`; several must agree."""
    given_unit = row.take("odometer_unit")
    unit = _unit(row, given_unit.text) if given_unit else None
    if given_unit is not None and unit is None:
        row.report("choice-unknown", f"{given_unit.text!r} is not KM or MI", given_unit, "odometer_unit")
        return Odometer()
    readings = [
        reading
        for name, fixed in (("odometer", unit), ("mileage_mi", "MI"), ("odometer_km", "KM"))
        if (taken := row.take(name)) is not None and (reading := _reading(row, name, taken, fixed)).km is not None
    ]
    if not readings:
        return Odometer()
    first = readings[0]
    for other in readings[1:]:
        # the same distance given in both units may differ by the rounding of one
        if first.km is not None and other.km is not None and abs(first.km - other.km) > (first.unit != other.unit):
            row.report("odometer-contradicted", f"{first.km} km and {other.km} km are both given", None, "odometer")
            return Odometer()
    return first


def _reading(row: Row, name: str, taken: Taken, fixed: str | None) -> Odometer:
    try:
        value, word = numbers.number_and_unit(taken.text, row.mapping.number_format)
        if not 0 <= value <= _LARGEST_READING:
            raise ValueError("is below zero" if value < 0 else "is too large")
        written = _unit(row, word) if word else None
        if word and written is None:
            raise ValueError(f"has the unknown unit {word!r}")
    except ValueError as fault:
        row.report("odometer-malformed", f"{taken.text!r} {fault}", taken, name)
        return Odometer()
    if written and fixed and written != fixed:
        row.report("odometer-contradicted", f"{taken.text!r} is not in {fixed}", taken, name)
        return Odometer()
    unit = fixed or written
    if unit is None:
        row.report("odometer-unit-missing", f"{taken.text!r} has no unit", taken, name)
        return Odometer()
    km = numbers.kilometres(value, unit)
    highest = row.mapping.odometer_highest_km
    if km > highest and not row.kept("odometer-implausible", f"{taken.text!r} is above {highest} km", taken, name):
        return Odometer()
    if km > _LARGEST_READING:
        row.report("odometer-malformed", f"{taken.text!r} is too large", taken, name)
        return Odometer()
    return Odometer(value, unit, km)


def _unit(row: Row, word: str) -> str | None:
    return row.aliases.value("odometer_unit", word)
