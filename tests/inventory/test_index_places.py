"""Circles around a point are made once, and again when there are more places."""

from __future__ import annotations

import math

import numpy as np

from core_ext.geo import ABSENT_KEY
from inventory.index.places import KEPT_CIRCLES, Places


def test_a_circle_is_kept_until_there_is_another_place() -> None:
    places = Places()
    assert [places.code_of(40.7, -74.0), places.code_of(51.5, -0.12), places.code_of(40.7, -74.0)] == [1, 2, 1]
    first = places.circle(40.73, -73.99, 10.0)
    assert first.table.tolist() == [0, 1, 0]
    assert places.circle(40.73, -73.99, 10.0) is first
    wider = places.circle(40.73, -73.99, 6_000.0)
    assert wider.table.tolist() == [0, 1, 1]
    assert places.code_of(40.74, -73.98) == 3
    again = places.circle(40.73, -73.99, 10.0)
    assert again.table.tolist() == [0, 1, 0, 1]
    assert again.codes.tolist() == [1, 3]


def test_only_the_latest_circles_are_kept() -> None:
    places = Places()
    first = places.circle(0.0, 0.0, 1.0)
    for radius in range(KEPT_CIRCLES):
        places.circle(0.0, 0.0, 2.0 + radius)
    assert places.circle(0.0, 0.0, 1.0) is not first


def test_what_has_no_point_has_code_0_and_is_nowhere_near() -> None:
    places = Places()
    for latitude, longitude in ((None, 1.0), (1.0, None), (90.5, 0.0), (0.0, -181.0), (math.nan, 0.0)):
        assert places.code_of(latitude, longitude) == 0
    assert places.code_of(-33.87, 151.21) == 1
    assert places.circle(0.0, 0.0, 20_037.6).table.tolist() == [0, 1]
    assert places.keys(0.0, 0.0).tolist()[0] == ABSENT_KEY
    assert np.isnan(places.distances_km(0.0, 0.0, [0, 1])).tolist() == [True, False]
