"""A small service for the tests of running it: an ASGI application and the supervisor over it."""

import asyncio
import sys

import asyncpg
import msgspec
from litestar.types import ASGIApp, Receive, Scope, Send

from service.ops.deadlines import BodyLimit, Deadlines
from service.ops.progress import Progress
from service.ops.supervise import Command, serve
from service.settings import OperatorError, Settings, load

SLOW = BodyLimit(most_bytes=1_000_000, grace_seconds=1.0, answer_seconds=1.0)
STREAM = BodyLimit(most_bytes=50_000_000, grace_seconds=1.0, bytes_per_second=10_000)


def limit_of(scope: Scope) -> BodyLimit:
    return STREAM if scope["path"] == "/stream" else SLOW


def create_app(settings: Settings) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            while True:
                message = await receive()
                await send({"type": message["type"] + ".complete"})
                if message["type"] == "lifespan.shutdown":
                    return
        path, body = scope["path"], b""
        if path == "/endless":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            while True:
                await send({"type": "http.response.body", "body": b"data: x\n\n", "more_body": True})
                await asyncio.sleep(0.1)
        if path == "/large":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            for _ in range(1000):
                await send({"type": "http.response.body", "body": b"x" * 100_000, "more_body": True})
        if path == "/database":
            connection = await asyncpg.connect(settings.database_url)
            body = str(await connection.fetchval("select session_user")).encode()
            await connection.close()
        if scope["method"] == "POST":
            length = 0
            while True:
                message = await receive()
                length += len(message.get("body", b""))
                if not message.get("more_body"):
                    break
            body = str(length).encode()
        status = 503 if path == "/health/ready" and settings.database_url is None else 200
        headers = [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return Deadlines(app, limit_of)


def create_broken(settings: Settings) -> ASGIApp:
    raise OperatorError("This application cannot start.")


def create_crashing(settings: Settings) -> ASGIApp:
    raise ZeroDivisionError


async def load_demo(settings: Settings, owner: str, progress: Progress) -> None:
    with progress.step("Loading the demo", 3) as step:
        connection = await asyncpg.connect(owner)
        await connection.execute("create table demo_row as select 1 as a")
        await connection.close()
        step.advance(3)


if __name__ == "__main__":
    web = ("-m", "service.ops.web", "--app", f"tests.service.ops.tiny:{sys.argv[1]}", "--header-seconds", "2")
    try:
        sys.exit(serve(load(), Command(web=web, jobs=None, load_demo=load_demo)))
    except OperatorError as problem:
        print(msgspec.json.encode(str(problem)).decode(), file=sys.stderr)
        sys.exit(1)
