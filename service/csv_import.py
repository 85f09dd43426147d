"""Takes rows of CSV into records, a savepoint a row, and tells what became of each."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from domain.kit import access
from domain.kit.errors import Malformed, Problem
from domain.kit.policy import Principal
from domain.kit.record import Entity
from domain.kit.store import Context
from domain.kit.views import view
from service.api.bodies import shaped


class Counts(msgspec.Struct):
    """How many rows had which outcome."""

    received: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0

    def add(self, outcome: str) -> None:
        """Count one row."""
        self.received += 1
        setattr(self, outcome.lower(), getattr(self, outcome.lower()) + 1)


async def taken(
    ctx: Context, entity: Entity, rows: Iterable[dict[str, Any] | Malformed], first: int
) -> list[access.BulkResult]:
    """The outcome of each row, numbered from `first`; a refused row costs itself alone."""
    return [await _one(ctx, entity, row, number) for number, row in enumerate(rows, first)]


async def _one(ctx: Context, entity: Entity, row: dict[str, Any] | Malformed, number: int) -> access.BulkResult:
    try:
        if isinstance(row, Malformed):
            raise row
        async with ctx.savepoint():
            return await access.upsert(ctx, entity, await _writable(ctx, entity, row), number)
    except msgspec.ValidationError as fault:
        problem: Problem = shaped(str(fault))
    except Problem as refusal:
        problem = refusal
    return access.BulkResult(number, "REJECTED", error=access.problem_body(problem, number))


async def _writable(ctx: Context, entity: Entity, row: dict[str, Any]) -> dict[str, Any]:
    """The values that the caller may write; the others came with an export and are left as they are."""
    seen = view(entity, ctx.principal.keys)
    target = row.get("id")
    for key in row.get("external_keys") or () if not target else ():
        found = await ctx.by_key(entity.struct, str(key.get("system")), str(key.get("key")))
        target = target or (found.id if found is not None else None)
    if target:
        return {"id": target, **{name: value for name, value in row.items() if name in seen.updates}}
    return {name: value for name, value in row.items() if name in seen.creates and value is not None}


def known_columns(entity: Entity, principal: Principal) -> frozenset[str]:
    """The columns that a file of this caller may have: what they read or write."""
    seen = view(entity, principal.keys)
    return seen.reads | seen.creates | seen.updates


class opened:  # noqa: N801 - reads as a word at the `with`
    """The lines of an uploaded file; Malformed where it is not UTF-8."""

    def __init__(self, path: Path):
        self._file: io.TextIOWrapper = path.open(encoding="utf-8-sig", newline="")

    def __enter__(self) -> Iterator[str]:
        return iter(self._file)

    def __exit__(self, kind: Any, fault: BaseException | None, trace: Any) -> None:
        self._file.close()
        if isinstance(fault, UnicodeDecodeError):
            raise Malformed(f"The file is not UTF-8: byte {fault.start}") from None
