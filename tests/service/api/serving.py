"""An application on a database, spoken to in process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from litestar import Litestar

from service.app import create_app
from service.settings import Settings


@asynccontextmanager
async def served(settings: Settings, address: str = "127.0.0.1") -> AsyncIterator[tuple[Litestar, httpx.AsyncClient]]:
    """The application and a client of it, which calls from that address."""
    app = create_app(settings)
    began, over = asyncio.Event(), asyncio.Event()

    async def live() -> None:  # in one task: a fixture may begin and end in two, which the lifespan does not bear
        async with app.lifespan():
            began.set()
            await over.wait()

    life = asyncio.create_task(live())
    await asyncio.wait([life, begun := asyncio.create_task(began.wait())], return_when=asyncio.FIRST_COMPLETED)
    begun.cancel()
    try:
        if life.done():
            await life
        async with client(app, address) as caller:
            yield app, caller
    finally:
        over.set()
        await life


def client(app: Litestar, address: str = "127.0.0.1", **headers: str) -> httpx.AsyncClient:
    """A client of a running application that compresses nothing by itself."""
    transport = httpx.ASGITransport(app=app, client=(address, 50_000))  # type: ignore[arg-type]
    headers = {"accept-encoding": "identity", **headers}
    return httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=headers)
