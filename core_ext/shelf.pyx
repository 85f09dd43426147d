"""A segment of the stock as searches read it: its columns, and the rows of it that are alive."""

from libc.stdint cimport uint8_t, uint64_t
from libc.stdlib cimport calloc, free

from core_ext.columns cimport BLOCK, WORDS, CodeColumn, CodeView, IntColumn, IntView


cdef class Shelf:
    """Columns of one segment, checked once so that a search need not look at them again.

    `codes`: CodeColumn or None (no row has a value) by column number; `ints`: IntColumn by column number; `bitmaps`:
    64 words for each block of 4,096 rows, bits beyond the rows 0; `ids`: 16 bytes a row, no two the same. Keeps all of
    them alive. ValueError where lengths differ.
    """

    def __init__(
        self, tuple codes not None, tuple ints not None, tuple bitmaps not None,
        const uint8_t[:, ::1] ids not None,
    ):
        cdef Py_ssize_t i, blocks
        cdef CodeColumn column
        cdef IntColumn numbers
        cdef const uint64_t[::1] bits
        cdef ShelfView* view = &self.view
        if ids.shape[0] and ids.shape[1] != 16:
            raise ValueError("an id has 16 bytes")
        self.rows, self.codes, self.ints, self.bitmaps, self.ids = ids.shape[0], codes, ints, bitmaps, ids.base
        blocks = (self.rows + BLOCK - 1) // BLOCK
        self._pointers = <void**>calloc(len(codes) + len(ints) + len(bitmaps) + 1, sizeof(void*))
        if self._pointers is NULL:
            raise MemoryError
        view.rows, view.blocks, view.code_columns, view.bitmap_count = self.rows, blocks, len(codes), len(bitmaps)
        view.codes = <const CodeView**>self._pointers
        view.ints = <const IntView**>(self._pointers + len(codes))
        view.bitmaps = <const uint64_t**>(self._pointers + len(codes) + len(ints))
        view.ids = &ids[0, 0] if self.rows else NULL
        self._ints = len(ints)
        for i in range(len(codes)):
            column = codes[i]
            if column is not None:
                if column.rows != self.rows:
                    raise ValueError("a code column has the wrong length")
                view.codes[i] = &column.view
        for i in range(len(ints)):
            numbers = ints[i]
            if numbers is None or numbers.rows != self.rows:
                raise ValueError("a number column has the wrong length")
            view.ints[i] = &numbers.view
        for i in range(len(bitmaps)):
            bits = bitmaps[i]
            if bits.shape[0] != blocks * WORDS:
                raise ValueError("a bitmap has the wrong length")
            view.bitmaps[i] = &bits[0] if blocks else NULL

    def __dealloc__(self):
        free(self._pointers)
