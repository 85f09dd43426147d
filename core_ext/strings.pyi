"""Many byte strings in one arena: copies in another order, no Python object a string."""

import numpy as np
from numpy.typing import NDArray

def gather(
    blob: NDArray[np.uint8],  # const uint8_t[::1]
    starts: NDArray[np.int64],  # const int64_t[::1], strings + 1
    order: NDArray[np.uint32],  # const uint32_t[::1]
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]: ...
