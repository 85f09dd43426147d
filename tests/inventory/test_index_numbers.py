"""Numbers are found by the start of each of their words, and by nothing else, after moves and joins too."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from core_ext import numbers
from inventory.index.numbers import NumberIndex, Texts
from inventory.index.words import words_of

Stock = list[tuple[str | None, ...]]

pieces = st.one_of(
    st.sampled_from(
        ["F", "fc", "FC", "00012345", "1", "12", "ABCDEFGHI", "x" * 20, "Straße", "İ", "नमस्ते", "é", "e\u0301"]
    ),
    st.text("aB1", min_size=1, max_size=4),
    st.integers(0, 9_999).map(str),
)
signs = st.sampled_from(["-", "-", "-", "/", ".", " ", "  ", "\x1c", "\t", "\xa0", "—", "--", ""])
numbered = st.lists(st.tuples(pieces, signs), min_size=1, max_size=5).map(
    lambda parts: "".join(a + b for a, b in parts)
)
texts = st.one_of(st.none(), numbered, numbered, st.text(max_size=12).filter(lambda text: _is_plain(text)))
stocks = st.lists(st.tuples(texts, texts), max_size=80)


def _is_plain(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def marked(index: NumberIndex, prefix: str, rows: int) -> set[int]:
    bits = np.zeros(rows // 64 + 1, np.uint64)
    index.mark(prefix, bits)
    return set(np.flatnonzero(np.unpackbits(bits.view(np.uint8), bitorder="little")).tolist())


def beginning(stock: Stock, prefix: str) -> set[int]:
    """The rows with a word that begins so, told by looking at every word."""
    return {
        row
        for row, given in enumerate(stock)
        if any(word.startswith(prefix) for text in given if text for word in words_of(text))
    }


def asked(stock: Stock) -> list[str]:
    words = sorted({word for given in stock for text in given if text for word in words_of(text)})
    return sorted(
        {prefix for word in words for prefix in (word, word[:1], word[:3], word[:9], word + "0")} | {"", "zz"}
    )


def _index(stock: Stock) -> NumberIndex:
    first = Texts.of([given[:1] for given in stock])
    return NumberIndex.of(len(stock), first, Texts.of([given[1:] for given in stock]))


@settings(deadline=None)
@given(stocks)
@example([("F-150", "F-150"), ("1-1", "12 123"), ("a-b-ab-abc", None), ("ABCDEFGHI-1", "-A-"), ("", "— —")])
@example([("VIN" + "x" * n, "L-" + "0" * n) for n in range(70)])
def test_a_row_is_found_by_the_start_of_each_of_its_words(stock: Stock) -> None:
    index = _index(stock)
    for prefix in asked(stock):
        assert marked(index, prefix, len(stock)) == beginning(stock, prefix)


@settings(deadline=None, max_examples=60)
@given(st.lists(stocks, min_size=1, max_size=3), st.data())
def test_words_follow_their_rows_and_go_with_them(parts: list[Stock], data: st.DataObject) -> None:
    everything = [given for part in parts for given in part]
    kept = data.draw(st.lists(st.booleans(), min_size=len(everything), max_size=len(everything)))
    order = data.draw(st.permutations([number for number, stays in enumerate(kept) if stays]))
    places = np.full(len(everything), -1, np.int64)
    places[order] = np.arange(len(order))
    ends = np.cumsum([0, *(len(part) for part in parts)])
    found = NumberIndex.joined(
        [(_index(part), places[ends[i] : ends[i + 1]]) for i, part in enumerate(parts)], len(order)
    )
    moved = _index(everything).moved(places, len(order))
    stock = [everything[number] for number in order]
    for prefix in asked(stock):
        assert marked(found, prefix, len(stock)) == marked(moved, prefix, len(stock)) == beginning(stock, prefix)


@pytest.mark.parametrize("rows", [200, 300, 70_000])
def test_many_numbers_of_one_series_share_their_head_and_rows_take_as_few_bytes_as_they_need(rows: int) -> None:
    stock: Stock = [(f"FC-{row * 7919 % 99_999_989:08d}", f"X{row % 50}-{row}") for row in range(rows)]
    index = _index(stock)
    assert index.rows.shape[1] == (1 if rows <= 256 else 2 if rows <= 65_536 else 3)
    assert int.from_bytes(b"fc".ljust(8, b"\0"), "big") in index.heads.tolist()
    for prefix in ("fc", "f", "fc0000", "00", "0000791", "x1", "x12", "x1212", "12", "199"):
        assert marked(index, prefix, rows) == beginning(stock, prefix)
    assert len(index.rows) == 2 * rows
    assert index.nbytes == sum(array.nbytes for array in index)


def test_rare_heads_become_words_when_indexes_are_joined() -> None:
    many: Stock = [(f"FC-{row}", None) for row in range(1_000)]
    few: Stock = [("ZZ-1", None), ("ZZ-2", None)]
    joined = NumberIndex.joined([(_index(many), np.arange(1_000)), (_index(few), np.array([1_001, -1]))], 1_002)
    assert len(joined.heads) == 2
    stock = [*many, (None, None), few[0]]
    for prefix in ("zz", "zz1", "1", "fc1", "fc"):
        assert marked(joined, prefix, 1_002) == beginning(stock, prefix)


def test_bits_beyond_those_given_are_left_alone_and_bad_arrays_are_refused() -> None:
    stock: Stock = [("A", None)] * 130
    bits = np.zeros(1, np.uint64)
    index = _index(stock)
    index.mark("a", bits)
    assert bits.tolist() == [2**64 - 1]
    with pytest.raises(IndexError):
        NumberIndex.of(129, Texts.of(stock))
    with pytest.raises(IndexError):
        index.moved(np.zeros(129, np.int64), 129)
    with pytest.raises(IndexError):
        index.moved(np.full(130, 7), 7)
    empty = np.zeros(0, np.uint8)
    for starts, rows in (([], []), ([1], []), ([0, 1], [0]), ([0], [0]), ([0, 1, 0], [0, 0])):
        with pytest.raises(ValueError, match="starts"):
            numbers.Collector().add_texts(empty, np.array(starts, np.int64), np.array(rows, np.uint32))
    for wrong_word in (b"\0", b"a-b", b"A"):
        word = np.frombuffer(wrong_word, np.uint8)
        with pytest.raises(ValueError, match="signs"):
            numbers.Collector().add_words(word, np.array([0, len(word)]), np.zeros(1, np.uint32))
    nothing: NDArray[np.int64] = np.zeros(0, np.int64)
    for wrong in ({"heads": np.zeros(0, np.uint64)}, {"entry_ends": nothing}, {"rows": index.rows[:5]}):
        with pytest.raises(ValueError, match="head"):
            index._replace(**wrong).mark("a", bits)
