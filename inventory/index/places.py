"""The points where cars stand, and great-circle distances to them on a sphere of 6371.0088 km."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from inventory.index.dictionary import Codes

EARTH_KM = 6371.0088


class Places(Codes[tuple[float, float]]):
    """Codes of (latitude, longitude) in degrees, with the unit vector of each; code 0 is "no point"."""

    def __init__(self) -> None:
        super().__init__()
        self._vectors = np.full((64, 3), np.nan)

    def _learn(self, value: tuple[float, float] | None, code: int) -> None:
        assert value is not None
        if code >= len(self._vectors):
            self._vectors = np.concatenate((self._vectors, np.full_like(self._vectors, np.nan)))
        self._vectors[code] = unit_vector(*value)

    def code_of(self, latitude: float | None, longitude: float | None) -> int:
        """The code of a point; 0 if there is none or it is not on the sphere. Writer only."""
        if latitude is None or longitude is None or not (abs(latitude) <= 90 and abs(longitude) <= 180):
            return 0
        return self.code((latitude, longitude))

    def distances_km(self, latitude: float, longitude: float, size: int) -> NDArray[np.float64]:
        """Kilometres from a point to each place below `size`, NaN for "no point".

        From the chord, not the cosine: near 0 a float64 cosine resolves about 10 cm of arc, the chord nanometres.
        """
        gaps = self._vectors[:size] - np.array(unit_vector(latitude, longitude))
        half = np.sqrt((gaps * gaps).sum(axis=1)) / 2
        distances: NDArray[np.float64] = 2 * EARTH_KM * np.arcsin(np.minimum(half, 1.0))
        return distances


def unit_vector(latitude: float, longitude: float) -> tuple[float, float, float]:
    """The point on the unit sphere, degrees in."""
    phi, lam = math.radians(latitude), math.radians(longitude)
    return math.cos(phi) * math.cos(lam), math.cos(phi) * math.sin(lam), math.sin(phi)
