"""Runs a function in a process of its own, which is killed at its deadline: solvers and parsers that may not end."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import pickle
import resource
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection, wait
from multiprocessing.process import parent_process
from typing import Any, TypeVar

T = TypeVar("T")
_SPAWN = multiprocessing.get_context("spawn")


class ProcessDied(Exception):
    """The process ended without a result: killed, out of memory, or by `os._exit`."""


async def in_process(function: Callable[..., T], *arguments: Any, seconds: float, memory_bytes: int | None = None) -> T:
    """The function's result from a fresh process. TimeoutError at the deadline, ProcessDied, or what it raised.

    Function, arguments and result are pickled. The process is killed when the caller is cancelled or dies.
    """
    ours, theirs = _SPAWN.Pipe(duplex=False)
    process = _SPAWN.Process(target=_run, args=(theirs, memory_bytes, function, arguments), daemon=True)
    process.start()
    theirs.close()
    try:
        async with asyncio.timeout(seconds):
            result: T = await _received(ours)
            return result
    finally:
        process.kill()
        await asyncio.to_thread(process.join)
        process.close()
        ours.close()


async def _received(pipe: Connection) -> Any:
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(pipe.fileno(), readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(pipe.fileno())
    try:
        worked, value = await asyncio.to_thread(pipe.recv)
    except EOFError:
        raise ProcessDied from None
    if worked:
        return value
    raise value


def _run(pipe: Connection, memory_bytes: int | None, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    threading.Thread(target=_follow_parent, daemon=True).start()
    if memory_bytes is not None:
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    try:
        answer: tuple[bool, Any] = (True, function(*arguments))
    except BaseException as fault:
        answer = (False, fault)
    try:
        told = pickle.dumps(answer)
    except Exception as fault:
        told = pickle.dumps((False, TypeError(f"the result cannot leave the process: {fault!r}")))
    with contextlib.suppress(BrokenPipeError):
        pipe.send_bytes(told)


def _follow_parent() -> None:
    parent = parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)
