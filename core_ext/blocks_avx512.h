/* The loops over a block for processors with AVX-512 and its VPOPCNTDQ, VBMI and VBMI2. */
#ifndef FORECOURT_BLOCKS_AVX512_H
#define FORECOURT_BLOCKS_AVX512_H

#include <immintrin.h>

#include "blocks_avx2.h"

#define AVX512 \
    static     \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vpopcntdq,avx512vbmi,avx512vbmi2,bmi,bmi2,popcnt")))
#define AVX512_STEP AVX512 inline __attribute__((always_inline))

AVX512_STEP __m512i avx512_load(const void *at) {
    return _mm512_loadu_si512(at);
}

AVX512_STEP int avx512_sum(__m512i counts) {
    return (int)_mm512_reduce_add_epi64(counts);
}

AVX512_STEP int avx512_some(__m512i words) {
    return _mm512_test_epi64_mask(words, words) != 0;
}

AVX512 int avx512_count(const uint64_t *mask) {
    __m512i found = _mm512_setzero_si512();
    for (int i = 0; i < 64; i += 8) found = _mm512_add_epi64(found, _mm512_popcnt_epi64(avx512_load(mask + i)));
    return avx512_sum(found);
}

AVX512 int avx512_count_both(const uint64_t *mask, const uint64_t *other) {
    __m512i found = _mm512_setzero_si512();
    for (int i = 0; i < 64; i += 8) {
        __m512i both = _mm512_and_si512(avx512_load(mask + i), avx512_load(other + i));
        found = _mm512_add_epi64(found, _mm512_popcnt_epi64(both));
    }
    return avx512_sum(found);
}

AVX512 int avx512_count_less(const uint64_t *mask, const uint64_t *other) {
    __m512i found = _mm512_setzero_si512();
    for (int i = 0; i < 64; i += 8) {
        __m512i less = _mm512_andnot_si512(avx512_load(other + i), avx512_load(mask + i));
        found = _mm512_add_epi64(found, _mm512_popcnt_epi64(less));
    }
    return avx512_sum(found);
}

AVX512 int avx512_any(const uint64_t *mask) {
    __m512i some = _mm512_setzero_si512();
    for (int i = 0; i < 64; i += 8) some = _mm512_or_si512(some, avx512_load(mask + i));
    return avx512_some(some);
}

AVX512 int avx512_and_of(uint64_t *out, const uint64_t *a, const uint64_t *b) {
    __m512i some = _mm512_setzero_si512();
    for (int i = 0; i < 64; i += 8) {
        __m512i both = _mm512_and_si512(avx512_load(a + i), avx512_load(b + i));
        _mm512_storeu_si512(out + i, both);
        some = _mm512_or_si512(some, both);
    }
    return avx512_some(some);
}

AVX512 int avx512_and_into(uint64_t *mask, const uint64_t *other) {
    return avx512_and_of(mask, mask, other);
}

AVX512 int avx512_and_not_into(uint64_t *mask, const uint64_t *other) {
    __m512i some = _mm512_setzero_si512();
    for (int i = 0; i < 64; i += 8) {
        __m512i less = _mm512_andnot_si512(avx512_load(other + i), avx512_load(mask + i));
        _mm512_storeu_si512(mask + i, less);
        some = _mm512_or_si512(some, less);
    }
    return avx512_some(some);
}

AVX512 void avx512_or_into(uint64_t *mask, const uint64_t *other) {
    for (int i = 0; i < 64; i += 8) {
        _mm512_storeu_si512(mask + i, _mm512_or_si512(avx512_load(mask + i), avx512_load(other + i)));
    }
}

AVX512 void avx512_fail(uint64_t *once, uint64_t *twice, const uint64_t *alive, const uint64_t *passed) {
    for (int i = 0; i < 64; i += 8) {
        __m512i failed = _mm512_andnot_si512(avx512_load(passed + i), avx512_load(alive + i));
        __m512i before = avx512_load(once + i);
        __m512i again = _mm512_ternarylogic_epi64(avx512_load(twice + i), before, failed, 0xF8); /* a | (b & c) */
        _mm512_storeu_si512(twice + i, again);
        _mm512_storeu_si512(once + i, _mm512_or_si512(before, failed));
    }
}

AVX512 int avx512_but_one(uint64_t *out, const uint64_t *once, const uint64_t *twice, const uint64_t *group) {
    __m512i found = _mm512_setzero_si512();
    for (int i = 0; i < 64; i += 8) {
        __m512i passed = _mm512_ternarylogic_epi64( /* ~a & ~(b & c) */
            avx512_load(twice + i), avx512_load(once + i), avx512_load(group + i), 0x07);
        _mm512_storeu_si512(out + i, passed);
        found = _mm512_add_epi64(found, _mm512_popcnt_epi64(passed));
    }
    return avx512_sum(found);
}

/* A value lies in a range if it is at most `span` above its low end, as a number without sign. */

AVX512_STEP uint64_t avx512_within_u8(const uint8_t *at, __m512i low, __m512i span) {
    return _mm512_cmple_epu8_mask(_mm512_sub_epi8(avx512_load(at), low), span);
}

AVX512_STEP uint64_t avx512_within_u16(const uint16_t *at, __m512i low, __m512i span) {
    uint64_t first = _mm512_cmple_epu16_mask(_mm512_sub_epi16(avx512_load(at), low), span);
    uint64_t second = _mm512_cmple_epu16_mask(_mm512_sub_epi16(avx512_load(at + 32), low), span);
    return first | second << 32;
}

AVX512_STEP uint64_t avx512_within_i32(const int32_t *at, __m512i low, __m512i span) {
    uint64_t word = 0;
    for (int i = 0; i < 64; i += 16) {
        word |= (uint64_t)_mm512_cmple_epu32_mask(_mm512_sub_epi32(avx512_load(at + i), low), span) << i;
    }
    return word;
}

AVX512_STEP uint64_t avx512_within_i64(const int64_t *at, __m512i low, __m512i span) {
    uint64_t word = 0;
    for (int i = 0; i < 64; i += 8) {
        word |= (uint64_t)_mm512_cmple_epu64_mask(_mm512_sub_epi64(avx512_load(at + i), low), span) << i;
    }
    return word;
}

AVX512 void avx512_range_u8(const uint8_t *values, int rows, uint8_t low, uint8_t high, uint64_t *out) {
    const __m512i first = _mm512_set1_epi8((char)low), span = _mm512_set1_epi8((char)(high - low));
    if (low <= high) BLOCK_EACH_WORD(uint8_t, values, rows, out, avx512_within_u8(at, first, span));
}

AVX512 void avx512_range_u16(const uint16_t *values, int rows, uint16_t low, uint16_t high, uint64_t *out) {
    const __m512i first = _mm512_set1_epi16((short)low), span = _mm512_set1_epi16((short)(high - low));
    if (low <= high) BLOCK_EACH_WORD(uint16_t, values, rows, out, avx512_within_u16(at, first, span));
}

AVX512 void avx512_range_i32(const int32_t *values, int rows, int32_t low, int32_t high, uint64_t *out) {
    const __m512i first = _mm512_set1_epi32(low), span = _mm512_set1_epi32((int32_t)((uint32_t)high - (uint32_t)low));
    if (low <= high) BLOCK_EACH_WORD(int32_t, values, rows, out, avx512_within_i32(at, first, span));
}

AVX512 void avx512_range_i64(const int64_t *values, int rows, int64_t low, int64_t high, uint64_t *out) {
    const __m512i first = _mm512_set1_epi64(low), span = _mm512_set1_epi64((int64_t)((uint64_t)high - (uint64_t)low));
    if (low <= high) BLOCK_EACH_WORD(int64_t, values, rows, out, avx512_within_i64(at, first, span));
}

AVX512 void avx512_equal_u8(const uint8_t *codes, int rows, uint8_t code, uint64_t *out) {
    avx512_range_u8(codes, rows, code, code, out);
}

AVX512 void avx512_equal_u16(const uint16_t *codes, int rows, uint16_t code, uint64_t *out) {
    avx512_range_u16(codes, rows, code, code, out);
}

AVX512 void avx512_equal_u32(const uint32_t *codes, int rows, uint32_t code, uint64_t *out) {
    avx512_range_i32((const int32_t *)codes, rows, (int32_t)code, (int32_t)code, out);
}

AVX512_STEP uint64_t avx512_look_up(__m512i codes, __m512i t0, __m512i t1, __m512i t2, __m512i t3) {
    __m512i below_128 = _mm512_permutex2var_epi8(t0, codes, t1), above = _mm512_permutex2var_epi8(t2, codes, t3);
    __m512i found = _mm512_mask_mov_epi8(below_128, _mm512_movepi8_mask(codes), above);
    return _mm512_test_epi8_mask(found, found);
}

AVX512 void avx512_table_u8(const uint8_t *codes, int rows, const uint8_t *table, uint64_t *out) {
    const __m512i t0 = avx512_load(table), t1 = avx512_load(table + 64);
    const __m512i t2 = avx512_load(table + 128), t3 = avx512_load(table + 192);
    BLOCK_EACH_WORD(uint8_t, codes, rows, out, avx512_look_up(avx512_load(at), t0, t1, t2, t3));
}

/* Which of 32 codes are in a set: `words` are the 16 bits of the set around each code. */
AVX512_STEP uint64_t avx512_in_words(__m512i codes, __m512i words) {
    return _mm512_test_epi16_mask(_mm512_shrdv_epi16(words, words, codes), _mm512_set1_epi16(1));
}

AVX512_STEP uint64_t avx512_in_set(const uint16_t *at, __m512i set) {
    __m512i codes = avx512_load(at);
    return avx512_in_words(codes, _mm512_permutexvar_epi16(_mm512_srli_epi16(codes, 4), set));
}

AVX512 void avx512_bits_u16(const uint16_t *codes, int rows, const uint64_t *set, uint64_t *out) {
    const __m512i words = avx512_load(set);
    BLOCK_EACH_WORD(uint16_t, codes, rows, out, avx512_in_set(at, words) | avx512_in_set(at + 32, words) << 32);
}

/* The same in a set of 4,096, held in eight registers. */
AVX512_STEP uint64_t avx512_in_wide_set(__m512i codes, const __m512i *set) {
    __m512i places = _mm512_srli_epi16(codes, 4);
    __mmask32 odd = _mm512_test_epi16_mask(codes, _mm512_set1_epi16(1 << 10));
    __mmask32 upper = _mm512_test_epi16_mask(codes, _mm512_set1_epi16(1 << 11));
    __m512i low = _mm512_permutex2var_epi16(set[0], places, set[1]);
    __m512i high = _mm512_permutex2var_epi16(set[4], places, set[5]);
    low = _mm512_mask_mov_epi16(low, odd, _mm512_permutex2var_epi16(set[2], places, set[3]));
    high = _mm512_mask_mov_epi16(high, odd, _mm512_permutex2var_epi16(set[6], places, set[7]));
    return avx512_in_words(codes, _mm512_mask_mov_epi16(low, upper, high));
}

AVX512_STEP uint64_t avx512_word_in_wide_set(const uint16_t *at, const __m512i *set) {
    return avx512_in_wide_set(avx512_load(at), set) | avx512_in_wide_set(avx512_load(at + 32), set) << 32;
}

AVX512 void avx512_wide_bits_u16(const uint16_t *codes, int rows, const uint64_t *set, uint64_t *out) {
    __m512i words[8];
    for (int i = 0; i < 8; i++) words[i] = avx512_load(set + 8 * i);
    BLOCK_EACH_WORD(uint16_t, codes, rows, out, avx512_word_in_wide_set(at, words));
}

/* Whose bits of both planes are 00, 01, 10 and 11. */
AVX512_STEP void avx512_split(__m512i rows, __m512i high, __m512i low, __m512i *quarters) {
    quarters[0] = _mm512_ternarylogic_epi64(rows, high, low, 0x10);
    quarters[1] = _mm512_ternarylogic_epi64(rows, high, low, 0x20);
    quarters[2] = _mm512_ternarylogic_epi64(rows, high, low, 0x40);
    quarters[3] = _mm512_ternarylogic_epi64(rows, high, low, 0x80);
}

/* The sums of eight registers' words, a word each. */
AVX512_STEP __m512i avx512_sums(const __m512i *counts) {
    __m512i pairs[4], fours[2];
    for (int i = 0; i < 4; i++) {
        __m512i a = counts[2 * i], b = counts[2 * i + 1];
        pairs[i] = _mm512_add_epi64(_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b));
    }
    for (int i = 0; i < 2; i++) {
        __m512i a = pairs[2 * i], b = pairs[2 * i + 1];
        fours[i] = _mm512_add_epi64(_mm512_shuffle_i64x2(a, b, 0x88), _mm512_shuffle_i64x2(a, b, 0xDD));
    }
    __m512i even = _mm512_shuffle_i64x2(fours[0], fours[1], 0x88), odd = _mm512_shuffle_i64x2(fours[0], fours[1], 0xDD);
    return _mm512_add_epi64(even, odd);
}

/* Codes of 2, 3 or 4 bits, with all counters in registers. */
AVX512_STEP void avx512_count_codes(const uint64_t *planes, const int bits, const uint64_t *mask, int64_t *counters) {
    const int size = 1 << bits;
    __m512i found[16];
    for (int code = 0; code < 16; code++) found[code] = _mm512_setzero_si512();
    for (int i = 0; i < 64; i += 8) {
        __m512i rows = avx512_load(mask + i), parts[4], quarters[4];
        __m512i plane_0 = avx512_load(planes + i), plane_1 = avx512_load(planes + 64 + i);
        if (bits == 4) {
            avx512_split(rows, avx512_load(planes + 192 + i), avx512_load(planes + 128 + i), parts);
        } else if (bits == 3) {
            parts[0] = _mm512_andnot_si512(avx512_load(planes + 128 + i), rows);
            parts[1] = _mm512_and_si512(avx512_load(planes + 128 + i), rows);
        } else {
            parts[0] = rows;
        }
        for (int part = 0; part < size / 4; part++) {
            avx512_split(parts[part], plane_1, plane_0, quarters);
            for (int code = 0; code < 4; code++) {
                __m512i more = _mm512_popcnt_epi64(quarters[code]);
                found[4 * part + code] = _mm512_add_epi64(found[4 * part + code], more);
            }
        }
    }
    for (int code = 0; code < size; code += 8) {
        __mmask8 wanted = size < 8 ? 0x0F : 0xFF;
        __m512i sums = _mm512_add_epi64(_mm512_maskz_loadu_epi64(wanted, counters + code), avx512_sums(found + code));
        _mm512_mask_storeu_epi64(counters + code, wanted, sums);
    }
}

AVX512 void avx512_count_planes(const uint64_t *planes, int bits, const uint64_t *mask, int64_t *counters) {
    uint64_t part[64];
    if (bits == 1) {
        int found = avx512_count(mask), with = avx512_count_both(mask, planes);
        counters[0] += found - with;
        counters[1] += with;
    } else if (bits == 2) {
        avx512_count_codes(planes, 2, mask, counters);
    } else if (bits == 3) {
        avx512_count_codes(planes, 3, mask, counters);
    } else if (bits == 4) {
        avx512_count_codes(planes, 4, mask, counters);
    } else {
        avx512_and_of(part, mask, planes + 256);
        avx512_count_codes(planes, 4, part, counters + 16);
        for (int i = 0; i < 64; i++) part[i] ^= mask[i];
        avx512_count_codes(planes, 4, part, counters);
    }
}

AVX512 void avx512_planes_of(const uint8_t *codes, int rows, int bits, uint64_t *planes) {
    memset(planes, 0, (size_t)bits * 64 * sizeof(uint64_t));
    for (int plane = 0; plane < bits; plane++) {
        const __m512i bit = _mm512_set1_epi8((char)(1 << plane));
        BLOCK_EACH_WORD(uint8_t, codes, rows, planes + 64 * plane, _mm512_test_epi8_mask(avx512_load(at), bit));
    }
}

AVX512 int64_t avx512_count_rows(const uint16_t *rows, int count, const uint64_t *mask) {
    int64_t found = 0;
    __m512i words[8];
    for (int i = 0; i < 8; i++) words[i] = avx512_load(mask + 8 * i);
    for (int i = 0; i < count; i += 32) {
        __mmask32 there = count - i < 32 ? (1U << (count - i)) - 1 : ~0U;
        uint64_t set = avx512_in_wide_set(_mm512_maskz_loadu_epi16(there, rows + i), words);
        found += __builtin_popcountll(set & there);
    }
    return found;
}

/* Writes the first 32 places as rows: all of them as long as there is room, although fewer may count. */
AVX512_STEP void avx512_list(__m512i places, __m512i first, int count, uint16_t *rows, int at) {
    __m512i listed = _mm512_add_epi16(_mm512_cvtepu8_epi16(_mm512_castsi512_si256(places)), first);
    if (at + 32 <= BLOCK_ROWS) {
        _mm512_storeu_si512(rows + at, listed);
    } else {
        _mm512_mask_storeu_epi16(rows + at, (1U << count) - 1, listed);
    }
}

AVX512 int avx512_extract(const uint64_t *mask, uint16_t *rows) {
    const __m512i upwards = _mm512_set_epi8(
        63, 62, 61, 60, 59, 58, 57, 56, 55, 54, 53, 52, 51, 50, 49, 48, 47, 46, 45, 44, 43, 42, 41, 40, 39, 38, 37, 36,
        35, 34, 33, 32, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7,
        6, 5, 4, 3, 2, 1, 0);
    uint64_t words = 0; /* those that have a row */
    int found = 0;
    for (int i = 0; i < 64; i += 8) {
        words |= (uint64_t)_mm512_test_epi64_mask(avx512_load(mask + i), avx512_load(mask + i)) << i;
    }
    for (; words; words &= words - 1) {
        const int i = (int)_tzcnt_u64(words), more = (int)_mm_popcnt_u64(mask[i]);
        const __m512i first = _mm512_set1_epi16((short)(64 * i));
        __m512i places = _mm512_maskz_compress_epi8(mask[i], upwards);
        avx512_list(places, first, more, rows, found);
        if (more > 32) avx512_list(_mm512_shuffle_i64x2(places, places, 0x0E), first, more - 32, rows, found + 32);
        found += more;
    }
    return found;
}

/* Looking up and setting bits one by one is no faster with wider registers: gathers and scatters cost more. */
#define avx512_table_u16 avx2_table_u16
#define avx512_table_u32 avx2_table_u32
#define avx512_set_rows avx2_set_rows

/* The codes of the rows set, moved together: a gather costs what it has places for, used or not. */
AVX512_STEP int avx512_together(const uint16_t *codes, uint64_t word, uint16_t found[96]) {
    const __mmask32 low = (__mmask32)word, high = (__mmask32)(word >> 32);
    const int before = _mm_popcnt_u32(low);
    _mm512_storeu_si512(found, _mm512_maskz_compress_epi16(low, _mm512_maskz_loadu_epi16(low, codes)));
    _mm512_storeu_si512(found + before, _mm512_maskz_compress_epi16(high, _mm512_maskz_loadu_epi16(high, codes + 32)));
    return before + _mm_popcnt_u32(high);
}

/* The table's numbers of the next codes, up to eight; infinity in the places beyond the last. */
AVX512_STEP __m512d avx512_looked_up(const uint16_t *codes, int count, const double *table) {
    const __mmask8 some = (__mmask8)_bzhi_u32(0xFF, count < 8 ? (unsigned)count : 8);
    const __m256i at = _mm256_cvtepu16_epi32(_mm_loadu_si128((const void *)codes));
    return _mm512_mask_i32gather_pd(_mm512_set1_pd((double)INFINITY), some, at, table, 8);
}

AVX512 double avx512_least_u16(const uint16_t *codes, uint64_t word, const double *table) {
    uint16_t found[96];
    const int count = avx512_together(codes, word, found);
    __m512d least = _mm512_set1_pd((double)INFINITY);
    for (int i = 0; i < count; i += 8) least = _mm512_min_pd(least, avx512_looked_up(found + i, count - i, table));
    return _mm512_reduce_min_pd(least);
}

AVX512 uint64_t avx512_at_most_u16(const uint16_t *codes, uint64_t word, const double *table, double limit) {
    uint16_t found[96];
    const int count = avx512_together(codes, word, found);
    const __m512d most = _mm512_set1_pd(limit);
    uint64_t kept = 0;
    for (int i = 0; i < count; i += 8) {
        const __mmask8 some = (__mmask8)_bzhi_u32(0xFF, count - i < 8 ? (unsigned)(count - i) : 8);
        const __m512d numbers = avx512_looked_up(found + i, count - i, table);
        kept |= (uint64_t)_mm512_mask_cmp_pd_mask(some, numbers, most, _CMP_LE_OQ) << i;
    }
    return _pdep_u64(kept, word);
}

static const BlockLoops avx512_loops = BLOCK_LOOPS(avx512);

#endif
