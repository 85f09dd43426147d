"""A compiled query as flat arrays, checked once, so that scans need not check anything a row."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t

import numpy as np


cdef class Program:
    """A query as flat arrays; immutable, used by any number of scans at once.

    `groups`, `filters`, `clauses`: int32 offsets, each into the next level. A row matches if it passes all filters of
    all groups; it passes a filter if it meets all its clauses; it meets a clause if one of its atoms holds. Group 0 is
    the scope: never relaxed. Clauses behind the last filter are score clauses.
    `atoms`: (kind, column, low, high, table) each; for CODES [low, high) is a slice of `codes`, ascending, and `table`
    the place in `tables` where the column has a byte a code, as far as its codes reach.
    `facets`: (column, group left out or -1, first counter, codes) each.
    `keys`: (kind, column, descending, guard column or -1, guard code, table) each; `key_tables` holds int64 by code.
    An absent value sorts last. `cursor`: the key values of the last row seen, as a scan gave them, or None.
    Raises ValueError for arrays that do not fit together.
    """

    def __init__(
        self, *, groups, filters, clauses, atoms, codes, tables, facets, keys, key_tables, bint relax=False, cursor=None
    ):
        arrays = (
            np.ascontiguousarray(groups, np.int32), np.ascontiguousarray(filters, np.int32),
            np.ascontiguousarray(clauses, np.int32),
        )
        atoms = np.asarray(atoms, np.int64).reshape(-1, 5)
        facets = np.asarray(facets, np.int64).reshape(-1, 4)
        keys = np.asarray(keys, np.int64).reshape(-1, 6)
        codes, tables = np.ascontiguousarray(codes, np.uint32), np.ascontiguousarray(tables, np.uint8)
        key_tables = np.ascontiguousarray(key_tables, np.int64)
        cursor = None if cursor is None else np.ascontiguousarray(cursor, np.int64)
        self._refuse(arrays, atoms, codes, tables, facets, keys, key_tables, cursor)
        self._point(arrays, atoms, codes, tables, facets, keys, key_tables, cursor)
        self.query.relax = relax
        self.query.apart = relax or bool((facets[:, 1] >= 0).any())

    def _refuse(self, arrays, atoms, codes, tables, facets, keys, key_tables, cursor):
        """What the kernel could not survive."""
        groups, filters, clauses = arrays
        for offsets in arrays:
            if len(offsets) < 1 or offsets[0] != 0 or (np.diff(offsets) < 0).any():
                raise ValueError("offsets must ascend from 0")
        if len(groups) < 2 or groups[1] == 0 or _last(groups) != len(filters) - 1:
            raise ValueError("groups must cover the filters and begin with the scope")
        if _last(filters) > len(clauses) - 1 or _last(clauses) != len(atoms):
            raise ValueError("filters and clauses must lie within the next level")
        kind, column, low, high, table = atoms.T
        if ((kind < CODES) | (kind > BITMAP) | (column < 0)).any():
            raise ValueError("unknown atom")
        listed = kind == CODES
        if (listed & ((low < 0) | (high < low) | (high > len(codes)) | (table < 0) | (table > len(tables)))).any():
            raise ValueError("an atom reaches outside the codes")
        left_out = facets[:, 1]
        if ((facets[:, [0, 2, 3]] < 0).any(axis=1) | (left_out >= len(groups) - 1) | (left_out == 0)).any():
            raise ValueError("a facet names a column, group or counter that is not there")
        if ((keys[:, 0] < BY_NUMBER) | (keys[:, 0] > BY_SCORE) | (keys[:, 1] < 0)).any():
            raise ValueError("unknown sort key")
        if ((keys[:, 0] == BY_TABLE) & ((keys[:, 5] < 0) | (keys[:, 5] > len(key_tables)))).any():
            raise ValueError("a sort key reaches outside the tables")
        if cursor is not None and len(cursor) != len(keys):
            raise ValueError("the cursor has not one value a key")
        self._measure_reach(atoms, codes, tables, facets, keys, key_tables)

    def _measure_reach(self, atoms, codes, tables, facets, keys, key_tables):
        """How far each table reaches, so that a scan can refuse a segment whose codes go beyond it."""
        self._code_reach, self._int_reach = {}, set()
        for kind, column, _, _, table in atoms.tolist():
            if kind == CODES:
                ends = atoms[(atoms[:, 0] == CODES) & (atoms[:, 4] > table), 4]
                self._reach(column, (int(ends.min()) if len(ends) else len(tables)) - table)
            elif kind == RANGE:
                self._int_reach.add(column)
        self.bitmaps = int(atoms[atoms[:, 0] == BITMAP, 1].max()) + 1 if (atoms[:, 0] == BITMAP).any() else 0
        self.counters = int((facets[:, 2] + facets[:, 3]).max()) if len(facets) else 0
        for column, _, _, size in facets.tolist():
            self._reach(column, size)
        for kind, column, _, guard, _, table in keys.tolist():
            if kind == BY_TABLE:
                ends = keys[(keys[:, 0] == BY_TABLE) & (keys[:, 5] > table), 5]
                self._reach(column, (int(ends.min()) if len(ends) else len(key_tables)) - table)
            elif kind == BY_NUMBER:
                self._int_reach.add(column)
                if guard >= 0:
                    self._reach(guard, 1 << 31)
        self.columns = 1 + max(list(self._code_reach), default=-1)

    def _reach(self, column, size):
        self._code_reach[column] = min(size, self._code_reach.get(column, size))

    def _point(self, arrays, atoms, codes, tables, facets, keys, key_tables, cursor):
        """Takes the addresses and keeps the arrays; one of no elements is replaced, so that every address exists."""
        cdef const int32_t[::1] i32
        cdef const int64_t[::1] i64
        cdef const uint8_t[::1] u8
        cdef const uint32_t[::1] u32
        cdef Query* q = &self.query
        kept = []

        def spare(array, kind):
            held = np.ascontiguousarray(array if len(array) else (0,), kind)
            kept.append(held)
            return held

        groups, filters, clauses = arrays
        self.filters = len(filters) - 1
        q.groups, q.clauses, q.atoms = len(groups) - 1, len(clauses) - 1, len(atoms)
        q.facets, q.keys, q.resumed = len(facets), len(keys), cursor is not None
        q.score_first, q.score_last = _last(filters), len(clauses) - 1
        i32 = spare(groups, np.int32)
        q.group_start = &i32[0]
        i32 = spare(filters, np.int32)
        q.filter_start = &i32[0]
        i32 = spare(clauses, np.int32)
        q.clause_start = &i32[0]
        u8 = spare(atoms[:, 0], np.uint8)
        q.atom_kind = &u8[0]
        i32 = spare(atoms[:, 1], np.int32)
        q.atom_column = &i32[0]
        i64 = spare(atoms[:, 2], np.int64)
        q.atom_low = &i64[0]
        i64 = spare(atoms[:, 3], np.int64)
        q.atom_high = &i64[0]
        i64 = spare(atoms[:, 4], np.int64)
        q.atom_table = &i64[0]
        u32 = spare(codes, np.uint32)
        q.codes = &u32[0]
        u8 = spare(tables, np.uint8)
        q.tables = &u8[0]
        i32 = spare(facets[:, 0], np.int32)
        q.facet_column = &i32[0]
        i32 = spare(facets[:, 1], np.int32)
        q.facet_group = &i32[0]
        i64 = spare(facets[:, 2], np.int64)
        q.facet_at = &i64[0]
        u8 = spare(keys[:, 0], np.uint8)
        q.key_kind = &u8[0]
        i32 = spare(keys[:, 1], np.int32)
        q.key_column = &i32[0]
        u8 = spare(keys[:, 2], np.uint8)
        q.key_descending = &u8[0]
        i32 = spare(keys[:, 3], np.int32)
        q.key_guard = &i32[0]
        i64 = spare(keys[:, 4], np.int64)
        q.key_guard_code = &i64[0]
        i64 = spare(keys[:, 5], np.int64)
        q.key_table = &i64[0]
        i64 = spare(key_tables, np.int64)
        q.key_tables = &i64[0]
        i64 = spare([] if cursor is None else cursor, np.int64)
        q.cursor = &i64[0]
        self._kept = kept


def _last(array):
    return int(array[len(array) - 1])
