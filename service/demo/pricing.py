"""Prices of the demo stock: log-normal about a value that falls with age and distance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

AGE_LOSS, ELECTRIC_AGE_LOSS = 0.115, 0.155
FIRST_DRIVE_LOSS = 0.10
LOSS_PER_100_000_KM = 0.32
CONDITION_FACTORS = (1.0, 1.05, 1.0, 0.93, 0.42)  # NEW CERTIFIED USED DEMO SALVAGE
NOISE = (0.035, 0.07, 0.11, 0.05, 0.25)
COUNTRY_FACTORS = (1.0, 1.04, 0.84)  # dollars, euros, pounds
LEAST = 700


def listed_price(new_price: NDArray[np.float64], options: NDArray[np.uint64]) -> NDArray[np.float64]:
    """What the vehicle cost new with its options, in dollars."""
    listed: NDArray[np.float64] = new_price * (1.0 + 0.006 * np.bitwise_count(options))
    return listed


def ask(
    rng: np.random.Generator, listed: NDArray[np.float64], condition: NDArray[np.int8], age: NDArray[np.int32],
    odometer_km: NDArray[np.int32], electric: NDArray[np.bool_], country: NDArray[np.int8],
) -> NDArray[np.int64]:  # fmt: skip
    """Advertised prices in minor units of the country's currency; most end in 95, 90 or 00."""
    used = (condition == 1) | (condition == 2) | (condition == 4)
    yearly = np.where(electric, ELECTRIC_AGE_LOSS, AGE_LOSS)
    kilometres = np.maximum(odometer_km, 0) / 100_000
    loss = np.where(used, FIRST_DRIVE_LOSS + yearly * age + LOSS_PER_100_000_KM * kilometres, 0.03 * (age > 0))
    noise = rng.normal(0.0, 1.0, len(listed)) * np.array(NOISE)[condition]
    factor = np.array(CONDITION_FACTORS)[condition] * np.array(COUNTRY_FACTORS)[country]
    whole = np.maximum(listed * factor * np.exp(noise - loss), LEAST).astype(np.int64)
    ending = np.array([95, 95, 95, 90, 0])[rng.integers(0, 5, len(listed))]
    exact = rng.random(len(listed)) < 0.15
    asked: NDArray[np.int64] = np.where(exact, whole, whole // 100 * 100 + ending) * 100
    return asked
