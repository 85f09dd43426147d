"""A compiled query as flat arrays, checked once, so that scans need not check anything a row."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t

import numpy as np

cdef object _BOUNDLESS = 1 << 31


cdef class Program:
    """A query as flat arrays; immutable, used by any number of scans at once.

    `groups`, `filters`, `clauses`: int32 offsets, each into the next level. A row matches if it passes all filters of
    all groups; it passes a filter if it meets all its clauses; it meets a clause if one of its atoms holds. Group 0 is
    the scope: never relaxed. Clauses behind the last filter are score clauses.
    `atoms`: (kind, column, low, high, table, size) each; for CODES [low, high) is a slice of `codes`, ascending, and
    `tables` from `table` on has a byte for each of the column's `size` codes.
    `facets`: (column, group left out or -1, first counter, codes) each.
    `keys`: (kind, column, descending, guard column or -1, guard code, table, size) each; for BY_TABLE `key_tables` from
    `table` on has an int64 for each code. An absent value sorts last. `cursor`: the key values of the last row seen, as
    a scan gave them, or None. Raises ValueError for arrays that do not fit together.
    """

    def __init__(
        self, *, groups, filters, clauses, atoms, codes, tables, facets, keys, key_tables, bint relax=False, cursor=None
    ):
        self._kept, self._code_reach, self._int_reach = [], {}, set()
        self._levels(groups, filters, clauses, len(atoms))
        cdef const uint32_t[::1] code_list = self._keep(codes, np.uint32, 1)
        cdef const uint8_t[::1] table_bytes = self._keep(tables, np.uint8, 1)
        cdef const int64_t[::1] key_numbers = self._keep(key_tables, np.int64, 1)
        cdef const int64_t[::1] place = self._keep(() if cursor is None else cursor, np.int64, 1)
        if cursor is not None and len(cursor) != len(keys):
            raise ValueError("the cursor has not one value a key")
        self.query.codes, self.query.tables = &code_list[0], &table_bytes[0]
        self.query.key_tables, self.query.cursor = &key_numbers[0], &place[0]
        self.query.relax, self.query.apart, self.query.resumed = relax, relax, cursor is not None
        self._take_atoms(atoms, len(codes), len(tables))
        self._take_facets(facets)
        self._take_keys(keys, len(key_tables))
        self.columns = 1 + max(self._code_reach, default=-1)

    def _keep(self, values, kind, width):
        """The values as an array that lives as long as the program; never empty, so that every address exists."""
        held = np.ascontiguousarray(values if len(values) else ((0,) * width,) if width > 1 else (0,), kind)
        self._kept.append(held)
        return held

    def _levels(self, groups, filters, clauses, Py_ssize_t atoms):
        cdef const int32_t[::1] group_start = self._keep(groups, np.int32, 1)
        cdef const int32_t[::1] filter_start = self._keep(filters, np.int32, 1)
        cdef const int32_t[::1] clause_start = self._keep(clauses, np.int32, 1)
        cdef Query* q = &self.query
        _ascending(group_start)
        _ascending(filter_start)
        _ascending(clause_start)
        q.groups, self.filters = <int32_t>group_start.shape[0] - 1, filter_start.shape[0] - 1
        q.clauses, q.atoms = <int32_t>clause_start.shape[0] - 1, <int32_t>atoms
        if q.groups < 1 or group_start[1] == 0 or group_start[q.groups] != self.filters:
            raise ValueError("groups must cover the filters and begin with the scope")
        q.score_first, q.score_last = filter_start[self.filters], q.clauses
        if q.score_first > q.clauses or clause_start[q.clauses] != atoms:
            raise ValueError("filters and clauses must lie within the next level")
        q.group_start, q.filter_start, q.clause_start = &group_start[0], &filter_start[0], &clause_start[0]

    def _take_atoms(self, atoms, Py_ssize_t codes, Py_ssize_t tables):
        cdef const int64_t[:, ::1] rows = self._keep(atoms, np.int64, 6)
        cdef Py_ssize_t i
        cdef int64_t kind, column, low, high, table, size
        if rows.shape[1] != 6:
            raise ValueError("an atom has six numbers")
        for i in range(len(atoms)):
            kind, column, low, high = rows[i, 0], rows[i, 1], rows[i, 2], rows[i, 3]
            table, size = rows[i, 4], rows[i, 5]
            if not CODES <= kind <= BITMAP or column < 0:
                raise ValueError("unknown atom")
            if kind == CODES:
                if not 0 <= low <= high <= codes or table < 0 or size < 1 or table + size > tables:
                    raise ValueError("an atom reaches outside the codes")
                self._reach(column, size)
            elif kind == RANGE:
                self._int_reach.add(column)
            else:
                self.bitmaps = max(self.bitmaps, <Py_ssize_t>column + 1)
        self.query.atom = <const AtomRow*>&rows[0, 0]

    def _take_facets(self, facets):
        cdef const int64_t[:, ::1] rows = self._keep(facets, np.int64, 4)
        cdef Py_ssize_t i
        if rows.shape[1] != 4:
            raise ValueError("a facet has four numbers")
        for i in range(len(facets)):
            if rows[i, 0] < 0 or not -1 <= rows[i, 1] < self.query.groups or rows[i, 1] == 0:
                raise ValueError("a facet names a column or group that is not there")
            if rows[i, 2] < 0 or rows[i, 3] < 1:
                raise ValueError("a facet has no counters")
            self._reach(rows[i, 0], rows[i, 3])
            self.counters = max(self.counters, <Py_ssize_t>(rows[i, 2] + rows[i, 3]))
            self.query.apart |= rows[i, 1] > 0
        self.query.facets, self.query.facet = <int32_t>len(facets), <const FacetRow*>&rows[0, 0]

    def _take_keys(self, keys, Py_ssize_t tables):
        cdef const int64_t[:, ::1] rows = self._keep(keys, np.int64, 7)
        cdef Py_ssize_t i
        if rows.shape[1] != 7:
            raise ValueError("a key has seven numbers")
        for i in range(len(keys)):
            if not BY_NUMBER <= rows[i, 0] <= BY_SCORE or rows[i, 1] < 0:
                raise ValueError("unknown sort key")
            if rows[i, 0] == BY_TABLE:
                if rows[i, 5] < 0 or rows[i, 6] < 1 or rows[i, 5] + rows[i, 6] > tables:
                    raise ValueError("a sort key reaches outside the tables")
                self._reach(rows[i, 1], rows[i, 6])
            elif rows[i, 0] == BY_NUMBER:
                self._int_reach.add(rows[i, 1])
                if rows[i, 3] >= 0:
                    self._reach(rows[i, 3], _BOUNDLESS)
        self.query.keys, self.query.key = <int32_t>len(keys), <const KeyRow*>&rows[0, 0]

    def _reach(self, column, size):
        """Notes how many codes of a column the program's tables cover."""
        self._code_reach[column] = min(size, self._code_reach.get(column, size))


cdef _ascending(const int32_t[::1] offsets):
    cdef Py_ssize_t i
    if offsets[0] != 0:
        raise ValueError("offsets must ascend from 0")
    for i in range(1, offsets.shape[0]):
        if offsets[i] < offsets[i - 1]:
            raise ValueError("offsets must ascend from 0")
