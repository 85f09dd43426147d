"""Postcodes and countries in one form each, so that the same place is written the same way whoever sends it."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from types import MappingProxyType

import msgspec
from babel import Locale

_NOT_COUNTRIES = frozenset({"AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "ZZ"})
"""Two letters that CLDR lists beside the countries: reserved codes and groupings."""


class _Digits(msgspec.Struct, frozen=True):
    """Postcodes of `length` digits, of which a spreadsheet may have eaten `lost` leading zeros; `sign` at `split`."""

    length: int
    lost: int = 0
    split: int = 0
    sign: str = ""


_BY_DIGITS: Mapping[str, _Digits] = MappingProxyType(
    {
        **dict.fromkeys(("DE", "FR", "ES", "FI", "MX", "TR"), _Digits(5, lost=1)),
        "US": _Digits(5, lost=1),
        "IT": _Digits(5, lost=2),
        "RO": _Digits(6, lost=1),
        **dict.fromkeys(("AT", "AU", "BE", "CH", "DK", "HU", "LU", "SI"), _Digits(4)),
        "NO": _Digits(4, lost=1),
        "NZ": _Digits(4, lost=1),
        "ZA": _Digits(4, lost=1),
        "CN": _Digits(6, lost=1),
        "KR": _Digits(5, lost=1),
        "SE": _Digits(5, split=3, sign=" "),
        "CZ": _Digits(5, split=3, sign=" "),
        "SK": _Digits(5, lost=1, split=3, sign=" "),
        "GR": _Digits(5, split=3, sign=" "),
        "PL": _Digits(5, lost=1, split=2, sign="-"),
        "PT": _Digits(7, split=4, sign="-"),
        "JP": _Digits(7, lost=1, split=3, sign="-"),
        "BR": _Digits(8, lost=1, split=5, sign="-"),
    }
)
_BY_PATTERN: Mapping[str, tuple[re.Pattern[str], str]] = MappingProxyType(
    {
        "GB": (re.compile(r"([A-Z]{1,2}[0-9][A-Z0-9]?)([0-9][A-Z]{2})"), " "),
        "CA": (re.compile(r"([ABCEGHJ-NPRSTVXY][0-9][ABCEGHJ-NPRSTV-Z])([0-9][ABCEGHJ-NPRSTV-Z][0-9])"), " "),
        "NL": (re.compile(r"([1-9][0-9]{3})([A-Z]{2})"), " "),
        "IE": (re.compile(r"([AC-FHKNPRTV-Y][0-9][0-9W])([0-9AC-FHKNPRTV-Y]{4})"), " "),
    }
)
_ANY = re.compile(r"[A-Z0-9](?:[A-Z0-9 -]{0,10}[A-Z0-9])?")
_PLUS_FOUR = re.compile(r"([0-9]{3,5})[- ]?[0-9]{4}")
_COUNTRY_PREFIX = re.compile(r"^[A-Z]{1,2}-")
_BLANKS_AND_SIGNS = re.compile(r"[\s.-]+")
# 00501–00599 (New York), 006–009 (Puerto Rico, Virgin Islands): where three digits can be a ZIP that lost two zeros
_US_TWO_ZEROS = re.compile(r"[5-9][0-9]{2}")


class Postcode(msgspec.Struct, frozen=True):
    """A postcode in its country's form; `padded` where leading zeros had been lost."""

    code: str
    padded: bool = False


def postcode(text: str, country: str) -> Postcode | None:
    """The postcode that the text means in that country (ISO alpha-2); None if it means none.

    A US ZIP+4 gives its five digits, by which places are known. Countries without a rule here take up to 12 letters,
    digits, blanks and hyphens.
    """
    text = text.strip().upper()
    rule = _BY_DIGITS.get(country)
    if rule is not None:
        return _by_digits(text, country, rule)
    if country in _BY_PATTERN:
        pattern, sign = _BY_PATTERN[country]
        match = pattern.fullmatch(_BLANKS_AND_SIGNS.sub("", text))
        return Postcode(sign.join(match.groups())) if match else None
    return Postcode(" ".join(text.split())) if _ANY.fullmatch(text) else None


def _by_digits(text: str, country: str, rule: _Digits) -> Postcode | None:
    if country == "US" and (match := _PLUS_FOUR.fullmatch(text)) and len(text) > rule.length:
        text = match[1]
    bare = _BLANKS_AND_SIGNS.sub("", _COUNTRY_PREFIX.sub("", text))
    if not (bare.isascii() and bare.isdigit()):
        return None
    missing = rule.length - len(bare)
    two_zeros = country == "US" and missing == 2 and _US_TWO_ZEROS.fullmatch(bare) is not None
    if not (0 <= missing <= rule.lost or two_zeros):
        return None
    code = bare.rjust(rule.length, "0")
    if int(code) == 0:
        return None
    if rule.split:
        code = f"{code[: rule.split]}{rule.sign}{code[rule.split :]}"
    return Postcode(code, padded=missing > 0)


@functools.cache
def countries() -> frozenset[str]:
    """Every ISO 3166-1 alpha-2 code in use."""
    codes = map(str, Locale("en").territories)
    return frozenset(code for code in codes if len(code) == 2 and code.isalpha()) - _NOT_COUNTRIES
