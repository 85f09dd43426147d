"""VIN shape, check digit and model year, against the published rule, a foreign library and real listings."""

import csv
import gzip
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from vininfo import Vin

from inventory.vin import (
    LENGTH,
    LETTERS_AND_DIGITS,
    agrees_with_year,
    check_digit,
    check_digit_holds,
    check_digit_is_mandatory,
    model_years,
    normal_vin,
    shape_fault,
)

vins = st.text(alphabet=sorted(LETTERS_AND_DIGITS), min_size=LENGTH, max_size=LENGTH)


def test_a_vin_is_trimmed_and_in_capitals_and_nothing_else() -> None:
    assert normal_vin("  1ftew1eg6jfa12345\t") == "1FTEW1EG6JFA12345"
    assert normal_vin("1FT EW1") == "1FT EW1"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("1FTEW1EG6JFA12345", None),
        ("1H87T3N1234", "has 11 characters instead of 17"),
        ("", "has 0 characters instead of 17"),
        ("1FTEW1EG6JFA1234O", "has characters that no VIN has: O"),
        ("IFTEW1EGQJFA1234-", "has characters that no VIN has: - I Q"),
        ("1FTEW1EG6JFA1234\u0664", "has characters that no VIN has: \u0664"),
    ],
)
def test_a_text_that_cannot_be_a_vin_says_why(text: str, fault: str | None) -> None:
    assert shape_fault(text) == fault


def test_the_check_digit_is_that_of_the_worked_example() -> None:
    # 49 CFR 565: 8 28 48 35 16 12 18 10 0 18 56 0 24 10 28 24 16 → 351 = 31 · 11 + 10 → X
    assert check_digit("1M8GDM9AXKP042788") == "X"
    assert check_digit_holds("1M8GDM9AXKP042788")
    assert not check_digit_holds("1M8GDM9A1KP042788")
    assert check_digit_holds("1" * 17)


@given(vins)
def test_the_check_digit_agrees_with_another_implementation(vin: str) -> None:
    other = Vin(vin)
    assume(getattr(other.assembler, "uses_sae_checkdigit", True))  # of some makers it answers False unseen
    assert check_digit_holds(vin) == other.verify_checksum(check_year=False)


@given(vins, st.integers(0, 16), st.sampled_from("0123456789"))
def test_a_changed_digit_is_noticed(vin: str, place: int, digit: str) -> None:
    right = vin[:8] + check_digit(vin) + vin[9:]
    wrong = right[:place] + digit + right[place + 1 :]
    # two signs of one value are interchangeable to the rule; digits only with digits never are
    if right[place].isdigit() and place != 8 and digit != right[place]:
        assert not check_digit_holds(wrong)


def test_the_check_digit_is_mandatory_in_north_america_alone() -> None:
    assert [sign for sign in sorted(LETTERS_AND_DIGITS) if check_digit_is_mandatory(sign * LENGTH)] == list("12345")


def test_the_tenth_place_names_a_year_in_every_thirty() -> None:
    assert model_years("1FTEW1EG6JFA12345") == (1988, 2018, 2048, 2078)
    assert model_years("1FTEW1EG2AFA12345")[0] == 2010  # 1980 had no VINs of 17
    assert model_years("1FTEW1EG2UFA12345") == ()


def test_only_north_american_numbers_contradict_a_year() -> None:
    assert agrees_with_year("1FTEW1EG6JFA12345", 2018)
    assert not agrees_with_year("1FTEW1EG6JFA12345", 2017)
    assert agrees_with_year("WDDZF4KB1JA000001", 2017)
    assert agrees_with_year("1FTEW1EG6JFA12345", 1970)


def test_every_vin_of_the_us_listings_holds_and_agrees_with_its_year(real_data: Callable[[str], Path]) -> None:
    with gzip.open(real_data("listings_us.csv.gz"), "rt", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 4749
    assert all(shape_fault(row["VIN"]) is None and check_digit_holds(row["VIN"]) for row in rows)
    assert all(int(row["Year"]) in model_years(row["VIN"]) for row in rows)


def test_of_the_vins_claimed_valid_few_hold(real_data: Callable[[str], Path]) -> None:
    with gzip.open(real_data("vins_claimed_untrusted.csv.gz"), "rt", encoding="utf-8", newline="") as file:
        found = [row["vin"] for row in csv.DictReader(file)]
    shaped = [vin for vin in map(normal_vin, found) if shape_fault(vin) is None]
    assert (len(found), len(shaped), sum(map(check_digit_holds, shaped))) == (32, 29, 4)
