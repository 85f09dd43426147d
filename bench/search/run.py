"""One run: the stock, the oracle's answers, then peer after peer loaded, timed, checked and let go."""

from __future__ import annotations

import gc
import importlib
import importlib.metadata
import time
from collections.abc import Callable, Sequence

from bench.search import measure
from bench.search.__main__ import OURS, PEERS
from bench.search.bulk import Available, Bulk, Changing, Tuples, merge_join, time_bulk, time_changes, tuples
from bench.search.filling import filled
from bench.search.ours import Ours
from bench.search.peers.in_numpy import Numpy
from bench.search.report import Figures, Peer
from bench.search.searcher import Searcher
from bench.search.shapes import Answer, Query, queries
from bench.search.stock import Stock, generate

WARM = 10
"""Queries a shape that warm a peer up; their seed is another."""
Tell = Callable[[str], None]


class Task:
    """What every peer of a run gets: the same stock, queries, tuples and right answers."""

    def __init__(self, stock: Stock, queries_a_shape: int, tuple_count: int):
        self.stock = stock
        self.warm: list[Query] = queries(stock, min(WARM, queries_a_shape), seed=1)
        self.queries: list[Query] = queries(stock, queries_a_shape)
        self.tuples: Tuples = tuples(stock, tuple_count)
        oracle = Numpy(stock)
        self.answers: list[Answer] = [oracle.answer(query, oracle.search(query)) for query in self.queries]
        self.available: Available = merge_join(stock, self.tuples)


def measured(names: Sequence[str], vehicles: int, queries_a_shape: int, tuple_count: int, tell: Tell) -> Figures:
    """The figures of these peers; Wrong if one of their answers is."""
    core = measure.pin()
    tell(f"making {vehicles:,} vehicles, pinned to core {core}")
    generated = generate(vehicles)
    stock = generated.clustered()
    tell(f"asking the oracle {queries_a_shape} queries a shape")
    task = Task(stock, queries_a_shape, tuple_count)
    figures = Figures(vehicles, queries_a_shape, tuple_count, measure.machine(core), [])
    for name in names:
        tell(f"{name}: loading")
        started = time.process_time()
        remarks: dict[str, float] = {}
        version = importlib.metadata.version("forecourt" if name == OURS else PEERS[name].package)
        peer: Searcher
        if name == OURS:
            index = filled(generated)
            remarks = {"bytes a vehicle beside its JSON": index.bytes_a_vehicle}
            peer = Ours(generated, index)
        else:
            module = importlib.import_module(f"bench.search.peers.{PEERS[name].module}")
            peer = getattr(module, PEERS[name].name)(stock)
        seconds = time.process_time() - started
        try:
            tell(f"{name}: searching")
            times = measure.time_searches(peer, task.warm, task.queries, task.answers)
            found = Peer(peer.name, peer.counts, version, [], seconds, times, remarks=remarks)
            _beside(peer, found, task)
        finally:
            peer.close()
        found.load = measure.load()
        figures.peers.append(found)
        tell(f"{name}: {found.queries_a_second:,.0f} queries a second")
        del peer
        gc.collect()
    return figures


def _beside(peer: Searcher, figures: Peer, task: Task) -> None:
    """Bulk tuples and changes of status, where a peer can do them."""
    if isinstance(peer, Bulk):
        figures.bulk_ms = time_bulk(peer, task.tuples, task.available)
    if isinstance(peer, Changing):
        figures.change_us = time_changes(peer, task.stock)
