"""Polars, one thread: a data frame in the order of make, model and trim, options as a word."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl

from bench.search.bulk import Available, Tuples
from bench.search.searcher import InProcess, dense
from bench.search.shapes import LIMIT, Answer, Query
from bench.search.stock import EARTH_KM, FACET_COLUMN, IN_STOCK, Stock, distances_km, unit_vectors


class Prepared(NamedTuple):
    """A query as expressions; distances come in when it runs."""

    query: Query
    stocked: pl.Expr
    criteria: dict[str, pl.Expr]


class Frames(NamedTuple):
    """What a search computes."""

    total: int
    page: pl.DataFrame
    counts: dict[str, pl.DataFrame]
    relaxed: dict[str, int]


class Polars(InProcess):
    """Columns and masks of the same engine."""

    name = "Polars"

    def __init__(self, stock: Stock):
        if pl.thread_pool_size() != 1:
            raise RuntimeError("Polars was imported with more than one thread")
        self.stock = stock
        self.frame = pl.DataFrame(stock.columns).rechunk()
        self.vectors = stock.network.vectors
        self._rows = np.argsort(stock.columns["number"])
        axes = {axis: np.ascontiguousarray(self.vectors[:, at]) for at, axis in enumerate("xyz")}
        self.locations = pl.DataFrame({"location_id": np.arange(len(self.vectors), dtype=np.uint16), **axes})

    def prepare(self, query: Query) -> Prepared:
        """Expressions of all criteria but the radius."""
        found = {
            name: pl.col(name) == codes[0] if len(codes) == 1 else _any(name, codes)
            for name, codes in query.lists.items()
        }
        found |= {name: pl.col(name).is_between(low, high) for name, (low, high) in query.ranges.items()}
        if query.options:
            bits = pl.lit(sum(1 << option for option in query.options), pl.UInt64)
            found["options_all"] = (pl.col("options") & bits) == bits
        return Prepared(query, pl.col("status") == IN_STOCK, found)

    def search(self, prepared: Prepared) -> Frames:
        """One fused mask where nothing is left out, else a mask a criterion."""
        query, criteria, frame = prepared.query, dict(prepared.criteria), self.frame
        if query.near is not None:
            kilometres = distances_km(self.vectors, query.near.latitude, query.near.longitude)
            frame = frame.with_columns(km=pl.Series(kilometres).gather(frame["location_id"]))
            criteria["near"] = pl.col("km") <= query.near.radius_km
        wanted = set(criteria) if query.relaxations else {name for name in query.facets if name in criteria}
        products: dict[str, pl.Series] = {}
        if wanted:
            masks = frame.select(prepared.stocked.alias(""), **criteria)
            combined = {name: pl.all_horizontal(pl.exclude(name)) for name in wanted}
            made = masks.select(pl.all_horizontal(pl.all()).alias(""), **combined)
            mask = made[""]
            products = {name: made[name] for name in wanted}
        else:
            mask = frame.select(pl.all_horizontal(prepared.stocked, *criteria.values())).to_series()
        key = "km" if query.sort == "distance" else query.sort
        hits = frame.select("number", key).filter(mask)
        page = (hits.top_k if query.descending else hits.bottom_k)(LIMIT, by=key).sort(key, descending=query.descending)
        counts = {}
        for name in query.facets:
            column = frame[FACET_COLUMN[name]].filter(products.get(name, mask))
            counts[name] = column.value_counts()
        relaxed = {name: products[name].sum() for name in criteria} if query.relaxations else {}
        return Frames(len(hits), page, counts, relaxed)

    def questions(self, tuples: Tuples) -> Tuples:
        """The codes as they are."""
        return tuples

    def available(self, tuples: Tuples) -> Available:
        """One join of the tuples with the frame."""
        vectors = unit_vectors(tuples.points)
        asked = pl.DataFrame(
            {"place": np.arange(len(tuples)), "trim": tuples.codes["trim"], "color": tuples.codes["exterior_color"]}
            | {axis: np.ascontiguousarray(vectors[:, at]) for at, axis in enumerate(("ax", "ay", "az"))}
        )
        stocked = self.frame.lazy().filter(pl.col("status") == IN_STOCK).select("trim", "exterior_color", "location_id")
        square = sum(((pl.col(axis) - pl.col("a" + axis)).pow(2) for axis in "xyz"), start=pl.lit(0.0))
        found = (
            stocked.join(asked.lazy(), left_on=["trim", "exterior_color"], right_on=["trim", "color"])
            .join(self.locations.lazy(), on="location_id")
            .group_by("place")
            .agg(pl.len().alias("n"), square.min().alias("square"))
            .collect()
        )
        places = found["place"].to_numpy()
        counts, kilometres = np.zeros(len(tuples), np.int64), np.full(len(tuples), np.inf)
        counts[places] = found["n"].to_numpy()
        kilometres[places] = 2 * EARTH_KM * np.arcsin(np.minimum(np.sqrt(found["square"].to_numpy()) / 2, 1))
        return Available(counts, kilometres)

    def vehicle(self, number: int) -> int:
        """Its row."""
        return int(self._rows[number])

    def change_status(self, vehicle: int, status: int) -> None:
        """A new column: frames do not change."""
        column = self.frame["status"].clone().scatter(vehicle, status)
        self.frame = self.frame.with_columns(column)

    def answer(self, query: Query, raw: Frames) -> Answer:
        """Arrays by facet."""
        numbers, keys = (raw.page.to_series(at).to_numpy() for at in (0, 1))
        counts = {
            name: dense(self.stock, name, frame.to_series(0).to_numpy(), frame.to_series(1).to_numpy())
            for name, frame in raw.counts.items()
        }
        return Answer(raw.total, keys.astype(np.float64), numbers, counts, raw.relaxed)


def _any(name: str, codes: tuple[int, ...]) -> pl.Expr:
    """One of several codes; comparing with each is quicker than the engine's hash set for so few."""
    return pl.any_horizontal(pl.col(name) == code for code in codes)
