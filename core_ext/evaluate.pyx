"""Which rows of a block a query wants: masks of 4,096 bits, filter by filter."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

from core_ext.columns cimport BLOCK, DENSE, WORDS, CodeView, IntView, code_at, value_at
from core_ext.level cimport BlockLoops
from core_ext.program cimport BITMAP, CODES, RANGE, Atom, Query

cdef extern from *:
    """
    #define lowest_bit(word) __builtin_ctzll(word)
    """
    int lowest_bit(unsigned long long word) nogil

cdef enum:
    ROW_BY_ROW = 48      # below so many candidates in a block each is looked at by itself
    LOOK_AT_BLOCK = 700  # looking every row of a block up in a table is worth so many rows set from a posting


cdef const CodeView* column_of(const Scan* s, Py_ssize_t number) noexcept nogil:
    """The column; NULL where no row has a value."""
    return s.shelf.codes[number] if number < s.shelf.code_columns else NULL


cdef bint prepare(Scan* s) noexcept nogil:
    """Finds the blocks worth a look and makes bitmaps of atoms that name many places; False without memory."""
    cdef const Query* q = s.q
    cdef Py_ssize_t words = (s.shelf.blocks + 63) >> 6, i
    cdef uint64_t* once = s.blocks + words
    cdef uint64_t* twice = once + words
    cdef uint64_t* live
    cdef uint64_t failed
    cdef int group, clause, filter_
    memset(s.dead, 0, q.groups * words * 8)
    for group in range(q.groups):
        live = s.dead + group * words
        memset(live, 0xFF, words * 8)
        if s.shelf.blocks & 63:
            live[words - 1] = (<uint64_t>1 << (s.shelf.blocks & 63)) - 1
        if q.relax and q.group_start[group + 1] - q.group_start[group] > 1:
            continue  # what fails only one of several filters is told by their masks
        for filter_ in range(q.group_start[group], q.group_start[group + 1]):
            for clause in range(q.filter_start[filter_], q.filter_start[filter_ + 1]):
                _blocks_of(s, clause, words, live, once)
    for i in range(words):
        once[i] = twice[i] = ~s.dead[i]
    for group in range(1, q.groups):
        for i in range(words):
            failed = ~twice[i] & ~s.dead[group * words + i]
            twice[i] |= once[i] & failed
            once[i] |= failed
    for i in range(words):
        s.blocks[i] = ~(twice[i] if q.apart else once[i])
    if s.shelf.blocks & 63:
        s.blocks[words - 1] &= (<uint64_t>1 << (s.shelf.blocks & 63)) - 1
    s.first_block, s.last_block = s.shelf.blocks, 0
    cdef Py_ssize_t looks = 0
    cdef uint64_t word
    for i in range(words):
        word = s.blocks[i]
        while word:
            looks += 1
            s.first_block = min(s.first_block, i * 64 + lowest_bit(word))
            s.last_block = i * 64 + lowest_bit(word) + 1
            word &= word - 1
    for i in range(q.groups * words):
        s.dead[i] = ~s.dead[i]
    for i in range(q.atoms):
        if looks and not _gathered(s, i, looks):
            return False
    _put_in_order(s)
    return True


cdef void _put_in_order(Scan* s) noexcept nogil:
    """The scope, then groups by the share of rows that they let pass; ranges, whose share is unknown, at the end."""
    cdef int group, place
    cdef double share
    cdef double* shares = <double*>s.once  # not yet in use
    s.order[0] = 0
    for group in range(1, s.q.groups):
        share = _share(s, group)
        place = group
        while place > 1 and place <= WORDS and shares[place - 1] > share:
            shares[place], s.order[place] = shares[place - 1], s.order[place - 1]
            place -= 1
        s.order[place] = group
        if place < WORDS:
            shares[place] = share


cdef double _share(const Scan* s, int group) noexcept nogil:
    """About which part of all rows passes a group; 2 and more if that is not known."""
    cdef double share = 1, met
    cdef int f, clause, at
    cdef const Atom* atom
    cdef const CodeView* view
    cdef int64_t i
    for f in range(s.q.group_start[group], s.q.group_start[group + 1]):
        for clause in range(s.q.filter_start[f], s.q.filter_start[f + 1]):
            met = 0
            for at in range(s.q.clause_start[clause], s.q.clause_start[clause + 1]):
                atom = s.q.atom + at
                if atom.kind != CODES:
                    met += 2
                    continue
                view = column_of(s, atom.column)
                if view is NULL or view.counts is NULL:
                    met += 1
                    continue
                for i in range(atom.count):
                    if atom.codes[i] < view.size:
                        met += <double>view.counts[atom.codes[i]] / s.shelf.rows
            share *= met
    return share


cdef void _blocks_of(const Scan* s, int clause, Py_ssize_t words, uint64_t* live, uint64_t* found) noexcept nogil:
    """Keeps of `live` the blocks in which a row may meet the clause; `found` is scratch."""
    cdef const Atom* atom
    cdef const CodeView* view
    cdef const uint64_t* present
    cdef int at
    cdef Py_ssize_t i, code
    memset(found, 0, words * 8)
    for at in range(s.q.clause_start[clause], s.q.clause_start[clause + 1]):
        atom = s.q.atom + at
        if atom.kind != CODES:
            return
        view = column_of(s, atom.column)
        if view is NULL or view.present is NULL or atom.count > 64:
            return
        for i in range(atom.count):
            code = atom.codes[i]
            if code < view.size:
                present = view.present + code * words
                for code in range(words):
                    found[code] |= present[code]
    for i in range(words):
        live[i] &= found[i]


cdef bint _gathered(Scan* s, int at, Py_ssize_t looks) noexcept nogil:
    """Sets the rows of an atom's codes from their postings, if that is less work than a look at every row."""
    cdef const Atom* atom = s.q.atom + at
    cdef const CodeView* view
    cdef int64_t i, rows = 0
    cdef Py_ssize_t code, place, stop
    cdef uint32_t first = <uint32_t>(s.first_block * BLOCK), row
    cdef int64_t last = s.last_block * BLOCK
    cdef uint64_t* bits
    if atom.kind != CODES or s.prepared[at] is not NULL:
        return True
    view = column_of(s, atom.column)
    if view is NULL or view.postings is NULL:
        return True
    for i in range(atom.count):
        code = atom.codes[i]
        if code < view.size:
            rows += view.posting_start[code + 1] - view.posting_start[code]
    if rows * (s.last_block - s.first_block) > looks * LOOK_AT_BLOCK * s.shelf.blocks:
        return True
    bits = <uint64_t*>calloc((s.last_block - s.first_block) * WORDS, sizeof(uint64_t))
    if bits is NULL:
        return False
    bits -= s.first_block * WORDS  # so that a block's words lie where those of a whole bitmap would
    s.prepared[at] = bits
    for i in range(atom.count):
        code = atom.codes[i]
        if code >= view.size:
            continue
        place, stop = view.posting_start[code], view.posting_start[code + 1]
        if first:
            place = _lower(view.postings, place, stop, first)
        while place < stop:
            row = view.postings[place]
            if row >= last:
                break
            bits[row >> 6] |= <uint64_t>1 << (row & 63)
            place += 1
    return True


cdef void tidy(Scan* s) noexcept nogil:
    """Frees what `prepare` has made."""
    cdef int at
    for at in range(s.q.atoms):
        if s.prepared[at] is not NULL:
            free(s.prepared[at] + s.first_block * WORDS)


cdef inline Py_ssize_t _lower(const uint32_t* values, Py_ssize_t first, Py_ssize_t last, uint32_t value) noexcept nogil:
    """The first place in an ascending stretch whose value is not below `value`."""
    cdef Py_ssize_t middle
    while first < last:
        middle = (first + last) >> 1
        if values[middle] < value:
            first = middle + 1
        else:
            last = middle
    return first


cdef inline void _all(uint64_t* mask, int rows) noexcept nogil:
    """Sets the block's rows."""
    memset(mask, 0xFF, (rows >> 6) * 8)
    if rows < BLOCK:
        memset(mask + (rows >> 6), 0, (WORDS - (rows >> 6)) * 8)
        if rows & 63:
            mask[rows >> 6] = (<uint64_t>1 << (rows & 63)) - 1


cdef bint conjunction(const Scan* s, Py_ssize_t block, int rows, int but, uint64_t* match) noexcept nogil:
    """The rows of the block that pass all groups but number `but`; False if there are none."""
    cdef int group, place
    _all(match, rows)
    for place in range(s.q.groups):
        group = s.order[place]
        if group != but and not _pass_group(s, block, rows, group, match, False):
            return False
    return True


cdef bint each_group(Scan* s, Py_ssize_t block, int rows) noexcept nogil:
    """Fills the masks of every group; False as soon as every row of the block fails two groups or the scope.

    `once` and `twice` are the two digits of a saturating count of failed groups: what fails only group g is
    ~twice & ~grouped[g], so every "all but one" product comes from one pass.
    """
    cdef int group, place, i
    cdef uint64_t* passed
    cdef const BlockLoops* loops = s.loops
    _all(s.alive, rows)
    for place in range(s.q.groups):
        group = s.order[place]
        passed = s.grouped + group * WORDS
        memcpy(passed, s.alive, WORDS * 8)
        _pass_group(s, block, rows, group, passed, s.q.group_start[group + 1] - s.q.group_start[group] > 1)
        if group == 0:
            for i in range(WORDS):
                s.once[i] = s.twice[i] = ~passed[i]
        else:
            loops.fail(s.once, s.twice, s.alive, passed)
        if not loops.and_not_into(s.alive, s.twice):
            return False
    return True


cdef bint _pass_group(
    const Scan* s, Py_ssize_t block, int rows, int group, uint64_t* passed, bint separately
) noexcept nogil:
    """Keeps the rows that pass the group; `separately`: with a mask of what each filter lets pass of them."""
    cdef int f, clause
    cdef bint any_left = True
    cdef uint64_t* mask
    cdef uint64_t candidates[WORDS]
    if separately:
        memcpy(candidates, passed, WORDS * 8)
    for f in range(s.q.group_start[group], s.q.group_start[group + 1]):
        mask = passed
        if separately:
            mask = s.masks + f * WORDS
            memcpy(mask, candidates, WORDS * 8)
        for clause in range(s.q.filter_start[f], s.q.filter_start[f + 1]):
            if not _meet(s, block, rows, clause, mask):
                if not separately:
                    return False
                break
        if separately:
            any_left = s.loops.and_into(passed, mask)
    return any_left


cdef void score(const Scan* s, Py_ssize_t block, int rows, const uint64_t* match) noexcept nogil:
    """Fills the masks of the score clauses for the matching rows."""
    cdef int clause
    for clause in range(s.q.score_first, s.q.clauses):
        memcpy(s.scored + (clause - s.q.score_first) * WORDS, match, WORDS * 8)
        _meet(s, block, rows, clause, s.scored + (clause - s.q.score_first) * WORDS)


cdef int failing_only(const Scan* s, int group, int left_out, const uint64_t* apart) noexcept nogil:
    """Rows of the block that fail only filter `left_out` of a group of several."""
    cdef uint64_t others[WORDS]
    cdef int f
    memcpy(others, apart, WORDS * 8)
    s.loops.and_not_into(others, s.masks + left_out * WORDS)
    for f in range(s.q.group_start[group], s.q.group_start[group + 1]):
        if f != left_out:
            s.loops.and_into(others, s.masks + f * WORDS)
    return s.loops.count(others)


cdef bint _meet(const Scan* s, Py_ssize_t block, int rows, int clause, uint64_t* mask) noexcept nogil:
    """Keeps the rows of the mask that meet the clause; False if none is left."""
    cdef int first = s.q.clause_start[clause], last = s.q.clause_start[clause + 1], at
    cdef uint64_t met[WORDS]
    cdef const uint64_t* ready
    cdef bint everything = False
    if last - first == 1:
        ready = _bitmap(s, block, rows, s.q.atom + first, first, &everything)
        if everything:
            return s.loops.any(mask)
        if ready is not NULL:
            return s.loops.and_into(mask, ready)
        if s.loops.count(mask) < _row_by_row_below(s, s.q.atom + first):
            return _row_by_row(s, block, s.q.atom + first, mask)
    memset(met, 0, WORDS * 8)
    for at in range(first, last):
        ready = _bitmap(s, block, rows, s.q.atom + at, at, &everything)
        if everything:
            return s.loops.any(mask)
        if ready is not NULL:
            s.loops.or_into(met, ready)
        elif s.q.atom[at].kind == RANGE:
            in_range(s, s.q.atom[at].column, block, s.q.atom[at].low, s.q.atom[at].high, mask, met)
        else:
            _codes(s, block, rows, s.q.atom + at, met)
    return s.loops.and_into(mask, met)


cdef uint64_t NOTHING[WORDS]
memset(NOTHING, 0, WORDS * 8)


cdef inline Py_ssize_t _entry(const CodeView* view, Py_ssize_t block, uint32_t code) noexcept nogil:
    """The entry of a code in a block, -1 if the block does not have it."""
    cdef Py_ssize_t first = view.block_start[block], last = view.block_start[block + 1], middle
    if view.entry_of is not NULL:
        return <Py_ssize_t>view.entry_of[block * view.size + code] - 1
    while first < last:
        middle = (first + last) >> 1
        if view.entry_code[middle] < code:
            first = middle + 1
        else:
            last = middle
    if first < <Py_ssize_t>view.block_start[block + 1] and view.entry_code[first] == code:
        return first
    return -1


cdef const uint64_t* _bitmap(
    const Scan* s, Py_ssize_t block, int rows, const Atom* atom, int at, bint* everything
) noexcept nogil:
    """The atom's rows where the block has them as a bitmap already; NULL if it does not. `everything`: all its rows."""
    cdef const CodeView* view
    cdef const IntView* ints
    cdef Py_ssize_t entry
    cdef uint32_t code
    if atom.kind == BITMAP:
        return s.bitmaps[atom.column] + block * WORDS
    if atom.kind == RANGE:
        ints = s.shelf.ints[atom.column]
        if atom.low > atom.high or ints.high[block] < atom.low or ints.low[block] > atom.high:
            return NOTHING
        if ints.low[block] > ints.high[block]:
            return NOTHING
        everything[0] = atom.low <= ints.low[block] and ints.high[block] <= atom.high and not ints.gaps[block]
        return NULL
    if s.prepared[at] is not NULL:
        return s.prepared[at] + block * WORDS
    view = column_of(s, atom.column)
    if view is NULL:
        everything[0] = atom.count > 0 and atom.codes[0] == 0
        return NOTHING
    if atom.count != 1:
        return NULL
    code = atom.codes[0]
    if code >= view.size:
        return NOTHING
    if view.flat is not NULL:
        return view.flat + (code * view.blocks + block) * WORDS
    if view.block_start is NULL:
        return NULL
    entry = _entry(view, block, code)
    if entry < 0:
        return NOTHING
    if view.entry_count[entry] == rows:
        everything[0] = True
        return NOTHING
    return view.dense + <Py_ssize_t>view.entry_at[entry] * WORDS if view.entry_count[entry] > DENSE else NULL


cdef inline bint _wanted(const Atom* atom, uint32_t code) noexcept nogil:
    cdef int64_t i
    if atom.table is not NULL:
        return code < atom.size and atom.table[code]
    for i in range(atom.count):
        if atom.codes[i] == code:
            return True
    return False


cdef inline int _row_by_row_below(const Scan* s, const Atom* atom) noexcept nogil:
    """From so many candidates in a block on, looking at each costs more than to find all rows of the atom.

    A row's code in planes is as many lines of memory as there are planes, a code's bitmap is eight.
    """
    cdef const CodeView* view
    if atom.kind == CODES:
        view = s.shelf.codes[atom.column]
        if view.bits:
            return min(<int>(atom.count * 8) // view.bits, <int>ROW_BY_ROW)
    return ROW_BY_ROW


cdef bint _row_by_row(const Scan* s, Py_ssize_t block, const Atom* atom, uint64_t* mask) noexcept nogil:
    """Keeps the rows of the mask for which the atom holds, looking at each.

    From a list of the rows: most words have none or one, and no processor foresees which.
    """
    cdef uint16_t[BLOCK] found
    cdef int count = s.loops.extract(mask, found), i
    cdef Py_ssize_t row, element, stop
    cdef bint holds
    cdef uint64_t left = 0
    cdef const CodeView* view
    memset(mask, 0, WORDS * 8)
    if atom.kind == RANGE:
        return _in_range_row_by_row(s.shelf.ints[atom.column], block, atom.low, atom.high, found, count, mask)
    view = s.shelf.codes[atom.column]
    for i in range(count):
        row = block * BLOCK + found[i]
        if view.starts is NULL:
            holds = _wanted(atom, code_at(view, row))
        else:
            holds = False
            element, stop = view.starts[row], view.starts[row + 1]
            while element < stop and not holds:
                holds = _wanted(atom, code_at(view, element))
                element += 1
        mask[found[i] >> 6] |= <uint64_t>holds << (row & 63)
        left |= holds
    return left != 0


cdef bint _in_range_row_by_row(
    const IntView* view, Py_ssize_t block, int64_t low, int64_t high, uint16_t* found, int count, uint64_t* mask
) noexcept nogil:
    """Sets those of the found rows whose value is in the range; the list is used up.

    Without branches on what is read: the rows lie far apart, and so their lines of memory are fetched side by side.
    The fine bits, which are other lines, are read of those alone whose coarse bits are the same as an end's.
    """
    cdef int i, ends = 0
    cdef Py_ssize_t first = block * BLOCK
    cdef int64_t value, from_, upto
    cdef uint64_t holds, left = 0
    low, high = max(low, view.low[block]), min(high, view.high[block])
    if low > high:
        return False
    if view.coarse is NULL:
        for i in range(count):
            value = view.broad[first + found[i]]
            holds = (value >= low) & (value <= high)
            mask[found[i] >> 6] |= holds << (found[i] & 63)
            left |= holds
        return left != 0
    from_, upto = (low - view.base) >> view.shift, (high - view.base) >> view.shift
    for i in range(count):
        value = view.coarse[first + found[i]]
        holds = (value >= from_) & (value <= upto)
        mask[found[i] >> 6] |= holds << (found[i] & 63)
        left |= holds
        found[ends] = found[i]
        ends += (value == from_) | (value == upto)
    if view.fine is NULL or not ends:
        return left != 0
    for i in range(ends):
        value = value_at(view, first + found[i])
        if value < low or value > high:
            mask[found[i] >> 6] &= ~(<uint64_t>1 << (found[i] & 63))
    left = 0
    for i in range(WORDS):
        left |= mask[i]
    return left != 0


cdef void in_range(
    const Scan* s, Py_ssize_t column, Py_ssize_t block, int64_t low, int64_t high, const uint64_t* candidates,
    uint64_t* met
) noexcept nogil:
    """Adds the candidates whose value is in the range, and maybe rows that are no candidates.

    The coarse bits tell of all rows but those at the ends of the range, which are looked at one by one.
    """
    cdef const IntView* view = s.shelf.ints[column]
    cdef Py_ssize_t first = block * BLOCK
    cdef int rows = <int>min(<Py_ssize_t>BLOCK, s.shelf.rows - first), start = 0, stop = WORDS, i
    cdef uint64_t inside[WORDS]
    cdef uint64_t ends[WORDS]
    cdef uint64_t between[WORDS]
    cdef uint64_t word
    cdef int64_t from_, upto, value, ones = ((<int64_t>1) << view.shift) - 1
    low, high = max(low, view.low[block]), min(high, view.high[block])
    if low > high:
        return
    while start < WORDS and not candidates[start]:  # rows are sorted: candidates often lie together
        start += 1
    while stop > start and not candidates[stop - 1]:
        stop -= 1
    if start == stop:
        return
    first += start * 64
    rows = min(rows, stop * 64) - start * 64
    if view.coarse is NULL:
        s.loops.range_i64(view.broad + first, rows, low, high, met + start)
        return
    from_, upto = (low - view.base) >> view.shift, (high - view.base) >> view.shift
    if view.fine is NULL:
        s.loops.range_u16(view.coarse + first, rows, <uint16_t>from_, <uint16_t>upto, met + start)
        return
    memset(inside, 0, WORDS * 8)
    s.loops.range_u16(view.coarse + first, rows, <uint16_t>from_, <uint16_t>upto, inside + start)
    if not s.loops.and_into(inside, candidates):
        return
    if (low - view.base) & ones or (high - view.base) & ones != ones:
        memset(between, 0, WORDS * 8)
        memcpy(ends, inside, WORDS * 8)
        if upto > from_ + 1:
            s.loops.range_u16(view.coarse + first, rows, <uint16_t>(from_ + 1), <uint16_t>(upto - 1), between + start)
        if s.loops.and_not_into(ends, between):
            for i in range(start, stop):
                word = ends[i]
                while word:
                    value = value_at(view, block * BLOCK + i * 64 + lowest_bit(word))
                    if value < low or value > high:
                        inside[i] &= ~(word & -word)
                    word &= word - 1
    s.loops.or_into(met, inside)


cdef void _codes(const Scan* s, Py_ssize_t block, int rows, const Atom* atom, uint64_t* met) noexcept nogil:
    """Adds the rows that have one of the codes: by the codes' bitmaps and lists, or by a look at every row."""
    cdef const CodeView* view = s.shelf.codes[atom.column]
    cdef const uint32_t* codes = atom.codes
    cdef Py_ssize_t entry, first, last
    cdef int64_t i
    if view.flat is not NULL:
        for i in range(atom.count):
            if codes[i] < view.size:
                s.loops.or_into(met, view.flat + (codes[i] * view.blocks + block) * WORDS)
        return
    if view.block_start is NULL:
        _look_up(s, view, block * BLOCK, rows, atom, met)
        return
    first, last = view.block_start[block], view.block_start[block + 1]
    if atom.table is not NULL and (last - first) < 4 * atom.count:
        for entry in range(first, last):
            if view.entry_code[entry] < atom.size and atom.table[view.entry_code[entry]]:
                _add(s, view, entry, met)
        return
    for i in range(atom.count):
        if codes[i] < view.size:
            entry = _entry(view, block, codes[i])
            if entry >= 0:
                _add(s, view, entry, met)


cdef inline void _add(const Scan* s, const CodeView* view, Py_ssize_t entry, uint64_t* met) noexcept nogil:
    if view.entry_count[entry] > DENSE:
        s.loops.or_into(met, view.dense + <Py_ssize_t>view.entry_at[entry] * WORDS)
    else:
        s.loops.set_rows(view.sparse + view.entry_at[entry], view.entry_count[entry], met)


cdef void _look_up(
    const Scan* s, const CodeView* view, Py_ssize_t first, int rows, const Atom* atom, uint64_t* met
) noexcept nogil:
    """Adds the rows of a column without entries that have one of the codes."""
    cdef const BlockLoops* loops = s.loops
    cdef const uint8_t* table
    cdef int64_t i
    cdef uint32_t code
    if atom.table is not NULL and atom.size >= view.size:
        table = atom.table
        if view.narrow is not NULL:
            loops.table_u16(view.narrow + first, rows, table, met)
        elif view.broad is not NULL:
            loops.table_u32(view.broad + first, rows, table, met)
        else:
            for i in range(rows):
                if table[view.tiny[first + i]]:
                    met[i >> 6] |= <uint64_t>1 << (i & 63)
        return
    for i in range(atom.count):
        code = atom.codes[i]
        if code >= view.size:
            continue
        if view.narrow is not NULL:
            loops.equal_u16(view.narrow + first, rows, <uint16_t>code, met)
        elif view.broad is not NULL:
            loops.equal_u32(view.broad + first, rows, code, met)
        else:
            loops.equal_u8(view.tiny + first, rows, <uint8_t>code, met)
