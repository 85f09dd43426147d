"""Appointments in calendars, and answered by mail: invitations, a user's secret feed, and links without signing in."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

from domain.appointments import calendar
from domain.appointments.links import ACTIONS, PART, Links, Purpose
from domain.appointments.visits import Visit, visits
from domain.kit.errors import (
    CommandNotAllowed,
    Conflict,
    Forbidden,
    Invalid,
    KeyReused,
    Malformed,
    NotFound,
    RequestInProgress,
    SlotTaken,
    Unavailable,
    UnknownProperty,
)
from domain.kit.policy import Principal, keys
from domain.kit.store import Context
from domain.kit.tokens import hashed, is_token, new_token
from domain.kit.values import Instant
from scheduling.appointment_records import Appointment, Reason
from scheduling.appointments.booking import center_of
from scheduling.appointments.commands import Cancel, Reschedule
from service.api.appointments import BASE, FREEING, offered, unless_expired
from service.api.routing import EVERYBODY, PREFIX, Answer, Call, Kind, Route
from service.auth.principal import principal_of

ENTITY = Appointment.entity
LINKS = f"{PREFIX}/appointment-links/{{token}}"
PEOPLE = keys("CUSTOMER PARTNER STAFF")
FEED_LETTER = "f"
PAST, AHEAD = timedelta(days=30), timedelta(days=400)
"""What a feed tells of: so far back, so far ahead."""
MOST_IN_A_FEED = 1_000
_BY_LINK = "appointment-link"
"""How history names whoever has answered by a link."""

_FED = """
select id from appointment
 where status in ('BOOKED', 'CHECKED_IN', 'IN_PROGRESS', 'COMPLETED') and start > $1 and start < $2
   and ($3::uuid is null or technician_ids && array(select id::text from technician where user_id = $3))
 order by start, id limit $4"""
_CALLER = (
    "select persona, user_id, account_id, contact_id, client_id, units, group_units, roles, roles_at, scopes, brands, "
    "session_id from app.calendar_caller($1)"
)


class Feed(msgspec.Struct):
    """The address of a calendar; it is not told again."""

    url: str


class Proposed(msgspec.Struct):
    """Another time that the centre proposes."""

    start: datetime
    end: datetime
    until: datetime


class Linked(msgspec.Struct):
    """An appointment as the holder of a link sees it, in the clock of its centre, and what the link may do now."""

    number: str
    kind: str
    status: str
    center: str
    time_zone: str
    place: str
    title: str
    start: datetime
    end: datetime
    arrival_at: datetime
    promised_at: datetime
    proposal: Proposed | None
    actions: list[str]


class LinkAnswer(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What the holder of a link wants; `start` belongs to reschedule, `reason` to cancel."""

    action: Literal["confirm", "reschedule", "accept", "decline", "cancel"]
    start: Instant | None = None
    reason: Reason | None = None


def _host(call: Call) -> str:
    return urlsplit(call.services.settings.public_url).hostname or "localhost"


def _invitation(call: Call, visit: Visit) -> Answer:
    content, method = calendar.invitation(
        visit, organizer=call.services.settings.mail_from, host=_host(call), locale=visit.language
    )
    return _ics(content, method, visit.number)


def _ics(content: bytes, method: str, name: str) -> Answer:
    return Answer(
        content,
        headers={"content-disposition": f'attachment; filename="{name}.ics"'},
        media_type=f"{calendar.MEDIA_TYPE}; charset=utf-8; method={method}",
    )


async def _entry(call: Call) -> Answer:
    ctx = call.ctx
    seen = await ctx.get(Appointment, call.id)
    async with ctx.elevated():
        [visit] = await visits(ctx, [seen.id])
    return _invitation(call, visit)


async def _make_feed(call: Call) -> Answer:
    ctx = call.ctx
    if ctx.principal.user_id is None:
        raise Forbidden("Only people have a calendar")
    token = new_token(FEED_LETTER)
    async with ctx.elevated():
        await ctx.db.execute(
            "insert into calendar_feed (user_id, token_hash, made_at) values ($1, $2, $3) on conflict (user_id) "
            "do update set token_hash = excluded.token_hash, made_at = excluded.made_at",
            ctx.principal.user_id,
            hashed(token),
            ctx.now,
        )
    return Answer(Feed(f"{call.services.settings.public_url}{PREFIX}/calendar/{token}.ics"), status=201)


async def _end_feed(call: Call) -> None:
    ctx = call.ctx
    async with ctx.elevated():
        await ctx.db.execute("delete from calendar_feed where user_id = $1", ctx.principal.user_id)


async def _feed(call: Call) -> Answer:
    principal = await _feeding(call)
    async with call.services.context(principal, readonly=True) as ctx:
        own = None if principal.persona == "CUSTOMER" else principal.user_id
        rows = await ctx.db.fetch(_FED, ctx.now - PAST, ctx.now + AHEAD, own, MOST_IN_A_FEED)
        async with ctx.elevated():
            found = await visits(ctx, [row["id"] for row in rows])
            spoken = await ctx.db.fetchval('select locale from "user" where id = $1', principal.user_id)
    locale = "de" if (spoken or "").startswith("de") else "en"
    content = calendar.feed(
        found, name="Forecourt", host=_host(call), locale=locale, names_customers=principal.persona != "CUSTOMER"
    )
    return _ics(content, "PUBLISH", "appointments")


async def _feeding(call: Call) -> Principal:
    """Whose calendar it is; NotFound for a token that opens nothing, or nothing any more."""
    token = call.params["token"]
    row = None
    if is_token(token):
        pool = await call.services.database.pool("forecourt_guest")
        async with pool.acquire(timeout=5) as connection:
            row = await connection.fetchrow(_CALLER, hashed(token))
    if row is None:
        raise NotFound("There is no such calendar")
    return principal_of(row)


async def _opened(call: Call) -> tuple[Appointment, Purpose]:
    """The appointment and purpose of a link; the context is elevated. NotFound where it opens nothing any more."""
    links: Links = call.services.parts[PART]
    known = links.read(call.params["token"])
    mine = await call.ctx.find(Appointment, known[0]) if known is not None else None
    if known is None or mine is None or mine.end <= call.ctx.now:
        raise NotFound("This link belongs to no appointment to come")
    return mine, known[1]


async def _allowed(ctx: Context, mine: Appointment, purpose: Purpose) -> list[str]:
    """What the link may do now, by the rules for customers."""
    center = await center_of(ctx, mine.center_id, mine.kind, mine.work_types)
    late = {
        "cancel": mine.status != "HELD" and ctx.now > mine.start - timedelta(minutes=center.cancel_cutoff_minutes),
        "reschedule": ctx.now > mine.start - timedelta(minutes=center.reschedule_cutoff_minutes),
        "confirm": mine.held_until is not None and mine.held_until <= ctx.now,
        "accept": mine.proposed_until is None or mine.proposed_until <= ctx.now,
        "decline": mine.proposal is None,
    }
    return [name for name in ACTIONS[purpose] if mine.status in ENTITY.commands[name].sources and not late[name]]


async def _told(ctx: Context, mine: Appointment, purpose: Purpose) -> Linked:
    [visit] = await visits(ctx, [mine.id])
    zone, offer = visit.zone, mine.proposal
    expired = mine.status == "HELD" and mine.held_until is not None and mine.held_until <= ctx.now
    return Linked(
        number=visit.number,
        kind=visit.kind,
        status="EXPIRED" if expired else visit.status,
        center=visit.center,
        time_zone=visit.time_zone,
        place=visit.where,
        title=visit.title(visit.language),
        start=visit.start.astimezone(zone),
        end=visit.end.astimezone(zone),
        arrival_at=visit.arrival_at.astimezone(zone),
        promised_at=visit.promised_at.astimezone(zone),
        proposal=Proposed(*(one.astimezone(zone) for one in (offer.start, offer.end, offer.until))) if offer else None,
        actions=[] if expired else await _allowed(ctx, mine, purpose),
    )


async def _see(call: Call) -> Linked:
    async with call.ctx.elevated():
        return await _told(call.ctx, *await _opened(call))


async def _see_entry(call: Call) -> Answer:
    async with call.ctx.elevated():
        mine, _ = await _opened(call)
        [visit] = await visits(call.ctx, [mine.id])
    return _invitation(call, visit)


async def _answer(call: Call) -> Linked:
    ctx, data = call.ctx, call.body
    async with ctx.elevated():
        mine, purpose = await _opened(call)
    if data.action not in ACTIONS[purpose]:
        raise Invalid.at("/action", f"is none of what this link is for: {', '.join(ACTIONS[purpose])}")
    given = _input(data)

    async def give() -> None:
        await _as_customer(ctx, mine, data.action, given)

    if data.action == "reschedule":
        await unless_expired(call, mine.center_id, give)
    else:
        await give()
    if data.action in FREEING:
        ctx.after_commit.append(lambda: offered(call.services, mine.center_id))
    async with ctx.elevated():
        return await _told(ctx, await ctx.get(Appointment, mine.id), purpose)


def _input(data: LinkAnswer) -> msgspec.Struct | None:
    """The input of the command; Invalid for what does not belong to it."""
    if data.start is not None and data.action != "reschedule":
        raise Invalid.at("/start", "belongs to reschedule")
    if data.reason is not None and data.action != "cancel":
        raise Invalid.at("/reason", "belongs to cancel")
    if data.action == "reschedule":
        if data.start is None:
            raise Invalid.at("/start", "is required")
        return Reschedule(start=data.start)
    return Cancel(reason=data.reason) if data.action == "cancel" else None


async def _as_customer(ctx: Context, mine: Appointment, name: str, given: Any) -> None:
    """Give a command with the rights of the customer, whoever holds the link; for a hold, of whoever holds it."""
    holder = mine.held_by if mine.status == "HELD" else None
    asked_by = ctx.principal
    async with ctx.elevated():
        ctx.principal = Principal("CUSTOMER", client_id=holder or _BY_LINK)
        try:
            await ctx.db.execute("select set_config('app.actor', $1, true)", _BY_LINK)
            await ctx.command(await ctx.get(Appointment, mine.id), ENTITY.commands[name], given)
        finally:
            ctx.principal = asked_by


_ANSWERS = (calendar.MEDIA_TYPE,)
ROUTES = [
    Route(
        method="GET",
        path=f"{BASE}/{{id}}.ics",
        object=ENTITY.name,
        action="calendar",
        handler=_entry,
        kind=Kind.READ,
        grant=(ENTITY, "r"),
        summary="An appointment as an invitation for calendars; a cancellation once it will not take place",
        answers=_ANSWERS,
        problems=(NotFound,),
    ),
    Route(
        method="POST",
        path=f"{PREFIX}/calendar/feed",
        object="calendar_feed",
        action="make",
        handler=_make_feed,
        kind=Kind.WRITE,
        grant=PEOPLE,
        summary="Make the secret address of your calendar, shown this once; an earlier one ends",
        returns=Feed,
        status=201,
        problems=(Forbidden,),
    ),
    Route(
        method="DELETE",
        path=f"{PREFIX}/calendar/feed",
        object="calendar_feed",
        action="end",
        handler=_end_feed,
        kind=Kind.WRITE,
        grant=PEOPLE,
        summary="End the secret address of your calendar",
        status=204,
    ),
    Route(
        method="GET",
        path=f"{PREFIX}/calendar/{{token}}.ics",
        object="calendar_feed",
        action="read",
        handler=_feed,
        kind=Kind.FREE,
        grant=EVERYBODY,
        summary="A user's appointments, to subscribe to: a customer's own, or those that somebody is to do",
        answers=_ANSWERS,
        problems=(NotFound,),
    ),
    Route(
        method="GET",
        path=LINKS,
        object="appointment_link",
        action="see",
        handler=_see,
        kind=Kind.READ,
        grant=EVERYBODY,
        summary="The appointment behind a link in a mail, and what the link may do now",
        returns=Linked,
        problems=(NotFound,),
    ),
    Route(
        method="GET",
        path=f"{LINKS}.ics",
        object="appointment_link",
        action="calendar",
        handler=_see_entry,
        kind=Kind.READ,
        grant=EVERYBODY,
        summary="The appointment behind a link as an invitation for calendars",
        answers=_ANSWERS,
        problems=(NotFound,),
    ),
    Route(
        method="POST",
        path=LINKS,
        object="appointment_link",
        action="answer",
        handler=_answer,
        kind=Kind.WRITE,
        grant=EVERYBODY,
        summary="Answer by a link: confirm, move, accept, decline or cancel, by the rules for customers",
        body=LinkAnswer,
        returns=Linked,
        idempotent=True,
        problems=(
            Malformed, UnknownProperty, Invalid, NotFound, CommandNotAllowed, SlotTaken, Conflict, Unavailable,
            RequestInProgress, KeyReused,
        ),
    ),
]  # fmt: skip
