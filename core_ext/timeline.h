/* Loops over the words of a timeline, compiled for each level of processor; word 0 has the first 64 cells. */
#ifndef FORECOURT_TIMELINE_H
#define FORECOURT_TIMELINE_H

#include <stdint.h>
#include <string.h>

typedef struct {
    void (*shifted)(uint64_t *out, int64_t words, const uint64_t *row, int64_t row_words, int64_t cell);
    void (*runs)(uint64_t *line, int64_t words, int64_t length);
    void (*tally)(uint64_t *planes, const uint64_t *line, int64_t words, int needed);
} TimelineLoops;

#define TIMELINE_STEP static inline __attribute__((always_inline))

TIMELINE_STEP uint64_t timeline_word(const uint64_t *row, int64_t row_words, int64_t word) {
    return word >= 0 && word < row_words ? row[word] : 0;
}

TIMELINE_STEP int64_t timeline_least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* Writes the cells from `cell` on (it may lie before the row); cells outside the row are clear. */
TIMELINE_STEP void timeline_shifted(
    uint64_t *restrict out, int64_t words, const uint64_t *restrict row, int64_t row_words, int64_t cell) {
    const int bit = (int)(cell & 63);
    const int64_t from = (cell - bit) / 64;
    const int64_t before = timeline_least(words, from < -1 ? -1 - from : 0);
    int64_t i = before;
    memset(out, 0, (size_t)before * sizeof(uint64_t));
    if (bit) {
        if (from + i == -1 && i < words) {
            out[i] = timeline_word(row, row_words, 0) << (64 - bit);
            i++;
        }
        const int64_t inside = timeline_least(words, row_words - 1 - from);
        for (; i < inside; i++) out[i] = row[from + i] >> bit | row[from + i + 1] << (64 - bit);
        for (; i < words && from + i < row_words; i++) out[i] = row[from + i] >> bit;
    } else {
        if (from + i == -1 && i < words) out[i++] = 0;
        const int64_t inside = timeline_least(words, row_words - from);
        if (inside > i) {
            memcpy(out + i, row + from + i, (size_t)(inside - i) * sizeof(uint64_t));
            i = inside;
        }
    }
    if (i < words) memset(out + i, 0, (size_t)(words - i) * sizeof(uint64_t));
}

/* Keeps the cells from which `length` cells are set. Each pass doubles the length that is known to be set. The last
 * word must be clear, and cells from which less than `length` are in the line may stay set. */
TIMELINE_STEP void timeline_runs(uint64_t *line, int64_t words, int64_t length) {
    for (int64_t known = 1, step; known < length; known += step) {
        step = timeline_least(known, length - known);
        const int64_t ahead = step >> 6, left = words - ahead - 1;
        const int bit = (int)(step & 63);
        if (!ahead) {
            for (int64_t i = 0; i < left; i++) line[i] &= line[i] >> bit | line[i + 1] << (64 - bit);
        } else if (bit) {
            for (int64_t i = 0; i < left; i++) line[i] &= line[i + ahead] >> bit | line[i + ahead + 1] << (64 - bit);
        } else {
            for (int64_t i = 0; i < left; i++) line[i] &= line[i + ahead];
        }
    }
}

/* Counts up to `needed`: plane k has the cells that k + 1 or more lines had. */
TIMELINE_STEP void timeline_tally(uint64_t *planes, const uint64_t *restrict line, int64_t words, int needed) {
    for (int k = needed - 1; k; k--) {
        uint64_t *restrict plane = planes + k * words;
        const uint64_t *restrict below = plane - words;
        for (int64_t i = 0; i < words; i++) plane[i] |= below[i] & line[i];
    }
    for (int64_t i = 0; i < words; i++) planes[i] |= line[i];
}

/* Has the words fetched that will be read next. */
static inline void fetch_ahead(const uint64_t *row, int64_t words) {
    for (int64_t i = 0; i < words; i += 8) __builtin_prefetch(row + i);
}

/* Sets or clears the cells from `begin` to before `end`, which lie in the row; none if the end is not after it. */
static inline void put_cells(uint64_t *row, int64_t begin, int64_t end, int value) {
    if (end <= begin) return;
    const int64_t last = (end - 1) >> 6;
    uint64_t mask = ~0ULL << (begin & 63);
    for (int64_t word = begin >> 6; word <= last; word++, mask = ~0ULL) {
        if (word == last) mask &= ~0ULL >> (63 - ((end - 1) & 63));
        if (value) {
            row[word] |= mask;
        } else {
            row[word] &= ~mask;
        }
    }
}

/* Whether the cells from `begin` to before `end` are set; those outside the row are not, and none are. */
static inline int are_free(const uint64_t *row, int64_t words, int64_t begin, int64_t end) {
    if (end <= begin) return 1;
    if (begin < 0 || end > words * 64) return 0;
    const int64_t last = (end - 1) >> 6;
    uint64_t mask = ~0ULL << (begin & 63);
    for (int64_t word = begin >> 6; word < last; word++, mask = ~0ULL) {
        if (~row[word] & mask) return 0;
    }
    return !(~row[last] & mask & ~0ULL >> (63 - ((end - 1) & 63)));
}

#define TIMELINE_LEVEL(level, target)                                                                                  \
    target static void level##_shifted(                                                                                \
        uint64_t *out, int64_t words, const uint64_t *row, int64_t row_words, int64_t cell) {                          \
        timeline_shifted(out, words, row, row_words, cell);                                                            \
    }                                                                                                                  \
    target static void level##_runs(uint64_t *line, int64_t words, int64_t length) {                                   \
        timeline_runs(line, words, length);                                                                            \
    }                                                                                                                  \
    target static void level##_tally(uint64_t *planes, const uint64_t *line, int64_t words, int needed) {              \
        timeline_tally(planes, line, words, needed);                                                                   \
    }                                                                                                                  \
    static const TimelineLoops level##_loops = {level##_shifted, level##_runs, level##_tally};

TIMELINE_LEVEL(plain, )
#if defined(__x86_64__) && defined(__GNUC__)
TIMELINE_LEVEL(avx2, __attribute__((target("avx2,bmi,bmi2"))))
TIMELINE_LEVEL(avx512, __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi2,bmi,bmi2"))))
#endif

/* The loops of a level that core_ext.level has found this processor to have. */
static inline const TimelineLoops *timeline_loops(int level) {
#if defined(__x86_64__) && defined(__GNUC__)
    if (level == 2) return &avx512_loops;
    if (level == 1) return &avx2_loops;
#endif
    (void)level;
    return &plain_loops;
}

#endif
