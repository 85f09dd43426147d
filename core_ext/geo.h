/* Squared chords from one point of the unit sphere to many, for whichever vector unit the processor has.

   No product may be fused with a sum: every processor then finds the same bits, those of plain Python. */

#ifndef FORECOURT_GEO_H
#define FORECOURT_GEO_H

#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__) \
    && !defined(__SANITIZE_ADDRESS__) && !defined(CORE_EXT_PLAIN)
#define GEO_BY_PROCESSOR __attribute__((unused, target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4"), \
                                        optimize("fp-contract=off")))
#elif defined(__GNUC__) && !defined(__clang__)
#define GEO_BY_PROCESSOR __attribute__((unused, optimize("fp-contract=off")))
#else
#define GEO_BY_PROCESSOR
#endif

#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#endif

GEO_BY_PROCESSOR
static void geo_squares(const double *restrict x, const double *restrict y, const double *restrict z, ptrdiff_t count,
                        double a, double b, double c, double *restrict squares)
{
    for (ptrdiff_t i = 0; i < count; i++) {
        double dx = x[i] - a, dy = y[i] - b, dz = z[i] - c;
        squares[i] = dx * dx + dy * dy + dz * dz;
    }
}

GEO_BY_PROCESSOR
static void geo_within(const double *restrict squares, ptrdiff_t count, double limit, uint8_t *restrict within)
{
    for (ptrdiff_t i = 0; i < count; i++)
        within[i] = squares[i] <= limit;
}

#endif
