"""Numbers, amounts and units: exact in the declared format, a fault in any other."""

import contextlib
from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.importing.numbers import NumberFormat, amount, decimal, integer, kilometres, minor_units, number_and_unit

FORMATS: dict[NumberFormat, tuple[str, str]] = {
    "PLAIN": ("", "."),
    "COMMA_GROUPS": (",", "."),
    "POINT_GROUPS": (".", ","),
    "SPACE_GROUPS": ("\u202f", ","),
    "APOSTROPHE_GROUPS": ("’", "."),
}


@given(st.sampled_from(sorted(FORMATS)), st.integers(-(10**12), 10**12), st.integers(0, 99), st.booleans())
def test_what_a_format_writes_it_reads(number_format: NumberFormat, whole: int, part: int, grouped: bool) -> None:
    group, point = FORMATS[number_format]
    text = f"{whole:,}".replace(",", group) if grouped else str(whole)
    expected = Decimal(f"{whole}.{part:02}")
    assert decimal(f"{text}{point}{part:02}", number_format) == expected
    assert integer(text, number_format) == whole


@given(st.text(max_size=70), st.sampled_from(sorted(FORMATS)))
def test_any_other_text_is_a_fault_and_nothing_else(text: str, number_format: NumberFormat) -> None:
    for read in (decimal, integer, amount, number_and_unit):
        with contextlib.suppress(ValueError):
            read(text, number_format)


@pytest.mark.parametrize(
    ("text", "number_format"),
    [
        ("9.900", "COMMA_GROUPS"),  # nine point nine
        ("1,2345", "COMMA_GROUPS"),
        ("12,34.5", "COMMA_GROUPS"),
        ("1,234", "PLAIN"),
        ("1e5", "PLAIN"),
        ("1E+999999", "PLAIN"),
        ("NaN", "PLAIN"),
        ("Infinity", "PLAIN"),
        ("٣", "PLAIN"),
        ("1_000", "PLAIN"),
        ("+5", "PLAIN"),
        (".5", "PLAIN"),
        ("5.", "PLAIN"),
        ("9" * 16, "PLAIN"),
        ("9" * 4000, "PLAIN"),
        ("0x10", "PLAIN"),
        ("", "PLAIN"),
    ],
)
def test_what_is_not_the_format_is_no_whole_number(text: str, number_format: NumberFormat) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        integer(text, number_format)


@pytest.mark.parametrize(
    ("text", "number_format", "value", "currencies"),
    [
        ("$5,000", "COMMA_GROUPS", "5000", "USD CAD"),
        ("£8,000", "COMMA_GROUPS", "8000", "GBP"),
        ("€ 9.900,-", "POINT_GROUPS", "9900", "EUR"),
        ("9.900,50 €", "POINT_GROUPS", "9900.50", "EUR"),
        ("28 500 kr", "SPACE_GROUPS", "28500", "SEK NOK"),
        ("CHF 1'200.–", "APOSTROPHE_GROUPS", "1200", "CHF"),
        ("8000 EUR", "PLAIN", "8000", "EUR"),
        ("23995.00", "PLAIN", "23995", ""),
        ("-5", "PLAIN", "-5", ""),
    ],
)
def test_amounts_carry_the_currencies_that_their_sign_may_mean(
    text: str, number_format: NumberFormat, value: str, currencies: str
) -> None:
    found = amount(text, number_format)
    assert found.value == Decimal(value)
    assert set(currencies.split()) <= found.currencies
    assert bool(currencies) == bool(found.currencies)


def test_a_sign_that_the_mapping_calls_decoration_says_nothing() -> None:
    assert amount("$5,000", "COMMA_GROUPS", frozenset("$")).currencies == frozenset()


@pytest.mark.parametrize("text", ["POA", "$", "$5 €", "5 of 6", "$-", "1 2", "$" * 60 + "5"])
def test_a_text_that_is_no_amount_is_a_fault(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        amount(text, "COMMA_GROUPS")


def test_minor_units_are_exact_or_refused() -> None:
    assert minor_units(Decimal("23995.00"), "USD") == 2_399_500
    assert minor_units(Decimal(5000), "JPY") == 5000
    assert minor_units(Decimal("1.234"), "KWD") == 1234
    for value, currency in (("1.005", "USD"), ("0.5", "JPY"), ("1e15", "USD")):
        with pytest.raises(ValueError, match="more"):
            minor_units(Decimal(value), currency)


@pytest.mark.parametrize(
    ("text", "number_format", "value", "unit"),
    [
        ("150,000km", "COMMA_GROUPS", 150_000, "km"),
        ("28.000 km", "POINT_GROUPS", 28_000, "km"),
        ("12 miles", "PLAIN", 12, "miles"),
        ("7", "PLAIN", 7, None),
        ("7.0", "PLAIN", 7, None),
    ],
)
def test_a_number_may_carry_its_unit(text: str, number_format: NumberFormat, value: int, unit: str | None) -> None:
    assert number_and_unit(text, number_format) == (value, unit)


@given(st.integers(0, 2**31))
def test_miles_become_the_nearest_whole_kilometre(miles: int) -> None:
    with localcontext(prec=40):
        exact = Decimal(miles) * Decimal("1.609344")
        assert abs(kilometres(miles, "MI") - exact) < Decimal("0.5")
    assert kilometres(miles, "KM") == miles
