"""Named SQL from `.sql` files: a line `-- name: x` above each statement."""

from __future__ import annotations

import re
from pathlib import Path

_NAME = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)


def load(folder: Path) -> dict[str, str]:
    """The statements of all files in a folder by name; ValueError for a name used twice."""
    found: dict[str, str] = {}
    for file in sorted(folder.glob("*.sql")):
        _, *parts = _NAME.split(file.read_text())
        for name, statement in zip(parts[::2], parts[1::2], strict=True):
            if name in found:
                raise ValueError(f"two statements are named {name}")
            found[name] = statement.strip().rstrip(";")
    return found
