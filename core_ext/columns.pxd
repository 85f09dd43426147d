"""Columns as the search kernel reads them: plain pointers that stay valid as long as the column object lives."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

cdef enum:
    BLOCK = 4096  # rows a block
    WORDS = 64    # 64-bit words of a block's mask
    DENSE = 256   # a value with more rows in a block is kept as a bitmap, else as a list of rows
    FLAT = 32     # up to so many codes a column has a bitmap for each and counts by bit planes
    FLAT_LISTS = 128  # up to so many codes a column of lists has a bitmap for each

cdef struct CodeView:
    uint32_t size                   # codes are below it
    int64_t blocks
    uint64_t* flat                  # block b has code c in the 64 words from (c * blocks + b) * 64; NULL: not flat
    int32_t bits                    # planes of a flat column without lists; 0 for all others
    uint64_t* planes                # block b has bit p of its codes in the 64 words from (b * bits + p) * 64
    const uint8_t* tiny             # codes by row (or by list element) of columns without planes, up to 256 of them
    const uint16_t* narrow          # up to 65,536
    const uint32_t* broad           # beyond
    const uint32_t* starts          # first element of each row's list; NULL where every row has exactly one code
    const uint32_t* block_start     # entries of block b: block_start[b] up to block_start[b + 1], by code; may be NULL
    const uint32_t* entry_code
    const uint16_t* entry_count     # rows of the block with that code, at least 1
    const uint32_t* entry_at        # where they are: bitmap number or first element of `sparse`
    const uint32_t* block_cost      # about how many row visits counting all entries of the block is worth
    const uint64_t* dense
    const uint16_t* sparse
    const uint32_t* entry_of        # block * size + code: the entry + 1, or 0; NULL if there are too many codes
    const uint32_t* counts          # rows with each code when the column was made; NULL if there are very many codes
    const uint64_t* present         # code * present_words: the blocks that may hold the code; NULL if not worth it
    int64_t present_words
    const uint32_t* posting_start   # rows with code c: postings from posting_start[c] up to [c + 1]; may be NULL
    const uint32_t* postings

cdef struct IntView:
    int64_t base
    int32_t shift
    const uint16_t* coarse          # by row (value - base) >> shift; 65,535 is "absent"
    const uint16_t* fine            # by row the `shift` low bits of value - base; NULL if shift is 0
    const int64_t* broad            # else the values by row; the smallest of the type is "absent"
    const int64_t* low              # smallest and largest present value by block; low > high where none is
    const int64_t* high
    const uint8_t* gaps             # 1 where a block has an absent value
    const uint32_t* order           # rows by value, then id, absent ones last; may be NULL
    int64_t present                 # so many rows of the order have a value

cdef inline uint32_t code_at(const CodeView* view, Py_ssize_t element) noexcept nogil:
    """The code of a row (or list element)."""
    cdef uint32_t code = 0
    cdef int bit
    cdef const uint64_t* plane
    if view.bits:
        plane = view.planes + (element >> 12) * view.bits * WORDS + ((element & 4095) >> 6)
        for bit in range(view.bits):
            code |= <uint32_t>((plane[bit * WORDS] >> (element & 63)) & 1) << bit
        return code
    if view.tiny is not NULL:
        return view.tiny[element]
    return view.narrow[element] if view.narrow is not NULL else view.broad[element]

cdef inline int64_t value_at(const IntView* view, Py_ssize_t row) noexcept nogil:
    """The value of a row; the smallest int64 for none."""
    if view.coarse is NULL:
        return view.broad[row]
    if view.coarse[row] == 65535:
        return (<int64_t>1) << 63
    if view.fine is NULL:
        return view.base + view.coarse[row]
    return view.base + ((<int64_t>view.coarse[row] << view.shift) | view.fine[row])

cdef class CodeColumn:
    cdef CodeView view
    cdef readonly Py_ssize_t rows
    cdef readonly Py_ssize_t size
    cdef readonly dict arrays
    cdef void put(self, Py_ssize_t row, Py_ssize_t code) noexcept

cdef class IntColumn:
    cdef IntView view
    cdef readonly Py_ssize_t rows
    cdef readonly int64_t base
    cdef readonly int shift
    cdef readonly dict arrays
