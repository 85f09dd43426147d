"""Vehicle identification numbers: their normal form, check digit and model-year letter (ISO 3779, 49 CFR 565)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

LENGTH = 17
LETTERS_AND_DIGITS = frozenset("ABCDEFGHJKLMNPRSTUVWXYZ0123456789")
FIRST_YEAR = 1981
"""The first model year of the 17-character number; older cars carry shorter ones of their makers."""

_VALUES: Mapping[str, int] = MappingProxyType(
    {str(digit): digit for digit in range(10)}
    | dict(zip("ABCDEFGH", range(1, 9), strict=True))
    | dict(zip("JKLMN", range(1, 6), strict=True))
    | {"P": 7, "R": 9}
    | dict(zip("STUVWXYZ", range(2, 10), strict=True))
)
_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
_MANDATORY_FROM = frozenset("12345")
_YEAR_LETTERS = "ABCDEFGHJKLMNPRSTVWXY123456789"


def normal_vin(text: str) -> str:
    """Trimmed and upper-cased, nothing else: a VIN with a gap inside is a typing error that its owner must see."""
    return text.strip().upper()


def shape_fault(vin: str) -> str | None:
    """Why a normalised text cannot be a VIN at all, as a predicate of it; None if it has the shape of one."""
    if len(vin) != LENGTH:
        return f"has {len(vin)} characters instead of {LENGTH}"
    wrong = sorted(set(vin) - LETTERS_AND_DIGITS)
    if wrong:
        return f"has characters that no VIN has: {' '.join(wrong)}"
    return None


def check_digit(vin: str) -> str:
    """The check digit, `0`–`9` or `X`, that belongs at the ninth place of a text with the shape of a VIN."""
    rest = sum(_VALUES[sign] * weight for sign, weight in zip(vin, _WEIGHTS, strict=True)) % 11
    return "X" if rest == 10 else str(rest)


def check_digit_holds(vin: str) -> bool:
    """Whether the ninth place is what the other sixteen demand."""
    return vin[8] == check_digit(vin)


def check_digit_is_mandatory(vin: str) -> bool:
    """North America (first character 1–5) demands the check digit; elsewhere a maker may put anything there."""
    return vin[0] in _MANDATORY_FROM


def model_years(vin: str) -> tuple[int, ...]:
    """The model years that the tenth place may stand for, 30 years apart; empty if it stands for none."""
    place = _YEAR_LETTERS.find(vin[9])
    if place < 0:
        return ()
    return tuple(year for year in range(1980 + place, 2100, 30) if year >= FIRST_YEAR)


def agrees_with_year(vin: str, model_year: int) -> bool:
    """False where the tenth place contradicts the model year.

    Only numbers under the North American rule are judged: elsewhere the tenth place is the maker's own.
    """
    return not check_digit_is_mandatory(vin) or model_year < FIRST_YEAR or model_year in model_years(vin)
