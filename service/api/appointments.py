"""Appointments over HTTP: booked, listed, moved and ended, told in the clock of their centre."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, tzinfo
from typing import Annotated, Any, TypeVar

import msgspec
import structlog
from msgspec import Meta

from domain.accounts import Contact
from domain.kit import access
from domain.kit.errors import (
    CommandNotAllowed,
    CursorInvalid,
    FieldForbidden,
    Forbidden,
    Invalid,
    KeyReused,
    Malformed,
    NotFound,
    Problem,
    RequestInProgress,
    SlotTaken,
    StaleVersion,
    TooManyHolds,
    Unavailable,
    UnknownProperty,
)
from domain.kit.following import AWAY
from domain.kit.policy import WORKER
from domain.kit.query import Condition, Query, id_or_nobody, parse
from domain.kit.record import Command
from domain.kit.store import Context
from domain.kit.values import Id
from domain.kit.views import told_struct
from domain.leads import Lead, person
from scheduling.appointment_records import Appointment, Person, WaitlistEntry
from scheduling.appointments.booking import BOOKERS, CENTRES_PEOPLE, BookAppointment, book
from scheduling.appointments.infeasible import Infeasible, infeasible
from scheduling.appointments.taking import schedule_of
from scheduling.appointments.waitlist import JoinWaitlist, join, settle
from scheduling.hours import zone_of
from scheduling.schedule import Schedule
from scheduling.statements import SQL
from service.api.records import all_fields, expected_version, page_struct
from service.api.routing import PREFIX, Answer, Call, Kind, Param, Route
from service.appointments import offer_at
from service.services import Services

T = TypeVar("T")
log = structlog.get_logger("forecourt.appointments")
ENTITY, WAITLIST = Appointment.entity, WaitlistEntry.entity
BASE = f"{PREFIX}/{ENTITY.route}"
FREEING = frozenset({"cancel", "reschedule", "accept", "decline", "complete", "no_show"})
"""Commands after which somebody on the waitlist may get a slot."""
_LOCAL = ("arrival_at", "start", "end", "promised_at", "blocked_from", "blocked_to", "held_until", "proposed_until")
_NESTED = ("start", "end", "arrival_at", "promised_at", "until")
WRITE_PROBLEMS = (
    Malformed,
    UnknownProperty,
    Invalid,
    Forbidden,
    FieldForbidden,
    NotFound,
    SlotTaken,
    Unavailable,
    RequestInProgress,
    KeyReused,
)


async def told(ctx: Context, appointments: list[Any]) -> list[Any]:
    """The appointments as their readers get them: in the offset of their centre, a hold past its time as EXPIRED."""
    zones = await _zones(ctx, appointments)
    for one in appointments:
        zone = zones[one.center_id]
        if one.status == "HELD" and one.held_until <= ctx.clock():
            one.status = "EXPIRED"
        for name in _LOCAL:
            value = getattr(one, name, None)
            if value is not None:
                setattr(one, name, value.astimezone(zone))
        for document in (*getattr(one, "reservations", ()), getattr(one, "proposal", None)):
            if document is not None:
                document.update(
                    {
                        name: datetime.fromisoformat(document[name]).astimezone(zone)
                        for name in _NESTED
                        if document.get(name) is not None
                    }
                )
    return appointments


async def _zones(ctx: Context, of: list[Any]) -> dict[str, tzinfo]:
    """The clocks of the centres of these: those in memory, or of centres that take no more appointments."""
    schedule: Schedule | None = ctx.parts.get("schedule")
    wanted = {one.center_id for one in of}
    if schedule is not None and schedule.ready:
        known = schedule.world.centers
        if wanted <= known.keys():
            return {id: zone_of(known[id].row.zone) for id in wanted}
    rows = await ctx.db.fetch(SQL["zones_of_centers"], list(wanted))
    return {row["id"]: zone_of(row["time_zone"]) for row in rows}


async def free_expired(call: Call, center_id: str) -> bool:
    """End what is past its time at a centre, in a transaction of its own; whether there was anything."""
    async with call.services.context(WORKER) as ctx:
        due = await ctx.db.fetchval(SQL["past_its_time_at"], center_id)
        if not due:
            return False
        await ctx.db.fetchval("select app.tidy_appointments($1)", 500)
    await schedule_of(call.ctx).caught_up()
    return True


async def unless_expired(call: Call, center_id: str, act: Callable[[], Awaitable[T]]) -> T:
    """Act; where the slot is not free, end the holds there that are past their time and act once more."""
    try:
        return await act()
    except SlotTaken:
        if not await free_expired(call, center_id):
            raise
        return await act()


async def offered(services: Services, center_id: str) -> None:
    """Offer what a command has freed to those who wait; the command is done, so that nothing here may refuse it."""
    try:
        async with services.context(WORKER) as ctx:
            await settle(ctx)
            if not await ctx.db.fetch(SQL["waiting_at"], center_id, ctx.now, 1):
                return
        await offer_at(services, [center_id])
    except (Problem, *AWAY) as fault:  # the clock of appointments comes by again
        log.warning("nothing was offered", center=center_id, fault=repr(fault))


async def _join(call: Call) -> Answer:
    made = await join(call.ctx, call.body)
    call.ctx.after_commit.append(lambda: offered(call.services, made.center_id))
    shown = await access.read(call.ctx, WAITLIST, made.id)
    return Answer(shown, status=201, headers={"location": f"{PREFIX}/{WAITLIST.route}/{made.id}"})


async def _for_lead(ctx: Context, data: BookAppointment) -> BookAppointment:
    """The request with the lead's person as its customer, where it names no other."""
    if data.lead_id is None or data.customer is not None:
        return data
    lead = await ctx.find(Lead, data.lead_id) if ctx.principal.persona != "CUSTOMER" else None
    if lead is None:
        raise Invalid.at("/lead_id", "refers to no lead that you may see")
    name, email, phone = await person(ctx, lead)
    known = await ctx.find(Contact, lead.contact_id) if lead.contact_id is not None else None
    customer = Person(name, email, phone, known.id if known is not None else None)
    return msgspec.structs.replace(data, customer=customer)


async def booked(call: Call, asked: BookAppointment) -> Any:
    """Hold or book a slot: the appointment as the caller sees it."""
    data = await _for_lead(call.ctx, asked)
    made = await unless_expired(call, data.center_id, lambda: book(call.ctx, data))
    [shown] = await told(call.ctx, [await access.read(call.ctx, ENTITY, made.id)])
    return shown


async def _book(call: Call) -> Answer:
    shown = await booked(call, call.body)
    return Answer(shown, status=201, headers={"location": f"{BASE}/{shown.id}"})


async def _list(call: Call) -> access.Page:
    query = parse(call.raw, access.open_view(ENTITY, call.principal))
    page = await access.page(call.ctx, ENTITY, query, call.services.cursors)
    return access.Page(await told(call.ctx, page.items), page.next_cursor)


async def _get(call: Call) -> Any:
    [shown] = await told(call.ctx, [await access.read(call.ctx, ENTITY, call.id)])
    return shown


class InfeasiblePage(msgspec.Struct):
    """Bookings that cannot be kept as they are; a page may be short, or empty, before the last."""

    items: list[Infeasible]
    next_cursor: str | None


async def _infeasible(call: Call) -> InfeasiblePage:
    center_ids: list[str] | None = call.query.get("center_id")
    about = Query(tuple(Condition("center_id", "eq", (one,)) for one in center_ids or ()))
    after: tuple[datetime, str] | None = None
    name = call.principal.name
    if (cursor := call.query.get("cursor")) is not None:
        start, id = call.services.cursors.read("infeasible", about, name, cursor)
        after = datetime.fromisoformat(start), id
    if (token := call.request.headers.get("x-after-change")) is not None:
        await call.services.schedule.reached(token)
    wanted = None if center_ids is None else [id_or_nobody(one) for one in center_ids]
    found = await infeasible(call.ctx, wanted, after, call.query.get("limit", 50))
    zones = await _zones(call.ctx, found.items)
    items = [
        msgspec.structs.replace(
            one, start=one.start.astimezone(zones[one.center_id]), end=one.end.astimezone(zones[one.center_id])
        )
        for one in found.items
    ]
    further = None
    if found.further is not None:
        start, id = found.further
        further = call.services.cursors.write("infeasible", about, name, [start.isoformat(), id])
    return InfeasiblePage(items, further)


async def _capabilities(call: Call) -> access.Capabilities:
    return await access.capabilities(call.ctx, ENTITY, call.id)


async def commanded(call: Call, name: str, data: msgspec.Struct | None) -> Any:
    """Give the appointment in the path a command: the appointment as the caller sees it then."""

    async def give() -> Any:
        return await access.command(call.ctx, ENTITY, call.id, name, data, expected_version(call))

    if name in ("reschedule", "propose"):
        seen = await call.ctx.get(Appointment, call.id)
        shown = await unless_expired(call, seen.center_id, give)
    else:
        shown = await give()
    if name in FREEING:
        call.ctx.after_commit.append(lambda: offered(call.services, shown.center_id))
    return (await told(call.ctx, [shown]))[0]


def _command(command: Command) -> Route:
    async def handler(call: Call) -> Any:
        return await commanded(call, command.name, call.body)

    return Route(
        method="POST",
        path=f"{BASE}/{{id}}/commands/{command.name}",
        object=ENTITY.name,
        action=command.name,
        handler=handler,
        kind=Kind.WRITE,
        grant=command.by,
        summary=command.help.partition(".")[0],
        body=command.input,
        body_optional=not any(field.required for field in msgspec.structs.fields(command.input)),
        returns=told_struct(ENTITY, all_fields(ENTITY)),
        idempotent=True,
        problems=(*WRITE_PROBLEMS, CommandNotAllowed, StaleVersion),
    )


ROUTES = [
    Route(
        method="GET",
        path=BASE,
        object=ENTITY.name,
        action="list",
        handler=_list,
        kind=Kind.READ,
        grant=(ENTITY, "r"),
        summary="List appointments: filters by field, sort, cursor",
        returns=page_struct(ENTITY),
        query=None,
        problems=(Malformed, UnknownProperty, CursorInvalid),
    ),
    Route(
        method="POST",
        path=BASE,
        object=ENTITY.name,
        action="create",
        handler=_book,
        kind=Kind.WRITE,
        grant=BOOKERS,
        summary="Hold or book a slot with all that it needs, or be told the nearest that are free",
        body=BookAppointment,
        returns=told_struct(ENTITY, all_fields(ENTITY)),
        status=201,
        idempotent=True,
        problems=(*WRITE_PROBLEMS, TooManyHolds),
    ),
    Route(
        method="GET",
        path=f"{BASE}/infeasible",
        object=ENTITY.name,
        action="infeasible",
        handler=_infeasible,
        kind=Kind.READ,
        grant=CENTRES_PEOPLE,
        summary="Bookings to come that a changed shift, absence or closed bay has broken, and how to mend each",
        returns=InfeasiblePage,
        query={
            "center_id": Param(Id, "of these centres; else of all that you plan", many=True),
            "limit": Param(Annotated[int, Meta(ge=1, le=200)], "1 to 200"),
            "cursor": Param(Annotated[str, Meta(max_length=2_000)], "next_cursor of the page before"),
        },
        problems=(Malformed, UnknownProperty, CursorInvalid, Unavailable),
    ),
    Route(
        method="GET",
        path=f"{BASE}/{{id}}",
        object=ENTITY.name,
        action="get",
        handler=_get,
        kind=Kind.READ,
        grant=(ENTITY, "r"),
        summary="One appointment",
        returns=told_struct(ENTITY, all_fields(ENTITY)),
        problems=(NotFound,),
    ),
    Route(
        method="GET",
        path=f"{BASE}/{{id}}/capabilities",
        object=ENTITY.name,
        action="capabilities",
        handler=_capabilities,
        kind=Kind.READ,
        grant=(ENTITY, "r"),
        summary="The state, and what you may do now",
        returns=access.Capabilities,
        problems=(NotFound,),
    ),
    *(_command(command) for command in ENTITY.commands.values() if command.by),
    Route(
        method="POST",
        path=f"{PREFIX}/{WAITLIST.route}",
        object=WAITLIST.name,
        action="create",
        handler=_join,
        kind=Kind.WRITE,
        grant=BOOKERS,
        summary="Wait for a slot: whoever waits longest is offered what gets free",
        body=JoinWaitlist,
        returns=told_struct(WAITLIST, all_fields(WAITLIST)),
        status=201,
        idempotent=True,
        problems=(Malformed, UnknownProperty, Invalid, Forbidden, NotFound, RequestInProgress, KeyReused),
    ),
]
