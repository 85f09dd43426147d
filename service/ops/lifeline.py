"""Ties a child process to its parent, so that killing any of ours leaves nothing running."""

import ctypes
import os
import signal
import sys

_SET_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of prctl(2)


def follow(parent: int) -> None:
    """Has the kernel kill this process when the thread of process `parent` that started it ends.

    Ends it at once when that happened before the call.
    """
    ctypes.CDLL(None, use_errno=True).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(1)
