"""Distances, radii and orders of points are those of plain Python, to the last bit; haversine agrees to the metre."""

from __future__ import annotations

import math
import random
import struct

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core_ext.geo import ABSENT_KEY, EARTH_KM, Points, origins

latitudes = st.one_of(st.floats(-90, 90), st.sampled_from([-90.0, 0.0, -0.0, 90.0, 40.7]))
longitudes = st.one_of(st.floats(-180, 180), st.sampled_from([-180.0, 0.0, 180.0, -74.0]))
points = st.tuples(latitudes, longitudes)


def vector(latitude: float, longitude: float) -> tuple[float, float, float]:
    phi, lam = math.radians(latitude), math.radians(longitude)
    return math.cos(phi) * math.cos(lam), math.cos(phi) * math.sin(lam), math.sin(phi)


def square(one: tuple[float, float], other: tuple[float, float]) -> float:
    (x, y, z), (a, b, c) = vector(*one), vector(*other)
    dx, dy, dz = x - a, y - b, z - c
    return dx * dx + dy * dy + dz * dz


def kilometres(chord_square: float) -> float:
    return 2 * EARTH_KM * math.asin(min(math.sqrt(chord_square) / 2, 1.0))


def haversine(one: tuple[float, float], other: tuple[float, float]) -> float:
    phi, psi = math.radians(one[0]), math.radians(other[0])
    lam = math.radians(other[1] - one[1])
    h = math.sin((psi - phi) / 2) ** 2 + math.cos(phi) * math.cos(psi) * math.sin(lam / 2) ** 2
    return 2 * EARTH_KM * math.asin(min(1.0, math.sqrt(h)))


def of(places: list[tuple[float, float]]) -> Points:
    held = Points()
    for number, place in enumerate(places, 1):
        assert held.add(*place) == number
    assert len(held) == len(places) + 1
    return held


@given(st.lists(points, max_size=70), points, st.floats(0, 20_100))
@example([(0.0, 0.0)], (0.0, 180.0), math.pi * EARTH_KM)
def test_what_lies_within_a_radius_is_what_plain_python_finds(
    places: list[tuple[float, float]], origin: tuple[float, float], radius: float
) -> None:
    held = of(places)
    squares = [square(place, origin) for place in places]
    within = held.within(*origin, radius, len(held)).tolist()
    assert within == [0, *(int(kilometres(one) <= radius) for one in squares)]
    bits = [struct.unpack("<q", struct.pack("<d", one))[0] for one in squares]
    assert held.keys(*origin, len(held)).tolist() == [ABSENT_KEY, *bits]
    assert sorted(bits) == [struct.unpack("<q", struct.pack("<d", one))[0] for one in sorted(squares)]
    distances = held.distances_km(*origin, range(len(held))).tolist()
    assert math.isnan(distances[0])
    assert distances[1:] == [kilometres(one) for one in squares]
    for place, distance in zip(places, distances[1:], strict=True):
        assert abs(distance - haversine(place, origin)) < 0.001


@given(points, points)
def test_a_place_exactly_on_the_rim_is_within_and_one_a_hair_beyond_is_not(
    place: tuple[float, float], origin: tuple[float, float]
) -> None:
    held = of([place])
    radius = float(held.distances_km(*origin, [1])[0])
    assert held.within(*origin, radius, 2).tolist() == [0, 1]
    if radius > 0:
        assert held.within(*origin, math.nextafter(radius, 0), 2).tolist() == [0, 0]


def test_thousands_of_places_are_measured_as_each_alone() -> None:
    rng = random.Random(1)
    places = [(rng.uniform(-90, 90), rng.uniform(-180, 180)) for _ in range(1_500)]
    held = of(places)
    origin = (51.5, -0.12)
    within = held.within(*origin, 5_000.0, 1_500).tolist()
    assert within == [0, *(int(kilometres(square(place, origin)) <= 5_000.0) for place in places[:1_499])]


@pytest.mark.parametrize(("latitude", "longitude"), [(90.1, 0.0), (0.0, -180.1), (math.nan, 0.0), (0.0, math.inf)])
def test_no_point_lies_off_the_sphere(latitude: float, longitude: float) -> None:
    held = of([(1.0, 2.0)])
    for asked in (
        lambda: held.add(latitude, longitude),
        lambda: held.within(latitude, longitude, 1.0, 2),
        lambda: held.keys(latitude, longitude, 2),
        lambda: held.distances_km(latitude, longitude, [1]),
    ):
        with pytest.raises(ValueError, match="sphere"):
            asked()


def test_unknown_numbers_and_radii_below_nothing_are_refused() -> None:
    held = of([(1.0, 2.0)])
    for size in (0, 3):
        with pytest.raises(ValueError, match="so many points"):
            held.within(0.0, 0.0, 1.0, size)
        with pytest.raises(ValueError, match="so many points"):
            held.keys(0.0, 0.0, size)
    for number in (-1, 2):
        with pytest.raises(ValueError, match="no such point"):
            held.distances_km(0.0, 0.0, [number])
    for radius in (-1.0, math.nan):
        with pytest.raises(ValueError, match="not negative"):
            held.within(0.0, 0.0, radius, 2)


def test_many_origins_are_told_as_the_few_points_that_they_are() -> None:
    rng = np.random.default_rng(3)
    few = np.column_stack((rng.uniform(-90, 90, 40), rng.uniform(-180, 180, 40)))
    few[0] = 0.0, -0.0
    chosen = rng.integers(0, 40, 500)
    asked = few[chosen]
    asked[chosen == 0, 1] = 0.0
    asked[7] = np.nan, 4.0
    numbers, vectors = origins(asked[:, 0], asked[:, 1])
    assert numbers[7] == -1
    told = np.delete(np.arange(500), 7)
    assert vectors.shape == (3, len(set(chosen[told].tolist())))
    assert len(set(zip(chosen[told].tolist(), numbers[told].tolist(), strict=True))) == vectors.shape[1]
    phi, lam = np.radians(asked[told]).T
    expected = np.stack((np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)))
    np.testing.assert_allclose(vectors[:, numbers[told]], expected, rtol=0, atol=1e-12)
    with pytest.raises(ValueError, match="sphere"):
        origins(np.array([91.0]), np.array([0.0]))
    with pytest.raises(ValueError, match="longitude"):
        origins(np.array([1.0]), np.array([]))
