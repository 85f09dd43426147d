"""A search request as the kernel's program: which codes, ranges and bitmaps each criterion means."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import ROUND_CEILING, ROUND_FLOOR

import numpy as np
from numpy.typing import NDArray

from core_ext.program import Program
from domain.kit.money import digits
from inventory.criteria import DEFAULT_STATUS, Criteria, DateRange, Range, SearchRequest, Sort
from inventory.index.audience import Audience
from inventory.index.dictionary import attribute_text
from inventory.index.vocabulary import (
    COLUMN,
    INT,
    MODEL_YEAR,
    ODOMETER_BAND,
    PLACE,
    PRICE_BAND,
    WORD_COLUMNS,
    Vocabulary,
)
from inventory.index.words import wanted

LIVE, OFFERED, NETWORK, WORDS = range(4)
"""Bitmaps of a segment; from WORDS on one for each clause of the text."""
_CODES, _RANGE, _BITMAP = range(3)
_BY_NUMBER, _BY_TABLE, _BY_SCORE = range(3)
_LARGEST = 1 << 62
_ABSENT_KEY = (1 << 63) - 1
_RANGE_FACETS = {"price": PRICE_BAND, "model_year": MODEL_YEAR, "odometer_km": ODOMETER_BAND}
_LISTS = (
    "make", "model", "trim", "location_id", "dealer_account_id", "status", "condition", "body_style", "drivetrain",
    "fuel_type", "transmission", "exterior_color", "interior_color",
)  # fmt: skip
DEFAULT_SORT = (Sort("days_in_stock", "asc"),)
"""The newest in stock first."""

Atom = tuple[int, int, int, int, int, int]


class Plan:
    """A program, and what its numbers mean. A plan is for one snapshot and those before it."""

    def __init__(self, request: SearchRequest, audience: Audience, vocabulary: Vocabulary, currency: str, today: date):
        self.request, self.audience = request, audience
        self.currency = request.criteria.currency or currency
        self.sort = tuple(request.sort) or DEFAULT_SORT
        self.filter_names: list[str | None] = []
        self.words: list[frozenset[str]] = wanted(request.criteria.text or "")
        self.facet_columns: dict[str, tuple[int, int, int]] = {}
        """Column, first counter and number of counters of each facet."""
        self.distances = self._distances(vocabulary)
        self._vocabulary, self._today = vocabulary, today
        self._groups, self._filters, self._clauses = [0], [0], [0]
        self._atoms: list[Atom] = []
        self._codes: list[int] = []
        self._tables: list[NDArray[np.uint8]] = []
        self._table_end = 0
        self._group_of: dict[str, int] = {}
        self._scope()
        self._lists(request.criteria)
        self._attributes(request.criteria)
        self._near(request.criteria)
        self._ranges(request.criteria)
        self._text()

    def program(self, cursor: Sequence[int] | None) -> Program:
        """The program; `cursor` are the key values of the last vehicle seen."""
        keys, key_tables = self._keys()
        filters = len(self._filters)
        if any(sort.by == "relevance" for sort in self.sort):
            self._score()
        return Program(
            groups=self._groups,
            filters=self._filters[:filters],
            clauses=self._clauses,
            atoms=self._atoms,
            codes=self._codes,
            tables=np.concatenate([*self._tables, np.zeros(0, np.uint8)]),
            facets=self._facets(),
            keys=keys,
            key_tables=key_tables,
            relax=self.request.relaxations,
            cursor=cursor,
        )

    def _distances(self, vocabulary: Vocabulary) -> NDArray[np.float64] | None:
        """Kilometres from the request's point by code of the place, NaN for none."""
        near = self.request.criteria.near
        if near is None:
            return None
        return vocabulary.places.distances_km(near.latitude, near.longitude, vocabulary.size(PLACE))

    def _is(self, column: int, codes: Iterable[int]) -> list[Atom]:
        """The atom "has one of these codes"; none if there are no codes."""
        table = np.zeros(self._vocabulary.size(column), np.uint8)
        listed = sorted({code for code in codes if code < len(table)})
        if not listed:
            return []
        table[listed] = 1
        atom = (_CODES, column, len(self._codes), len(self._codes) + len(listed), self._table_end, len(table))
        self._codes.extend(listed)
        self._tables.append(table)
        self._table_end += len(table)
        return [atom]

    def _add(self, name: str | None, group: str, *clauses: list[Atom]) -> None:
        """A filter that wants all the clauses; filters of the same group must come one after the other."""
        for atoms in clauses:
            self._atoms.extend(atoms)
            self._clauses.append(len(self._atoms))
        self._filters.append(len(self._clauses) - 1)
        self.filter_names.append(name)
        if group in self._group_of:
            self._groups[-1] += 1
        else:
            self._group_of[group] = len(self._groups) - 1
            self._groups.append(len(self._filters) - 1)

    def _scope(self) -> None:
        """The rows that the audience sees: group 0, never left out."""
        audience, clauses = self.audience, [[(_BITMAP, LIVE, 0, 0, 0, 0)]]
        if audience.guarded:
            clauses.append([(_BITMAP, OFFERED, 0, 0, 0, 0)])
        elif not audience.everything:
            clauses.append([(_BITMAP, NETWORK, 0, 0, 0, 0), *self._exactly("dealer_account_id", audience.units)])
        if audience.brands is not None:
            clauses.append(self._exactly("brand", audience.brands))
        self._add(None, "", *clauses)

    def _exactly(self, name: str, values: Iterable[str]) -> list[Atom]:
        found = (self._vocabulary.text(name).find(value) for value in values)
        return self._is(COLUMN[name], (code for code in found if code is not None))

    def _one_of(self, column: int, values: Iterable[str]) -> list[Atom]:
        dictionary = self._vocabulary.dictionary(column)
        return self._is(column, (code for value in values for code in dictionary.matching(value)))

    def _lists(self, criteria: Criteria) -> None:
        for name in _LISTS:
            values = getattr(criteria, name)
            if name == "status" and values is None:
                values = DEFAULT_STATUS
            if values:
                self._add(None if name == "status" else name, name, self._one_of(COLUMN[name], values))
        options = COLUMN["options"]
        if criteria.options_all:
            self._add("options_all", "options", *(self._one_of(options, [value]) for value in criteria.options_all))
        if criteria.options_any:
            self._add("options_any", "options", self._one_of(options, criteria.options_any))

    def _attributes(self, criteria: Criteria) -> None:
        for code, wish in criteria.attributes.items():
            if wish in ([], Range()):
                continue
            column = self._vocabulary.attributes.get(code)
            name = f"attributes.{code}"
            if column is None:
                self._add(name, name, [])
            elif isinstance(wish, Range):
                numbers = enumerate(self._vocabulary.attribute_values(column).numbers)
                inside = (place for place, number in numbers if number is not None and wish.admits(number))
                self._add(name, name, self._is(column, inside))
            else:
                self._add(name, name, self._one_of(column, map(attribute_text, wish)))

    def _near(self, criteria: Criteria) -> None:
        if criteria.near is not None and criteria.near.radius_km is not None and self.distances is not None:
            within = np.flatnonzero(self.distances <= criteria.near.radius_km)
            self._add("near", "near", self._is(PLACE, within.tolist()))

    def _ranges(self, criteria: Criteria) -> None:
        """Ranges of whole numbers; money in minor units of the currency asked for, days in stock as days of arrival."""
        if criteria.price not in (None, Range()):
            assert criteria.price is not None
            low, high = whole(criteria.price, digits(self.currency))
            priced = self._exactly("price_currency", [self.currency])
            self._add("price", "price", priced, [(_RANGE, INT["price_minor"], low, high, 0, 0)])
        for name in ("model_year", "odometer_km"):
            bounds = getattr(criteria, name)
            if bounds not in (None, Range()):
                self._add(name, name, [(_RANGE, INT[name], *whole(bounds), 0, 0)])
        if criteria.days_in_stock not in (None, Range()):
            assert criteria.days_in_stock is not None
            fewest, most = whole(criteria.days_in_stock)
            today = self._today.toordinal()
            arrived = (_RANGE, INT["in_stock_since"], today - most, today - fewest, 0, 0)
            self._add("days_in_stock", "days_in_stock", [arrived])
        if criteria.available_on not in (None, DateRange()):
            assert criteria.available_on is not None
            self._add(
                "available_on", "available_on", [(_RANGE, INT["available_on"], *days(criteria.available_on), 0, 0)]
            )

    def _text(self) -> None:
        clauses = []
        for place, words in enumerate(self.words):
            atoms = [(_BITMAP, WORDS + place, 0, 0, 0, 0)]
            for name in WORD_COLUMNS:
                dictionary = self._vocabulary.text(name)
                atoms += self._is(COLUMN[name], {code for word in words for code in dictionary.with_prefix(word)})
            clauses.append(atoms)
        if clauses:
            self._add("text", "text", *clauses)

    def _score(self) -> None:
        """Score clauses: a word stands whole in make, model or trim."""
        for words in self.words:
            for name in ("make", "model", "trim"):
                dictionary = self._vocabulary.text(name)
                self._atoms += self._is(COLUMN[name], {code for word in words for code in dictionary.with_word(word)})
            self._clauses.append(len(self._atoms))

    def _facets(self) -> list[tuple[int, int, int, int]]:
        found, first = [], 0
        for name in dict.fromkeys(self.request.facets):
            column = _RANGE_FACETS.get(name, COLUMN.get(name, -1))
            if column < 0:
                column = self._vocabulary.attributes.get(name.removeprefix("attributes."), self._vocabulary.columns)
            size = self._vocabulary.size(column)
            self.facet_columns[name] = (column, first, size)
            found.append((column, self._group_of.get(name, -1), first, size))
            first += size
        return found

    def _keys(self) -> tuple[list[tuple[int, int, int, int, int, int, int]], NDArray[np.int64]]:
        keys: list[tuple[int, int, int, int, int, int, int]] = []
        tables: NDArray[np.int64] = np.zeros(0, np.int64)
        for sort in self.sort:
            if sort.by == "price":
                code = self._vocabulary.text("price_currency").find(self.currency)
                guard = COLUMN["price_currency"]
                keys.append(
                    (_BY_NUMBER, INT["price_minor"], sort.descending, guard, -1 if code is None else code, 0, 0)
                )
            elif sort.by == "days_in_stock":
                keys.append((_BY_NUMBER, INT["in_stock_since"], not sort.descending, -1, 0, 0, 0))
            elif sort.by == "distance":
                assert self.distances is not None
                # A non-negative double and its bits read as a whole number have the same order.
                tables = np.where(np.isnan(self.distances), _ABSENT_KEY, self.distances.view(np.int64))
                keys.append((_BY_TABLE, PLACE, sort.descending, -1, 0, 0, len(tables)))
            elif sort.by == "relevance":
                keys.append((_BY_SCORE, 0, sort.descending, -1, 0, 0, 0))
            else:
                keys.append((_BY_NUMBER, INT[sort.by], sort.descending, -1, 0, 0, 0))
        return keys, tables


def whole(bounds: Range, places: int = 0) -> tuple[int, int]:
    """The smallest and largest whole number of 10^-places inside the range; clipped to what rows can hold."""
    lows = [-_LARGEST]
    highs = [_LARGEST]
    if bounds.gte is not None:
        lows.append(int(bounds.gte.scaleb(places).to_integral_value(ROUND_CEILING)))
    if bounds.gt is not None:
        lows.append(int(bounds.gt.scaleb(places).to_integral_value(ROUND_FLOOR)) + 1)
    if bounds.lte is not None:
        highs.append(int(bounds.lte.scaleb(places).to_integral_value(ROUND_FLOOR)))
    if bounds.lt is not None:
        highs.append(int(bounds.lt.scaleb(places).to_integral_value(ROUND_CEILING)) - 1)
    return min(max(lows), _LARGEST + 1), max(min(highs), -_LARGEST - 1)


def days(bounds: DateRange) -> tuple[int, int]:
    """The first and last day inside the range, as ordinals."""
    lows, highs = [1], [date.max.toordinal()]
    if bounds.gte is not None:
        lows.append(bounds.gte.toordinal())
    if bounds.gt is not None:
        lows.append(bounds.gt.toordinal() + 1)
    if bounds.lte is not None:
        highs.append(bounds.lte.toordinal())
    if bounds.lt is not None:
        highs.append(bounds.lt.toordinal() - 1)
    return max(lows), min(highs)
