"""A compiled query: flat arrays that a search reads for every segment of a stock."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t

cdef enum AtomKind:
    CODES = 0   # the row has one of `count` codes in code column `column`
    RANGE = 1   # low <= value <= high in whole-number column `column`
    BITMAP = 2  # the row's bit in the segment's bitmap number `column`

cdef enum KeyKind:
    BY_NUMBER = 0  # value of a whole-number column; with a guard only where the guard column has the guard code
    BY_TABLE = 1   # table[code] of a code column
    BY_SCORE = 2   # number of score clauses that the row meets

cdef enum:
    FEW = 8  # so many codes are compared one by one; more have a table

cdef struct Atom:
    int32_t kind
    int32_t column
    int64_t low
    int64_t high
    int64_t count           # CODES: so many codes, ascending
    const uint32_t* codes
    int64_t size
    const uint8_t* table    # CODES: 1 for the codes, 0 for all others below `size`; NULL if they are few
    int64_t codes_at        # where they lie among those that the program keeps itself; -1 if they do not
    int64_t table_at

cdef struct Facet:
    int32_t column
    int32_t group   # whose filters the facet leaves out, or -1
    int64_t at      # first counter
    int64_t size

cdef struct Key:
    int32_t kind
    int32_t column
    int32_t descending
    int32_t guard
    int64_t guard_code
    int64_t size
    const int64_t* table

cdef struct Query:
    int32_t groups
    int32_t filters
    int32_t clauses
    int32_t atoms
    int32_t facets
    int32_t keys
    int32_t score_first             # clauses from here on belong to no filter: they are counted for BY_SCORE
    bint apart                      # whether counts without one group's filters are wanted
    bint relax
    bint resumed                    # whether only rows after the cursor are wanted
    const int32_t* group_start      # filters of group g: group_start[g] up to group_start[g + 1]; group 0 is the scope
    const int32_t* filter_start     # clauses of filter f: a row passes if it meets all of them
    const int32_t* clause_start     # atoms of clause c: a row meets it if one of them holds
    const Atom* atom
    const Facet* facet
    const Key* key
    const int64_t* cursor
    uint8_t cursor_id[16]

cdef struct Grown:
    # An array that grows at its end.
    char* at
    Py_ssize_t used
    Py_ssize_t room

cdef class CodeSet:
    cdef readonly Py_ssize_t size
    cdef readonly object table
    cdef readonly object codes
    cdef const uint8_t[::1] _table
    cdef const uint32_t[::1] _codes

cdef class Program:
    cdef Query query
    cdef readonly Py_ssize_t limit
    cdef readonly Py_ssize_t counters  # facet counters that a search needs
    cdef readonly Py_ssize_t bitmaps   # bitmaps that a segment must bring
    cdef readonly Py_ssize_t columns   # code columns that the program can name
    cdef readonly Py_ssize_t ints      # whole-number columns that a segment must bring
    cdef Grown _groups, _filters, _clauses, _atoms, _codes, _tables, _facets, _keys, _cursor
    cdef list _held
    cdef bint _scored
    cdef Query* ready(self) except NULL
    cdef bytes asked(self)
    cdef int _unscored(self) except -1
    cdef int _open(self) except -1
    cdef Atom* _atom(self, int kind, Py_ssize_t column) except NULL
    cdef Key* _key(self, int kind, Py_ssize_t column, bint descending) except NULL
