"""The loops over a block of 4,096 rows at the level in use: `blocks.count(mask)` and so on, without the GIL."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

cdef extern from "blocks.h":
    # blocks_plain.h says what each of them does.
    ctypedef struct BlockLoops:
        int (*count)(const uint64_t* mask) noexcept nogil
        int (*count_both)(const uint64_t* mask, const uint64_t* other) noexcept nogil
        int (*count_less)(const uint64_t* mask, const uint64_t* other) noexcept nogil
        int (*any)(const uint64_t* mask) noexcept nogil
        int (*and_into)(uint64_t* mask, const uint64_t* other) noexcept nogil
        int (*and_not_into)(uint64_t* mask, const uint64_t* other) noexcept nogil
        void (*or_into)(uint64_t* mask, const uint64_t* other) noexcept nogil
        int (*and_of)(uint64_t* out, const uint64_t* a, const uint64_t* b) noexcept nogil
        void (*fail)(uint64_t* once, uint64_t* twice, const uint64_t* alive, const uint64_t* passed) noexcept nogil
        int (*but_one)(
            uint64_t* out, const uint64_t* once, const uint64_t* twice, const uint64_t* group
        ) noexcept nogil
        void (*range_u8)(const uint8_t* values, int rows, uint8_t low, uint8_t high, uint64_t* out) noexcept nogil
        void (*range_u16)(const uint16_t* values, int rows, uint16_t low, uint16_t high, uint64_t* out) noexcept nogil
        void (*range_i32)(const int32_t* values, int rows, int32_t low, int32_t high, uint64_t* out) noexcept nogil
        void (*range_i64)(const int64_t* values, int rows, int64_t low, int64_t high, uint64_t* out) noexcept nogil
        void (*equal_u8)(const uint8_t* codes, int rows, uint8_t code, uint64_t* out) noexcept nogil
        void (*equal_u16)(const uint16_t* codes, int rows, uint16_t code, uint64_t* out) noexcept nogil
        void (*equal_u32)(const uint32_t* codes, int rows, uint32_t code, uint64_t* out) noexcept nogil
        void (*table_u8)(const uint8_t* codes, int rows, const uint8_t* table, uint64_t* out) noexcept nogil
        void (*table_u16)(const uint16_t* codes, int rows, const uint8_t* table, uint64_t* out) noexcept nogil
        void (*table_u32)(const uint32_t* codes, int rows, const uint8_t* table, uint64_t* out) noexcept nogil
        void (*bits_u16)(const uint16_t* codes, int rows, const uint64_t* set, uint64_t* out) noexcept nogil
        void (*wide_bits_u16)(const uint16_t* codes, int rows, const uint64_t* set, uint64_t* out) noexcept nogil
        void (*count_planes)(
            const uint64_t* planes, int bits, const uint64_t* mask, int64_t* counters
        ) noexcept nogil
        void (*planes_of)(const uint8_t* codes, int rows, int bits, uint64_t* planes) noexcept nogil
        void (*set_rows)(const uint16_t* rows, int count, uint64_t* out) noexcept nogil
        int64_t (*count_rows)(const uint16_t* rows, int count, const uint64_t* mask) noexcept nogil
        int (*extract)(const uint64_t* mask, uint16_t* rows) noexcept nogil
        double (*least_u16)(const uint16_t* codes, uint64_t word, const double* table) noexcept nogil
        uint64_t (*at_most_u16)(
            const uint16_t* codes, uint64_t word, const double* table, double limit
        ) noexcept nogil

cdef const BlockLoops* blocks
