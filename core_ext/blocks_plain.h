/* The loops over a block in portable C: what each of them does stands here, and every level answers the same. */
#ifndef FORECOURT_BLOCKS_PLAIN_H
#define FORECOURT_BLOCKS_PLAIN_H


#include "blocks.h"

/* Levels whose processor needs no other code than the compiler makes for it take these in as they are. */
#define PLAIN static inline __attribute__((always_inline))

/* Bits set in a word, as four sums of 16 bits each: without a processor's instruction this adds up fastest. */
PLAIN uint64_t plain_sums(uint64_t word) {
    word -= (word >> 1) & 0x5555555555555555ULL;
    word = (word & 0x3333333333333333ULL) + ((word >> 2) & 0x3333333333333333ULL);
    word = (word + (word >> 4)) & 0x0F0F0F0F0F0F0F0FULL;
    return (word & 0x00FF00FF00FF00FFULL) + ((word >> 8) & 0x00FF00FF00FF00FFULL);
}

PLAIN int plain_sum(uint64_t sums) {
    return (int)((sums * 0x0001000100010001ULL) >> 48);
}

/* Rows set in the mask. */
PLAIN int plain_count(const uint64_t *mask) {
    uint64_t sums = 0;
    for (int i = 0; i < 64; i++) sums += plain_sums(mask[i]);
    return plain_sum(sums);
}

/* Rows set in both. */
PLAIN int plain_count_both(const uint64_t *mask, const uint64_t *other) {
    uint64_t sums = 0;
    for (int i = 0; i < 64; i++) sums += plain_sums(mask[i] & other[i]);
    return plain_sum(sums);
}

/* Rows set in the mask and not in the other. */
PLAIN int plain_count_less(const uint64_t *mask, const uint64_t *other) {
    uint64_t sums = 0;
    for (int i = 0; i < 64; i++) sums += plain_sums(mask[i] & ~other[i]);
    return plain_sum(sums);
}

/* 1 if a row is set, else 0. */
PLAIN int plain_any(const uint64_t *mask) {
    uint64_t any = 0;
    for (int i = 0; i < 64; i++) any |= mask[i];
    return any != 0;
}

/* Keeps the rows of the mask that the other has too: 1 if one is left, else 0. */
PLAIN int plain_and_into(uint64_t *mask, const uint64_t *other) {
    uint64_t any = 0;
    for (int i = 0; i < 64; i++) any |= mask[i] &= other[i];
    return any != 0;
}

/* Keeps the rows of the mask that the other does not have: 1 if one is left, else 0. */
PLAIN int plain_and_not_into(uint64_t *mask, const uint64_t *other) {
    uint64_t any = 0;
    for (int i = 0; i < 64; i++) any |= mask[i] &= ~other[i];
    return any != 0;
}

/* Adds the rows of the other to the mask. */
PLAIN void plain_or_into(uint64_t *mask, const uint64_t *other) {
    for (int i = 0; i < 64; i++) mask[i] |= other[i];
}

/* Writes the rows that both have: 1 if there is one, else 0. `out` may be one of them. */
PLAIN int plain_and_of(uint64_t *out, const uint64_t *a, const uint64_t *b) {
    uint64_t any = 0;
    for (int i = 0; i < 64; i++) any |= out[i] = a[i] & b[i];
    return any != 0;
}

/* Counts for each row, up to two, the groups of filters that it fails: `alive` rows that have not `passed` fail one. */
PLAIN void plain_fail(uint64_t *once, uint64_t *twice, const uint64_t *alive, const uint64_t *passed) {
    for (int i = 0; i < 64; i++) {
        uint64_t failed = alive[i] & ~passed[i];
        twice[i] |= once[i] & failed;
        once[i] |= failed;
    }
}

/* Writes the rows that fail no group, or only the one whose passing rows are `group`; returns how many there are. */
PLAIN int plain_but_one(uint64_t *out, const uint64_t *once, const uint64_t *twice, const uint64_t *group) {
    uint64_t sums = 0;
    for (int i = 0; i < 64; i++) {
        out[i] = ~twice[i] & ~(once[i] & group[i]);
        sums += plain_sums(out[i]);
    }
    return plain_sum(sums);
}

/* Eight bytes as a number with the first lowest, or back. */
PLAIN uint64_t plain_little(uint64_t eight) {
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    return __builtin_bswap64(eight);
#else
    return eight;
#endif
}

/* Bit `bit` of each of eight bytes, the first byte's lowest: the product gathers them in its highest byte. */
PLAIN uint64_t plain_eight(const uint8_t *bytes, int bit) {
    uint64_t eight;
    memcpy(&eight, bytes, 8);
    return (((plain_little(eight) >> bit) & 0x0101010101010101ULL) * 0x0102040810204080ULL) >> 56;
}

/* Adds the rows whose byte is 1 and not 0; the bytes after them up to a whole word may be written. */
PLAIN void plain_add(uint8_t *bytes, int rows, uint64_t *out) {
    memset(bytes + rows, 0, (size_t)(-rows & 63));
    for (int i = 0; i < rows; i += 8) out[i >> 6] |= plain_eight(bytes + i, 0) << (i & 63);
}

/* Adds the rows with low <= value <= high. */
PLAIN void plain_range_u8(const uint8_t *values, int rows, uint8_t low, uint8_t high, uint64_t *out) {
    uint8_t inside[BLOCK_ROWS];
    for (int i = 0; i < rows; i++) inside[i] = (values[i] >= low) & (values[i] <= high);
    plain_add(inside, rows, out);
}

PLAIN void plain_range_u16(const uint16_t *values, int rows, uint16_t low, uint16_t high, uint64_t *out) {
    uint8_t inside[BLOCK_ROWS];
    for (int i = 0; i < rows; i++) inside[i] = (values[i] >= low) & (values[i] <= high);
    plain_add(inside, rows, out);
}

PLAIN void plain_range_i32(const int32_t *values, int rows, int32_t low, int32_t high, uint64_t *out) {
    uint8_t inside[BLOCK_ROWS];
    for (int i = 0; i < rows; i++) inside[i] = (values[i] >= low) & (values[i] <= high);
    plain_add(inside, rows, out);
}

PLAIN void plain_range_i64(const int64_t *values, int rows, int64_t low, int64_t high, uint64_t *out) {
    uint8_t inside[BLOCK_ROWS];
    for (int i = 0; i < rows; i++) inside[i] = (values[i] >= low) & (values[i] <= high);
    plain_add(inside, rows, out);
}

/* Adds the rows with this code. */
PLAIN void plain_equal_u8(const uint8_t *codes, int rows, uint8_t code, uint64_t *out) {
    uint8_t inside[BLOCK_ROWS];
    for (int i = 0; i < rows; i++) inside[i] = codes[i] == code;
    plain_add(inside, rows, out);
}

PLAIN void plain_equal_u16(const uint16_t *codes, int rows, uint16_t code, uint64_t *out) {
    uint8_t inside[BLOCK_ROWS];
    for (int i = 0; i < rows; i++) inside[i] = codes[i] == code;
    plain_add(inside, rows, out);
}

PLAIN void plain_equal_u32(const uint32_t *codes, int rows, uint32_t code, uint64_t *out) {
    uint8_t inside[BLOCK_ROWS];
    for (int i = 0; i < rows; i++) inside[i] = codes[i] == code;
    plain_add(inside, rows, out);
}

/* A function that asks `bit` of each `code` among 64: in four chains at once, for a step waits for the one before. */
#define PLAIN_LOOK_UP(name, type, parameter, bit)                                                                      \
    PLAIN uint64_t name(const type *at, parameter) {                                                                   \
        uint64_t chains[4] = {0, 0, 0, 0};                                                                             \
        _Pragma("GCC unroll 16") for (int i = 15; i >= 0; i--) {                                                       \
            _Pragma("GCC unroll 4") for (int chain = 0; chain < 4; chain++) {                                          \
                const type code = at[16 * chain + i];                                                                  \
                chains[chain] = chains[chain] * 2 + (bit);                                                             \
            }                                                                                                          \
        }                                                                                                              \
        return chains[0] | chains[1] << 16 | chains[2] << 32 | chains[3] << 48;                                        \
    }

PLAIN_LOOK_UP(plain_found_u8, uint8_t, const uint8_t *table, table[code])
PLAIN_LOOK_UP(plain_found_u16, uint16_t, const uint8_t *table, table[code])
PLAIN_LOOK_UP(plain_found_u32, uint32_t, const uint8_t *table, table[code])

/* Adds the rows whose code has a 1 in the table, which has a byte of 0 or 1 for every code: 256 of them where codes are
 * bytes, else up to the largest code at least. */
PLAIN void plain_table_u8(const uint8_t *codes, int rows, const uint8_t *table, uint64_t *out) {
    BLOCK_EACH_WORD(uint8_t, codes, rows, out, plain_found_u8(at, table));
}

PLAIN void plain_table_u16(const uint16_t *codes, int rows, const uint8_t *table, uint64_t *out) {
    BLOCK_EACH_WORD(uint16_t, codes, rows, out, plain_found_u16(at, table));
}

PLAIN void plain_table_u32(const uint32_t *codes, int rows, const uint8_t *table, uint64_t *out) {
    BLOCK_EACH_WORD(uint32_t, codes, rows, out, plain_found_u32(at, table));
}

/* A set of codes as a table: eight copies of a byte keep one bit each, and what is left of it becomes a 1. */
PLAIN void plain_spread(const uint64_t *set, int words, uint8_t *table) {
    for (int i = 0; i < 8 * words; i++) {
        const uint64_t byte = (set[i >> 3] >> (8 * (i & 7))) & 0xFF;
        const uint64_t kept = (byte * 0x0101010101010101ULL) & 0x8040201008040201ULL;
        const uint64_t eight = plain_little(((kept + 0x7F7F7F7F7F7F7F7FULL) >> 7) & 0x0101010101010101ULL);
        memcpy(table + 8 * i, &eight, 8);
    }
}

/* Adds the rows whose code is in the set: a bit a code, for codes below 512 (`wide`: below 4,096). */
PLAIN void plain_bits_u16(const uint16_t *codes, int rows, const uint64_t *set, uint64_t *out) {
    uint8_t table[512];
    plain_spread(set, 8, table);
    plain_table_u16(codes, rows, table, out);
}

PLAIN void plain_wide_bits_u16(const uint16_t *codes, int rows, const uint64_t *set, uint64_t *out) {
    uint8_t table[4096];
    plain_spread(set, 64, table);
    plain_table_u16(codes, rows, table, out);
}

/* Adds to counters[code] the masked rows with that code, for codes of 1 … 5 bits: plane b of the block, 64 words, has
 * bit b of every row's code. */
static void plain_count_planes(const uint64_t *planes, int bits, const uint64_t *mask, int64_t *counters) {
    const uint64_t *plane = planes + 64 * (bits - 1);
    uint64_t part[64];
    if (bits == 1) {
        const int found = plain_count(mask), with = plain_count_both(mask, planes);
        counters[0] += found - with;
        counters[1] += with;
    } else {
        plain_and_of(part, mask, plane);
        plain_count_planes(planes, bits - 1, part, counters + (1 << (bits - 1)));
        for (int i = 0; i < 64; i++) part[i] = mask[i] & ~plane[i];
        plain_count_planes(planes, bits - 1, part, counters);
    }
}

/* Writes the planes of codes below 1 << bits, 64 words each; missing rows get code 0. */
PLAIN void plain_planes_of(const uint8_t *codes, int rows, int bits, uint64_t *planes) {
    uint8_t padded[BLOCK_ROWS] = {0};
    memcpy(padded, codes, (size_t)rows);
    memset(planes, 0, (size_t)bits * 64 * sizeof(uint64_t));
    for (int plane = 0; plane < bits; plane++) {
        uint64_t *out = planes + plane * 64;
        for (int i = 0; i < rows; i += 8) out[i >> 6] |= plain_eight(padded + i, plane) << (i & 63);
    }
}

PLAIN void plain_set(uint64_t *out, uint16_t row) {
    out[row >> 6] |= UINT64_C(1) << (row & 63);
}

/* Adds the listed rows. Neighbours in an ascending list share a word, and each would wait for the one before to be
 * written: so the list is taken at four places at once. */
PLAIN void plain_set_rows(const uint16_t *rows, int count, uint64_t *out) {
    const int quarter = count / 4;
    for (int i = 0; i < quarter; i++) {
        plain_set(out, rows[i]);
        plain_set(out, rows[quarter + i]);
        plain_set(out, rows[2 * quarter + i]);
        plain_set(out, rows[3 * quarter + i]);
    }
    for (int i = 4 * quarter; i < count; i++) plain_set(out, rows[i]);
}

PLAIN int plain_is_set(const uint64_t *mask, uint16_t row) {
    return (int)(mask[row >> 6] >> (row & 63)) & 1;
}

/* How many of the listed rows are set in the mask. */
PLAIN int64_t plain_count_rows(const uint16_t *rows, int count, const uint64_t *mask) {
    int found = 0;
    for (int i = 0; i < count; i++) found += plain_is_set(mask, rows[i]);
    return found;
}

/* Lists the rows that are set, ascending, and returns how many. `rows` has room for 4,096; all of it may be written. */
PLAIN int plain_extract(const uint64_t *mask, uint16_t *rows) {
    int found = 0;
    for (int i = 0; i < 64; i++) {
        for (uint64_t word = mask[i]; word; word &= word - 1) {
            rows[found++] = (uint16_t)(64 * i + __builtin_ctzll(word));
        }
    }
    return found;
}

/* The least number that the table has for the codes of the rows set in one word of a mask; infinity if none is. `codes`
 * are those of the word's rows; of rows that are not set nothing is read. */
PLAIN double plain_least_u16(const uint16_t *codes, uint64_t word, const double *table) {
    double least = (double)INFINITY;
    for (; word; word &= word - 1) {
        const double found = table[codes[__builtin_ctzll(word)]];
        least = found < least ? found : least;
    }
    return least;
}

/* Those rows of them for whose code the table has no more than the limit. */
PLAIN uint64_t plain_at_most_u16(const uint16_t *codes, uint64_t word, const double *table, double limit) {
    uint64_t kept = 0;
    for (; word; word &= word - 1) {
        kept |= table[codes[__builtin_ctzll(word)]] <= limit ? word & -word : 0;
    }
    return kept;
}

static const BlockLoops plain_loops = BLOCK_LOOPS(plain);

#endif
