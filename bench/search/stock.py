"""Stock made of columns: any number of vehicles in seconds, with the skew of the real, the same for the same number.

Categorical values are small codes with a dictionary beside them, an option set is one 64-bit word, and a vehicle
stands at one of 3,000 locations: what every peer would choose for itself.
"""

from __future__ import annotations

from datetime import date
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from inventory.index.bands import EDGES
from inventory.vehicle_row import CONDITIONS, STATUSES

Column = NDArray[Any]
Random = np.random.Generator
Points = NDArray[np.float64]
"""Latitude and longitude in degrees, a row a point."""

SEED = 20_261_120
TODAY = date(2026, 11, 20)
EARTH_KM = 6371.0088
CITIES, LOCATIONS, DEALERS = 300, 3_000, 1_200
MODELS_A_MAKE, TRIMS_A_MODEL, OPTION_COUNT = 10, 10, 60
FIRST_YEAR = 2000
"""Code 0 of model years."""
IN_STOCK = STATUSES.index("IN_STOCK")
_BLOCK = 1_000_000

MAKES = (
    "Toyota", "Ford", "Honda", "Chevrolet", "Nissan", "Hyundai", "Kia", "Jeep", "Ram", "Subaru", "GMC", "Volkswagen",
    "BMW", "Mercedes-Benz", "Mazda", "Lexus", "Tesla", "Audi", "Dodge", "Buick", "Cadillac", "Acura", "Chrysler",
    "Volvo", "Mitsubishi", "Infiniti", "Lincoln", "Land Rover", "Porsche", "Genesis", "MINI", "Jaguar", "Fiat",
    "Alfa Romeo", "Polestar", "Rivian", "Maserati", "Lucid", "Bentley", "Ferrari",
)  # fmt: skip
BODIES = ("SUV", "Sedan", "Truck", "Hatchback", "Van", "Coupe", "Wagon", "Convertible")
DRIVETRAINS = ("FWD", "AWD", "RWD", "4WD")
FUELS = ("GASOLINE", "HYBRID", "ELECTRIC", "DIESEL", "PLUGIN_HYBRID", "FLEX")
TRANSMISSIONS = ("AUTOMATIC", "CVT", "MANUAL")
COLORS = (
    "White", "Black", "Grey", "Silver", "Blue", "Red", "Green", "Brown", "Beige", "Orange", "Yellow", "Gold", "Purple",
    "Maroon",
)  # fmt: skip
INTERIORS = ("Black", "Grey", "Beige", "Brown", "White", "Red", "Blue", "Green")
_STATUS_SHARES = {"IN_STOCK": 62, "ON_ORDER": 8, "IN_TRANSIT": 10, "RESERVED": 5, "SOLD": 12, "IN_SERVICE": 2}
_CONDITION_SHARES = {"USED": 52, "NEW": 30, "CERTIFIED": 14, "DEMO": 3, "SALVAGE": 1}
FACET_COLUMN = {
    "make": "make",
    "model": "model",
    "body_style": "body_style",
    "drivetrain": "drivetrain",
    "fuel_type": "fuel_type",
    "transmission": "transmission",
    "exterior_color": "exterior_color",
    "condition": "condition",
    "model_year": "model_year",
    "price": "price_band",
}
"""The column that a facet counts; prices by the bands of which buckets are joined."""
FACETS = tuple(FACET_COLUMN)
STARTS = {
    "model_year": np.arange(FIRST_YEAR, FIRST_YEAR + 64, dtype=np.float64),
    "price": np.array([-np.inf, *EDGES], np.float64),
}
"""Where the range of a code begins, as buckets say it: years and whole dollars."""


class Network(NamedTuple):
    """Where cars stand and where people ask from."""

    cities: Points
    city_shares: NDArray[np.float64]
    locations: Points
    location_shares: NDArray[np.float64]
    dealers: Column
    """The dealer of each location."""

    @property
    def vectors(self) -> NDArray[np.float64]:
        """The locations on the unit sphere."""
        return unit_vectors(self.locations)


class Stock(NamedTuple):
    """Vehicles as columns of one length; the generator's order says nothing."""

    columns: dict[str, Column]
    """Codes (uint8, uint16), `price` in cents, `odometer_km`, `in_stock_since` as an ordinal, `options` as bits, and
    `number`, which tells a vehicle."""
    values: dict[str, list[str]]
    """Texts by code."""
    network: Network

    @property
    def rows(self) -> int:
        """How many vehicles there are."""
        return len(self.columns["number"])

    def codes(self, column: str) -> int:
        """How many codes a column may have."""
        return (
            len(self.values[column])
            if column in self.values
            else len(STARTS[{"price_band": "price"}.get(column, column)])
        )

    def clustered(self) -> Stock:
        """The same vehicles by make, model, trim and colour, as every peer has its table."""
        keys = ("exterior_color", "trim", "model", "make")
        order = np.lexsort([self.columns[name] for name in keys])
        return self._replace(columns={name: values[order] for name, values in self.columns.items()})


def unit_vectors(points: Points) -> NDArray[np.float64]:
    """Points in degrees as points on the unit sphere."""
    latitude, longitude = np.radians(points).T
    cosine = np.cos(latitude)
    return np.column_stack((cosine * np.cos(longitude), cosine * np.sin(longitude), np.sin(latitude)))


def distances_km(vectors: NDArray[np.float64], latitude: float, longitude: float) -> NDArray[np.float64]:
    """Kilometres from a point to each vector, by the chord: exact near 0, where a cosine is not."""
    gaps = vectors - unit_vectors(np.array([[latitude, longitude]]))
    half = np.sqrt(np.einsum("ij,ij->i", gaps, gaps)) / 2
    return np.asarray(2 * EARTH_KM * np.arcsin(np.minimum(half, 1.0)))


def generate(vehicles: int) -> Stock:
    """That many vehicles. About 1 s a million."""
    rng = np.random.default_rng(SEED)
    network, catalogue = _network(rng), _Catalogue(rng)
    blocks = []
    for first in range(0, vehicles, _BLOCK):
        count = min(_BLOCK, vehicles - first)
        blocks.append(_block(np.random.default_rng([SEED, first]), count, network, catalogue))
    columns = {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}
    columns["number"] = np.arange(vehicles, dtype=np.int32)
    return Stock(columns, catalogue.values, network)


def _shares(count: int, offset: float = 1.0) -> NDArray[np.float64]:
    """Zipf's shares: few have most."""
    weights = 1 / (np.arange(count) + offset)
    return np.asarray(weights / weights.sum())


def _network(rng: Random) -> Network:
    """300 cities over a country of 5,000 by 2,500 km, some larger than others, with their dealers' lots around them."""
    cities = np.column_stack((rng.uniform(26.0, 48.0, CITIES), rng.uniform(-122.0, -70.0, CITIES)))
    city_shares = _shares(CITIES, 40.0)
    at = rng.choice(CITIES, LOCATIONS, p=city_shares)
    locations = cities[at] + rng.normal(0, 0.5, (LOCATIONS, 2))
    sizes = rng.lognormal(0.0, 0.6, LOCATIONS)
    return Network(cities, city_shares, locations, sizes / sizes.sum(), rng.integers(0, DEALERS, LOCATIONS))


class _Catalogue:
    """Makes, models and trims, and what a model usually is."""

    def __init__(self, rng: Random):
        models = len(MAKES) * MODELS_A_MAKE
        self.values: dict[str, list[str]] = {
            "make": list(MAKES),
            "model": [f"{make} {100 + 7 * number}" for make in MAKES for number in range(MODELS_A_MAKE)],
            "body_style": list(BODIES),
            "drivetrain": list(DRIVETRAINS),
            "fuel_type": list(FUELS),
            "transmission": list(TRANSMISSIONS),
            "exterior_color": list(COLORS),
            "interior_color": list(INTERIORS),
            "condition": list(CONDITIONS),
            "status": list(STATUSES),
            "location_id": [f"00000000-0000-4000-8000-{number:012x}" for number in range(LOCATIONS)],
        }
        self.values["trim"] = [f"{model} T{n}" for model in self.values["model"] for n in range(TRIMS_A_MODEL)]
        self.body = rng.choice(len(BODIES), models, p=[0.36, 0.22, 0.16, 0.08, 0.06, 0.05, 0.04, 0.03])
        self.price = rng.lognormal(10.45, 0.35, models)
        self.drivetrain = _leaning(rng, models, (0.45, 0.3, 0.13, 0.12))
        self.fuel = _leaning(rng, models, (0.68, 0.13, 0.08, 0.05, 0.04, 0.02))
        self.transmission = _leaning(rng, models, (0.72, 0.2, 0.08))
        self.color = _leaning(rng, models, tuple(_shares(len(COLORS), 1.5)))
        self.popularity = np.linspace(0.62, 0.03, OPTION_COUNT)
        self.equipment = rng.uniform(0.5, 1.5, models * TRIMS_A_MODEL).astype(np.float32)


def _leaning(rng: Random, models: int, shares: tuple[float, ...]) -> NDArray[np.float64]:
    """Cumulated shares for each model, scattered around the given ones."""
    drawn = rng.dirichlet(np.array(shares) * 4 + 0.05, models)
    return np.cumsum(drawn, axis=1)


def _drawn(rng: Random, cumulated: NDArray[np.float64], models: Column) -> Column:
    """A code for each vehicle, drawn by the shares of its model."""
    dice, codes = rng.random(len(models)), np.zeros(len(models), np.uint8)
    for place in range(cumulated.shape[1] - 1):
        codes += dice > cumulated[models, place]
    return codes


def _of(rng: Random, names: list[str], shares: dict[str, int], count: int) -> Column:
    codes = rng.choice(len(shares), count, p=np.array(list(shares.values())) / sum(shares.values()))
    return np.array([names.index(name) for name in shares], np.uint8)[codes]


def _block(rng: Random, count: int, network: Network, catalogue: _Catalogue) -> dict[str, Column]:
    make = rng.choice(len(MAKES), count, p=_shares(len(MAKES), 2.0)).astype(np.uint8)
    model = (make.astype(np.uint16) * MODELS_A_MAKE) + rng.choice(
        MODELS_A_MAKE, count, p=_shares(MODELS_A_MAKE, 1.5)
    ).astype(np.uint16)
    level = rng.choice(TRIMS_A_MODEL, count, p=_shares(TRIMS_A_MODEL, 3.0)).astype(np.uint16)
    trim = model * np.uint16(TRIMS_A_MODEL) + level
    unusual = rng.random(count) < 0.04
    body = np.where(unusual, rng.integers(0, len(BODIES), count), catalogue.body[model]).astype(np.uint8)
    condition = _of(rng, catalogue.values["condition"], _CONDITION_SHARES, count)
    new = np.isin(condition, [CONDITIONS.index("NEW"), CONDITIONS.index("DEMO")])
    age = np.where(new, rng.integers(0, 2, count), 1 + np.minimum(rng.exponential(4.2, count), 21)).astype(np.int32)
    kilometres = np.where(new, rng.integers(0, 120, count), age * rng.gamma(6.0, 2_600.0, count)).astype(np.int32)
    worth = catalogue.price[model] * (1 + 0.06 * level) * 0.87 ** np.where(new, 0, age) * rng.lognormal(0, 0.12, count)
    price = (np.maximum(worth, 900.0).round() * 100).astype(np.int32)
    since = TODAY.toordinal() - np.minimum(rng.exponential(55.0, count), 900).astype(np.int32)
    return {
        "make": make,
        "model": model,
        "trim": trim,
        "body_style": body,
        "drivetrain": _drawn(rng, catalogue.drivetrain, model),
        "fuel_type": _drawn(rng, catalogue.fuel, model),
        "transmission": _drawn(rng, catalogue.transmission, model),
        "exterior_color": _drawn(rng, catalogue.color, model),
        "interior_color": rng.choice(len(INTERIORS), count, p=_shares(len(INTERIORS))).astype(np.uint8),
        "condition": condition,
        "status": _of(rng, catalogue.values["status"], _STATUS_SHARES | {"RETIRED": 1}, count),
        "location_id": rng.choice(LOCATIONS, count, p=network.location_shares).astype(np.uint16),
        "model_year": (2027 - FIRST_YEAR - age).astype(np.uint8),
        "price": price,
        "price_band": np.searchsorted(np.array(EDGES) * 100, price, side="right").astype(np.uint8),
        "odometer_km": kilometres,
        "in_stock_since": since,
        "options": _options(rng, trim, catalogue),
    }


def _options(rng: Random, trim: Column, catalogue: _Catalogue) -> Column:
    """Each option on its own, the likelier the more popular it is and the better the trim is equipped."""
    equipped = catalogue.equipment[trim]
    words = np.zeros(len(trim), np.uint64)
    for option, share in enumerate(catalogue.popularity.astype(np.float32)):
        has = rng.random(len(trim), np.float32) < share * equipped
        words |= has.astype(np.uint64) << np.uint64(option)
    return words
