"""Types of the values that cross the edge, constrained once: texts, codes, numbers, instants, addresses, contact data.

A type carries three things: its limits (`msgspec.Meta`), the check that a pattern cannot express (`Checked`, run by the
record engine before writing) and its privacy class (`Privacy`), from which erasure and a person's export follow.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Annotated, Any
from zoneinfo import available_timezones

import msgspec
import phonenumbers
from email_validator import EmailNotValidError, validate_email
from msgspec import Meta


class Privacy(enum.Enum):
    """What a field may tell about a person."""

    NONE = "NONE"
    FREE_TEXT = "FREE_TEXT"
    """People type anything here; erased with the person the record belongs to."""
    PERSONAL = "PERSONAL"
    SECRET = "SECRET"  # noqa: S105 - the name of a class, not a secret
    """Never exported, never in history, never answered."""


class Checked(msgspec.Struct, frozen=True):
    """A check beyond patterns: takes the value, returns its normal form, raises ValueError with a sentence."""

    normal: Callable[[Any], Any]


def exactly(pattern: str, description: str = "") -> Meta:
    """A limit to texts that match the whole pattern: Python's `$` alone would let a final newline through."""
    return Meta(pattern=rf"^(?:{pattern})$(?!\n)", description=description or None)


EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)
LARGEST = 2**53 - 1
"""Whole numbers beyond it are not exact in every reader of JSON."""


def in_our_time(value: datetime) -> datetime:
    """An instant between 1900 and 2200, in UTC; others are typing errors, and the database could not hold some."""
    try:
        value = value.astimezone(UTC)
    except OverflowError:
        raise ValueError("lies outside the years 1900 to 2199") from None
    if not EARLIEST <= value < LATEST:
        raise ValueError("lies outside the years 1900 to 2199")
    return value


def on_our_calendar(value: date) -> date:
    """A day between 1900 and 2199."""
    if not EARLIEST.date() <= value < LATEST.date():
        raise ValueError("lies outside the years 1900 to 2199")
    return value


def email_address(value: str) -> str:
    """Normal form of an e-mail address: syntax only, no network."""
    try:
        return validate_email(value, check_deliverability=False, test_environment=True).normalized
    except EmailNotValidError as fault:
        raise ValueError(str(fault)) from None


def phone_number(value: str) -> str:
    """E.164 form of an international phone number."""
    try:
        number = phonenumbers.parse(value)
    except phonenumbers.NumberParseException:
        raise ValueError("is not a phone number with its country code, as in +1 212 555 0100") from None
    if not phonenumbers.is_possible_number(number):
        raise ValueError("is too long or too short for a phone number of its country")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def zone_name(value: str) -> str:
    """An IANA time zone."""
    if value not in available_timezones():
        raise ValueError("is not an IANA time zone such as Europe/Berlin")
    return value


def printable(value: str) -> str:
    """A one-line text without control and direction-override characters, trimmed, not empty."""
    value = value.strip()
    if not value:
        raise ValueError("is empty")
    if any(ord(c) < 32 or ord(c) == 127 or "\u202a" <= c <= "\u202e" or "\u2066" <= c <= "\u2069" for c in value):
        raise ValueError("has control characters")
    return value


Id = Annotated[str, Meta(min_length=1, max_length=64, description="opaque")]
Code = Annotated[str, exactly(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,63}", "short code"), Privacy.NONE]
Label = Annotated[str, Meta(min_length=1, max_length=200), Checked(printable), Privacy.NONE]
"""One line that names a thing, never a person."""
Text = Annotated[str, Meta(max_length=10_000), Privacy.FREE_TEXT]
PersonName = Annotated[str, Meta(min_length=1, max_length=200), Checked(printable), Privacy.PERSONAL]
Email = Annotated[str, Meta(min_length=3, max_length=254), Checked(email_address), Privacy.PERSONAL]
Phone = Annotated[str, Meta(min_length=3, max_length=40), Checked(phone_number), Privacy.PERSONAL]
TimeZone = Annotated[str, Meta(max_length=64), Checked(zone_name), Privacy.NONE]
Country = Annotated[str, exactly("[A-Z]{2}", "ISO 3166-1 alpha-2 code"), Privacy.NONE]
Postcode = Annotated[str, exactly("[A-Za-z0-9][A-Za-z0-9 -]{0,11}", "postal code"), Privacy.NONE]
Locale = Annotated[str, exactly("[a-z]{2,3}(-[A-Z]{2})?", "language tag"), Privacy.NONE]
Url = Annotated[str, exactly(r"https?://[^\s<>\"]{1,2000}", "http or https address"), Privacy.NONE]
Digest = Annotated[str, exactly("[0-9a-f]{64}", "SHA-256 in hexadecimal"), Privacy.NONE]

Count = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Whole = Annotated[int, Meta(ge=-LARGEST, le=LARGEST)]
Number = Annotated[float, Meta(ge=-1e15, le=1e15)]
Year = Annotated[int, Meta(ge=1900, le=2199)]
Percent = Annotated[float, Meta(ge=0, le=100)]
Latitude = Annotated[float, Meta(ge=-90, le=90)]
Longitude = Annotated[float, Meta(ge=-180, le=180)]
Instant = Annotated[datetime, Meta(tz=True), Checked(in_our_time)]
Day = Annotated[date, Checked(on_our_calendar)]


class ExternalKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The name another system gives the record."""

    system: Code
    key: Annotated[str, Meta(min_length=1, max_length=200), Checked(printable)]


class Address(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A postal address as written on a letter."""

    street: Annotated[str, Meta(max_length=200)] | None = None
    city: Annotated[str, Meta(max_length=100)] | None = None
    region: Annotated[str, Meta(max_length=100)] | None = None
    postcode: Postcode | None = None
    country: Country | None = None
