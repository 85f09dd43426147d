"""Criteria search over segments by blocks of 4,096 rows: exact counts, facets, relaxations and the best rows."""

from libc.stdint cimport INT64_MAX, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memset

from cpython.ref cimport Py_INCREF
from cpython.tuple cimport PyTuple_New, PyTuple_SET_ITEM

import numpy as np

from core_ext.best cimport Best, Hit, keep, settle
from core_ext.columns cimport BLOCK, WORDS, CodeView, IntView, code_at, value_at
from core_ext.count cimport Counted, count
from core_ext.evaluate cimport Scan, conjunction, each_group, failing_only, in_range, prepare, score, tidy
from core_ext.gate cimport Gate
from core_ext.level cimport blocks
from core_ext.program cimport BY_NUMBER, BY_TABLE, RANGE, Atom, Program, Query
from core_ext.shelf cimport Shelf, ShelfView

cdef extern from *:
    """
    #define lowest_bit(word) __builtin_ctzll(word)
    #define prefetch(address) __builtin_prefetch(address)
    """
    int lowest_bit(unsigned long long word) nogil
    void prefetch(const void* address) nogil

cdef extern from "<stdlib.h>" nogil:
    void* aligned_alloc(size_t alignment, size_t size)

cdef extern from "uuids.h":
    object uuid_text(const uint8_t* id)

cdef enum:
    BATCH = 32     # matching rows whose memory is asked for before the first is looked at
    STEP = 3       # a step along an order, in looks at a hit
    BY_ROWS = 24   # more matching rows of a block are first compared with the worst kept all at once
    LEEWAY = 4096  # steps along an order beyond eight times the expected number

cdef int64_t ABSENT = (<int64_t>1) << 63

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


cdef struct Matches:
    # The matching rows of a segment; the masks of blocks without one are not filled.
    uint64_t* masks
    uint16_t* found
    int64_t total


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
        if total and best is not NULL and best.limit and not (number == 0 and _walk(&s, matches, best)):
            _offer(&s, matches, number, best)
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


cdef void _offer(Scan* s, const Matches* matches, uint32_t number, Best* best) noexcept nogil:
    """Offers every matching row to the best, but those of blocks whose best key is worse than the worst kept."""
    cdef const Query* q = s.q
    cdef Py_ssize_t block
    cdef int i
    cdef int64_t value
    cdef int64_t least
    cdef uint64_t better[WORDS]
    cdef uint16_t[BLOCK] found
    cdef Py_ssize_t batch[BATCH]
    cdef int waiting = 0
    cdef const uint64_t* match
    cdef const IntView* view
    for block in range(s.first_block, s.last_block):
        if not matches.found[block]:
            continue
        match = matches.masks + block * WORDS
        if q.keys and q.key[0].kind == BY_NUMBER and best.size == best.limit:
            view = s.shelf.ints[q.key[0].column]
            if view.low[block] > view.high[block]:
                value = INT64_MAX
            else:
                value = ~view.high[block] if q.key[0].descending else view.low[block]
            if value > best.keys[0]:
                continue
            if matches.found[block] > BY_ROWS and best.limit and best.keys[0] != INT64_MAX:
                memset(better, 0, WORDS * 8)
                least = q.cursor[0] if q.resumed else ABSENT + 1
                if q.key[0].descending:
                    in_range(s, q.key[0].column, block, ~best.keys[0], ~least, match, better)
                else:
                    in_range(s, q.key[0].column, block, least, best.keys[0], match, better)
                if not s.loops.and_into(better, match):
                    continue
                match = better
        if q.clauses > q.score_first:
            score(s, block, <int>min(<Py_ssize_t>BLOCK, s.shelf.rows - block * BLOCK), match)
        for i in range(s.loops.extract(match, found)):
            batch[waiting] = block * BLOCK + found[i]
            _fetch(s, batch[waiting])
            waiting += 1
            if waiting == BATCH:
                _offer_batch(s, batch, waiting, number, best)
                waiting = 0
        if s.q.clauses > s.q.score_first:
            _offer_batch(s, batch, waiting, number, best)  # the next block has other score masks
            waiting = 0
    _offer_batch(s, batch, waiting, number, best)


cdef inline void _fetch(const Scan* s, Py_ssize_t row) noexcept nogil:
    """Asks for the memory that the row's first key is in: matching rows lie far apart."""
    cdef const IntView* view
    cdef const CodeView* codes
    if s.q.keys and s.q.key[0].kind == BY_TABLE and s.q.key[0].column < s.shelf.code_columns:
        codes = s.shelf.codes[s.q.key[0].column]
        if codes is not NULL and codes.narrow is not NULL:
            prefetch(codes.narrow + row)
    elif s.q.keys and s.q.key[0].kind == BY_NUMBER:
        view = s.shelf.ints[s.q.key[0].column]
        if view.coarse is NULL:
            prefetch(view.broad + row)
        else:
            prefetch(view.coarse + row)


cdef inline void _offer_batch(
    const Scan* s, const Py_ssize_t* rows, int waiting, uint32_t number, Best* best
) noexcept nogil:
    cdef int i
    for i in range(waiting):
        _try(s, rows[i], number, best)


cdef inline void _try(const Scan* s, Py_ssize_t row, uint32_t number, Best* best) noexcept nogil:
    """Offers one row; most are refused by their first key."""
    cdef const Query* q = s.q
    cdef int key
    if q.keys:
        if best.size == best.limit and q.key[0].kind == BY_NUMBER and (
            _at_best(s.shelf.ints[q.key[0].column], row, q.key[0].descending) > best.keys[0]
        ):
            return
        best.trial[0] = _key(s, row, 0)
        if best.size == best.limit and best.trial[0] > best.keys[0]:
            return
        if q.resumed and best.trial[0] < q.cursor[0]:
            return
        for key in range(1, q.keys):
            best.trial[key] = _key(s, row, key)
    if not q.resumed or _is_after(q, best, s.shelf.ids + row * 16):
        keep(best, number, <uint32_t>row, s.shelf.ids)


cdef inline int64_t _at_best(const IntView* view, Py_ssize_t row, bint descending) noexcept nogil:
    """What the row's key by a number is at best, as its coarse bits tell: the fine ones are another line of memory."""
    cdef int64_t least
    if view.coarse is NULL:
        return ABSENT
    if view.coarse[row] == 65535:
        return INT64_MAX
    least = view.base + (<int64_t>view.coarse[row] << view.shift)
    return ~(least + (((<int64_t>1) << view.shift) - 1)) if descending else least


cdef inline int64_t _key(const Scan* s, Py_ssize_t row, int key) noexcept nogil:
    """The row's value of a sort key, so that smaller is better and absent is the largest."""
    cdef int64_t value
    cdef const CodeView* codes
    cdef int clause
    cdef Py_ssize_t place
    cdef const Query* q = s.q
    if q.key[key].kind == BY_NUMBER:
        value = value_at(s.shelf.ints[q.key[key].column], row)
        if value == ABSENT:
            return INT64_MAX
        if q.key[key].guard >= 0:
            codes = s.shelf.codes[q.key[key].guard] if q.key[key].guard < s.shelf.code_columns else NULL
            if codes is NULL or <int64_t>code_at(codes, row) != q.key[key].guard_code:
                return INT64_MAX
    elif q.key[key].kind == BY_TABLE:
        codes = s.shelf.codes[q.key[key].column] if q.key[key].column < s.shelf.code_columns else NULL
        value = q.key[key].table[0 if codes is NULL else code_at(codes, row)]
        if value == INT64_MAX:
            return INT64_MAX
    else:
        value = 0
        place = row & (BLOCK - 1)
        for clause in range(q.clauses - q.score_first):
            value += (s.scored[clause * WORDS + (place >> 6)] >> (place & 63)) & 1
    return ~value if q.key[key].descending else value


cdef inline bint _is_after(const Query* q, const Best* best, const uint8_t* id) noexcept nogil:
    cdef int key
    for key in range(q.keys):
        if best.trial[key] != q.cursor[key]:
            return best.trial[key] > q.cursor[key]
    for key in range(16):
        if id[key] != q.cursor_id[key]:
            return id[key] > q.cursor_id[key]
    return False


cdef bint _walk(Scan* s, const Matches* matches, Best* best) noexcept nogil:
    """Finds the best by walking the rows in order of the first key; False, and nothing kept, if that is no gain.

    Only a segment that is searched first may be walked: what was kept before would be lost by giving up.
    """
    cdef const Query* q = s.q
    if not q.keys or q.key[0].kind != BY_NUMBER or q.clauses > q.score_first:
        return False
    cdef const IntView* view = s.shelf.ints[q.key[0].column]
    cdef int64_t expected = <int64_t>best.limit * s.shelf.rows // matches.total * STEP
    if view.order is NULL or expected > matches.total or (q.resumed and q.cursor[0] == INT64_MAX):
        return False
    cdef int64_t steps = 8 * expected + LEEWAY, value
    cdef Py_ssize_t last = view.present, first = 0, begin
    cdef int64_t low = ABSENT + 1, high = INT64_MAX
    cdef bint done
    _narrowed(q, q.key[0].column, &low, &high)
    if low > high:
        return False
    first = _first_of(view, 0, last, low)
    if high < INT64_MAX:
        last = _first_of(view, first, last, high + 1)
    if not q.key[0].descending:
        if q.resumed:
            first = _first_of(view, first, last, q.cursor[0])
        done = _along(s, matches, view, first, last, &steps, best)
    else:
        if q.resumed:
            last = _first_of(view, first, last, ~q.cursor[0] + 1)
        done = False
        while last > first and steps > 0 and not done:
            value = value_at(view, view.order[last - 1])
            begin = _first_with(view, first, last, value)
            done = _along(s, matches, view, begin, last, &steps, best)
            last = begin
    if not done:
        best.size = 0
    return done


cdef void _narrowed(const Query* q, Py_ssize_t column, int64_t* low, int64_t* high) noexcept nogil:
    """The range outside which no value of a column matches, as far as filters of one range tell."""
    cdef int clause
    cdef const Atom* atom
    for clause in range(q.score_first):
        if q.clause_start[clause + 1] - q.clause_start[clause] == 1:
            atom = q.atom + q.clause_start[clause]
            if atom.kind == RANGE and atom.column == column:
                low[0], high[0] = max(low[0], atom.low), min(high[0], atom.high)


cdef bint _along(
    Scan* s, const Matches* matches, const IntView* view, Py_ssize_t first, Py_ssize_t last, int64_t* steps, Best* best
) noexcept nogil:
    """Offers the matching rows of a stretch of the order; True as soon as no later row can be among the best."""
    cdef Py_ssize_t place, row
    cdef int64_t least
    for place in range(first, last):
        steps[0] -= 1
        if steps[0] < 0:
            return False
        row = view.order[place]
        if matches.found[row >> 12] and (matches.masks[row >> 6] >> (row & 63)) & 1:
            if best.size == best.limit:
                least = _key(s, row, 0)
                if least == INT64_MAX:
                    continue
                if least > best.keys[0]:
                    return True
            _try(s, row, 0, best)
            if best.size == best.limit and s.q.keys == 1 and best.keys[0] != INT64_MAX:
                return True
    return False


cdef Py_ssize_t _first_of(const IntView* view, Py_ssize_t first, Py_ssize_t last, int64_t value) noexcept nogil:
    """The first place of the order whose value is not below `value`."""
    cdef Py_ssize_t middle
    while first < last:
        middle = (first + last) >> 1
        if value_at(view, view.order[middle]) < value:
            first = middle + 1
        else:
            last = middle
    return first


cdef Py_ssize_t _first_with(const IntView* view, Py_ssize_t first, Py_ssize_t last, int64_t value) noexcept nogil:
    """The same for the value that the last place has: few have it mostly, and so it is looked for from there."""
    cdef Py_ssize_t step = 1
    while last - step > first and value_at(view, view.order[last - step - 1]) == value:
        step *= 2
    return _first_of(view, max(first, last - step - 1), last, value)
