"""Starts at which everybody and everything that some work needs is free at once, and who that is."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core_ext.timeline import Starts

class Leg:
    rows: NDArray[np.uint32]
    length: int
    offset: int
    needed: int
    def __init__(
        self,
        rows: NDArray[np.uint32],  # const uint32_t[::1], candidates, best first
        length: int = 0,
        offset: int = 0,
        needed: int = 1,
        *,
        pieces: NDArray[np.int32] | None = None,  # const int32_t[:, ::1], n x 4
        follows: bool = False,
        until: NDArray[np.int32] | None = None,  # const int32_t[:, ::1], n x 3
        duty: Sequence[NDArray[np.uint64]] | None = None,  # const uint64_t[::1] each
    ) -> None: ...

class Work:
    legs: tuple[Leg, ...]
    first_cell: int
    words: int
    length: int
    splittable: bool
    def __init__(
        self,
        legs: Sequence[Leg],
        length: int,
        offers: NDArray[np.uint64],  # const uint64_t[::1]
        opening: NDArray[np.uint64] | None,  # const uint64_t[::1]
        first_cell: int,
        *,
        splittable: bool = False,
    ) -> None: ...

def starts(
    free: NDArray[np.uint64],  # const uint64_t[:, ::1]
    work: Work,
    first: int,
    last: int,
) -> NDArray[np.int32]: ...
def many(
    frees: Sequence[NDArray[np.uint64]],  # const uint64_t[:, ::1] each
    works: Sequence[Work],
    first: int,
    last: int,
) -> Starts: ...
def ends(
    free: NDArray[np.uint64],  # const uint64_t[:, ::1]
    work: Work,
    starts: NDArray[np.int32],  # const int32_t[::1]
) -> NDArray[np.int32]: ...
def who(
    free: NDArray[np.uint64],  # const uint64_t[:, ::1]
    work: Work,
    start: int,
    end: int | None = None,
) -> list[NDArray[np.uint32]]: ...
