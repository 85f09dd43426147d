/* Loops over one block of 4,096 rows that the compiler vectorises; the processor's level is chosen when the module loads. */
#ifndef FORECOURT_BLOCKS_H
#define FORECOURT_BLOCKS_H

#include <stdint.h>
#include <string.h>

#if defined(__x86_64__) && defined(__linux__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__) \
    && __GNUC__ >= 12 && defined(__OPTIMIZE__)
#define BLOCK_LOOP __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4"), noinline)) static
#else
#define BLOCK_LOOP __attribute__((noinline)) static
#endif

/* Rows set in a block's mask. */
BLOCK_LOOP int block_count(const uint64_t *mask) {
    int found = 0;
    for (int i = 0; i < 64; i++) found += __builtin_popcountll(mask[i]);
    return found;
}

/* Rows set in both masks. */
BLOCK_LOOP int block_count_both(const uint64_t *mask, const uint64_t *other) {
    int found = 0;
    for (int i = 0; i < 64; i++) found += __builtin_popcountll(mask[i] & other[i]);
    return found;
}

/* 4,096 bytes of 0 or 1 to 64 words, row 0 lowest: the product gathers the eight low bits in its highest byte. */
static inline void block_pack(const uint8_t *bytes, uint64_t *mask) {
    for (int i = 0; i < 64; i++) {
        uint64_t word = 0;
        for (int j = 0; j < 8; j++) {
            uint64_t eight;
            memcpy(&eight, bytes + i * 64 + j * 8, 8);
            word |= ((eight * 0x0102040810204080ULL) >> 56) << (8 * j);
        }
        mask[i] |= word;
    }
}

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "block_pack reads bytes in little-endian order"
#endif

/* Adds the rows with low <= value <= high to the mask. */
BLOCK_LOOP void block_range32(const int32_t *values, int rows, int32_t low, int32_t high, uint64_t *mask) {
    uint8_t inside[4096];
    if (rows < 4096) memset(inside + rows, 0, 4096 - rows);
    for (int i = 0; i < rows; i++) inside[i] = (values[i] >= low) & (values[i] <= high);
    block_pack(inside, mask);
}

BLOCK_LOOP void block_range64(const int64_t *values, int rows, int64_t low, int64_t high, uint64_t *mask) {
    uint8_t inside[4096];
    if (rows < 4096) memset(inside + rows, 0, 4096 - rows);
    for (int i = 0; i < rows; i++) inside[i] = (values[i] >= low) & (values[i] <= high);
    block_pack(inside, mask);
}

/* Adds the rows whose code has a 1 in the table to the mask. */
BLOCK_LOOP void block_table16(const uint16_t *codes, int rows, const uint8_t *table, uint64_t *mask) {
    uint8_t inside[4096];
    if (rows < 4096) memset(inside + rows, 0, 4096 - rows);
    for (int i = 0; i < rows; i++) inside[i] = table[codes[i]];
    block_pack(inside, mask);
}

BLOCK_LOOP void block_table32(const uint32_t *codes, int rows, const uint8_t *table, uint64_t *mask) {
    uint8_t inside[4096];
    if (rows < 4096) memset(inside + rows, 0, 4096 - rows);
    for (int i = 0; i < rows; i++) inside[i] = table[codes[i]];
    block_pack(inside, mask);
}

#endif
