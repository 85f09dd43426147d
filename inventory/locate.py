"""The one car among all locations: those that meet every wish along the network, then the closest to it.

Every criterion given is a wish, whatever it holds: all of `options_all` are one, an attribute is one each. `status` is
none, nor is `currency`. A car's score is the weight of the wishes that it meets over the weight of all (1 each unless
given; without any weight 1). The order is by score, the highest first; then by hop of the network, then by distance
from the origin (those without a point last), then by id. Cars that lack a required wish are no answer at all.

What is looked at are the cars in stock, and if none of them meets every wish also those on order and in transit, unless
the wish names statuses itself.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Callable, Collection, Iterator
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal

import msgspec

from domain.kit.errors import Invalid
from inventory.criteria import Criteria, Near, SearchPage, SearchRequest, Sort
from inventory.index import VehicleView
from inventory.index.words import fold
from inventory.locate_request import IN_STOCK, ON_THE_WAY, LocateRequest, way_of, wishes_of
from inventory.network import Network, Way

MOST_SEARCHES = 2_000
MOST_STEPS = 50_000
MOST_PAIRED = 16
"""Of more wishes it is not asked which two no car meets together."""
PAGE = 200

Search = Callable[[SearchRequest], SearchPage]
"""Asks one state of the stock, as one audience sees it."""


class Difference(msgspec.Struct, frozen=True):
    """A wish that is not met; of several options wanted together, those lacking and those there."""

    field: str
    wanted: Any
    offered: Any


class LocatedVehicle(msgspec.Struct, frozen=True, kw_only=True):
    """A car, and how to come by it: at once, by asking the dealer who keeps it, or when it has arrived."""

    vehicle: msgspec.Raw
    score: float
    distance_km: float | None
    hop: int
    acquire: Literal["RESERVE", "REQUEST", "ORDER"]
    differences: list[Difference]


class LocatedView(msgspec.Struct, frozen=True, kw_only=True):
    """A located car as callers read it."""

    vehicle: VehicleView
    score: float
    distance_km: float | None
    hop: int
    acquire: Literal["RESERVE", "REQUEST", "ORDER"]
    differences: list[Difference]


class Buyer(msgspec.Struct, frozen=True):
    """Who wants the car, as far as coming by it goes."""

    group: frozenset[str] = frozenset()
    """The dealer accounts of the own group."""
    reserves: bool = True
    """Whether the caller may hold a car at all."""

    def acquire(self, status: str, dealer_account_id: str | None) -> Literal["RESERVE", "REQUEST", "ORDER"]:
        """A car that is not there yet is ordered; one of the own group or of the organisation is reserved at once."""
        if status in ON_THE_WAY:
            return "ORDER"
        own = dealer_account_id is None or dealer_account_id in self.group
        return "RESERVE" if own and self.reserves else "REQUEST"


class Found(msgspec.Struct, frozen=True):
    """A candidate with what decides its place."""

    id: str
    hop: int
    distance: float
    """Infinite for a car that has no point."""
    raw: msgspec.Raw

    @property
    def order(self) -> tuple[int, float, str]:
        """Its place among cars of the same score."""
        return self.hop, self.distance, self.id


class _Item(msgspec.Struct):
    id: str
    location_id: str | None = None
    distance_km: float | None = None


_item = msgspec.json.Decoder(_Item).decode


def drops(weights: list[Fraction]) -> Iterator[tuple[Fraction, tuple[int, ...]]]:
    """Every set of places in `weights`, each once, by the sum of its weights, the lightest first.

    Each set but the empty one comes from one other: its last place, in order of weight, is added or moved on by one.
    """
    order = sorted(range(len(weights)), key=lambda at: weights[at])
    heap: list[tuple[Fraction, tuple[int, ...]]] = [(Fraction(0), ())]
    while heap:
        total, taken = heapq.heappop(heap)
        yield total, tuple(order[at] for at in taken)
        after = taken[-1] + 1 if taken else 0
        if after < len(order):
            more = weights[order[after]]
            heapq.heappush(heap, (total + more, (*taken, after)))
            if taken:
                heapq.heappush(heap, (total + more - weights[order[taken[-1]]], (*taken[:-1], after)))


class _Stock:
    """Asks the stock for the cars that keep some of the wishes."""

    def __init__(self, search: Search, request: LocateRequest, way: Way, network: Network, statuses: list[str]):
        self._search, self._wanted, self._way, self._statuses = search, request.wanted, way, statuses
        self._origin = Near(way.latitude, way.longitude)
        self._within: frozenset[str] | None = None
        near = request.wanted.near
        if near is not None and near.radius_km is not None:
            reach = network.distances(near.latitude, near.longitude)
            self._within = frozenset(id for id, distance in reach.items() if distance <= near.radius_km)
        self.searches = 0

    def count(self, kept: Collection[str]) -> int:
        """How many cars keep these wishes."""
        return self._page(kept, None, 1).total

    def first(self, kept: Collection[str], most: int) -> list[Found]:
        """The first cars that keep these wishes, by hop, distance and id; at most half a page is asked for.

        Where they are too many for a page the hops are asked one after the other, each in order of distance. What lies
        beyond the last hop cannot be asked for alone, but by then fewer than `most` cars stand within the hops, and so
        the page of all by distance that is as much longer holds the first of the others.
        """
        page = self._page(kept, None, most)
        if page.total > len(page.items) and page.total <= PAGE:
            page = self._page(kept, None, PAGE)
        if page.total <= len(page.items):
            return sorted(map(self._found, page.items), key=lambda found: found.order)[:most]
        found: list[Found] = []
        for places in self._way.hops:
            if places:
                found += map(self._found, self._page(kept, places, most - len(found)).items)
                if len(found) >= most:
                    return found
        within = {one.id for one in found}
        rest = map(self._found, self._page(kept, None, len(found) + most).items)
        return (
            found
            + sorted((one for one in rest if one.id not in within), key=lambda one: one.order)[: most - len(found)]
        )

    def _page(self, kept: Collection[str], places: Collection[str] | None, limit: int) -> SearchPage:
        self.searches += 1
        if self.searches > MOST_SEARCHES:
            raise too_much()
        criteria = self._criteria(kept, places)
        if criteria is None:
            return SearchPage(total=0, items=b"", facets=b"", relaxations=[], next_cursor=None, as_of="", took_us=0)
        return self._search(SearchRequest(criteria=criteria, sort=[Sort("distance")], limit=limit))

    def _criteria(self, kept: Collection[str], places: Collection[str] | None) -> Criteria | None:
        """The criteria that say so; None where no location is left."""
        given = {name: getattr(self._wanted, name) for name in kept if name in Criteria.__struct_fields__}
        given.pop("near", None)
        attributes = {code: wish for code, wish in self._wanted.attributes.items() if f"attributes.{code}" in kept}
        if "near" in kept and self._within is not None:
            places = self._within if places is None else self._within.intersection(places)
        if places is not None:
            chosen = set(map(fold, given.get("location_id", ()))) or None
            given["location_id"] = [id for id in places if chosen is None or fold(id) in chosen]
            if not given["location_id"]:
                return None
        return Criteria(
            **given,
            attributes=attributes,
            currency=self._wanted.currency,
            status=self._statuses,
            near=self._origin,
        )

    def _found(self, raw: msgspec.Raw) -> Found:
        item = _item(raw)
        hop = self._way.hop_of.get(item.location_id or "", self._way.beyond)
        distance = self._way.distances.get(item.location_id or "")
        if distance is None:
            distance = math.inf if item.distance_km is None else item.distance_km
        return Found(item.id, hop, distance, raw)


def too_much() -> Invalid:
    """The refusal of a question whose wishes contradict each other in too many ways."""
    return Invalid(
        f"To find the closest cars would take more than {MOST_SEARCHES:,} searches: wish for less, or require more"
    )


def located(
    search: Search, request: LocateRequest, network: Network, buyer: Buyer, today: date
) -> list[LocatedVehicle]:
    """The cars that a checked request finds, at most `limit`. Invalid where that would take too many searches.

    Sets of wishes to give up are tried by their weight, the lightest first, so by falling score. A car that keeps all
    the others and has not been found before gives up just this set: did it give up less, it would have been among the
    answers of that smaller set, and all cars of a better score have been taken, for they were fewer than `limit`. For
    the same reason the first `limit` + (cars taken) of a set hold the first `limit` that are new. So all cars of a
    score are known as far as they matter before the next score is tried, and the order among them is by hop, distance
    and id. Wishes that no required car meets are given up from the start, and sets that keep two wishes which no car
    meets together are passed over: neither leaves a car out. A million cars cost what a handful of searches cost.
    """
    wishes = wishes_of(request.wanted)
    weights = {name: Fraction(request.weights.get(name, Decimal(1))) for name in wishes}
    whole = sum(weights.values(), Fraction(0))
    way = way_of(request.origin, network)
    statuses = request.wanted.status
    stock = _Stock(search, request, way, network, [IN_STOCK] if statuses is None else statuses or _any_status())
    if statuses is None and not stock.count(wishes):
        stock = _Stock(search, request, way, network, _any_status())
    taken: list[tuple[Found, Fraction, frozenset[str]]] = []
    for lost, given_up in _levels(stock, wishes, frozenset(request.required), weights, request.limit):
        level: dict[str, tuple[Found, frozenset[str]]] = {}
        before = {found.id for found, _, _ in taken}
        for names in given_up:
            for found in stock.first([name for name in wishes if name not in names], request.limit + len(taken)):
                if found.id not in before:
                    level.setdefault(found.id, (found, names))
        best = sorted(level.values(), key=lambda one: one[0].order)[: request.limit - len(taken)]
        taken += [(found, lost, names) for found, names in best]
        if len(taken) == request.limit:
            break
    return [
        _told(found, 1.0 if not whole else float((whole - lost) / whole), names, request.wanted, buyer, today, network)
        for found, lost, names in taken
    ]


def _any_status() -> list[str]:
    return [IN_STOCK, *ON_THE_WAY]


def _levels(
    stock: _Stock, wishes: list[str], required: frozenset[str], weights: dict[str, Fraction], limit: int
) -> Iterator[tuple[Fraction, list[frozenset[str]]]]:
    """The sets of wishes to give up, those of one weight together, the smaller first; none if the first are enough."""
    yield Fraction(0), [frozenset()]
    soft = [name for name in wishes if name not in required]
    kept = [name for name in wishes if name in required]
    if not soft or not stock.count(kept):
        return
    never = frozenset(name for name in soft if not stock.count([*kept, name]))
    possible = [name for name in soft if name not in never]
    apart = [
        {one, other}
        for one, other in itertools.combinations(possible, 2)
        if len(possible) <= MOST_PAIRED and not stock.count([*kept, one, other])
    ]
    base = sum((weights[name] for name in never), Fraction(0))
    steps = 0
    for lost, group in itertools.groupby(drops([weights[name] for name in possible]), key=lambda one: one[0]):
        sets = []
        for _, places in group:
            steps += 1
            if steps > MOST_STEPS:
                raise too_much()
            given_up = frozenset(possible[at] for at in places)
            if (given_up or never) and all(given_up & pair for pair in apart):
                sets.append(given_up | never)
        if sets:
            yield base + lost, sorted(sets, key=len)


def _told(
    found: Found,
    score: float,
    unmet: frozenset[str],
    wished: Criteria,
    buyer: Buyer,
    today: date,
    network: Network,
) -> LocatedVehicle:
    vehicle: dict[str, Any] = msgspec.json.decode(found.raw)
    return LocatedVehicle(
        vehicle=found.raw,
        score=score,
        distance_km=vehicle["distance_km"],
        hop=found.hop,
        acquire=buyer.acquire(vehicle["status"], vehicle["dealer_account_id"]),
        differences=[_difference(name, wished, vehicle, today, network) for name in wishes_of(wished) if name in unmet],
    )


def _difference(name: str, wished: Criteria, vehicle: dict[str, Any], today: date, network: Network) -> Difference:
    """What was wanted and what the car has instead."""
    if name.startswith("attributes."):
        code = name.removeprefix("attributes.")
        return Difference(name, wished.attributes[code], vehicle["attributes"].get(code))
    asked = getattr(wished, name)
    if name in ("options_all", "options_any"):
        there = {fold(option) for option in vehicle["options"]}
        return Difference(
            name, [one for one in asked if fold(one) not in there], [one for one in asked if fold(one) in there]
        )
    if name == "near":
        distance = network.distances(asked.latitude, asked.longitude).get(vehicle["location_id"] or "")
        return Difference(name, asked, {"distance_km": None if distance is None else round(distance, 3)})
    if name == "text":
        return Difference(name, asked, " ".join(vehicle[part] for part in ("make", "model", "trim") if vehicle[part]))
    if name == "days_in_stock":
        since = vehicle["in_stock_since"]
        return Difference(name, asked, None if since is None else (today - date.fromisoformat(since)).days)
    return Difference(name, asked, vehicle[name])
