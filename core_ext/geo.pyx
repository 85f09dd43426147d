"""Points on the sphere: unit vectors of places, squared chords to all of them, and who lies within a radius."""

import numpy as np

from libc.math cimport asin, cos, isnan, nextafter, sin, sqrt
from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memcpy

cdef extern from "geo.h" nogil:
    void geo_squares(const double* x, const double* y, const double* z, Py_ssize_t count,
                     double a, double b, double c, double* squares)
    void geo_within(const double* squares, Py_ssize_t count, double limit, uint8_t* within)

EARTH_KM = 6371.0088
ABSENT_KEY = (1 << 63) - 1

cdef enum:
    AT_ONCE = 512  # places whose squares are kept on the stack

cdef double DIAMETER_KM = 2 * 6371.0088
cdef double TO_RADIANS = 3.141592653589793 / 180
cdef double BEYOND = 5  # more than any squared chord on the unit sphere
cdef double INFINITE = float("inf")


cdef struct Vector:
    double x
    double y
    double z


cdef Vector _vector(double latitude, double longitude) noexcept nogil:
    cdef double phi = latitude * TO_RADIANS
    cdef double lam = longitude * TO_RADIANS
    return Vector(cos(phi) * cos(lam), cos(phi) * sin(lam), sin(phi))


cdef double _kilometres(double square) noexcept nogil:
    """The length of the arc over a squared chord.

    From the chord, not the cosine: near 0 a float64 cosine resolves about 10 cm of arc, the chord nanometres.
    """
    return DIAMETER_KM * asin(min(sqrt(square) / 2, 1.0))


cdef double _limit(double radius_km) noexcept nogil:
    """The largest squared chord whose arc is not longer than the radius: comparing with it is comparing kilometres."""
    if _kilometres(BEYOND) <= radius_km:
        return BEYOND
    cdef double chord = 2 * sin(radius_km / DIAMETER_KM)
    cdef double square = chord * chord
    while _kilometres(square) > radius_km:
        square = nextafter(square, 0)
    while _kilometres(nextafter(square, BEYOND)) <= radius_km:
        square = nextafter(square, BEYOND)
    return square


cdef int _resize(double** axis, Py_ssize_t room) except -1:
    cdef void* moved = realloc(axis[0], room * sizeof(double))
    if moved is NULL:
        raise MemoryError
    axis[0] = <double*>moved
    return 0


cdef class Points:
    """Points by number, 0 being none; they only grow. One writer; every method holds the GIL for a few microseconds.

    All angles in degrees. The distance of two points is 2 R asin(min(chord / 2, 1)) with R = 6371.0088 km.
    """

    cdef double* _x
    cdef double* _y
    cdef double* _z
    cdef Py_ssize_t _room
    cdef Py_ssize_t _count

    def __cinit__(self):
        self._grow(64)
        self._x[0], self._y[0], self._z[0] = INFINITE, 0, 0
        self._count = 1

    def __dealloc__(self):
        free(self._x)
        free(self._y)
        free(self._z)

    def __len__(self):
        return self._count

    cdef int _grow(self, Py_ssize_t room) except -1:
        _resize(&self._x, room)
        _resize(&self._y, room)
        _resize(&self._z, room)
        self._room = room
        return 0

    def add(self, double latitude, double longitude):
        """Takes in a point and returns its number. ValueError if it is not on the sphere."""
        if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
            raise ValueError("the point is not on the sphere")
        if self._count == self._room:
            self._grow(2 * self._room)
        cdef Vector at = _vector(latitude, longitude)
        self._x[self._count], self._y[self._count], self._z[self._count] = at.x, at.y, at.z
        self._count += 1
        return self._count - 1

    def vectors(self):
        """The unit vectors by number: float64 of 3 x points; infinitely far away for none."""
        cdef double[:, ::1] axes = np.empty((3, self._count), np.float64)
        memcpy(&axes[0, 0], self._x, self._count * sizeof(double))
        memcpy(&axes[1, 0], self._y, self._count * sizeof(double))
        memcpy(&axes[2, 0], self._z, self._count * sizeof(double))
        return np.asarray(axes)

    cdef int _checked(self, double latitude, double longitude, Py_ssize_t size) except -1:
        if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
            raise ValueError("the point is not on the sphere")
        if not 1 <= size <= self._count:
            raise ValueError("there are not so many points")
        return 0

    def within(self, double latitude, double longitude, double radius_km, Py_ssize_t size):
        """For each number below `size` whether it is not farther than the radius: 1 or 0, as uint8; 0 for none."""
        self._checked(latitude, longitude, size)
        if not radius_km >= 0:
            raise ValueError("a radius is not negative")
        made = np.empty(size, np.uint8)
        cdef uint8_t[::1] table = made
        cdef double squares[AT_ONCE]
        cdef Vector at = _vector(latitude, longitude)
        cdef double limit = _limit(radius_km)
        cdef Py_ssize_t first = 0, count
        while first < size:
            count = min(size - first, <Py_ssize_t>AT_ONCE)
            geo_squares(self._x + first, self._y + first, self._z + first, count, at.x, at.y, at.z, squares)
            geo_within(squares, count, limit, &table[first])
            first += count
        return made

    def keys(self, double latitude, double longitude, Py_ssize_t size):
        """For each number below `size` an int64 that orders as its distance; 2**63 - 1 for none.

        It is the bits of the squared chord: a non-negative double and its bits read as a whole number order alike.
        """
        self._checked(latitude, longitude, size)
        made = np.empty(size, np.int64)
        cdef int64_t[::1] table = made
        cdef Vector at = _vector(latitude, longitude)
        geo_squares(self._x, self._y, self._z, size, at.x, at.y, at.z, <double*>&table[0])
        table[0] = ABSENT_KEY
        return made

    def distances_km(self, double latitude, double longitude, numbers):
        """Kilometres to each of the points with these numbers, float64; NaN for none."""
        self._checked(latitude, longitude, 1)
        made = np.empty(len(numbers), np.float64)
        cdef double[::1] distances = made
        cdef Vector at = _vector(latitude, longitude)
        cdef double square
        cdef Py_ssize_t number, i = 0
        for number in numbers:
            if not 0 <= number < self._count:
                raise ValueError("there is no such point")
            geo_squares(self._x + number, self._y + number, self._z + number, 1, at.x, at.y, at.z, &square)
            distances[i] = _kilometres(square) if number else INFINITE - INFINITE
            i += 1
        return made


def origins(const double[:] latitude not None, const double[:] longitude not None):
    """The different points among many: for each its number, -1 where it is NaN, and their unit vectors, 3 x points.

    Many questions come from few points. ValueError for a point that is not on the sphere.
    """
    cdef Py_ssize_t count = latitude.shape[0], room = 16, i, slot, found = 0
    if longitude.shape[0] != count:
        raise ValueError("every latitude needs its longitude")
    while room < 2 * count:
        room *= 2
    numbers, firsts, made = np.empty(count, np.int32), np.empty(count, np.int32), np.empty((3, count), np.float64)
    cdef int32_t[::1] number = numbers, first = firsts
    cdef double[:, ::1] vectors = made
    cdef Vector at
    cdef int32_t* taken = <int32_t*>calloc(room, sizeof(int32_t))
    if taken is NULL:
        raise MemoryError
    try:
        for i in range(count):
            if isnan(latitude[i]) or isnan(longitude[i]):
                number[i] = -1
                continue
            slot = <Py_ssize_t>(_mixed(latitude[i], longitude[i]) & <uint64_t>(room - 1))
            while taken[slot] and (
                latitude[first[taken[slot] - 1]] != latitude[i] or longitude[first[taken[slot] - 1]] != longitude[i]
            ):
                slot = (slot + 1) & (room - 1)
            if not taken[slot]:
                if not (-90 <= latitude[i] <= 90 and -180 <= longitude[i] <= 180):
                    raise ValueError("the point is not on the sphere")
                at = _vector(latitude[i], longitude[i])
                vectors[0, found], vectors[1, found], vectors[2, found] = at.x, at.y, at.z
                first[found] = <int32_t>i
                found += 1
                taken[slot] = <int32_t>found
            number[i] = taken[slot] - 1
    finally:
        free(taken)
    return numbers, np.ascontiguousarray(made[:, :found])


cdef uint64_t _mixed(double latitude, double longitude) noexcept nogil:
    """Bits that differ wherever points do, mostly."""
    cdef uint64_t a, b
    latitude, longitude = latitude + 0.0, longitude + 0.0  # 0 and -0 are one number
    memcpy(&a, &latitude, sizeof(a))
    memcpy(&b, &longitude, sizeof(b))
    a = (a * <uint64_t>0x9E3779B97F4A7C15) ^ b
    a = (a ^ (a >> 29)) * <uint64_t>0xBF58476D1CE4E5B9
    return a ^ (a >> 32)
