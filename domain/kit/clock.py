"""The present moment, injectable so that tests need not wait."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def now() -> datetime:
    """The present instant in UTC."""
    return datetime.now(UTC)
