"""Mails about appointments: booked, moved, proposed, cancelled; with links to answer and for the calendar."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from domain.appointments.links import PART, Links, Purpose
from domain.appointments.visits import Visit, visits
from domain.kit.events import on
from domain.kit.messages import TEMPLATES, send
from domain.kit.store import Context
from scheduling.appointment_records import Appointment

TEMPLATE = "appointment"
What = Literal["BOOKED", "MOVED", "PROPOSED", "CANCELLED", "REMINDER"]
TEMPLATES.add(Path(__file__).parent / "templates")


@on("appointment.created")
async def _booked(ctx: Context, made: Appointment, _: dict[str, Any]) -> None:
    if made.status == "BOOKED":
        await write(ctx, made.id, "BOOKED")


@on("appointment.updated")
async def _changed(ctx: Context, now: Appointment, changes: dict[str, Any]) -> None:
    what = _what(now, changes)
    if what is not None:
        await write(ctx, now.id, what)


def _what(now: Appointment, changes: dict[str, Any]) -> What | None:
    """What the customer is told of a change: nothing while it is only held."""
    if now.status == "CANCELLED" and "status" in changes:
        return "CANCELLED" if now.confirmed_at is not None else None
    if now.status != "BOOKED":
        return None
    if "status" in changes:
        return "BOOKED"
    if "start" in changes:
        return "MOVED"
    return "PROPOSED" if changes.get("proposal") is not None else None


async def write(ctx: Context, appointment_id: str, what: What) -> bool:
    """Write to the customer, in the language of the contact and the clock of the centre; False without an address."""
    async with ctx.elevated():
        [visit] = await visits(ctx, [appointment_id])
        to = visit.customer.get("email")
        if not to:
            return False
        locale = visit.language
        links = _links(ctx, visit, what)
        await send(
            ctx,
            to=to,
            template=TEMPLATE,
            data={**_told(visit, what, locale), "has_links": bool(links)},
            hidden=links,
            locale=locale,
            contact_id=visit.contact_id,
            account_id=visit.customer_account_id,
            sender_account_id=visit.account_id,
        )
        return True


def _told(visit: Visit, what: What, locale: str) -> dict[str, Any]:
    proposal = visit.proposal or {}
    until = proposal.get("until")
    start = proposal.get("start")
    return {
        "what": what,
        "name": visit.customer.get("name"),
        "number": visit.number,
        "title": visit.title(locale),
        "center": visit.center,
        "where": visit.where,
        "start": visit.told(visit.start, locale),
        "arrival": visit.told(visit.arrival_at, locale) if visit.arrival_at != visit.start else None,
        "proposed": visit.told(datetime.fromisoformat(start), locale) if start else None,
        "until": visit.told(datetime.fromisoformat(until), locale) if until else None,
    }


def _links(ctx: Context, visit: Visit, what: What) -> dict[str, str]:
    """What people follow; none in a process that makes no links."""
    links: Links | None = ctx.parts.get(PART)
    if links is None:
        return {}
    purpose: Purpose = "answer" if what == "PROPOSED" else "visit"
    address = f"{ctx.public_url}/api/v1/appointment-links/{links.token(visit.id, purpose)}"
    return {"link": address, "calendar": f"{address}.ics"}
