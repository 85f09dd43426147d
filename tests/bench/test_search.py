"""The stock index answers the benchmark's queries as numpy does, and the benchmark notices where it does not."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest

from bench.search.bulk import each_tuple, merge_join, tuples
from bench.search.filling import filled, id_of, number_of
from bench.search.measure import Wrong, time_searches
from bench.search.ours import Ours
from bench.search.peers.in_numpy import Numpy
from bench.search.report import Figures, Peer, table
from bench.search.shapes import DETAILS, Answer, Query, queries
from bench.search.stock import IN_STOCK, Stock, generate

VEHICLES, EACH = 4_000, 5
MACHINE = {"processor": "any", "core": 0, "cores": 1, "python": "any"}


@pytest.fixture(scope="module")
def stock() -> Stock:
    return generate(VEHICLES)


@pytest.fixture(scope="module")
def asked(stock: Stock) -> list[Query]:
    return queries(stock, EACH)


@pytest.fixture(scope="module")
def expected(stock: Stock, asked: list[Query]) -> list[Answer]:
    oracle = Numpy(stock.clustered())
    return [oracle.answer(query, oracle.search(query)) for query in asked]


def test_the_index_answers_every_shape_as_numpy_does(stock: Stock, asked: list[Query], expected: list[Answer]) -> None:
    ours = Ours(stock, filled(stock))
    times = time_searches(ours, asked[:3], asked, expected)
    assert {shape: len(spent) for shape, spent in times.items()} == dict.fromkeys(DETAILS, EACH)
    assert sum(answer.total for answer in expected) > VEHICLES


@pytest.mark.parametrize(
    ("shape", "wrong"),
    [
        ("radius", lambda right: right._replace(total=right.total + 1)),
        ("three IN lists", lambda right: right._replace(keys=right.keys + 1)),
        ("landing page", lambda right: right._replace(counts={**right.counts, "make": right.counts["make"][::-1]})),
        ("full page", lambda right: right._replace(relaxed={**right.relaxed, "near": -1})),
    ],
)
def test_a_wrong_answer_fails_the_run(
    stock: Stock, asked: list[Query], expected: list[Answer], shape: str, wrong: Callable[[Answer], Answer]
) -> None:
    pairs = zip(asked, expected, strict=True)
    query, right = next((query, right) for query, right in pairs if query.shape == shape and right.total)
    oracle = Numpy(stock.clustered())
    time_searches(oracle, [], [query], [right])
    with pytest.raises(Wrong, match=shape):
        time_searches(oracle, [], [query], [wrong(right)])


def test_queries_differ_but_for_landing_pages(asked: list[Query]) -> None:
    filtered = [repr(query) for query in asked if query.criteria]
    assert len(filtered) == len(set(filtered)) == EACH * (len(DETAILS) - 1)


def test_the_stock_is_the_same_for_the_same_number(stock: Stock) -> None:
    again = generate(VEHICLES)
    assert all(np.array_equal(values, again.columns[name]) for name, values in stock.columns.items())
    assert 0.58 < (stock.columns["status"] == IN_STOCK).mean() < 0.66


def test_bulk_answers_of_both_ways_are_equal(stock: Stock) -> None:
    sorted_stock = stock.clustered()
    questions = tuples(sorted_stock, 300)
    joined, one_by_one = merge_join(sorted_stock, questions), each_tuple(sorted_stock, questions)
    assert np.array_equal(joined.counts, one_by_one.counts)
    assert np.allclose(joined.kilometres, one_by_one.kilometres, atol=1e-6)
    assert 0 < (joined.counts == 0).sum() < 300


def test_an_id_names_its_vehicle(stock: Stock) -> None:
    ids = filled(stock).ids
    assert [number_of(id_of(ids, number)) for number in (0, 7, VEHICLES - 1)] == [0, 7, VEHICLES - 1]


def test_the_table_says_what_is_reached() -> None:
    ours = Peer("ours", True, "1", [0.0], 0.0, {shape: [0.01] for shape in DETAILS}, bulk_ms=1.0, change_us=1.0)
    other = Peer("other", True, "1", [0.0], 0.0, {shape: [0.5] for shape in DETAILS}, bulk_ms=20.0)
    by_hand = Peer("by hand", False, "1", [0.0], 0.0, {shape: [0.001] for shape in DETAILS})
    lines = table(Figures(1_000_000, 1, 100, MACHINE, [other, by_hand, ours])).splitlines()
    said = {re.split(r"[:,] |  ", line)[0]: line.split() for line in lines[:22]}
    assert said["three ranges"][-6:] == ["other", "0.500", "50.0x", "8x", "12x", "aim"]
    assert said["radius"][-1] == "aim"
    assert said["full page"][-1] == "yes"
    assert said["selective conjunction"][-1] == "NO"
    assert said["mix of all"][-1] == "aim"
    assert said["100 bulk availability tuples"][-1] == "NO"
    assert said["status change to visible"][-1] == "yes"
