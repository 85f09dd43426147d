"""Identity of records: UUIDs of version 7, made in the service so that they sort by time of making."""

from __future__ import annotations

import os
import time
from collections.abc import Callable


def uuid7(milliseconds: int, entropy: bytes) -> str:
    """A UUIDv7 (RFC 9562 §5.7) from a Unix time in milliseconds and ten random bytes."""
    head = milliseconds.to_bytes(6, "big")
    tail = bytearray(entropy)
    tail[0] = 0x70 | (tail[0] & 0x0F)
    tail[2] = 0x80 | (tail[2] & 0x3F)
    text = (head + tail).hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def new_id() -> str:
    """A fresh record id."""
    return uuid7(time.time_ns() // 1_000_000, os.urandom(10))


Ids = Callable[[], str]
