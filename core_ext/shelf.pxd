"""A segment of the stock as searches read it: pointers to all its columns, and the rows of it that are alive."""

from libc.stdint cimport uint8_t, uint64_t

from core_ext.columns cimport CodeView, IntView

cdef struct ShelfView:
    Py_ssize_t rows
    Py_ssize_t blocks
    Py_ssize_t code_columns
    const CodeView** codes       # NULL: no row has a value, all codes are 0
    const IntView** ints
    Py_ssize_t bitmap_count
    const uint64_t** bitmaps     # 64 words a block; bits beyond the rows are 0
    const uint8_t* ids           # 16 bytes a row

cdef class Shelf:
    cdef ShelfView view
    cdef Py_ssize_t _ints
    cdef void** _pointers
    cdef readonly Py_ssize_t rows
    cdef readonly tuple codes
    cdef readonly tuple ints
    cdef readonly tuple bitmaps
    cdef readonly object ids
