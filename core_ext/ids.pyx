"""Rows by their ids of 16 bytes."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy

import numpy as np


cdef inline uint64_t _mixed(const uint8_t* id) noexcept nogil:
    """A hash of both halves: ids made one after the other share their first bytes."""
    cdef uint64_t first, second
    memcpy(&first, id, 8)
    memcpy(&second, id + 8, 8)
    first = (first ^ (second * <uint64_t>0x9E3779B97F4A7C15)) * <uint64_t>0xBF58476D1CE4E5B9
    return first ^ (first >> 32)


cdef class Ids:
    """The ids of a segment's rows, no two the same, with a hash table of row numbers; never changed once made.

    `ids`: uint8 of rows x 16. `slots`: the table as another of the same ids had it. About 6 bytes a row beside the ids;
    a look-up touches one or two lines of memory.
    """

    def __init__(self, const uint8_t[:, ::1] ids not None, const uint32_t[::1] slots=None):
        cdef Py_ssize_t size = 4, row, slot
        cdef uint32_t[::1] made
        if ids.shape[0] and ids.shape[1] != 16:
            raise ValueError("an id has 16 bytes")
        self.ids, self._ids = ids.base, ids
        if slots is None:
            while size < ids.shape[0] + ids.shape[0] // 4 + 1:
                size *= 2
            made = np.zeros(size, np.uint32)
            with nogil:
                for row in range(ids.shape[0]):
                    slot = _mixed(&ids[row, 0]) & (size - 1)
                    while made[slot]:
                        slot = (slot + 1) & (size - 1)
                    made[slot] = <uint32_t>row + 1
            self.slots, self._slots = np.asarray(made), made
        else:
            size = slots.shape[0]
            if size <= ids.shape[0] or size & (size - 1):
                raise ValueError("the table does not belong to the ids")
            self.slots, self._slots = slots.base, slots
        self._mask = <uint64_t>self._slots.shape[0] - 1

    cdef int64_t row_of(self, const uint8_t* key) noexcept nogil:
        """The row of an id of 16 bytes, -1 if there is none."""
        cdef uint64_t slot = _mixed(key) & self._mask
        cdef uint32_t row
        while True:
            row = self._slots[slot]
            if row == 0:
                return -1
            if memcmp(&self._ids[row - 1, 0], key, 16) == 0:
                return <int64_t>row - 1
            slot = (slot + 1) & self._mask

    def find(self, bytes key not None):
        """The row of an id, -1 if there is none. ValueError unless it has 16 bytes."""
        if len(key) != 16:
            raise ValueError("an id has 16 bytes")
        return self.row_of(<const uint8_t*><const char*>key)

    def find_each(self, const uint8_t[:, ::1] keys not None):
        """The rows of many ids, -1 for those that are not here: int64."""
        cdef Py_ssize_t i
        cdef int64_t[::1] found = np.empty(keys.shape[0], np.int64)
        if keys.shape[0] and keys.shape[1] != 16:
            raise ValueError("an id has 16 bytes")
        with nogil:
            for i in range(keys.shape[0]):
                found[i] = self.row_of(&keys[i, 0])
        return np.asarray(found)

    def order(self):
        """The rows in ascending order of their ids: uint32."""
        halves = np.ascontiguousarray(self.ids).view(">u8").reshape(-1, 2).astype(np.uint64)
        return np.lexsort((halves[:, 1], halves[:, 0])).astype(np.uint32)

    @property
    def nbytes(self):
        """Bytes held by the arrays."""
        return self.ids.nbytes + self.slots.nbytes
