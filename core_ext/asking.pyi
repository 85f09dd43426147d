"""Enters the usual criteria of a search into a program: lists of values, ranges of numbers; no step in Python."""

from collections.abc import Callable, Collection
from typing import Any

from core_ext.program import Program

OTHER: int
VALUES: int
PRESET: int
NUMBERS: int
MONEY: int
AGE: int
EACH: int
TOGETHER: int

def ask(
    program: Program,
    values: tuple[Any, ...],
    kinds: tuple[int, ...],
    columns: tuple[int, ...],
    dictionaries: tuple[Any, ...],  # with spelled: dict[str, Collection[int]] and values: Sequence[object]
    preset: list[str],
    places: int,
    guard: int,
    guard_codes: tuple[int, ...],
    today: int,
    folded: Callable[[Any, str], Collection[int]],
    exactly: Callable[[Any, int], tuple[int, int]],
) -> tuple[list[int], list[int], list[int]]: ...
