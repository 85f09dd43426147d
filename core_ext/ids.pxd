"""Rows by their ids of 16 bytes."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

cdef class Ids:
    cdef readonly object ids
    cdef readonly object slots
    cdef const uint8_t[:, ::1] _ids
    cdef const uint32_t[::1] _slots
    cdef uint64_t _mask
    cdef int64_t row_of(self, const uint8_t* key) noexcept nogil
