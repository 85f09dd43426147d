"""Facet counts of one block under a mask."""

from libc.stdint cimport int64_t

from core_ext.columns cimport BLOCK, DENSE, WORDS, CodeView, code_at
from core_ext.level cimport BlockLoops

cdef enum:
    BY_PLANES = 40        # from so many rows on, counting bit planes costs less than a look at each row
    LISTS_BY_BITMAPS = 2  # from so many rows a code on, the same for bitmaps of lists


cdef void count(
    const CodeView* view, const BlockLoops* loops, Py_ssize_t block, Counted* counted, int64_t* counters
) noexcept nogil:
    """Adds the codes of the counted rows to the counters: by planes, entry by entry or row by row, as costs least.

    `view` NULL: no row has a value, all have code 0.
    """
    cdef Py_ssize_t entry, first, last
    if view is NULL:
        counters[0] += counted.found
    elif view.bits:
        if counted.found >= BY_PLANES:
            loops.count_planes(view.planes + block * view.bits * WORDS, view.bits, counted.mask, counters)
        else:
            _row_by_row(view, loops, block, counted, counters)
    elif view.flat is not NULL and counted.found >= LISTS_BY_BITMAPS * <int>view.size:
        for entry in range(view.size):
            counters[entry] += loops.count_both(
                counted.mask, view.flat + (entry * view.blocks + block) * WORDS
            )
    elif view.block_start is NULL:
        _row_by_row(view, loops, block, counted, counters)
    else:
        first, last = view.block_start[block], view.block_start[block + 1]
        if counted.found == counted.rows:
            for entry in range(first, last):
                counters[view.entry_code[entry]] += view.entry_count[entry]
        elif last - first == 1 and view.entry_count[first] == counted.rows:
            counters[view.entry_code[first]] += counted.found
        elif counted.found < <int>view.block_cost[block]:
            _row_by_row(view, loops, block, counted, counters)
        else:
            for entry in range(first, last):
                if view.entry_count[entry] > DENSE:
                    counters[view.entry_code[entry]] += loops.count_both(
                        counted.mask, view.dense + <Py_ssize_t>view.entry_at[entry] * WORDS
                    )
                else:
                    counters[view.entry_code[entry]] += loops.count_rows(
                        view.sparse + view.entry_at[entry], view.entry_count[entry], counted.mask
                    )


cdef void _row_by_row(
    const CodeView* view, const BlockLoops* loops, Py_ssize_t block, Counted* counted, int64_t* counters
) noexcept nogil:
    cdef Py_ssize_t base = block * BLOCK, element, stop
    cdef int i
    if not counted.listed:
        counted.listed = loops.extract(counted.mask, counted.row)
    if view.starts is not NULL:
        for i in range(counted.found):
            element, stop = view.starts[base + counted.row[i]], view.starts[base + counted.row[i] + 1]
            while element < stop:
                counters[code_at(view, element)] += 1
                element += 1
    elif view.tiny is not NULL:
        for i in range(counted.found):
            counters[view.tiny[base + counted.row[i]]] += 1
    elif view.narrow is not NULL:
        for i in range(counted.found):
            counters[view.narrow[base + counted.row[i]]] += 1
    else:
        for i in range(counted.found):
            counters[code_at(view, base + counted.row[i])] += 1
