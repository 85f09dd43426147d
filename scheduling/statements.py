"""The named SQL of this room, read once."""

from __future__ import annotations

from pathlib import Path

from domain.kit import sql

SQL = sql.load(Path(__file__).parent / "sql")
