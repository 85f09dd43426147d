"""Timelines as rows of bits: cells are set and cleared, runs of free ones found, and starts read from many of them.

Bit i of a row is cell `first_cell + i`; set means free. `fill` and `fill_rows` write, and whoever owns the rows lets
nobody ask about them meanwhile: best a change makes a new matrix, and the old one is left to those who still read it.
"""

from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t

import numpy as np

from core_ext import level

cdef extern from *:
    """
    #define lowest_bit(word) __builtin_ctzll(word)
    #define set_bits(word) __builtin_popcountll(word)
    """
    int lowest_bit(unsigned long long word) nogil
    int set_bits(unsigned long long word) nogil

cdef uint64_t ALL = ~<uint64_t>0
cdef int64_t FAR = <int64_t>1 << 40  # beyond every cell

_LEVELS = {"plain": 0, "avx2": 1, "avx512": 2}


cdef const TimelineLoops* loops_in_use():
    """The loops of the level in use."""
    return timeline_loops(_LEVELS[level.in_use()])


cdef int _check_ranges(const int32_t[:, ::1] ranges) except -1:
    if ranges.shape[0] and ranges.shape[1] != 2:
        raise ValueError("a range has a first cell and the one after its last")
    return 0


def fill(
    uint64_t[:, ::1] rows not None, Py_ssize_t row, const int32_t[:, ::1] ranges not None, int64_t first_cell,
    bint value,
):
    """Sets (or clears) the cells of the ranges [from, to) in a row; what lies outside the row is left out.

    An empty or reversed range has no cells. IndexError for an unknown row, ValueError for ranges of another shape.
    """
    cdef Py_ssize_t i
    cdef int64_t cells = rows.shape[1] * 64
    if not 0 <= row < rows.shape[0]:
        raise IndexError("there is no such row")
    _check_ranges(ranges)
    if cells:
        with nogil:
            for i in range(ranges.shape[0]):
                put_cells(
                    &rows[row, 0], max(ranges[i, 0] - first_cell, 0), min(ranges[i, 1] - first_cell, cells), value
                )


def fill_rows(
    uint64_t[:, ::1] rows not None, const uint32_t[::1] which not None, const int32_t[:, ::1] ranges not None,
    int64_t first_cell, bint value,
):
    """The same for many rows: range i in row `which[i]`. Nothing is written if a row is unknown (IndexError)."""
    cdef Py_ssize_t i
    cdef int64_t cells = rows.shape[1] * 64
    if which.shape[0] != ranges.shape[0]:
        raise ValueError("each range needs its row")
    _check_ranges(ranges)
    for i in range(which.shape[0]):
        if which[i] >= rows.shape[0]:
            raise IndexError("there is no such row")
    if cells:
        with nogil:
            for i in range(ranges.shape[0]):
                put_cells(
                    &rows[which[i], 0], max(ranges[i, 0] - first_cell, 0), min(ranges[i, 1] - first_cell, cells), value
                )


def runs(const uint64_t[::1] free not None, int64_t length):
    """The cells of a row from which `length` cells (at least 1) are set, as bits. O(words x log length)."""
    cdef int64_t words = free.shape[0], total
    cdef uint64_t[::1] line
    cdef const TimelineLoops* loops = loops_in_use()
    if length < 1:
        raise ValueError("a run has at least one cell")
    if length > words * 64:
        return np.zeros(words, np.uint64)
    total = words + (length + 63) // 64 + 1
    found = np.empty(total, np.uint64)
    line = found
    with nogil:
        loops.shifted(&line[0], total, &free[0], words, 0)
        loops.runs(&line[0], total, length)
    return found[:words].copy()


def cells_of(const uint64_t[::1] bits not None, int64_t first_cell):
    """The cells (int32, ascending) that are set."""
    cdef Py_ssize_t i, count = 0
    for i in range(bits.shape[0]):
        count += set_bits(bits[i])
    found = np.empty(count, np.int32)
    cdef int32_t[::1] out = found
    if count:
        with nogil:
            _write_cells(&bits[0], bits.shape[0], first_cell, &out[0])
    return found


cdef void _write_cells(const uint64_t* bits, Py_ssize_t words, int64_t first_cell, int32_t* out) noexcept nogil:
    cdef Py_ssize_t i
    cdef uint64_t word
    for i in range(words):
        word = bits[i]
        while word:
            out[0] = <int32_t>(first_cell + i * 64 + lowest_bit(word))
            out += 1
            word &= word - 1


cdef class Starts:
    """The starts that were found, a line of bits for each question; bit 0 is `first_cell`.

    The bits belong to whoever asked: they may be narrowed before they are read.
    """

    cdef readonly object bits
    cdef readonly int64_t first_cell
    cdef uint64_t[:, ::1] _bits

    def __init__(self, uint64_t[:, ::1] bits not None, int64_t first_cell):
        self.bits, self.first_cell, self._bits = bits.base, first_cell, bits

    def cells(self, Py_ssize_t line):
        """The starts of a question (int32, ascending). IndexError for an unknown one."""
        if not 0 <= line < self._bits.shape[0]:
            raise IndexError("there is no such line")
        return cells_of(self._bits[line], self.first_cell)

    def counts(self):
        """How many starts each question has (int64)."""
        cdef Py_ssize_t line, i
        found = np.zeros(self._bits.shape[0], np.int64)
        cdef int64_t[::1] out = found
        with nogil:
            for line in range(self._bits.shape[0]):
                for i in range(self._bits.shape[1]):
                    out[line] += set_bits(self._bits[line, i])
        return found

    def firsts(self):
        """The first start of each question (int32); -1 where there is none."""
        cdef Py_ssize_t line, i
        found = np.full(self._bits.shape[0], -1, np.int32)
        cdef int32_t[::1] out = found
        with nogil:
            for line in range(self._bits.shape[0]):
                for i in range(self._bits.shape[1]):
                    if self._bits[line, i]:
                        out[line] = <int32_t>(self.first_cell + i * 64 + lowest_bit(self._bits[line, i]))
                        break
        return found

    def page(self, Py_ssize_t limit, int64_t after_cell=-FAR, Py_ssize_t after_line=-1):
        """Up to `limit` starts of all questions, ordered by cell, then line, behind a given one: cells, lines (int32).

        O(words x lines) for what is passed over, O(lines) for each cell that is written.
        """
        cdef Py_ssize_t words = self._bits.shape[1], lines = self._bits.shape[0], line, i, count = 0
        cdef int64_t cell, passed = max(after_cell - self.first_cell, 0)
        cdef uint64_t any
        cdef int bit
        if limit < 0:
            raise ValueError("a page has no less than 0 starts")
        found = np.empty((2, limit), np.int32)
        cdef int32_t[:, ::1] out = found
        with nogil:
            for i in range(passed >> 6, words):
                any = 0
                for line in range(lines):
                    any |= self._bits[line, i]
                if i == passed >> 6:
                    any &= ALL << (passed & 63)
                while any and count < limit:
                    bit = lowest_bit(any)
                    any &= any - 1
                    cell = self.first_cell + i * 64 + bit
                    for line in range(after_line + 1 if cell == after_cell else 0, lines):
                        if self._bits[line, i] >> bit & 1 and count < limit:
                            out[0, count], out[1, count] = <int32_t>cell, <int32_t>line
                            count += 1
                if count == limit:
                    break
        return found[0, :count], found[1, :count]
