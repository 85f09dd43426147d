"""From where a request comes, as a network and a device, and how often something may be tried from there."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
from litestar import Request

from domain.kit.errors import TooManyRequests
from service.ops.limits import client_of, network_of
from service.services import Services
from service.settings import Settings

_AGENT_SHOWN = 200


class Visitor(msgspec.Struct, frozen=True):
    """Where a request comes from. `places`: the network first, then the device if the browser shows one."""

    address: str
    agent: str
    places: list[str]


class Attempts(msgspec.Struct, frozen=True):
    """How often something may be tried in a period of so many minutes."""

    minutes: int = 15
    failures: int = 10
    """Of an account from one place."""
    failures_from_strangers: int = 100
    """Of an account from all places together where its user has never signed in."""
    failures_of_place: int = 300
    mails_to_address: int = 3
    mails_from_place: int = 30
    claims: int = 10
    """Of a vehicle by one customer."""


_DEMO = Attempts(
    failures_from_strangers=10_000, failures_of_place=1_000_000, mails_to_address=1_000, mails_from_place=1_000_000
)


def limits(settings: Settings) -> Attempts:
    """The limits in force; the demo's let a load test from one address through."""
    return _DEMO if settings.demo else Attempts()


def visitor(request: Request[Any, Any, Any], services: Services, device: str | None = None) -> Visitor:
    """Where this request comes from; `device`: the secret of the browser's device cookie."""
    peer = request.client.host if request.client else ""
    address = client_of(peer, list(request.scope["headers"]), services.settings.trusted_proxies)
    places = [f"net {network_of(address)}"]
    if device is not None:
        places.append(f"device {hashlib.sha256(device.encode()).hexdigest()}")
    agent = request.headers.get("user-agent", "")[:_AGENT_SHOWN].replace("\x00", "")
    return Visitor(address, agent, places)


async def take(services: Services, bucket: str, most: int, minutes: int) -> int:
    """Count one attempt of a bucket across all processes; the seconds to wait where it is used up, else 0."""
    pool = await services.database.pool("forecourt_guest")
    async with pool.acquire(timeout=5) as connection:
        wait: int = await connection.fetchval(
            "select app.take($1, $2, make_interval(mins => $3))", bucket, most, minutes
        )
    return wait


async def limited(services: Services, bucket: str, most: int, minutes: int) -> None:
    """The same; TooManyRequests where it is used up."""
    wait = await take(services, bucket, most, minutes)
    if wait:
        raise TooManyRequests("That was tried too often from here", retry_after=wait)
