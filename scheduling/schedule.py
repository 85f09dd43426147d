"""The schedule of one process: all centres in memory, asked for slots, options and reasons."""

from __future__ import annotations

from collections.abc import Callable, Set
from datetime import UTC, date, datetime

import msgspec

from domain.kit import clock
from domain.kit.db import Database
from domain.kit.errors import Unavailable
from domain.kit.query import Condition, Cursors, Query
from scheduling.asking import (
    CUSTOMER,
    Audience,
    Facts,
    Option,
    Refused,
    Slot,
    SlotCount,
    SlotPage,
    SlotQuery,
    SlotRequest,
)
from scheduling.calendar.follower import ScheduleFollower
from scheduling.calendar.world import DAYS_AHEAD, Calendar, World
from scheduling.options import alternatives, option
from scheduling.question import PartsReady, question
from scheduling.reasons import unavailable
from scheduling.search import Found, centers_of, slots

_ABOUT = "slots"


class Schedule:
    """What routes, bookings and tests ask. Everything but waiting is computed at once, of one state of the database."""

    def __init__(
        self,
        database: Database,
        *,
        secret: bytes,
        now: Callable[[], datetime] | None = None,
        days: int = DAYS_AHEAD,
    ) -> None:
        """`days`: so far ahead the bits of every centre are kept."""
        self._now = now or clock.now
        self.calendar = Calendar(self._today(), days)
        self.follower = ScheduleFollower(database, self.calendar, self._now)
        self._cursors = Cursors(secret)

    def _today(self) -> date:
        return self._now().astimezone(UTC).date()

    def _loaded(self) -> None:
        if not self.ready:
            raise Unavailable("The schedule is loading", retry_after=1)

    @property
    def ready(self) -> bool:
        """Whether a state of the database has been loaded."""
        return self.follower.ready

    @property
    def as_of(self) -> str:
        """The state that answers show, as a change token."""
        return self.follower.mark.token

    async def reached(self, token: str) -> None:
        """Wait until the calendar has what a change token stands for; Unavailable after two seconds."""
        await self.follower.reached(token)

    async def caught_up(self) -> None:
        """Wait until the calendar has all that is committed now; Unavailable after two seconds."""
        await self.follower.caught_up()

    def id_of(self, no: int) -> str:
        """The resource of a number; KeyError for an unknown one."""
        return self.calendar.ids[no]

    def no_of(self, id: str) -> int | None:
        """The number of a resource, if it has one that is known here."""
        return self.calendar.numbers.get(id)

    @property
    def world(self) -> World:
        """The present state."""
        return self.calendar.world

    def search(
        self,
        request: SlotRequest,
        audience: Audience = CUSTOMER,
        facts: Facts | None = None,
        *,
        caller: str = "",
        parts_ready: PartsReady | None = None,
    ) -> SlotPage:
        """A page of slots; with the first one, why the centres that have none have none.

        Invalid names the field that is at fault; CursorInvalid for a cursor of another request or caller; Unavailable
        while loading, as all questions.
        """
        self._loaded()
        about = Query((Condition("request", "eq", (_told(request),)),))
        after: tuple[int, str] | None = None
        if request.cursor is not None:
            start, center_id = self._cursors.read(_ABOUT, about, caller, request.cursor)
            after = start, center_id
        asked = question(self.calendar, request, facts or {}, self._now(), parts_ready=parts_ready)
        centers = centers_of(asked.world, request)
        found = Found(asked, centers)
        page = found.page(request.limit + 1, after)
        told = slots(page[: request.limit])
        cursor: str | None = None
        if len(page) > request.limit:
            start, place = page[request.limit - 1]
            cursor = self._cursors.write(_ABOUT, about, caller, [start, place.center.id])
        closed = []
        if after is None:
            none = [place.center for place, count in zip(found.places, found.counts(), strict=True) if not count]
            closed = unavailable(asked, sorted((*found.refused, *none), key=lambda one: one.id), audience)
        return SlotPage(told, cursor, closed)

    def count(self, query: SlotQuery, facts: Facts | None = None) -> SlotCount:
        """How many starts a question has and which is the first; Invalid names the field that is at fault."""
        self._loaded()
        request = query.request()
        asked = question(self.calendar, request, facts or {}, self._now())
        found = Found(asked, centers_of(asked.world, request))
        return SlotCount(query.id, sum(found.counts()), found.first())

    def option(
        self,
        request: SlotRequest,
        center_id: str,
        start: datetime,
        *,
        audience: Audience,
        facts: Facts,
        without: Set[int] = frozenset(),
        moving: str | None = None,
        walk_in: bool = False,
        parts_ready: PartsReady | None = None,
    ) -> Option | Refused:
        """A start as booking takes it, or why it cannot be had; see scheduling.options."""
        self._loaded()
        return option(
            self.calendar,
            request,
            center_id,
            start,
            self._now(),
            audience,
            facts,
            parts_ready=parts_ready,
            without=without,
            moving=moving,
            walk_in=walk_in,
        )

    def alternatives(
        self,
        request: SlotRequest,
        center_id: str,
        start: datetime,
        limit: int,
        *,
        facts: Facts | None = None,
        parts_ready: PartsReady | None = None,
    ) -> list[Slot]:
        """The nearest free starts, those of the same centre first; slots are told to every audience alike."""
        self._loaded()
        return alternatives(
            self.calendar, request, center_id, start, limit, self._now(), facts or {}, parts_ready=parts_ready
        )


def _told(request: SlotRequest) -> str:
    plain = msgspec.structs.replace(request, cursor=None, limit=1)
    return msgspec.json.encode(plain).decode()
