"""Checksums of bytes, and pages of a mapped file that are verified before they are first read."""

from libc.stdint cimport int64_t, uint8_t, uint64_t


cdef class Pages:
    cdef const uint8_t[::1] data
    cdef const uint64_t[::1] sums
    cdef uint8_t[::1] sound  # by page: whether it was verified
    cdef uint64_t seed

    cdef Py_ssize_t verify(self, int64_t start, int64_t stop) noexcept nogil
