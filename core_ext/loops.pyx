"""The loops over blocks as calls from Python: tests compare the levels by them, benchmarks time them.

Arrays have a line a block: masks 64 words, columns up to 4,096 rows; lines may repeat (a stride of 0). What a loop
writes or adds to is its last array; the GIL is released. blocks_plain.h says what each does. ValueError where the lines
do not fit together.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from core_ext.level cimport blocks

import numpy as np

cdef enum:
    ROWS = 4096
    WORDS = 64

ctypedef fused Number:
    uint8_t
    uint16_t
    int32_t
    int64_t

ctypedef fused Code:
    uint8_t
    uint16_t
    uint32_t


cdef int _fit(tuple masks, tuple columns=()) except -1:
    """Refuses what would lead the loops astray: lines of a wrong width or with gaps, or not one for each block."""
    for array in masks + columns:
        if array.shape[0] != masks[0].shape[0]:
            raise ValueError("every array needs a line for each block")
        if array.strides[array.ndim - 1] != array.itemsize:
            raise ValueError("a line must be without gaps")
    for mask in masks:
        if mask.shape[mask.ndim - 1] != WORDS or (mask.ndim == 3 and mask.strides[1] != WORDS * 8):
            raise ValueError("a mask has 64 words")
    for column in columns:
        if column.shape[1] > ROWS:
            raise ValueError("a block has up to 4,096 rows")
    return 0


def count(const uint64_t[:, :] masks not None):
    """Rows set, over all blocks."""
    cdef Py_ssize_t i
    cdef int64_t found = 0
    _fit((masks,))
    with nogil:
        for i in range(masks.shape[0]):
            found += blocks.count(&masks[i, 0])
    return found


def count_both(const uint64_t[:, :] masks not None, const uint64_t[:, :] others not None):
    cdef Py_ssize_t i
    cdef int64_t found = 0
    _fit((masks, others))
    with nogil:
        for i in range(masks.shape[0]):
            found += blocks.count_both(&masks[i, 0], &others[i, 0])
    return found


def count_less(const uint64_t[:, :] masks not None, const uint64_t[:, :] others not None):
    cdef Py_ssize_t i
    cdef int64_t found = 0
    _fit((masks, others))
    with nogil:
        for i in range(masks.shape[0]):
            found += blocks.count_less(&masks[i, 0], &others[i, 0])
    return found


def blocks_with_any(const uint64_t[:, :] masks not None):
    """Blocks with a row set."""
    cdef Py_ssize_t i
    cdef int64_t found = 0
    _fit((masks,))
    with nogil:
        for i in range(masks.shape[0]):
            found += blocks.any(&masks[i, 0])
    return found


def and_into(const uint64_t[:, :] others not None, uint64_t[:, :] masks not None):
    """Also returns the number of blocks with a row left; so do the two below."""
    cdef Py_ssize_t i
    cdef int64_t left = 0
    _fit((masks, others))
    with nogil:
        for i in range(masks.shape[0]):
            left += blocks.and_into(&masks[i, 0], &others[i, 0])
    return left


def and_not_into(const uint64_t[:, :] others not None, uint64_t[:, :] masks not None):
    cdef Py_ssize_t i
    cdef int64_t left = 0
    _fit((masks, others))
    with nogil:
        for i in range(masks.shape[0]):
            left += blocks.and_not_into(&masks[i, 0], &others[i, 0])
    return left


def and_of(
    const uint64_t[:, :] a not None, const uint64_t[:, :] b not None, uint64_t[:, :] out not None
):
    cdef Py_ssize_t i
    cdef int64_t left = 0
    _fit((out, a, b))
    with nogil:
        for i in range(out.shape[0]):
            left += blocks.and_of(&out[i, 0], &a[i, 0], &b[i, 0])
    return left


def or_into(const uint64_t[:, :] others not None, uint64_t[:, :] masks not None):
    cdef Py_ssize_t i
    _fit((masks, others))
    with nogil:
        for i in range(masks.shape[0]):
            blocks.or_into(&masks[i, 0], &others[i, 0])


def fail(
    const uint64_t[:, :] alive not None, const uint64_t[:, :] passed not None,
    uint64_t[:, :] once not None, uint64_t[:, :] twice not None,
):
    cdef Py_ssize_t i
    _fit((once, twice, alive, passed))
    with nogil:
        for i in range(once.shape[0]):
            blocks.fail(&once[i, 0], &twice[i, 0], &alive[i, 0], &passed[i, 0])


def but_one(
    const uint64_t[:, :] once not None, const uint64_t[:, :] twice not None,
    const uint64_t[:, :] group not None, uint64_t[:, :] out not None,
):
    """Returns the number of rows written."""
    cdef Py_ssize_t i
    cdef int64_t found = 0
    _fit((out, once, twice, group))
    with nogil:
        for i in range(out.shape[0]):
            found += blocks.but_one(&out[i, 0], &once[i, 0], &twice[i, 0], &group[i, 0])
    return found


def in_range(const Number[:, :] values not None, Number low, Number high, uint64_t[:, :] out not None):
    cdef Py_ssize_t i
    cdef int rows = <int>values.shape[1]
    _fit((out,), (values,))
    with nogil:
        for i in range(values.shape[0] if rows else 0):
            if Number is uint8_t:
                blocks.range_u8(&values[i, 0], rows, low, high, &out[i, 0])
            elif Number is uint16_t:
                blocks.range_u16(&values[i, 0], rows, low, high, &out[i, 0])
            elif Number is int32_t:
                blocks.range_i32(&values[i, 0], rows, low, high, &out[i, 0])
            else:
                blocks.range_i64(&values[i, 0], rows, low, high, &out[i, 0])


def equal(const Code[:, :] codes not None, Code code, uint64_t[:, :] out not None):
    cdef Py_ssize_t i
    cdef int rows = <int>codes.shape[1]
    _fit((out,), (codes,))
    with nogil:
        for i in range(codes.shape[0] if rows else 0):
            if Code is uint8_t:
                blocks.equal_u8(&codes[i, 0], rows, code, &out[i, 0])
            elif Code is uint16_t:
                blocks.equal_u16(&codes[i, 0], rows, code, &out[i, 0])
            else:
                blocks.equal_u32(&codes[i, 0], rows, code, &out[i, 0])


def in_table(const Code[:, :] codes not None, const uint8_t[::1] table not None, uint64_t[:, :] out not None):
    cdef Py_ssize_t i
    cdef int rows = <int>codes.shape[1]
    _fit((out,), (codes,))
    if table.shape[0] < (256 if codes.itemsize == 1 else int(np.asarray(codes).max(initial=0)) + 1):
        raise ValueError("the table is too short")
    with nogil:
        for i in range(codes.shape[0] if rows else 0):
            if Code is uint8_t:
                blocks.table_u8(&codes[i, 0], rows, &table[0], &out[i, 0])
            elif Code is uint16_t:
                blocks.table_u16(&codes[i, 0], rows, &table[0], &out[i, 0])
            else:
                blocks.table_u32(&codes[i, 0], rows, &table[0], &out[i, 0])


def in_set(const uint16_t[:, :] codes not None, const uint64_t[::1] members not None, uint64_t[:, :] out not None):
    """`members` has 8 words (codes below 512) or 64 (below 4,096)."""
    cdef Py_ssize_t i
    cdef int rows = <int>codes.shape[1]
    _fit((out,), (codes,))
    if members.shape[0] not in (8, 64) or np.asarray(codes).max(initial=0) >= members.shape[0] * 64:
        raise ValueError("the set is too small")
    with nogil:
        for i in range(codes.shape[0] if rows else 0):
            if members.shape[0] == 8:
                blocks.bits_u16(&codes[i, 0], rows, &members[0], &out[i, 0])
            else:
                blocks.wide_bits_u16(&codes[i, 0], rows, &members[0], &out[i, 0])


def count_planes(
    const uint64_t[:, :, :] planes not None, const uint64_t[:, :] masks not None, int64_t[::1] counters not None
):
    """`planes` has blocks × bits × 64 words; `counters` is added to."""
    cdef Py_ssize_t i
    cdef int bits = <int>planes.shape[1]
    _fit((masks, planes))
    if not 1 <= bits <= 5 or counters.shape[0] != 1 << bits:
        raise ValueError("1 to 5 planes, and a counter for each code")
    with nogil:
        for i in range(masks.shape[0]):
            blocks.count_planes(&planes[i, 0, 0], bits, &masks[i, 0], &counters[0])


def planes_of(const uint8_t[:, :] codes not None, uint64_t[:, :, :] planes not None):
    cdef Py_ssize_t i
    cdef int rows = <int>codes.shape[1], bits = <int>planes.shape[1]
    _fit((planes,), (codes,))
    if not 1 <= bits <= 5:
        raise ValueError("1 to 5 planes")
    with nogil:
        for i in range(codes.shape[0] if rows else 0):
            blocks.planes_of(&codes[i, 0], rows, bits, &planes[i, 0, 0])


def set_rows(const uint16_t[:, :] rows not None, uint64_t[:, :] out not None):
    cdef Py_ssize_t i
    _fit((out,), (rows,))
    if np.asarray(rows).max(initial=0) >= ROWS:
        raise ValueError("a block has up to 4,096 rows")
    with nogil:
        for i in range(rows.shape[0] if rows.shape[1] else 0):
            blocks.set_rows(&rows[i, 0], <int>rows.shape[1], &out[i, 0])


def count_rows(const uint16_t[:, :] rows not None, const uint64_t[:, :] masks not None):
    cdef Py_ssize_t i
    cdef int64_t found = 0
    _fit((masks,), (rows,))
    if np.asarray(rows).max(initial=0) >= ROWS:
        raise ValueError("a block has up to 4,096 rows")
    with nogil:
        for i in range(rows.shape[0] if rows.shape[1] else 0):
            found += blocks.count_rows(&rows[i, 0], <int>rows.shape[1], &masks[i, 0])
    return found


def extract(const uint64_t[:, :] masks not None, uint16_t[:, :] rows not None):
    """`rows` has 4,096 places a block; returns how many it got over all."""
    cdef Py_ssize_t i
    cdef int64_t found = 0
    _fit((masks,), (rows,))
    if rows.shape[1] != ROWS:
        raise ValueError("room for 4,096 rows is needed")
    with nogil:
        for i in range(masks.shape[0]):
            found += blocks.extract(&masks[i, 0], &rows[i, 0])
    return found


def least(const uint16_t[:, :] codes not None, const uint64_t[:, :] masks not None, const double[::1] table not None):
    """The least over all blocks; a column without whole words of 64 rows has none set beyond."""
    cdef Py_ssize_t i, word
    cdef double found = float("inf"), one
    _fit((masks,), (codes,))
    if np.asarray(codes).max(initial=0) >= table.shape[0]:
        raise ValueError("the table has not all codes")
    with nogil:
        for i in range(masks.shape[0]):
            for word in range((codes.shape[1] + 63) >> 6):
                one = blocks.least_u16(&codes[i, word << 6], masks[i, word], &table[0])
                found = min(found, one)
    return found


def at_most(
    const uint16_t[:, :] codes not None, const double[::1] table not None, double limit,
    uint64_t[:, :] masks not None
):
    """Keeps of the masks the rows for whose code the table has no more than the limit."""
    cdef Py_ssize_t i, word
    _fit((masks,), (codes,))
    if np.asarray(codes).max(initial=0) >= table.shape[0]:
        raise ValueError("the table has not all codes")
    with nogil:
        for i in range(masks.shape[0]):
            for word in range((codes.shape[1] + 63) >> 6):
                masks[i, word] = blocks.at_most_u16(&codes[i, word << 6], masks[i, word], &table[0], limit)
