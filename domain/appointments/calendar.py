"""Appointments as iCalendar (RFC 5545, RFC 5546): invitations, their updates and cancellations, and a feed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, timedelta

import icalendar

from domain.appointments.visits import Visit

MEDIA_TYPE = "text/calendar"
GONE = frozenset({"CANCELLED", "NO_SHOW", "EXPIRED"})
_PRODUCT = "-//Forecourt//Appointments//EN"
_STATUS = {"HELD": "TENTATIVE", **dict.fromkeys(GONE, "CANCELLED")}
_NUMBER = {"en": "Appointment", "de": "Termin"}


def invitation(visit: Visit, *, organizer: str, host: str, locale: str) -> tuple[bytes, str]:
    """The invitation to an appointment and its method: REQUEST, or CANCEL once it will not take place.

    Its sequence is the version of the appointment, so that programs take a later one for an update of the earlier.
    """
    method = "CANCEL" if visit.status in GONE else "REQUEST"
    event = _event(visit, host, locale)
    organised = icalendar.vCalAddress(f"mailto:{organizer}")
    organised.params["CN"] = visit.center
    event.add("organizer", organised)
    mail = visit.customer.get("email")
    if mail:
        invited = icalendar.vCalAddress(f"mailto:{mail}")
        if visit.customer.get("name"):
            invited.params["CN"] = visit.customer["name"]
        invited.params["ROLE"] = "REQ-PARTICIPANT"
        event.add("attendee", invited)
    return _calendar([event], [visit], method), method


def feed(found: Sequence[Visit], *, name: str, host: str, locale: str, names_customers: bool) -> bytes:
    """Many appointments as a calendar to subscribe to."""
    events = []
    for visit in found:
        event = _event(visit, host, locale)
        customer = visit.customer.get("name")
        if names_customers and customer:
            event["summary"] = icalendar.vText(f"{visit.title(locale)} - {customer}")
        events.append(event)
    return _calendar(events, found, "PUBLISH", name)


def _event(visit: Visit, host: str, locale: str) -> icalendar.Event:
    event = icalendar.Event()
    event.add("uid", f"{visit.id}@{host}")
    event.add("sequence", visit.version)
    event.add("dtstamp", visit.updated_at.astimezone(UTC))
    event.add("created", visit.created_at.astimezone(UTC))
    event.add("last-modified", visit.updated_at.astimezone(UTC))
    event.add("dtstart", visit.start.astimezone(visit.zone))
    event.add("dtend", visit.end.astimezone(visit.zone))
    event.add("summary", f"{visit.title(locale)} - {visit.center}")
    event.add("location", visit.where)
    event.add("description", f"{_NUMBER[locale]} {visit.number}")
    event.add("status", _STATUS.get(visit.status, "CONFIRMED"))
    return event


def _calendar(events: Sequence[icalendar.Event], found: Sequence[Visit], method: str, name: str = "") -> bytes:
    whole = icalendar.Calendar()
    whole.add("prodid", _PRODUCT)
    whole.add("version", "2.0")
    whole.add("method", method)
    if name:
        whole.add("x-wr-calname", name)
    for event in events:
        whole.add_component(event)
    if found:  # rules of the zones around what is told are enough
        first, last = min(one.start for one in found).date(), max(one.end for one in found).date()
        around = timedelta(days=370)
        whole.add_missing_timezones(max(first - around, date(1970, 1, 1)), last + around)
    return bytes(whole.to_ical())
