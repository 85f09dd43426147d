"""One web worker process: the application behind granian, with deadlines against slow clients."""

import argparse
import asyncio
import importlib
import logging
import resource
import signal
import sys
from collections.abc import Callable

import uvloop
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server
from litestar.types import ASGIApp

from service.ops import lifeline
from service.ops.deadlines import Running
from service.settings import OperatorError, Settings, load

APP = "service.app:create_app"
CANNOT_START = 2  # exit code: starting again will not help
_HEADER_SECONDS = 15.0  # also how long an idle connection is kept
_CONNECTIONS = 8192
_GRACE_SECONDS = 4.0


def main(arguments: list[str] | None = None) -> int:
    """Serves the ASGI application that `--app` makes of the settings, until SIGTERM. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m service.ops.web")
    parser.add_argument("--app", default=APP)
    parser.add_argument("--header-seconds", type=float, default=_HEADER_SECONDS)
    parser.add_argument("--parent", type=int)
    options = parser.parse_args(arguments)
    if options.parent:
        lifeline.follow(options.parent)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4 * _CONNECTIONS)), hard))
    module, _, name = options.app.partition(":")
    try:
        settings = load()
        create_app: Callable[[Settings], ASGIApp] = getattr(importlib.import_module(module), name)
        uvloop.run(_serve(Running(create_app(settings)), settings, options.header_seconds))
    except OperatorError as problem:
        print(problem, file=sys.stderr)
        return CANNOT_START
    return 0


async def _serve(app: Running, settings: Settings, header_seconds: float) -> None:
    logging.getLogger("_granian").setLevel(logging.ERROR)
    server = Server(
        app,
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGI,
        http=HTTPModes.http1,
        websockets=False,
        backlog=2048,
        backpressure=_CONNECTIONS,
        http1_settings=HTTP1Settings(header_read_timeout=round(header_seconds * 1000), max_buffer_size=65_536),
        log_enabled=False,
    )
    loop = asyncio.get_running_loop()

    def stop() -> None:
        server.stop()  # type: ignore[no-untyped-call]
        loop.call_later(_GRACE_SECONDS, app.cut)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    await server.serve()


if __name__ == "__main__":
    sys.exit(main())
