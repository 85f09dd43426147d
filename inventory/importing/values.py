"""Spellings of values: what sources call black, petrol or Volkswagen, and the one value with labels that they mean.

The tables of `aliases/` are the seed of the stored value aliases. An unknown value is no fault: it is kept as it came,
in NFC, trimmed and with single blanks.
"""

from __future__ import annotations

import functools
import re
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping
from importlib.resources import files
from types import MappingProxyType
from typing import Any

import msgspec

from inventory.importing.errors import MappingFault

CHOICES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "condition": ("NEW", "CERTIFIED", "USED", "DEMO", "SALVAGE"),
        "status": ("ON_ORDER", "IN_TRANSIT", "IN_STOCK", "RESERVED", "SOLD", "IN_SERVICE", "RETIRED"),
        "visibility": ("OWN_GROUP", "NETWORK", "PUBLIC"),
        "price_tax": ("INCLUDED", "EXCLUDED", "MARGIN_SCHEME"),
        "odometer_unit": ("KM", "MI"),
        "odometer_status": ("ACTUAL", "NOT_ACTUAL", "EXCEEDS", "REPLACED"),
        "holds": ("RECALL", "QUALITY", "DAMAGE", "PREPARATION", "TITLE"),
        "boolean": ("true", "false"),
    }
)
"""Vocabularies that are closed: a property of these has one of the values or none."""

VOCABULARIES: Mapping[str, str] = MappingProxyType(
    {
        "brand": "make",
        "make": "make",
        "body_style": "body_style",
        "drivetrain": "drivetrain",
        "fuel_type": "fuel_type",
        "transmission": "transmission",
        "exterior_color": "color",
        "interior_color": "color",
    }
)
"""Which open vocabulary a property's values are looked up in."""

_SEPARATORS = re.compile(r"[\W_]+")


class Spelling(msgspec.Struct, frozen=True):
    """One way to write a value of a vocabulary; with a locale it is also what people who speak it are shown."""

    vocabulary: str
    alias: str
    value: str
    locale: str = ""


def folded(text: str) -> str:
    """The form in which spellings are compared: no case, no accents, anything but letters and digits one blank."""
    if not text.isascii():
        decomposed = unicodedata.normalize("NFKD", text.casefold())
        text = "".join(sign for sign in decomposed if not unicodedata.combining(sign))
    return _SEPARATORS.sub(" ", text.casefold()).strip()


class Aliases:
    """The spellings of many vocabularies, ready to look up."""

    def __init__(self, spellings: Iterable[Spelling]) -> None:
        """MappingFault where one spelling would mean two values of a vocabulary. A value spells itself."""
        self._values: dict[str, dict[str, str]] = {}
        for spelling in spellings:
            known = self._values.setdefault(spelling.vocabulary, {})
            for alias in (spelling.value, spelling.alias):
                other = known.setdefault(folded(alias), spelling.value)
                if other != spelling.value:
                    raise MappingFault(f"{spelling.vocabulary}: {alias!r} means both {other!r} and {spelling.value!r}")

    def value(self, vocabulary: str, text: str) -> str | None:
        """The value that the text spells; None where no alias knows it."""
        known = self._values.get(vocabulary)
        return known.get(folded(text)) if known else None

    def knows(self, vocabulary: str) -> bool:
        """Whether the vocabulary has any value."""
        return vocabulary in self._values

    def at_start(self, vocabulary: str, text: str) -> tuple[str, str] | None:
        """The value that the text's first words spell (as many as possible, at most four) and the words after them."""
        words = text.split()
        for count in range(min(len(words), 4), 0, -1):
            value = self.value(vocabulary, " ".join(words[:count]))
            if value is not None:
                return value, " ".join(words[count:])
        return None


def _table(name: str) -> dict[str, Any]:
    source = files("inventory.importing") / "aliases" / f"{name}.toml"
    return tomllib.loads(source.read_text(encoding="utf-8"))


@functools.cache
def shipped_spellings() -> tuple[Spelling, ...]:
    """The seed of the stored aliases, in a fixed order; every value spells itself once."""
    found: list[Spelling] = []
    for vocabulary in ("color", "fuel_type", "drivetrain", "transmission", "body_style"):
        for entry in _table(vocabulary)["value"]:
            found += _spellings(vocabulary, entry["value"], entry["spellings"], entry["labels"])
    makes = _table("make")
    for value, aliases in makes["values"].items():
        found += _spellings("make", value, aliases, makes["labels"].get(value, {}))
    for value, aliases in _table("country")["values"].items():
        found += _spellings("country", value, aliases)
    for country, regions in _table("region").items():
        for value, aliases in regions.items():
            found += _spellings(f"region.{country}", value, aliases)
    for vocabulary, choices in _table("choices").items():
        for value, aliases in choices.items():
            found += _spellings(vocabulary, value, aliases)
    return tuple(found)


def _spellings(
    vocabulary: str, value: str, aliases: Iterable[str], labels: Mapping[str, str] = MappingProxyType({})
) -> list[Spelling]:
    names = [Spelling(vocabulary, label, value, locale) for locale, label in labels.items()]
    return [*names, *(Spelling(vocabulary, alias, value) for alias in dict.fromkeys((value, *aliases)))]


@functools.cache
def long_model_names() -> Mapping[str, frozenset[str]]:
    """Model names of several words by make, folded; what splits a text of model and trim."""
    return MappingProxyType({make: frozenset(map(folded, names)) for make, names in _table("model").items()})


def model_and_trim(make: str | None, text: str) -> tuple[str | None, str | None]:
    """Splits a text of model and trim: the longest model name of the make that it begins with, else its first word."""
    words = text.split()
    if not words:
        return None, None
    known = long_model_names().get(make or "", frozenset())
    count = next((n for n in range(min(len(words), 5), 1, -1) if folded(" ".join(words[:n])) in known), 1)
    return " ".join(words[:count]), " ".join(words[count:]) or None
