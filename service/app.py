"""The web process: the only place where settings, database, index, routes and pages meet."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager

from litestar import Litestar
from litestar.handlers import HTTPRouteHandler

from service.api import problems
from service.api.dispatch import mounted, options
from service.api.edge import Application
from service.api.encoding import Inflated
from service.api.table import table
from service.appointments import clocked
from service.ops import logs
from service.ops.deadlines import Deadlines
from service.scheduling import planned
from service.services import Services
from service.settings import Settings, load
from service.stock import followed


def create_app(settings: Settings | None = None, services: Services | None = None) -> Litestar:
    """The ASGI application; a test hands in its own services."""
    settings = settings or load()
    logs.configure(settings.log_level)
    services = services or Services(settings, settings.database_url or os.environ["FORECOURT_DATABASE_URL"])

    @asynccontextmanager
    async def running(app: Litestar) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(services.close)
            stack.push_async_callback(_ended, asyncio.create_task(services.metrics.watch(), name="metrics"))
            stack.callback(services.metrics.close)
            await stack.enter_async_context(followed(services))
            await stack.enter_async_context(planned(services))
            await stack.enter_async_context(clocked(services))
            yield

    app = Application(
        [*_options(), *(mounted(route) for route in table())],
        lifespan=[running],
        exception_handlers={Exception: problems.handle},
        middleware=[Deadlines, Inflated],
        openapi_config=None,
        logging_config=None,
        pdb_on_exception=False,
        request_max_body_size=None,
    )
    app.state.services = services
    app.face(services)
    return app


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _options() -> Iterator[HTTPRouteHandler]:
    methods: dict[str, list[str]] = {}
    for route in table():
        methods.setdefault(route.path, []).append(route.method)
    for path, found in methods.items():
        yield options(path, found)
