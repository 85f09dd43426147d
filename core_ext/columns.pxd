"""Columns as the search kernel reads them: plain pointers that stay valid as long as the column object lives."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

cdef enum:
    BLOCK = 4096  # rows a block
    WORDS = 64    # 64-bit words of a block's mask
    DENSE = 256   # a value with more rows in a block is kept as a bitmap, else as a list of rows

cdef struct CodeView:
    uint32_t size                   # codes are below it
    const uint16_t* narrow          # codes by row (or by list element), if size <= 65,536
    const uint32_t* broad           # else these
    const uint32_t* starts          # first element of each row's list; NULL where every row has exactly one code
    const uint32_t* block_start     # entries of block b: block_start[b] up to block_start[b + 1], by ascending code
    const uint32_t* entry_code
    const uint16_t* entry_count     # rows of the block with that code, at least 1
    const uint32_t* entry_at        # where they are: bitmap number or first element of `sparse`
    const uint32_t* block_cost      # about how many row visits counting all entries of the block is worth
    const uint64_t* dense
    const uint16_t* sparse

cdef struct IntView:
    const int32_t* narrow           # values by row; the smallest of the type is "absent"
    const int64_t* broad            # used if narrow is NULL
    const int64_t* low              # smallest and largest present value by block; low > high where none is
    const int64_t* high
    const uint8_t* gaps             # 1 where a block has an absent value

cdef class CodeColumn:
    cdef CodeView view
    cdef readonly Py_ssize_t rows
    cdef readonly object codes
    cdef readonly object starts
    cdef object _kept

cdef class IntColumn:
    cdef IntView view
    cdef readonly Py_ssize_t rows
    cdef readonly object values
    cdef object _kept
