"""Appointments over HTTP: one answer a key, 409 with alternatives, the clock of the centre, nothing of others."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest

from domain.leads import Lead
from service.ops.database import Addresses
from tests.service.api.workshop_http import Served, workshop_served


@pytest.fixture
async def world(fresh_database: Addresses, tmp_path: Path) -> AsyncIterator[Served]:
    """The workshop with nothing booked, holds lasting a minute."""
    async with workshop_served(fresh_database, tmp_path, hold_seconds=60) as made:
        yield made


async def test_a_customer_holds_confirms_moves_and_cancels_and_the_next_in_the_queue_gets_it(world: Served) -> None:
    at = world.workshop.at
    for who in ("advisor", "agent"):
        assert (await world.book(who, at(0), customer={"name": "Somebody"})).status_code == 201
    taken = await world.book("ann", at(0), hold=True)
    assert (taken.status_code, taken.headers["content-type"]) == (409, "application/problem+json")
    problem = taken.json()
    assert problem["type"] == "urn:forecourt:problem:slot-taken"
    assert len(problem["alternatives"]) >= 3
    start = datetime.fromisoformat(problem["alternatives"][0]["start"])
    held = await world.book("ann", start, hold=True, asset_id=world.workshop.assets["ann"])
    assert held.status_code == 201
    told = held.json()
    assert (told["status"], told["start"]) == ("HELD", problem["alternatives"][0]["start"])
    assert datetime.fromisoformat(told["held_until"]) - datetime.fromisoformat(told["created_at"]) > timedelta(
        seconds=55
    )
    path = f"appointments/{told['id']}"
    assert held.headers["location"] == f"/api/v1/{path}"
    assert (await world.post("bob", f"{path}/commands/confirm")).status_code == 404
    can = (await world.get("ann", f"{path}/capabilities")).json()
    assert {one["command"] for one in can["commands"] if one["allowed"]} == {"cancel", "confirm", "reschedule"}
    assert (await world.post("ann", f"{path}/commands/confirm")).json()["status"] == "BOOKED"
    moved = await world.post("ann", f"{path}/commands/reschedule", {"start": at(20)})
    assert moved.json()["start"] == at(20).isoformat()
    full = await world.book("advisor", at(20))
    assert full.status_code == 201
    window = {
        "center_id": world.workshop.center, "work_types": [world.workshop.works[0]],
        "earliest": at(20), "latest": at(20.25),
    }  # fmt: skip
    entry = await world.post("bob", "waitlist-entries", window)
    assert (entry.status_code, entry.json()["status"]) == (201, "WAITING")
    gone = await world.post("ann", f"{path}/commands/cancel", {"reason": "Sold"}, **{"if-match": moved.headers["etag"]})
    assert (gone.status_code, gone.json()["status"]) == (200, "CANCELLED")
    offered = (await world.get("bob", f"waitlist-entries/{entry.json()['id']}")).json()
    assert offered["status"] == "OFFERED"
    confirmed = await world.post("bob", f"appointments/{offered['appointment_id']}/commands/confirm")
    assert (confirmed.status_code, confirmed.json()["start"]) == (200, at(20).isoformat())
    history = (await world.get("ann", f"{path}/history")).json()["items"]
    assert [one["command"] for one in reversed(history)] == [None, "confirm", "reschedule", "cancel"]


async def test_a_list_is_filtered_and_told_in_the_clock_of_the_centre(world: Served) -> None:
    at = world.workshop.at
    made = [(await world.book(who, at(hours))).json() for who, hours in (("ann", 0), ("bob", 1), ("ann", 2))]
    center, ada = world.workshop.center, made[1]["technician_id"]
    for query, found in (
        (f"center_id={center}&sort=start", made),
        (f"center_id={center}&start.gte={at(1).isoformat().replace('+', '%2B')}&sort=start", made[1:]),
        (f"technician_id={ada}&status=BOOKED&sort=start", [one for one in made if one["technician_id"] == ada]),
        ("status=CANCELLED", []),
    ):
        answer = await world.get("advisor", f"appointments?{query}")
        assert [one["id"] for one in answer.json()["items"]] == [one["id"] for one in found], query
    assert {one["id"] for one in (await world.get("ann", "appointments")).json()["items"]} == {
        made[0]["id"], made[2]["id"],
    }  # fmt: skip
    shown = (await world.get("ann", f"appointments/{made[0]['id']}")).json()
    assert (shown["start"], shown["end"]) == (at(0).isoformat(), at(1).isoformat())
    assert not {"bay_id", "reservations", "internal_notes", "held_by", "blocked_from"} & shown.keys()
    full = (await world.get("advisor", f"appointments/{made[0]['id']}")).json()
    assert [one["start"] for one in full["reservations"]] == [at(0).isoformat()] * 2
    assert (await world.get("ann", "appointments?bay_id=x")).status_code == 400
    for who in ("bob", "rival"):
        assert (await world.get(who, f"appointments/{made[0]['id']}")).status_code == 404
    for method in (world.get("guest", "appointments"), world.book("guest", at(0))):
        assert (await method).status_code == 401


async def test_a_lead_is_the_customer_of_an_appointment_that_names_it(world: Served) -> None:
    at, unit = world.workshop.at, world.workshop.dealer.account.id
    async with world.workshop.as_("agent") as ctx, ctx.elevated():
        lead = await ctx.create(Lead, account_id=unit, first_name="Lea", last_name="Dorn", email="lea@example.com")
    made = await world.book("advisor", at(0), lead_id=lead.id)
    assert (made.status_code, made.json()["lead_id"]) == (201, lead.id)
    assert made.json()["customer"] == {
        "name": "Lea Dorn", "email": "lea@example.com", "phone": None, "contact_id": None,
    }  # fmt: skip
    for who in ("rival", "ann"):
        refused = await world.book(who, at(1), lead_id=lead.id, center_id=world.workshop.rival)
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/lead_id")


async def test_a_hold_is_over_for_everybody_within_a_second(world: Served) -> None:
    at = world.workshop.at
    held = [(await world.book(who, at(0), hold=True)).json()["id"] for who in ("ann", "bob")]
    assert (await world.book("advisor", at(0))).status_code == 409
    for one in held:
        await world.workshop.elapse(one)
    assert (await world.book("advisor", at(0))).status_code == 201
    assert (await world.get("ann", f"appointments/{held[0]}")).json()["status"] == "EXPIRED"
    late = await world.post("ann", f"appointments/{held[0]}/commands/confirm")
    assert (late.status_code, late.json()["state"]) == (409, "EXPIRED")
    for one in held:
        assert (await world.get("advisor", f"appointments/{one}")).json()["reservations"]
    for _ in range(100):
        live = await world.workshop.owner.fetchval("select count(*) from live_reservation")
        if live == 2:
            break
        await asyncio.sleep(0.05)
    assert live == 2


async def test_bad_input_is_told_by_field(world: Served) -> None:
    at = world.workshop.at
    cases = [
        ({"start": "2026-03-29T02:30:00"}, 422, "/start"),
        ({"start": at(-80)}, 422, "/start"),
        ({"start": at(24 * 3650)}, 422, "/start"),
        ({"start": at(0) + timedelta(minutes=1)}, 422, "/start"),
        ({"technician_id": "nobody"}, 422, "/technician_id"),
        ({"work_types": ["NONE"]}, 422, "/work_types/0"),
        ({"unknown": 1}, 400, None),
        ({"asset_id": world.workshop.assets["bob"]}, 422, "/asset_id"),
        ({"center_id": world.workshop.rival, "start": at(24 * (6 - at(0).weekday()))}, 422, "/start"),
    ]
    for values, status, pointer in cases:
        answer = await world.book("ann", values.pop("start", at(0)), **values)  # type: ignore[arg-type]
        assert answer.status_code == status, (values, answer.text)
        if pointer:
            assert answer.json()["errors"][0]["pointer"] == pointer
    assert await world.workshop.owner.fetchval("select count(*) from appointment") == 0


async def test_a_key_books_once_however_often_and_by_whomever_it_is_sent(world: Served) -> None:
    rng = random.Random(20261122)
    keys = [f"key-{n}" for n in range(12)]
    first: dict[str, httpx.Response] = {}

    async def send(key: str, who: str, altered: bool) -> tuple[str, str, bool, httpx.Response]:
        body = {
            "center_id": world.workshop.center, "work_types": [world.workshop.works[0]],
            "start": world.workshop.at(int(key[4:]) * 1.0), "notes": "other" if altered else None,
        }  # fmt: skip
        return key, who, altered, await world.post(who, "appointments", body, **{"idempotency-key": key})

    for key in keys:
        *_, first[key] = await send(key, "ann", altered=False)
        assert first[key].status_code == 201
    plan = [(rng.choice(keys), rng.random() < 0.2, rng.random() < 0.2) for _ in range(60)]
    answers = await asyncio.gather(*(send(key, "bob" if other else "ann", bad) for key, bad, other in plan))
    for key, who, altered, answer in answers:
        if who == "ann" and not altered:
            if answer.status_code == 409:
                assert answer.json()["type"].endswith("request-in-progress")
                continue
            assert (answer.content, answer.headers["idempotent-replayed"]) == (first[key].content, "true")
            assert answer.status_code == 201
        elif who == "ann":
            assert answer.status_code in (409, 422)
        else:
            assert answer.status_code in (201, 409, 422)
            assert "idempotent-replayed" not in answer.headers or answer.status_code == 201
    rows = await world.workshop.owner.fetch(
        "select count(*) from appointment where customer_account_id = $1",
        world.workshop.people["ann"].account_id,
    )
    assert rows[0][0] == len(keys)


async def test_what_is_held_cannot_be_hoarded(world: Served) -> None:
    at = world.workshop.at
    answers = await asyncio.gather(*(world.book("ann", at(hours), hold=True) for hours in range(12)))
    codes = sorted(answer.status_code for answer in answers)
    assert codes == [201] * 3 + [409] * 9
    refused = next(answer.json() for answer in answers if answer.status_code == 409)
    assert (refused["type"], refused["most"]) == ("urn:forecourt:problem:too-many-holds", 3)
    assert (await world.book("guest", at(0), hold=True)).status_code == 401
