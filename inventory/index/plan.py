"""A search request as the kernel's program: which codes, ranges and bitmaps each criterion means."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from itertools import compress
from typing import Any, NamedTuple

from msgspec.structs import astuple

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
_STATUS = COLUMN["status"]
_OPTIONS = COLUMN["options"]
_CURRENCY = COLUMN["price_currency"]
_SCALES: tuple[int, ...] = tuple(10**places for places in range(20))
DEFAULT_SORT = (Sort("days_in_stock", "asc"),)
"""The newest in stock first."""

WORD_NS, CLAUSE_NS = 2.0, 0.25
"""What a word of a text, or a clause of which a request may have a thousand, costs a row at worst, in nanoseconds."""
MOST_NANOSECONDS = 500_000_000
"""A search that could take longer is refused."""


class Counted(NamedTuple):
    """A facet that a program counts: code i of the column has the counter first + i."""

    name: str
    column: int
    first: int
    size: int


class Plan:
    """A program, and what its numbers mean. A plan is for one snapshot and those before it.

    What its dictionaries know is right; whatever else a request holds goes through `checked` first. So Malformed and
    UnknownProperty are raised as it says.
    """

    __slots__ = (
        "_costs", "_dictionaries", "_groups", "_known", "_scored", "_today", "_unchecked", "_vocabulary", "audience",
        "currency", "facets", "names", "near", "program", "request", "sort", "words",
    )  # fmt: skip

    def __init__(
        self,
        request: SearchRequest,
        audience: Audience,
        vocabulary: Vocabulary,
        currency: str,
        today: date,
        known_attributes: frozenset[str] | None = None,
    ):
        criteria = request.criteria
        self.request, self.audience, self._vocabulary, self._today = request, audience, vocabulary, today
        self._known, self._unchecked, self._scored = known_attributes, True, False
        self.currency = criteria.currency or currency
        self.near: Near | None = criteria.near
        self.words: list[frozenset[str]] = []
        self.names: list[str | None] = [None]
        """The criterion of each filter, None for what is never relaxed."""
        self.facets: list[Counted] = []
        self._dictionaries = vocabulary.texts
        self._groups: dict[str, int] = {}
        self._costs: dict[str, float] = {}
        """Nanoseconds a row at worst, by criterion, where they are more than the usual."""
        self.program = Program(
            limit=request.limit if request.cursor is None else request.limit + 1, relax=request.relaxations
        )
        """Wants one vehicle more than the page holds where the total does not tell whether there is one."""
        self._scope(audience)
        if criteria.status is None:
            self._list("status", _STATUS, DEFAULT_STATUS)
        values = astuple(criteria)
        for (take, name, column), value in compress(zip(_WISHES, values, strict=True), values):
            take(self, name, column, value)
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
        if not self._costs:
            return
        if sum(self._costs.values()) * snapshot.rows > MOST_NANOSECONDS:
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
        dictionary = self._dictionaries[column]
        codes = [code for value in values if (code := dictionary.find(value)) is not None]
        self.program.codes(column, codes, len(dictionary.values))

    def _one_of(self, dictionary: Dictionary, column: int, values: Sequence[str]) -> None:
        """The atom "compares equal to one of these"."""
        spelled = dictionary.spelled
        codes: Sequence[int] | set[int]
        if len(values) == 1:
            codes = spelled.get(values[0]) or self._folded(dictionary, values[0])
        else:
            codes = {code for value in values for code in spelled.get(value) or self._folded(dictionary, value)}
        self.program.codes(column, codes, len(dictionary.values))

    def _folded(self, dictionary: Dictionary, value: str) -> tuple[int, ...]:
        self._check()
        return dictionary.matching(value)

    def _open(self, name: str, group: str) -> None:
        """Opens a filter with its first clause; filters of the same group come one after the other."""
        if group not in self._groups:
            self._groups[group] = self.program.group()
        self.program.filter()
        self.program.clause()
        self.names.append(name)

    def _list(self, name: str, column: int, values: Sequence[str]) -> None:
        program = self.program
        self._groups[name] = program.group()
        program.filter()
        program.clause()
        self.names.append(None if column == _STATUS else name)
        self._one_of(self._dictionaries[column], column, values)

    def _options_all(self, name: str, column: int, values: Sequence[str]) -> None:
        self._open(name, "options")
        for place, value in enumerate(values):
            if place:
                self.program.clause()
            self._one_of(self._vocabulary.options, column, [value])
        self._costs[name] = len(values) * CLAUSE_NS

    def _options_any(self, name: str, column: int, values: Sequence[str]) -> None:
        self._open(name, "options")
        self._one_of(self._vocabulary.options, column, values)

    def _attributes(self, name: str, column: int, wishes: dict[str, Any]) -> None:
        self._check()
        for code, wish in wishes.items():
            if wish in ([], Range()):
                continue
            name = f"attributes.{code}"
            self._open(name, name)
            number = self._vocabulary.attributes.get(code)
            if number is None:
                continue
            dictionary = self._vocabulary.attribute_values(number)
            if isinstance(wish, Range):
                numbers = enumerate(dictionary.numbers)
                inside = [place for place, value in numbers if value is not None and wish.admits(value)]
                self.program.codes(number, inside, len(dictionary.numbers))
            else:
                self._one_of(dictionary, number, [attribute_text(value) for value in wish])
        self._costs["attributes"] = len(wishes) * CLAUSE_NS

    def _whole_numbers(self, name: str, column: int, bounds: Range) -> None:
        if bounds != _ANYTHING:
            low, high = self._bounds(bounds, 0)
            self._open(name, name)
            self.program.range(column, low, high)

    def _price(self, name: str, column: int, bounds: Range) -> None:
        """In minor units of the currency asked for; only vehicles priced in it match."""
        if bounds != _ANYTHING:
            low, high = self._bounds(bounds, self._digits())
            self._open(name, name)
            self._exactly("price_currency", (self.currency,))
            self.program.clause()
            self.program.range(column, low, high)

    def _digits(self) -> int:
        try:
            return digits(self.currency)
        except ValueError:
            self._check()
            raise

    def _days_in_stock(self, name: str, column: int, bounds: Range) -> None:
        """As days of arrival."""
        if bounds != _ANYTHING:
            fewest, most = self._bounds(bounds, 0)
            today = self._today.toordinal()
            self._open(name, name)
            self.program.range(column, today - most, today - fewest)

    def _bounds(self, bounds: Range, places: int) -> tuple[int, int]:
        """As `whole`; checked unless the bounds are whole numbers of few digits in their order."""
        gte, gt, lte, lt = astuple(bounds)
        low, high = -_LARGEST, _LARGEST
        try:
            if gte is not None:
                low = _plain(gte, places)
            if gt is not None:
                low = max(low, _plain(gt, places) + 1)
            if lte is not None:
                high = _plain(lte, places)
            if lt is not None:
                high = min(high, _plain(lt, places) - 1)
        except _NotPlain:
            self._check()
            return whole(bounds, places)
        if low > high:
            self._check()
        return low, high

    def _available_on(self, name: str, column: int, bounds: DateRange) -> None:
        if bounds != _ANY_DAY:
            first, last = days(bounds)
            if first > last:
                self._check()
            self._open(name, name)
            self.program.range(column, first, last)

    def _currency_given(self, name: str, column: int, currency: str) -> None:
        self._digits()

    def _within(self, name: str, column: int, near: Near) -> None:
        if near.radius_km is not None:
            self._open(name, name)
            circle = self._vocabulary.places.circle(near.latitude, near.longitude, near.radius_km)
            self.program.table(column, circle.within)

    def _text(self, name: str, column: int, text: str) -> None:
        if not sound(text):
            self._check()
        self.words = wanted(text)
        for place, words in enumerate(self.words):
            if place:
                self.program.clause()
            else:
                self._open(name, name)
            self.program.bitmap(WORDS + place)
            for within in WORD_COLUMNS:
                dictionary = self._vocabulary.text(within)
                codes = {code for word in words for code in dictionary.with_prefix(word)}
                if codes:
                    self.program.codes(COLUMN[within], codes, len(dictionary.values))
        self._costs[name] = sum(map(len, self.words)) * WORD_NS

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
            code = self._dictionaries[_CURRENCY].find(self.currency)
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
        vocabulary = self._vocabulary
        for name in dict.fromkeys(names):
            column = _FACETS.get(name, -1)
            if 0 <= column < len(self._dictionaries):
                size = self._dictionaries[column].learned
            else:
                if column < 0:
                    self._check()
                    column = vocabulary.attributes.get(name.removeprefix("attributes."), vocabulary.columns)
                size = vocabulary.size(column)
            self.facets.append(
                Counted(name, column, self.program.facet(column, self._groups.get(name, -1), size), size)
            )


class _NotPlain(Exception):
    """A bound that needs exact arithmetic."""


def _plain(bound: Decimal, places: int) -> int:
    """A bound without a sign, of at most 15 digits and no more decimals than `places`, in units of 10^-places."""
    text = str(bound)
    if len(text) <= 16:
        if text.isdigit():
            return int(text) * _SCALES[places]
        before, _, after = text.partition(".")
        if before.isdigit() and after.isdigit() and len(after) <= places:
            return int(before + after) * _SCALES[places - len(after)]
    raise _NotPlain


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


_ANYTHING, _ANY_DAY = Range(), DateRange()
_Take = Callable[[Plan, str, int, Any], None]
_TAKES: dict[str, tuple[_Take, int]] = {
    "options_all": (Plan._options_all, _OPTIONS),
    "options_any": (Plan._options_any, _OPTIONS),
    "attributes": (Plan._attributes, -1),
    "model_year": (Plan._whole_numbers, INT["model_year"]),
    "price": (Plan._price, INT["price_minor"]),
    "currency": (Plan._currency_given, -1),
    "odometer_km": (Plan._whole_numbers, INT["odometer_km"]),
    "days_in_stock": (Plan._days_in_stock, INT["in_stock_since"]),
    "available_on": (Plan._available_on, INT["available_on"]),
    "near": (Plan._within, PLACE),
    "text": (Plan._text, -1),
}
_WISHES = tuple(
    (take, name, column)
    for name in Criteria.__struct_fields__
    for take, column in (_TAKES.get(name) or (Plan._list, COLUMN.get(name, -1)),)
)
"""How each criterion enters a program, in the order of the criteria."""
