"""Criteria search over segments by blocks of 4,096 rows: exact counts, facets, relaxations and the best rows."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memset

from cpython.ref cimport Py_INCREF
from cpython.tuple cimport PyTuple_New, PyTuple_SET_ITEM

import numpy as np

from core_ext.best cimport Best, Hit, settle
from core_ext.columns cimport BLOCK, WORDS, CodeView
from core_ext.count cimport Counted, count
from core_ext.evaluate cimport Scan, conjunction, each_group, failing_only, prepare, tidy
from core_ext.gate cimport Gate
from core_ext.level cimport blocks
from core_ext.order cimport Matches, offer, walk
from core_ext.program cimport BY_TABLE, Program, Query
from core_ext.shelf cimport Shelf, ShelfView

cdef extern from *:
    """
    #define lowest_bit(word) __builtin_ctzll(word)
    """
    int lowest_bit(unsigned long long word) nogil

cdef extern from "<stdlib.h>" nogil:
    void* aligned_alloc(size_t alignment, size_t size)

cdef extern from "uuids.h":
    object uuid_text(const uint8_t* id)

cdef enum:
    MOST_COUNTED = 256  # searches whose facets are kept: a few megabytes at most
    LINE = 64   # bytes of a line of memory: masks that begin with one are read faster
    SPARE = 32  # counters behind the last: planes count all codes of their bits, of which a column need not have all

NO_COUNTERS = np.zeros(0, np.int64)


cdef class Found:
    """What a search found: exact counts, and the best rows in the order of the page."""

    cdef readonly int64_t total
    cdef readonly object counters
    cdef readonly list relaxed
    cdef readonly list keys
    cdef readonly list ids
    cdef readonly list shelves
    cdef readonly list rows


def search(
    Program program not None, tuple shelves not None, tuple extra=(), Gate gate=None, int64_t serial=0,
    dict counted=None,
):
    """Runs a program over all segments as one stock.

    `counted` keeps facets and relaxations by what they were counted over, as long as nothing changes: another page or
    order of the same search, and the search without criteria that everybody begins with, count them once.

    `extra`: for each shelf the bitmaps that the program names beyond the shelf's own, 64 words a block each. With a
    `gate` the search runs inside it, and answers None if there was a change since `serial`.
    ValueError where a segment does not fit the program. O(rows) at worst, a bit of each row of each filter; blocks in
    which nothing can match are skipped. Scratch is the call's own and the GIL is released while it runs, so any number
    of searches may run at once.
    """
    cdef Query* q = program.ready()
    cdef Best best
    cdef Shelf shelf
    cdef Py_ssize_t i, number
    cdef int64_t total = 0, matching
    cdef bint entered = True, failed = False
    cdef Found found
    cdef const uint64_t[::1] bits
    cdef int64_t* relaxed = NULL
    cdef Query light
    cdef bytes asked = None
    if counted is not None and not extra and (q.facets or q.relax):
        asked = program.asked()
        known = counted.get(asked)
        if known is not None:
            light = q[0]
            light.facets, light.relax, light.apart = 0, False, False
            q = &light
    else:
        known = None
    counters = np.zeros(program.counters + SPARE, np.int64) if q.facets else NO_COUNTERS
    cdef int64_t[::1] counter = counters
    if extra and len(extra) != len(shelves):
        raise ValueError("there must be extra bitmaps for each shelf")
    for number in range(len(shelves)):
        shelf = shelves[number]
        _fits(program, q, shelf, extra[number] if extra else ())
    cdef const uint64_t** pointers = NULL
    best.limit, best.size, best.width = <int>program.limit, 0, q.keys
    best.keys = <int64_t*>malloc((best.limit + 1) * (best.width + 1) * sizeof(int64_t))
    best.hits = <Hit*>malloc((best.limit + 1) * sizeof(Hit))
    pointers = <const uint64_t**>calloc(len(shelves) * program.bitmaps + 1, sizeof(void*))
    cdef const ShelfView** views = <const ShelfView**>calloc(len(shelves) + 1, sizeof(void*))
    relaxed = <int64_t*>calloc(q.filters, sizeof(int64_t))
    try:
        if best.keys is NULL or best.hits is NULL or pointers is NULL or views is NULL or relaxed is NULL:
            raise MemoryError
        best.trial = best.keys + best.limit * best.width
        for number in range(len(shelves)):
            shelf = shelves[number]
            views[number] = &shelf.view
            for i in range(program.bitmaps):
                if i < shelf.view.bitmap_count:
                    pointers[number * program.bitmaps + i] = shelf.view.bitmaps[i]
                elif shelf.rows:
                    bits = extra[number][i - shelf.view.bitmap_count]
                    pointers[number * program.bitmaps + i] = &bits[0]
        with nogil:
            if gate is not None:
                entered = gate.enter(serial)
            if entered:
                for number in range(shelves_count(views)):
                    matching = _search_shelf(
                        q, views[number], pointers + number * program.bitmaps, <uint32_t>number, &best,
                        &counter[0] if q.facets else NULL,
                        relaxed,
                    )
                    if matching < 0:
                        failed = True
                        break
                    total += matching
                settle(&best)
                if gate is not None:
                    gate.leave()
        if failed:
            raise MemoryError
        if not entered:
            return None
        found = _told(program, q, total, counters, relaxed, &best)
        if known is not None:
            found.counters, found.relaxed = known
        elif asked is not None and len(counted) < MOST_COUNTED:
            counted[asked] = found.counters, found.relaxed
        return found
    finally:
        free(relaxed)
        free(best.keys)
        free(best.hits)
        free(pointers)
        free(views)


def matching(Program program not None, Shelf shelf not None, Gate gate=None, int64_t serial=0):
    """The rows of a segment that match a program of limit 0 without facets, as 64 words a block.

    None where a change came in since `serial`; ValueError as for `search`.
    """
    cdef Query* q = program.ready()
    cdef Py_ssize_t block, present = shelf.view.blocks
    cdef Matches matches
    cdef int64_t total = 0
    cdef uint64_t[::1] bits = np.zeros(max(present * WORDS, 1), np.uint64)
    cdef bint entered = True
    if q.facets or q.relax or program.bitmaps > shelf.view.bitmap_count:
        raise ValueError("only rows are asked for, by the segment's own bitmaps")
    _fits(program, q, shelf, ())
    with nogil:
        if gate is not None:
            entered = gate.enter(serial)
        if entered:
            matches.masks, matches.found = &bits[0], <uint16_t*>calloc(max(present, 1), sizeof(uint16_t))
            total = -1 if matches.found is NULL else _scanned(
                q, &shelf.view, shelf.view.bitmaps, &matches, NULL, NULL, NULL, 0
            )
            if gate is not None:
                gate.leave()
            if total >= 0:
                for block in range(present):
                    if not matches.found[block]:
                        memset(matches.masks + block * WORDS, 0, WORDS * 8)
            free(matches.found)
    if total < 0:
        raise MemoryError
    return np.asarray(bits)[: present * WORDS] if entered else None


cdef inline Py_ssize_t shelves_count(const ShelfView** views) noexcept nogil:
    cdef Py_ssize_t number = 0
    while views[number] is not NULL:
        number += 1
    return number


cdef Found _told(
    Program program, const Query* q, int64_t total, counters, const int64_t* relaxed, const Best* best
):
    """The result as Python has it."""
    cdef Found found = Found.__new__(Found)
    cdef int i, key
    cdef tuple keys
    cdef object value
    found.total, found.counters = total, counters[: program.counters] if q.facets else counters
    found.relaxed = [relaxed[i] for i in range(q.filters)]
    found.keys, found.ids, found.shelves, found.rows = [], [], [], []
    for i in range(best.size):
        keys = PyTuple_New(best.width)
        for key in range(best.width):
            value = best.keys[i * best.width + key]
            Py_INCREF(value)
            PyTuple_SET_ITEM(keys, key, value)
        found.keys.append(keys)
        found.ids.append(uuid_text(best.hits[i].id))
        found.shelves.append(best.hits[i].shelf)
        found.rows.append(best.hits[i].row)
    return found


cdef int _fits(Program program, const Query* q, Shelf shelf, tuple extra) except -1:
    """Refuses a segment that the program's tables do not cover or that lacks what the program names."""
    cdef const ShelfView* view = &shelf.view
    cdef const uint64_t[::1] bits
    cdef const CodeView* column
    cdef int i
    if program.ints > shelf._ints or program.bitmaps > view.bitmap_count + len(extra):
        raise ValueError("the program names a column or bitmap that the segment lacks")
    for array in extra:
        bits = array
        if bits.shape[0] != view.blocks * WORDS:
            raise ValueError("a bitmap has the wrong length")
    for i in range(q.facets):
        if q.facet[i].column < view.code_columns:
            column = view.codes[q.facet[i].column]
            if column is not NULL and column.size > q.facet[i].size:
                raise ValueError(f"the codes of column {q.facet[i].column} reach beyond the program's counters")
    for i in range(q.keys):
        if q.key[i].kind == BY_TABLE and q.key[i].column < view.code_columns:
            column = view.codes[q.key[i].column]
            if column is not NULL and (column.size > q.key[i].size or column.starts is not NULL):
                raise ValueError(f"the codes of column {q.key[i].column} reach beyond the program's tables")
    return 0


cdef int64_t _search_shelf(
    const Query* q, const ShelfView* shelf, const uint64_t** bitmaps, uint32_t number, Best* best, int64_t* counters,
    int64_t* relaxed
) noexcept nogil:
    """One segment: counts are added to, the best are offered; how many rows match, -1 without memory."""
    cdef Matches matches
    cdef int64_t total = -1
    if shelf.rows == 0:
        return 0
    matches.found = <uint16_t*>calloc(shelf.blocks, sizeof(uint16_t))
    matches.masks = <uint64_t*>aligned_alloc(LINE, shelf.blocks * WORDS * sizeof(uint64_t)) if best.limit else NULL
    if matches.found is not NULL and (matches.masks is not NULL or best.limit == 0):
        total = _scanned(q, shelf, bitmaps, &matches, counters, relaxed, best, number)
    free(matches.found)
    free(matches.masks)
    return total


cdef int64_t _scanned(
    const Query* q, const ShelfView* shelf, const uint64_t** bitmaps, Matches* matches, int64_t* counters,
    int64_t* relaxed, Best* best, uint32_t number
) noexcept nogil:
    """The same with room for the matches; `best` NULL: nothing is ordered."""
    cdef Scan s
    cdef Py_ssize_t words = (shelf.blocks + 63) >> 6, masks
    cdef int64_t total = -1
    s.q, s.shelf, s.loops, s.bitmaps = q, shelf, blocks, bitmaps
    masks = q.filters + q.groups + (q.clauses - q.score_first) + 5
    cdef size_t room = (
        (masks * WORDS + (3 + q.groups) * words + q.atoms + q.groups + WORDS * BLOCK // 256) * sizeof(uint64_t)
    )
    cdef uint64_t* scratch = <uint64_t*>aligned_alloc(LINE, (room + LINE - 1) // LINE * LINE)
    if scratch is NULL:
        return -1
    s.masks, s.grouped = scratch, scratch + q.filters * WORDS
    s.scored = s.grouped + q.groups * WORDS
    s.once = s.scored + (q.clauses - q.score_first) * WORDS
    s.twice, s.alive = s.once + WORDS, s.once + 2 * WORDS
    s.blocks = s.once + 5 * WORDS
    s.dead = s.blocks + 3 * words
    s.order = <int32_t*>(s.dead + q.groups * words)
    s.prepared = <uint64_t**>(s.dead + q.groups * words + q.groups)
    memset(s.prepared, 0, q.atoms * sizeof(uint64_t*))
    if prepare(&s):
        total = _each_block(&s, matches, s.once + 3 * WORDS, <uint16_t*>(s.prepared + q.atoms), counters, relaxed)
        if total and best is not NULL and best.limit and not (number == 0 and walk(&s, matches, best)):
            offer(&s, matches, number, best)
    tidy(&s)
    free(scratch)
    return total


cdef int64_t _each_block(
    Scan* s, Matches* matches, uint64_t* scratch, uint16_t* rows_of_block, int64_t* counters, int64_t* relaxed
) noexcept nogil:
    """Evaluates the blocks worth a look, counts facets and relaxations, keeps the matching rows."""
    cdef const Query* q = s.q
    cdef Py_ssize_t words = (s.shelf.blocks + 63) >> 6, block, word
    cdef uint64_t left, one
    cdef uint64_t* match = scratch
    cdef uint64_t* apart = scratch + WORDS
    cdef Counted counted
    cdef int rows, found, group, missing, but
    matches.total = 0
    counted.row = rows_of_block
    for word in range(words):
        left = s.blocks[word]
        while left:
            one = left & -left
            block = word * 64 + lowest_bit(left)
            left &= left - 1
            rows = <int>min(<Py_ssize_t>BLOCK, s.shelf.rows - block * BLOCK)
            if matches.masks is not NULL:
                match = matches.masks + block * WORDS
            counted.rows = rows
            missing, but = 0, -1
            if q.apart:
                for group in range(1, q.groups):
                    if s.dead[group * words + word] & one:
                        missing, but = missing + 1, group
            if missing == 1:
                if conjunction(s, block, rows, but, apart):
                    _tally(s, block, but, apart, 0, &counted, counters, relaxed)
            elif not q.apart:
                if conjunction(s, block, rows, -1, match):
                    _matched(s, block, match, matches, &counted, counters)
            elif each_group(s, block, rows):
                for group in range(WORDS):
                    match[group] = ~s.once[group]
                found = _matched(s, block, match, matches, &counted, counters)
                for group in range(1, q.groups):
                    s.loops.but_one(apart, s.once, s.twice, s.grouped + group * WORDS)
                    _tally(s, block, group, apart, found, &counted, counters, relaxed)
    return matches.total


cdef int _matched(
    Scan* s, Py_ssize_t block, const uint64_t* match, Matches* matches, Counted* counted, int64_t* counters
) noexcept nogil:
    """Counts the matching rows of a block and the facets that leave nothing out."""
    cdef int found = s.loops.count(match), facet
    if not found:
        return 0
    matches.found[block] = <uint16_t>found
    matches.total += found
    counted.mask, counted.found, counted.listed = match, found, 0
    for facet in range(s.q.facets):
        if s.q.facet[facet].group < 0:
            count(_faceted(s, facet), s.loops, block, counted, counters + s.q.facet[facet].at)
    return found


cdef void _tally(
    Scan* s, Py_ssize_t block, int group, const uint64_t* apart, int matching, Counted* counted,
    int64_t* counters, int64_t* relaxed
) noexcept nogil:
    """Counts what matches if a group is left out: its facets, and the rows that fail only one of its filters."""
    cdef int found = s.loops.count(apart), facet, f, first = s.q.group_start[group], last = s.q.group_start[group + 1]
    if not found:
        return
    if s.q.relax:
        if last - first == 1:
            relaxed[first] += found - matching
        elif found > matching:
            for f in range(first, last):
                relaxed[f] += failing_only(s, group, f, apart)
    counted.mask, counted.found, counted.listed = apart, found, 0
    for facet in range(s.q.facets):
        if s.q.facet[facet].group == group:
            count(_faceted(s, facet), s.loops, block, counted, counters + s.q.facet[facet].at)


cdef inline const CodeView* _faceted(const Scan* s, int facet) noexcept nogil:
    cdef Py_ssize_t column = s.q.facet[facet].column
    return s.shelf.codes[column] if column < s.shelf.code_columns else NULL
