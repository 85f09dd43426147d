"""Checksums of bytes, and pages of a mapped file that are verified before they are first read.

XXH64 by its published algorithm (Yann Collet): not for secrets, but no flip, swap or cut by accident keeps it.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

import numpy as np

PAGE_BYTES = 1 << 20

cdef enum:
    PAGE_SHIFT = 20

cdef extern from *:
    """
    #define XXH_P1 0x9E3779B185EBCA87ULL
    #define XXH_P2 0xC2B2AE3D27D4EB4FULL
    #define XXH_P3 0x165667B19E3779F9ULL
    #define XXH_P4 0x85EBCA77C2B2AE63ULL
    #define XXH_P5 0x27D4EB2F165667C5ULL
    """
    const uint64_t P1 "XXH_P1"
    const uint64_t P2 "XXH_P2"
    const uint64_t P3 "XXH_P3"
    const uint64_t P4 "XXH_P4"
    const uint64_t P5 "XXH_P5"


class Damaged(Exception):
    """Bytes that are not those that were written: they must not be used."""


cdef inline uint64_t _turned(uint64_t value, int by) noexcept nogil:
    return (value << by) | (value >> (64 - by))


cdef inline uint64_t _word(const uint8_t* at) noexcept nogil:
    cdef uint64_t value
    memcpy(&value, at, 8)
    return value


cdef inline uint64_t _round(uint64_t sum, uint64_t value) noexcept nogil:
    return _turned(sum + value * P2, 31) * P1


cdef uint64_t _sum(const uint8_t* data, Py_ssize_t size, uint64_t seed) noexcept nogil:
    cdef const uint8_t* end = data + size
    cdef uint64_t found, a, b, c, d
    cdef uint32_t half
    if size >= 32:
        a, b, c, d = seed + P1 + P2, seed + P2, seed, seed - P1
        while end - data >= 32:
            a = _round(a, _word(data))
            b = _round(b, _word(data + 8))
            c = _round(c, _word(data + 16))
            d = _round(d, _word(data + 24))
            data += 32
        found = _turned(a, 1) + _turned(b, 7) + _turned(c, 12) + _turned(d, 18)
        found = (found ^ _round(0, a)) * P1 + P4
        found = (found ^ _round(0, b)) * P1 + P4
        found = (found ^ _round(0, c)) * P1 + P4
        found = (found ^ _round(0, d)) * P1 + P4
    else:
        found = seed + P5
    found += <uint64_t>size
    while end - data >= 8:
        found = _turned(found ^ _round(0, _word(data)), 27) * P1 + P4
        data += 8
    if end - data >= 4:
        memcpy(&half, data, 4)
        found = _turned(found ^ <uint64_t>half * P1, 23) * P2 + P3
        data += 4
    while data < end:
        found = _turned(found ^ data[0] * P5, 11) * P1
        data += 1
    found = (found ^ (found >> 33)) * P2
    found = (found ^ (found >> 29)) * P3
    return found ^ (found >> 32)


def checksum(const uint8_t[::1] data not None, uint64_t seed=0):
    """XXH64 of the bytes. O(bytes); the GIL is released."""
    cdef uint64_t found
    with nogil:
        found = _sum(&data[0] if data.shape[0] else <const uint8_t*>b"", data.shape[0], seed)
    return found


def page_sums(const uint8_t[::1] data not None, uint64_t seed):
    """The checksum of each PAGE_BYTES of the data, the last one shorter: uint64. The page's number is in it."""
    cdef Py_ssize_t page, pages = (data.shape[0] + PAGE_BYTES - 1) >> PAGE_SHIFT, size = data.shape[0]
    cdef uint64_t[::1] sums = np.empty(pages, np.uint64)
    with nogil:
        for page in range(pages):
            sums[page] = _page(&data[0], size, page, seed)
    return np.asarray(sums)


cdef inline uint64_t _page(const uint8_t* data, Py_ssize_t size, Py_ssize_t page, uint64_t seed) noexcept nogil:
    cdef Py_ssize_t first = page << PAGE_SHIFT
    return _sum(data + first, min(size - first, <Py_ssize_t>1 << PAGE_SHIFT), seed + <uint64_t>page)


cdef class Pages:
    """Bytes with the checksums they must have; `touch` what is to be read before reading it.

    `sums` as `page_sums` told them for the same seed; ValueError if they are not one a page. Any number of threads:
    two may verify the same page, and neither reads before one has.
    """

    def __init__(self, const uint8_t[::1] data not None, const uint64_t[::1] sums not None, uint64_t seed):
        if sums.shape[0] != (data.shape[0] + PAGE_BYTES - 1) >> PAGE_SHIFT:
            raise ValueError("a checksum for each page")
        self.data, self.sums, self.seed = data, sums, seed
        self.sound = np.zeros(sums.shape[0], np.uint8)

    cdef Py_ssize_t verify(self, int64_t start, int64_t stop) noexcept nogil:
        """Verifies the pages of data[start:stop]; the number of the first that is damaged, or -1."""
        cdef Py_ssize_t page
        if stop <= start:
            return -1
        for page in range(start >> PAGE_SHIFT, ((stop - 1) >> PAGE_SHIFT) + 1):
            if not self.sound[page]:
                if _page(&self.data[0], self.data.shape[0], page, self.seed) != self.sums[page]:
                    return page
                self.sound[page] = 1
        return -1

    def touch(self, int64_t start, int64_t stop):
        """Call before reading data[start:stop]. Damaged if that is not what was written; IndexError beyond the end.

        A byte looked at per page that was verified before. The GIL is released.
        """
        cdef Py_ssize_t page
        if start < 0 or stop > self.data.shape[0]:
            raise IndexError("beyond the data")
        with nogil:
            page = self.verify(start, stop)
        if page >= 0:
            raise Damaged(f"page {page} is not what was written")

    def touch_strings(self, const int64_t[::1] starts not None, const uint32_t[::1] chosen not None):
        """The same before reading some strings of an arena: string i is data[starts[i]:starts[i + 1]]."""
        cdef Py_ssize_t i, row, page = -1
        cdef bint outside = False
        with nogil:
            for i in range(chosen.shape[0]):
                row = chosen[i]
                if row + 1 >= starts.shape[0] or starts[row] < 0 or starts[row + 1] > self.data.shape[0]:
                    outside = True
                    break
                page = self.verify(starts[row], starts[row + 1])
                if page >= 0:
                    break
        if outside:
            raise IndexError("beyond the data")
        if page >= 0:
            raise Damaged(f"page {page} is not what was written")

    @property
    def unverified(self):
        """How many pages nobody has touched yet."""
        return int(self.sound.shape[0] - np.count_nonzero(self.sound))
