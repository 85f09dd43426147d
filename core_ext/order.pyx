"""The best of the matching rows: by a walk along the order of the first key, or by offering each of them."""

from libc.stdint cimport INT64_MAX, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memset

from core_ext.best cimport Best, keep
from core_ext.columns cimport BLOCK, WORDS, CodeView, IntView, code_at, value_at
from core_ext.evaluate cimport Scan, in_range, score
from core_ext.program cimport BY_NUMBER, BY_TABLE, RANGE, Atom, Query

cdef extern from *:
    """
    #define prefetch(address) __builtin_prefetch(address)
    """
    void prefetch(const void* address) nogil

cdef enum:
    BATCH = 32     # matching rows whose memory is asked for before the first is looked at
    STEP = 3       # a step along an order, in looks at a hit
    BY_ROWS = 24   # more matching rows of a block are first compared with the worst kept all at once
    LEEWAY = 4096  # steps along an order beyond eight times the expected number

cdef int64_t ABSENT = (<int64_t>1) << 63


cdef void offer(Scan* s, const Matches* matches, uint32_t number, Best* best) noexcept nogil:
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


cdef bint walk(Scan* s, const Matches* matches, Best* best) noexcept nogil:
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
