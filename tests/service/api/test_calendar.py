"""Calendars and links over HTTP: invitations with their sequence, feeds of what is one's own, answers by mail."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import icalendar
import pytest

from domain.appointments.links import PART, Links, Purpose
from domain.appointments.parts import keep_parts
from domain.kit.policy import WORKER
from inventory.part_records import ProductItem
from inventory.records import Product
from scheduling.records import WorkType
from scheduling.records.work import Part
from service.ops.database import Addresses
from tests.scheduling.centers import SYNC, change, make
from tests.service.api.workshop_http import Served, workshop_served

FEED = "/api/v1/calendar/feed"


@pytest.fixture
async def world(fresh_database: Addresses, tmp_path: Path) -> AsyncIterator[Served]:
    """The workshop with nothing booked."""
    async with workshop_served(fresh_database, tmp_path) as made:
        yield made


def entry(answer: httpx.Response) -> tuple[str, icalendar.Event]:
    """The method and the one event of a calendar."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/calendar")
    whole = icalendar.Calendar.from_ical(answer.content)
    [event] = whole.events
    return str(whole["method"]), event


def link(world: Served, id: str, purpose: Purpose) -> str:
    """The path of a link."""
    links: Links = world.services.parts[PART]
    return f"appointment-links/{links.token(id, purpose)}"


async def mails(world: Served) -> list[tuple[str, str, str]]:
    """Subject, text and link of the mails so far."""
    rows = await world.workshop.owner.fetch(
        "select m.subject, m.text, s.data ->> 'link' from message m join message_secret s on s.message_id = m.id "
        "where m.template = 'appointment' order by m.created_at, m.id"
    )
    return [(row[0], row[1], row[2]) for row in rows]


async def test_an_invitation_is_updated_and_cancelled_in_the_clock_of_the_centre(world: Served) -> None:
    at = world.workshop.at
    made = (await world.book("ann", at(0))).json()
    path = f"appointments/{made['id']}"
    method, first = entry(await world.get("ann", f"{path}.ics"))
    assert method == "REQUEST"
    assert first["dtstart"].params["TZID"] == "Europe/Berlin"
    assert (first.start, first.end) == (at(0), at(1))
    assert (first["organizer"], first["attendee"]) == ("mailto:no-reply@forecourt.example", "mailto:ann@example.com")
    assert first["summary"] == f"{world.workshop.works[0]} - Centre"
    assert "BEGIN:VTIMEZONE" in (await world.get("ann", f"{path}.ics")).text
    await world.post("ann", f"{path}/commands/reschedule", {"start": at(5)})
    method, second = entry(await world.get("advisor", f"{path}.ics", accept="text/calendar"))
    assert (method, second["uid"], second.start) == ("REQUEST", first["uid"], at(5))
    assert second["sequence"] > first["sequence"]
    await world.post("ann", f"{path}/commands/cancel")
    method, third = entry(await world.get("ann", f"{path}.ics"))
    assert (method, third["status"], third["uid"]) == ("CANCEL", "CANCELLED", first["uid"])
    assert third["sequence"] > second["sequence"]
    for who in ("bob", "rival"):
        assert (await world.get(who, f"{path}.ics")).status_code == 404
    assert (await world.get("guest", f"{path}.ics")).status_code == 401
    assert (await world.get("ann", f"{path}.pdf")).status_code == 404


async def test_a_feed_shows_what_is_ones_own_until_its_address_is_changed(world: Served) -> None:
    at, owner = world.workshop.at, world.workshop.owner
    booked = [(await world.book(who, at(hours))).json() for who, hours in (("ann", 0), ("ann", 3), ("bob", 0))]
    gone = (await world.book("ann", at(6))).json()
    await world.post("ann", f"appointments/{gone['id']}/commands/cancel")
    done_by = booked[1]["technician_id"]
    await owner.execute(
        "update technician set user_id = $1 where id = $2", world.workshop.people["mechanic"].user_id, done_by
    )
    addresses = {}
    for who in ("ann", "mechanic", "advisor"):
        made = await world.callers[who].post(FEED)
        assert made.status_code == 201, made.text
        addresses[who] = made.json()["url"]
    assert await owner.fetchval("select count(*) from calendar_feed where token_hash::text like '%fcf_%'") == 0

    async def shown(who: str) -> set[str]:
        answer = await world.callers["guest"].get(addresses[who].removeprefix("http://127.0.0.1:8000"))
        assert answer.status_code == 200
        events = icalendar.Calendar.from_ical(answer.content).events
        return {str(event["uid"]).partition("@")[0] for event in events}

    assert await shown("ann") == {booked[0]["id"], booked[1]["id"]}
    assert await shown("mechanic") == {one["id"] for one in booked if one["technician_id"] == done_by}
    assert await shown("advisor") == set()
    old = addresses["ann"].removeprefix("http://127.0.0.1:8000")
    addresses["ann"] = (await world.callers["ann"].post(FEED)).json()["url"]
    assert (await world.callers["guest"].get(old)).status_code == 404
    assert len(await shown("ann")) == 2
    await owner.execute(
        "update \"user\" set status = 'SUSPENDED' where id = $1", world.workshop.people["mechanic"].user_id
    )
    for path in (addresses["mechanic"].removeprefix("http://127.0.0.1:8000"), "/api/v1/calendar/nothing.ics"):
        assert (await world.callers["guest"].get(path)).status_code == 404
    assert (await world.callers["ann"].delete(FEED)).status_code == 204
    assert (await world.callers["guest"].get(addresses["ann"].removeprefix("http://127.0.0.1:8000"))).status_code == 404
    assert (await world.callers["guest"].post(FEED)).status_code == 401


async def test_people_without_a_login_move_and_cancel_by_the_link_in_their_mail(world: Served) -> None:
    at = world.workshop.at
    customer = {"name": "Walk In", "email": "walk@example.com"}
    made = (await world.book("advisor", at(30), customer=customer)).json()
    [(subject, text, address)] = await mails(world)
    assert subject == f"Your appointment at Centre: {at(30):%Y-%m-%d %H:%M} (Europe/Berlin)"
    assert made["number"] in text
    assert address not in text
    path = address.removeprefix("http://127.0.0.1:8000/api/v1/")
    seen = (await world.get("guest", path)).json()
    assert (seen["number"], seen["start"], seen["actions"]) == (
        made["number"], at(30).isoformat(), ["reschedule", "cancel"],
    )  # fmt: skip
    assert "customer" not in seen
    method, event = entry(await world.get("guest", f"{path}.ics"))
    assert (method, event.start) == ("REQUEST", at(30))
    for body, pointer in (
        ({"action": "accept"}, "/action"),
        ({"action": "reschedule"}, "/start"),
        ({"action": "cancel", "start": at(1)}, "/start"),
        ({"action": "reschedule", "start": at(-200)}, "/start"),
    ):
        refused = await world.post("guest", path, body)
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, pointer)
    for who in ("ann", "bob"):
        assert (await world.book(who, at(40))).status_code == 201
    taken = await world.post("guest", path, {"action": "reschedule", "start": at(40)})
    assert taken.status_code == 409
    assert taken.json()["alternatives"]
    moved = await world.post("guest", path, {"action": "reschedule", "start": at(32)}, **{"idempotency-key": "k1"})
    assert (moved.status_code, moved.json()["start"]) == (200, at(32).isoformat())
    again = await world.post("guest", path, {"action": "reschedule", "start": at(32)}, **{"idempotency-key": "k1"})
    assert again.headers["idempotent-replayed"] == "true"
    gone = await world.post("guest", path, {"action": "cancel", "reason": "Ill"})
    assert (gone.json()["status"], gone.json()["actions"]) == ("CANCELLED", [])
    assert (await world.post("guest", path, {"action": "cancel"})).status_code == 409
    told = (await world.get("advisor", f"appointments/{made['id']}/history")).json()["items"]
    assert [(one["command"], one["actor"]) for one in told[:2]] == [
        ("cancel", "appointment-link"), ("reschedule", "appointment-link"),
    ]  # fmt: skip
    subjects = [subject for subject, _, to in await mails(world) if made["id"] in to]
    for word, subject in zip(("at Centre", "has moved to", "is cancelled"), subjects, strict=True):
        assert word in subject


async def test_a_proposal_is_answered_by_its_link_alone(world: Served) -> None:
    at = world.workshop.at
    made = (await world.book("ann", at(30))).json()
    await world.post("advisor", f"appointments/{made['id']}/commands/propose", {"start": at(35)})
    subject, _, address = (await mails(world))[-1]
    assert subject == f"Centre proposes another time: {at(35):%Y-%m-%d %H:%M} (Europe/Berlin)"
    path = address.removeprefix("http://127.0.0.1:8000/api/v1/")
    seen = (await world.get("guest", path)).json()
    assert (seen["actions"], seen["proposal"]["start"]) == (["accept", "decline"], at(35).isoformat())
    assert (await world.post("guest", path, {"action": "cancel"})).status_code == 422
    assert (await world.post("guest", path, {"action": "accept"})).json()["start"] == at(35).isoformat()
    assert (await world.get("guest", path)).json()["actions"] == []
    assert (await world.post("guest", path, {"action": "decline"})).status_code == 409


async def test_a_link_keeps_to_the_cut_off_the_hold_and_the_end_of_the_appointment(world: Served) -> None:
    at, owner = world.workshop.at, world.workshop.owner
    made = (await world.book("ann", at(30))).json()
    path = link(world, made["id"], "visit")
    await owner.execute("update service_center set cancel_cutoff_minutes = 43200, reschedule_cutoff_minutes = 43200")
    assert (await world.get("guest", path)).json()["actions"] == []
    late = await world.post("guest", path, {"action": "cancel"})
    assert (late.status_code, late.json()["detail"]) == (409, "It is too late to cancel; please call the centre")
    held = (await world.book("advisor", at(31), hold=True)).json()
    own = link(world, held["id"], "hold")
    assert (await world.get("guest", own)).json()["actions"] == ["confirm", "cancel"]
    assert (await world.post("guest", own, {"action": "confirm"})).json()["status"] == "BOOKED"
    forged = path[:-1] + ("0" if path[-1] != "0" else "1")
    crossed = path.replace(".visit.", ".answer.")
    await owner.execute(
        "update appointment set start = now() - interval '2 hours', \"end\" = now() - interval '1 hour', "
        "blocked_from = now() - interval '2 hours', blocked_to = now() where id = $1", made["id"],
    )  # fmt: skip
    for text in (forged, crossed, path, "appointment-links/x", "appointment-links/x.visit.y"):
        assert (await world.get("guest", text)).status_code == 404
        assert (await world.post("guest", text, {"action": "cancel"})).status_code == 404
    await owner.execute("delete from live_reservation; update appointment set status = 'CANCELLED', ended_at = now()")
    assert datetime.fromisoformat(made["start"]) == at(30)


async def test_slots_and_bookings_wait_for_the_parts_that_work_uses_up(world: Served) -> None:
    shop, at = world.workshop, world.workshop.at
    product = await make(shop.database, Product, code="PAD", name="Pad", type="PART")
    item = await make(shop.database, ProductItem, product_id=product.id, location_id=shop.dealer.location.id)
    [work] = await shop.owner.fetch("select id from work_type where code = $1", shop.works[0])
    await change_by_id(world, work["id"], [Part(product.id, 1)])
    window = {
        "work_types": [shop.works[0]], "center_ids": [shop.center], "earliest": at(0), "latest": at(120), "limit": 1,
    }  # fmt: skip
    none = (await world.post("ann", "slots/search", window)).json()
    assert none["slots"] == []
    assert {one["code"] for one in none["unavailable"][0]["reasons"]} == {"PARTS_NOT_READY"}
    refused = await world.book("ann", at(0))
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (422, "PARTS_NOT_READY")
    expected = (at(0) + timedelta(days=2)).date()
    await change(shop.database, item, expected_on=expected)
    [first] = (await world.post("ann", "slots/search", window)).json()["slots"]
    assert first["start"].startswith(f"{expected}T00:00:00")
    assert (await world.book("ann", at(30))).status_code == 422
    made = await world.book("ann", datetime.fromisoformat(first["start"]))
    assert made.status_code == 201, made.text
    path = f"appointments/{made.json()['id']}/commands/reschedule"
    assert (await world.post("ann", path, {"start": at(0)})).status_code == 422
    await shop.owner.execute("select app.book_parts($1, 'RECEIPT', 1, 0, 0, null, null, null, null)", item.id)
    async with world.services.context(WORKER) as ctx:
        await keep_parts(ctx)
    assert await shop.owner.fetchval("select quantity_reserved from product_item where id = $1", item.id) == 1
    moved = await world.post("ann", path, {"start": at(0)})
    assert (moved.status_code, moved.json()["start"]) == (200, at(0).isoformat())


async def change_by_id(world: Served, work: str, parts: list[Part]) -> None:
    """Let a work type use up parts, known in memory."""
    async with world.services.context(SYNC) as ctx:
        await ctx.update(await ctx.get(WorkType, work), parts=parts)
    await world.services.schedule.caught_up()
