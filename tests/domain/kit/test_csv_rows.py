"""Cells of CSV: nothing that a spreadsheet would run, nothing that a machine would lose."""

from __future__ import annotations

import csv
import io
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.kit import csv_rows
from domain.kit.errors import Malformed
from domain.kit.money import Money
from domain.kit.views import read_struct
from tests.domain.kit.inquiry import Inquiry

NAMES = ("name", "email", "weight", "budget", "tags", "due_on")
READABLE = frozenset({*NAMES, "external_keys"})
DANGEROUS = "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"
texts = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\x00"), max_size=20)


def record(**values: Any) -> msgspec.Struct:
    plain = {"name": "Ada", "email": None, "weight": 0, "budget": None, "tags": [], "due_on": None}
    return read_struct(Inquiry.entity, NAMES)(**{**plain, **values})


def back(style: csv_rows.Style, *records: msgspec.Struct) -> list[Any]:
    rows = [csv_rows.titles(Inquiry.entity, NAMES)]
    rows += [csv_rows.cells(Inquiry.entity, NAMES, record, style) for record in records]
    text = "".join(map(csv_rows.line, rows))
    return list(csv_rows.Reader(Inquiry.entity, iter(io.StringIO(text, newline="")), style, READABLE))


@given(st.builds(lambda *parts: "".join(parts), st.text(" '\"\ufeff", max_size=3), st.sampled_from(DANGEROUS), texts))
def test_no_cell_for_people_begins_as_a_formula(text: str) -> None:
    (cell,) = next(csv.reader(io.StringIO(csv_rows.line([csv_rows.disarmed(text)]), newline=""), strict=True))
    assert cell.startswith("'")
    assert csv_rows.armed(cell) == text


@given(texts)
def test_every_text_comes_back_from_either_kind_of_file(text: str) -> None:
    assert csv_rows.armed(csv_rows.disarmed(text)) == text
    assert back("lossless", record(name=text))[0]["name"] == text
    if text:
        assert back("human", record(name=text))[0]["name"] == text


@given(st.none() | texts, st.lists(texts, max_size=3), st.integers(0, 2**31), st.booleans())
def test_a_record_comes_back_whole_from_a_file_for_machines(
    email: str | None, tags: list[str], weight: int, priced: bool
) -> None:
    budget = Money("12.50", "EUR") if priced else None
    (found,) = back("lossless", record(email=email, tags=tags, weight=weight, budget=budget))
    assert found["email"] == email
    assert found.get("tags", []) == tags
    assert found["weight"] == weight
    assert found["budget"] == ({"amount": "12.50", "currency": "EUR"} if priced else None)


@pytest.mark.parametrize(
    ("header", "pointer"),
    [("nonsense", "/nonsense"), ("name,name", "/name"), ("budget", "/budget"), ("name.amount", "/name.amount")],
)
def test_a_header_with_unknown_or_doubled_columns_is_refused(header: str, pointer: str) -> None:
    with pytest.raises(Malformed) as refusal:
        csv_rows.Reader(Inquiry.entity, iter([header + "\n"]), "human", READABLE)
    assert refusal.value.errors[0].pointer == pointer


def test_a_row_that_cannot_be_read_costs_itself_alone() -> None:
    text = 'name,weight,external_key.crm\nAda,2,k1\nBob,many,\nCy\n\nDi,"3",k4\n'
    found = list(csv_rows.Reader(Inquiry.entity, iter(io.StringIO(text, newline="")), "human", READABLE))
    assert found[0] == {"name": "Ada", "weight": 2, "external_keys": [{"system": "crm", "key": "k1"}]}
    assert isinstance(found[1], Malformed)
    assert isinstance(found[2], Malformed)
    assert found[3] == {"name": "Di", "weight": 3, "external_keys": [{"system": "crm", "key": "k4"}]}
