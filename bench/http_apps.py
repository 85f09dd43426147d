"""The two services that the HTTP benchmark compares, for `python -m service.ops.web --app`: the real one and the least.

`searching` is the application as it is served, its index filled with generated stock. `constant` is Litestar with one
handler that reads the body and answers constant bytes; `guarded` is the real application with such a handler as one
of its routes: the same way through edge, limits and body, and no search.
"""

from __future__ import annotations

import os
from typing import Any

from litestar import Litestar, Request, Response, post

from bench.search.filling import filled
from bench.search.stock import generate
from inventory.criteria import SearchRequest
from service.api.dispatch import mounted
from service.api.routing import EVERYBODY, PREFIX, Answer, Call, Kind, Route
from service.app import create_app
from service.services import Services
from service.settings import Settings

SEARCH, CONSTANT = f"{PREFIX}/vehicles/search", f"{PREFIX}/vehicles/constant"


def searching(settings: Settings) -> Litestar:
    """The service with BENCH_VEHICLES generated vehicles in place of the database's."""
    app = create_app(settings)

    def fill() -> None:
        services: Services = app.state.services
        services.stock.index = filled(generate(int(os.environ["BENCH_VEHICLES"]))).stock

    app.on_startup.append(fill)  # after the index of the empty database has been loaded
    return app


def constant(_: Settings) -> Litestar:
    """One handler, BENCH_BYTES bytes."""
    content = b"x" * int(os.environ["BENCH_BYTES"])

    @post(CONSTANT, status_code=200)
    async def answer(request: Request[Any, Any, Any]) -> Response[bytes]:
        await request.body()
        return Response(content, media_type="application/json")

    return Litestar([answer], openapi_config=None, logging_config=None)


def guarded(settings: Settings) -> Litestar:
    """The service with one more route, BENCH_BYTES bytes."""
    content = b"x" * int(os.environ["BENCH_BYTES"])

    async def answer(_: Call) -> Answer:
        return Answer(content)

    route = Route(
        method="POST", path=CONSTANT, object="vehicle", action="search", handler=answer, grant=EVERYBODY,
        body=SearchRequest, returns=SearchRequest, kind=Kind.FREE, summary="Constant bytes",
    )  # fmt: skip
    app = create_app(settings)
    app.register(mounted(route))
    return app
