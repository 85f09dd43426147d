"""The best rows of a scan: a heap of fixed size whose top is the worst of them."""

from libc.stdint cimport int64_t, uint32_t
from libc.string cimport memcpy


cdef struct Best:
    int limit
    int size
    int width
    int64_t* keys
    uint32_t* rows
    int64_t* trial


cdef inline bint _worse(
    const int64_t* a, uint32_t a_row, const int64_t* b, uint32_t b_row, int width, const uint32_t* rank
) noexcept nogil:
    cdef int key
    for key in range(width):
        if a[key] != b[key]:
            return a[key] > b[key]
    return rank[a_row] > rank[b_row]


cdef inline void _swap(Best* best, int a, int b) noexcept nogil:
    cdef int64_t* left = best.keys + a * best.width
    cdef int64_t* right = best.keys + b * best.width
    cdef int key
    for key in range(best.width):
        left[key], right[key] = right[key], left[key]
    best.rows[a], best.rows[b] = best.rows[b], best.rows[a]


cdef inline bint _worse_at(const Best* best, int a, int b, const uint32_t* rank) noexcept nogil:
    return _worse(
        best.keys + a * best.width, best.rows[a], best.keys + b * best.width, best.rows[b], best.width, rank
    )


cdef inline void _sink(Best* best, int at, int size, const uint32_t* rank) noexcept nogil:
    cdef int child
    while 2 * at + 1 < size:
        child = 2 * at + 1
        if child + 1 < size and _worse_at(best, child + 1, child, rank):
            child += 1
        if not _worse_at(best, child, at, rank):
            return
        _swap(best, at, child)
        at = child


cdef inline void keep(Best* best, uint32_t row, const uint32_t* rank) noexcept nogil:
    """Takes the row of best.trial if it is better than the worst kept, or if there is room."""
    cdef int at
    if best.size < best.limit:
        at = best.size
        best.size += 1
        memcpy(best.keys + at * best.width, best.trial, best.width * sizeof(int64_t))
        best.rows[at] = row
        while at and _worse_at(best, at, (at - 1) >> 1, rank):
            _swap(best, at, (at - 1) >> 1)
            at = (at - 1) >> 1
    elif _worse(best.keys, best.rows[0], best.trial, row, best.width, rank):
        memcpy(best.keys, best.trial, best.width * sizeof(int64_t))
        best.rows[0] = row
        _sink(best, 0, best.size, rank)


cdef inline void settle(Best* best, const uint32_t* rank) noexcept nogil:
    """Turns the heap into ascending order, the best row first."""
    cdef int size = best.size
    while size > 1:
        size -= 1
        _swap(best, 0, size)
        _sink(best, 0, size, rank)
