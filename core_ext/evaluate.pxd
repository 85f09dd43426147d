"""Which rows of a block a query wants: masks of 4,096 bits, filter by filter."""

from libc.stdint cimport int32_t, int64_t, uint64_t

from core_ext.level cimport BlockLoops
from core_ext.program cimport Query
from core_ext.shelf cimport ShelfView

cdef struct Scan:
    # One search in one segment; all of it is the search's own.
    const Query* q
    const ShelfView* shelf
    const BlockLoops* loops
    const uint64_t** bitmaps     # those of the segment, then those that the query brings
    uint64_t** prepared          # by atom: its rows as a bitmap of the segment, where that costs less; or NULL
    uint64_t* blocks             # blocks in which a row may count for anything
    uint64_t* dead               # by group: the blocks in which no row passes it, as far as is known without a look
    int32_t* order               # the groups, those first that let few rows pass and cost little
    int64_t first_block
    int64_t last_block           # after the last
    uint64_t* masks              # by filter, only filled where a group has several
    uint64_t* grouped            # by group: the candidates that pass its filters
    uint64_t* once               # rows that fail at least one group
    uint64_t* twice              # rows that fail at least two
    uint64_t* alive
    uint64_t* scored             # by score clause

cdef bint prepare(Scan* s) noexcept nogil
cdef void tidy(Scan* s) noexcept nogil
cdef bint conjunction(const Scan* s, Py_ssize_t block, int rows, int but, uint64_t* match) noexcept nogil
cdef bint each_group(Scan* s, Py_ssize_t block, int rows) noexcept nogil
cdef void score(const Scan* s, Py_ssize_t block, int rows, const uint64_t* match) noexcept nogil
cdef int failing_only(const Scan* s, int group, int left_out, const uint64_t* apart) noexcept nogil
cdef void in_range(
    const Scan* s, Py_ssize_t column, Py_ssize_t block, int64_t low, int64_t high, const uint64_t* candidates,
    uint64_t* met
) noexcept nogil
