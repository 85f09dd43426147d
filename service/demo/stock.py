"""Draws the stock of the demo world: which car stands where, in what state and at what price, by a fixed seed.

Stock is drawn in blocks of `BLOCK` vehicles, each from a random stream of its own: a block can be made without those
before it, and a smaller world's stock begins a bigger one's where the network is the same.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from inventory.vehicle_row import CONDITIONS, HOLDS, STATUSES, VISIBILITIES
from service.demo import registration, vin
from service.demo.attributes import UPHOLSTERY
from service.demo.catalogue import Catalogue
from service.demo.equipment import EXTERIOR_COLORS, INTERIOR_COLORS, draw_options, has_leather
from service.demo.identity import LISTING_HALF, Ordinals, digits, scramble, uuids
from service.demo.network import Network
from service.demo.pools import CERTIFIED_POOL, NEW_POOL, USED_POOL, Pools
from service.demo.pricing import ask, listed_price
from service.demo.stock_columns import ABSENT, NO_DATE, Coded, StockColumns

BLOCK = 8_192
KM_PER_MILE = 1.609344
NEW, CERTIFIED, USED, DEMO, SALVAGE = range(len(CONDITIONS))
ON_ORDER, IN_TRANSIT, IN_STOCK, RESERVED, SOLD, IN_SERVICE, RETIRED = range(len(STATUSES))
PREPARATION = HOLDS.index("PREPARATION")
COUNTRIES = ("US", "DE", "GB")
ODOMETER_STATUSES = ("ACTUAL", "NOT_ACTUAL", "EXCEEDS", "REPLACED")

# Per hundred vehicles of each kind of place.
CONDITION_MIX = {
    "DEALER_LOT": (44.0, 10.0, 41.0, 3.0, 2.0),
    "DISTRIBUTION_CENTER": (94.0, 2.0, 0.0, 4.0, 0.0),
    "HUB": (98.0, 0.0, 0.0, 2.0, 0.0),
    "PLANT": (100.0, 0.0, 0.0, 0.0, 0.0),
    "PORT": (100.0, 0.0, 0.0, 0.0, 0.0),
}
STATUS_MIX = {
    "DEALER_LOT": (2.0, 4.0, 81.0, 5.0, 6.0, 1.5, 0.5),
    "DISTRIBUTION_CENTER": (0.0, 18.0, 77.0, 3.0, 2.0, 0.0, 0.0),
    "HUB": (0.0, 60.0, 40.0, 0.0, 0.0, 0.0, 0.0),
    "PLANT": (72.0, 28.0, 0.0, 0.0, 0.0, 0.0, 0.0),
    "PORT": (0.0, 85.0, 15.0, 0.0, 0.0, 0.0, 0.0),
}
SITE_SHARES = {"DISTRIBUTION_CENTER": 0.075, "HUB": 0.02, "PLANT": 0.015, "PORT": 0.01}
HOLD_MIX = (26.0, 15.0, 12.0, 39.0, 8.0)  # in the order of HOLDS
HELD_SHARE, HELD_TWICE = 0.08, 0.1
TRADED_IN = 0.3  # used cars that are of other makes
VISIBILITY_MIX = (5.0, 9.0, 86.0)


def _cumulative(weights: Any) -> NDArray[np.float64]:
    summed: NDArray[np.float64] = np.cumsum(np.asarray(weights, dtype=float), axis=-1)
    summed /= summed[..., -1:].copy()
    return summed


def pick(rng: np.random.Generator, cumulative: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """Draws `count` indexes by cumulative weights that end in 1."""
    return np.searchsorted(cumulative, rng.random(count), side="right")


class _Places(msgspec.Struct, frozen=True):
    """What a vehicle has of the place it stands at; arrays aligned over all places with stock."""

    location: NDArray[np.int32]
    dealer: NDArray[np.int32]
    kind: NDArray[np.int8]
    country: NDArray[np.int8]
    franchise: NDArray[np.int8]
    group: NDArray[np.int32]
    latitude: NDArray[np.float64]
    longitude: NDArray[np.float64]
    share: NDArray[np.float64]


def _places(network: Network, pools: Pools) -> _Places:
    kinds = tuple(CONDITION_MIX)
    rows: list[tuple[Any, ...]] = []
    for at, site in enumerate(network.sites):
        if site.kind in SITE_SHARES:
            alike = sum(other.kind == site.kind for other in network.sites)
            rows.append((at, ABSENT, kinds.index(site.kind), COUNTRIES.index(site.country), pools.all_brands, ABSENT,
                         site.latitude, site.longitude, SITE_SHARES[site.kind] / alike))  # fmt: skip
    at_dealers = 1.0 - sum(SITE_SHARES.values())
    for number, dealer in enumerate(network.dealers):
        rows.append((len(network.sites) + number, number, kinds.index("DEALER_LOT"),
                     COUNTRIES.index(dealer.lot.country), pools.franchise(dealer.account.brands), dealer.group,
                     dealer.lot.latitude, dealer.lot.longitude, at_dealers * dealer.share))  # fmt: skip
    types = (np.int32, np.int32, np.int8, np.int8, np.int8, np.int32, np.float64, np.float64, np.float64)
    return _Places(*(np.array(column, dtype=t) for column, t in zip(zip(*rows, strict=True), types, strict=True)))


class Stock:
    """The stock of one world, block by block."""

    def __init__(self, seed: int, catalogue: Catalogue, network: Network, as_of: date):
        self.seed = seed
        self.as_of = np.datetime64(as_of, "D")
        self.year = as_of.year
        self.pools = Pools(catalogue, as_of.year)
        self.variants = self.pools.columns
        self.places = _places(network, self.pools)
        self.place_cumulative = _cumulative(self.places.share)
        self.conditions = np.array([_cumulative(mix) for mix in CONDITION_MIX.values()])
        self.statuses = np.array([_cumulative(mix) for mix in STATUS_MIX.values()])
        self.location_ids = tuple(location.id for location in network.locations)
        self.dealer_ids = tuple(dealer.account.id for dealer in network.dealers)
        self.group_ids = tuple(group.id for group in network.groups)

    def block(self, number: int) -> StockColumns:
        """The `BLOCK` vehicles from ordinal `number * BLOCK` on."""
        rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence(self.seed, spawn_key=(2, number))))
        ordinal = np.arange(number * BLOCK, (number + 1) * BLOCK, dtype=np.int64)
        place = pick(rng, self.place_cumulative, BLOCK)
        kind = self.places.kind[place]
        country = self.places.country[place]
        condition = _by_row(rng, self.conditions[kind])
        status = _by_row(rng, self.statuses[kind])
        status = np.where((status <= IN_TRANSIT) & (condition > NEW), IN_STOCK, status).astype(np.int8)
        variant = self._variants(rng, self.places.franchise[place], condition)
        attributes_of = self.variants
        model_year = attributes_of.model_year[variant]
        age = np.maximum(self.year - model_year, 0)
        odometer, unit, odometer_status, odometer_km = _odometers(rng, condition, status, age, country)
        big = attributes_of.big[variant]
        options = draw_options(rng, attributes_of.grade[variant], attributes_of.dear[variant], big)
        price, tax = self._prices(rng, variant, condition, age, odometer_km, options, country)
        holds = _holds(rng, status)
        available_on, since = self._dates(rng, status, holds)
        serial = vin.serials(ordinal, self.seed)
        return StockColumns(
            ordinal=ordinal,
            id=uuids(self.seed, "vehicle", ordinal),
            vin=_vins(rng, attributes_of.vin_prefix[variant], model_year, serial, status),
            registration_number=registration.numbers(ordinal, self.seed, country, (condition > NEW)),
            stock_number=_stock_numbers(condition, serial),
            listing_number=listing_numbers(ordinal, self.seed),
            variant=variant.astype(np.int32),
            **{name: Coded(column.codes[variant], column.values) for name, column in attributes_of.coded.items()},
            model_year=model_year,
            exterior_color=_colors(rng, EXTERIOR_COLORS),
            interior_color=_colors(rng, INTERIOR_COLORS),
            condition=Coded(condition, CONDITIONS),
            status=Coded(status, STATUSES),
            holds=holds,
            visibility=Coded(pick(rng, _cumulative(VISIBILITY_MIX), BLOCK).astype(np.int8), VISIBILITIES),
            available_on=available_on,
            price_minor=price,
            price_currency=Coded(np.where(price == ABSENT, ABSENT, country), ("USD", "EUR", "GBP")),
            price_tax=tax,
            odometer_value=odometer,
            odometer_unit=Coded(unit, ("KM", "MI")),
            odometer_status=Coded(odometer_status, ODOMETER_STATUSES),
            odometer_km=odometer_km,
            options=options,
            attributes=self._attributes(rng, variant, condition, age, options),
            location=self.places.location[place],
            dealer=self.places.dealer[place],
            location_id=Coded(self.places.location[place], self.location_ids),
            dealer_account_id=Coded(self.places.dealer[place], self.dealer_ids),
            group_account_id=Coded(self.places.group[place], self.group_ids),
            in_stock_since=since,
            latitude=self.places.latitude[place],
            longitude=self.places.longitude[place],
        )

    def _variants(
        self, rng: np.random.Generator, franchise: NDArray[np.int8], condition: NDArray[np.int8]
    ) -> NDArray[np.int64]:
        kind = np.array([NEW_POOL, CERTIFIED_POOL, USED_POOL, NEW_POOL, USED_POOL])[condition]
        traded_in = (kind == USED_POOL) & (rng.random(BLOCK) < TRADED_IN)
        return self.pools.draw(rng, np.where(traded_in, self.pools.other_makes, franchise), kind)

    def _prices(
        self, rng: np.random.Generator, variant: NDArray[np.int64], condition: NDArray[np.int8],
        age: NDArray[np.int32], odometer_km: NDArray[np.int32], options: NDArray[np.uint64], country: NDArray[np.int8],
    ) -> tuple[NDArray[np.int64], Coded]:  # fmt: skip
        full = listed_price(self.variants.new_price[variant], options)
        price = ask(rng, full, condition, age, odometer_km, self.variants.electric[variant], country)
        on_request = rng.random(BLOCK) < np.where(condition == SALVAGE, 0.15, 0.03)
        price = np.where(on_request, ABSENT, price)
        marginal = (condition > NEW) & (condition != DEMO) & (rng.random(BLOCK) < 0.6)
        tax = np.where(country == 0, 1, np.where(marginal, 2, 0))
        return price, Coded(np.where(on_request, ABSENT, tax), ("INCLUDED", "EXCLUDED", "MARGIN_SCHEME"))

    def _dates(
        self, rng: np.random.Generator, status: NDArray[np.int8], holds: NDArray[np.uint8]
    ) -> tuple[NDArray[np.datetime64], NDArray[np.datetime64]]:
        ordered = rng.integers(20, 180, BLOCK)
        shipped = rng.integers(1, 45, BLOCK)
        prepared = rng.integers(1, 14, BLOCK)
        waiting = (holds >> PREPARATION & 1).astype(bool)
        days = np.where(status == ON_ORDER, ordered, np.where(status == IN_TRANSIT, shipped, prepared))
        awaited = (status <= IN_TRANSIT) | waiting & ((status == IN_STOCK) | (status == RESERVED))
        available_on = np.where(awaited, self.as_of + days, NO_DATE)
        stood = np.minimum(rng.lognormal(np.log(38.0), 0.9, BLOCK), 900.0).astype(np.int64)
        return available_on, self.as_of - stood

    def _attributes(
        self, rng: np.random.Generator, variant: NDArray[np.int64], condition: NDArray[np.int8],
        age: NDArray[np.int32], options: NDArray[np.uint64],
    ) -> dict[str, Coded | NDArray[Any]]:  # fmt: skip
        used = (condition == USED) | (condition == CERTIFIED) | (condition == SALVAGE)
        owners = 1 + np.minimum(rng.poisson(age * 0.18), 6)
        unhurt = np.where(condition == SALVAGE, 0, rng.random(BLOCK) < 0.86)
        upholstery = np.where(has_leather(options), 1, np.where(rng.random(BLOCK) < 0.2, 2, 0))
        return {
            **{name: column[variant] for name, column in self.variants.attributes.items()},
            "upholstery": Coded(upholstery.astype(np.int8), UPHOLSTERY),
            "previous_owners": np.where(used, owners, ABSENT),
            "accident_free": np.where(used, unhurt, ABSENT).astype(np.int8),
        }


def _by_row(rng: np.random.Generator, cumulative: NDArray[np.float64]) -> NDArray[np.int8]:
    """One index a row by that row's cumulative weights."""
    drawn: NDArray[np.int8] = (rng.random(len(cumulative))[:, None] >= cumulative).sum(axis=1).astype(np.int8)
    return drawn


def _colors(rng: np.random.Generator, mix: dict[str, float]) -> Coded:
    return Coded(pick(rng, _cumulative(list(mix.values())), BLOCK).astype(np.int8), tuple(mix))


def _holds(rng: np.random.Generator, status: NDArray[np.int8]) -> NDArray[np.uint8]:
    held = rng.random(BLOCK) < HELD_SHARE
    twice = rng.random(BLOCK) < HELD_TWICE
    cumulative = _cumulative(HOLD_MIX)
    first, second = (np.uint8(1) << pick(rng, cumulative, BLOCK).astype(np.uint8) for _ in range(2))
    holds = np.where(held, first | np.where(twice, second, np.uint8(0)), np.uint8(0))
    return np.where(status == ON_ORDER, np.uint8(0), holds)


def _odometers(
    rng: np.random.Generator, condition: NDArray[np.int8], status: NDArray[np.int8], age: NDArray[np.int32],
    country: NDArray[np.int8],
) -> tuple[NDArray[np.int32], NDArray[np.int8], NDArray[np.int8], NDArray[np.int32]]:  # fmt: skip
    """Odometer values, units, states and whole kilometres; a car not yet built has none."""
    a_year = rng.lognormal(np.log(17_500.0), 0.45, BLOCK)
    driven = np.minimum(a_year * (age + rng.uniform(0.2, 1.0, BLOCK)), 480_000.0)
    km = np.select(
        [condition == NEW, condition == DEMO], [rng.integers(4, 90, BLOCK), rng.integers(600, 12_000, BLOCK)], driven
    )
    miles = country != COUNTRIES.index("DE")
    value = (km / np.where(miles, KM_PER_MILE, 1.0)).astype(np.int32)
    whole_km = np.floor(value * np.where(miles, KM_PER_MILE, 1.0) + 0.5).astype(np.int32)
    doubt = _cumulative((97.0, 1.2, 0.6, 1.2))
    state = np.where(condition == NEW, 0, pick(rng, doubt, BLOCK))
    unbuilt = status == ON_ORDER
    return (
        np.where(unbuilt, np.int32(ABSENT), value),
        np.where(unbuilt, ABSENT, miles).astype(np.int8),
        np.where(unbuilt, ABSENT, state).astype(np.int8),
        np.where(unbuilt, np.int32(ABSENT), whole_km),
    )


def _vins(
    rng: np.random.Generator, prefix: NDArray[np.uint8], model_year: NDArray[np.int32], serial: Ordinals,
    status: NDArray[np.int8],
) -> NDArray[np.uint8]:  # fmt: skip
    made = vin.vins(prefix, model_year, serial)
    made[(status == ON_ORDER) & (rng.random(BLOCK) < 0.5)] = 0  # the plant has not numbered these yet
    return made


def _stock_numbers(condition: NDArray[np.int8], serial: Ordinals) -> NDArray[np.uint8]:
    """As dealers make them: a letter of the condition and the end of the VIN, plant and serial number."""
    made = np.empty((len(serial), 8), dtype=np.uint8)
    made[:, 0] = np.frombuffer(b"NCUDS", dtype=np.uint8)[condition]
    made[:, 1] = np.frombuffer(vin.PLANTS.encode(), dtype=np.uint8)[serial // 1_000_000]
    made[:, 2:] = digits(serial, 6)
    return made


def listing_numbers(ordinal: Ordinals, seed: int) -> NDArray[np.uint8]:
    """Public handles as ASCII of shape (n, 11), unique below the ordinal 10**8; they tell nothing of the VIN."""
    made = np.empty((len(ordinal), 11), dtype=np.uint8)
    made[:, :3] = np.frombuffer(b"FC-", dtype=np.uint8)
    made[:, 3:] = digits(scramble(ordinal, LISTING_HALF, seed, "listing"), 8)
    return made
