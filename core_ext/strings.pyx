"""Many byte strings in one arena: order, look-up by bisection, prefixes, copies; no Python object a string."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcmp, memcpy

import numpy as np


cdef struct Entry:
    uint64_t head  # the eight bytes after the prefix that all strings share, most significant first
    uint32_t index


cdef inline int _compare(
    const uint8_t* a, Py_ssize_t a_length, const uint8_t* b, Py_ssize_t b_length
) noexcept nogil:
    cdef int order = memcmp(a, b, <size_t>min(a_length, b_length))
    if order != 0:
        return order
    return (a_length > b_length) - (a_length < b_length)


cdef inline uint64_t _head(const uint8_t* text, Py_ssize_t length) noexcept nogil:
    cdef uint64_t head = 0
    cdef Py_ssize_t i
    for i in range(8):
        head = (head << 8) | (text[i] if i < length else 0)
    return head


cdef Py_ssize_t _shared(const uint8_t* blob, const int64_t[::1] starts) noexcept nogil:
    """Length of the prefix that all strings share."""
    cdef Py_ssize_t i, j, n = starts.shape[0] - 1, shared
    if n == 0:
        return 0
    shared = starts[1] - starts[0]
    for i in range(1, n):
        shared = min(shared, <Py_ssize_t>(starts[i + 1] - starts[i]))
        j = 0
        while j < shared and blob[starts[i] + j] == blob[starts[0] + j]:
            j += 1
        shared = j
        if shared == 0:
            break
    return shared


cdef inline bint _follows(
    const Entry* a, const Entry* b, const uint8_t* blob, const int64_t[::1] starts
) noexcept nogil:
    """Whether a's string comes after b's."""
    if a.head != b.head:
        return a.head > b.head
    return _compare(
        blob + starts[a.index], starts[a.index + 1] - starts[a.index],
        blob + starts[b.index], starts[b.index + 1] - starts[b.index],
    ) > 0


cdef void _merge_sort(
    Entry* entries, Entry* spare, Py_ssize_t n, const uint8_t* blob, const int64_t[::1] starts
) noexcept nogil:
    """Stable merge sort, bottom up, of runs that grow from 1; two runs already in order are not touched."""
    cdef Py_ssize_t width = 1, left, middle, right, i, j, k
    while width < n:
        left = 0
        while left + width < n:
            middle, right = left + width, min(left + 2 * width, n)
            if _follows(&entries[middle - 1], &entries[middle], blob, starts):
                memcpy(spare + left, entries + left, (middle - left) * sizeof(Entry))
                i, j, k = left, middle, left
                while i < middle:
                    if j < right and _follows(&spare[i], &entries[j], blob, starts):
                        entries[k] = entries[j]
                        j += 1
                    else:
                        entries[k] = spare[i]
                        i += 1
                    k += 1
            left = right
        width *= 2


def sort(const uint8_t[::1] blob not None, const int64_t[::1] starts not None):
    """Indices of the strings in ascending byte order (for UTF-8 that of code points), equal ones as they came: uint32.

    String i is blob[starts[i]:starts[i + 1]]. O(n log n); nearly sorted input costs O(n). The GIL is released.
    """
    _check(blob, starts)
    cdef Py_ssize_t i, n = starts.shape[0] - 1, shared
    cdef uint32_t[::1] order = np.zeros(n, np.uint32)
    if n == 0:
        return np.asarray(order)
    cdef Entry* entries = <Entry*>malloc(n * sizeof(Entry))
    cdef Entry* spare = <Entry*>malloc(n * sizeof(Entry))
    cdef const uint8_t* text = &blob[0] if blob.shape[0] else <const uint8_t*>b""
    try:
        if entries is NULL or spare is NULL:
            raise MemoryError
        with nogil:
            shared = _shared(text, starts)
            for i in range(n):
                entries[i].index = <uint32_t>i
                entries[i].head = _head(text + starts[i] + shared, starts[i + 1] - starts[i] - shared)
            _merge_sort(entries, spare, n, text, starts)
            for i in range(n):
                order[i] = entries[i].index
    finally:
        free(entries)
        free(spare)
    return np.asarray(order)


def _check(const uint8_t[::1] blob, const int64_t[::1] starts):
    """Refuses arenas that would lead the kernels astray."""
    if starts.shape[0] == 0 or starts[0] != 0 or starts[starts.shape[0] - 1] != blob.shape[0]:
        raise ValueError("starts must run from 0 to the length of the blob")


cdef Py_ssize_t _bisect(
    const uint8_t* text, const int64_t[::1] starts, const uint32_t[::1] order, const uint8_t* key, Py_ssize_t length,
    bint after, bint prefix
) noexcept nogil:
    """First place in `order` whose string is not below `key` (`after`: is above); `prefix`: by so many bytes only."""
    cdef Py_ssize_t low = 0, high = order.shape[0], middle, size
    cdef int verdict
    cdef uint32_t index
    while low < high:
        middle = (low + high) >> 1
        index = order[middle]
        size = starts[index + 1] - starts[index]
        verdict = _compare(text + starts[index], min(size, length) if prefix else size, key, length)
        if verdict < 0 or (after and verdict == 0):
            low = middle + 1
        else:
            high = middle
    return low


def find(
    const uint8_t[::1] blob not None, const int64_t[::1] starts not None, const uint32_t[::1] order not None,
    bytes key not None,
):
    """Index of a string equal to `key`, or -1. `order` as `sort` gives it. O(log n)."""
    cdef const uint8_t* text = &blob[0] if blob.shape[0] else <const uint8_t*>b""
    cdef Py_ssize_t place = _bisect(text, starts, order, <const uint8_t*>key, len(key), False, False)
    if place == order.shape[0]:
        return -1
    cdef uint32_t index = order[place]
    if _compare(text + starts[index], starts[index + 1] - starts[index], <const uint8_t*>key, len(key)) != 0:
        return -1
    return index


def find_each(
    const uint8_t[::1] blob not None, const int64_t[::1] starts not None, const uint32_t[::1] order not None,
    const uint8_t[::1] keys not None, const int64_t[::1] key_starts not None,
):
    """For each string of the arena `keys` the index of an equal string, or -1: int64. The GIL is released."""
    _check(keys, key_starts)
    cdef const uint8_t* text = &blob[0] if blob.shape[0] else <const uint8_t*>b""
    cdef const uint8_t* wanted = &keys[0] if keys.shape[0] else <const uint8_t*>b""
    cdef Py_ssize_t i, place, length
    cdef uint32_t index
    cdef int64_t[::1] found = np.full(key_starts.shape[0] - 1, -1, np.int64)
    with nogil:
        for i in range(found.shape[0]):
            length = key_starts[i + 1] - key_starts[i]
            place = _bisect(text, starts, order, wanted + key_starts[i], length, False, False)
            if place < order.shape[0]:
                index = order[place]
                if starts[index + 1] - starts[index] == length:
                    if memcmp(text + starts[index], wanted + key_starts[i], length) == 0:
                        found[i] = index
    return np.asarray(found)


def upto(
    const uint8_t[::1] blob not None, const int64_t[::1] starts not None, const uint32_t[::1] order not None,
    bytes key not None,
):
    """How many strings are not above `key`. O(log n)."""
    cdef const uint8_t* text = &blob[0] if blob.shape[0] else <const uint8_t*>b""
    return _bisect(text, starts, order, <const uint8_t*>key, len(key), True, False)


def with_prefix(
    const uint8_t[::1] blob not None, const int64_t[::1] starts not None, const uint32_t[::1] order not None,
    bytes key not None,
):
    """The part of `order` whose strings begin with `key`: (first, last) with last exclusive. O(log n)."""
    cdef const uint8_t* text = &blob[0] if blob.shape[0] else <const uint8_t*>b""
    first = _bisect(text, starts, order, <const uint8_t*>key, len(key), False, True)
    return first, _bisect(text, starts, order, <const uint8_t*>key, len(key), True, True)


def gather(
    const uint8_t[::1] blob not None, const int64_t[::1] starts not None, const uint32_t[::1] order not None
):
    """Copies of the strings in `order`: (blob, starts) of a new arena. The GIL is released."""
    cdef Py_ssize_t i, n = order.shape[0]
    cdef int64_t[::1] new_starts = np.zeros(n + 1, np.int64)
    with nogil:
        for i in range(n):
            new_starts[i + 1] = new_starts[i] + starts[order[i] + 1] - starts[order[i]]
    cdef uint8_t[::1] new_blob = np.empty(new_starts[n], np.uint8)
    with nogil:
        for i in range(n):
            if new_starts[i + 1] > new_starts[i]:
                memcpy(&new_blob[new_starts[i]], &blob[starts[order[i]]], new_starts[i + 1] - new_starts[i])
    return np.asarray(new_blob), np.asarray(new_starts)


def set_bits(
    uint64_t[::1] words not None, const uint32_t[::1] order not None, const uint32_t[::1] rows not None,
    Py_ssize_t first, Py_ssize_t last,
):
    """Sets bit rows[order[i]] of `words` for first <= i < last; IndexError if a place lies outside. GIL released."""
    cdef Py_ssize_t i
    cdef uint32_t row
    if first < 0 or last > order.shape[0]:
        raise IndexError("places outside the order")
    with nogil:
        for i in range(first, last):
            row = rows[order[i]]
            words[row >> 6] |= <uint64_t>1 << (row & 63)
