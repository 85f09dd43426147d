"""Delimited text: equal to Python's csv module where that is right, and one bad row never costs another."""

import contextlib
import csv
import io
import itertools
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.kit.errors import Malformed, TooLarge
from inventory.importing.csv_rows import CsvRows, header_names, sniffed_delimiter
from inventory.importing.errors import HeaderFault, UnreadableFile
from inventory.importing.reader import FileReader, Format
from inventory.importing.rows import LONGEST_ROW, RawRow, UnreadRow

from .files import cells, codes, csv_of, rows_of

texts = st.text(alphabet=st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)
awkward = st.text(alphabet="ab\",;\t|\r\n '=", max_size=8)


three = st.lists(texts | awkward, min_size=3, max_size=3)


@given(st.lists(three, max_size=6), st.sampled_from(",;\t|"), st.integers(0, 7))
def test_what_the_csv_module_writes_is_read_back(rows: list[list[str]], mark: str, chunk: int) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=mark)
    writer.writerow(["a", "b", "c"])
    writer.writerows(rows)
    data = text.getvalue().encode()
    assert cells(rows_of(data, chunk=chunk)) == rows


@given(st.text(alphabet='ab"\n,', max_size=40))
def test_what_both_can_read_is_read_alike(text: str) -> None:
    splitter = CsvRows(",")
    found = [*splitter.feed("h,i\n" + text), *splitter.close()]
    if any(isinstance(row, UnreadRow) and row.reasons[0].code == "row-malformed" for row in found):
        return
    expected = [fields for fields in csv.reader(io.StringIO(text, newline=""), strict=True) if fields]
    taken = [list(row.cells.values()) if isinstance(row, RawRow) else None for row in found]
    assert [fields if len(fields) == 2 else None for fields in expected] == taken


@given(st.text(alphabet='ab"\r\n, \t', max_size=60), st.lists(st.integers(0, 60), max_size=8))
def test_where_the_file_is_cut_into_chunks_changes_nothing(text: str, cuts: list[int]) -> None:
    def read(parts: list[str]) -> list[object]:
        splitter = CsvRows(",")
        return [row for part in parts for row in splitter.feed(part)] + list(splitter.close())

    text = "h,i\r\n" + text
    places = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    assert read([text]) == read([text[start:end] for start, end in itertools.pairwise(places)])


@given(st.binary(max_size=300), st.sampled_from(["CSV", "NDJSON"]), st.integers(0, 5))
def test_arbitrary_bytes_raise_nothing_but_the_declared_refusals(data: bytes, file_format: Format, chunk: int) -> None:
    with contextlib.suppress(Malformed, TooLarge):
        rows_of(data, file_format, chunk=chunk)


@given(st.binary(max_size=200), st.integers(1, 50))
def test_every_line_of_a_file_is_accounted_for(data: bytes, chunk: int) -> None:
    reader = FileReader("CSV", "iso-8859-1", delimiter=",")
    try:
        found = rows_of(b"h\n" + data.replace(b'"', b""), reader=reader, chunk=chunk)
    except UnreadableFile:
        return
    text = data.replace(b'"', b"").decode("iso-8859-1").replace("\r\n", "\n").replace("\r", "\n")
    assert [row.raw for row in found] == [line.replace("\0", "\u2400") for line in text.split("\n") if line.strip(" ")]
    assert [row.number for row in found] == list(range(1, len(found) + 1))


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("chunk", [0, 1, 3])
def test_every_kind_of_line_end_is_one(end: str, chunk: int) -> None:
    data = f'a,b{end}1,"x{end}y"{end}{end}2,z'.encode()
    found = rows_of(data, chunk=chunk)
    assert cells(found) == [["1", f"x{end}y"], ["2", "z"]]
    assert [(row.number, row.line) for row in found] == [(1, 2), (2, 5)]


@pytest.mark.parametrize(
    ("header", "mark"),
    [("a,b,c", ","), ("a;b;c", ";"), ("a\tb", "\t"), ("a|b|c", "|"), ('"x;y;z",b', ","), ("alone", ","), ("", ",")],
)
def test_the_delimiter_is_what_the_header_has_most_of(header: str, mark: str) -> None:
    assert sniffed_delimiter(header) == mark


def test_a_spreadsheets_separator_line_names_the_delimiter() -> None:
    assert cells(rows_of(b"sep=;\r\na,a;b\r\n1;2\r\n")) == [["1", "2"]]


def test_a_byte_order_mark_is_no_part_of_the_first_name() -> None:
    reader = FileReader("CSV")
    assert cells(rows_of(b"\xef\xbb\xbfvin,make\n1,2\n", reader=reader)) == [["1", "2"]]
    assert reader.header == ("vin", "make")


def test_names_are_trimmed_and_must_differ() -> None:
    assert header_names([" fuel  type ", "Stock#", ""]) == ("fuel type", "Stock#", "")
    for fields in (["a", " a"], ["", " "], ["a\0"]):
        with pytest.raises(HeaderFault):
            header_names(fields)


@pytest.mark.parametrize("data", [b"", b"\n\n", b'"unclosed\n1,2\n', b'"a"b,c\n'])
def test_a_file_without_a_header_is_refused(data: bytes) -> None:
    with pytest.raises(HeaderFault):
        rows_of(data)


def test_a_ragged_row_costs_only_itself() -> None:
    found = rows_of(b"a,b\n1,2\n1\n1,2,3\n3,4\n")
    assert codes(found) == [None, "row-ragged", "row-ragged", None]
    assert found[2].raw == "1,2,3"


def test_a_quote_that_never_closes_costs_only_its_line() -> None:
    found = rows_of(b'a,b\n1,2\n3,"open\n5,6\n')
    assert codes(found) == [None, "row-malformed", None]
    assert found[1].raw == '3,"open'


def test_text_after_a_closing_quote_costs_the_row_up_to_the_end_of_that_line() -> None:
    found = rows_of(b'a,b\n1,"x"y\n3,5" wheel\n"open,2\n5,6\n7,"x"\n9,10\n')
    assert codes(found) == ["row-malformed", None, "row-malformed", None]
    assert [row.raw for row in found] == ['1,"x"y', '3,5" wheel', '"open,2\n5,6\n7,"x"', "9,10"]
    assert [row.line for row in found] == [2, 3, 4, 7]


def test_a_row_with_nul_is_rejected_and_can_be_stored() -> None:
    found = rows_of(b"a,b\n1,x\x00y\n3,4\n")
    assert codes(found) == ["characters-impossible", None]
    assert found[0].raw == "1,x\u2400y"


def test_a_line_of_ten_megabytes_is_rejected_in_bounded_memory() -> None:
    def feed() -> list[object]:
        reader = FileReader("CSV")
        found: list[object] = list(reader.feed(b"a,b\n1,2\n"))
        for _ in range(160):
            found += reader.feed(b"x" * 65_536)
        return [*found, *reader.feed(b"\n3,4\n"), *reader.close()]

    tracemalloc.start()
    found = feed()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 12 * LONGEST_ROW
    assert codes(found) == [None, "row-too-long", None]  # type: ignore[arg-type]
    assert isinstance(found[1], UnreadRow)
    assert (found[1].truncated, len(found[1].raw)) == (True, 4096)


def test_a_quote_that_never_closes_loses_its_line_and_not_the_megabytes_after_it() -> None:
    lines = b"1,2\n" * 300_000
    found = rows_of(b'a,b\n"x,y\n' + lines, chunk=65_536)
    assert (len(found), codes(found[:2])) == (300_001, ["row-malformed", None])


def test_a_quoted_field_may_be_long_but_not_endless() -> None:
    fits = b'a,b\n1,"' + b"x\n" * 400_000 + b'"\n3,4\n'
    assert [len(row.raw) for row in rows_of(fits, chunk=65_536)] == [800_004, 3]
    endless = b'a,b\n1,"' + b"x" * (LONGEST_ROW + 10) + b'"\n3,4\n'
    assert codes(rows_of(endless, chunk=65_536)) == ["row-too-long", None]


def test_a_header_of_a_hundred_thousand_columns_is_refused_and_such_a_row_rejected() -> None:
    with pytest.raises(HeaderFault, match="100,000 columns"):
        rows_of(",".join(f"c{n}" for n in range(100_000)).encode())
    with pytest.raises(HeaderFault, match="longer than"):
        rows_of(b"c," * 10**6, chunk=65_536)
    assert codes(rows_of(b"a,b\n" + b"," * 10**5 + b"\n1,2\n")) == ["row-ragged", None]


def test_many_rows_need_no_more_memory_than_few() -> None:
    def most_for(count: int) -> int:
        reader = FileReader("CSV")
        piece = csv_of(["1", "2"], *[["x", "y"]] * 999)
        tracemalloc.start()
        for _ in range(count):
            for _row in reader.feed(piece):
                pass
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    assert most_for(60) < most_for(10) + 200_000


@settings(max_examples=20)
@given(st.integers(1, 40))
def test_odd_quotes_cost_no_more_than_linear_time(width: int) -> None:
    # each line opens what the next one closes; nothing is looked at again and again
    data = b"a\n" + (b'"' + b"x" * width + b"\n") * (20_000 // width)
    assert len(rows_of(data, chunk=4096)) > 0
