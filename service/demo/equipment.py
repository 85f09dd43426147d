"""Colours and equipment of the demo stock: colours by frequency, options by the packages they are sold in."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.uint64]

EXTERIOR_COLORS = {
    "White": 26.0, "Black": 21.0, "Gray": 17.5, "Silver": 11.5, "Blue": 9.5, "Red": 8.0, "Brown": 1.6, "Green": 1.9,
    "Beige": 1.1, "Orange": 0.7, "Gold": 0.5, "Yellow": 0.4, "Purple": 0.3,
}  # fmt: skip
INTERIOR_COLORS = {"Black": 57.0, "Gray": 20.0, "Beige": 12.5, "Brown": 6.5, "White": 2.4, "Red": 1.6}

# Package → (chance on the plainest grade, rise per grade, options). Higher grades and dearer makes have more.
PACKAGES: dict[str, tuple[float, float, tuple[str, ...]]] = {
    "Convenience": (0.55, 0.15, ("Keyless entry", "Push-button start", "Cruise control", "Rear camera")),
    "Cold weather": (0.22, 0.18, ("Heated seats", "Heated steering wheel", "Remote start")),
    "Technology": (0.25, 0.20, ("Navigation", "Apple CarPlay", "Android Auto", "Wireless charging")),
    "Driver assistance": (0.35, 0.18, ("Adaptive cruise control", "Lane keeping assist", "Blind spot monitor",
                                       "Automatic emergency braking")),
    "Comfort": (0.12, 0.22, ("Leather seats", "Power driver seat", "Dual-zone climate")),
    "Luxury": (0.03, 0.14, ("Ventilated seats", "Head-up display", "Panoramic roof", "Premium audio")),
    "Sport": (0.08, 0.08, ("Alloy wheels 19 inch", "Sport suspension", "Paddle shifters")),
    "Towing": (0.08, 0.05, ("Tow hitch", "Trailer brake control")),
    "Parking": (0.20, 0.15, ("Parking sensors", "Surround-view camera")),
    "Family": (0.10, 0.05, ("Rear sunshades", "Rear-seat entertainment", "Power liftgate")),
}  # fmt: skip
SINGLE_OPTIONS = {
    "Sunroof": 0.22, "Roof rails": 0.16, "LED headlights": 0.42, "Alloy wheels": 0.55, "Floor mats": 0.35,
    "Bluetooth": 0.80, "Winter tires": 0.06, "Bed liner": 0.05,
}  # fmt: skip

OPTIONS = tuple(option for _, _, options in PACKAGES.values() for option in options) + tuple(SINGLE_OPTIONS)
_BITS = {option: np.uint64(1 << at) for at, option in enumerate(OPTIONS)}
_LEATHER = _BITS["Leather seats"]

BIG_BODIES = frozenset({"SUV", "Pickup", "Van", "Minivan"})
_ONLY_BIG = ("Towing", "Family")


def _bits(*options: str) -> np.uint64:
    return np.uint64(sum(int(_BITS[option]) for option in options))


def draw_options(
    rng: np.random.Generator, grade: NDArray[np.int8], dear: NDArray[np.bool_], big: NDArray[np.bool_]
) -> Mask:
    """A bit set over `OPTIONS` for each vehicle.

    `dear` tells the dear makes, `big` the bodies that tow and carry. One taste for equipment a vehicle moves the chance
    of every package, so that packages come together; some vehicles lack one option of a package they have.
    """
    count = len(grade)
    taste = rng.normal(0.0, 0.12, count).astype(np.float32)
    mask = np.zeros(count, dtype=np.uint64)
    level = grade + dear * np.float32(1.5)
    for name, (plain, rise, options) in PACKAGES.items():
        fitted = rng.random(count, dtype=np.float32) < plain + rise * level + taste
        if name in _ONLY_BIG:
            fitted &= big
        mask |= np.where(fitted, _bits(*options), np.uint64(0))
    left_out = rng.integers(0, 4 * len(OPTIONS), count, dtype=np.uint64)
    mask &= ~np.where(left_out < len(OPTIONS), np.uint64(1) << (left_out & np.uint64(63)), np.uint64(0))
    for option, chance in SINGLE_OPTIONS.items():
        fitted = rng.random(count, dtype=np.float32) < chance
        if option == "Bed liner":
            fitted &= big
        mask |= np.where(fitted, _BITS[option], np.uint64(0))
    return mask


def has_leather(mask: Mask) -> NDArray[np.bool_]:
    """Which vehicles have leather seats."""
    leather: NDArray[np.bool_] = (mask & _LEATHER) != 0
    return leather


def option_names(mask: int) -> tuple[str, ...]:
    """The options of one bit set, in the order of `OPTIONS`."""
    return tuple(option for at, option in enumerate(OPTIONS) if mask >> at & 1)
