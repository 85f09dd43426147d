"""Immutable columns of a stock segment: codes with bitmaps or row lists a block, numbers with block bounds."""

from libc.stdint cimport INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, qsort

import numpy as np

ABSENT = INT64_MIN
"""The value of a whole-number column that stands for none; no range holds it."""

BLOCK_ROWS = BLOCK


cdef int _ascending(const void* a, const void* b) noexcept nogil:
    cdef uint32_t x = (<const uint32_t*>a)[0]
    cdef uint32_t y = (<const uint32_t*>b)[0]
    return (x > y) - (x < y)


cdef Py_ssize_t _distinct(
    const uint32_t* codes, Py_ssize_t first, Py_ssize_t last, uint32_t* counts, uint32_t* touched
) noexcept nogil:
    """Counts the codes of elements first … last - 1; `touched` gets each distinct code once, ascending."""
    cdef Py_ssize_t i, found = 0
    for i in range(first, last):
        if counts[codes[i]] == 0:
            touched[found] = codes[i]
            found += 1
        counts[codes[i]] += 1
    qsort(touched, found, sizeof(uint32_t), _ascending)
    return found


cdef class CodeColumn:
    """Codes of a column, cut into blocks of 4,096 rows; never changed once made.

    `codes`: uint32, below `size`. `starts`: None where each row has one code; else uint32 of rows + 1 elements, and row
    i has the codes starts[i] up to starts[i + 1], at least one, none twice (code 0 alone stands for "none").
    Raises ValueError if the arrays do not fit together. O(elements + size); the GIL is released while building.
    """

    def __init__(self, const uint32_t[::1] codes not None, size, const uint32_t[::1] starts=None):
        cdef Py_ssize_t elements = codes.shape[0]
        self.rows = elements if starts is None else starts.shape[0] - 1
        _check(codes, size, starts)
        cdef Py_ssize_t blocks = (self.rows + BLOCK - 1) // BLOCK
        cdef uint32_t[::1] block_start = np.zeros(blocks + 1, np.uint32)
        cdef uint32_t[::1] block_cost = np.zeros(max(blocks, 1), np.uint32)
        cdef Py_ssize_t widest = _widest(starts, self.rows)
        cdef uint32_t* counts = <uint32_t*>calloc(size, sizeof(uint32_t))
        cdef uint32_t* touched = <uint32_t*>calloc(max(widest, 1), sizeof(uint32_t))
        cdef Py_ssize_t entries = 0, bitmaps = 0, listed = 0
        cdef uint32_t[::1] entry_code, entry_at
        cdef uint16_t[::1] entry_count, sparse
        cdef uint64_t[::1] dense
        try:
            if counts is NULL or touched is NULL:
                raise MemoryError
            with nogil:
                _measure(codes, starts, self.rows, counts, touched, block_start, block_cost, &bitmaps, &listed)
            entries = block_start[blocks]
            entry_code, entry_at = np.zeros(max(entries, 1), np.uint32), np.zeros(max(entries, 1), np.uint32)
            entry_count = np.zeros(max(entries, 1), np.uint16)
            dense, sparse = np.zeros(max(bitmaps, 1) * WORDS, np.uint64), np.zeros(max(listed, 1), np.uint16)
            with nogil:
                _fill(
                    codes, starts, self.rows, counts, touched, block_start,
                    entry_code, entry_count, entry_at, dense, sparse,
                )
        finally:
            free(counts)
            free(touched)
        self._take(codes, size, starts)
        self.view.block_start, self.view.block_cost = &block_start[0], &block_cost[0]
        self.view.entry_code, self.view.entry_count, self.view.entry_at = &entry_code[0], &entry_count[0], &entry_at[0]
        self.view.dense, self.view.sparse = &dense[0], &sparse[0]
        self._kept = (
            self.codes, self.starts, np.asarray(block_start), np.asarray(block_cost), np.asarray(entry_code),
            np.asarray(entry_count), np.asarray(entry_at), np.asarray(dense), np.asarray(sparse),
        )

    def _take(self, const uint32_t[::1] codes, size, const uint32_t[::1] starts):
        """Keeps the codes in the narrowest type they fit."""
        cdef const uint16_t[::1] narrow
        cdef const uint32_t[::1] broad
        self.view.size = size
        self.view.narrow, self.view.broad, self.view.starts = NULL, NULL, NULL
        if size <= 65536:
            self.codes = np.asarray(codes).astype(np.uint16)
            narrow = self.codes
            if codes.shape[0]:
                self.view.narrow = &narrow[0]
        else:
            self.codes = np.array(codes)
            broad = self.codes
            if codes.shape[0]:
                self.view.broad = &broad[0]
        self.starts = None if starts is None else np.array(starts)
        cdef const uint32_t[::1] kept
        if self.starts is not None:
            kept = self.starts
            self.view.starts = &kept[0]

    @property
    def nbytes(self):
        """Bytes held by the arrays."""
        return sum(array.nbytes for array in self._kept if array is not None)


def _check(const uint32_t[::1] codes, size, const uint32_t[::1] starts):
    """Refuses arrays that would lead the kernels astray."""
    if not 1 <= size <= 1 << 31:
        raise ValueError("size must be between 1 and 2**31")
    if codes.shape[0] and np.asarray(codes).max() >= size:
        raise ValueError("a code is not below size")
    if starts is None:
        return
    if starts.shape[0] == 0 or starts[0] != 0 or starts[starts.shape[0] - 1] != codes.shape[0]:
        raise ValueError("starts must run from 0 to the number of codes")
    if starts.shape[0] > 1 and np.diff(np.asarray(starts).astype(np.int64)).min() < 1:
        raise ValueError("every row needs a code")


cdef Py_ssize_t _widest(const uint32_t[::1] starts, Py_ssize_t rows):
    """Most elements in one block."""
    cdef Py_ssize_t first, widest = 0
    if starts is None:
        return min(rows, <Py_ssize_t>BLOCK)
    for first in range(0, rows, BLOCK):
        widest = max(widest, <Py_ssize_t>starts[min(first + BLOCK, rows)] - <Py_ssize_t>starts[first])
    return widest


cdef void _measure(
    const uint32_t[::1] codes, const uint32_t[::1] starts, Py_ssize_t rows, uint32_t* counts, uint32_t* touched,
    uint32_t[::1] block_start, uint32_t[::1] block_cost, Py_ssize_t* bitmaps, Py_ssize_t* listed
) noexcept nogil:
    """How many entries, bitmaps and listed rows the blocks need."""
    cdef Py_ssize_t block, first, last, i, found, cost
    for block in range(block_start.shape[0] - 1):
        first, last = block * BLOCK, min((block + 1) * BLOCK, rows)
        if starts is not None:
            first, last = starts[first], starts[last]
        found = _distinct(&codes[0], first, last, counts, touched)
        block_start[block + 1] = block_start[block] + <uint32_t>found
        cost = 0
        for i in range(found):
            if counts[touched[i]] > DENSE:
                bitmaps[0] += 1
                cost += 16
            else:
                listed[0] += counts[touched[i]]
                cost += counts[touched[i]] + 2
            counts[touched[i]] = 0
        block_cost[block] = <uint32_t>cost


cdef void _fill(
    const uint32_t[::1] codes, const uint32_t[::1] starts, Py_ssize_t rows, uint32_t* counts, uint32_t* touched,
    const uint32_t[::1] block_start, uint32_t[::1] entry_code, uint16_t[::1] entry_count, uint32_t[::1] entry_at,
    uint64_t[::1] dense, uint16_t[::1] sparse
) noexcept nogil:
    """Writes the entries of every block; afterwards `counts` is zero again."""
    cdef Py_ssize_t block, first, last, i, element, stop, row, found, entry
    cdef Py_ssize_t bitmaps = 0, listed = 0
    for block in range(block_start.shape[0] - 1):
        first, last = block * BLOCK, min((block + 1) * BLOCK, rows)
        found = _distinct(
            &codes[0],
            first if starts is None else <Py_ssize_t>starts[first],
            last if starts is None else <Py_ssize_t>starts[last],
            counts, touched,
        )
        for i in range(found):
            entry = block_start[block] + i
            entry_code[entry] = touched[i]
            entry_count[entry] = <uint16_t>counts[touched[i]]
            if counts[touched[i]] > DENSE:
                entry_at[entry] = <uint32_t>bitmaps
                bitmaps += 1
            else:
                entry_at[entry] = <uint32_t>listed
                listed += counts[touched[i]]
            counts[touched[i]] = <uint32_t>i + 1  # from here on the code's place among the block's entries
        element = first if starts is None else <Py_ssize_t>starts[first]
        for row in range(first, last):
            stop = element + 1 if starts is None else <Py_ssize_t>starts[row + 1]
            while element < stop:
                _put(
                    <Py_ssize_t>block_start[block] + <Py_ssize_t>counts[codes[element]] - 1, <uint16_t>(row - first),
                    entry_count, entry_at, dense, sparse,
                )
                element += 1
        for i in range(found):
            entry = block_start[block] + i
            if entry_count[entry] <= DENSE:
                entry_at[entry] -= entry_count[entry]  # _put moved it to the end of its list
            counts[touched[i]] = 0


cdef inline void _put(
    Py_ssize_t entry, uint16_t row, const uint16_t[::1] entry_count, uint32_t[::1] entry_at, uint64_t[::1] dense,
    uint16_t[::1] sparse
) noexcept nogil:
    if entry_count[entry] > DENSE:
        dense[entry_at[entry] * WORDS + (row >> 6)] |= <uint64_t>1 << (row & 63)
    else:
        sparse[entry_at[entry]] = row
        entry_at[entry] += 1


cdef class IntColumn:
    """Whole numbers of a column (int64, ABSENT for none) with their bounds by block; never changed once made.

    Kept in 32 bits where all values fit. `values` is what the kernels read: int32 with its smallest value for absent,
    or int64.
    """

    def __init__(self, const int64_t[::1] values not None):
        self.rows = values.shape[0]
        cdef Py_ssize_t blocks = (self.rows + BLOCK - 1) // BLOCK
        cdef int64_t[::1] low = np.full(max(blocks, 1), INT64_MAX, np.int64)
        cdef int64_t[::1] high = np.full(max(blocks, 1), INT64_MIN, np.int64)
        cdef uint8_t[::1] gaps = np.zeros(max(blocks, 1), np.uint8)
        with nogil:
            _bounds(values, low, high, gaps)
        cdef const int32_t[::1] narrow
        cdef const int64_t[::1] broad
        self.view.narrow, self.view.broad = NULL, NULL
        if np.asarray(low).min() > INT32_MIN and np.asarray(high).max() <= INT32_MAX:
            wide = np.asarray(values)
            self.values = np.where(wide == ABSENT, np.int64(INT32_MIN), wide).astype(np.int32)
            narrow = self.values
            if self.rows:
                self.view.narrow = &narrow[0]
        else:
            self.values = np.array(values)
            broad = self.values
            self.view.broad = &broad[0]
        self.view.low, self.view.high, self.view.gaps = &low[0], &high[0], &gaps[0]
        self._kept = (self.values, np.asarray(low), np.asarray(high), np.asarray(gaps))

    def wide(self):
        """The values as given: int64 with ABSENT."""
        if self.values.dtype == np.int64:
            return self.values
        wide = self.values.astype(np.int64)
        wide[wide == INT32_MIN] = ABSENT
        return wide

    @property
    def nbytes(self):
        """Bytes held by the arrays."""
        return sum(array.nbytes for array in self._kept)


cdef void _bounds(const int64_t[::1] values, int64_t[::1] low, int64_t[::1] high, uint8_t[::1] gaps) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(values.shape[0]):
        if values[i] == INT64_MIN:
            gaps[i // BLOCK] = 1
        else:
            low[i // BLOCK] = min(low[i // BLOCK], values[i])
            high[i // BLOCK] = max(high[i // BLOCK], values[i])


def gather_lists(
    const uint32_t[::1] starts not None, const uint32_t[::1] codes not None, const uint32_t[::1] order not None
):
    """The lists of the rows in `order`, in that order: (starts, codes), both uint32. Rows must exist. GIL released."""
    cdef Py_ssize_t i, j, at = 0, rows = order.shape[0]
    cdef uint32_t[::1] new_starts = np.zeros(rows + 1, np.uint32)
    with nogil:
        for i in range(rows):
            new_starts[i + 1] = new_starts[i] + starts[order[i] + 1] - starts[order[i]]
    cdef uint32_t[::1] new_codes = np.zeros(new_starts[rows], np.uint32)
    with nogil:
        for i in range(rows):
            for j in range(<Py_ssize_t>starts[order[i]], <Py_ssize_t>starts[order[i] + 1]):
                new_codes[at] = codes[j]
                at += 1
    return np.asarray(new_starts), np.asarray(new_codes)
