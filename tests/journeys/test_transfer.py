"""The story of a car that a dealer finds at another group's: reserved, requested, sent, received, recalled and sold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from service.demo.users import CLIENT
from tests.inventory.importing.test_runs import vin as sound_vin
from tests.journeys.served import Served

pytestmark = pytest.mark.xdist_group("journeys")


class Story:
    """People of a served demo by name, and one car that they deal with."""

    def __init__(self, served: Served):
        self.served = served
        names = ("dealer", "dealer2", "manager", "supplier", "customer", "staff", CLIENT.client_id)
        self.tokens: dict[str, str] = {name: served.token(name) for name in names}
        self.car = ""
        self.trim = f"story-{uuid4()}"

    def ask(self, who: str, method: str, path: str, **more: Any) -> httpx.Response:
        """One request."""
        return self.served.call(method, path, self.tokens[who], **more)

    def give(self, who: str, command: str, status: int = 200, key: str | None = None, **body: Any) -> httpx.Response:
        """A command of the car."""
        headers = {"idempotency-key": key or str(uuid4())}
        answer = self.ask(who, "POST", f"/vehicles/{self.car}/commands/{command}", json=body, headers=headers)
        assert answer.status_code == status, (who, command, answer.text)
        return answer

    def in_stock(self, who: str, after: str) -> bool:
        """Whether a search for cars in stock, at the other worker perhaps, finds it after that change."""
        criteria = {"trim": [self.trim], "status": ["IN_STOCK"]}
        return bool(self.served.search(self.tokens[who], criteria, after))

    def can(self, who: str) -> set[str]:
        """The commands that somebody may give now."""
        told = self.ask(who, "GET", f"/vehicles/{self.car}/capabilities").json()
        for one in told["commands"]:
            assert one["allowed"] == (one["reason"] is None)
        return {one["command"] for one in told["commands"] if one["allowed"]} - {"issue_claim_code"}

    def lot(self, who: str) -> str:
        """A lot of somebody's own account."""
        account = self.ask(who, "GET", "/me").json()["account_id"]
        items = self.ask(who, "GET", f"/locations?account_id={account}&kind=DEALER_LOT").json()["items"]
        return str(items[0]["id"])


@pytest.fixture
def story(served: Served) -> Story:
    return Story(served)


def test_a_car_is_reserved_at_another_group_sent_received_and_sold(story: Story) -> None:
    vin, number = sound_vin(int(uuid4()) % 90_000 + 5_000), story.trim[-12:]
    body = {"make": "Toyota", "model": "Hiace", "condition": "NEW", "brand": "Toyota", "trim": story.trim, "vin": vin,
            "stock_number": number, "location_id": story.lot("dealer")}  # fmt: skip
    made = story.ask("dealer", "POST", "/vehicles", json=body, headers={"idempotency-key": number})
    assert made.status_code == 201, made.text
    story.car = made.json()["id"]
    assert story.in_stock("dealer2", made.headers["x-change"])
    assert story.can("dealer") == {"reserve", "request_transfer", "deliver"}
    assert story.can("dealer2") == {"reserve", "request_transfer"}
    for who in ("customer", "staff", "supplier"):
        assert story.can(who) == set()

    until = (datetime.now(UTC) + timedelta(days=5)).isoformat()
    key = str(uuid4())
    asked = story.give("dealer2", "reserve", key=key, until=until, holder_contact="jane@example.com")
    again = story.give("dealer2", "reserve", key=key, until=until, holder_contact="jane@example.com")
    assert again.content == asked.content
    assert again.headers["idempotent-replayed"] == "true"
    told = asked.json()
    assert (told["status"], told["reservation"]["status"], told["transfer_order"]) == ("RESERVED", "REQUESTED", None)
    assert not story.in_stock("dealer", asked.headers["x-change"])
    lost = story.give("manager", "reserve", 409).json()
    assert (lost["type"], lost["state"]) == ("urn:forecourt:problem:command-not-allowed", "RESERVED")
    assert "jane" not in str(lost)
    assert story.can("dealer") == {"approve", "decline"}

    order = story.give("dealer2", "request_transfer", to_location_id=story.lot("dealer2"), reason="CUSTOMER_SALE")
    assert order.json()["transfer_order"]["status"] == "REQUESTED"
    story.give("dealer2", "approve", 403)
    story.give("customer", "approve", 404)
    story.give("dealer", "dispatch", 409)
    agreed = story.give("dealer", "approve").json()
    assert (agreed["reservation"]["status"], agreed["transfer_order"]["status"]) == ("ACTIVE", "APPROVED")
    sent = story.give("dealer", "dispatch")
    assert sent.json()["status"] == "IN_TRANSIT"
    assert story.can("dealer") == set()
    assert story.can("dealer2") == {"release", "receive"}

    wrong = story.give("dealer2", "receive", 422, scanned_vin=sound_vin(4))
    assert wrong.json()["errors"] == [
        {"pointer": "/scanned_vin", "detail": f"{sound_vin(4)} is not the car of this transfer"}
    ]
    came = story.give("dealer2", "receive", scanned_vin=vin)
    account = story.ask("dealer2", "GET", "/me").json()["account_id"]
    there = came.json()
    assert (there["status"], there["dealer_account_id"], there["location_id"], there["stock_number"]) == (
        "RESERVED", account, story.lot("dealer2"), None,
    )  # fmt: skip
    assert story.ask("dealer2", "GET", f"/vehicles/{story.car}").headers["etag"] == came.headers["etag"]

    freed = story.give("dealer2", "release")
    assert story.in_stock("dealer", freed.headers["x-change"])
    _recalled(story)
    sold = story.give("dealer2", "deliver")
    assert sold.json()["status"] == "SOLD"
    assert not story.in_stock("dealer2", sold.headers["x-change"])
    _told(story)


def _recalled(story: Story) -> None:
    """A recall blocks the delivery, and nothing else does."""
    path = f"/vehicles/{story.car}"
    for holds, status in ((["RECALL"], 409), ([], None)):
        version = story.ask("dealer2", "GET", path).headers["etag"]
        changed = story.ask("dealer2", "PATCH", path, json={"holds": holds}, headers={"if-match": version})
        assert changed.status_code == 200, changed.text
        if status:
            assert story.give("dealer2", "deliver", status).json()["type"] == "urn:forecourt:problem:recall-open"


def _told(story: Story) -> None:
    """The ledger, the order and the reservation as their sides read them."""
    path = f"vehicle_id={story.car}&sort=created_at"
    lines = story.ask("staff", "GET", f"/vehicle-stock-transactions?vehicle_id={story.car}&sort=position").json()[
        "items"
    ]
    assert [line["kind"] for line in lines] == ["OPENING", "DISPATCHED", "RECEIVED", "DELIVERED"]
    sender = story.ask("dealer", "GET", f"/vehicle-stock-transactions?vehicle_id={story.car}").json()["items"]
    assert {line["kind"] for line in sender} == {"OPENING", "DISPATCHED", "RECEIVED"}
    (order,) = story.ask("dealer", "GET", f"/vehicle-transfer-orders?{path}").json()["items"]
    assert order["status"] == "COMPLETED"
    (mine,) = story.ask("dealer2", "GET", f"/vehicle-reservations?{path}").json()["items"]
    (theirs,) = story.ask("dealer", "GET", f"/vehicle-reservations?{path}").json()["items"]
    assert (mine["status"], mine["reserved_for"]) == ("RELEASED", "jane@example.com")
    assert "reserved_for" not in theirs
    assert "holder_contact_id" not in theirs
    assert story.ask("customer", "GET", "/vehicle-reservations").status_code == 404


def test_a_car_of_a_centre_is_reserved_at_once_and_sent_by_the_manufacturers_system(story: Story) -> None:
    oem = CLIENT.client_id
    body = {"make": "Toyota", "model": "Hiace", "condition": "NEW", "trim": story.trim}
    made = story.ask(oem, "POST", "/vehicles", json=body, headers={"idempotency-key": str(uuid4())})
    assert made.status_code == 201, made.text
    story.car = made.json()["id"]
    held = story.give("dealer", "reserve")
    assert (held.json()["reservation"]["status"], held.json()["reservation"]["deadline_at"]) == ("ACTIVE", None)
    story.give("dealer2", "reserve", 409)
    story.give("dealer", "request_transfer", to_location_id=story.lot("dealer"))
    story.give("dealer", "dispatch", 403)
    story.give(oem, "approve")
    story.give(oem, "dispatch")
    story.give("dealer2", "receive", 403, scanned_vin=made.json()["listing_number"])
    came = story.give("dealer", "receive", scanned_vin=made.json()["listing_number"])
    assert came.json()["status"] == "RESERVED"
    assert story.give("dealer", "deliver").json()["reservation"]["status"] == "FULFILLED"


@pytest.mark.parametrize(
    ("command", "body", "status"),
    [
        ("reserve", {"until": "2020-01-01T00:00:00Z"}, 422),
        ("reserve", {"until": "2027-01-01T00:00:00"}, 422),
        ("reserve", {"lead_id": "x"}, 400),
        ("reserve", {"holder_contact": 7}, 400),
        ("reserve", {"holder_contact": "x" * 201}, 422),
        ("request_transfer", {}, 400),
        ("request_transfer", {"to_location_id": "nowhere"}, 422),
        ("receive", {"scanned_vin": "x" * 300}, 422),
        ("receive", {}, 400),
        ("approve", {"reason": "x"}, 400),
        ("steal", {}, 404),
    ],
)
def test_bad_input_is_refused_and_changes_nothing(
    served: Served, story: Story, command: str, body: dict[str, Any], status: int
) -> None:
    made = story.ask(
        "dealer", "POST", "/vehicles", json={"make": "Toyota", "model": "Hiace", "condition": "NEW"},
        headers={"idempotency-key": str(uuid4())},
    )  # fmt: skip
    story.car = made.json()["id"]
    story.give("dealer", command, status, **body)
    assert story.can("dealer") == {"reserve", "request_transfer", "deliver"}
