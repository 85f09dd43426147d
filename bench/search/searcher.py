"""What a peer is: something that takes the stock in and answers queries."""

from __future__ import annotations

import time
from typing import Any, Protocol

import numpy as np

from bench.search.shapes import LIMIT, Answer, Query
from bench.search.stock import FACET_COLUMN, STARTS, Column, Stock

Prepared = Any
"""A query in a peer's own words: SQL text, expressions, a request."""
Raw = Any
"""An answer as the peer hands it over."""


class Searcher(Protocol):
    """One peer, loaded and warm."""

    name: str
    counts: bool
    """Whether it may be the best general peer; hand-written structures are shown beside and may not."""

    def prepare(self, query: Query) -> Prepared:
        """Puts a query into the peer's words; not timed."""

    def search(self, prepared: Prepared) -> Raw:
        """Total, vehicles shown with their sort keys, facet counts and relaxations; timed."""

    def answer(self, query: Query, raw: Raw) -> Answer:
        """The raw answer in the form that is compared; not timed."""

    def cpu(self) -> int:
        """CPU time in nanoseconds that this peer has used so far, its server's included."""

    def close(self) -> None:
        """Ends what it has started."""


class InProcess:
    """A peer without a server: its CPU time is this process's."""

    counts = True

    def cpu(self) -> int:
        """CPU time of all threads of this process in nanoseconds."""
        return time.process_time_ns()

    def close(self) -> None:
        """Nothing of it outlives the process."""


Bucket = tuple[int | None, int | None, int]
"""From (None: open) up to (None: open), and how many."""


def dense(stock: Stock, facet: str, codes: Any, counts: Any) -> Column:
    """Counts by code from pairs of code and count."""
    made = np.zeros(stock.codes(FACET_COLUMN[facet]), np.int64)
    made[np.asarray(codes, np.int64)] = np.asarray(counts, np.int64)
    return made


def differences(query: Query, expected: Answer, found: Answer) -> list[str]:
    """In what an answer differs from the oracle's: totals, sort keys, counts, relaxations. Ties make ids free."""
    wrong = []
    if found.total != expected.total:
        wrong.append(f"total {found.total}, not {expected.total}")
    shown = min(expected.total, LIMIT)
    keys_equal = len(found.keys) == shown and np.allclose(found.keys, expected.keys, rtol=0, atol=1e-3)
    if not keys_equal:
        wrong.append(f"sort keys {found.keys}, not {expected.keys}")
    if len(set(np.asarray(found.numbers).tolist())) != shown:
        wrong.append(f"{len(found.numbers)} vehicles shown, not {shown} different ones")
    wrong.extend(
        f"counts of {facet}"
        for facet in query.facets
        if not _same_counts(facet, expected.counts[facet], found.counts[facet])
    )
    if query.relaxations and found.relaxed != expected.relaxed:
        wrong.append(f"relaxations {found.relaxed}, not {expected.relaxed}")
    return wrong


def _same_counts(facet: str, expected: Column, found: Column | list[Bucket]) -> bool:
    """Whether counts by code, or the buckets that were made of them, are the oracle's."""
    if not isinstance(found, list):
        return np.array_equal(found, expected)
    starts = STARTS[facet][: len(expected)]
    inside = 0
    for least, end, count in found:
        chosen = (starts >= (-np.inf if least is None else least)) & (starts < (np.inf if end is None else end))
        if int(expected[chosen].sum()) != count:
            return False
        inside += count
    return inside == int(expected.sum())
