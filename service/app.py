"""The web process: the only place where settings, database, index, routes and pages meet."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import structlog
from litestar import Litestar
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from domain.kit.ids import new_id
from service.api import problems
from service.api.dispatch import mounted
from service.api.table import table
from service.ops.deadlines import Deadlines
from service.services import Services
from service.settings import Settings, load
from service.stock import followed

log = structlog.get_logger("forecourt.app")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def create_app(settings: Settings | None = None, services: Services | None = None) -> Litestar:
    """The ASGI application; a test hands in its own services."""
    settings = settings or load()
    services = services or Services(settings, settings.database_url or os.environ["FORECOURT_DATABASE_URL"])

    @asynccontextmanager
    async def running(app: Litestar) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(services.close)
            await services.open()
            await stack.enter_async_context(followed(services))
            yield

    app = Litestar(
        [mounted(route) for route in table()],
        lifespan=[running],
        exception_handlers={Exception: problems.handle},
        middleware=[RequestIds, Deadlines],
        openapi_config=None,
        pdb_on_exception=False,
        request_max_body_size=None,
    )
    app.state.services = services
    return app


class RequestIds:
    """Gives each request the id under which it is logged and told: the caller's if it has one, else a new one."""

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await self.app(scope, receive, send)
            return
        given = dict(scope["headers"]).get(b"x-request-id", b"").decode("latin-1")
        found = given if _REQUEST_ID.fullmatch(given) else new_id()
        scope["state"]["request_id"] = found

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"x-request-id", found.encode())]
            await send(message)

        await self.app(scope, receive, told)
