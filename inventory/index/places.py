"""The points where cars stand, and great-circle distances to them on a sphere of 6371.0088 km."""

from __future__ import annotations

import functools
from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from core_ext.geo import Points
from core_ext.program import CodeSet
from inventory.index.dictionary import Codes

KEPT_CIRCLES = 128
KEPT_ORDERS = 16
"""People refine a search around one place: so many of the latest are kept, about 3 and 24 kB each at 3,000 places."""


class Places(Codes[tuple[float, float]]):
    """Codes of (latitude, longitude) in degrees, with the unit vector of each; code 0 is "no point"."""

    def __init__(self) -> None:
        super().__init__()
        self._points = Points()
        self._circles = functools.lru_cache(KEPT_CIRCLES)(self._circle)
        self._orders = functools.lru_cache(KEPT_ORDERS)(self._points.keys)

    def _learn(self, value: tuple[float, float] | None, code: int) -> None:
        assert value is not None
        added = self._points.add(*value)
        assert added == code

    def code_of(self, latitude: float | None, longitude: float | None) -> int:
        """The code of a point; 0 if there is none or it is not on the sphere. Writer only."""
        if latitude is None or longitude is None or not (abs(latitude) <= 90 and abs(longitude) <= 180):
            return 0
        return self.code((latitude, longitude))

    def circle(self, latitude: float, longitude: float, radius_km: float) -> CodeSet:
        """The codes of the places that are not farther from a point than the radius."""
        return self._circles(latitude, longitude, radius_km, len(self._points))

    def _circle(self, latitude: float, longitude: float, radius_km: float, size: int) -> CodeSet:
        return CodeSet(self._points.within(latitude, longitude, radius_km, size))

    def keys(self, latitude: float, longitude: float) -> NDArray[np.int64]:
        """By code of the place a number that orders as its distance from a point; 2**63 - 1 for "no point"."""
        return self._orders(latitude, longitude, len(self._points))

    def distances_km(self, latitude: float, longitude: float, codes: Collection[int]) -> NDArray[np.float64]:
        """Kilometres from a point to the places with these codes, NaN for "no point"."""
        return self._points.distances_km(latitude, longitude, codes)

    def vectors(self) -> NDArray[np.float64]:
        """The unit vectors by code: 3 x places; infinitely far away for "no point"."""
        return self._points.vectors()
