"""From which variants a place draws its cars: new ones of its franchises, used ones of other makes too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from service.demo.catalogue import Catalogue, Variant
from service.demo.equipment import BIG_BODIES
from service.demo.market import FRANCHISES, OWN_BRANDS
from service.demo.stock_columns import ABSENT, Coded

ZIPF_EXPONENT = 1.05
NEW_POOL, CERTIFIED_POOL, USED_POOL = range(3)
DEAR_FROM = 45_000

# Model year against the calendar's → weight.
NEW_AGES = {-1: 30.0, 0: 61.0, 1: 9.0}
CERTIFIED_AGES = {0: 4.0, 1: 18.0, 2: 26.0, 3: 27.0, 4: 14.0, 5: 8.0, 6: 3.0}
USED_AGES = {0: 2.0, 1: 6.0, 2: 9.0, 3: 13.0, 4: 12.0, 5: 10.5, 6: 9.0, 7: 8.0, 8: 7.0, 9: 6.0, 10: 5.0, 11: 4.2,
             12: 3.4, 13: 2.7, 14: 2.2}  # fmt: skip


class VariantColumns(msgspec.Struct, frozen=True):
    """The catalogue as arrays, one row a variant."""

    coded: dict[str, Coded]
    model_year: NDArray[np.int32]
    grade: NDArray[np.int8]
    new_price: NDArray[np.float64]
    big: NDArray[np.bool_]
    dear: NDArray[np.bool_]
    electric: NDArray[np.bool_]
    vin_prefix: NDArray[np.uint8]
    attributes: dict[str, NDArray[Any]]


def _coded(values: list[str | None]) -> Coded:
    distinct = {value: at for at, value in enumerate(sorted({value for value in values if value is not None}))}
    codes = np.array([ABSENT if value is None else distinct[value] for value in values], dtype=np.int16)
    return Coded(codes, tuple(distinct))


def variant_columns(variants: tuple[Variant, ...]) -> VariantColumns:
    """The catalogue as arrays; what a variant does not have is `ABSENT`, or NaN where it is a fraction."""

    def column(read: Callable[[Variant], Any], dtype: Any) -> NDArray[Any]:
        return np.array([read(variant) for variant in variants], dtype=dtype)

    def or_absent(value: int | None) -> int:
        return ABSENT if value is None else value

    names = ("brand", "make", "model", "trim", "model_code", "body_style", "drivetrain", "fuel_type", "transmission")
    prefixes = column(lambda v: v.vin_prefix.encode(), "S8")
    return VariantColumns(
        coded={name: _coded([getattr(variant, name) for variant in variants]) for name in names},
        model_year=column(lambda v: v.model_year, np.int32),
        grade=column(lambda v: v.grade, np.int8),
        new_price=column(lambda v: v.new_price, np.float64),
        big=column(lambda v: v.body_style in BIG_BODIES, np.bool_),
        dear=column(lambda v: v.new_price >= DEAR_FROM, np.bool_),
        electric=column(lambda v: v.fuel_type == "Electric", np.bool_),
        vin_prefix=prefixes.view(np.uint8).reshape(len(variants), 8),
        attributes={
            "seats": column(lambda v: v.seats, np.int16),
            "doors": column(lambda v: v.doors, np.int16),
            "range_km": column(lambda v: or_absent(v.electric_range_km), np.int16),
            "tow_capacity_kg": column(lambda v: or_absent(v.tow_capacity_kg), np.int16),
            "litres_per_100_km": column(lambda v: v.litres_per_100_km, np.float64),
        },
    )


class Pools:
    """Weighted choices of variants by franchise and kind of car."""

    def __init__(self, catalogue: Catalogue, year: int):
        self.columns = variant_columns(catalogue.variants)
        makes = np.array([variant.make for variant in catalogue.variants])
        sets = [brands for brands, _ in FRANCHISES]
        self.all_brands, self.other_makes = len(sets), len(sets) + 1
        allowed = [np.isin(makes, brands) for brands in (*sets, OWN_BRANDS)] + [~np.isin(makes, OWN_BRANDS)]
        popularity = (np.array(catalogue.ranks) + 1.0) ** -ZIPF_EXPONENT * np.array(catalogue.shares)
        age = year - self.columns.model_year
        by_kind = [
            popularity * np.array([ages.get(of, 0.0) for of in age.tolist()])
            for ages in (NEW_AGES, CERTIFIED_AGES, USED_AGES)
        ]
        self._kinds = len(by_kind)
        self._franchises = {frozenset(brands): at for at, brands in enumerate(sets)}
        self._chosen: list[NDArray[np.int32]] = []
        summed: list[NDArray[np.float64]] = []
        for at_place in allowed:
            for weights in by_kind:
                chosen = np.flatnonzero((weights > 0) & at_place)
                cumulative = np.cumsum(weights[chosen])
                # Pool p owns the interval [p, p + 1), so that one search draws from all pools at once.
                summed.append(len(summed) + cumulative / cumulative[-1])
                self._chosen.append(chosen.astype(np.int32))
        self._cumulative = np.concatenate(summed)
        self._variants = np.concatenate(self._chosen)

    def franchise(self, brands: tuple[str, ...]) -> int:
        """The number of a franchise of FRANCHISES."""
        return self._franchises[frozenset(brands)]

    def draw(self, rng: np.random.Generator, franchise: NDArray[Any], kind: NDArray[np.int64]) -> NDArray[np.int64]:
        """A variant for each row, by that row's franchise and kind of car."""
        pool = franchise.astype(np.int64) * self._kinds + kind
        at = np.searchsorted(self._cumulative, pool + rng.random(len(pool)), side="right")
        return self._variants[np.minimum(at, len(self._variants) - 1)].astype(np.int64)
