"""Statuses of rows that change in place, found by id, while searches are kept out."""

from libc.stdint cimport int64_t, uint8_t, uint64_t

from core_ext.columns cimport CodeColumn
from core_ext.gate cimport Gate
from core_ext.ids cimport Ids

cdef extern from "uuids.h":
    bint uuid_bytes(object text, uint8_t* id)


cdef class Statuses:
    """The status column of a segment, its live rows, and those that are offered in the statuses that allow it.

    `shown`: rows that are offered as soon as their status is one in which cars are. ValueError unless the column is
    flat and all belong together.
    """

    cdef Ids _ids
    cdef CodeColumn _column
    cdef const uint64_t[::1] _live
    cdef const uint64_t[::1] _shown
    cdef uint64_t[::1] _offered

    def __init__(
        self, Ids ids not None, CodeColumn column not None, const uint64_t[::1] live not None,
        const uint64_t[::1] shown not None, uint64_t[::1] offered not None,
    ):
        if column.view.planes is NULL and column.rows:
            raise ValueError("only columns of few codes change")
        if ids.ids.shape[0] != column.rows or not live.shape[0] == shown.shape[0] == offered.shape[0]:
            raise ValueError("ids, statuses and bits do not belong together")
        if offered.shape[0] * 64 < column.rows:
            raise ValueError("ids, statuses and bits do not belong together")
        self._ids, self._column = ids, column
        self._live, self._shown, self._offered = live, shown, offered

    def change(self, Gate gate not None, str key not None, Py_ssize_t code, bint is_offered):
        """Gives the live row of an id another code behind the gate; the row, -1 if there is none.

        `is_offered`: whether cars in that status are. ValueError for a text that is no UUID, IndexError for an unknown
        code. Locks taken: the gate's, for the length of the change.
        """
        cdef uint8_t id[16]
        cdef int64_t row
        if not uuid_bytes(key, id):
            raise ValueError("an id is the text of a UUID")
        row = self._ids.row_of(id)
        if row < 0:
            return -1
        if not self._live[row >> 6] & <uint64_t>1 << (row & 63):
            return -1
        if not 0 <= code < self._column.size:
            raise IndexError("there is no such code")
        gate.close()
        self._put(row, code, is_offered)
        gate.open()
        return row

    def put(self, Py_ssize_t row, Py_ssize_t code, bint is_offered):
        """The same for a row; the caller keeps searches out. IndexError for an unknown row or code."""
        if not 0 <= row < self._column.rows or not 0 <= code < self._column.size:
            raise IndexError("there is no such row or code")
        self._put(row, code, is_offered)

    cdef void _put(self, Py_ssize_t row, Py_ssize_t code, bint is_offered) noexcept:
        cdef uint64_t one = <uint64_t>1 << (row & 63)
        self._column.put(row, code)
        if is_offered and self._shown[row >> 6] & one:
            self._offered[row >> 6] |= one
        else:
            self._offered[row >> 6] &= ~one
