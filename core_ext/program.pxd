"""A compiled query: flat arrays that one scan reads for every segment of a stock."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t

cdef enum Atom:
    CODES = 0   # the row has one of codes[low:high] in code column `column`; table[at + code] says the same
    RANGE = 1   # low <= value <= high in whole-number column `column`
    BITMAP = 2  # the row's bit in the segment's bitmap number `column`

cdef enum Key:
    BY_NUMBER = 0  # value of a whole-number column; with a guard only where the guard column has the guard code
    BY_TABLE = 1   # table[at + code] of a code column
    BY_SCORE = 2   # number of score clauses that the row meets

cdef struct AtomRow:
    int64_t kind
    int64_t column
    int64_t low
    int64_t high
    int64_t table
    int64_t size

cdef struct FacetRow:
    int64_t column
    int64_t group  # whose filters the facet leaves out, or -1
    int64_t at     # first counter
    int64_t size

cdef struct KeyRow:
    int64_t kind
    int64_t column
    int64_t descending
    int64_t guard
    int64_t guard_code
    int64_t table
    int64_t size

cdef struct Query:
    int32_t groups
    int32_t clauses
    int32_t atoms
    int32_t facets
    int32_t keys
    int32_t score_first
    int32_t score_last
    bint apart                      # whether counts without one group's filters are wanted
    bint relax
    bint resumed                    # whether only rows after the cursor are wanted
    const int32_t* group_start      # filters of group g: group_start[g] up to group_start[g + 1]; group 0 is the scope
    const int32_t* filter_start     # clauses of filter f: a row passes if it meets all of them
    const int32_t* clause_start     # atoms of clause c: a row meets it if one of them holds
    const AtomRow* atom
    const uint32_t* codes
    const uint8_t* tables
    const FacetRow* facet
    const KeyRow* key
    const int64_t* key_tables
    const int64_t* cursor

cdef class Program:
    cdef Query query
    cdef readonly Py_ssize_t counters  # facet counters that a scan needs
    cdef readonly Py_ssize_t filters
    cdef readonly Py_ssize_t bitmaps   # bitmaps that a segment must bring
    cdef readonly Py_ssize_t columns   # code columns that the program can name
    cdef list _kept
    cdef dict _code_reach
    cdef set _int_reach
