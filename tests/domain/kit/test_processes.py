"""Functions in processes of their own: results, faults, deadlines and deaths."""

from __future__ import annotations

import os
import time

import pytest

from domain.kit.processes import ProcessDied, in_process


def add(a: int, b: int) -> int:
    return a + b


def divide(a: int, b: int) -> float:
    return a / b


def die() -> None:
    os._exit(3)


def pid_file_then_sleep(path: str) -> None:
    with open(path, "w") as file:  # noqa: PTH123
        file.write(str(os.getpid()))
    time.sleep(60)


def fill(megabytes: int) -> int:
    return len(bytearray(megabytes * 1_000_000))


async def test_the_result_comes_back() -> None:
    assert await in_process(add, 2, 3, seconds=20) == 5


async def test_what_the_function_raises_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        await in_process(divide, 1, 0, seconds=20)


async def test_a_process_that_dies_is_told_from_one_that_answers() -> None:
    with pytest.raises(ProcessDied):
        await in_process(die, seconds=20)


async def test_a_process_is_killed_at_its_deadline(tmp_path: object) -> None:
    path = f"{tmp_path}/pid"
    with pytest.raises(TimeoutError):
        await in_process(pid_file_then_sleep, path, seconds=2)
    with open(path) as file:  # noqa: PTH123, ASYNC230
        pid = int(file.read())
    assert not os.path.exists(f"/proc/{pid}")  # noqa: PTH110


async def test_memory_beyond_its_share_is_refused_to_the_process_alone() -> None:
    with pytest.raises(MemoryError):
        await in_process(fill, 4_000, seconds=20, memory_bytes=2_000_000_000)
