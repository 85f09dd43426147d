"""Free slots over HTTP: searched by people, and counted in bulk for other systems."""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec
from litestar import Response

from domain.appointments.parts import parts_ready
from domain.kit.errors import CursorInvalid, Invalid, Malformed, Problem, TooLarge, Unavailable, UnsupportedMediaType
from domain.kit.policy import WORKER, Principal, keys
from scheduling.appointments.booking import audience, car_of, owned
from scheduling.asking import SlotCount, SlotPage, SlotQuery, SlotRequest
from scheduling.question import PartsReady
from scheduling.schedule import Schedule
from service.api import problems
from service.api.bulk import NDJSON, Reader, Refused
from service.api.routing import PREFIX, SIGNED_IN, Call, Kind, Route
from service.api.streaming import answered
from service.auth.principal import authenticate
from service.ops.deadlines import STREAMED
from service.scheduling import at_hand

_ASKERS = keys("PARTNER STAFF availability.bulk")
_TRUSTED_SECONDS = 5.0
"""A stream goes on so long before the caller's rights are looked at again."""
_INLINE_CENTERS = 50
"""A search of more centres takes several milliseconds and runs in a thread."""
_WITH_PARTS = "works with parts"
_Facts = Mapping[str, Any]
_NO_FACTS: _Facts = {}


class SlotsRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Questions; as lines of NDJSON they come without this around them."""

    queries: list[SlotQuery]


class SlotsAnswer(msgspec.Struct):
    """An answer for each question in their order."""

    results: Annotated[
        list[dict[str, Any]],
        msgspec.Meta(description="`id, count, first`, or `id, error` for a question that breaks a rule"),
    ]
    as_of: str


async def _facts(call: Call, principal: Principal, asked: SlotRequest | SlotQuery) -> _Facts:
    """What rules may ask of the car that a request names; Invalid where the caller may not see it."""
    if asked.asset_id is None and asked.definition_id is None and asked.vehicle_id is None:
        return _NO_FACTS
    async with call.services.context(principal, readonly=True) as ctx:
        await owned(ctx, asked)
        async with ctx.elevated():
            car = await car_of(ctx, asked.kind, asked.asset_id, asked.vehicle_id, asked.definition_id)
    return car.facts


async def _search(call: Call) -> Any:
    schedule = await at_hand(call.services, call.request.headers.get("x-after-change"))
    asked: SlotRequest = call.body
    facts = await _facts(call, call.principal, asked)
    told = audience(call.principal)
    centers = asked.near.max_centers if asked.near is not None else len(asked.center_ids)
    ask = functools.partial(
        schedule.search, asked, told, facts, caller=call.principal.name, parts_ready=await _parts(call, schedule, asked)
    )
    return ask() if centers <= _INLINE_CENTERS else await asyncio.to_thread(ask)


async def _parts(call: Call, schedule: Schedule, asked: SlotRequest) -> PartsReady | None:
    """From when centres have the parts of the work; most work needs none, which is known without asking."""
    version, works = call.services.parts.get(_WITH_PARTS, (None, frozenset()))
    codes = [job.work_type for job in asked.asked()]
    if version == schedule.world.work_version and works.isdisjoint(codes):
        return None
    async with call.services.context(WORKER, readonly=True) as ctx:
        if version != schedule.world.work_version:
            rows = await ctx.db.fetch("select code from work_type where parts <> '[]'")
            works = frozenset(row["code"] for row in rows)
            call.services.parts[_WITH_PARTS] = schedule.world.work_version, works
        if works.isdisjoint(codes):
            return None
        return await parts_ready(ctx, codes, asked.center_ids or None)


class _Counter:
    """Answers the questions of one request."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._principal: Principal = call.principal
        self._trusted_until = time.monotonic() + _TRUSTED_SECONDS
        self._schedule: Schedule | None = None
        self._cars: dict[tuple[str | None, ...], _Facts | Problem] = {}
        self.as_of = ""

    async def prepare(self, questions: Sequence[SlotQuery | Refused], *, streaming: bool) -> None:
        """Learn the cars that the questions name; look at the caller's rights now and then."""
        if self._schedule is None:
            self._schedule = await at_hand(self._call.services, self._call.request.headers.get("x-after-change"))
            self.as_of = self._schedule.as_of
        if streaming and time.monotonic() > self._trusted_until:
            self._principal = await authenticate(self._call.request, self._call.services)
            if not self._call.route.admits(self._principal):
                raise self._call.route.refuse(self._principal)
            self._trusted_until = time.monotonic() + _TRUSTED_SECONDS
            self._cars.clear()
        if len(self._cars) > 10_000:
            self._cars.clear()
        for one in questions:
            if isinstance(one, SlotQuery) and _named(one) not in self._cars:
                try:
                    self._cars[_named(one)] = await _facts(self._call, self._principal, one)
                except Invalid as problem:
                    self._cars[_named(one)] = problem

    def answer(self, questions: Sequence[SlotQuery | Refused]) -> list[SlotCount | Refused]:
        """An answer for each."""
        return [self._one(one) if isinstance(one, SlotQuery) else one for one in questions]

    def _one(self, query: SlotQuery) -> SlotCount | Refused:
        assert self._schedule is not None
        facts = self._cars[_named(query)]
        try:
            if isinstance(facts, Problem):
                raise facts
            return self._schedule.count(query, facts)
        except Problem as problem:
            return Refused(query.id, problems.body_of(problem))


def _named(query: SlotQuery) -> tuple[str | None, ...]:
    return query.kind, query.asset_id, query.definition_id, query.vehicle_id


async def _availability(call: Call) -> Response[bytes]:
    return await answered(call.request, "queries", Reader(SlotQuery), _Counter(call))


ROUTES = [
    Route(
        method="POST",
        path=f"{PREFIX}/slots/search",
        object="slot",
        action="search",
        handler=_search,
        kind=Kind.FREE,
        grant=SIGNED_IN,
        summary="Free slots for some work, by start; of centres without any, why, and what would open one",
        body=SlotRequest,
        asks=True,
        returns=SlotPage,
        problems=(Malformed, Invalid, CursorInvalid, Unavailable),
    ),
    Route(
        method="POST",
        path=f"{PREFIX}/slots/availability",
        object="slot",
        action="availability",
        handler=_availability,
        kind=Kind.FREE,
        grant=_ASKERS,
        summary="How many slots each of many questions has, and the first; streamed as NDJSON",
        body=SlotsRequest,
        asks=True,
        returns=SlotsAnswer,
        streams=("application/json", NDJSON),
        answers=("application/json", NDJSON),
        problems=(Malformed, Invalid, TooLarge, UnsupportedMediaType, Unavailable),
        body_limit=STREAMED,
    ),
]
