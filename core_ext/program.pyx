"""A compiled query, built step by step and checked at each, so that searches need not check anything a row."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t
from libc.stdlib cimport free, qsort, realloc
from libc.string cimport memcpy, memset

import numpy as np


cdef char* _grow(Grown* array, Py_ssize_t size) except NULL:
    """Room for `size` more bytes at the end of the array, taken at once."""
    cdef Py_ssize_t needed = array.used + size
    cdef void* moved
    if needed > array.room:
        array.room = max(2 * needed, <Py_ssize_t>256)
        moved = realloc(array.at, array.room)
        if moved is NULL:
            raise MemoryError
        array.at = <char*>moved
    array.used = needed
    return array.at + needed - size


cdef int _note(Grown* offsets, Py_ssize_t value) except -1:
    (<int32_t*>_grow(offsets, sizeof(int32_t)))[0] = <int32_t>value
    return 0


cdef int _ascending(const void* a, const void* b) noexcept nogil:
    cdef uint32_t x = (<const uint32_t*>a)[0]
    cdef uint32_t y = (<const uint32_t*>b)[0]
    return (x > y) - (x < y)


cdef class CodeSet:
    """Codes that many programs want, found once: `table` has a byte for each code, 1 if it is one of them, else 0."""

    def __init__(self, const uint8_t[::1] table not None):
        cdef Py_ssize_t i, count = 0
        cdef uint8_t beyond = 0
        for i in range(table.shape[0]):
            count += table[i]
            beyond |= table[i]
        if table.shape[0] < 1 or beyond > 1:
            raise ValueError("a byte of the table is neither 0 nor 1")
        self.size, self.table, self._table = table.shape[0], table.base, table
        cdef uint32_t[::1] codes = np.empty(count, np.uint32)
        count = 0
        for i in range(table.shape[0]):
            if table[i]:
                codes[count] = <uint32_t>i
                count += 1
        self.codes, self._codes = np.asarray(codes), codes


cdef class Program:
    """A query; built by one thread, then used by any number of searches at once.

    A row matches if it passes all filters of all groups; it passes a filter if it meets all its clauses; it meets a
    clause if one of its atoms holds (none holds where there are none). Group 0 is the scope: never relaxed. `limit`
    rows at most are wanted; `relax`: for each filter the rows that fail only it are counted.
    Every step raises ValueError for what no column could be asked.
    """

    def __init__(self, *, Py_ssize_t limit, bint relax=False):
        if not 0 <= limit <= 1 << 20:
            raise ValueError("limit must be between 0 and 2**20")
        self.limit, self.query.relax, self.query.apart = limit, relax, relax
        self._held = []

    def __dealloc__(self):
        free(self._groups.at)
        free(self._filters.at)
        free(self._clauses.at)
        free(self._atoms.at)
        free(self._codes.at)
        free(self._tables.at)
        free(self._facets.at)
        free(self._keys.at)
        free(self._cursor.at)

    def group(self):
        """Opens the next group and returns its number; the filters that follow are its."""
        self._unscored()
        _note(&self._groups, self.query.filters)
        self.query.groups += 1
        return self.query.groups - 1

    def filter(self):
        """Opens the next filter of the group and returns its number; the clauses that follow are its."""
        self._unscored()
        if not self.query.groups:
            raise ValueError("a filter needs a group")
        _note(&self._filters, self.query.clauses)
        self.query.filters += 1
        return self.query.filters - 1

    def clause(self):
        """Opens the next clause of the filter, or the next score clause; the atoms that follow are its."""
        self._open()
        if not self.query.filters:
            raise ValueError("a clause needs a filter")
        _note(&self._clauses, self.query.atoms)
        self.query.clauses += 1

    def scores(self):
        """From here on the clauses are counted for the key by score and filter nothing."""
        self._unscored()
        self._scored = True
        self.query.score_first = self.query.clauses

    cdef int _unscored(self) except -1:
        if self._scored:
            raise ValueError("score clauses come last")
        return self._open()

    cdef int _open(self) except -1:
        if self.query.group_start is not NULL:
            raise ValueError("the program is complete: a search has used it")
        return 0

    cdef Atom* _atom(self, int kind, Py_ssize_t column) except NULL:
        self._open()
        if not self.query.clauses or column < 0 or column > 1 << 24:
            raise ValueError("an atom needs a clause and a column")
        cdef Atom* atom = <Atom*>_grow(&self._atoms, sizeof(Atom))
        memset(atom, 0, sizeof(Atom))
        atom.kind, atom.column, atom.codes_at, atom.table_at = kind, <int32_t>column, -1, -1
        self.query.atoms += 1
        return atom

    def codes(self, Py_ssize_t column, wanted, Py_ssize_t size):
        """The atom "has one of these codes", each below `size`; codes above it are none of them."""
        cdef Py_ssize_t count = len(wanted), at = 0, i
        cdef uint32_t* held = <uint32_t*>_grow(&self._codes, count * sizeof(uint32_t)) if count else NULL
        cdef int64_t code
        cdef uint8_t* table
        if not 1 <= size <= 1 << 31:
            raise ValueError("size must be between 1 and 2**31")
        for code in wanted:
            if not 0 <= code < size or at == count:
                raise ValueError("a code is not below size")
            held[at] = <uint32_t>code
            at += 1
        if count > 1:
            qsort(held, count, sizeof(uint32_t), _ascending)
        cdef Atom* atom = self._atom(CODES, column)
        atom.count, atom.size = count, size
        atom.codes_at = self._codes.used - count * <Py_ssize_t>sizeof(uint32_t)
        if count > FEW:
            atom.table_at = self._tables.used
            table = <uint8_t*>_grow(&self._tables, size)
            memset(table, 0, size)
            for i in range(count):
                table[held[i]] = 1
        self.columns = max(self.columns, column + 1)

    def code_set(self, Py_ssize_t column, CodeSet wanted not None):
        """The atom "has one of the codes of the set"; codes beyond its table are none of them."""
        cdef Atom* atom = self._atom(CODES, column)
        atom.count, atom.size, atom.table = wanted._codes.shape[0], wanted.size, &wanted._table[0]
        atom.codes = &wanted._codes[0] if atom.count else NULL
        self._held.append(wanted)
        self.columns = max(self.columns, column + 1)

    def range(self, Py_ssize_t column, int64_t low, int64_t high):
        """The atom "low ≤ value ≤ high"; absent values lie in no range."""
        cdef Atom* atom = self._atom(RANGE, column)
        atom.low, atom.high = low, high
        self.ints = max(self.ints, column + 1)

    def bitmap(self, Py_ssize_t number):
        """The atom "the bit of the row is set in the segment's bitmap `number`"."""
        self._atom(BITMAP, number)
        self.bitmaps = max(self.bitmaps, number + 1)

    def facet(self, Py_ssize_t column, Py_ssize_t group, Py_ssize_t size):
        """Counts codes below `size`, leaving out the filters of `group` unless it is -1; returns the first counter."""
        self._open()
        if not 0 <= column <= 1 << 24 or not -1 <= group <= 1 << 24 or group == 0 or size < 1:
            raise ValueError("a facet names a column, and a group that is not the scope")
        cdef Facet* facet = <Facet*>_grow(&self._facets, sizeof(Facet))
        facet.column, facet.group, facet.at, facet.size = <int32_t>column, <int32_t>group, self.counters, size
        self.query.facets += 1
        self.query.apart |= group > 0
        self.counters += size
        self.columns = max(self.columns, column + 1)
        return facet.at

    cdef Key* _key(self, int kind, Py_ssize_t column, bint descending) except NULL:
        self._open()
        if not 0 <= column <= 1 << 24:
            raise ValueError("unknown sort key")
        cdef Key* key = <Key*>_grow(&self._keys, sizeof(Key))
        memset(key, 0, sizeof(Key))
        key.kind, key.column, key.descending, key.guard = kind, <int32_t>column, descending, -1
        self.query.keys += 1
        return key

    def by_number(self, Py_ssize_t column, bint descending, Py_ssize_t guard=-1, int64_t guard_code=0):
        """Sort key: the value of a whole-number column; with a guard absent unless code column `guard` has the code."""
        if not -1 <= guard <= 1 << 24:
            raise ValueError("unknown sort key")
        cdef Key* key = self._key(BY_NUMBER, column, descending)
        key.guard, key.guard_code = <int32_t>guard, guard_code
        self.ints = max(self.ints, column + 1)
        self.columns = max(self.columns, guard + 1)

    def by_table(self, Py_ssize_t column, const int64_t[::1] table not None, bint descending):
        """Sort key: the table's number for the row's code; 2**63 - 1 is absent. The table must not change any more."""
        if table.shape[0] < 1:
            raise ValueError("a sort key by table needs a table")
        cdef Key* key = self._key(BY_TABLE, column, descending)
        key.size, key.table = table.shape[0], &table[0]
        self._held.append(table.base)
        self.columns = max(self.columns, column + 1)

    def by_score(self, bint descending):
        """Sort key: how many score clauses the row meets."""
        self._key(BY_SCORE, 0, descending)

    def resume(self, keys, bytes last not None):
        """Only rows after this place are wanted: the key values of the last row as a search gave them, and its id."""
        cdef int64_t value
        if len(keys) != self.query.keys or len(last) != 16 or self._cursor.used:
            raise ValueError("the cursor has not one value a key and an id of 16 bytes")
        for value in keys:
            (<int64_t*>_grow(&self._cursor, sizeof(int64_t)))[0] = value
        memcpy(self.query.cursor_id, <const char*>last, 16)
        self.query.resumed = True

    @property
    def filters(self):
        """How many filters there are."""
        return self.query.filters

    @property
    def width(self):
        """How many sort keys there are."""
        return self.query.keys

    cdef Query* ready(self) except NULL:
        """The query, its arrays closed; ValueError if there is no scope or a facet leaves out a group that is not."""
        cdef Query* q = &self.query
        cdef Atom* atom
        cdef int i
        if not q.groups or not q.filters:
            raise ValueError("a program needs a scope")
        if q.group_start is not NULL:
            return q
        for i in range(q.facets):
            if (<Facet*>self._facets.at)[i].group >= q.groups:
                raise ValueError("a facet leaves out a group that is not there")
        if not self._scored:
            q.score_first = q.clauses
        _note(&self._groups, q.filters)
        _note(&self._filters, q.score_first)
        _note(&self._clauses, q.atoms)
        q.filter_start, q.clause_start = <const int32_t*>self._filters.at, <const int32_t*>self._clauses.at
        q.atom, q.facet = <const Atom*>self._atoms.at, <const Facet*>self._facets.at
        q.key, q.cursor = <const Key*>self._keys.at, <const int64_t*>self._cursor.at
        for i in range(q.atoms):
            atom = <Atom*>self._atoms.at + i
            if atom.codes_at >= 0:
                atom.codes = <const uint32_t*>(self._codes.at + atom.codes_at)
            if atom.table_at >= 0:
                atom.table = <const uint8_t*>(self._tables.at + atom.table_at)
        q.group_start = <const int32_t*>self._groups.at
        return q

    cdef bytes asked(self):
        """What is counted over what: the same for programs that differ only in order and page. `ready` came before."""
        cdef const Query* q = &self.query
        cdef const Atom* atom
        cdef int32_t head[5]
        cdef int64_t told[5]
        cdef list parts
        cdef int i
        head[:] = [q.groups, q.filters, q.score_first, q.facets, q.relax]
        parts = [
            (<char*>head)[: sizeof(head)],
            (<char*>q.group_start)[: (q.groups + 1) * sizeof(int32_t)],
            (<char*>q.filter_start)[: (q.filters + 1) * sizeof(int32_t)],
            (<char*>q.clause_start)[: (q.score_first + 1) * sizeof(int32_t)],
        ]
        if q.facets:
            parts.append((<char*>q.facet)[: q.facets * sizeof(Facet)])
        for i in range(q.clause_start[q.score_first]):
            atom = q.atom + i
            told[:] = [atom.kind, atom.column, atom.low, atom.high, atom.count]
            parts.append((<char*>told)[: sizeof(told)])
            if atom.count:
                parts.append((<char*>atom.codes)[: atom.count * sizeof(uint32_t)])
        return b"".join(parts)
