"""Counts and the nearest row in runs of rows with one sort key: many small questions at once."""

from libc.math cimport isnan
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp

import numpy as np

from core_ext.columns cimport BLOCK, WORDS, CodeColumn, CodeView, code_at

cdef extern from *:
    """
    #define lowest_bit(word) __builtin_ctzll(word)
    #define set_bits(word) __builtin_popcountll(word)
    """
    int lowest_bit(unsigned long long word) nogil
    int set_bits(unsigned long long word) nogil

cdef extern from "uuids.h":
    object uuid_text(const uint8_t* id)

cdef enum:
    NEXT_RUNS = 8  # so many runs are passed one by one before the end is searched for

cdef double NOWHERE = float("inf")
cdef double FARTHEST = 5  # more than any squared chord on the unit sphere


cdef class Runs:
    """Where runs of rows with one key begin; rows are sorted by it. ValueError if the arrays do not fit together."""

    cdef readonly object keys
    cdef readonly object starts
    cdef const uint64_t[::1] _keys
    cdef const uint32_t[::1] _starts

    def __init__(self, const uint64_t[::1] keys not None, const uint32_t[::1] starts not None):
        if starts.shape[0] != keys.shape[0] + 1 or starts[0] != 0:
            raise ValueError("each run needs its first row, and the last one its end")
        self.keys, self.starts, self._keys, self._starts = keys.base, starts.base, keys, starts

    @staticmethod
    def of(row_keys):
        """The runs of rows with these keys (uint64), which must ascend."""
        earlier, later = row_keys[: max(len(row_keys) - 1, 0)], row_keys[1:]
        changes = np.flatnonzero(later != earlier) + 1
        if (later < earlier).any():
            raise ValueError("keys must ascend")
        firsts = np.concatenate(([0], changes)).astype(np.uint32) if len(row_keys) else np.zeros(0, np.uint32)
        return Runs(row_keys[firsts], np.append(firsts, np.uint32(len(row_keys))))

    @property
    def nbytes(self):
        """Bytes held by the arrays."""
        return self.keys.nbytes + self.starts.nbytes

    cdef Py_ssize_t first_from(self, uint64_t key) noexcept nogil:
        """The first run whose key is not below `key`."""
        cdef Py_ssize_t first = 0, left = self._keys.shape[0], half
        while left > 1:  # without branches on what is read: the processor fetches ahead
            half = left >> 1
            first += half if self._keys[first + half - 1] < key else 0
            left -= half
        return first + (1 if left and self._keys[first] < key else 0)

    cdef Py_ssize_t after(self, Py_ssize_t run, uint64_t key) noexcept nogil:
        """The first run from `run` on whose key is above `key`."""
        cdef Py_ssize_t steps = 0
        while run < self._keys.shape[0] and self._keys[run] <= key:
            run += 1
            steps += 1
            if steps == NEXT_RUNS:
                return max(run, self.first_from(key + 1)) if key < ~<uint64_t>0 else self._keys.shape[0]
        return run


cdef class Answers:
    """The answers to questions that are asked of one segment after the other."""

    cdef readonly object counts
    cdef readonly object squares
    cdef readonly object shelves
    cdef readonly object rows
    cdef int64_t[::1] _counts
    cdef double[::1] _squares
    cdef int32_t[::1] _shelves
    cdef uint32_t[::1] _rows
    cdef uint8_t[:, ::1] _ids

    def __init__(self, Py_ssize_t questions):
        self.counts, self.squares = np.zeros(questions, np.int64), np.full(questions, NOWHERE)
        self.shelves, self.rows = np.full(questions, -1, np.int32), np.zeros(questions, np.uint32)
        self._counts, self._squares, self._shelves, self._rows = self.counts, self.squares, self.shelves, self.rows
        self._ids = np.zeros((questions, 16), np.uint8)

    def ids(self):
        """The id of the nearest row of each question; None where there is none."""
        cdef Py_ssize_t i
        return [
            uuid_text(&self._ids[i, 0]) if self._shelves[i] >= 0 else None for i in range(self._counts.shape[0])
        ]

    def ask(
        self, int shelf, Runs runs not None, const uint64_t[::1] wanted not None, CodeColumn places,
        const uint8_t[:, ::1] ids not None, const uint64_t[::1] low not None, const uint64_t[::1] high not None,
        const double[:, ::1] points, const double[:, ::1] vectors not None,
    ):
        """Adds what segment number `shelf` answers; a question wants the wanted rows with low ≤ key ≤ high.

        `points`: unit vectors of the questions, NaN for none, or None; `vectors`: those of the places, four numbers
        each so that one lies in one line of memory; `places`: the column of place codes, each below the number of
        `vectors`, None if no row has a place; of equally near rows the smallest id counts. O(rows asked for); the GIL
        is released. ValueError where arrays do not fit together.
        """
        cdef Py_ssize_t i, questions = self._counts.shape[0], rows = ids.shape[0]
        cdef Py_ssize_t run
        if low.shape[0] != questions or high.shape[0] != questions or runs._starts[runs._keys.shape[0]] != rows:
            raise ValueError("each question needs its bounds, and the runs must be those of the rows")
        if points is not None and (points.shape[0] != questions or points.shape[1] != 3):
            raise ValueError("each question needs a point of three numbers")
        if vectors.shape[1] != 4 or wanted.shape[0] != (rows + BLOCK - 1) // BLOCK * WORDS:
            raise ValueError("vectors or wanted rows have the wrong length")
        if places is not None and (places.size > vectors.shape[0] or places.rows != rows or places.starts is not None):
            raise ValueError("the places do not belong to the rows")
        if rows == 0:
            return
        with nogil:
            for i in range(questions):
                run = runs.first_from(low[i])
                self._rows_between(
                    i, shelf, runs._starts[run], runs._starts[runs.after(run, high[i])], wanted,
                    &places.view if places is not None else NULL, ids,
                    &points[i, 0] if points is not None else NULL, vectors,
                )

    cdef void _rows_between(
        self, Py_ssize_t question, int shelf, Py_ssize_t first, Py_ssize_t last, const uint64_t[::1] wanted,
        const CodeView* places, const uint8_t[:, ::1] ids, const double* point, const double[:, ::1] vectors
    ) noexcept nogil:
        cdef Py_ssize_t word = first >> 6, row
        cdef uint64_t bits
        cdef uint32_t place
        cdef double x, y, z, square
        cdef bint near = point is not NULL and places is not NULL and not isnan(point[0])
        while word << 6 < last:
            bits = wanted[word]
            if word == first >> 6:
                bits &= ~<uint64_t>0 << (first & 63)
            if (word + 1) << 6 > last:
                bits &= (<uint64_t>1 << (last & 63)) - 1
            self._counts[question] += set_bits(bits)
            while near and bits:
                row = (word << 6) + lowest_bit(bits)
                bits &= bits - 1
                place = code_at(places, row)
                x, y, z = vectors[place, 0] - point[0], vectors[place, 1] - point[1], vectors[place, 2] - point[2]
                square = x * x + y * y + z * z
                if square < FARTHEST and (
                    square < self._squares[question]
                    or square == self._squares[question] and memcmp(&ids[row, 0], &self._ids[question, 0], 16) < 0
                ):
                    self._squares[question], self._rows[question] = square, <uint32_t>row
                    self._shelves[question] = shelf
                    self._ids[question, :] = ids[row, :]
            word += 1
