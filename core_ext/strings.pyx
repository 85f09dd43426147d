"""Many byte strings in one arena: copies in another order, no Python object a string."""

from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.string cimport memcpy

import numpy as np


def gather(
    const uint8_t[::1] blob not None, const int64_t[::1] starts not None, const uint32_t[::1] order not None
):
    """Copies of the strings in `order`: (blob, starts) of a new arena. The GIL is released.

    ValueError if `starts` do not run from 0 to the blob's length, IndexError for a string that is not there.
    """
    cdef Py_ssize_t i, n = order.shape[0]
    if starts.shape[0] == 0 or starts[0] != 0 or starts[starts.shape[0] - 1] != blob.shape[0]:
        raise ValueError("starts must run from 0 to the length of the blob")
    for i in range(n):
        if order[i] >= starts.shape[0] - 1:
            raise IndexError("there is no such string")
    cdef int64_t[::1] new_starts = np.zeros(n + 1, np.int64)
    with nogil:
        for i in range(n):
            new_starts[i + 1] = new_starts[i] + starts[order[i] + 1] - starts[order[i]]
    cdef uint8_t[::1] new_blob = np.empty(new_starts[n], np.uint8)
    with nogil:
        for i in range(n):
            if new_starts[i + 1] > new_starts[i]:
                memcpy(&new_blob[new_starts[i]], &blob[starts[order[i]]], new_starts[i + 1] - new_starts[i])
    return np.asarray(new_blob), np.asarray(new_starts)
