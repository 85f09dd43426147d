"""One demo as people run it, for all stories of a process; those that kill it leave it running."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.served import Served


@pytest.fixture(scope="session")
def served() -> Iterator[Served]:
    """`forecourt serve`, ready."""
    folder = Path(tempfile.mkdtemp(prefix="forecourt journeys "))
    service = Served(folder)
    service.start()
    try:
        service.until_ready()
        yield service
    finally:
        service.stop()
        shutil.rmtree(folder, ignore_errors=True)
