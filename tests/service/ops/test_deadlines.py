"""Slow and greedy clients are cut, over real sockets, while the others are served."""

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import msgspec
import pytest

from tests.conftest import ROOT

HOST = "127.0.0.1"


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """A web worker with the small application: headers in 2 s, bodies in 1 s, streams at 10 kB/s."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        number = probe.getsockname()[1]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("FORECOURT_")}
    environ |= {"FORECOURT_PORT": str(number), "FORECOURT_SECRET_KEY": "x" * 48}
    command = [sys.executable, "-m", "service.ops.web", "--app", "tests.service.ops.tiny:create_app"]
    process = subprocess.Popen([*command, "--header-seconds", "2"], cwd=ROOT, env=environ)
    deadline = time.monotonic() + 30
    while True:
        try:
            socket.create_connection((HOST, number)).close()
            break
        except OSError:
            assert time.monotonic() < deadline
            assert process.poll() is None
    yield number
    process.terminate()
    assert process.wait(20) == 0


async def drip(port: int, head: bytes, piece: bytes, every: float) -> tuple[bytes, float]:
    """Sends the head, then a piece again and again until cut; gives what came back and how long it lasted."""
    began = time.monotonic()
    reader, writer = await asyncio.open_connection(HOST, port)
    answer = asyncio.create_task(reader.read())
    writer.write(head)
    try:
        while not answer.done():
            writer.write(piece)
            await asyncio.wait({answer}, timeout=every)
    except ConnectionError:
        pass
    try:
        return await answer, time.monotonic() - began
    except ConnectionError:
        return b"", time.monotonic() - began
    finally:
        writer.close()


async def post(port: int, path: str, body: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(HOST, port)
    writer.write(
        f"POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {len(body)}\r\n\r\n".encode()
    )
    writer.write(body)
    answer = await reader.read()
    writer.close()
    return answer


def problem(answer: bytes) -> tuple[int, str]:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"application/problem+json" in head
    told = msgspec.json.decode(body)
    assert int(head.split()[1]) == told["status"]
    return told["status"], told["type"]


async def test_fifty_dripping_bodies_are_cut_while_the_others_are_served(port: int) -> None:
    head = b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n"
    slow = [asyncio.create_task(drip(port, head, b"a", 0.2)) for _ in range(50)]
    served = 0
    slowest = 0.0
    while not all(task.done() for task in slow):
        began = time.monotonic()
        assert (await post(port, "/echo", b"x" * 1000)).endswith(b"1000")
        slowest = max(slowest, time.monotonic() - began)
        served += 1
    assert served > 50
    assert slowest < 0.8
    for answer, seconds in await asyncio.gather(*slow):
        assert problem(answer) == (408, "urn:forecourt:problem:request-timeout")
        assert seconds < 4


async def test_fifty_dripping_headers_are_cut_while_the_others_are_served(port: int) -> None:
    slow = [asyncio.create_task(drip(port, b"GET / HTTP/1.1\r\nx: ", b"a", 0.2)) for _ in range(50)]
    assert (await post(port, "/echo", b"x" * 10)).endswith(b"10")
    for answer, seconds in await asyncio.gather(*slow):
        assert b" 200 " not in answer
        assert seconds < 5


async def test_a_silent_connection_is_closed(port: int) -> None:
    answer, seconds = await drip(port, b"", b"", 0.5)
    assert answer == b""
    assert seconds < 5


async def test_a_body_announced_too_large_is_refused_at_once(port: int) -> None:
    answer = await post(port, "/echo", b"x" * 2_000_000)
    assert problem(answer) == (413, "urn:forecourt:problem:too-large")


async def test_a_body_that_grows_too_large_is_refused(port: int) -> None:
    reader, writer = await asyncio.open_connection(HOST, port)
    writer.write(b"POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n")
    for _ in range(12):
        writer.write(b"186a0\r\n" + b"x" * 100_000 + b"\r\n")
    writer.write(b"0\r\n\r\n")
    assert problem(await reader.read()) == (413, "urn:forecourt:problem:too-large")
    writer.close()


async def test_a_streamed_route_takes_long_bodies_that_keep_their_pace(port: int) -> None:
    reader, writer = await asyncio.open_connection(HOST, port)
    writer.write(b"POST /stream HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 2000000\r\n\r\n")
    for _ in range(20):
        writer.write(b"x" * 100_000)
        await writer.drain()
        await asyncio.sleep(0.1)
    assert (await reader.read()).endswith(b"2000000")
    writer.close()


async def test_a_streamed_route_cuts_bodies_below_the_pace(port: int) -> None:
    head = b"POST /stream HTTP/1.1\r\nhost: x\r\ncontent-length: 2000000\r\n\r\n"
    answer, seconds = await drip(port, head, b"x" * 100, 0.2)
    assert problem(answer)[0] == 408
    assert seconds < 4


async def test_an_answer_that_is_not_read_is_broken_off_before_its_end(port: int) -> None:
    with socket.create_connection((HOST, port)) as client:
        client.sendall(b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n")
        await asyncio.sleep(2)
        answer = b""
        while piece := client.recv(1 << 20):
            answer += piece
    assert b" 200 " in answer[:20]
    assert len(answer) < 50_000_000
    assert not answer.endswith(b"\r\n0\r\n\r\n")
