"""Lets any number of searches in, or one change."""

from types import TracebackType

class Gate:
    serial: int
    def __init__(self) -> None: ...
    def __enter__(self) -> Gate: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
