/* The loops over a block for processors with AVX2: what compilers vectorise is taken in from blocks_plain.h. */
#ifndef FORECOURT_BLOCKS_AVX2_H
#define FORECOURT_BLOCKS_AVX2_H

#include <immintrin.h>

#include "blocks_plain.h"

#define AVX2 static __attribute__((target("avx2,bmi,bmi2,popcnt")))
#define AVX2_STEP AVX2 inline __attribute__((always_inline))

AVX2 int avx2_count(const uint64_t *mask) {
    uint64_t found = 0;
    for (int i = 0; i < 64; i++) found += (uint64_t)_mm_popcnt_u64(mask[i]);
    return (int)found;
}

AVX2 int avx2_count_both(const uint64_t *mask, const uint64_t *other) {
    uint64_t found = 0;
    for (int i = 0; i < 64; i++) found += (uint64_t)_mm_popcnt_u64(mask[i] & other[i]);
    return (int)found;
}

AVX2 int avx2_count_less(const uint64_t *mask, const uint64_t *other) {
    uint64_t found = 0;
    for (int i = 0; i < 64; i++) found += (uint64_t)_mm_popcnt_u64(mask[i] & ~other[i]);
    return (int)found;
}

AVX2 int avx2_any(const uint64_t *mask) {
    return plain_any(mask);
}

AVX2 int avx2_and_into(uint64_t *mask, const uint64_t *other) {
    return plain_and_into(mask, other);
}

AVX2 int avx2_and_not_into(uint64_t *mask, const uint64_t *other) {
    return plain_and_not_into(mask, other);
}

AVX2 void avx2_or_into(uint64_t *mask, const uint64_t *other) {
    plain_or_into(mask, other);
}

AVX2 int avx2_and_of(uint64_t *out, const uint64_t *a, const uint64_t *b) {
    return plain_and_of(out, a, b);
}

AVX2 void avx2_fail(uint64_t *once, uint64_t *twice, const uint64_t *alive, const uint64_t *passed) {
    plain_fail(once, twice, alive, passed);
}

AVX2 int avx2_but_one(uint64_t *out, const uint64_t *once, const uint64_t *twice, const uint64_t *group) {
    uint64_t found = 0;
    for (int i = 0; i < 64; i++) {
        out[i] = ~twice[i] & ~(once[i] & group[i]);
        found += (uint64_t)_mm_popcnt_u64(out[i]);
    }
    return (int)found;
}

AVX2_STEP __m256i avx2_load(const void *at) {
    return _mm256_loadu_si256((const __m256i *)at);
}

/* Comparisons leave lanes of zeros or ones: their bits, 32 rows each, once they are packed to bytes in their order. */

AVX2_STEP uint64_t avx2_bits_8(__m256i lanes) {
    return (uint32_t)_mm256_movemask_epi8(lanes);
}

AVX2_STEP uint64_t avx2_bits_16(__m256i a, __m256i b) {
    return avx2_bits_8(_mm256_permute4x64_epi64(_mm256_packs_epi16(a, b), 0xD8));
}

AVX2_STEP uint64_t avx2_bits_32(__m256i a, __m256i b, __m256i c, __m256i d) {
    __m256i mixed = _mm256_packs_epi16(_mm256_packs_epi32(a, b), _mm256_packs_epi32(c, d));
    return avx2_bits_8(_mm256_permutevar8x32_epi32(mixed, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7)));
}

/* A value lies in a range if it is at most `span` above its low end, as a number without sign. */

AVX2_STEP __m256i avx2_within_8(const uint8_t *at, __m256i low, __m256i span) {
    __m256i above = _mm256_sub_epi8(avx2_load(at), low);
    return _mm256_cmpeq_epi8(_mm256_min_epu8(above, span), above);
}

AVX2_STEP __m256i avx2_within_16(const uint16_t *at, __m256i low, __m256i span) {
    __m256i above = _mm256_sub_epi16(avx2_load(at), low);
    return _mm256_cmpeq_epi16(_mm256_min_epu16(above, span), above);
}

AVX2_STEP __m256i avx2_within_32(const int32_t *at, __m256i low, __m256i span) {
    __m256i above = _mm256_sub_epi32(avx2_load(at), low);
    return _mm256_cmpeq_epi32(_mm256_min_epu32(above, span), above);
}

AVX2_STEP uint64_t avx2_range_word_u8(const uint8_t *at, __m256i low, __m256i span) {
    return avx2_bits_8(avx2_within_8(at, low, span)) | avx2_bits_8(avx2_within_8(at + 32, low, span)) << 32;
}

AVX2_STEP uint64_t avx2_range_word_u16(const uint16_t *at, __m256i low, __m256i span) {
    uint64_t word = 0;
    for (int i = 0; i < 64; i += 32) {
        word |= avx2_bits_16(avx2_within_16(at + i, low, span), avx2_within_16(at + i + 16, low, span)) << i;
    }
    return word;
}

AVX2_STEP uint64_t avx2_range_word_i32(const int32_t *at, __m256i low, __m256i span) {
    uint64_t word = 0;
    for (int i = 0; i < 64; i += 32) {
        __m256i a = avx2_within_32(at + i, low, span), b = avx2_within_32(at + i + 8, low, span);
        __m256i c = avx2_within_32(at + i + 16, low, span), d = avx2_within_32(at + i + 24, low, span);
        word |= avx2_bits_32(a, b, c, d) << i;
    }
    return word;
}

/* There is no comparison of 64-bit numbers without sign: those outside on either side are marked. */
AVX2_STEP uint64_t avx2_range_word_i64(const int64_t *at, __m256i low, __m256i high) {
    uint64_t outside = 0;
    for (int i = 0; i < 64; i += 4) {
        __m256i values = avx2_load(at + i);
        __m256i lanes = _mm256_or_si256(_mm256_cmpgt_epi64(low, values), _mm256_cmpgt_epi64(values, high));
        outside |= (uint64_t)(uint32_t)_mm256_movemask_pd(_mm256_castsi256_pd(lanes)) << i;
    }
    return ~outside;
}

AVX2 void avx2_range_u8(const uint8_t *values, int rows, uint8_t low, uint8_t high, uint64_t *out) {
    const __m256i first = _mm256_set1_epi8((char)low), span = _mm256_set1_epi8((char)(high - low));
    if (low <= high) BLOCK_EACH_WORD(uint8_t, values, rows, out, avx2_range_word_u8(at, first, span));
}

AVX2 void avx2_range_u16(const uint16_t *values, int rows, uint16_t low, uint16_t high, uint64_t *out) {
    const __m256i first = _mm256_set1_epi16((short)low), span = _mm256_set1_epi16((short)(high - low));
    if (low <= high) BLOCK_EACH_WORD(uint16_t, values, rows, out, avx2_range_word_u16(at, first, span));
}

AVX2 void avx2_range_i32(const int32_t *values, int rows, int32_t low, int32_t high, uint64_t *out) {
    const __m256i first = _mm256_set1_epi32(low), span = _mm256_set1_epi32((int32_t)((uint32_t)high - (uint32_t)low));
    if (low <= high) BLOCK_EACH_WORD(int32_t, values, rows, out, avx2_range_word_i32(at, first, span));
}

AVX2 void avx2_range_i64(const int64_t *values, int rows, int64_t low, int64_t high, uint64_t *out) {
    const __m256i first = _mm256_set1_epi64x(low), last = _mm256_set1_epi64x(high);
    BLOCK_EACH_WORD(int64_t, values, rows, out, avx2_range_word_i64(at, first, last));
}

AVX2 void avx2_equal_u8(const uint8_t *codes, int rows, uint8_t code, uint64_t *out) {
    avx2_range_u8(codes, rows, code, code, out);
}

AVX2 void avx2_equal_u16(const uint16_t *codes, int rows, uint16_t code, uint64_t *out) {
    avx2_range_u16(codes, rows, code, code, out);
}

AVX2 void avx2_equal_u32(const uint32_t *codes, int rows, uint32_t code, uint64_t *out) {
    avx2_range_i32((const int32_t *)codes, rows, (int32_t)code, (int32_t)code, out);
}

/* Sets of codes lie in registers by 16 bytes: a shuffle finds the byte with a code's bit, another makes that bit. */

/* Sixteen bytes of a set, in both halves of a register. */
AVX2_STEP __m256i avx2_twice(const void *at) {
    return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)at));
}

/* Bytes by their places among 32; what is above in the places does not matter. */
AVX2_STEP __m256i avx2_byte_of(__m256i places, __m256i first, __m256i second) {
    __m256i low = _mm256_shuffle_epi8(first, places), high = _mm256_shuffle_epi8(second, places);
    return _mm256_blendv_epi8(low, high, _mm256_slli_epi16(places, 3));
}

/* Lanes of ones where the byte has the bit of that number, 0 … 7. */
AVX2_STEP __m256i avx2_has_bit(__m256i bytes, __m256i numbers) {
    const __m256i bits = _mm256_set1_epi64x((int64_t)0x8040201008040201ULL);
    __m256i wanted = _mm256_shuffle_epi8(bits, numbers);
    return _mm256_cmpeq_epi8(_mm256_and_si256(bytes, wanted), wanted);
}

AVX2_STEP uint64_t avx2_in_table(const uint8_t *at, __m256i first, __m256i second) {
    __m256i codes = avx2_load(at);
    __m256i places = _mm256_and_si256(_mm256_srli_epi16(codes, 3), _mm256_set1_epi8(31));
    __m256i numbers = _mm256_and_si256(codes, _mm256_set1_epi8(7));
    return avx2_bits_8(avx2_has_bit(avx2_byte_of(places, first, second), numbers));
}

AVX2 void avx2_table_u8(const uint8_t *codes, int rows, const uint8_t *table, uint64_t *out) {
    uint32_t set[8];
    for (int i = 0; i < 8; i++) set[i] = (uint32_t)avx2_bits_8(_mm256_slli_epi16(avx2_load(table + 32 * i), 7));
    const __m256i first = avx2_twice(set), second = avx2_twice(set + 4);
    BLOCK_EACH_WORD(
        uint8_t, codes, rows, out, avx2_in_table(at, first, second) | avx2_in_table(at + 32, first, second) << 32);
}

AVX2 void avx2_table_u16(const uint16_t *codes, int rows, const uint8_t *table, uint64_t *out) {
    plain_table_u16(codes, rows, table, out);
}

AVX2 void avx2_table_u32(const uint32_t *codes, int rows, const uint8_t *table, uint64_t *out) {
    plain_table_u32(codes, rows, table, out);
}

AVX2_STEP uint64_t avx2_in_set(const uint16_t *at, const __m256i *set) {
    const __m256i seven = _mm256_set1_epi16(7);
    __m256i a = avx2_load(at), b = avx2_load(at + 16);
    __m256i places = _mm256_packus_epi16(_mm256_srli_epi16(a, 3), _mm256_srli_epi16(b, 3));
    __m256i numbers = _mm256_packus_epi16(_mm256_and_si256(a, seven), _mm256_and_si256(b, seven));
    __m256i low = avx2_byte_of(places, set[0], set[1]), high = avx2_byte_of(places, set[2], set[3]);
    __m256i bytes = _mm256_blendv_epi8(low, high, _mm256_slli_epi16(places, 2));
    return avx2_bits_8(_mm256_permute4x64_epi64(avx2_has_bit(bytes, numbers), 0xD8));
}

AVX2 void avx2_bits_u16(const uint16_t *codes, int rows, const uint64_t *set, uint64_t *out) {
    const __m256i bytes[4] = {avx2_twice(set), avx2_twice(set + 2), avx2_twice(set + 4), avx2_twice(set + 6)};
    BLOCK_EACH_WORD(uint16_t, codes, rows, out, avx2_in_set(at, bytes) | avx2_in_set(at + 32, bytes) << 32);
}

AVX2 void avx2_wide_bits_u16(const uint16_t *codes, int rows, const uint64_t *set, uint64_t *out) {
    plain_wide_bits_u16(codes, rows, set, out);
}

/* Codes of three bits, in the processor's common registers: there the counting costs one step a word. */
AVX2_STEP void avx2_count_8_codes(const uint64_t *planes, const uint64_t *mask, int64_t *counters) {
    uint64_t found[8] = {0};
    for (int i = 0; i < 64; i++) {
        const uint64_t rows[2] = {mask[i] & ~planes[128 + i], mask[i] & planes[128 + i]};
#pragma GCC unroll 2
        for (int high = 0; high < 2; high++) {
            const uint64_t without = rows[high] & ~planes[64 + i], with = rows[high] & planes[64 + i];
            found[4 * high] += (uint64_t)_mm_popcnt_u64(without & ~planes[i]);
            found[4 * high + 1] += (uint64_t)_mm_popcnt_u64(without & planes[i]);
            found[4 * high + 2] += (uint64_t)_mm_popcnt_u64(with & ~planes[i]);
            found[4 * high + 3] += (uint64_t)_mm_popcnt_u64(with & planes[i]);
        }
    }
    for (int code = 0; code < 8; code++) counters[code] += (int64_t)found[code];
}

AVX2 void avx2_count_planes(const uint64_t *planes, int bits, const uint64_t *mask, int64_t *counters) {
    uint64_t part[64];
    if (bits == 1) {
        const int found = avx2_count(mask), with = avx2_count_both(mask, planes);
        counters[0] += found - with;
        counters[1] += with;
    } else if (bits == 3) {
        avx2_count_8_codes(planes, mask, counters);
    } else {
        const uint64_t *plane = planes + 64 * (bits - 1);
        plain_and_of(part, mask, plane);
        avx2_count_planes(planes, bits - 1, part, counters + (1 << (bits - 1)));
        for (int i = 0; i < 64; i++) part[i] = mask[i] & ~plane[i];
        avx2_count_planes(planes, bits - 1, part, counters);
    }
}

AVX2_STEP uint64_t avx2_bit_of(const uint8_t *at, int bit) {
    __m128i up = _mm_cvtsi32_si128(7 - bit);
    uint64_t first = avx2_bits_8(_mm256_sll_epi16(avx2_load(at), up));
    return first | avx2_bits_8(_mm256_sll_epi16(avx2_load(at + 32), up)) << 32;
}

AVX2 void avx2_planes_of(const uint8_t *codes, int rows, int bits, uint64_t *planes) {
    memset(planes, 0, (size_t)bits * 64 * sizeof(uint64_t));
    for (int bit = 0; bit < bits; bit++) {
        BLOCK_EACH_WORD(uint8_t, codes, rows, planes + 64 * bit, avx2_bit_of(at, bit));
    }
}

AVX2 void avx2_set_rows(const uint16_t *rows, int count, uint64_t *out) {
    plain_set_rows(rows, count, out);
}

AVX2 int64_t avx2_count_rows(const uint16_t *rows, int count, const uint64_t *mask) {
    return plain_count_rows(rows, count, mask);
}

AVX2 int avx2_extract(const uint64_t *mask, uint16_t *rows) {
    return plain_extract(mask, rows);
}

AVX2 double avx2_least_u16(const uint16_t *codes, uint64_t word, const double *table) {
    return plain_least_u16(codes, word, table);
}

AVX2 uint64_t avx2_at_most_u16(const uint16_t *codes, uint64_t word, const double *table, double limit) {
    return plain_at_most_u16(codes, word, table, limit);
}

static const BlockLoops avx2_loops = BLOCK_LOOPS(avx2);

#endif
