"""The pieces of a page are what plain Python joins, orders and counts."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core_ext.page import Fragments, Labels, buckets, items

objects = st.lists(st.tuples(st.binary(max_size=30), st.binary(max_size=9)), min_size=1, max_size=6)
distances = st.one_of(st.none(), st.floats(0, 20_016), st.integers(0, 40_000).map(lambda n: n / 2_000))


def fragments(rows: list[tuple[bytes, bytes]]) -> Fragments:
    starts = np.cumsum([0, *(len(head) + len(tail) for head, tail in rows)]).astype(np.int64)
    blob = np.frombuffer(b"".join(head + tail for head, tail in rows), np.uint8)
    return Fragments(blob, starts, np.array([len(head) for head, _ in rows], np.uint32))


@given(st.lists(objects, min_size=1, max_size=3), st.booleans(), st.booleans(), st.data())
def test_items_are_the_fragments_of_their_rows(
    segments: list[list[tuple[bytes, bytes]]], guarded: bool, measured: bool, data: st.DataObject
) -> None:
    held = tuple(map(fragments, segments))
    places = data.draw(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 5)), max_size=8))
    places = [(number % len(segments), row) for number, row in places]
    places = [(number, row % len(segments[number])) for number, row in places]
    kilometres = [data.draw(distances) for _ in places]
    instead = data.draw(st.dictionaries(st.integers(0, 7), st.binary(max_size=5), max_size=2))
    expected = []
    for place, ((number, row), distance) in enumerate(zip(places, kilometres, strict=True)):
        head, tail = (instead[place], b"") if place in instead else segments[number][row]
        shown = b"null" if distance is None else b"%.3f" % distance
        expected.append(head + (b"" if guarded else tail) + (b',"distance_km":' + shown) * measured + b"}")
    made = items(
        held,
        [number for number, _ in places],
        np.array([row for _, row in places], np.uint32),
        guarded=guarded,
        distances=np.array([math.nan if d is None else d for d in kilometres]) if measured else None,
        instead=instead or None,
    )
    assert made == b",".join(expected)


@given(st.one_of(st.floats(0, 1e6), st.integers(0, 10**9 - 1).map(lambda n: n / 1_000 + 0.0005)))
@example(0.0005)
@example(0.0625 + 0.001)
@example(20_015.1154999999999)
def test_a_distance_is_written_to_the_metre(kilometres: float) -> None:
    made = items((fragments([(b"{", b"")]),), [0], [0], guarded=True, distances=np.array([kilometres]))
    assert made == b'{,"distance_km":%.3f}' % kilometres


def test_rows_segments_and_distances_that_are_not_there_are_refused() -> None:
    held = (fragments([(b"{", b"x")]),)
    for segments, rows, far in (
        ([1], [0], None),
        ([-1], [0], None),
        ([0], [1], None),
        ([0], [-1], None),
        ([0, 0], [0], None),
        ([0], [0], np.zeros(2)),
        ([0], [0], np.array([-1.0])),
        ([0], [0], np.array([math.inf])),
    ):
        with pytest.raises(ValueError, match=r"there is no|not of one length"):
            items(held, segments, rows, guarded=False, distances=far)
    empty, starts, cuts = np.zeros(0, np.uint8), np.array([0, 4], np.int64), np.array([1], np.uint32)
    with pytest.raises(ValueError, match="damaged"):
        items((Fragments(empty, starts, cuts),), [0], [0], guarded=False)
    with pytest.raises(ValueError, match="a row"):
        Fragments(empty, starts, np.zeros(2, np.uint32))


def value(text: str | None) -> bytes:
    return b'{"value":' + json.dumps(text).encode() + b',"count":'


@given(st.lists(st.text("abc\u00e9", max_size=3), unique=True, max_size=12), st.booleans(), st.data())
def test_values_come_by_count_then_by_text_and_none_last_among_equals(
    texts: list[str], folded: bool, data: st.DataObject
) -> None:
    shown: list[str | None] = [None, *texts]
    order = [*sorted(range(1, len(shown)), key=lambda number: texts[number - 1]), 0]
    labels = Labels([value(text) for text in shown], order)
    assert labels.size == len(shown)
    size = data.draw(st.integers(0, 30)) if folded else data.draw(st.integers(0, len(shown)))
    classes = [data.draw(st.integers(0, len(texts))) for _ in range(size)] if folded else list(range(size))
    counts = [data.draw(st.sampled_from([0, 1, 1, 2, 10**8])) for _ in range(size)]
    limit = data.draw(st.integers(0, 14))
    sums: dict[str | None, int] = {}
    for code, count in enumerate(counts):
        if count:
            sums[shown[classes[code]]] = sums.get(shown[classes[code]], 0) + count
    expected = sorted(sums.items(), key=lambda one: (-one[1], one[0] is None, one[0] or ""))[:limit]
    counters = np.array([7, 7, *counts, 7], np.int64)
    made = labels.values(counters, 2, size, limit, np.array(classes, np.int32) if folded else None)
    assert json.loads(b"[" + made + b"]") == [{"value": text, "count": count} for text, count in expected]


def test_labels_refuse_what_names_no_class() -> None:
    for order in ([0, 0], [1, 2], [-1, 0], [0, 1, 2]):
        with pytest.raises(ValueError, match=r"once|no text"):
            Labels([b"x", b"y"], order)
    labels = Labels([b"x", b"y"], [1, 0])
    counters = np.ones(3, np.int64)
    for arguments in ((0, 3, 1), (0, 1, 1, np.zeros(0, np.int32)), (0, 1, 1, np.array([2], np.int32))):
        with pytest.raises(ValueError, match="no class"):
            labels.values(counters, *arguments)
    for first, size, limit in ((-1, 1, 1), (0, 4, 1), (2, 2, 1), (0, 1, -1)):
        with pytest.raises(ValueError, match="so many counters"):
            labels.values(counters, first, size, limit)


def joined(bands: list[tuple[int | None, int]], most: int) -> list[dict[str, Any]]:
    """Buckets from (where the band begins, count > 0), ascending; None for the band open below."""
    share = 1 if len(bands) <= most else math.ceil(sum(count for _, count in bands) / most)
    starts: list[int | None] = []
    counts: list[int] = []
    for start, count in bands:
        if not counts or counts[-1] >= share:
            starts.append(start if starts else None)
            counts.append(0)
        counts[-1] += count
    ends = [*starts[1:], None][: len(starts)]
    return [{"gte": low, "lt": high, "count": n} for low, high, n in zip(starts, ends, counts, strict=True)]


@given(
    st.lists(st.tuples(st.integers(-5, 2**40), st.integers(0, 1_000)), unique_by=lambda one: one[0], max_size=40),
    st.integers(1, 10),
    st.randoms(),
)
def test_bands_are_joined_to_few_buckets(bands: list[tuple[int, int]], most: int, shuffled: Any) -> None:
    bands.sort()
    codes = list(range(1, len(bands) + 1))
    shuffled.shuffle(codes)
    counters = np.full(len(bands) + 4, 3, np.int64)
    for code, (_, count) in zip(codes, bands, strict=True):
        counters[2 + code] = count
    starts = np.array([start for start, _ in bands], np.int64)
    expected = joined([(start, count) for start, count in bands if count], most)
    for unseen in ([], [len(bands) + 1]):
        every = np.array([*codes, *unseen], np.int64)
        made = buckets(counters, 2, len(bands) + 1, every, np.append(starts, unseen).astype(np.int64), most)
        assert json.loads(b"[" + made + b"]") == expected
    assert len(expected) <= most


def test_buckets_refuse_codes_and_counters_that_are_not_there() -> None:
    counters, codes, starts = np.ones(3, np.int64), np.array([1], np.int64), np.array([5], np.int64)
    for arguments in (
        (-1, 2, codes, starts, 3),
        (2, 2, codes, starts, 3),
        (0, -1, codes, starts, 3),
        (0, 2, codes, starts[:0], 3),
        (0, 2, codes, starts, 0),
        (0, 2, -codes, starts, 3),
    ):
        with pytest.raises(ValueError, match=r"one start|negative"):
            buckets(counters, *arguments)
