"""JSON written from columns is what msgspec writes of the same values."""

from __future__ import annotations

from datetime import date
from itertools import pairwise
from typing import Any
from uuid import UUID

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core_ext.copy import ABSENT
from core_ext.render import SLACK, Writer
from domain.kit.money import digits, to_text

CURRENCIES = [None, "USD", "JPY", "BHD", "CLF"]
DECIMALS = np.array([0, *(digits(name) for name in CURRENCIES if name)], np.int64)
UNITS = [None, "KM", 'M"I']
encode = msgspec.json.encode

texts = st.one_of(st.text(max_size=12), st.text('"\\/\b\f\n\r\t\x00\x1f\x7fé\u2028😀', max_size=12))
whole = st.one_of(st.none(), st.integers(-(2**63) + 1, 2**63 - 1), st.integers(-1_000, 1_000))


class Row(msgspec.Struct):
    id: bytes
    number: int | None
    minor: int | None
    currency: int
    day: date | None
    text: str | None
    unit: int
    units: list[int]
    texts: list[str]


rows = st.lists(
    st.builds(
        Row,
        id=st.binary(min_size=16, max_size=16),
        number=whole,
        minor=whole,
        currency=st.integers(0, len(CURRENCIES) - 1),
        day=st.one_of(st.none(), st.dates()),
        text=st.one_of(st.none(), texts),
        unit=st.integers(0, len(UNITS) - 1),
        units=st.lists(st.integers(1, len(UNITS) - 1), max_size=4),
        texts=st.lists(texts, max_size=4),
    ),
    max_size=8,
)


def arena(values: list[bytes]) -> tuple[Any, Any]:
    return np.frombuffer(b"".join(values), np.uint8), np.cumsum([0, *map(len, values)]).astype(np.int64)


def table(values: list[Any]) -> tuple[Any, Any]:
    blob, starts = arena([encode(value) for value in values])
    return np.concatenate((blob, np.zeros(SLACK, np.uint8))), starts


def pieces(some: list[Row]) -> list[tuple[Any, ...]]:
    def numbers(values: list[int | None]) -> Any:
        return np.array([ABSENT if value is None else value for value in values], np.int64)

    def codes(values: list[int]) -> Any:
        return np.array(values, np.uint32)

    def starts(lists: list[list[Any]]) -> Any:
        return np.cumsum([0, *map(len, lists)]).astype(np.uint32)

    given = np.frombuffer(b"".join(row.id for row in some), np.uint8).reshape(-1, 16)
    days = numbers([None if row.day is None else row.day.toordinal() for row in some])
    present = np.array([row.text is not None for row in some], np.bool_)
    currency = codes([row.currency for row in some])
    unit = codes([row.unit for row in some])
    return [
        ("raw", b"["), ("uuid", given),
        ("raw", b","), ("int", numbers([row.number for row in some])),
        ("raw", b","), ("money", numbers([row.minor for row in some]), currency, DECIMALS, table(CURRENCIES)),
        ("raw", b","), ("date", days),
        ("raw", b","), ("text", *arena([(row.text or "").encode() for row in some]), present),
        ("raw", b","), ("code", unit, table(UNITS)),
        ("cut",),
        ("raw", b","), ("odometer", numbers([row.number for row in some]), unit, table(UNITS), unit, table(UNITS)),
        ("raw", b","), ("codes", starts([row.units for row in some]),
                        codes([code for row in some for code in row.units]), table(UNITS), b"[", b"]"),
        ("raw", b","), ("texts", starts([row.texts for row in some]),
                        *arena([text.encode() for row in some for text in row.texts])),
        ("raw", b"]"),
    ]  # fmt: skip


def twin(row: Row) -> tuple[bytes, bytes]:
    """The row as msgspec writes it: before and behind the cut."""
    currency = CURRENCIES[row.currency]
    price = None
    if row.minor is not None and currency is not None:
        price = {"amount": to_text(row.minor, currency), "currency": currency}
    unit = UNITS[row.unit]
    odometer = None if row.number is None else {"value": row.number, "unit": unit, "status": unit}
    head = [str(UUID(bytes=row.id)), row.number, price, row.day, row.text, unit]
    tail = [odometer, [UNITS[code] for code in row.units], row.texts]
    return encode(head)[:-1], b"," + encode(tail)[1:]


@settings(deadline=None)
@given(st.lists(rows, min_size=1, max_size=3))
def test_rows_are_written_as_msgspec_writes_them(batches: list[list[Row]]) -> None:
    writer = Writer()
    for batch in batches:
        writer.write(len(batch), pieces(batch))
    blob, starts, cuts = writer.finish()
    expected = [twin(row) for batch in batches for row in batch]
    assert [blob[a:b].tobytes() for a, b in pairwise(starts)] == [a + b for a, b in expected]
    assert cuts.tolist() == [len(head) for head, _ in expected]
    assert writer.finish()[1].tolist() == [0]


def test_every_day_of_the_calendar_is_written_as_python_writes_it() -> None:
    ordinals = np.arange(1, date.max.toordinal() + 1, 13, dtype=np.int64)
    writer = Writer()
    writer.write(len(ordinals), [("date", ordinals)])
    blob = writer.finish()[0].tobytes()
    assert blob == "".join(f'"{date.fromordinal(day)}"' for day in ordinals.tolist()).encode()


def test_rows_of_any_size_are_written_whole() -> None:
    long = [b"x" * size for size in (0, 15, 16, 17, 31, 32, 33, 70_000)]
    writer = Writer()
    writer.write(8, [("code", np.arange(8, dtype=np.uint32), (np.frombuffer(b"".join(long) + bytes(SLACK), np.uint8),
                                                             arena(long)[1]))])  # fmt: skip
    assert writer.finish()[0].tobytes() == b"".join(long)


@pytest.mark.parametrize(
    "piece",
    [
        ("int", np.zeros(2, np.int64)),
        ("uuid", np.zeros((2, 16), np.uint8)),
        ("code", np.ones(1, np.uint32), table([None])),
        ("code", np.zeros(1, np.uint32), arena([b"null"])),
        ("text", *arena([b"a", b"b"]), np.ones(1, np.bool_)),
        ("text", np.zeros(0, np.uint8), np.array([0, 1]), np.ones(1, np.bool_)),
        ("codes", np.array([0, 2], np.uint32), np.zeros(1, np.uint32), table([None]), b"[", b"]"),
        ("texts", np.array([0, 1], np.uint32), np.zeros(1, np.uint8), np.array([0, 3, 1])),
        ("money", np.zeros(1, np.int64), np.zeros(1, np.uint32), np.array([21]), table([None])),
        ("strange",),
    ],
)
def test_pieces_that_do_not_fit_are_refused(piece: tuple[Any, ...]) -> None:
    with pytest.raises(ValueError, match=r"starts|rows|code|decimals|not in"):
        Writer().write(1, [piece])
