"""Customers claim their cars: every claim has the same answer at the same speed, for it is settled after the answer."""

from __future__ import annotations

import asyncio

import msgspec
import structlog

from domain.kit.db import Deed
from domain.kit.errors import Forbidden, Invalid, TooManyRequests
from domain.kit.policy import Principal, keys
from domain.ownership import Claim, receive, settle
from service.api.records import KEY_PROBLEMS
from service.api.routing import PREFIX, Answer, Call, Kind, Route
from service.auth.visitors import limited, limits
from service.services import Services

log = structlog.get_logger("forecourt.claims")
_A_DAY = 24 * 60


class ClaimReceived(msgspec.Struct):
    """The answer to every claim."""

    status: str = "RECEIVED"


async def _claim(call: Call) -> Answer:
    most = limits(call.services.settings).claims
    await limited(call.services, f"claims {call.principal.user_id}", most, _A_DAY)
    claim = await receive(call.ctx, call.body)

    async def later() -> None:
        task = asyncio.create_task(_settled(call.services, call.principal, claim.id))
        tasks: set[asyncio.Task[None]] = call.services.parts.setdefault("claims", set())
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    call.ctx.after_commit.append(later)
    return Answer(ClaimReceived(), status=202)


async def _settled(services: Services, principal: Principal, claim_id: str) -> None:
    """A claim that cannot be settled now is taken up again by the worker."""
    try:
        async with services.context(principal, Deed(command="settle")) as ctx:
            await settle(ctx, claim_id)
    except Exception:
        log.exception("claim not settled", claim_id=claim_id)


ROUTES = [
    Route(
        method="POST",
        path=f"{PREFIX}/me/vehicle-claims",
        object="vehicle_claim",
        action="create",
        handler=_claim,
        kind=Kind.WRITE,
        grant=keys("CUSTOMER"),
        summary="Claim a car as yours, by its VIN and a proof; it appears among your assets when it is found",
        body=Claim,
        returns=ClaimReceived,
        status=202,
        idempotent=True,
        problems=(Invalid, Forbidden, TooManyRequests, *KEY_PROBLEMS),
    )
]
