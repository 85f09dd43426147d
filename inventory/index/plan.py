"""A search request as the kernel's program: which codes, ranges and bitmaps each criterion means."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from decimal import ROUND_CEILING, ROUND_FLOOR
from typing import Any

from msgspec.structs import astuple

from core_ext.asking import AGE, EACH, MONEY, NUMBERS, OTHER, PRESET, TOGETHER, VALUES, ask
from core_ext.program import Program
from domain.kit.errors import SearchTooCostly
from domain.kit.money import digits
from inventory.criteria import (
    DEFAULT_STATUS,
    Criteria,
    DateRange,
    Near,
    Range,
    SearchRequest,
    Sort,
    checked,
    pointer,
    sound,
)
from inventory.index.audience import Audience
from inventory.index.dictionary import Dictionary, attribute_text
from inventory.index.snapshot import Snapshot
from inventory.index.vocabulary import (
    COLUMN,
    INT,
    MODEL_YEAR,
    ODOMETER_BAND,
    OPTIONS,
    PLACE,
    PRICE_BAND,
    WORD_COLUMNS,
    Vocabulary,
)
from inventory.index.words import wanted

LIVE, OFFERED, NETWORK, WORDS = range(4)
"""Bitmaps of a segment; from WORDS on one for each clause of the text."""
_LARGEST = 1 << 62
_FACETS = COLUMN | {"price": PRICE_BAND, "model_year": MODEL_YEAR, "odometer_km": ODOMETER_BAND}
_CURRENCY = COLUMN["price_currency"]
_NAMES = Criteria.__struct_fields__
_ASKED = {
    "status": (PRESET, COLUMN["status"]),
    "options_all": (EACH, COLUMN["options"]),
    "options_any": (TOGETHER, COLUMN["options"]),
    "price": (MONEY, INT["price_minor"]),
    "model_year": (NUMBERS, INT["model_year"]),
    "odometer_km": (NUMBERS, INT["odometer_km"]),
    "days_in_stock": (AGE, INT["in_stock_since"]),
}
_KINDS = tuple(_ASKED[name][0] if name in _ASKED else VALUES if name in COLUMN else OTHER for name in _NAMES)
_COLUMNS = tuple(_ASKED[name][1] if name in _ASKED else COLUMN.get(name, -1) for name in _NAMES)
_RELAXED = tuple(None if name == "status" else name for name in _NAMES)
_FACETED = tuple("options" if name.startswith("options_") else name for name in _NAMES)
DEFAULT_SORT = (Sort("days_in_stock", "asc"),)
"""The newest in stock first."""

WORD_NS, CLAUSE_NS = 2.0, 0.25
"""What a word of a text, or a clause of which a request may have a thousand, costs a row at worst, in nanoseconds."""
MOST_NANOSECONDS = 500_000_000
"""A search that could take longer is refused."""


Counted = tuple[str, int, int, int]
"""A facet that a program counts: name, column, first counter and size; code i has the counter first + i."""


class Plan:
    """A program, and what its numbers mean. A plan is for one snapshot and those before it.

    What its dictionaries know is right; whatever else a request holds goes through `checked` first. So Malformed and
    UnknownProperty are raised as it says.
    """

    __slots__ = (
        "_costs", "_entered", "_groups", "_known", "_others", "_scored", "_unchecked", "_vocabulary", "audience",
        "currency", "facets", "near", "program", "request", "sort", "words",
    )  # fmt: skip

    def __init__(
        self,
        request: SearchRequest,
        audience: Audience,
        vocabulary: Vocabulary,
        currency: str,
        today: date,
        known_attributes: frozenset[str] | None = None,
        beyond: int = 0,
    ):
        """`beyond`: so many vehicles more are wanted than the page holds."""
        criteria = request.criteria
        self.request, self.audience, self._vocabulary = request, audience, vocabulary
        self._known, self._unchecked, self._scored = known_attributes, True, False
        self.currency = criteria.currency or currency
        self.near: Near | None = criteria.near
        self.words: list[frozenset[str]] = []
        self.facets: list[Counted] = []
        self._costs: dict[str, float] = {}
        """Nanoseconds a row at worst, by criterion, where they are more than the usual."""
        self.program = program = Program(limit=request.limit + beyond, relax=request.relaxations)
        self._scope(audience)
        if criteria.options_all:
            self._costs["options_all"] = len(criteria.options_all) * CLAUSE_NS
        values = astuple(criteria)
        code = vocabulary.texts[_CURRENCY].find(self.currency)
        self._entered, self._groups, others = ask(
            program, values, _KINDS, _COLUMNS, (*vocabulary.texts, vocabulary.options), DEFAULT_STATUS, self._digits(),
            _CURRENCY, () if code is None else (code,), today.toordinal(), self._folded, self._bounds,
        )  # fmt: skip
        self._others: list[tuple[str, int]] = []
        """Criterion and group of each filter behind those that were entered at once."""
        for place in others:
            if take := _OTHERS.get(_NAMES[place]):
                take(self, values[place])
        self.sort: Sequence[Sort] = request.sort or DEFAULT_SORT
        for sort in self.sort:
            self._sort_by(sort)
        if request.facets:
            self._facets(request.facets)

    def _check(self) -> None:
        """Looks at the whole request, once, since a part of it is not plainly right."""
        if self._unchecked:
            checked(self.request, self._known)
            self._unchecked = False

    def refuse_if_costly(self, snapshot: Snapshot) -> None:
        """SearchTooCostly, at the criterion that costs most, if the search could take longer than MOST_NANOSECONDS."""
        if self._costs and sum(self._costs.values()) * snapshot.rows > MOST_NANOSECONDS:
            worst = max(self._costs, key=lambda name: self._costs[name])
            raise SearchTooCostly.at(pointer("criteria", worst), "is too much to look for in so large a stock")

    def _scope(self, audience: Audience) -> None:
        """The rows that the audience sees: group 0, never left out."""
        program = self.program
        program.group()
        program.filter()
        program.clause()
        program.bitmap(LIVE)
        if audience.guarded:
            program.clause()
            program.bitmap(OFFERED)
        elif not audience.everything:
            program.clause()
            program.bitmap(NETWORK)
            self._exactly("dealer_account_id", audience.units)
        if audience.brands is not None:
            program.clause()
            self._exactly("brand", audience.brands)

    def _exactly(self, name: str, values: Iterable[str]) -> None:
        """The atom "is spelled as one of these"."""
        column = COLUMN[name]
        dictionary = self._vocabulary.texts[column]
        codes = [code for value in values if (code := dictionary.find(value)) is not None]
        self.program.codes(column, codes, len(dictionary.values))

    def _folded(self, dictionary: Dictionary, value: str) -> tuple[int, ...]:
        """The codes of a text that nobody spells so."""
        self._check()
        return dictionary.matching(value)

    @property
    def names(self) -> list[str | None]:
        """The criterion of each filter, None for what is never relaxed."""
        return [None, *[_RELAXED[place] for place in self._entered], *[name for name, _ in self._others]]

    def _open(self, name: str) -> None:
        """Opens a filter of its own group, with its first clause."""
        self._others.append((name, self.program.group()))
        self.program.filter()
        self.program.clause()

    def _attributes(self, wishes: dict[str, Any]) -> None:
        self._check()
        for code, wish in wishes.items():
            if wish in ([], Range()):
                continue
            self._open(f"attributes.{code}")
            column = self._vocabulary.attributes.get(code)
            if column is None:
                continue
            dictionary = self._vocabulary.attribute_values(column)
            if isinstance(wish, Range):
                numbers = enumerate(dictionary.numbers)
                codes = {code for code, value in numbers if value is not None and wish.admits(value)}
            else:
                codes = {code for value in wish for code in dictionary.matching(attribute_text(value))}
            self.program.codes(column, codes, len(dictionary.values))
        self._costs["attributes"] = len(wishes) * CLAUSE_NS

    def _digits(self) -> int:
        try:
            return digits(self.currency)
        except ValueError:
            self._check()
            raise

    def _bounds(self, bounds: Range, places: int) -> tuple[int, int]:
        """The same as `whole`, once it is known to be cheap."""
        self._check()
        return whole(bounds, places)

    def _available_on(self, bounds: DateRange) -> None:
        if bounds != DateRange():
            first, last = days(bounds)
            if first > last:
                self._check()
            self._open("available_on")
            self.program.range(INT["available_on"], first, last)

    def _within(self, near: Near) -> None:
        if near.radius_km is not None:
            self._open("near")
            self.program.code_set(PLACE, self._vocabulary.places.circle(near.latitude, near.longitude, near.radius_km))

    def _text(self, text: str) -> None:
        if not sound(text):
            self._check()
        self.words = wanted(text)
        for place, words in enumerate(self.words):
            if place:
                self.program.clause()
            else:
                self._open("text")
            self.program.bitmap(WORDS + place)
            for within in WORD_COLUMNS:
                dictionary = self._vocabulary.text(within)
                codes = {code for word in words for code in dictionary.with_prefix(word)}
                if codes:
                    self.program.codes(COLUMN[within], codes, len(dictionary.values))
        self._costs["text"] = sum(map(len, self.words)) * WORD_NS

    def _score(self) -> None:
        """Score clauses: a word stands whole in make, model or trim."""
        if self._scored:
            return
        self._scored = True
        self.program.scores()
        for words in self.words:
            self.program.clause()
            for name in ("make", "model", "trim"):
                dictionary = self._vocabulary.text(name)
                codes = {code for word in words for code in dictionary.with_word(word)}
                if codes:
                    self.program.codes(COLUMN[name], codes, len(dictionary.values))

    def _sort_by(self, sort: Sort) -> None:
        program, by = self.program, sort.by
        if by == "price":
            code = self._vocabulary.texts[_CURRENCY].find(self.currency)
            program.by_number(INT["price_minor"], sort.descending, _CURRENCY, -1 if code is None else code)
        elif by == "days_in_stock":
            program.by_number(INT["in_stock_since"], not sort.descending)
        elif by == "distance" and self.near is not None:
            keys = self._vocabulary.places.keys(self.near.latitude, self.near.longitude)
            program.by_table(PLACE, keys, sort.descending)
        elif by == "relevance":
            self._score()
            program.by_score(sort.descending)
        elif by in INT:
            program.by_number(INT[by], sort.descending)
        else:
            self._check()

    def _facets(self, names: Sequence[str]) -> None:
        vocabulary, program = self._vocabulary, self.program
        left_out = {_FACETED[place]: group for place, group in zip(self._entered, self._groups, strict=True)}
        left_out.update(self._others)
        for name in dict.fromkeys(names):
            column = _FACETS.get(name, -1)
            if 0 <= column < OPTIONS:
                size = vocabulary.texts[column].learned
            else:
                if column < 0:
                    self._check()
                    column = vocabulary.attributes.get(name.removeprefix("attributes."), vocabulary.columns)
                size = vocabulary.size(column)
            self.facets.append((name, column, program.facet(column, left_out.get(name, -1), size), size))


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


_OTHERS: dict[str, Callable[[Plan, Any], None]] = {
    "attributes": Plan._attributes,
    "available_on": Plan._available_on,
    "near": Plan._within,
    "text": Plan._text,
}
