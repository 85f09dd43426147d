"""Tells the owners of saved searches of cars that come to match, each match once, whoever dies meanwhile.

One worker at a time takes a step: it reads which cars have changed since the state it has come to, asks the saved
searches about them, writes matches and messages, and moves on, all in one transaction. Large steps are taken in parts.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import structlog

from domain.kit import feed
from domain.kit.db import Connection
from domain.kit.errors import Problem
from domain.kit.feed import Mark
from domain.kit.messages import Message
from domain.kit.policy import WORKER
from domain.kit.store import Context
from domain.saved_searches import SavedSearch, alerts
from domain.saved_searches.alerts import Car
from domain.saved_searches.records import watch
from inventory import arrivals
from inventory.criteria import Criteria
from inventory.follower import rows
from inventory.index import Audience, StockIndex
from service.auth.principal import principal_of
from service.jobs.messages import GROUNDS
from service.saved_searches import unsubscribe_link
from service.services import Services
from service.stock import audience

log = structlog.get_logger("forecourt.alerts")
POLL_SECONDS = 1.0
MOST_CARS = 2_000
"""So many cars are looked at in one transaction."""
DIGEST_SECONDS = 60.0
DIGEST_HOUR = 7
"""The day's message goes out from this hour on, by the owner's clock."""
REMEMBERED_SECONDS = 30.0
"""Where nothing concerns us the position is written so often: each write would else be the next step's change."""

_SEARCHES = """
select s.id, s.criteria, s.baseline, u.persona as owner, r.*
  from saved_search s join "user" u on u.id = s.user_id and u.status = 'ACTIVE'
  left join lateral app.requester(u.id, null, '{}') r on u.persona <> 'CUSTOMER'
 where s.is_active and s.alert <> 'NONE' and (u.persona = 'CUSTOMER' or r.persona is not null)
 order by s.id"""
_BEGUN = """
select distinct record_id from history
 where xid >= pg_snapshot_xmin($1::text::pg_snapshot) and not pg_visible_in_snapshot(xid, $1::text::pg_snapshot)
   and entity = 'saved_search' and changes ? 'watched_since'"""
_MATCHED = """
insert into saved_search_match (saved_search_id, vehicle_id, stock_entry_id, matched_at)
select $1, vehicle_id, stock_entry_id, $4 from unnest($2::uuid[], $3::uuid[]) as m (vehicle_id, stock_entry_id)
on conflict do nothing returning vehicle_id"""
_TOLD = """
update saved_search_match set told_at = $3, message_id = $4
 where saved_search_id = $1 and vehicle_id = any($2::uuid[]) and told_at is null"""
_WAITING = """
select s.id, s.alert, u.time_zone,
       (select max(told_at) from saved_search_match t where t.saved_search_id = s.id) as last_told_at
  from saved_search s join "user" u on u.id = s.user_id
 where s.is_active and s.alert <> 'NONE' and exists (
   select from saved_search_match m
    where m.saved_search_id = s.id and m.told_at is null and m.matched_at >= s.watched_since)
 order by s.id"""


class Watched(msgspec.Struct, frozen=True):
    """A saved search as a step asks it: whose rows it sees and since which state of the stock."""

    id: str
    criteria: Criteria
    question: tuple[bytes, Audience]
    """The same for searches that find the same: they are asked once."""
    baseline: str
    since: Mark


class Position(msgspec.Struct, frozen=True):
    """How far the steps have come: everything of `seen`, and on the way to `heading` the cars up to `done`."""

    seen: Mark
    heading: Mark | None
    done: str


class Alerts:
    """The part of a worker that watches for the owners of saved searches."""

    def __init__(self, services: Services):
        self._services = services
        self._remembered_at = 0.0

    async def follow(self, stopping: asyncio.Event) -> None:
        """Take steps until told to stop; one of all workers does it at a time."""
        digests_at = 0.0
        while not stopping.is_set():
            busy = await self.step()
            if time.monotonic() >= digests_at:
                await self.digests()
                digests_at = time.monotonic() + DIGEST_SECONDS
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), POLL_SECONDS / 10 if busy else POLL_SECONDS)

    async def step(self) -> bool:
        """Look at cars that have changed since the last step, at most so many; whether there were any."""
        async with self._services.context(WORKER) as ctx:
            if not await ctx.db.fetchval("select pg_try_advisory_xact_lock(hashtextextended('saved_search', 0))"):
                return False
            async with self._services.database.reading() as connection:
                now = await feed.begin(connection)
                position = await _position(ctx, now)
                searches, strangers = await _searches(ctx.db, now.epoch)
                cars: list[str] = []
                more, found = False, {}
                if searches:
                    begun = {row[0] for row in await connection.fetch(_BEGUN, position.seen.snapshot)}
                    cars, more = await _changed(connection, position, [s for s in searches if s.id in begun])
                    found = await self._found(connection, searches, begun, cars, position.seen)
            for id in strangers:
                await watch(ctx, await ctx.get(SavedSearch, id, lock=True))
            for search in searches:
                if search.id in found:
                    await self._matched(ctx, search, found[search.id])
            await self._advance(ctx, position, now, cars, more)
        return bool(cars)

    async def _advance(self, ctx: Context, position: Position, now: Mark, cars: Sequence[str], more: bool) -> None:
        if more:
            await _move(ctx, Position(position.seen, position.heading or now, cars[-1]))
        elif cars or position.heading or time.monotonic() - self._remembered_at > REMEMBERED_SECONDS:
            await _move(ctx, Position(position.heading or now, None, arrivals.FIRST))
            self._remembered_at = time.monotonic()

    async def _found(
        self, connection: Connection, searches: Sequence[Watched], begun: set[str], cars: Sequence[str], seen: Mark
    ) -> dict[str, dict[str, str]]:
        """By search the cars that came to match, each with its open stock entry.

        Not those which matched before the step, nor those which matched when the watch began and stand there since.
        A watch that began within the step has its own beginning for "before".
        """
        if not cars:
            return {}
        present = await self._asked(await rows(connection, cars), searches)
        hit = [search for search in searches if present[search.question]]
        before: dict[tuple[bytes, Audience], set[str]] = {}
        if any(search.id not in begun for search in hit):
            before = await self._asked(await arrivals.rows_at(connection, cars, seen), hit)
        found = {}
        for search in hit:
            came = present[search.question]
            if search.id not in begun:
                came = came - before[search.question]
            if came:
                stays = await arrivals.stays(connection, came, search.since)
                known = await self._asked(await arrivals.rows_at(connection, came, search.since), [search])
                left = {car: stay for car, (stay, new) in stays.items() if new or car not in known[search.question]}
                if left:
                    found[search.id] = left
        return found

    async def _asked(self, cars: Any, searches: Sequence[Watched]) -> dict[tuple[bytes, Audience], set[str]]:
        """The cars that meet each question."""

        def asked() -> dict[tuple[bytes, Audience], set[str]]:
            index = arrivals.holding(cars, self._services.settings.currency, self._today)
            answers: dict[tuple[bytes, Audience], set[str]] = {}
            for search in searches:
                if search.question not in answers:
                    answers[search.question] = _matching(index, search)
            return answers

        return await asyncio.to_thread(asked)

    def _today(self) -> date:
        return self._services.clock().date()

    async def _matched(self, ctx: Context, search: Watched, cars: dict[str, str]) -> None:
        """Write the matches, and for those who want it at once the message; what is written already stays as it is."""
        record = await ctx.find(SavedSearch, search.id, lock=True)
        if record is None or not record.is_watched or record.baseline != search.baseline:
            return  # changed meanwhile: the next step looks at it as it is now
        entries = [cars[car] for car in cars]
        new = [row[0] for row in await ctx.db.fetch(_MATCHED, search.id, list(cars), entries, ctx.now)]
        if not new:
            return
        await ctx.update(record, last_matched_at=ctx.now)
        if record.alert == "IMMEDIATE":
            await self._tell(ctx, record, new)

    async def _tell(self, ctx: Context, search: SavedSearch, cars: Sequence[str]) -> None:
        """One message about the cars that the owner sees now; none without the owner's rights or wish."""
        recipient = await alerts.recipient_of(ctx, search)
        message = None
        if await alerts.wanted(ctx, search, recipient):
            seen = await _seen(self._services, ctx, search, cars)
            if seen:
                link = unsubscribe_link(self._services.settings, search.id)
                message = await alerts.write(ctx, search, recipient, seen, link)
        await ctx.db.execute(_TOLD, search.id, list(cars), ctx.now, message.id if message is not None else None)

    async def digests(self) -> None:
        """Send what waits: the day's matches of each search in one message."""
        async with self._services.context(WORKER, readonly=True) as ctx:
            waiting = await ctx.db.fetch(_WAITING)
            due = [row["id"] for row in waiting if row["alert"] == "IMMEDIATE" or _is_due(row, ctx.now)]
        for id in due:
            async with self._services.context(WORKER) as ctx:
                search = await ctx.find(SavedSearch, id, lock=True)
                if search is None or not search.is_watched:
                    continue
                cars = await ctx.db.fetch(
                    "select vehicle_id from saved_search_match where saved_search_id = $1 and told_at is null "
                    "and matched_at >= $2 order by vehicle_id",
                    id,
                    search.watched_since,
                )
                if cars:
                    await self._tell(ctx, search, [row[0] for row in cars])


async def _seen(services: Services, ctx: Context, search: SavedSearch, cars: Collection[str]) -> list[Car]:
    """The cars as their row policies show them to the owner now; none to one who may not act any more."""
    row = await ctx.db.fetchrow("select * from app.requester($1, null, '{}')", search.user_id)
    if row is None:
        return []
    async with services.context(principal_of(row), readonly=True) as own:
        return await alerts.cars_seen(own, sorted(cars))


async def _still_grounded(services: Services, ctx: Context, message: Message) -> Message | None:
    """The alert as it may go out now: without cars that its owner does not see any more. None: it must not go."""
    found = await ctx.db.fetch(
        "select saved_search_id, vehicle_id from saved_search_match where message_id = $1", message.id
    )
    search = await ctx.find(SavedSearch, found[0][0]) if found else None
    if search is None:
        return None
    recipient = await alerts.recipient_of(ctx, search)
    if not await alerts.wanted(ctx, search, recipient):
        return None
    seen = await _seen(services, ctx, search, [row[1] for row in found])
    if not seen:
        return None
    return await alerts.rewritten(ctx, message, search, recipient, seen)


GROUNDS[alerts.TEMPLATE] = _still_grounded


def _is_due(row: Any, moment: datetime) -> bool:
    here = moment.astimezone(ZoneInfo(row["time_zone"]))
    begins = here.replace(hour=DIGEST_HOUR, minute=0, second=0, microsecond=0)
    return here >= begins and (row["last_told_at"] is None or row["last_told_at"] < begins)


def _matching(index: StockIndex, search: Watched) -> set[str]:
    try:
        return arrivals.matching(index, search.criteria, search.question[1])
    except Problem as fault:  # saved under rules of before
        log.warning("a saved search cannot be asked", saved_search=search.id, fault=fault.detail)
        return set()


async def _searches(connection: Connection, epoch: str) -> tuple[list[Watched], list[str]]:
    """What is watched, and the ids of those whose watch has yet to begin in this epoch, as after a restore."""
    found, strangers = [], []
    for row in await connection.fetch(_SEARCHES):
        since = feed.parse(row["baseline"]) if row["baseline"] is not None else None
        if since is None or since.epoch != epoch:
            strangers.append(row["id"])
            continue
        try:
            criteria = msgspec.convert(row["criteria"], Criteria)
        except msgspec.ValidationError as fault:
            log.warning("a saved search cannot be read", saved_search=row["id"], fault=str(fault))
            continue
        asking = Audience() if row["owner"] == "CUSTOMER" else audience(principal_of(row))
        question = (msgspec.json.encode(criteria), asking)
        found.append(Watched(row["id"], criteria, question, row["baseline"], since))
    return found, strangers


async def _position(ctx: Context, now: Mark) -> Position:
    """Where the last step ended; in a new epoch the former states mean nothing, and what is there now is known."""
    row = await ctx.db.fetchrow("select epoch::text, seen, heading, done from saved_search_position")
    if row is None or row["epoch"] != now.epoch:
        first = Position(now, None, arrivals.FIRST)
        await _move(ctx, first)
        return first
    heading = Mark(now.epoch, row["heading"]) if row["heading"] is not None else None
    return Position(Mark(now.epoch, row["seen"]), heading, row["done"] or arrivals.FIRST)


async def _move(ctx: Context, to: Position) -> None:
    heading = to.heading.snapshot if to.heading is not None else None
    await ctx.db.execute(
        "insert into saved_search_position (epoch, seen, heading, done) values ($1, $2, $3, $4) on conflict (only_row) "
        "do update set epoch = excluded.epoch, seen = excluded.seen, heading = excluded.heading, done = excluded.done",
        to.seen.epoch,
        to.seen.snapshot,
        heading,
        to.done if heading is not None else None,
    )


async def _changed(connection: Connection, position: Position, begun: Sequence[Watched]) -> tuple[list[str], bool]:
    """The next cars to look at, in order of id, and whether there are more.

    A watch that began while its search was not yet committed has a beginning before this step's.
    """
    marks = {position.seen, *(search.since for search in begun if not search.since.covers(position.seen))}
    cars: set[str] = set()
    for mark in marks:
        cars.update(await arrivals.changed(connection, mark, position.done, MOST_CARS + 1))
    ordered = sorted(cars)
    return ordered[:MOST_CARS], len(ordered) > MOST_CARS
