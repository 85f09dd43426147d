"""Many questions at once, and a change of status: what is asked of peers besides searches."""

from __future__ import annotations

import gc
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from bench.search.measure import Wrong, overhead_ns
from bench.search.searcher import Searcher
from bench.search.shapes import Query
from bench.search.stock import EARTH_KM, IN_STOCK, SEED, Column, Points, Stock, distances_km, unit_vectors
from inventory.vehicle_row import STATUSES

RESERVED = STATUSES.index("RESERVED")
CLUSTERING = ("make", "model", "trim", "exterior_color")


class Tuples(NamedTuple):
    """What a manufacturer asks: is a car of this make, model, trim and colour in stock, and where is the nearest?"""

    codes: dict[str, Column]
    """By column of CLUSTERING."""
    points: Points

    def __len__(self) -> int:
        return len(self.points)


class Available(NamedTuple):
    """An answer a tuple: how many are in stock, kilometres to the nearest (infinite where there is none)."""

    counts: NDArray[np.int64]
    kilometres: NDArray[np.float64]


@runtime_checkable
class Bulk(Searcher, Protocol):
    """A peer that answers tuples."""

    def questions(self, tuples: Tuples) -> Any:
        """Puts tuples into the peer's words; not timed."""

    def available(self, questions: Any) -> Available:
        """All of them at once; timed."""


@runtime_checkable
class Changing(Searcher, Protocol):
    """A peer whose vehicles change."""

    def vehicle(self, number: int) -> Any:
        """Names a vehicle in the peer's words; not timed."""

    def change_status(self, vehicle: Any, status: int) -> None:
        """When it returns, the next search sees it; timed."""


def tuples(stock: Stock, count: int) -> Tuples:
    """Tuples of random vehicles, in stock or not, asked from the 300 cities; the order of the stock is no matter."""
    rng = np.random.default_rng([SEED, 11])
    chosen = rng.integers(0, stock.rows, count)
    rows = np.argsort(stock.columns["number"])[chosen]
    cities = rng.choice(len(stock.network.cities), count, p=stock.network.city_shares)
    return Tuples({name: stock.columns[name][rows] for name in CLUSTERING}, stock.network.cities[cities])


def merge_join(stock: Stock, asked: Tuples) -> Available:
    """By hand in numpy over a table in that order: one look-up a tuple, all pairs laid out, minima by parts."""
    rows = np.flatnonzero(stock.columns["status"] == IN_STOCK)
    keys = _keys(stock.columns["trim"][rows], stock.columns["exterior_color"][rows])
    wanted = _keys(asked.codes["trim"], asked.codes["exterior_color"])
    first, last = np.searchsorted(keys, wanted), np.searchsorted(keys, wanted, side="right")
    counts = last - first
    starts = np.cumsum(counts) - counts
    pairs = np.repeat(first - starts, counts) + np.arange(counts.sum())
    places = stock.columns["location_id"][rows[pairs]]
    origins = np.repeat(np.arange(len(asked)), counts)
    between = stock.network.vectors[places] - unit_vectors(asked.points)[origins]
    squares = np.einsum("ij,ij->i", between, between)
    kilometres = np.full(len(asked), np.inf)
    some = counts > 0
    if some.any():
        kilometres[some] = _kilometres(np.minimum.reduceat(squares, starts[some]))
    return Available(counts, kilometres)


def _keys(trims: Column, colors: Column) -> Column:
    return trims.astype(np.uint32) << np.uint32(8) | colors


def _kilometres(squares: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(2 * EARTH_KM * np.arcsin(np.minimum(np.sqrt(squares) / 2, 1.0)))


def time_bulk(peer: Bulk, asked: Tuples, expected: Available, rounds: int = 5) -> float:
    """Median CPU milliseconds of all tuples; Wrong if an answer is."""
    spent = []
    questions = peer.questions(asked)
    for _ in range(rounds + 1):
        gc.collect()
        started = peer.cpu()
        found = peer.available(questions)
        spent.append(peer.cpu() - started)
        if not np.array_equal(found.counts, expected.counts):
            raise Wrong(f"{peer.name} counts other vehicles in bulk than numpy does")
        if not np.allclose(found.kilometres, expected.kilometres, rtol=0, atol=1e-3):
            raise Wrong(f"{peer.name} finds other nearest vehicles than numpy does")
    return float(np.median(spent[1:])) / 1e6


def time_changes(peer: Changing, stock: Stock, count: int = 200) -> float:
    """Median CPU microseconds of taking one vehicle out of stock; Wrong if a search afterwards still sees one.

    The changes come one after the other, as a feed brings them, each timed by itself.
    """
    rng = np.random.default_rng([SEED, 13])
    stocked = np.flatnonzero(stock.columns["status"] == IN_STOCK)
    spent, lots = [], []
    for row in rng.choice(stocked, min(count, len(stocked)), replace=False).tolist():
        number, lot = int(stock.columns["number"][row]), int(stock.columns["location_id"][row])
        query = Query("one lot", {"location_id": (lot,)}, sort="in_stock_since", descending=True)
        lots.append((query, peer.vehicle(number)))
    before = [peer.answer(query, peer.search(peer.prepare(query))).total for query, _ in lots]
    for _, vehicle in lots:
        started = peer.cpu()
        peer.change_status(vehicle, RESERVED)
        spent.append(peer.cpu() - started)
    for (query, _), total in zip(lots, before, strict=True):
        gone = sum(other.lists == query.lists for other, _ in lots)
        if peer.answer(query, peer.search(peer.prepare(query))).total != total - gone:
            raise Wrong(f"{peer.name} does not see a change of status in the next search")
    for _, vehicle in lots:
        peer.change_status(vehicle, IN_STOCK)
    return max(float(np.median(spent)) - overhead_ns(peer), 0.0) / 1e3


def each_tuple(stock: Stock, asked: Tuples) -> Available:
    """numpy as it is usually asked: tuple after tuple, its rows found by the order of the table."""
    columns, vectors = stock.columns, stock.network.vectors
    keys = _keys(columns["trim"], columns["exterior_color"])
    wanted = _keys(asked.codes["trim"], asked.codes["exterior_color"])
    first, last = np.searchsorted(keys, wanted).tolist(), np.searchsorted(keys, wanted, side="right").tolist()
    counts, kilometres = np.zeros(len(asked), np.int64), np.full(len(asked), np.inf)
    status, locations = columns["status"], columns["location_id"]
    for at, (low, high) in enumerate(zip(first, last, strict=True)):
        places = locations[low:high][status[low:high] == IN_STOCK]
        counts[at] = len(places)
        if len(places):
            kilometres[at] = distances_km(vectors[places], *asked.points[at]).min()
    return Available(counts, kilometres)
