"""Mails about appointments: in the contact's language, by the centre's clock; reminders the day before, once."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from domain.appointments.reminders import remind
from domain.kit.db import Deed
from domain.kit.policy import WORKER
from domain.kit.store import Context
from tests.domain.appointments.conftest import Visits


async def reminded(visits: Visits, now: datetime) -> list[str]:
    """The clock at a moment: the subjects of the reminders that it writes."""
    before = len(await visits.mails())
    async with visits.workshop.database.acting(WORKER, Deed(request_id="r")) as connection:
        await remind(Context(connection, WORKER, clock=lambda: now))
    return [row["subject"] for row in (await visits.mails())[before:]]


async def test_the_customer_hears_of_every_change_in_their_language(visits: Visits) -> None:
    world = visits.workshop
    await world.owner.execute("update contact set locale = 'de-DE' where email = 'ann@example.com'")
    made = await world.book("ann", 0, hold=True)
    assert await visits.mails() == []
    await world.give("ann", made.id, "confirm")
    await world.give("ann", made.id, "reschedule", start=world.at(4).isoformat())
    await world.give("advisor", made.id, "propose", start=world.at(6).isoformat())
    await world.give("ann", made.id, "accept")
    await world.give("advisor", made.id, "extend", end=world.at(8).isoformat())
    await world.give("advisor", made.id, "cancel")
    day = f"{world.at(0):%d.%m.%Y}"
    hour = [f"{world.at(hours):%H:%M}" for hours in (0, 4, 6)]
    assert [row["subject"] for row in await visits.mails(made.number)] == [
        f"Ihr Termin bei Centre: {day}, {hour[0]} Uhr (Europe/Berlin)",
        f"Ihr Termin bei Centre wurde verlegt auf {day}, {hour[1]} Uhr (Europe/Berlin)",
        f"Centre schlägt einen anderen Termin vor: {day}, {hour[2]} Uhr (Europe/Berlin)",
        f"Ihr Termin bei Centre wurde verlegt auf {day}, {hour[2]} Uhr (Europe/Berlin)",
        f"Ihr Termin bei Centre ist abgesagt: {day}, {hour[2]} Uhr (Europe/Berlin)",
    ]


async def test_a_lead_is_written_to_at_the_address_of_the_lead(visits: Visits) -> None:
    lead = await visits.lead(first_name="Jo")
    made = await visits.test_drive(customer=None, lead_id=lead.id)
    [mail] = await visits.mails(made.number)
    assert (mail["to"], mail["locale"]) == ("doe@example.com", "en")
    assert "Hello Jo Doe," in mail["text"]
    assert "Test drive: Toyota Corolla" in mail["text"]
    await visits.test_drive(hours=3)
    assert len(await visits.mails()) == 1


async def test_a_reminder_comes_once_on_the_day_before(visits: Visits) -> None:
    world = visits.workshop
    made = await world.book("ann", 0)
    start = world.at(0)
    eve = start.replace(hour=8, minute=0) - timedelta(days=1)
    assert await reminded(visits, eve - timedelta(minutes=5)) == []
    assert await reminded(visits, eve - timedelta(days=1)) == []
    assert await reminded(visits, eve) == [f"Tomorrow at Centre: {start:%Y-%m-%d %H:%M} (Europe/Berlin)"]
    assert await reminded(visits, eve + timedelta(minutes=10)) == []
    await world.give("ann", made.id, "reschedule", start=world.at(3).isoformat())
    assert len(await reminded(visits, eve + timedelta(hours=1))) == 1


@pytest.mark.parametrize("case", ["cancelled", "over", "switched off", "without address"])
async def test_nobody_is_reminded_without_need(visits: Visits, case: str) -> None:
    world = visits.workshop
    given: dict[str, Any] = {"customer": {"name": "Nobody"}} if case == "without address" else {}
    made = await world.book("advisor" if given else "ann", 0, **given)
    eve = world.at(0).replace(hour=12) - timedelta(days=1)
    if case == "cancelled":
        await world.give("advisor", made.id, "cancel")
    if case == "switched off":
        await world.owner.execute("update service_center set sends_reminders = false")
    assert await reminded(visits, eve + timedelta(days=1 if case == "over" else 0)) == []
