"""Counts that must add up, and rejects that can be mended and sent again."""

import csv
import io

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.importing.formulas import guarded, unguarded
from inventory.importing.mapping import DEFAULT
from inventory.importing.result import ImportCounts, RejectWriter
from inventory.importing.shipped import shipped_mappings
from inventory.importing.vehicle import Accepted, Rejected

from .files import csv_of, outcomes, refused, written

texts = st.text(alphabet=st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=15)


def rejects(data: bytes, **how: object) -> list[Rejected]:
    return [found for found in outcomes(data, **how) if isinstance(found, Rejected)]  # type: ignore[arg-type]


def test_counts_that_lose_a_row_cannot_be_made() -> None:
    whole = ImportCounts(received=10, created=4, updated=3, unchanged=1, superseded=1, rejected=1, closed=7, warnings=9)
    assert (whole + whole).received == 20
    with pytest.raises(ValueError, match="10 rows were received, 9 are accounted for"):
        ImportCounts(received=10, created=9)
    with pytest.raises(ValueError, match="below zero"):
        ImportCounts(received=0, created=1, updated=-1)


@given(texts | st.text(alphabet="'=+-@\t \"\ufeff＝a", max_size=8))
def test_the_guard_against_formulas_is_taken_off_without_loss(cell: str) -> None:
    assert unguarded(guarded(cell)) == cell


@pytest.mark.parametrize(
    "cell", ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "\nx", " =1", '"=1', "'=1", "\ufeff=1", "＝1", "＋1", "－1", "＠x"]
)
def test_what_a_spreadsheet_would_evaluate_is_guarded(cell: str) -> None:
    assert guarded(cell) == f"'{cell}"


def test_rejects_carry_number_reasons_and_the_row_as_it_came() -> None:
    data = csv_of(["make", "model_year", "trim"], ["Ford", "2019", ""], ["", "1800", '=SUM("A1")'], ["Ford", "x"])
    file = written(RejectWriter(DEFAULT, ["make", "model_year", "trim"]), rejects(data))
    rows = list(csv.DictReader(io.StringIO(file.decode(), newline="")))
    assert [row["forecourt_row"] for row in rows] == ["2", "3"]
    assert rows[0]["forecourt_reasons"] == (
        "model-year-impossible: model_year: '1800' is not a year from 1900 to 2027; make-missing: make: no make"
    )
    assert (rows[0]["trim"], rows[0]["forecourt_raw"]) == ('\'=SUM("A1")', "")
    assert (rows[1]["make"], rows[1]["forecourt_raw"]) == ("", "Ford,x")


@given(st.lists(st.tuples(texts, texts), min_size=1, max_size=4))
def test_rejects_sent_again_unmended_are_the_same_rejects(rows: list[tuple[str, str]]) -> None:
    header = ["model_year", "make", "trim"]
    first = rejects(csv_of(header, *(["1800", *row] for row in rows)))
    assert len(first) == len(rows)
    columns: list[str] = header
    again = first
    for _ in range(2):
        data = written(RejectWriter(DEFAULT, columns), again)
        again = rejects(data)
        columns = ["forecourt_row", "forecourt_reasons", "forecourt_raw", *header]
    assert [refused(one) for one in again] == [refused(one) for one in first]
    assert [{name: (one.cells or {})[name] for name in header} for one in again] == [one.cells for one in first]


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "utf-16", "shift_jis"])
def test_a_mended_file_is_accepted_by_the_same_mapping(encoding: str) -> None:
    mapping = msgspec.structs.replace(DEFAULT, encoding=encoding, delimiter=";")
    data = "make;model_year;trim\nOpel;1800;Ω;x\nOpel;1800;-\n".replace("Ω", "-").encode(encoding)
    file = written(RejectWriter(mapping, ["make", "model_year", "trim"]), rejects(data, mapping=mapping))
    mended = file.decode(encoding).replace("1800", "2018").encode(encoding)
    found = outcomes(mended, mapping)
    assert refused(found[0]) == ["row-empty"]
    assert isinstance(found[1], Accepted)
    assert (found[1].vehicle.make, found[1].vehicle.model_year, found[1].vehicle.trim) == ("Opel", 2018, "-")


def test_json_rejects_keep_the_digits_they_came_with() -> None:
    row = b'{"make": "Ford", "model_year": 1800, "price": 1.50, "currency": "USD", "attributes": {"a": 1.250}}'
    data = row + b"\nnonsense\n"
    writer = RejectWriter(DEFAULT, None)
    lines = written(writer, rejects(data, file_format="NDJSON")).decode().splitlines()
    assert lines[0].startswith('{"forecourt_row":1,"forecourt_reasons":"model-year-impossible: ')
    assert '"price":1.50' in lines[0]
    assert '{"a": 1.250}' in lines[0]
    assert msgspec.json.decode(lines[1])["forecourt_raw"] == "nonsense"
    mended = "\n".join(lines).replace('"model_year":1800', '"model_year":2018').encode()
    again = outcomes(mended, file_format="NDJSON")
    assert isinstance(again[0], Accepted)
    assert (again[0].vehicle.price_minor, again[0].vehicle.attributes) == (150, {"a": 1.25})
    assert refused(again[1]) == ["row-empty"]
    again_written = written(writer, rejects(mended, file_format="NDJSON"))
    assert again_written.count(b"\n") == 1


def test_a_shipped_mappings_rejects_come_back_through_it() -> None:
    mapping = shipped_mappings()["listings_uk"]
    header = [
        "source_file", "make", "model", "year", "price", "transmission", "mileage", "fuelType", "tax", "mpg",
        "engineSize",
    ]  # fmt: skip
    data = csv_of(header, ["f", "ford", " Fiesta", "2060", "7100", "Manual", "900", "Petrol", "200", "41.0", "1.2"])
    file = written(RejectWriter(mapping, header), rejects(data, mapping=mapping))
    (found,) = outcomes(file.replace(b"2060", b"2016", 2).replace(b"2060", b"2016"), mapping)
    assert isinstance(found, Accepted)
