"""Whether the process lives and is ready to serve, and its figures for Prometheus."""

from __future__ import annotations

import asyncio
from typing import Any, Literal

import msgspec
import structlog

from service.api.routing import EVERYBODY, Answer, Call, Kind, Route
from service.ops.metrics import MEDIA_TYPE
from service.services import Check, Services

log = structlog.get_logger("forecourt.health")
_CHECK_SECONDS = 2.0


class Health(msgspec.Struct):
    """The state of the process and of each thing that it needs."""

    status: Literal["LIVE", "READY", "NOT_READY"]
    checks: dict[str, Literal["OK", "FAILED"]]


async def _live(_: Call) -> Any:
    return Health("LIVE", {})


async def _ready(call: Call) -> Any:
    names = sorted(call.services.checks)
    passed = await asyncio.gather(*(_passes(name, call.services.checks[name]) for name in names))
    told = Health(
        "READY" if all(passed) else "NOT_READY",
        {name: "OK" if good else "FAILED" for name, good in zip(names, passed, strict=True)},
    )
    return Answer(told) if all(passed) else Answer(told, status=503, headers={"retry-after": "1"})


async def _passes(name: str, check: Check) -> bool:
    try:
        async with asyncio.timeout(_CHECK_SECONDS):
            return await check()
    except Exception as fault:
        log.warning("not ready", check=name, fault=type(fault).__name__)
        return False


async def _metrics(call: Call) -> Any:
    services = call.services
    for role, (open_, busy) in services.database.usage().items():
        services.metrics.gauge("forecourt_pool_connections", busy, role=role, state="busy")
        services.metrics.gauge("forecourt_pool_connections", open_ - busy, role=role, state="idle")
    jobs = await _jobs(services)
    return Answer(services.metrics.text(jobs), media_type=MEDIA_TYPE)


async def _jobs(services: Services) -> dict[str, int]:
    """Jobs by status; nothing while the database does not answer, for the other figures are needed then most."""
    try:
        async with asyncio.timeout(_CHECK_SECONDS), services.database.reading() as connection:
            rows = await connection.fetch("select status, count(*) from job group by status order by status")
    except Exception as fault:
        log.warning("no job figures", fault=type(fault).__name__)
        return {}
    return {row[0]: row[1] for row in rows}


def _route(path: str, action: str, handler: Any, summary: str, **more: Any) -> Route:
    return Route(
        method="GET",
        path=path,
        object="health",
        action=action,
        handler=handler,
        kind=Kind.FREE,
        grant=EVERYBODY,
        summary=summary,
        anonymous=True,
        **more,
    )


ROUTES = [
    _route("/health/live", "live", _live, "Whether the process answers", returns=Health),
    _route(
        "/health/ready",
        "ready",
        _ready,
        "Whether database, migrations and index are ready; 503 with the same body where not",
        returns=Health,
    ),
    _route("/metrics", "metrics", _metrics, "Figures for Prometheus", answers=(MEDIA_TYPE,)),
]
