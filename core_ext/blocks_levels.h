/* The tables of loops that this processor can use. */
#ifndef FORECOURT_BLOCKS_LEVELS_H
#define FORECOURT_BLOCKS_LEVELS_H

#include "blocks_plain.h"

#if defined(__x86_64__) && defined(__GNUC__)
#define BLOCKS_X86
#include "blocks_avx512.h"
#endif

enum { BLOCK_LEVELS = 3 };

/* The table of level 0 (plain), 1 (AVX2) or 2 (AVX-512); NULL where the processor lacks what its loops use. */
static const BlockLoops *block_loops(int level) {
    if (level == 0) return &plain_loops;
#ifdef BLOCKS_X86
    __builtin_cpu_init();
    const int avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
                     __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt");
    if (level == 1 && avx2) return &avx2_loops;
    const int avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                       __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
                       __builtin_cpu_supports("avx512vpopcntdq") && __builtin_cpu_supports("avx512vbmi") &&
                       __builtin_cpu_supports("avx512vbmi2");
    if (level == 2 && avx2 && avx512) return &avx512_loops;
#endif
    return NULL;
}

#endif
