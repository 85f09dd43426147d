"""Immutable columns of a stock segment: codes with bitmaps, planes or row lists a block, numbers with block bounds."""

from libc.stdint cimport INT64_MAX, INT64_MIN, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, qsort

import mmap

import numpy as np

ABSENT = INT64_MIN
"""The value of a whole-number column that stands for none; no range holds it."""

BLOCK_ROWS = BLOCK

cdef int64_t ABSENT_VALUE = INT64_MIN

cdef enum:
    COUNTED = 65536     # up to so many codes a column knows how many rows have each
    LINE = 64           # bytes of a line of memory
    HUGE = 1 << 21      # bytes of a large page
    MANY_ENTRIES = 512  # codes a block, on average: with more, a look at every row's code costs less than the entries


cdef int _ascending(const void* a, const void* b) noexcept nogil:
    cdef uint32_t x = (<const uint32_t*>a)[0]
    cdef uint32_t y = (<const uint32_t*>b)[0]
    return (x > y) - (x < y)


cdef Py_ssize_t _distinct(
    const uint32_t* codes, Py_ssize_t first, Py_ssize_t last, uint32_t* counts, uint32_t* touched
) noexcept nogil:
    """Counts the codes of elements first … last - 1; `touched` gets each distinct code once, ascending."""
    cdef Py_ssize_t i, found = 0
    for i in range(first, last):
        if counts[codes[i]] == 0:
            touched[found] = codes[i]
            found += 1
        counts[codes[i]] += 1
    qsort(touched, found, sizeof(uint32_t), _ascending)
    return found


cdef class CodeColumn:
    """Codes of a column, cut into blocks of 4,096 rows; never changed once made, but by `change`.

    `codes`: uint32, below `size`. `starts`: None where each row has one code; else uint32 of rows + 1 elements, and row
    i has the codes starts[i] up to starts[i + 1], at least one, none twice (code 0 alone stands for "none").
    Up to 32 codes, one a row, are kept as a bitmap each and as bit planes; more as codes by row, and unless a block
    has very many of them also as the rows of each code, block by block. `postings` keeps the rows of each code.
    Raises ValueError if the arrays do not fit together. O(elements + size); the GIL is released while building.
    """

    def __init__(self, const uint32_t[::1] codes not None, size, const uint32_t[::1] starts=None, bint postings=False):
        _check(codes, size, starts)
        cdef Py_ssize_t rows = codes.shape[0] if starts is None else starts.shape[0] - 1
        if starts is None and size <= FLAT:
            arrays = _planes(codes, size) | _flat(codes, size, None, rows)
        else:
            kept = np.asarray(codes).astype(np.uint8 if size <= 256 else np.uint16 if size <= 65536 else np.uint32)
            arrays = {"codes": kept}
            if starts is None or size > FLAT_LISTS:
                arrays |= _listed(codes, size, starts)
            else:
                arrays |= _flat(codes, size, starts, rows)
            if starts is not None:
                arrays["starts"] = np.array(starts)
            if (size + 63) * ((rows + BLOCK - 1) // BLOCK) <= 32 * rows:
                arrays["present"] = _present(codes, size, starts, rows)
        if size <= COUNTED:
            arrays["counts"] = np.bincount(np.asarray(codes), minlength=size).astype(np.uint32)
        if postings:
            order = np.argsort(np.asarray(codes), kind="stable").astype(np.uint32)
            counts = np.bincount(np.asarray(codes), minlength=size)
            arrays["postings"] = order
            arrays["posting_start"] = np.concatenate(([0], np.cumsum(counts))).astype(np.uint32)
        self._adopt(rows, size, arrays)

    @staticmethod
    def restored(rows, size, arrays):
        """A column of arrays that `arrays` of another told; they are believed."""
        cdef CodeColumn column = CodeColumn.__new__(CodeColumn)
        column._adopt(rows, size, dict(arrays))
        return column

    def _adopt(self, Py_ssize_t rows, Py_ssize_t size, dict arrays):
        cdef CodeView* view = &self.view
        self.rows, self.size, self.arrays = rows, size, arrays
        view.size = <uint32_t>size
        view.blocks = (rows + BLOCK - 1) // BLOCK
        view.flat = <uint64_t*>_address(arrays.get("flat"))
        if "planes" in arrays:
            view.bits, view.planes = _bits(size), <uint64_t*>_address(arrays["planes"])
        else:
            kind = arrays["codes"].dtype
            if kind == np.uint8:
                view.tiny = <const uint8_t*>_address(arrays["codes"])
            elif kind == np.uint16:
                view.narrow = <const uint16_t*>_address(arrays["codes"])
            else:
                view.broad = <const uint32_t*>_address(arrays["codes"])
        view.starts = <const uint32_t*>_address(arrays.get("starts"))
        view.block_start = <const uint32_t*>_address(arrays.get("block_start"))
        view.block_cost = <const uint32_t*>_address(arrays.get("block_cost"))
        view.entry_code = <const uint32_t*>_address(arrays.get("entry_code"))
        view.entry_count = <const uint16_t*>_address(arrays.get("entry_count"))
        view.entry_at = <const uint32_t*>_address(arrays.get("entry_at"))
        view.dense = <const uint64_t*>_address(arrays.get("dense"))
        view.sparse = <const uint16_t*>_address(arrays.get("sparse"))
        view.entry_of = <const uint32_t*>_address(arrays.get("entry_of"))
        view.counts = <const uint32_t*>_address(arrays.get("counts"))
        view.present = <const uint64_t*>_address(arrays.get("present"))
        view.present_words = (view.blocks + 63) // 64
        view.posting_start = <const uint32_t*>_address(arrays.get("posting_start"))
        view.postings = <const uint32_t*>_address(arrays.get("postings"))

    def settle(self):
        """Reads the arrays where they are now."""
        self._adopt(self.rows, self.size, self.arrays)

    @property
    def starts(self):
        """First element of each row's list; None where each row has one code."""
        return self.arrays.get("starts")

    def codes(self):
        """The codes by row, or by list element: uint32."""
        if not self.view.bits:
            return self.arrays["codes"].astype(np.uint32)
        codes = np.zeros(self.rows, np.uint32)
        planes = self.arrays["planes"].reshape(-1, self.view.bits, WORDS)
        for bit in range(self.view.bits):
            plane = np.unpackbits(np.ascontiguousarray(planes[:, bit]).view(np.uint8), bitorder="little")
            codes |= plane[: self.rows].astype(np.uint32) << bit
        return codes

    def take(self, const uint32_t[::1] rows not None):
        """The codes of some rows of a column that has one a row: uint32."""
        cdef Py_ssize_t i
        cdef uint32_t[::1] taken = np.zeros(rows.shape[0], np.uint32)
        if self.view.starts is not NULL:
            raise ValueError("the column has lists")
        for i in range(rows.shape[0]):
            if rows[i] >= self.rows:
                raise IndexError("there is no such row")
            taken[i] = code_at(&self.view, rows[i])
        return np.asarray(taken)

    def change(self, Py_ssize_t row, Py_ssize_t code):
        """Gives a row of a flat column another code; the caller keeps readers out meanwhile."""
        if not self.view.bits:
            raise ValueError("only columns of few codes change")
        if not 0 <= row < self.rows or not 0 <= code < self.size:
            raise IndexError("there is no such row or code")
        self.put(row, code)

    cdef void put(self, Py_ssize_t row, Py_ssize_t code) noexcept:
        """The same for a row and a code that there are."""
        cdef CodeView* view = &self.view
        cdef uint64_t one = <uint64_t>1 << (row & 63)
        cdef Py_ssize_t block = row >> 12, word = (row & (BLOCK - 1)) >> 6
        cdef int bit
        view.flat[(code_at(view, row) * view.blocks + block) * WORDS + word] &= ~one
        view.flat[(code * view.blocks + block) * WORDS + word] |= one
        for bit in range(view.bits):
            if (code >> bit) & 1:
                view.planes[(block * view.bits + bit) * WORDS + word] |= one
            else:
                view.planes[(block * view.bits + bit) * WORDS + word] &= ~one

    @property
    def nbytes(self):
        """Bytes held by the arrays."""
        return sum(array.nbytes for array in self.arrays.values())


def aligned(Py_ssize_t words):
    """So many words, all 0, that begin where a line of memory does: masks are read a line at a time."""
    room = np.zeros(words + 7, np.uint64)
    first = -room.ctypes.data % 64 // 8
    return room[first : first + words]


def together(columns):
    """Moves the arrays of columns into one stretch of memory in large pages: a search looks at many places far apart.

    The system may refuse large pages; the arrays are then where they were as good as before.
    """
    cdef list moving = [
        (column, name) for column in columns for name, array in column.arrays.items() if array.flags.c_contiguous
    ]
    sizes = [-(-column.arrays[name].nbytes // LINE) * LINE for column, name in moving]
    room = mmap.mmap(-1, sum(sizes) + HUGE)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        room.madvise(mmap.MADV_HUGEPAGE)
    whole = np.frombuffer(room, np.uint8)
    cdef Py_ssize_t at = -whole.ctypes.data % HUGE
    for (column, name), size in zip(moving, sizes):
        array = column.arrays[name]
        moved = whole[at : at + array.nbytes].view(array.dtype)
        moved[:] = array
        column.arrays[name] = moved
        at += size
    for column in columns:
        column.settle()


cdef void* _address(array) except? NULL:
    """Where an array's elements are; NULL for none and for no elements."""
    if array is None or array.size == 0:
        return NULL
    cdef Py_ssize_t address = array.ctypes.data
    return <void*>address


cdef int _bits(Py_ssize_t size) noexcept:
    """Bits of the largest code below `size`, at least 1."""
    cdef int bits = 1
    while (<Py_ssize_t>1 << bits) < size:
        bits += 1
    return bits


def _planes(const uint32_t[::1] codes, Py_ssize_t size):
    """The bit planes of the codes, block by block."""
    cdef Py_ssize_t rows = codes.shape[0], blocks = (rows + BLOCK - 1) // BLOCK, row
    cdef int bits = _bits(size), bit
    cdef uint64_t[::1] planes = aligned(max(blocks, 1) * bits * WORDS)
    with nogil:
        for row in range(rows):
            for bit in range(bits):
                if (codes[row] >> bit) & 1:
                    planes[((row >> 12) * bits + bit) * WORDS + ((row & 4095) >> 6)] |= <uint64_t>1 << (row & 63)
    return {"planes": np.asarray(planes)}


def _flat(const uint32_t[::1] codes, Py_ssize_t size, const uint32_t[::1] starts, Py_ssize_t rows):
    """A bitmap for each code, one after the other: a search reads few of them from end to end."""
    cdef Py_ssize_t words = (rows + BLOCK - 1) // BLOCK * WORDS, row, element = 0, stop
    cdef uint64_t[::1] flat = aligned(max(words * size, 1))
    with nogil:
        for row in range(rows):
            stop = row + 1 if starts is None else <Py_ssize_t>starts[row + 1]
            while element < stop:
                flat[codes[element] * words + (row >> 6)] |= <uint64_t>1 << (row & 63)
                element += 1
    return {"flat": np.asarray(flat)}


def _present(const uint32_t[::1] codes, Py_ssize_t size, const uint32_t[::1] starts, Py_ssize_t rows):
    """For each code the blocks that hold it, as bits."""
    cdef Py_ssize_t words = ((rows + BLOCK - 1) // BLOCK + 63) // 64, row, element, stop
    cdef uint64_t[::1] present = np.zeros(max(size * words, 1), np.uint64)
    with nogil:
        element = 0
        for row in range(rows):
            stop = row + 1 if starts is None else <Py_ssize_t>starts[row + 1]
            while element < stop:
                present[codes[element] * words + (row >> 18)] |= <uint64_t>1 << ((row >> 12) & 63)
                element += 1
    return np.asarray(present)


def _listed(const uint32_t[::1] codes, Py_ssize_t size, const uint32_t[::1] starts):
    """The rows of each code, block by block, as bitmaps or lists; nothing where a block has very many codes."""
    cdef Py_ssize_t rows = codes.shape[0] if starts is None else starts.shape[0] - 1
    cdef Py_ssize_t blocks = (rows + BLOCK - 1) // BLOCK
    cdef uint32_t[::1] block_start = np.zeros(blocks + 1, np.uint32)
    cdef uint32_t[::1] block_cost = np.zeros(max(blocks, 1), np.uint32)
    cdef Py_ssize_t widest = _widest(starts, rows)
    cdef uint32_t* counts = <uint32_t*>calloc(size, sizeof(uint32_t))
    cdef uint32_t* touched = <uint32_t*>calloc(max(widest, 1), sizeof(uint32_t))
    cdef Py_ssize_t entries = 0, bitmaps = 0, listed = 0, block, entry
    cdef uint32_t[::1] entry_code, entry_at, entry_of
    cdef uint16_t[::1] entry_count, sparse
    cdef uint64_t[::1] dense
    try:
        if counts is NULL or touched is NULL:
            raise MemoryError
        with nogil:
            _measure(codes, starts, rows, counts, touched, block_start, block_cost, &bitmaps, &listed)
        entries = block_start[blocks]
        if starts is None and entries > MANY_ENTRIES * max(blocks, 1):
            return {}
        entry_code, entry_at = np.zeros(max(entries, 1), np.uint32), np.zeros(max(entries, 1), np.uint32)
        entry_count = np.zeros(max(entries, 1), np.uint16)
        dense, sparse = aligned(max(bitmaps, 1) * WORDS), np.zeros(max(listed, 1), np.uint16)
        with nogil:
            _fill(
                codes, starts, rows, counts, touched, block_start,
                entry_code, entry_count, entry_at, dense, sparse,
            )
    finally:
        free(counts)
        free(touched)
    arrays = {
        "block_start": np.asarray(block_start), "block_cost": np.asarray(block_cost),
        "entry_code": np.asarray(entry_code), "entry_count": np.asarray(entry_count),
        "entry_at": np.asarray(entry_at), "dense": np.asarray(dense), "sparse": np.asarray(sparse),
    }
    if size * blocks <= rows // 4:
        entry_of = np.zeros(max(size * blocks, 1), np.uint32)
        for block in range(blocks):
            for entry in range(block_start[block], block_start[block + 1]):
                entry_of[block * size + entry_code[entry]] = <uint32_t>entry + 1
        arrays["entry_of"] = np.asarray(entry_of)
    return arrays


def _check(const uint32_t[::1] codes, size, const uint32_t[::1] starts):
    """Refuses arrays that would lead the kernels astray."""
    if not 1 <= size <= 1 << 31:
        raise ValueError("size must be between 1 and 2**31")
    if codes.shape[0] and np.asarray(codes).max() >= size:
        raise ValueError("a code is not below size")
    if starts is None:
        return
    if starts.shape[0] == 0 or starts[0] != 0 or starts[starts.shape[0] - 1] != codes.shape[0]:
        raise ValueError("starts must run from 0 to the number of codes")
    if starts.shape[0] > 1 and np.diff(np.asarray(starts).astype(np.int64)).min() < 1:
        raise ValueError("every row needs a code")


cdef Py_ssize_t _widest(const uint32_t[::1] starts, Py_ssize_t rows):
    """Most elements in one block."""
    cdef Py_ssize_t first, widest = 0
    if starts is None:
        return min(rows, <Py_ssize_t>BLOCK)
    for first in range(0, rows, BLOCK):
        widest = max(widest, <Py_ssize_t>starts[min(first + BLOCK, rows)] - <Py_ssize_t>starts[first])
    return widest


cdef void _measure(
    const uint32_t[::1] codes, const uint32_t[::1] starts, Py_ssize_t rows, uint32_t* counts, uint32_t* touched,
    uint32_t[::1] block_start, uint32_t[::1] block_cost, Py_ssize_t* bitmaps, Py_ssize_t* listed
) noexcept nogil:
    """How many entries, bitmaps and listed rows the blocks need."""
    cdef Py_ssize_t block, first, last, i, found, cost
    for block in range(block_start.shape[0] - 1):
        first, last = block * BLOCK, min((block + 1) * BLOCK, rows)
        if starts is not None:
            first, last = starts[first], starts[last]
        found = _distinct(&codes[0], first, last, counts, touched)
        block_start[block + 1] = block_start[block] + <uint32_t>found
        cost = 0
        for i in range(found):
            if counts[touched[i]] > DENSE:
                bitmaps[0] += 1
                cost += 8
            else:
                listed[0] += counts[touched[i]]
                cost += counts[touched[i]] + 4
            counts[touched[i]] = 0
        block_cost[block] = <uint32_t>cost


cdef void _fill(
    const uint32_t[::1] codes, const uint32_t[::1] starts, Py_ssize_t rows, uint32_t* counts, uint32_t* touched,
    const uint32_t[::1] block_start, uint32_t[::1] entry_code, uint16_t[::1] entry_count, uint32_t[::1] entry_at,
    uint64_t[::1] dense, uint16_t[::1] sparse
) noexcept nogil:
    """Writes the entries of every block; afterwards `counts` is zero again."""
    cdef Py_ssize_t block, first, last, i, element, stop, row, found, entry
    cdef Py_ssize_t bitmaps = 0, listed = 0
    for block in range(block_start.shape[0] - 1):
        first, last = block * BLOCK, min((block + 1) * BLOCK, rows)
        found = _distinct(
            &codes[0],
            first if starts is None else <Py_ssize_t>starts[first],
            last if starts is None else <Py_ssize_t>starts[last],
            counts, touched,
        )
        for i in range(found):
            entry = block_start[block] + i
            entry_code[entry] = touched[i]
            entry_count[entry] = <uint16_t>counts[touched[i]]
            if counts[touched[i]] > DENSE:
                entry_at[entry] = <uint32_t>bitmaps
                bitmaps += 1
            else:
                entry_at[entry] = <uint32_t>listed
                listed += counts[touched[i]]
            counts[touched[i]] = <uint32_t>i + 1  # from here on the code's place among the block's entries
        element = first if starts is None else <Py_ssize_t>starts[first]
        for row in range(first, last):
            stop = element + 1 if starts is None else <Py_ssize_t>starts[row + 1]
            while element < stop:
                _put(
                    <Py_ssize_t>block_start[block] + <Py_ssize_t>counts[codes[element]] - 1, <uint16_t>(row - first),
                    entry_count, entry_at, dense, sparse,
                )
                element += 1
        for i in range(found):
            entry = block_start[block] + i
            if entry_count[entry] <= DENSE:
                entry_at[entry] -= entry_count[entry]  # _put moved it to the end of its list
            counts[touched[i]] = 0


cdef inline void _put(
    Py_ssize_t entry, uint16_t row, const uint16_t[::1] entry_count, uint32_t[::1] entry_at, uint64_t[::1] dense,
    uint16_t[::1] sparse
) noexcept nogil:
    if entry_count[entry] > DENSE:
        dense[entry_at[entry] * WORDS + (row >> 6)] |= <uint64_t>1 << (row & 63)
    else:
        sparse[entry_at[entry]] = row
        entry_at[entry] += 1


cdef class IntColumn:
    """Whole numbers of a column (int64, ABSENT for none) with their bounds by block; never changed once made.

    Kept above a base as 16 coarse and, where these do not suffice, up to 16 fine bits: a range reads the coarse ones
    and looks at the fine ones only where they decide. Wider columns stay int64. `ordered` adds the rows in order of
    value.
    """

    def __init__(self, const int64_t[::1] values not None):
        cdef Py_ssize_t rows = values.shape[0], blocks = (rows + BLOCK - 1) // BLOCK
        cdef int64_t[::1] low = np.full(max(blocks, 1), INT64_MAX, np.int64)
        cdef int64_t[::1] high = np.full(max(blocks, 1), INT64_MIN, np.int64)
        cdef uint8_t[::1] gaps = np.zeros(max(blocks, 1), np.uint8)
        with nogil:
            _bounds(values, low, high, gaps)
        wide = np.asarray(values)
        least, most, shift = int(np.asarray(low).min()), int(np.asarray(high).max()), 0
        if least > most:
            least = most = 0
        while (most - least) >> shift >= 65535:
            shift += 1
        arrays = {"low": np.asarray(low), "high": np.asarray(high), "gaps": np.asarray(gaps)}
        if shift > 16:
            arrays["broad"] = np.array(wide)
        else:
            above = np.where(wide == ABSENT, np.int64(0), wide - np.int64(least))
            arrays["coarse"] = np.where(wide == ABSENT, np.int64(65535), above >> shift).astype(np.uint16)
            if shift:
                arrays["fine"] = (above & ((1 << shift) - 1)).astype(np.uint16)
        self._adopt(rows, least, shift, arrays)

    @staticmethod
    def restored(rows, base, shift, arrays):
        """A column of arrays that `arrays` of another told; they are believed."""
        cdef IntColumn column = IntColumn.__new__(IntColumn)
        column._adopt(rows, base, shift, dict(arrays))
        return column

    def _adopt(self, Py_ssize_t rows, int64_t base, int shift, dict arrays):
        cdef IntView* view = &self.view
        self.rows, self.base, self.shift, self.arrays = rows, base, shift, arrays
        view.base, view.shift = base, shift
        view.coarse = <const uint16_t*>_address(arrays.get("coarse"))
        view.fine = <const uint16_t*>_address(arrays.get("fine"))
        view.broad = <const int64_t*>_address(arrays.get("broad"))
        view.low, view.high = <const int64_t*>_address(arrays["low"]), <const int64_t*>_address(arrays["high"])
        view.gaps = <const uint8_t*>_address(arrays["gaps"])
        view.order = <const uint32_t*>_address(arrays.get("order"))
        view.present = 0 if view.order is NULL else _present_rows(view, rows)

    def settle(self):
        """Reads the arrays where they are now."""
        self._adopt(self.rows, self.base, self.shift, self.arrays)

    def ordered(self, by_id):
        """Keeps the rows in order of value, absent ones last, those of one value in the order of `by_id` (uint32)."""
        values = self.wide()[by_id]
        values[values == ABSENT] = INT64_MAX
        order = np.ascontiguousarray(by_id[np.argsort(values, kind="stable")], np.uint32)
        if order.shape[0] != self.rows:
            raise ValueError("by_id must name each row once")
        self.arrays["order"] = order
        self.settle()

    def wide(self):
        """The values as given: int64 with ABSENT."""
        if "broad" in self.arrays:
            return self.arrays["broad"]
        wide = self.arrays["coarse"].astype(np.int64) << self.shift
        if self.shift:
            wide |= self.arrays["fine"]
        wide += self.base
        wide[self.arrays["coarse"] == 65535] = ABSENT
        return wide

    @property
    def nbytes(self):
        """Bytes held by the arrays."""
        return sum(array.nbytes for array in self.arrays.values())


cdef Py_ssize_t _present_rows(const IntView* view, Py_ssize_t rows) noexcept nogil:
    """How many rows have a value; they come first in the order."""
    cdef Py_ssize_t first = 0, last = rows, middle
    while first < last:
        middle = (first + last) >> 1
        if value_at(view, view.order[middle]) == ABSENT_VALUE:
            last = middle
        else:
            first = middle + 1
    return first


cdef void _bounds(const int64_t[::1] values, int64_t[::1] low, int64_t[::1] high, uint8_t[::1] gaps) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(values.shape[0]):
        if values[i] == INT64_MIN:
            gaps[i // BLOCK] = 1
        else:
            low[i // BLOCK] = min(low[i // BLOCK], values[i])
            high[i // BLOCK] = max(high[i // BLOCK], values[i])


def gather_lists(
    const uint32_t[::1] starts not None, const uint32_t[::1] codes not None, const uint32_t[::1] order not None
):
    """The lists of the rows in `order`, in that order: (starts, codes), both uint32. Rows must exist. GIL released."""
    cdef Py_ssize_t i, j, at = 0, rows = order.shape[0]
    cdef uint32_t[::1] new_starts = np.zeros(rows + 1, np.uint32)
    with nogil:
        for i in range(rows):
            new_starts[i + 1] = new_starts[i] + starts[order[i] + 1] - starts[order[i]]
    cdef uint32_t[::1] new_codes = np.zeros(new_starts[rows], np.uint32)
    with nogil:
        for i in range(rows):
            for j in range(<Py_ssize_t>starts[order[i]], <Py_ssize_t>starts[order[i] + 1]):
                new_codes[at] = codes[j]
                at += 1
    return np.asarray(new_starts), np.asarray(new_codes)


def set_bit(uint64_t[::1] bits not None, Py_ssize_t place, bint value):
    """Sets or clears one bit; the caller keeps readers out meanwhile."""
    if not 0 <= place < bits.shape[0] * 64:
        raise IndexError("there is no such bit")
    if value:
        bits[place >> 6] |= <uint64_t>1 << (place & 63)
    else:
        bits[place >> 6] &= ~(<uint64_t>1 << (place & 63))


def bit_at(const uint64_t[::1] bits not None, Py_ssize_t place):
    """Whether a bit is set."""
    if not 0 <= place < bits.shape[0] * 64:
        raise IndexError("there is no such bit")
    return (bits[place >> 6] >> (place & 63)) & 1 != 0
