"""Counts and the nearest row in runs of rows with one sort key: many small questions at once."""

from cpython.dict cimport PyDict_GetItem
from cpython.object cimport PyObject
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcmp

import numpy as np

from core_ext.columns cimport BLOCK, WORDS, CodeColumn, CodeView, code_at
from core_ext.level cimport blocks

cdef extern from *:
    """
    #define lowest_bit(word) __builtin_ctzll(word)
    #define set_bits(word) __builtin_popcountll(word)
    """
    int lowest_bit(unsigned long long word) nogil
    int set_bits(unsigned long long word) nogil

cdef extern from "geo.h" nogil:
    void geo_squares(const double* x, const double* y, const double* z, Py_ssize_t count,
                     double a, double b, double c, double* squares)

cdef extern from "uuids.h":
    object uuid_text(const uint8_t* id)

cdef enum:
    NEXT_RUNS = 8  # so many runs are passed one by one before the end is searched for
    TOGETHER = 16  # keys that are searched for step by step together: their waits for memory overlap
    FEW_ROWS = 8   # a table of the distances to all places is worth it from a row for so many places on

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

    cdef void first_from_each(self, const uint64_t* keys, int count, Py_ssize_t* found) noexcept nogil:
        """The same for up to TOGETHER keys."""
        cdef Py_ssize_t left = self._keys.shape[0], half
        cdef int i
        for i in range(count):
            found[i] = 0
        while left > 1:
            half = left >> 1
            for i in range(count):
                found[i] += half if self._keys[found[i] + half - 1] < keys[i] else 0
            left -= half
        for i in range(count):
            found[i] += 1 if left and self._keys[found[i]] < keys[i] else 0

    cdef Py_ssize_t after(self, Py_ssize_t run, uint64_t key) noexcept nogil:
        """The first run from `run` on whose key is above `key`."""
        cdef Py_ssize_t steps = 0
        while run < self._keys.shape[0] and self._keys[run] <= key:
            run += 1
            steps += 1
            if steps == NEXT_RUNS:
                return max(run, self.first_from(key + 1)) if key < ~<uint64_t>0 else self._keys.shape[0]
        return run


def add_classes(
    list texts not None, dict codes not None, const int32_t[::1] classes not None, int shift,
    uint64_t[::1] keys not None
):
    """Adds to each key the class of its text, moved up by `shift` bits; where a text has no code below the number of
    classes, nothing. Returns the places of those texts. ValueError if there is not a key for each text.
    """
    cdef Py_ssize_t i
    cdef int64_t code
    cdef PyObject* known
    cdef list unknown = []
    if len(texts) != keys.shape[0]:
        raise ValueError("every column has an element for each question")
    for i in range(keys.shape[0]):
        known = PyDict_GetItem(codes, texts[i])
        code = <object>known if known is not NULL else -1
        if 0 <= code < classes.shape[0]:
            keys[i] |= <uint64_t>classes[code] << shift
        else:
            unknown.append(i)
    return unknown


cdef struct Ask:
    # What is asked of one segment; all of it is the call's own.
    const uint64_t* wanted
    const CodeView* places
    const uint8_t* ids
    int shelf
    Py_ssize_t count             # of places
    const double* x              # unit vectors of the places
    const double* y
    const double* z
    double a                     # unit vector of the origin
    double b
    double c
    double* squares              # by place its squared chord to the origin, if it is worth it
    bint tabled


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
    cdef const uint8_t** _ids
    cdef list _read

    def __cinit__(self, Py_ssize_t questions):
        self._ids = <const uint8_t**>malloc((questions + 1) * sizeof(uint8_t*))
        if self._ids is NULL:
            raise MemoryError

    def __init__(self, Py_ssize_t questions):
        self.counts, self.squares = np.zeros(questions, np.int64), np.full(questions, NOWHERE)
        self.shelves, self.rows = np.full(questions, -1, np.int32), np.zeros(questions, np.uint32)
        self._counts, self._squares, self._shelves, self._rows = self.counts, self.squares, self.shelves, self.rows
        self._read = []

    def __dealloc__(self):
        free(self._ids)

    def ids(self):
        """The id of the nearest row of each question; None where there is none."""
        cdef Py_ssize_t i
        return [uuid_text(self._ids[i]) if self._shelves[i] >= 0 else None for i in range(self._counts.shape[0])]

    def ask(
        self, int shelf, Runs runs not None, const uint64_t[::1] wanted not None, CodeColumn places,
        const uint8_t[:, ::1] ids not None, const uint64_t[::1] low not None, const uint64_t[::1] high not None,
        const int32_t[::1] origins, const double[:, ::1] points, const double[:, ::1] vectors not None,
    ):
        """Adds what segment number `shelf` answers; a question wants the wanted rows with low ≤ key ≤ high.

        `origins`: for each question the number of its point, -1 for none, or None; `points` and `vectors`: three rows
        of coordinates, the unit vectors of the points and of the places; `places`: the column of place codes, each
        below the number of places, None if no row has a place. Of equally near rows the smallest id counts. O(rows
        asked for), or for an origin of many questions O(places + rows / 8); the GIL is released. ValueError where
        arrays do not fit together.
        """
        cdef Py_ssize_t questions = self._counts.shape[0], rows = ids.shape[0], i
        cdef Ask ask
        if low.shape[0] != questions or high.shape[0] != questions or runs._starts[runs._keys.shape[0]] != rows:
            raise ValueError("each question needs its bounds, and the runs must be those of the rows")
        if vectors.shape[0] != 3 or wanted.shape[0] != (rows + BLOCK - 1) // BLOCK * WORDS:
            raise ValueError("vectors or wanted rows have the wrong length")
        if places is not None and (places.size > vectors.shape[1] or places.rows != rows or places.starts is not None):
            raise ValueError("the places do not belong to the rows")
        if origins is not None:
            if points is None or points.shape[0] != 3 or origins.shape[0] != questions:
                raise ValueError("each question needs an origin, and each origin a point of three numbers")
            for i in range(questions):
                if not -1 <= origins[i] < points.shape[1]:
                    raise ValueError("there is no such point")
        if rows == 0 or questions == 0:
            return
        self._read.append(ids)
        ask.shelf, ask.wanted, ask.ids, ask.count = shelf, &wanted[0], &ids[0, 0], vectors.shape[1]
        ask.places = &places.view if places is not None else NULL
        ask.x, ask.y, ask.z = &vectors[0, 0], &vectors[1, 0], &vectors[2, 0]
        cdef uint32_t* between = <uint32_t*>malloc(2 * questions * sizeof(uint32_t))
        ask.squares = <double*>malloc(ask.count * sizeof(double))
        try:
            if between is NULL or ask.squares is NULL:
                raise MemoryError
            with nogil:
                self._count(&ask, runs, &low[0], &high[0], between)
            if origins is not None and places is not None and points.shape[1]:
                self._from_each(&ask, between, origins, points)
        finally:
            free(between)
            free(ask.squares)

    cdef void _count(
        self, const Ask* ask, Runs runs, const uint64_t* low, const uint64_t* high, uint32_t* between
    ) noexcept nogil:
        """Counts the wanted rows of each question, and tells between which rows they are."""
        cdef Py_ssize_t first = 0, questions = self._counts.shape[0], word, start, stop
        cdef Py_ssize_t[TOGETHER] found
        cdef int i, count
        cdef int64_t total
        while first < questions:
            count = <int>min(questions - first, <Py_ssize_t>TOGETHER)
            runs.first_from_each(low + first, count, found)
            for i in range(count):
                start = runs._starts[found[i]]
                stop = runs._starts[runs.after(found[i], high[first + i])]
                between[2 * (first + i)], between[2 * (first + i) + 1] = <uint32_t>start, <uint32_t>stop
                total = 0
                for word in range(start >> 6, (stop + 63) >> 6):
                    total += set_bits(_within(ask.wanted, word, start, stop))
                self._counts[first + i] += total
            first += count

    cdef int _from_each(
        self, Ask* ask, const uint32_t* between, const int32_t[::1] origins, const double[:, ::1] points
    ) except -1:
        """Finds the nearest rows of all questions, origin by origin."""
        cdef Py_ssize_t questions = origins.shape[0], origin, i, rows
        cdef int32_t question
        cdef int32_t* first = <int32_t*>malloc((points.shape[1] + 2) * sizeof(int32_t))
        cdef int32_t* sorted_ = <int32_t*>malloc(questions * sizeof(int32_t))
        try:
            if first is NULL or sorted_ is NULL:
                raise MemoryError
            with nogil:
                for origin in range(points.shape[1] + 2):
                    first[origin] = 0
                for i in range(questions):
                    first[origins[i] + 2] += 1
                for origin in range(points.shape[1] + 1):
                    first[origin + 1] += first[origin]
                for i in range(questions):
                    if origins[i] >= 0:
                        sorted_[first[origins[i] + 1]] = <int32_t>i
                    first[origins[i] + 1] += 1
                for origin in range(points.shape[1]):
                    rows = 0
                    for i in range(first[origin], first[origin + 1]):
                        question = sorted_[i]
                        rows += between[2 * question + 1] - between[2 * question]
                    ask.a, ask.b, ask.c = points[0, origin], points[1, origin], points[2, origin]
                    ask.tabled = rows * FEW_ROWS > ask.count
                    if ask.tabled:
                        geo_squares(ask.x, ask.y, ask.z, ask.count, ask.a, ask.b, ask.c, ask.squares)
                    for i in range(first[origin], first[origin + 1]):
                        self._nearest(ask, sorted_[i], between[2 * sorted_[i]], between[2 * sorted_[i] + 1])
        finally:
            free(first)
            free(sorted_)
        return 0

    cdef void _nearest(self, const Ask* ask, Py_ssize_t question, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
        """Offers the rows between that may be the nearest."""
        cdef Py_ssize_t word, nearest = -1, after = (stop + 63) >> 6
        cdef uint64_t bits
        cdef bint tied = False
        cdef double least, before = min(self._squares[question], FARTHEST)
        if not (ask.tabled and ask.places.narrow is not NULL):
            for word in range(start >> 6, after):
                self._offer(ask, question, word, _within(ask.wanted, word, start, stop), before)
            return
        for word in range(start >> 6, after):
            bits = _within(ask.wanted, word, start, stop)
            if bits:
                least = blocks.least_u16(ask.places.narrow + (word << 6), bits, ask.squares)
                if least < before or nearest < 0 and least == before:
                    before, nearest, tied = least, word, False
                elif least == before:
                    tied = True
        if nearest < 0:
            return
        for word in range(nearest, after if tied else nearest + 1):
            bits = _within(ask.wanted, word, start, stop)
            if bits:
                bits = blocks.at_most_u16(ask.places.narrow + (word << 6), bits, ask.squares, before)
                self._offer(ask, question, word, bits, before)

    cdef void _offer(
        self, const Ask* ask, Py_ssize_t question, Py_ssize_t word, uint64_t bits, double limit
    ) noexcept nogil:
        """Takes the nearest of a word's rows, as far as none is farther than the limit and none at hand is nearer."""
        cdef Py_ssize_t row
        cdef uint32_t place
        cdef double square
        while bits:
            row = (word << 6) + lowest_bit(bits)
            bits &= bits - 1
            place = code_at(ask.places, row)
            if ask.tabled:
                square = ask.squares[place]
            else:
                geo_squares(ask.x + place, ask.y + place, ask.z + place, 1, ask.a, ask.b, ask.c, &square)
            if square > limit or square >= FARTHEST or square > self._squares[question]:
                continue
            if square < self._squares[question] or memcmp(ask.ids + row * 16, self._ids[question], 16) < 0:
                self._squares[question], self._rows[question] = square, <uint32_t>row
                self._shelves[question], self._ids[question] = ask.shelf, ask.ids + row * 16


cdef inline uint64_t _within(const uint64_t* wanted, Py_ssize_t word, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    """The wanted rows of a word that lie from `start` on, before `stop`."""
    cdef uint64_t bits = wanted[word]
    if word == start >> 6:
        bits &= ~<uint64_t>0 << (start & 63)
    if word == stop >> 6:
        bits &= (<uint64_t>1 << (stop & 63)) - 1
    return bits
