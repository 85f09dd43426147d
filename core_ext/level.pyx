"""Which of the loops over blocks run: for AVX-512, for AVX2 or in portable C, as the processor can or as told."""

import os

cdef extern from "blocks_levels.h":
    int BLOCK_LEVELS
    const BlockLoops* block_loops(int level)

VARIABLE = "FORECOURT_CPU_LEVEL"
_NAMES = ("plain", "avx2", "avx512")
LEVELS = tuple([_NAMES[i] for i in range(BLOCK_LEVELS) if block_loops(i) is not NULL])
"""The levels that this processor and this build have, the fastest last."""


def use(str level not None):
    """Runs the loops of this level from now on, in every thread; answers do not depend on it.

    What is under way may use the one for some of its blocks and the other for the rest. ValueError if not in LEVELS.
    """
    global blocks
    if level not in LEVELS:
        raise ValueError(f"{level!r} is no level of this processor, which has {', '.join(LEVELS)}")
    blocks = block_loops(_NAMES.index(level))


def in_use():
    """The level whose loops run."""
    for i in range(BLOCK_LEVELS):
        if block_loops(i) == blocks:
            return _NAMES[i]


try:
    use(os.environ.get(VARIABLE) or LEVELS[len(LEVELS) - 1])
except ValueError as problem:
    raise ImportError(f"{VARIABLE}: {problem}") from None
