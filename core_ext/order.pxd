"""The best of the matching rows of a segment."""

from libc.stdint cimport int64_t, uint16_t, uint32_t, uint64_t

from core_ext.best cimport Best
from core_ext.evaluate cimport Scan

cdef struct Matches:
    # The matching rows of a segment; the masks of blocks without one are not filled.
    uint64_t* masks
    uint16_t* found
    int64_t total

cdef void offer(Scan* s, const Matches* matches, uint32_t number, Best* best) noexcept nogil
cdef bint walk(Scan* s, const Matches* matches, Best* best) noexcept nogil
