"""How many vehicles answer a wish and where the nearest stands: many small questions at once, each with its answer."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from operator import attrgetter
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, cast

import msgspec
import numpy as np
from msgspec import Meta

from core_ext.geo import ABSENT_KEY
from domain.kit.errors import Malformed, NotFound, Problem
from inventory.criteria import Criteria, Near, Range, SearchRequest, Sort, Value, checked
from inventory.index import Audience, StockIndex, Tuples, kilometres
from inventory.vehicle_row import CONDITIONS, STATUSES

QueryId = Annotated[str, Meta(max_length=200)] | Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]


class AvailabilityQuery(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, gc=False):
    """One question; exactly one of `criteria`, `definition_id` and `model_code` says which vehicles are meant.

    As in a search, criteria without a status mean what is in stock; so do definitions and model codes.
    """

    id: QueryId
    criteria: Criteria | None = None
    definition_id: Value | None = None
    model_code: Value | None = None
    near: Near | None = None
    """With a radius only what stands within it counts, without one it is where distances start."""


if TYPE_CHECKING:
    DecodedQuery = AvailabilityQuery
else:
    # The same question, but absent lists of criteria share one empty tuple, and nothing is watched for cycles:
    # fifteen new lists a question are two thirds of the time that decoding it takes, mostly by the garbage collector.
    _Criteria = msgspec.defstruct(
        "DecodedCriteria",
        [(field.name, field.type, ()) for field in msgspec.structs.fields(Criteria) if field.default_factory is list],
        bases=(Criteria,),
        kw_only=True,
        forbid_unknown_fields=True,
        gc=False,
    )
    DecodedQuery = msgspec.defstruct(
        "DecodedQuery",
        [("criteria", _Criteria | None, None)],
        bases=(AvailabilityQuery,),
        kw_only=True,
        forbid_unknown_fields=True,
        gc=False,
    )


class Nearest(msgspec.Struct, frozen=True, gc=False):
    """The vehicle nearest to the point, the smallest id of several."""

    vehicle_id: str
    location_id: str | None
    distance_km: float


class Availability(msgspec.Struct, frozen=True, gc=False):
    """The answer; `nearest` is null without a point, or where no vehicle that counts has one."""

    id: str | int
    available: int
    nearest: Nearest | None


class Definition(msgspec.Struct, frozen=True):
    """A model as built; what is None is left open."""

    id: str
    model_code: str | None
    make: str
    model: str
    model_year: int
    trim: str | None
    body_style: str | None
    drivetrain: str | None
    fuel_type: str | None
    transmission: str | None


class Definitions:
    """The definitions that questions name, each as the criteria that its vehicles meet, kept for one request.

    A vehicle is of a definition if make, model, model year and everything else that the definition says are its own:
    so a car counts that a dealer entered without naming the definition.
    """

    MOST = 100_000

    def __init__(self) -> None:
        self.by_id: dict[str, Criteria | None] = {}
        self.by_code: dict[str, Criteria | None] = {}

    def lacking(self, queries: Iterable[AvailabilityQuery | Any]) -> tuple[list[str], list[str]]:
        """The ids and the model codes that must be learned before these queries can be answered."""
        ids: set[str] = set()
        codes: set[str] = set()
        for query in queries:
            if not isinstance(query, AvailabilityQuery) or query.criteria is not None:
                continue
            if query.definition_id is not None and query.definition_id.lower() not in self.by_id:
                ids.add(query.definition_id.lower())
            if query.model_code is not None and query.model_code not in self.by_code:
                codes.add(query.model_code)
        return list(ids), list(codes)

    def learn(self, ids: Sequence[str], codes: Sequence[str], found: Iterable[Definition]) -> None:
        """Take in what was found for these ids and codes; the others are known not to exist."""
        if len(self.by_id) + len(self.by_code) > self.MOST:
            self.by_id.clear()
            self.by_code.clear()
        self.by_id.update(dict.fromkeys(ids))
        self.by_code.update(dict.fromkeys(codes))
        for one in found:
            criteria = self.by_id[one.id] = _criteria_of(one)
            if one.model_code is not None:
                self.by_code[one.model_code] = criteria

    def criteria(self, query: AvailabilityQuery) -> Criteria:
        """A query's criteria, free to be changed; Malformed unless it names vehicles in one way, NotFound."""
        named = [query.criteria is not None, query.definition_id is not None, query.model_code is not None]
        if sum(named) != 1:
            raise Malformed.at("", "gives not exactly one of criteria, definition_id and model_code")
        if query.criteria is not None:
            return query.criteria
        if query.definition_id is not None:
            found, at = self.by_id.get(query.definition_id.lower()), "/definition_id"
        else:
            found, at = self.by_code.get(query.model_code or ""), "/model_code"
        if found is None:
            raise NotFound.at(at, "there is no such vehicle definition")
        return msgspec.structs.replace(found)


def _criteria_of(one: Definition) -> Criteria:
    def values(value: str | None) -> list[str]:
        return [] if value is None else [value]

    year = Decimal(one.model_year)
    return Criteria(
        make=[one.make],
        model=[one.model],
        trim=values(one.trim),
        model_year=Range(gte=year, lte=year),
        body_style=values(one.body_style),
        drivetrain=values(one.drivetrain),
        fuel_type=values(one.fuel_type),
        transmission=values(one.transmission),
    )


R = TypeVar("R")


def answers(
    queries: Iterable[AvailabilityQuery | R],
    index: StockIndex,
    audience: Audience,
    definitions: Definitions,
    refuse: Callable[[str | int, Problem], R],
) -> list[Availability | R]:
    """An answer for every question, in their order.

    A question that breaks a rule is answered by what `refuse` makes of its id and the problem, and spoils no other;
    whatever is no question is the answer to one that could not be read. The criteria of the queries are changed.
    Texts must be sound already: no U+0000, no half of a surrogate pair.
    """
    found: list[Availability | R | None] = []
    told = found.append
    known = index.known_attributes
    together = _Together()
    for query in queries:
        if not isinstance(query, AvailabilityQuery):
            told(query)
            continue
        try:
            criteria = query.criteria
            if criteria is None or query.definition_id is not None or query.model_code is not None:
                criteria = definitions.criteria(query)
            if query.near is not None:
                if criteria.near is not None:
                    raise Malformed.at("/near", "is given twice: the criteria have it too")
                criteria.near = query.near
            if together.takes(len(found), query.id, criteria):
                told(None)
                continue
            if _has_rules(criteria):
                checked(SearchRequest(criteria=criteria), known)
            available, nearest = _available(index, criteria, audience)
        except Problem as problem:
            told(refuse(query.id, problem))
        else:
            told(Availability(query.id, available, nearest))
    together.answer(found, index, audience)
    return cast("list[Availability | R]", found)


class _Together:
    """The questions that name a make, or also a model, trim and colour, and nothing else: the index answers all of
    them at once for about what one search costs.
    """

    _ELSE = attrgetter(
        "body_style", "drivetrain", "fuel_type", "transmission", "interior_color", "condition", "location_id",
        "dealer_account_id", "options_all", "options_any", "attributes", "model_year", "price", "currency",
        "odometer_km", "days_in_stock", "available_on", "text",
    )  # fmt: skip
    _NAMED = attrgetter("make", "model", "trim", "exterior_color")

    def __init__(self) -> None:
        self._places: dict[int, list[tuple[int, str | int, tuple[list[str], ...], Near | None]]] = {}

    def takes(self, place: int, id: str | int, criteria: Criteria) -> bool:
        """Whether it is such a question; it will be answered at its place."""
        near = criteria.near
        if any(self._ELSE(criteria)) or criteria.status is not None:
            return False
        if near is not None and near.radius_km is not None:
            return False
        named = self._NAMED(criteria)
        depth = 0
        for values in named:
            if len(values) != 1:
                break
            depth += 1
        if depth == 0 or any(named[depth:]):
            return False
        self._places.setdefault(depth, []).append((place, id, named, near))
        return True

    def answer(self, found: list[Any], index: StockIndex, audience: Audience) -> None:
        """Puts the answers to their places."""
        for depth, asked in self._places.items():
            texts = [[named[level][0] for _, _, named, _ in asked] for level in range(depth)]
            points = [(math.nan, math.nan) if near is None else (near.latitude, near.longitude) for *_, near in asked]
            latitude, longitude = np.array(points, np.float64).T
            columns = dict(zip(("make", "model", "trim", "exterior_color"), texts, strict=False))
            told = index.available_many(Tuples(**columns, latitude=latitude, longitude=longitude), audience)
            if told is None:
                for place, id, named, near in asked:
                    make, model, trim, color = named
                    criteria = Criteria(make=make, model=model, trim=trim, exterior_color=color, near=near)
                    found[place] = Availability(id, *_available(index, criteria, audience))
                continue
            counts, distances = told.counts.tolist(), told.distances_km.tolist()
            vehicles, places = told.ids(), told.location_ids()
            for at, (place, id, _, _) in enumerate(asked):
                vehicle = vehicles[at]
                nearest = None if vehicle is None else Nearest(vehicle, places[at], round(distances[at], 3))
                found[place] = Availability(id, counts[at], nearest)


_PLAIN = frozenset((*CONDITIONS, *STATUSES))


def _has_rules(criteria: Criteria) -> bool:
    """Whether there is anything about the criteria that their types do not say already."""
    return (
        criteria.model_year is not None
        or criteria.price is not None
        or criteria.odometer_km is not None
        or criteria.days_in_stock is not None
        or criteria.available_on is not None
        or criteria.currency is not None
        or bool(criteria.attributes)
        or bool(criteria.condition and not _PLAIN.issuperset(criteria.condition))
        or bool(criteria.status and not _PLAIN.issuperset(criteria.status))
    )


_BY_DISTANCE = [Sort("distance")]


def _available(index: StockIndex, criteria: Criteria, audience: Audience) -> tuple[int, Nearest | None]:
    """How many vehicles meet the criteria, and the nearest to their point."""
    if criteria.near is None:
        return index.find(SearchRequest(criteria=criteria, limit=1), audience).total, None
    found = index.find(SearchRequest(criteria=criteria, sort=_BY_DISTANCE, limit=1), audience)
    if not found.ids or found.keys[0][0] == ABSENT_KEY:
        return found.total, None
    return found.total, Nearest(found.ids[0], found.location_id(0), round(kilometres(found.keys[0][0]), 3))
