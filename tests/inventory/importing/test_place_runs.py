"""Postcode tables into a real database."""

from collections.abc import Callable
from pathlib import Path

from inventory.importing.place_runs import PlacesResult, import_places
from inventory.importing.reader import FileReader, read_file
from tests.inventory.importing.conftest import Yard
from tests.inventory.importing.files import csv_of, rows_of

HEADER = ["zip", "city", "state", "lat", "lon"]


async def take(yard: Yard, *rows: list[str]) -> PlacesResult:
    reader = FileReader("CSV")
    return await import_places(yard.as_(yard.client), rows_of(csv_of(HEADER, *rows), reader=reader), reader, "US")


async def test_every_row_of_a_table_is_accounted_for(yard: Yard) -> None:
    first = await take(
        yard, ["2062", "Norwood", "MA", "42", "-71"], ["10001", "New York", "NY", "40", "-74"], ["x", "", "", "1", "1"],
        ["10001", "New York", "NY", "40.7", "-74"],
    )  # fmt: skip
    counts = first.counts
    assert (counts.received, counts.created, counts.superseded, counts.rejected, counts.warnings) == (4, 2, 1, 1, 1)
    assert [reject.number for reject in first.rejects] == [3]
    again = await take(yard, ["02062", "Norwood", "MA", "42", "-71"], ["10001", "New York", "NY", "41", "-74"])
    assert (again.counts.unchanged, again.counts.updated) == (1, 1)
    assert await yard.rows("select code, latitude from postcode order by code") == [
        {"code": "02062", "latitude": 42.0}, {"code": "10001", "latitude": 41.0},
    ]  # fmt: skip


async def test_locations_without_a_point_are_placed_once_their_postcode_is_known(yard: Yard) -> None:
    data = csv_of(["make", "location_name", "postcode", "country"], ["Ford", "Yard", "02062", "US"])
    await yard.take(yard.seller, data)
    assert (await take(yard, ["2062", "Norwood", "MA", "42.5", "-71.5"])).located == 1
    assert await yard.rows("select latitude, longitude from location where name = 'Yard'") == [
        {"latitude": 42.5, "longitude": -71.5}
    ]


async def test_the_us_table_comes_in_twice(yard: Yard, real_data: Callable[[str], Path]) -> None:
    for outcome in ("created", "unchanged"):
        reader = FileReader("CSV")
        found = await import_places(
            yard.as_(yard.client), read_file(real_data("postcodes_us.csv.gz"), reader), reader, "US"
        )
        assert (found.counts.received, getattr(found.counts, outcome), found.rejects) == (43_191, 43_191, ())
