"""Numbers as files write them: read exactly, by the format that the mapping declares, never guessed, never floats."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Literal

import msgspec

from domain.kit.money import digits

NumberFormat = Literal["PLAIN", "COMMA_GROUPS", "POINT_GROUPS", "SPACE_GROUPS", "APOSTROPHE_GROUPS"]
"""`1234.56`; `1,234.56`; `1.234,56`; `1 234,56`; `1'234.56`. Groups may be left out, but where they are they have three
digits: so `9.900` is nine thousand nine hundred in one format, 9.9 in another, and a fault in none by accident."""

LONGEST_NUMBER = 64
"""Characters of a text that may be a number with its sign and unit; the patterns below never see a longer one."""
MOST_DIGITS = 15
"""Digits before the decimal sign; enough for any price and exact everywhere."""

_FORMATS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "PLAIN": ("", r"\."),
        "COMMA_GROUPS": (",", r"\."),
        "POINT_GROUPS": (r"\.", ","),
        "SPACE_GROUPS": ("[ \u00a0\u202f]", ","),
        "APOSTROPHE_GROUPS": ("['\u2019]", r"\."),
    }
)

_EXAMPLES: Mapping[str, str] = MappingProxyType(
    {
        "PLAIN": "1234.56",
        "COMMA_GROUPS": "1,234.56",
        "POINT_GROUPS": "1.234,56",
        "SPACE_GROUPS": "1 234,56",
        "APOSTROPHE_GROUPS": "1'234.56",
    }
)


def _pattern(group: str, point: str) -> re.Pattern[str]:
    whole = rf"(?:[0-9]{{1,3}}(?:{group}[0-9]{{3}})+|[0-9]+)" if group else "[0-9]+"
    return re.compile(rf"(?P<sign>-?)(?P<whole>{whole})(?:{point}(?P<part>[0-9]+))?")


_PATTERNS = {name: _pattern(group, point) for name, (group, point) in _FORMATS.items()}
_NOT_DIGITS = re.compile("[^0-9]")
# "9.900,-" and "1'200.–": a price without cents
_NO_CENTS = re.compile(r"[.,][-\u2013\u2014]{1,2}$")
# the signs that name one currency or a few; a bare "kr" or "$" does not say which
_SIGNS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "$": frozenset({"USD", "CAD", "AUD", "NZD", "MXN", "SGD", "HKD", "TWD", "CLP", "COP", "ARS"}),
        "US$": frozenset({"USD"}),
        "C$": frozenset({"CAD"}),
        "A$": frozenset({"AUD"}),
        "€": frozenset({"EUR"}),
        "£": frozenset({"GBP"}),
        "¥": frozenset({"JPY", "CNY"}),
        "kr": frozenset({"SEK", "NOK", "DKK", "ISK"}),
        "Fr.": frozenset({"CHF"}),
        "zł": frozenset({"PLN"}),
        "Kč": frozenset({"CZK"}),
        "R$": frozenset({"BRL"}),
    }
)
_AFFIX = re.compile(
    r"(?P<before>US\$|C\$|A\$|R\$|[$€£¥]|kr|Fr\.|[A-Z]{3})?\s*(?P<number>-?[0-9].*?)\s*(?P<after>[$€£¥]|kr|zł|Kč|[A-Z]{3})?"
)
_WITH_UNIT = re.compile(r"(?P<number>-?[0-9].*?)\s*(?P<unit>[^\W\d_]+\.?)?")
_MILLIMETRES_PER_MILE = 1_609_344


def decimal(text: str, number_format: NumberFormat) -> Decimal:
    """The number that the text writes in that format; ValueError with a predicate of the text otherwise."""
    match = _PATTERNS[number_format].fullmatch(_short(text))
    if match is None:
        raise ValueError(f"is not a number written like {_EXAMPLES[number_format]}")
    whole = _NOT_DIGITS.sub("", match["whole"])
    if len(whole.lstrip("0")) > MOST_DIGITS or len(match["part"] or "") > MOST_DIGITS:
        raise ValueError(f"has more than {MOST_DIGITS} digits")
    return Decimal(f"{match['sign']}{whole}.{match['part'] or '0'}")


def integer(text: str, number_format: NumberFormat) -> int:
    """The whole number that the text writes; a decimal part of zeros is allowed. ValueError otherwise."""
    value = decimal(text, number_format)
    if value != value.to_integral_value():
        raise ValueError("is not a whole number")
    return int(value)


class Amount(msgspec.Struct, frozen=True):
    """A price as written: the number, and the currencies that its sign may stand for (empty without a sign)."""

    value: Decimal
    currencies: frozenset[str] = frozenset()


def amount(text: str, number_format: NumberFormat, decoration: frozenset[str] = frozenset()) -> Amount:
    """Reads `$5,000`, `£8,000`, `€ 9.900,-`, `12 500 kr`, `8000 EUR`; ValueError with a predicate otherwise.

    A sign in `decoration` says nothing about the currency: the mapping knows better.
    """
    match = _AFFIX.fullmatch(_short(text))
    if match is None:
        raise ValueError("is not an amount")
    signs = [sign for sign in (match["before"], match["after"]) if sign]
    if len(signs) > 1:
        raise ValueError("has two currency signs")
    number = _NO_CENTS.sub("", match["number"])
    value = decimal(number, number_format)
    if not signs or signs[0] in decoration:
        return Amount(value)
    return Amount(value, _SIGNS.get(signs[0], frozenset(signs)))


def minor_units(value: Decimal, currency: str) -> int:
    """Whole minor units; ValueError if the amount has more decimals than the currency, or is too large to store."""
    places = digits(currency)
    scaled = value.scaleb(places)
    if scaled != scaled.to_integral_value():
        raise ValueError(f"has more decimals than {currency} has ({places})")
    if abs(scaled) > 10**MOST_DIGITS:
        raise ValueError(f"has more than {MOST_DIGITS} digits")
    return int(scaled)


def number_and_unit(text: str, number_format: NumberFormat) -> tuple[int, str | None]:
    """Reads `150,000km`, `28.000 km`, `12 miles`: the whole number and the unit's word. ValueError otherwise."""
    match = _WITH_UNIT.fullmatch(_short(text))
    if match is None:
        raise ValueError("is not a number with its unit")
    return integer(match["number"], number_format), match["unit"]


def kilometres(value: int, unit: str) -> int:
    """Whole kilometres of a reading in KM or MI, to the nearest.

    A mile is 1,609,344 mm. No whole number of miles lies half-way between two kilometres (64 divides 1,609,344 and
    1,000,000, but not 500,000), so the direction of rounding never matters.
    """
    if unit == "KM":
        return value
    return (value * _MILLIMETRES_PER_MILE + 500_000) // 1_000_000


def _short(text: str) -> str:
    if len(text) > LONGEST_NUMBER:
        raise ValueError(f"has {len(text):,} characters, too many for a number")
    return text
