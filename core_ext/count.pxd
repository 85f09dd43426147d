"""Facet counts of one block under a mask."""

from libc.stdint cimport int64_t, uint16_t, uint64_t

from core_ext.columns cimport CodeView
from core_ext.level cimport BlockLoops

cdef struct Counted:
    # The rows whose codes are counted: a mask, and its rows one by one as soon as somebody wants them so.
    const uint64_t* mask
    int found
    int rows            # of the block
    int listed          # how many of `row` are filled: all found, or none
    uint16_t* row       # room for 4,096

cdef void count(
    const CodeView* view, const BlockLoops* loops, Py_ssize_t block, Counted* counted, int64_t* counters
) noexcept nogil
