"""Criteria search over one segment by blocks of 4,096 rows: exact counts, facets, relaxations and the best rows."""

from libc.stdint cimport (
    INT32_MIN, INT64_MAX, INT64_MIN, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t,
)
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

from core_ext.best cimport Best, keep, settle
from core_ext.columns cimport BLOCK, DENSE, WORDS, CodeColumn, CodeView, IntColumn, IntView
from core_ext.program cimport BITMAP, BY_NUMBER, BY_TABLE, RANGE, Program, Query


cdef extern from "blocks.h" nogil:
    int block_count(const uint64_t* mask)
    int block_count_both(const uint64_t* mask, const uint64_t* other)
    void block_range32(const int32_t* values, int rows, int32_t low, int32_t high, uint64_t* mask)
    void block_range64(const int64_t* values, int rows, int64_t low, int64_t high, uint64_t* mask)
    void block_table16(const uint16_t* codes, int rows, const uint8_t* table, uint64_t* mask)
    void block_table32(const uint32_t* codes, int rows, const uint8_t* table, uint64_t* mask)
    int __builtin_ctzll(unsigned long long word)


cdef struct Stock:
    # One segment as the scan reads it.
    Py_ssize_t rows
    const CodeView** codes       # NULL: no row has a value, all codes are 0
    const IntView** ints
    const uint64_t** bitmaps
    const uint32_t* rank         # place of each row among the segment's ids in ascending order
    int64_t after                # ranks below it are not after the cursor


def scan(
    Program program not None, Py_ssize_t rows, tuple codes not None, tuple ints not None, tuple bitmaps not None,
    const uint32_t[::1] rank not None, int64_t after,
    int64_t[::1] counters not None, int64_t[::1] relaxed not None,
    int64_t[:, ::1] top_keys not None, uint32_t[::1] top_rows not None,
):
    """Runs a program over one segment: (total, rows found for the page).

    `codes`: CodeColumn or None (no row has a value) by column number; `ints`: IntColumn by column number; `bitmaps`: a
    uint64 word for 64 rows; `rank`: place of each row among the ascending ids; `after`: with a cursor, how
    many ids are not above its id. `counters` (by a facet's first counter + code) and `relaxed` (rows that fail only
    that filter, by filter) are added to. `top_keys` (limit × keys) and `top_rows` receive the best rows in order: by
    keys, then by id. Column numbers beyond `codes` count as None.
    ValueError where the segment does not fit the program. O(rows) at worst; blocks without a live row are skipped.
    Scratch is the call's own and the GIL is released, so any number of scans may run at once.
    """
    cdef Stock stock
    cdef Best best
    cdef Py_ssize_t words = (rows + 63) // 64
    cdef const uint64_t[::1] bits
    cdef Py_ssize_t i, key, reach = max(program.columns, <Py_ssize_t>len(codes))
    cdef int64_t total = -1
    cdef CodeColumn column
    cdef IntColumn numbers
    _fits(program, rows, codes, ints, bitmaps)
    if rank.shape[0] != rows or counters.shape[0] < program.counters or relaxed.shape[0] != program.filters:
        raise ValueError("rank, counters or relaxed have the wrong length")
    if top_keys.shape[0] != top_rows.shape[0] or (top_keys.shape[0] and top_keys.shape[1] != program.query.keys):
        raise ValueError("top_keys must be limit x keys, top_rows limit")
    if rows == 0:
        return 0, 0
    stock.rows, stock.rank, stock.after = rows, &rank[0], after
    cdef const void** pointers = <const void**>calloc(reach + len(ints) + len(bitmaps) + 1, sizeof(void*))
    best.limit, best.size, best.width = <int>top_rows.shape[0], 0, program.query.keys
    best.keys = <int64_t*>calloc((best.limit + 1) * (best.width + 1), sizeof(int64_t))
    best.rows = <uint32_t*>calloc(best.limit + 1, sizeof(uint32_t))
    try:
        if pointers is NULL or best.keys is NULL or best.rows is NULL:
            raise MemoryError
        best.trial = best.keys + best.limit * best.width
        stock.codes = <const CodeView**>pointers
        stock.ints = <const IntView**>(pointers + reach)
        stock.bitmaps = <const uint64_t**>(pointers + reach + len(ints))
        for i in range(len(codes)):
            column = codes[i]
            if column is not None:
                stock.codes[i] = &column.view
        for i in range(len(ints)):
            numbers = ints[i]
            stock.ints[i] = &numbers.view
        for i in range(len(bitmaps)):
            bits = bitmaps[i]
            if bits.shape[0] != words:
                raise ValueError("a bitmap has the wrong length")
            stock.bitmaps[i] = &bits[0]
        with nogil:
            total = _scan(
                &program.query, &stock, &best, &counters[0] if counters.shape[0] else NULL, &relaxed[0]
            )
            if total >= 0:
                settle(&best, stock.rank)
        if total < 0:
            raise MemoryError
        for i in range(best.size):
            top_rows[i] = best.rows[i]
            for key in range(best.width):
                top_keys[i, key] = best.keys[i * best.width + key]
        return total, best.size
    finally:
        free(pointers)
        free(best.keys)
        free(best.rows)


def _fits(Program program, Py_ssize_t rows, tuple codes, tuple ints, tuple bitmaps):
    """Refuses a segment whose columns the program's tables do not cover."""
    cdef CodeColumn column
    cdef IntColumn numbers
    for number, size in program._code_reach.items():
        if number < len(codes) and codes[number] is not None:
            column = codes[number]
            if column.view.size > size:
                raise ValueError(f"the codes of column {number} reach beyond the program's tables")
    if any(number >= len(ints) for number in program._int_reach) or program.bitmaps > len(bitmaps):
        raise ValueError("the program names a column or bitmap that the segment lacks")
    for column in codes:
        if column is not None and column.rows != rows:
            raise ValueError("a code column has the wrong length")
    for numbers in ints:
        if numbers is None or numbers.rows != rows:
            raise ValueError("a number column has the wrong length")


cdef inline uint32_t _code(const CodeView* view, Py_ssize_t element) noexcept nogil:
    return view.narrow[element] if view.narrow is not NULL else view.broad[element]


cdef inline bint _any(const uint64_t* mask) noexcept nogil:
    cdef uint64_t seen = 0
    cdef int i
    for i in range(WORDS):
        seen |= mask[i]
    return seen != 0


cdef int64_t _scan(const Query* q, const Stock* stock, Best* best, int64_t* counters, int64_t* relaxed) noexcept nogil:
    """All blocks of the segment; -1 if there is no memory for the masks."""
    cdef int filters = q.group_start[q.groups]
    cdef int scores = q.score_last - q.score_first
    cdef uint64_t* masks = <uint64_t*>calloc((filters + q.groups + scores + 4) * WORDS, sizeof(uint64_t))
    if masks is NULL:
        return -1
    cdef uint64_t* grouped = masks + filters * WORDS
    cdef uint64_t* scored = grouped + q.groups * WORDS
    cdef uint64_t* once = scored + scores * WORDS   # rows that fail at least one group
    cdef uint64_t* twice = once + WORDS             # rows that fail at least two
    cdef uint64_t* match = twice + WORDS
    cdef uint64_t* apart = match + WORDS
    cdef int64_t total = 0
    cdef Py_ssize_t block
    cdef int rows, i, g, f, facet, found
    for block in range((stock.rows + BLOCK - 1) // BLOCK):
        rows = <int>min(<Py_ssize_t>BLOCK, stock.rows - block * BLOCK)
        if not _evaluate(q, stock, block, rows, masks, grouped, once, twice, match):
            continue
        for i in range(WORDS):
            match[i] = ~once[i]
        found = block_count(match)
        total += found
        if q.relax:
            for g in range(1, q.groups):
                _without(grouped + g * WORDS, once, twice, apart)
                for f in range(q.group_start[g], q.group_start[g + 1]):
                    relaxed[f] += _relaxed(q, masks, g, f, apart)
        for facet in range(q.facets):
            g = <int>q.facet[facet].group
            if g < 0:
                _count(stock.codes[q.facet[facet].column], block, rows, match, found, counters + q.facet[facet].at)
            else:
                _without(grouped + g * WORDS, once, twice, apart)
                _count(
                    stock.codes[q.facet[facet].column], block, rows, apart, block_count(apart),
                    counters + q.facet[facet].at,
                )
        if found and best.limit:
            _offer(q, stock, block, rows, match, scored, best)
    free(masks)
    return total


cdef bint _evaluate(
    const Query* q, const Stock* stock, Py_ssize_t block, int rows, uint64_t* masks, uint64_t* grouped,
    uint64_t* once, uint64_t* twice, uint64_t* candidates
) noexcept nogil:
    """Fills the masks of one block; False as soon as no row of it can count for anything.

    `once` and `twice` are the two digits of a saturating count of failed groups: what fails only group g is
    ~twice & ~grouped[g], so every "all but one" product comes from one pass.
    """
    cdef int i, g, f
    cdef uint64_t failed
    for i in range(WORDS):
        candidates[i] = <uint64_t>0
    memset(candidates, 0xFF, (rows >> 6) * 8)
    if rows & 63:
        candidates[rows >> 6] = (<uint64_t>1 << (rows & 63)) - 1
    for g in range(q.groups):
        memcpy(grouped + g * WORDS, candidates, WORDS * 8)
        for f in range(q.group_start[g], q.group_start[g + 1]):
            _filter(q, stock, block, rows, q.filter_start[f], q.filter_start[f + 1], candidates, masks + f * WORDS)
            for i in range(WORDS):
                grouped[g * WORDS + i] &= masks[f * WORDS + i]
        if g == 0:
            for i in range(WORDS):
                once[i] = twice[i] = ~grouped[i]
        else:
            for i in range(WORDS):
                failed = candidates[i] & ~grouped[g * WORDS + i]
                twice[i] |= once[i] & failed
                once[i] |= failed
        memcpy(candidates, twice if q.apart else once, WORDS * 8)
        for i in range(WORDS):
            candidates[i] = ~candidates[i]
        if not _any(candidates):
            return False
    return True


cdef void _without(const uint64_t* group, const uint64_t* once, const uint64_t* twice, uint64_t* apart) noexcept nogil:
    """The rows that match if the filters of one group are left out."""
    cdef int i
    for i in range(WORDS):
        apart[i] = ~twice[i] & (~once[i] | ~group[i])


cdef int _relaxed(
    const Query* q, const uint64_t* masks, int group, int left_out, const uint64_t* apart
) noexcept nogil:
    """Rows of the block that fail only filter `left_out`."""
    cdef int i, f, found
    cdef uint64_t word
    found = 0
    for i in range(WORDS):
        word = apart[i] & ~masks[left_out * WORDS + i]
        if word:
            for f in range(q.group_start[group], q.group_start[group + 1]):
                if f != left_out:
                    word &= masks[f * WORDS + i]
            found += _ones(word)
    return found


cdef inline int _ones(uint64_t word) noexcept nogil:
    cdef int found = 0
    while word:
        word &= word - 1
        found += 1
    return found


cdef void _filter(
    const Query* q, const Stock* stock, Py_ssize_t block, int rows, int first, int last,
    const uint64_t* candidates, uint64_t* passing
) noexcept nogil:
    """The candidates that meet clauses first … last - 1."""
    cdef uint64_t met[WORDS]
    cdef int clause, atom, i
    memcpy(passing, candidates, WORDS * 8)
    for clause in range(first, last):
        memset(met, 0, WORDS * 8)
        for atom in range(q.clause_start[clause], q.clause_start[clause + 1]):
            _atom(q, stock, block, rows, atom, passing, met)
        for i in range(WORDS):
            passing[i] &= met[i]
        if not _any(passing):
            return


cdef void _atom(
    const Query* q, const Stock* stock, Py_ssize_t block, int rows, int atom, const uint64_t* candidates, uint64_t* met
) noexcept nogil:
    """Adds the rows for which the atom holds; what it says of rows that are no candidates does not matter."""
    cdef Py_ssize_t column = q.atom[atom].column
    cdef const uint64_t* bitmap
    cdef int i
    if q.atom[atom].kind == BITMAP:
        bitmap = stock.bitmaps[column] + block * WORDS
        for i in range((rows + 63) >> 6):
            met[i] |= bitmap[i]
    elif q.atom[atom].kind == RANGE:
        _range(stock.ints[column], block, rows, q.atom[atom].low, q.atom[atom].high, candidates, met)
    elif stock.codes[column] is NULL:
        if q.tables[q.atom[atom].table]:
            memset(met, 0xFF, WORDS * 8)
    else:
        _codes(
            stock.codes[column], block, rows,
            q.codes + q.atom[atom].low, <int>(q.atom[atom].high - q.atom[atom].low),
            q.tables + q.atom[atom].table, candidates, met,
        )


cdef void _range(
    const IntView* view, Py_ssize_t block, int rows, int64_t low, int64_t high,
    const uint64_t* candidates, uint64_t* met
) noexcept nogil:
    if low > high or view.high[block] < low or view.low[block] > high or view.low[block] > view.high[block]:
        return
    if low <= view.low[block] and view.high[block] <= high and not view.gaps[block]:
        memset(met, 0xFF, WORDS * 8)
        return
    low, high = max(low, view.low[block]), min(high, view.high[block])
    cdef Py_ssize_t first = block * BLOCK
    cdef int i, row
    cdef uint64_t word
    cdef int64_t value
    if block_count(candidates) < 128:
        for i in range(WORDS):
            word = candidates[i]
            while word:
                row = i * 64 + __builtin_ctzll(word)
                value = view.narrow[first + row] if view.narrow is not NULL else view.broad[first + row]
                if low <= value <= high:
                    met[i] |= word & -word
                word &= word - 1
    elif view.narrow is not NULL:
        block_range32(view.narrow + first, rows, <int32_t>low, <int32_t>high, met)
    else:
        block_range64(view.broad + first, rows, low, high, met)


cdef void _codes(
    const CodeView* view, Py_ssize_t block, int rows, const uint32_t* codes, int wanted, const uint8_t* table,
    const uint64_t* candidates, uint64_t* met
) noexcept nogil:
    """Rows with a wanted code: by the block's entries, or code by code, whichever visits less."""
    cdef Py_ssize_t entry, first = view.block_start[block], last = view.block_start[block + 1]
    cdef Py_ssize_t entries = last - first
    cdef int i, found = block_count(candidates)
    if found < 64 and found * 2 < entries:
        _codes_of_few(view, block, table, candidates, met)
    elif wanted * 16 < min(entries, <Py_ssize_t>1024):
        for i in range(wanted):
            entry = _entry(view, first, last, codes[i])
            if entry >= 0:
                _add(view, entry, met)
    elif entries > 512 and view.starts is NULL:
        if view.narrow is not NULL:
            block_table16(view.narrow + block * BLOCK, rows, table, met)
        else:
            block_table32(view.broad + block * BLOCK, rows, table, met)
    else:
        for entry in range(first, last):
            if table[view.entry_code[entry]]:
                _add(view, entry, met)


cdef void _codes_of_few(
    const CodeView* view, Py_ssize_t block, const uint8_t* table, const uint64_t* candidates, uint64_t* met
) noexcept nogil:
    cdef int i
    cdef Py_ssize_t row, element, stop
    cdef uint64_t word
    for i in range(WORDS):
        word = candidates[i]
        while word:
            row = block * BLOCK + i * 64 + __builtin_ctzll(word)
            element, stop = row, row + 1
            if view.starts is not NULL:
                element, stop = view.starts[row], view.starts[row + 1]
            while element < stop:
                if table[_code(view, element)]:
                    met[i] |= word & -word
                    break
                element += 1
            word &= word - 1


cdef inline Py_ssize_t _entry(const CodeView* view, Py_ssize_t first, Py_ssize_t last, uint32_t code) noexcept nogil:
    """The entry of a code among first … last - 1, or -1."""
    cdef Py_ssize_t middle
    cdef Py_ssize_t end = last
    while first < last:
        middle = (first + last) >> 1
        if view.entry_code[middle] < code:
            first = middle + 1
        else:
            last = middle
    return first if first < end and view.entry_code[first] == code else -1


cdef inline void _add(const CodeView* view, Py_ssize_t entry, uint64_t* met) noexcept nogil:
    cdef int i
    cdef const uint64_t* dense
    cdef const uint16_t* sparse
    if view.entry_count[entry] > DENSE:
        dense = view.dense + <Py_ssize_t>view.entry_at[entry] * WORDS
        for i in range(WORDS):
            met[i] |= dense[i]
    else:
        sparse = view.sparse + view.entry_at[entry]
        for i in range(view.entry_count[entry]):
            met[sparse[i] >> 6] |= <uint64_t>1 << (sparse[i] & 63)


cdef void _count(
    const CodeView* view, Py_ssize_t block, int rows, const uint64_t* mask, int found, int64_t* counters
) noexcept nogil:
    """Adds the masked rows of the block to the counters of their codes."""
    cdef Py_ssize_t entry, row, element, stop
    cdef int i
    cdef uint64_t word
    cdef const uint16_t* sparse
    if found == 0:
        return
    if view is NULL:
        counters[0] += found
    elif found == rows:
        for entry in range(view.block_start[block], view.block_start[block + 1]):
            counters[view.entry_code[entry]] += view.entry_count[entry]
    elif found < <int64_t>view.block_cost[block]:
        for i in range(WORDS):
            word = mask[i]
            while word:
                row = block * BLOCK + i * 64 + __builtin_ctzll(word)
                element, stop = row, row + 1
                if view.starts is not NULL:
                    element, stop = view.starts[row], view.starts[row + 1]
                while element < stop:
                    counters[_code(view, element)] += 1
                    element += 1
                word &= word - 1
    else:
        for entry in range(view.block_start[block], view.block_start[block + 1]):
            if view.entry_count[entry] > DENSE:
                counters[view.entry_code[entry]] += block_count_both(
                    mask, view.dense + <Py_ssize_t>view.entry_at[entry] * WORDS
                )
            else:
                sparse = view.sparse + view.entry_at[entry]
                for i in range(view.entry_count[entry]):
                    counters[view.entry_code[entry]] += (mask[sparse[i] >> 6] >> (sparse[i] & 63)) & 1


cdef void _offer(
    const Query* q, const Stock* stock, Py_ssize_t block, int rows, const uint64_t* match, uint64_t* scored, Best* best
) noexcept nogil:
    """Offers the matching rows of a block to the best."""
    cdef int i, key, clause
    cdef uint64_t word
    cdef int64_t value
    cdef Py_ssize_t row
    cdef const IntView* view
    if q.keys and q.key[0].kind == BY_NUMBER and best.size == best.limit:
        view = stock.ints[q.key[0].column]
        if view.low[block] > view.high[block]:
            value = INT64_MAX
        else:
            value = ~view.high[block] if q.key[0].descending else view.low[block]
        if value > best.keys[0]:
            return
    for clause in range(q.score_first, q.score_last):
        _filter(q, stock, block, rows, clause, clause + 1, match, scored + (clause - q.score_first) * WORDS)
    for i in range(WORDS):
        word = match[i]
        while word:
            row = block * BLOCK + i * 64 + __builtin_ctzll(word)
            word &= word - 1
            if q.keys:
                best.trial[0] = _key(q, stock, row, 0, scored)
                if best.size == best.limit and best.trial[0] > best.keys[0]:
                    continue
                if q.resumed and best.trial[0] < q.cursor[0]:
                    continue
                for key in range(1, q.keys):
                    best.trial[key] = _key(q, stock, row, key, scored)
            if not q.resumed or _is_after(q, stock, row, best):
                keep(best, <uint32_t>row, stock.rank)


cdef inline int64_t _key(
    const Query* q, const Stock* stock, Py_ssize_t row, int key, const uint64_t* scored
) noexcept nogil:
    """The row's value of a sort key, so that smaller is better and absent is the largest."""
    cdef int64_t value
    cdef const IntView* view
    cdef const CodeView* codes
    cdef int clause
    cdef Py_ssize_t place
    if q.key[key].kind == BY_NUMBER:
        view = stock.ints[q.key[key].column]
        if view.narrow is not NULL:
            value = view.narrow[row]
            if value == INT32_MIN:
                return INT64_MAX
        else:
            value = view.broad[row]
            if value == INT64_MIN:
                return INT64_MAX
        if q.key[key].guard >= 0:
            codes = stock.codes[q.key[key].guard]
            if codes is NULL or <int64_t>_code(codes, row) != q.key[key].guard_code:
                return INT64_MAX
    elif q.key[key].kind == BY_TABLE:
        codes = stock.codes[q.key[key].column]
        value = q.key_tables[q.key[key].table + (0 if codes is NULL else <int64_t>_code(codes, row))]
        if value == INT64_MAX:
            return INT64_MAX
    else:
        value = 0
        place = row & (BLOCK - 1)
        for clause in range(q.score_last - q.score_first):
            value += (scored[clause * WORDS + (place >> 6)] >> (place & 63)) & 1
    return ~value if q.key[key].descending else value


cdef inline bint _is_after(const Query* q, const Stock* stock, Py_ssize_t row, const Best* best) noexcept nogil:
    cdef int key
    for key in range(q.keys):
        if best.trial[key] != q.cursor[key]:
            return best.trial[key] > q.cursor[key]
    return <int64_t>stock.rank[row] >= stock.after
