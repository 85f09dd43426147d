"""Loops over timelines at the level in use, and single cells of a row: for kernels that ask about timelines."""

from libc.stdint cimport int64_t, uint64_t

cdef extern from "timeline.h":
    # The header says what each of them does.
    ctypedef struct TimelineLoops:
        void (*shifted)(
            uint64_t* out, int64_t words, const uint64_t* row, int64_t row_words, int64_t cell
        ) noexcept nogil
        void (*runs)(uint64_t* line, int64_t words, int64_t length) noexcept nogil
        void (*tally)(uint64_t* planes, const uint64_t* line, int64_t words, int needed) noexcept nogil

    const TimelineLoops* timeline_loops(int level) nogil
    void fetch_ahead(const uint64_t* row, int64_t words) noexcept nogil
    void put_cells(uint64_t* row, int64_t begin, int64_t end, bint value) noexcept nogil
    bint are_free(const uint64_t* row, int64_t words, int64_t begin, int64_t end) noexcept nogil

cdef const TimelineLoops* loops_in_use()
