"""`POST /availability`: how many vehicles answer each of many questions, and where the nearest stands."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from litestar import Response

from domain.kit.errors import Invalid, Malformed, NotFound, Problem, TooLarge, Unavailable, UnsupportedMediaType
from domain.kit.policy import Principal, keys
from domain.kit.query import id_or_nobody
from inventory.availability import (
    Availability,
    AvailabilityQuery,
    DecodedQuery,
    Definition,
    Definitions,
    answers,
)
from inventory.index import StockIndex
from inventory.statements import SQL
from service.api import problems
from service.api.bulk import NDJSON, Reader, Refused
from service.api.routing import PREFIX, Call, Kind, Route
from service.api.streaming import answered
from service.auth.principal import authenticate
from service.ops.deadlines import STREAMED
from service.stock import at_hand, audience

_ASKERS = keys("PARTNER STAFF availability.bulk")
_TRUSTED_SECONDS = 5.0
"""A stream goes on so long before the caller's rights are looked at again."""


class AvailabilityRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Questions; as lines of NDJSON they come without this around them."""

    queries: list[AvailabilityQuery]


class AvailabilityAnswer(msgspec.Struct):
    """An answer for each question in their order, all of one state of the stock."""

    results: Annotated[
        list[dict[str, Any]],
        msgspec.Meta(description="`id, available, nearest`, or `id, error` for a question that breaks a rule"),
    ]
    as_of: str


class _Counter:
    """Answers the questions of one request."""

    def __init__(self, call: Call):
        self._call = call
        self._principal: Principal = call.principal
        self._audience = audience(call.principal)
        self._trusted_until = time.monotonic() + _TRUSTED_SECONDS
        self._definitions = Definitions()
        self._index: StockIndex | None = None
        self.as_of = ""

    async def prepare(self, questions: Sequence[AvailabilityQuery | Refused], *, streaming: bool) -> None:
        """Take the state of the stock to answer from, and learn the definitions that are named."""
        if self._index is None or streaming:
            index = await at_hand(self._call.services, self._after if self._index is None else None)
            if self._index is None:
                self.as_of = index.as_of
            self._index = index
        if streaming and time.monotonic() > self._trusted_until:
            await self._look_again()
        ids, codes = self._definitions.lacking(questions)
        if ids or codes:
            async with self._call.services.context(self._principal, readonly=True) as ctx:
                rows = await ctx.db.fetch(SQL["definitions_named"], [id_or_nobody(id) for id in ids], codes)
            self._definitions.learn(ids, codes, [Definition(*row) for row in rows])

    @property
    def _after(self) -> str | None:
        after: str | None = self._call.request.headers.get("x-after-change")
        return after

    async def _look_again(self) -> None:
        """Rights that were withdrawn end a running stream."""
        self._principal = await authenticate(self._call.request, self._call.services)
        if not self._call.route.admits(self._principal):
            raise self._call.route.refuse(self._principal)
        self._audience = audience(self._principal)
        self._trusted_until = time.monotonic() + _TRUSTED_SECONDS

    def answer(self, questions: Sequence[AvailabilityQuery | Refused]) -> list[Availability | Refused]:
        """An answer for each."""
        assert self._index is not None
        return answers(questions, self._index, self._audience, self._definitions, _refused)


def _refused(id: str | int, problem: Problem) -> Refused:
    return Refused(id, problems.body_of(problem))


async def _availability(call: Call) -> Response[bytes]:
    return await answered(call.request, "queries", Reader(DecodedQuery), _Counter(call))


ROUTES = [
    Route(
        method="POST",
        path=f"{PREFIX}/availability",
        object="vehicle",
        action="availability",
        handler=_availability,
        kind=Kind.FREE,
        grant=_ASKERS,
        summary="How many vehicles answer each of many questions, and where the nearest stands; streamed as NDJSON",
        body=AvailabilityRequest,
        asks=True,
        returns=AvailabilityAnswer,
        streams=("application/json", NDJSON),
        answers=("application/json", NDJSON),
        problems=(Malformed, Invalid, NotFound, TooLarge, UnsupportedMediaType, Unavailable),
        body_limit=STREAMED,
    ),
]
