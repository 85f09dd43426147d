"""Random searches over everything that may be asked, most of them around some car of the stock."""

from __future__ import annotations

import random
import unicodedata
from datetime import timedelta
from decimal import Decimal
from typing import Any

from inventory.criteria import RANGE_FACETS, SORTS, VALUE_FACETS
from inventory.vehicle_row import STATUSES

LISTS = (
    "make", "model", "trim", "body_style", "drivetrain", "fuel_type", "transmission", "exterior_color",
    "interior_color", "condition", "location_id", "dealer_account_id",
)  # fmt: skip
RANGES = ("price", "model_year", "odometer_km", "days_in_stock")
OTHERS = ("status", "options_all", "options_any", "attributes", "available_on", "near", "text", "currency")
SPREADS = {"price": 8_000, "model_year": 3, "odometer_km": 30_000, "days_in_stock": 40}
OFTEN = (0, 1, 1, 1, 2, 2, 2, 3, 3, 4, 6, 9)
JUNK = ("nobody has this", "—", "zz")

Car = dict[str, Any]


class Requests:
    """Bodies of searches; the same for the same random numbers and cars."""

    def __init__(self, cars: list[Car], rng: random.Random):
        self.cars, self.rng = cars, rng
        self.points = sorted({(car["latitude"], car["longitude"]) for car in cars if car["latitude"] is not None})
        self.codes = sorted({code for car in cars for code in car["attributes"]})

    def body(self) -> dict[str, Any]:
        """Any sound request."""
        rng, car = self.rng, self.rng.choice(self.cars)
        criteria: dict[str, Any] = {}
        for name in rng.sample((*LISTS, *RANGES, *OTHERS), rng.choice(OFTEN)):
            criterion = self._criterion(name, car)
            if criterion is not None:
                criteria[name] = criterion
        if "status" not in criteria and rng.random() < 0.6:
            criteria["status"] = []
        sorts = [name for name in SORTS if name != "distance" or "near" in criteria]
        sort = [
            {"by": rng.choice(sorts), "order": rng.choice((None, "asc", "desc"))}
            for _ in range(rng.choice((0, 1, 1, 2, 3)))
        ]
        facets = [*VALUE_FACETS, *RANGE_FACETS, *(f"attributes.{code}" for code in self.codes)]
        return {
            "criteria": criteria,
            "sort": sort,
            "limit": rng.choice((1, 3, 7, 20, 100)),
            "facets": rng.sample(facets, rng.choice((0, 0, 2, 5))),
            "facet_limit": rng.choice((200, 200, 10_000, 3)),
            "relaxations": rng.random() < 0.5,
        }

    def _criterion(self, name: str, car: Car) -> Any:
        """One about the car; None where the car has nothing of the kind."""
        if name in LISTS:
            return self._list([one[name] for one in self._some_cars(car) if one[name] is not None], name != "condition")
        if name in RANGES:
            return self._range(name, car)
        return getattr(self, f"_{name}")(car)

    def _some_cars(self, car: Car) -> list[Car]:
        return [car, *self.rng.sample(self.cars, self.rng.choice((0, 0, 1, 3)))]

    def _list(self, values: list[str], any_text: bool = True) -> list[str]:
        rng = self.rng
        values = [self._spelled(value) for value in values]
        if any_text and rng.random() < 0.1:
            values.append(rng.choice((*JUNK, "")))
        return [] if rng.random() < 0.04 else values

    def _spelled(self, text: str) -> str:
        """As it is or in another way that means the same."""
        if self.rng.random() < 0.7:
            return text
        return self.rng.choice((text.upper(), text.lower(), unicodedata.normalize("NFD", text), text.casefold()))

    def _range(self, name: str, car: Car) -> dict[str, Any] | None:
        value = car["price_minor"] if name == "price" else car[name]
        if value is None:
            return None
        middle = Decimal(value).scaleb(-2) if name == "price" else Decimal(value)
        return self._bounds(middle, SPREADS[name])

    def _bounds(self, middle: Decimal, spread: int) -> dict[str, Any]:
        """From one or both sides, with the number itself as a bound now and then, as a number or a text."""
        rng = self.rng
        chosen: dict[str, Any] = {}
        if side := rng.choice(("low", "high", "both")):
            below = Decimal(rng.choice((0, 1, rng.randint(0, spread)))) + rng.choice((Decimal(0), Decimal("0.5")))
            above = Decimal(rng.choice((0, 1, rng.randint(0, spread)))) + rng.choice((Decimal(0), Decimal("0.005")))
            if side != "high":
                chosen[rng.choice(("gte", "gt")) if below or side == "low" else "gte"] = middle - below
            if side != "low":
                chosen[rng.choice(("lte", "lt")) if above or side == "high" else "lte"] = middle + above
        return {name: str(bound) if rng.random() < 0.4 else float(bound) for name, bound in chosen.items()}

    def _status(self, car: Car) -> list[str]:
        rng = self.rng
        return rng.choice(([], [car["status"]], [car["status"].lower(), "IN_STOCK"], rng.sample(STATUSES, 3)))

    def _options_all(self, car: Car) -> list[str] | None:
        known = car["options"]
        return self._list(self.rng.sample(known, min(len(known), self.rng.choice((1, 2, 4))))) if known else None

    def _options_any(self, car: Car) -> list[str] | None:
        known = [option for one in self._some_cars(car) for option in one["options"][:3]]
        return self._list(known) if known else None

    def _attributes(self, car: Car) -> dict[str, Any] | None:
        rng = self.rng
        wishes: dict[str, Any] = {}
        for code in rng.sample(sorted(car["attributes"]), min(len(car["attributes"]), rng.choice((1, 1, 2)))):
            values = [one["attributes"][code] for one in self._some_cars(car) if code in one["attributes"]]
            number = values[0]
            if isinstance(number, int | float) and not isinstance(number, bool) and rng.random() < 0.6:
                wishes[code] = self._bounds(Decimal(repr(number)), 3)
            else:
                wishes[code] = [
                    self._spelled(one) if isinstance(one, str) else rng.choice((one, _written(one))) for one in values
                ]
        return wishes or None

    def _available_on(self, car: Car) -> dict[str, str] | None:
        if car["available_on"] is None:
            return None
        low = car["available_on"] - timedelta(self.rng.choice((0, 1, 9)))
        high = car["available_on"] + timedelta(self.rng.choice((1, 2, 30)))
        lower = self.rng.choice(({}, {"gte": low.isoformat()}, {"gt": (low - timedelta(1)).isoformat()}))
        upper = self.rng.choice(({}, {"lte": high.isoformat()}, {"lt": high.isoformat()}))
        return {**lower, **upper}

    def _near(self, car: Car) -> dict[str, float | None]:
        rng = self.rng
        latitude, longitude = rng.choice(self.points)
        if car["latitude"] is not None and rng.random() < 0.6:
            latitude, longitude = car["latitude"], car["longitude"]
        if rng.random() < 0.8:  # seldom where cars stand: of equal distances one rounding would decide
            latitude, longitude = (
                round(latitude + rng.uniform(-0.3, 0.3), 4),
                round(longitude + rng.uniform(-0.3, 0.3), 4),
            )
        radius = rng.choice((None, rng.uniform(0.5, 30), rng.uniform(30, 300), rng.uniform(300, 9_000), 20_037.6))
        return {"latitude": latitude, "longitude": longitude, "radius_km": radius}

    def _text(self, car: Car) -> str:
        rng = self.rng
        texts = [
            car[name]
            for name in ("make", "model", "trim", "listing_number", "vin", "stock_number", "registration_number")
        ]
        words = [word for text in [*texts, *car["options"][:2]] if text for word in text.split()]
        chosen = [
            word[: rng.choice((1, 3, 5, 99))] for word in rng.sample(words, min(len(words), rng.choice((1, 1, 2, 3))))
        ]
        if rng.random() < 0.08:
            chosen.append(rng.choice(JUNK))
        return " ".join(map(self._spelled, chosen))

    def _currency(self, car: Car) -> str:
        return car["price_currency"] or self.rng.choice(("USD", "EUR", "GBP", "JPY"))


def _written(value: Any) -> Any:
    """A number or a truth as a text."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, int | float) else value
