"""The pieces of a page of results as JSON: vehicles from their fragments, facet values and buckets from counters."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.ref cimport Py_DECREF, PyObject
from libc.math cimport isnan
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

cdef extern from "Python.h":
    PyObject* PyBytes_FromStringAndSize(const char* text, Py_ssize_t size) except NULL
    int _PyBytes_Resize(PyObject** text, Py_ssize_t size) except -1

cdef extern from "math.h" nogil:
    long long llrintl(long double value)

cdef enum:
    NUMBER_ROOM = 24  # bytes that a number may take
    LARGEST_COUNT = 0xFFFFFFFF

cdef bytes DISTANCE = b',"distance_km":'


cdef char* _text(PyObject* made) noexcept:
    return PyBytes_AS_STRING(<bytes>made)


cdef bytes _finished(PyObject* made, const char* end):
    """The bytes object that was written up to `end`, cut to its size in place."""
    _PyBytes_Resize(&made, end - _text(made))
    cdef bytes whole = <bytes>made
    Py_DECREF(whole)
    return whole


cdef char* _put(char* at, bytes text) noexcept:
    memcpy(at, PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text))
    return at + PyBytes_GET_SIZE(text)


cdef char* _whole(char* at, int64_t value) noexcept nogil:
    cdef char digits[NUMBER_ROOM]
    cdef int count = 0
    cdef uint64_t rest = value if value >= 0 else 0 - <uint64_t>value
    if value < 0:
        at[0] = b"-"
        at += 1
    while True:
        digits[count] = <char>(48 + rest % 10)
        count += 1
        rest //= 10
        if not rest:
            break
    while count:
        count -= 1
        at[0] = digits[count]
        at += 1
    return at


cdef char* _metres(char* at, double kilometres) noexcept nogil:
    """A distance to the metre as "%.3f" writes it: the product is exact, for it has 63 bits."""
    cdef int64_t metres = llrintl(<long double>kilometres * 1000)
    at = _whole(at, metres // 1000)
    at[0] = b"."
    at[1] = <char>(48 + metres // 100 % 10)
    at[2] = <char>(48 + metres // 10 % 10)
    at[3] = <char>(48 + metres % 10)
    return at + 4


cdef class Fragments:
    """JSON objects without their closing braces, one a row, in one arena; from `cuts` on a row's text is guarded.

    Row i is blob[starts[i]:starts[i + 1]], its guarded tail begins cuts[i] bytes after its start.
    """

    cdef const uint8_t[::1] _blob
    cdef const int64_t[::1] _starts
    cdef const uint32_t[::1] _cuts

    def __init__(self, const uint8_t[::1] blob not None, const int64_t[::1] starts not None,
                 const uint32_t[::1] cuts not None):
        if starts.shape[0] != cuts.shape[0] + 1:
            raise ValueError("there is not one start and one cut a row")
        self._blob, self._starts, self._cuts = blob, starts, cuts

    cdef int _find(self, Py_ssize_t row, bint guarded, Py_ssize_t* first, Py_ssize_t* size) except -1:
        if not 0 <= row < self._cuts.shape[0]:
            raise ValueError("there is no such row")
        cdef Py_ssize_t start = self._starts[row], stop = self._starts[row + 1], cut = start + self._cuts[row]
        if not 0 <= start <= cut <= stop <= self._blob.shape[0]:
            raise ValueError("the fragments are damaged")
        first[0], size[0] = start, (cut if guarded else stop) - start
        return 0


def items(tuple fragments not None, segments, rows, *, bint guarded, distances=None, dict instead=None):
    """The objects of rows (segment number and row each), joined by commas.

    `guarded` leaves the guarded tails out. `distances`: kilometres by row, NaN is written as null. `instead`: by place
    on the page the text that stands for the fragment, without its closing brace.
    """
    cdef Py_ssize_t count = len(rows), size = 0, i = 0, number, row, first, length
    cdef const double[::1] kilometres = distances
    cdef Fragments one
    cdef bytes other
    cdef PyObject* made
    cdef char* at
    cdef const char** texts
    cdef Py_ssize_t* lengths
    if len(segments) != count or (kilometres is not None and kilometres.shape[0] != count):
        raise ValueError("segments, rows and distances are not of one length")
    if not count:
        return b""
    texts = <const char**>malloc(count * (sizeof(char*) + sizeof(Py_ssize_t)))
    if texts is NULL:
        raise MemoryError
    lengths = <Py_ssize_t*>(texts + count)
    try:
        for number, row in zip(segments, rows, strict=True):
            if not 0 <= number < len(fragments):
                raise ValueError("there is no such segment")
            if instead is not None and i in instead:
                other = <bytes?>instead[i]
                texts[i], lengths[i] = PyBytes_AS_STRING(other), PyBytes_GET_SIZE(other)
            else:
                one = <Fragments?>fragments[number]
                one._find(row, guarded, &first, &length)
                texts[i], lengths[i] = <const char*>&one._blob[first] if length else <const char*>b"", length
            size += lengths[i] + 2
            if kilometres is not None:
                if kilometres[i] < 0 or kilometres[i] > 1e6:
                    raise ValueError("there is no such distance on Earth")
                size += PyBytes_GET_SIZE(DISTANCE) + NUMBER_ROOM
            i += 1
        made = PyBytes_FromStringAndSize(NULL, size)
        at = _text(made)
        for i in range(count):
            memcpy(at, texts[i], lengths[i])
            at += lengths[i]
            if kilometres is not None:
                at = _put(at, DISTANCE)
                at = _put(at, b"null") if isnan(kilometres[i]) else _metres(at, kilometres[i])
            at[0], at[1] = b"}", b","
            at += 2
    finally:
        free(texts)
    return _finished(made, at - 1)


cdef void _sift(uint64_t* heap, Py_ssize_t at, Py_ssize_t size) noexcept nogil:
    """Puts heap[at] in its place below; the largest is on top."""
    cdef uint64_t moving = heap[at]
    cdef Py_ssize_t child = 2 * at + 1
    while child < size:
        if child + 1 < size and heap[child + 1] > heap[child]:
            child += 1
        if heap[child] <= moving:
            break
        heap[at] = heap[child]
        at, child = child, 2 * child + 1
    heap[at] = moving


cdef Py_ssize_t _smallest(uint64_t* keys, Py_ssize_t count, Py_ssize_t limit) noexcept nogil:
    """Brings the smallest keys, at most `limit`, to the front in ascending order; returns how many."""
    cdef Py_ssize_t kept = min(count, limit), i
    cdef uint64_t largest
    for i in range(kept // 2 - 1, -1, -1):
        _sift(keys, i, kept)
    for i in range(kept, count):
        if kept and keys[i] < keys[0]:
            keys[0] = keys[i]
            _sift(keys, 0, kept)
    for i in range(kept - 1, 0, -1):
        largest = keys[0]
        keys[0] = keys[i]
        keys[i] = largest
        _sift(keys, 0, i)
    return kept


cdef class Labels:
    """How the classes of a column's values are written, and their order by text. Never changes; readers need no lock.

    `texts`: by class the JSON object of a facet value up to its count, `{"value":"Red","count":`;
    `order`: all classes, ascending by text, the one for "no value" last.
    """

    cdef readonly Py_ssize_t size
    cdef list _texts
    cdef uint32_t* _order
    cdef uint32_t* _rank

    def __cinit__(self, list texts not None, order):
        cdef Py_ssize_t number, place = 0
        cdef Py_ssize_t size = len(order)
        if len(texts) < size or size > LARGEST_COUNT:
            raise ValueError("a class has no text")
        self._texts = texts
        self.size = size
        self._order = <uint32_t*>malloc(max(2 * size, 1) * sizeof(uint32_t))
        if self._order is NULL:
            raise MemoryError
        self._rank = self._order + size
        memset(self._rank, 255, size * sizeof(uint32_t))
        for number in order:
            if place == size or not 0 <= number < size or self._rank[number] != LARGEST_COUNT:
                raise ValueError("the order does not name each class once")
            self._order[place], self._rank[number] = <uint32_t>number, <uint32_t>place
            place += 1

    def __dealloc__(self):
        free(self._order)

    def values(self, const int64_t[::1] counters not None, Py_ssize_t first, Py_ssize_t size, Py_ssize_t limit,
               const int32_t[::1] classes=None):
        """The values that were counted, as JSON objects joined by commas: by count, then by text, at most `limit`.

        Code i has counters[first + i] and belongs to classes[i], without `classes` to class i. ValueError for a code
        of no class.
        """
        if first < 0 or size < 0 or limit < 0 or first + size > counters.shape[0]:
            raise ValueError("there are not so many counters")
        if (classes is None and size > self.size) or (classes is not None and classes.shape[0] < size):
            raise ValueError("a code belongs to no class")
        if not size:
            return b""
        # The counts by class stand behind the keys: a key for each class that was counted at all.
        cdef Py_ssize_t known = size if classes is None else self.size
        cdef uint64_t* keys = <uint64_t*>malloc(known * (sizeof(uint64_t) + sizeof(int64_t)))
        cdef const int64_t* counts = &counters[first]
        cdef int64_t* sums
        cdef Py_ssize_t i, found = 0
        if keys is NULL:
            raise MemoryError
        try:
            if classes is not None:
                sums = <int64_t*>(keys + known)
                memset(sums, 0, known * sizeof(int64_t))
                for i in range(size):
                    if counts[i]:
                        if not 0 <= classes[i] < known:
                            raise ValueError("a code belongs to no class")
                        sums[classes[i]] += counts[i]
                counts = sums
            for i in range(known):
                if counts[i] > 0:
                    keys[found] = <uint64_t>(LARGEST_COUNT - min(counts[i], <int64_t>LARGEST_COUNT)) << 32
                    keys[found] |= self._rank[i]
                    found += 1
            return self._written(keys, _smallest(keys, found, limit), counts)
        finally:
            free(keys)

    cdef bytes _written(self, const uint64_t* keys, Py_ssize_t count, const int64_t* counts):
        cdef Py_ssize_t size = 0, i, number
        cdef PyObject* made
        cdef char* at
        if not count:
            return b""
        for i in range(count):
            size += PyBytes_GET_SIZE(<bytes?>self._texts[self._order[keys[i] & LARGEST_COUNT]]) + NUMBER_ROOM
        made = PyBytes_FromStringAndSize(NULL, size)
        at = _text(made)
        for i in range(count):
            number = self._order[keys[i] & LARGEST_COUNT]
            at = _whole(_put(at, <bytes>self._texts[number]), counts[number])
            at[0], at[1] = b"}", b","
            at += 2
        return _finished(made, at - 1)


def buckets(const int64_t[::1] counters not None, Py_ssize_t first, Py_ssize_t size, const int64_t[::1] codes not None,
            const int64_t[::1] starts not None, Py_ssize_t most):
    """Bands joined to at most `most` buckets, as JSON objects joined by commas: `{"gte":null,"lt":5000,"count":3}`.

    Code i has counters[first + i]. Band i, ascending, is codes[i] and begins at starts[i]; codes from `size` on were
    not counted. Neighbouring bands are joined until a bucket has its equal share, so that the edges follow the stock
    and not its outliers; the first and the last bucket are open, so that every number lies in one.
    """
    cdef Py_ssize_t count = codes.shape[0], held = 0, i
    cdef int64_t total = 0, share = 1, here = 0
    cdef int64_t* found
    cdef PyObject* made
    cdef char* at
    if first < 0 or size < 0 or first + size > counters.shape[0] or starts.shape[0] != count or most < 1:
        raise ValueError("there is not one start a band, or there are not so many counters")
    found = <int64_t*>malloc(max(2 * count, 1) * sizeof(int64_t))
    if found is NULL:
        raise MemoryError
    try:
        for i in range(count):
            if codes[i] < 0:
                raise ValueError("a code is negative")
            if codes[i] < size and counters[first + codes[i]] > 0:
                found[2 * held], found[2 * held + 1] = starts[i], counters[first + codes[i]]
                total += found[2 * held + 1]
                held += 1
        if not held:
            return b""
        if held > most:
            share = (total + most - 1) // most
        made = PyBytes_FromStringAndSize(NULL, held * (3 * NUMBER_ROOM + 32))
        at = _put(_text(made), b'{"gte":null,"lt":')
        for i in range(held):
            if here >= share:
                at = _put(_ended(_whole(at, found[2 * i]), here), b',{"gte":')
                at = _put(_whole(at, found[2 * i]), b',"lt":')
                here = 0
            here += found[2 * i + 1]
        at = _ended(_put(at, b"null"), here)
    finally:
        free(found)
    return _finished(made, at)


cdef char* _ended(char* at, int64_t count) noexcept:
    """Closes a bucket with its count."""
    at = _whole(_put(at, b',"count":'), count)
    at[0] = b"}"
    return at + 1
