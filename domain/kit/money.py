"""Amounts of money: decimal strings on the wire, whole minor units of an ISO 4217 currency inside."""

from __future__ import annotations

import functools
from decimal import Decimal
from typing import Annotated

import msgspec
from babel.numbers import get_currency_precision, list_currencies

from domain.kit.values import exactly

Currency = Annotated[str, exactly("[A-Z]{3}", "ISO 4217 code")]
AmountText = Annotated[str, exactly(r"-?(0|[1-9][0-9]{0,13})(\.[0-9]{1,4})?", "decimal number without exponent")]


@functools.cache
def digits(currency: str) -> int:
    """How many decimals the currency has (ISO 4217, by CLDR); ValueError for a code nobody uses."""
    if currency not in _known():
        raise ValueError(f"{currency} is not an ISO 4217 currency")
    return int(get_currency_precision(currency))


@functools.cache
def _known() -> frozenset[str]:
    return frozenset(list_currencies())


def to_minor(amount: str, currency: str) -> int:
    """Whole minor units of a decimal string; ValueError if it has more decimals than the currency."""
    scaled = Decimal(amount).scaleb(digits(currency))
    if scaled != scaled.to_integral_value():
        raise ValueError(f"{currency} has {digits(currency)} decimals")
    return int(scaled)


def to_text(minor: int, currency: str) -> str:
    """The decimal string of whole minor units: 2399500, USD → "23995.00"."""
    places = digits(currency)
    if not places:
        return str(minor)
    sign, text = ("-" if minor < 0 else ""), str(abs(minor)).rjust(places + 1, "0")
    return f"{sign}{text[:-places]}.{text[-places:]}"


class Money(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An amount with its currency, as callers see it."""

    amount: AmountText
    currency: Currency

    @classmethod
    def of(cls, minor: int, currency: str) -> Money:
        """From whole minor units."""
        return cls(to_text(minor, currency), currency)

    @property
    def minor(self) -> int:
        """Whole minor units; ValueError as `to_minor`."""
        return to_minor(self.amount, self.currency)
