"""What DuckDB and PostgreSQL are asked: the page, the total, all facets and all relaxations, a statement each."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np

from bench.search.shapes import LIMIT, Query
from bench.search.stock import EARTH_KM, FACET_COLUMN, IN_STOCK, unit_vectors


class Statements(NamedTuple):
    """A query as SQL; facets answer (place of the facet, code, count), relaxations (place of the criterion, total)."""

    page: str
    total: str
    facets: str | None
    relaxations: str | None

    def all(self) -> Iterable[str]:
        """Those that are asked."""
        return (text for text in self if text is not None)


def statements(query: Query, has_options: Callable[[tuple[int, ...]], str]) -> Statements:
    """The query in SQL. `has_options` writes the condition on options, which each engine keeps in its own way.

    Facets that share a WHERE are counted in one pass by grouping sets, which is quicker in both engines.
    """
    conditions = {name: f"{name} in ({', '.join(map(str, codes))})" for name, codes in query.lists.items()}
    conditions |= {name: f"{name} between {low} and {high}" for name, (low, high) in query.ranges.items()}
    if query.options:
        conditions["options_all"] = has_options(query.options)

    def rows(without: str | None = None) -> str:
        chosen = [f"status = {IN_STOCK}", *(text for name, text in conditions.items() if name != without)]
        near = f" join ({_distances(query)}) d using (location_id)" if query.near and without != "near" else ""
        return f"from vehicles{near} where {' and '.join(chosen)}"

    key = "km" if query.sort == "distance" else query.sort
    order = f"{key} desc" if query.descending else key
    own = [name for name in query.facets if name in query.criteria]
    others = [name for name in query.facets if name not in query.criteria]
    parts = [_counted(query, [name], rows(name)) for name in own]
    if others:
        parts.append(_counted(query, others, rows()))
    relaxed = [f"select {at}, count(*) {rows(name)}" for at, name in enumerate(query.criteria)]
    return Statements(
        page=f"select number, {key} {rows()} order by {order} limit {LIMIT}",
        total=f"select count(*) {rows()}",
        facets=" union all ".join(parts) or None,
        relaxations=" union all ".join(relaxed) if query.relaxations else None,
    )


def _counted(query: Query, names: list[str], rows: str) -> str:
    columns = [FACET_COLUMN[name] for name in names]
    if len(names) == 1:
        return (
            f"select {query.facets.index(names[0])} facet, {columns[0]} code, count(*) n {rows} group by {columns[0]}"
        )
    facet = " ".join(
        f"when grouping({column}) = 0 then {query.facets.index(name)}"
        for name, column in zip(names, columns, strict=True)
    )
    sets = ", ".join(f"({column})" for column in columns)
    code = f"coalesce({', '.join(columns)})"
    return f"select case {facet} end facet, {code} code, count(*) n {rows} group by grouping sets ({sets})"


def _distances(query: Query) -> str:
    """The locations within the radius with their distance, computed once a location by the chord."""
    assert query.near is not None
    x, y, z = unit_vectors(np.array([[query.near.latitude, query.near.longitude]]))[0].tolist()
    chord = f"sqrt((x - {x!r}) * (x - {x!r}) + (y - {y!r}) * (y - {y!r}) + (z - {z!r}) * (z - {z!r}))"
    distance = f"{2 * EARTH_KM!r}::float8 * asin(least(1.0::float8, {chord} / 2))"
    inner = f"select location_id, {distance} km from locations"
    return f"select location_id, km from ({inner}) l where km <= {query.near.radius_km!r}"
