"""Two stories of appointments: a customer's, whose slot goes to the next in the queue, and a test drive for a lead."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.journeys.served import Served, until

pytestmark = pytest.mark.xdist_group("journeys")
Json = dict[str, Any]


class Story:
    """People of a served demo by name, and the centre of the dealer whose people sign in."""

    def __init__(self, served: Served):
        self.served = served
        self.tokens = {name: served.token(name) for name in ("customer", "customer2", "dealer", "advisor")}
        account = self.ask("dealer", "GET", "/me").json()["account_id"]
        [center] = self.ask("dealer", "GET", f"/service-centers?account_id={account}").json()["items"]
        self.center: Json = center

    def ask(self, who: str, method: str, path: str, **more: Any) -> httpx.Response:
        """One request."""
        if method == "POST":
            more.setdefault("headers", {"idempotency-key": str(uuid4())})
        return self.served.call(method, path, self.tokens.get(who), **more)

    def give(self, who: str, appointment: str, command: str, status: int = 200, **body: Any) -> Json:
        """A command of an appointment."""
        answer = self.ask(who, "POST", f"/appointments/{appointment}/commands/{command}", json=body)
        assert answer.status_code == status, (who, command, answer.text)
        told: Json = answer.json()
        return told

    def slots(self, who: str, days: int = 20, **asked: Any) -> list[Json]:
        """Free slots at the centre."""
        now = datetime.now(UTC)
        body = {
            "center_ids": [self.center["id"]], "earliest": now.isoformat(),
            "latest": (now + timedelta(days=days)).isoformat(), **asked,
        }  # fmt: skip
        answer = self.ask(who, "POST", "/slots/search", json=body)
        assert answer.status_code == 200, answer.text
        found: list[Json] = answer.json()["slots"]
        return found


@pytest.fixture
def story(served: Served) -> Story:
    return Story(served)


def test_a_customer_books_moves_and_cancels_and_the_next_in_the_queue_gets_the_slot(story: Story) -> None:
    work = {"work_types": ["OIL_CHANGE"]}
    [car] = story.ask("customer", "GET", "/me/vehicles").json()["items"][:1]
    slot = story.slots("customer", **work)[-1]
    chosen = slot["technician_ids"][0]
    body = {**work, "center_id": slot["center_id"], "start": slot["start"], "technician_id": chosen}
    held = story.ask("customer", "POST", "/appointments", json={**body, "hold": True})
    assert held.status_code == 201, held.text
    id = held.json()["id"]
    assert (held.json()["status"], held.json()["technician_id"], bool(car)) == ("HELD", chosen, True)
    taken = story.ask("customer2", "POST", "/appointments", json=body)
    assert (taken.status_code, taken.json()["type"]) == (409, "urn:forecourt:problem:slot-taken")
    assert taken.json()["alternatives"]
    booked = story.give("customer", id, "confirm")
    assert booked["status"] == "BOOKED"
    assert booked["number"] in story.served.mail(booked["customer"]["email"])
    other = story.slots("customer", **work, technician_id=chosen)[-1]
    moved = story.give("customer", id, "reschedule", start=other["start"])
    assert (moved["start"], moved["status"]) == (other["start"], "BOOKED")
    entry = story.ask("customer", "GET", f"/appointments/{id}.ics")
    assert (entry.status_code, "METHOD:REQUEST" in entry.text) == (200, True)

    start = datetime.fromisoformat(other["start"])
    wish = {
        **work, "center_id": slot["center_id"], "technician_id": chosen, "earliest": start.isoformat(),
        "latest": (start + timedelta(minutes=5)).isoformat(),
    }  # fmt: skip
    waiting = story.ask("customer2", "POST", "/waitlist-entries", json=wish)
    assert (waiting.status_code, waiting.json()["status"]) == (201, "WAITING")
    assert story.give("customer", id, "cancel", reason="Sold the car")["status"] == "CANCELLED"
    assert "METHOD:CANCEL" in story.ask("customer", "GET", f"/appointments/{id}.ics").text

    def offered() -> Json | None:
        found: Json = story.ask("customer2", "GET", f"/waitlist-entries/{waiting.json()['id']}").json()
        return found if found["status"] == "OFFERED" else None

    got = story.give("customer2", until(offered)["appointment_id"], "confirm")
    assert (got["status"], got["start"], got["technician_id"]) == ("BOOKED", other["start"], chosen)
    story.give("customer2", got["id"], "cancel")


def test_a_dealer_books_a_test_drive_for_a_lead(story: Story) -> None:
    mail = f"lead-{uuid4()}@example.com"
    lead = story.ask("dealer", "POST", "/leads", json={"first_name": "Jo", "last_name": "Doe", "email": mail})
    assert (lead.status_code, lead.json()["status"]) == (201, "NEW")
    drive = {"kind": "TEST_DRIVE", "work_types": ["TEST_DRIVE"]}
    stock = {"make": "Toyota", "model": "Corolla", "brand": "Toyota", "condition": "NEW"}
    new = story.ask("dealer", "POST", "/vehicles", json={**stock, "location_id": story.center["location_id"]})
    assert new.status_code == 201, new.text
    slot = story.slots("dealer", **drive, vehicle_id=new.json()["id"])[-1]
    body = {
        **drive, "center_id": slot["center_id"], "start": slot["start"], "vehicle_id": new.json()["id"],
        "lead_id": lead.json()["id"],
    }  # fmt: skip
    made = story.ask("dealer", "POST", "/appointments", json=body)
    assert made.status_code == 201, made.text
    told = made.json()
    car = told["vehicle_id"]
    assert (told["customer"]["name"], told["customer"]["email"], car) == ("Jo Doe", mail, body["vehicle_id"])
    assert {one["role"] for one in told["reservations"]} == {"SALESPERSON", "DEMO_VEHICLE"}
    until_at = (datetime.fromisoformat(told["end"]) + timedelta(days=1)).isoformat()
    for command, given in (("reserve", {"until": until_at}), ("deliver", {})):
        refused = story.ask("dealer", "POST", f"/vehicles/{car}/commands/{command}", json=given)
        assert (refused.status_code, refused.json()["appointment"]) == (409, told["number"])
    assert story.give("dealer", told["id"], "start", 409)["type"] == "urn:forecourt:problem:command-not-allowed"
    valid = (datetime.now(UTC) + timedelta(days=900)).date().isoformat()
    checked = story.give("dealer", told["id"], "check_licence", number_ends_with="4711", valid_until_on=valid)
    assert checked["licence"]["valid_until_on"] == valid

    text = story.served.mail(mail)
    assert told["number"] in text
    [address] = [line.rpartition(" ")[2] for line in text.splitlines() if line.startswith("Move or cancel")]
    path = "/" + address.partition("/api/v1/")[2]
    assert story.ask("nobody", "GET", path).json()["actions"] == ["reschedule", "cancel"]
    gone = story.ask("nobody", "POST", path, json={"action": "cancel", "reason": "Bought elsewhere"})
    assert (gone.status_code, gone.json()["status"]) == (200, "CANCELLED")
    again = story.ask("dealer", "POST", f"/vehicles/{car}/commands/reserve", json={"until": until_at})
    assert again.status_code == 200, again.text
    assert story.ask("dealer", "POST", f"/vehicles/{car}/commands/release", json={}).status_code == 200
