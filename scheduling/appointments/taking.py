"""Taking resources for an appointment: a choice of what the schedule offers, and the one SQL function that decides."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import datetime
from itertools import zip_longest
from typing import Any, Literal

import msgspec

from domain.kit.errors import Conflict, FieldError, Invalid, SlotTaken, TooManyHolds, Unavailable
from domain.kit.store import Context
from scheduling.appointment_records import Place, Reservation, Share
from scheduling.asking import Audience, Counter, Facts, Leg, Option, Reason, Refused, SlotRequest
from scheduling.hours import instant_of
from scheduling.question import PartsReady
from scheduling.schedule import Schedule

MOST_ATTEMPTS = 60
"""How often another choice is tried when a rival was faster: more than a centre has people for one job."""
MOST_WAITS = 4
"""How often the calendar in memory may have to catch up with the database during one booking."""
ALTERNATIVES = 5
How = Literal["NEW", "MOVE", "PROPOSE"]
Supply = Callable[[Context, Sequence[str], Sequence[str] | None, str | None], Awaitable[PartsReady]]
"""From when centres (None: all) have the parts of some work; what is kept for an appointment counts for it."""
SUPPLY = "parts_ready"
"""The name under which a process shares it."""

_BUSY = frozenset(
    {
        "TECHNICIAN_BUSY",
        "BAY_BUSY",
        "EQUIPMENT_BUSY",
        "LOANER_BUSY",
        "VEHICLE_BUSY",
        "CAP_REACHED",
        "TRANSPORT_LIMIT",
        "NO_SHIFT",
        "ABSENT",
    }
)
"""Reasons that make another slot the answer; the others are faults of the request."""
_AT = {
    "NOT_AUTHORISED": "/center_id",
    "NOT_APPLICABLE": "/work_types",
    "TOO_LONG_FOR_ANY_SHIFT": "/work_types",
    "NO_BAY": "/work_types",
    "SKILL_MISSING": "/work_types",
    "SKILL_LEVEL": "/work_types",
    "CERTIFICATION_EXPIRED": "/work_types",
}
_OF_A_TECHNICIAN = frozenset({"SKILL_MISSING", "SKILL_LEVEL", "CERTIFICATION_EXPIRED"})

_RESERVE = """
select what, places, hits, until from app.reserve($1, $2, $3, $4, $5, $6, $7::bigint[], $8::int[], $9::int[],
  $10::text[], $11::int[], $12::text[], $13::date[], $14::int[], $15::int[], $16, $17, $18, $19)"""


class Wish(msgspec.Struct, frozen=True):
    """A start that somebody wants, as the schedule is asked for it."""

    request: SlotRequest
    center_id: str
    start: datetime
    audience: Audience
    facts: Facts
    is_walk_in: bool = False
    parts_ready: PartsReady | None = None


class Reserved(msgspec.Struct, frozen=True):
    """One resource by its number, for a time in cells; `job` as in the appointment."""

    no: int
    from_cell: int
    to_cell: int
    role: str
    job: int | None


class Collision(msgspec.Struct, frozen=True):
    """What stands against a reservation: the place in the list and the appointment that has it."""

    what: str
    place: int | None
    hit: str | None


class Holder(msgspec.Struct, frozen=True):
    """Who holds a slot, for how many seconds, and how many slots they may hold."""

    name: str
    seconds: int
    most: int


def schedule_of(ctx: Context) -> Schedule:
    """The schedule of this process; Unavailable where it has none, or none yet."""
    found: Schedule | None = ctx.parts.get("schedule")
    if found is None:
        raise Unavailable("The schedule is not loaded here yet", retry_after=2)
    return found


async def reserve(
    ctx: Context,
    appointment_id: str,
    how: How,
    center_id: str,
    wanted: Sequence[Reserved],
    counters: Sequence[Counter],
    *,
    versions: tuple[int | None, int | None] = (None, None),
    expected: int | None = None,
    lasts: int | None = None,
    keep_until: datetime | None = None,
    holder: Holder | None = None,
) -> tuple[datetime | None, list[Collision]]:
    """Call `app.reserve` (which says what is locked): until when it is held, and what stands against it.

    The context is elevated. `versions`: of the calendar and of the work types from which the caller has chosen.
    """
    row = await ctx.db.fetchrow(
        _RESERVE,
        appointment_id,
        how,
        expected,
        center_id,
        *versions,
        [one.no for one in wanted],
        [one.from_cell for one in wanted],
        [one.to_cell for one in wanted],
        [one.role for one in wanted],
        [one.job for one in wanted],
        [one.counter for one in counters],
        [one.on_day for one in counters],
        [one.amount for one in counters],
        [one.cap for one in counters],
        holder.seconds if holder else lasts,
        keep_until,
        holder.name if holder else None,
        holder.most if holder else None,
    )
    what, places, hits, until = row
    if what == "RESERVED":
        return until, []
    return None, [Collision(what, *one) for one in zip_longest(places or [None], hits or [])]


async def take(
    ctx: Context,
    wish: Wish,
    appointment_id: str,
    how: How = "NEW",
    *,
    expected: int | None = None,
    lasts: int | None = None,
    keep_until: datetime | None = None,
    holder: Holder | None = None,
) -> tuple[Place, datetime | None]:
    """Choose resources for the wish and reserve them: the place, and until when it is held.

    A choice that a rival has taken is made anew until the schedule offers nothing more. The context is elevated.
    SlotTaken with the nearest free slots; Invalid names the field; TooManyHolds; Conflict where the appointment has
    changed meanwhile; Unavailable where the calendar in memory does not catch up.
    """
    schedule = schedule_of(ctx)
    moving = appointment_id if how != "NEW" else None
    wish = await _supplied(ctx, wish, moving)
    taken: set[int] = set()
    waits = 0
    option = await _asked(schedule, wish, frozenset(), moving)
    asked_anew = False
    for attempt in range(MOST_ATTEMPTS):
        legs = [await _numbered(ctx, leg, wish.center_id) for leg in option.legs]
        chosen = assigned(legs, taken, int(appointment_id[-6:], 16) + attempt if attempt else 0)
        if chosen is None:
            if asked_anew:
                break
            asked_anew = True
            option = await _asked(schedule, wish, frozenset(taken), moving)
            continue
        wanted = [
            Reserved(no, leg.from_cell, leg.to_cell, leg.role, leg.job) for no, leg in zip(chosen, legs, strict=True)
        ]
        until, against = await reserve(
            ctx,
            appointment_id,
            how,
            wish.center_id,
            wanted,
            option.counters,
            versions=(option.calendar_version, option.work_version),
            expected=expected,
            lasts=lasts,
            keep_until=keep_until,
            holder=holder,
        )
        if not against:
            return _place(schedule, option, legs, chosen), until
        match against[0].what:
            case "RESOURCE":
                taken.update(chosen[one.place - 1] for one in against if one.place is not None)
                asked_anew = False
            case "CALENDAR" | "COUNTER" as what:  # another team may have hours left
                waits += 1
                if waits > MOST_WAITS and what == "COUNTER":
                    raise _full(schedule, wish, option.counters[(against[0].place or 1) - 1])
                if waits > MOST_WAITS:
                    raise Unavailable("The calendar of this centre changes faster than it can be read", retry_after=1)
                await schedule.caught_up()
                option = await _asked(schedule, wish, frozenset(taken), moving)
            case "HOLDS":
                assert holder is not None
                raise TooManyHolds(
                    f"You hold {holder.most} slots; confirm or cancel one, or wait until it ends", most=holder.most
                )
            case _:
                raise Conflict("The appointment has changed meanwhile; read it again")
    raise slot_taken(schedule, wish, [])


async def _supplied(ctx: Context, wish: Wish, moving: str | None) -> Wish:
    """The wish with what the process knows of parts that are not there yet."""
    supply: Supply | None = ctx.parts.get(SUPPLY)
    works = [job.work_type for job in wish.request.asked()]
    if supply is None or not works:
        return wish
    return msgspec.structs.replace(wish, parts_ready=await supply(ctx, works, [wish.center_id], moving))


async def _asked(schedule: Schedule, wish: Wish, without: frozenset[int], moving: str | None) -> Option:
    """What the start takes. Nobody is refused by a calendar that has not seen what is committed already."""

    def ask() -> Option | Refused:
        return schedule.option(
            wish.request,
            wish.center_id,
            wish.start,
            audience=wish.audience,
            facts=wish.facts,
            without=without,
            moving=moving,
            walk_in=wish.is_walk_in,
            parts_ready=wish.parts_ready,
        )

    before = _state(schedule, wish)
    found = ask()
    if isinstance(found, Refused):
        await schedule.caught_up()
        if any(now is not then for now, then in zip(_state(schedule, wish), before, strict=True)):
            found = ask()
    if isinstance(found, Refused):
        raise refusal(schedule, wish, found.reasons)
    return found


def _state(schedule: Schedule, wish: Wish) -> tuple[object, ...]:
    """What an answer depends on: states of the calendar are replaced, never changed."""
    world = schedule.world
    of_vehicles = world.outside if wish.request.vehicle_id is not None else None
    return world.centers.get(wish.center_id), world.work, of_vehicles


def refusal(schedule: Schedule, wish: Wish, reasons: list[Reason]) -> Invalid | SlotTaken:
    """The problem that the reasons of a refused start amount to."""
    faults = [reason for reason in reasons if reason.code not in _BUSY]
    if not faults:
        return slot_taken(schedule, wish, reasons)
    named = wish.request.technician_id is not None
    errors = [
        FieldError(
            "/technician_id" if named and reason.code in _OF_A_TECHNICIAN else _AT.get(reason.code, "/start"),
            reason.detail,
            reason.code,
        )
        for reason in faults
    ]
    return Invalid(faults[0].detail, errors=errors, reasons=reasons)


def slot_taken(schedule: Schedule, wish: Wish, reasons: list[Reason]) -> SlotTaken:
    """The conflict of a start that somebody else has, with the nearest that nobody has."""
    others = schedule.alternatives(
        wish.request,
        wish.center_id,
        wish.start,
        ALTERNATIVES,
        facts=wish.facts,
        parts_ready=wish.parts_ready,
    )
    return SlotTaken(alternatives=others, reasons=reasons)


def _full(schedule: Schedule, wish: Wish, counter: Counter) -> SlotTaken:
    reason = Reason("CAP_REACHED", "No more appointments of this kind are taken then")
    if wish.audience.kind != "CUSTOMER":
        reason = Reason("CAP_REACHED", f"{counter.counter} of {counter.on_day} has reached {counter.cap}")
    return slot_taken(schedule, wish, [reason])


async def _numbered(ctx: Context, leg: Leg, center_id: str) -> Leg:
    """The leg with the number of the vehicle that it names, where that has had none before."""
    if leg.candidates or leg.resource_id is None:
        return leg
    no = await ctx.db.fetchval("select app.resource_no($1, 'VEHICLE', $2)", leg.resource_id, center_id)
    return msgspec.structs.replace(leg, candidates=(no,))


def assigned(legs: Sequence[Leg], taken: Collection[int] = (), turn: int = 0) -> list[int] | None:
    """A different resource for each leg, best first, or None: augmenting paths over the candidates.

    `turn` lets rivals that lost together begin with different candidates.
    """
    choices = []
    for leg in legs:
        free = [no for no in leg.candidates if no not in taken]
        at = turn % len(free) if free else 0
        choices.append(free[at:] + free[:at])
    of: dict[int, int] = {}

    def place(at: int, seen: set[int]) -> bool:
        for no in choices[at]:
            if no not in seen:
                seen.add(no)
                if no not in of or place(of[no], seen):
                    of[no] = at
                    return True
        return False

    if not all(place(at, set()) for at in range(len(legs))):
        return None
    found = {at: no for no, at in of.items()}
    return [found[at] for at in range(len(legs))]


def _place(schedule: Schedule, option: Option, legs: Sequence[Leg], chosen: Sequence[int]) -> Place:
    reservations = [
        Reservation(
            leg.role,
            leg.resource_id if leg.resource_id is not None else schedule.id_of(no),
            leg.job,
            instant_of(leg.from_cell),
            instant_of(leg.to_cell),
        )
        for no, leg in zip(chosen, legs, strict=True)
    ]
    people = [one.resource_id for one in reservations if one.role in ("TECHNICIAN", "SALESPERSON")]
    bays = [one.resource_id for one in reservations if one.role == "BAY"]
    return Place(
        start=option.start,
        end=option.end,
        arrival_at=option.arrival_at,
        promised_at=option.promised_at,
        blocked_from=option.blocked_from,
        blocked_to=option.blocked_to,
        technician_id=people[0] if people else None,
        technician_ids=list(dict.fromkeys(people)),
        bay_id=bays[0] if bays else None,
        reservations=reservations,
        shares=[Share(one.counter, one.on_day, one.amount) for one in option.counters],
    )


def columns(place: Place) -> dict[str, Any]:
    """A place as the fields of an appointment."""
    return {name: getattr(place, name) for name in place.__struct_fields__}
