"""Postcodes by country, and postcode tables."""

import csv
import gzip
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.importing.errors import UnknownColumn
from inventory.importing.places import AcceptedPlace, Place, PlaceNormalizer
from inventory.importing.postcodes import countries, postcode
from inventory.importing.reader import FileReader, read_file
from inventory.importing.vehicle import Rejected

from .files import ALIASES, csv_of, rows_of


@pytest.mark.parametrize(
    ("text", "country", "code", "padded"),
    [
        ("92562", "US", "92562", False),
        ("2062", "US", "02062", True),
        ("601", "US", "00601", True),
        ("94103-1234", "US", "94103", False),
        ("941031234", "US", "94103", False),
        ("1067", "DE", "01067", True),
        ("D-10115", "DE", "10115", False),
        ("1000", "FR", "01000", True),
        ("sw1a1aa", "GB", "SW1A 1AA", False),
        ("m1  1ae", "GB", "M1 1AE", False),
        ("k1a0b1", "CA", "K1A 0B1", False),
        ("1234ab", "NL", "1234 AB", False),
        ("00950", "PL", "00-950", False),
        ("11455", "SE", "114 55", False),
        ("150", "NO", "0150", True),
        ("ad500", "AD", "AD500", False),
    ],
)
def test_a_postcode_has_one_form_in_its_country(text: str, country: str, code: str, padded: bool) -> None:
    found = postcode(text, country)
    assert found is not None
    assert (found.code, found.padded) == (code, padded)


@pytest.mark.parametrize(
    ("text", "country"),
    [("Falls", "US"), ("1", "US"), ("B", "US"), ("102", "US"), ("00000", "US"), ("123456", "US"), ("١٢٣٤٥", "US"),
     ("123", "DE"), ("SW1A", "GB"), ("", "AD"), ("x" * 13, "AD"), ("<b>", "AD")],
)  # fmt: skip
def test_what_cannot_be_a_postcode_is_none(text: str, country: str) -> None:
    assert postcode(text, country) is None


@given(st.text(max_size=14), st.sampled_from(sorted(countries())))
def test_a_form_is_its_own_form(text: str, country: str) -> None:
    found = postcode(text, country)
    if found is not None:
        again = postcode(found.code, country)
        assert again is not None
        assert (again.code, again.padded) == (found.code, False)
        assert len(found.code) <= 12


def test_a_table_may_call_its_columns_by_their_usual_names() -> None:
    normalizer = PlaceNormalizer(ALIASES, country="US")
    rows = rows_of(csv_of(["zip", "city", "state", "lat", "lon"], ["2062", "Norwood", "MA", "42.18", "-71.2"]))
    (found,) = map(normalizer, rows)
    assert isinstance(found, AcceptedPlace)
    assert found.place == Place(
        country="US", postcode="02062", latitude=42.18, longitude=-71.2, city="Norwood", region="MA"
    )
    assert [warning.code for warning in found.warnings] == ["postcode-padded"]


def test_a_table_of_many_countries_names_them() -> None:
    normalizer = PlaceNormalizer(ALIASES)
    rows = rows_of(csv_of(
        ["country", "postcode", "latitude", "longitude"],
        ["Germany", "10115", "52,53", "13.38"], ["", "10115", "52", "13"], ["DE", "10115", "", ""],
        ["DE", "10115", "95", "13"], ["DE", "x", "52", "13"], ["", "", "", ""],
    ))  # fmt: skip
    found = [normalizer(row) for row in rows]
    assert [[reason.code for reason in one.reasons] if isinstance(one, Rejected) else [] for one in found] == [
        [], ["place-incomplete"], ["place-incomplete"], ["point-malformed"], ["postcode-malformed"],
        ["place-incomplete"],
    ]  # fmt: skip


def test_unknown_columns_refuse_a_table() -> None:
    with pytest.raises(UnknownColumn, match="population"):
        PlaceNormalizer(ALIASES, "US").check_header(["zip", "lat", "lon", "population"])
    with pytest.raises(UnknownColumn, match="country"):
        PlaceNormalizer(ALIASES, "US").check_header(["country", "zip", "lat", "lon"])


def test_every_row_of_the_us_table_is_a_place_and_places_nearly_every_listing(real_data: Callable[[str], Path]) -> None:
    reader, normalizer = FileReader("CSV"), PlaceNormalizer(ALIASES, "US")
    found = [normalizer(row) for row in read_file(real_data("postcodes_us.csv.gz"), reader)]
    normalizer.check_header(reader.header or ())
    places = {one.place.postcode: one.place for one in found if isinstance(one, AcceptedPlace)}
    assert (len(found), len(places)) == (43_191, 43_191)
    with gzip.open(real_data("listings_us.csv.gz"), "rt", encoding="utf-8", newline="") as file:
        texts = [row["Zipcode"] for row in csv.DictReader(file)]
    codes = [postcode(text, "US") for text in texts]
    assert sum(code is not None and code.code in places for code in codes) == 4692
