"""The best rows of a search: a heap of fixed size whose top is the worst of them."""

from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.string cimport memcpy

cdef extern from "uuids.h" nogil:
    bint uuid_after(const uint8_t* a, const uint8_t* b)


cdef struct Hit:
    uint32_t row
    uint32_t shelf
    const uint8_t* id


cdef struct Best:
    int limit
    int size
    int width
    int64_t* keys    # limit x width; smaller is better
    Hit* hits
    int64_t* trial   # keys of the row that is offered


cdef inline bint _worse(
    const int64_t* a, const uint8_t* a_id, const int64_t* b, const uint8_t* b_id, int width
) noexcept nogil:
    cdef int key
    for key in range(width):
        if a[key] != b[key]:
            return a[key] > b[key]
    return uuid_after(a_id, b_id)


cdef inline bint _worse_at(const Best* best, int a, int b) noexcept nogil:
    return _worse(
        best.keys + a * best.width, best.hits[a].id, best.keys + b * best.width, best.hits[b].id, best.width
    )


cdef inline void _swap(Best* best, int a, int b) noexcept nogil:
    cdef int64_t* left = best.keys + a * best.width
    cdef int64_t* right = best.keys + b * best.width
    cdef int key
    for key in range(best.width):
        left[key], right[key] = right[key], left[key]
    best.hits[a], best.hits[b] = best.hits[b], best.hits[a]


cdef inline void _sink(Best* best, int at, int size) noexcept nogil:
    cdef int child
    while 2 * at + 1 < size:
        child = 2 * at + 1
        if child + 1 < size and _worse_at(best, child + 1, child):
            child += 1
        if not _worse_at(best, child, at):
            return
        _swap(best, at, child)
        at = child


cdef inline void keep(Best* best, uint32_t shelf, uint32_t row, const uint8_t* ids) noexcept nogil:
    """Takes the row of best.trial if it is better than the worst kept, or if there is room."""
    cdef int at
    cdef const uint8_t* id = ids + <Py_ssize_t>row * 16
    if best.size < best.limit:
        at = best.size
        best.size += 1
    elif best.limit and _worse(best.keys, best.hits[0].id, best.trial, id, best.width):
        at = 0
    else:
        return
    memcpy(best.keys + at * best.width, best.trial, best.width * sizeof(int64_t))
    best.hits[at].row, best.hits[at].shelf, best.hits[at].id = row, shelf, id
    if at == 0:
        _sink(best, 0, best.size)
    while at and _worse_at(best, at, (at - 1) >> 1):
        _swap(best, at, (at - 1) >> 1)
        at = (at - 1) >> 1


cdef inline void settle(Best* best) noexcept nogil:
    """Turns the heap into ascending order, the best row first."""
    cdef int size = best.size
    while size > 1:
        size -= 1
        _swap(best, 0, size)
        _sink(best, 0, size)
