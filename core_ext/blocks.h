/* Loops over one block of 4,096 rows, a table of them for each level of processor; blocks_plain.h says what each does.
 *
 * A mask is 64 words, row 0 the lowest bit of word 0; it need not be aligned beyond its words. Where a loop takes
 * `rows` (0 … 4,096), nothing is read beyond that many values and no bit is set for the rows that are missing.
 */
#ifndef FORECOURT_BLOCKS_H
#define FORECOURT_BLOCKS_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { BLOCK_ROWS = 4096, BLOCK_WORDS = 64 };

typedef struct {
    int (*count)(const uint64_t *mask);
    int (*count_both)(const uint64_t *mask, const uint64_t *other);
    int (*count_less)(const uint64_t *mask, const uint64_t *other);
    int (*any)(const uint64_t *mask);
    int (*and_into)(uint64_t *mask, const uint64_t *other);
    int (*and_not_into)(uint64_t *mask, const uint64_t *other);
    void (*or_into)(uint64_t *mask, const uint64_t *other);
    int (*and_of)(uint64_t *out, const uint64_t *a, const uint64_t *b);
    void (*fail)(uint64_t *once, uint64_t *twice, const uint64_t *alive, const uint64_t *passed);
    int (*but_one)(uint64_t *out, const uint64_t *once, const uint64_t *twice, const uint64_t *group);

    void (*range_u8)(const uint8_t *values, int rows, uint8_t low, uint8_t high, uint64_t *out);
    void (*range_u16)(const uint16_t *values, int rows, uint16_t low, uint16_t high, uint64_t *out);
    void (*range_i32)(const int32_t *values, int rows, int32_t low, int32_t high, uint64_t *out);
    void (*range_i64)(const int64_t *values, int rows, int64_t low, int64_t high, uint64_t *out);
    void (*equal_u8)(const uint8_t *codes, int rows, uint8_t code, uint64_t *out);
    void (*equal_u16)(const uint16_t *codes, int rows, uint16_t code, uint64_t *out);
    void (*equal_u32)(const uint32_t *codes, int rows, uint32_t code, uint64_t *out);
    void (*table_u8)(const uint8_t *codes, int rows, const uint8_t *table, uint64_t *out);
    void (*table_u16)(const uint16_t *codes, int rows, const uint8_t *table, uint64_t *out);
    void (*table_u32)(const uint32_t *codes, int rows, const uint8_t *table, uint64_t *out);
    void (*bits_u16)(const uint16_t *codes, int rows, const uint64_t *set, uint64_t *out);
    void (*wide_bits_u16)(const uint16_t *codes, int rows, const uint64_t *set, uint64_t *out);

    void (*count_planes)(const uint64_t *planes, int bits, const uint64_t *mask, int64_t *counters);
    void (*planes_of)(const uint8_t *codes, int rows, int bits, uint64_t *planes);
    void (*set_rows)(const uint16_t *rows, int count, uint64_t *out);
    int64_t (*count_rows)(const uint16_t *rows, int count, const uint64_t *mask);
    int (*extract)(const uint64_t *mask, uint16_t *rows);
    double (*least_u16)(const uint16_t *codes, uint64_t word, const double *table);
    uint64_t (*at_most_u16)(const uint16_t *codes, uint64_t word, const double *table, double limit);
} BlockLoops;

/* The table of a level: each loop's function is called after the level and the loop. */
#define BLOCK_LOOPS(level)                                                                                             \
    {                                                                                                                  \
        .count = level##_count, .count_both = level##_count_both, .count_less = level##_count_less,                    \
        .any = level##_any, .and_into = level##_and_into, .and_not_into = level##_and_not_into,                        \
        .or_into = level##_or_into, .and_of = level##_and_of, .fail = level##_fail, .but_one = level##_but_one,        \
        .range_u8 = level##_range_u8, .range_u16 = level##_range_u16, .range_i32 = level##_range_i32,                  \
        .range_i64 = level##_range_i64, .equal_u8 = level##_equal_u8, .equal_u16 = level##_equal_u16,                  \
        .equal_u32 = level##_equal_u32, .table_u8 = level##_table_u8, .table_u16 = level##_table_u16,                  \
        .table_u32 = level##_table_u32, .bits_u16 = level##_bits_u16, .wide_bits_u16 = level##_wide_bits_u16,          \
        .count_planes = level##_count_planes, .planes_of = level##_planes_of, .set_rows = level##_set_rows,            \
        .count_rows = level##_count_rows, .extract = level##_extract, .least_u16 = level##_least_u16,                  \
        .at_most_u16 = level##_at_most_u16,                                                                            \
    }

/* Adds `word`, made of the 64 values from `at` on, to each word of `out`; the last values are read from a copy that is
 * filled up with zeros, and what it says of those is dropped. */
#define BLOCK_EACH_WORD(type, values, rows, out, word)                                                                 \
    do {                                                                                                               \
        const size_t whole_ = (size_t)(rows) / 64;                                                                     \
        for (size_t i_ = 0; i_ < whole_; i_++) {                                                                       \
            const type *at = (values) + 64 * i_;                                                                       \
            (out)[i_] |= (word);                                                                                       \
        }                                                                                                              \
        if ((rows) & 63) {                                                                                             \
            type at[64] = {0};                                                                                         \
            memcpy(at, (values) + 64 * whole_, ((size_t)(rows) & 63) * sizeof(type));                                  \
            (out)[whole_] |= (word) & ((UINT64_C(1) << ((rows) & 63)) - 1);                                            \
        }                                                                                                              \
    } while (0)

#endif
