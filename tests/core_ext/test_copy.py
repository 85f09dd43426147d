"""A binary COPY stream becomes the columns that it was made of, however it is cut into pieces; a bad one is refused."""

from __future__ import annotations

import json
import struct
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core_ext.copy import ABSENT, KINDS, CopyReader, first_of_kind

EPOCH = 730_120
HEADER = b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0)
TRAILER = struct.pack(">h", -1)

words = st.one_of(st.sampled_from([b"", b"a", b"b", b"IN_STOCK", b"In_stock", b"x" * 40]), st.binary(max_size=20))
scalars = st.one_of(st.text(max_size=5), st.integers(-9, 9), st.booleans(), st.floats(allow_nan=False, width=16))
objects = st.dictionaries(st.text(max_size=4), st.one_of(scalars, st.lists(scalars, max_size=2)), max_size=4)
cells: dict[str, st.SearchStrategy[Any]] = {
    "uuid": st.binary(min_size=16, max_size=16),
    "int": st.one_of(st.none(), st.tuples(st.sampled_from([2, 4, 8]), st.integers(-(2**15), 2**15 - 1))),
    "date": st.one_of(st.none(), st.integers(1 - EPOCH, 3_652_059 - EPOCH), st.sampled_from([2**31 - 1, -(2**31)])),
    "code": st.one_of(st.none(), words),
    "text": st.one_of(st.none(), words),
    "codes": st.one_of(st.none(), st.lists(words, max_size=4)),
    "texts": st.one_of(st.none(), st.lists(words, max_size=4)),
    "members": st.one_of(st.none(), objects),
}


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[str], list[list[Any]]]:
    kinds = draw(st.lists(st.sampled_from(KINDS), max_size=5))
    return kinds, draw(st.lists(st.tuples(*(cells[kind] for kind in kinds)).map(list), max_size=8))


def field(content: bytes | None) -> bytes:
    return struct.pack(">i", -1) if content is None else struct.pack(">i", len(content)) + content


def array(elements: list[bytes]) -> bytes:
    if not elements:
        return struct.pack(">iii", 0, 0, 25)
    return struct.pack(">iiiii", 1, 0, 25, len(elements), 1) + b"".join(map(field, elements))


def coded(kind: str, cell: Any) -> bytes | None:
    if cell is None or kind in ("uuid", "code", "text"):
        return cell
    if kind == "int":
        return int(cell[1]).to_bytes(cell[0], "big", signed=True)
    if kind == "date":
        return struct.pack(">i", cell)
    if kind == "members":
        return b"\x01" + json.dumps(cell, ensure_ascii=False).encode()
    return array(cell)


def stream(kinds: list[str], rows: list[list[Any]]) -> bytes:
    told = b"".join(
        struct.pack(">h", len(kinds))
        + b"".join(field(coded(kind, cell)) for kind, cell in zip(kinds, row, strict=True))
        for row in rows
    )
    return HEADER + told + TRAILER


def strings(blob: Any, starts: Any) -> list[bytes]:
    return [blob[a:b].tobytes() for a, b in pairwise(starts)]


def told(kind: str, found: Any, dictionary: list[bytes]) -> list[Any]:
    """A column as a list of what its rows hold."""
    values: list[Any] = [None, *dictionary]
    if kind == "uuid":
        return [row.tobytes() for row in found]
    if kind in ("int", "date"):
        return [None if value == ABSENT else value for value in found.tolist()]
    if kind == "code":
        return [values[code] for code in found.tolist()]
    if kind == "text":
        return [text if there else None for text, there in zip(strings(*found[:2]), found[2], strict=True)]
    elements = strings(*found[1:]) if kind == "texts" else [values[code] for code in found[1].tolist()]
    return [elements[a:b] for a, b in pairwise(found[0])]


def wanted(kind: str, cell: Any) -> Any:
    if cell is None:
        return [] if kind in ("codes", "texts", "members") else None
    if kind == "int":
        return cell[1]
    if kind == "date":
        return {2**31 - 1: 3_652_059, -(2**31): 1}.get(cell, cell + EPOCH)
    if kind == "members":
        return [json.dumps({name: value}, ensure_ascii=False).encode()[1:-1] for name, value in cell.items()]
    return cell


@settings(deadline=None)
@given(tables(), st.data())
def test_rows_come_out_as_they_went_in_however_the_stream_is_cut(
    table: tuple[list[str], list[list[Any]]], data: st.DataObject
) -> None:
    kinds, rows = table
    content = stream(kinds, rows)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(content)), max_size=4)))
    reader, batches = CopyReader(kinds), []
    for first, last in pairwise([0, *cuts, len(content)]):
        reader.feed(content[first:last])
        if data.draw(st.booleans()):
            batches.append(reader.take())
            assert reader.rows == 0
    reader.finish()
    batches.append(reader.take())
    for place, kind in enumerate(kinds):
        dictionary = reader.dictionary(place) if kind in ("code", "codes", "members") else []
        assert len(set(dictionary)) == len(dictionary)
        found = [value for batch in batches for value in told(kind, batch[place], dictionary)]
        assert found == [wanted(kind, row[place]) for row in rows]
        assert reader.dictionary(place, len(dictionary) + 1) == []


def test_thousands_of_contents_keep_their_numbers() -> None:
    contents = [b"%d" % (number * 7919 % 10_007) for number in range(20_000)]
    reader = CopyReader(["code"])
    reader.feed(stream(["code"], [[content] for content in contents]))
    (codes,) = reader.take()
    dictionary = reader.dictionary(0)
    assert dictionary == list(dict.fromkeys(contents))
    assert [dictionary[code - 1] for code in codes.tolist()] == contents
    for place, first in ((1, 1), (-1, 1), (0, 0)):
        with pytest.raises(IndexError):
            reader.dictionary(place, first)


@given(st.sampled_from(KINDS), st.binary(max_size=60), st.booleans())
def test_bytes_that_are_no_such_field_are_refused_or_read_and_never_run_over(
    kind: str, content: bytes, is_object: bool
) -> None:
    if is_object:
        content = b"\x01{" + content + b"}"
    reader = CopyReader([kind])
    try:
        reader.feed(HEADER + struct.pack(">h", 1) + field(content) + TRAILER)
        reader.take()
    except ValueError:
        pass


@pytest.mark.parametrize(
    ("kind", "content", "why"),
    [
        ("uuid", None, "null"),
        ("uuid", b"short", "size"),
        ("int", b"abc", "size"),
        ("date", b"abc", "size"),
        ("date", struct.pack(">i", 3_652_060 - EPOCH), "size"),
        ("codes", b"", "array"),
        ("codes", struct.pack(">iiiiiii", 2, 0, 25, 1, 1, 1, 1), "array"),
        ("codes", struct.pack(">iiiii", 1, 1, 25, 1, 1) + field(None), "array"),
        ("texts", array([b"a"]) + b"x", "array"),
        ("texts", array([b"abc"])[:-1], "array"),
        ("members", b"\x02{}", "object"),
        ("members", b"\x01[1]", "object"),
        ("members", b'\x01{"a": "}', "object"),
        ("members", b'\x01{"a": [1}', "object"),
    ],
)
def test_fields_of_another_kind_are_refused(kind: str, content: bytes | None, why: str) -> None:
    reader = CopyReader([kind])
    with pytest.raises(ValueError, match=why):
        reader.feed(HEADER + struct.pack(">h", 1) + field(content))


def test_streams_that_are_none_are_refused() -> None:
    whole = stream(["int"], [[(8, 5)]])
    for bad in (b"COPY" + whole, HEADER[:11] + b"\0\1\0\0" + whole[15:], whole + b"\0", HEADER + struct.pack(">h", 2)):
        with pytest.raises(ValueError, match=r"stream|fields"):
            CopyReader(["int"]).feed(bad)
    with pytest.raises(ValueError, match="size"):
        CopyReader(["int"]).feed(HEADER + struct.pack(">hi", 1, -2))
    for size in range(len(whole)):
        reader = CopyReader(["int"])
        reader.feed(whole[:size])
        with pytest.raises(ValueError, match="cut off"):
            reader.finish()
    with pytest.raises(ValueError, match="not in"):
        CopyReader(["float"])


@given(
    st.lists(st.lists(st.integers(0, 6), max_size=6), max_size=6), st.lists(st.integers(0, 3), min_size=7, max_size=7)
)
def test_lists_keep_the_first_of_each_kind(lists: list[list[int]], kinds: list[int]) -> None:
    starts = np.cumsum([0, *map(len, lists)]).astype(np.uint32)
    codes = np.array([code for one in lists for code in one], np.uint32)
    found_starts, found = first_of_kind(starts, codes, np.array(kinds, np.uint32))
    for place, one in enumerate(lists):
        first = {kinds[code]: code for code in reversed(one)}
        kept = [code for i, code in enumerate(one) if first[kinds[code]] == code and code not in one[:i]]
        assert found[found_starts[place] : found_starts[place + 1]].tolist() == (kept or [0])
    assert len(found_starts) == len(lists) + 1


def test_lists_that_do_not_fit_together_are_refused() -> None:
    kinds = np.zeros(2, np.uint32)
    with pytest.raises(ValueError, match="starts"):
        first_of_kind(np.array([0, 2], np.uint32), np.zeros(1, np.uint32), kinds)
    with pytest.raises(IndexError):
        first_of_kind(np.array([0, 1], np.uint32), np.array([2], np.uint32), kinds)
