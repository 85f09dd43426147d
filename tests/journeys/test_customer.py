"""A customer's story: searching, registering, claiming the bought car, and seeing it where nobody else does."""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.journeys.served import Served, until

pytestmark = pytest.mark.xdist_group("journeys")
PASSWORD = "my very own password"


def _token(served: Served, email: str) -> str:
    form = {"grant_type": "password", "username": email, "password": PASSWORD}
    answer = httpx.post(f"{served.address}/api/v1/oauth/token", data=form)
    assert answer.status_code == 200, answer.text
    token: str = answer.json()["access_token"]
    return token


def _registered(served: Served, last_name: str) -> str:
    """A token of a newcomer."""
    email = f"{uuid4()}@example.com"
    answer = served.call("POST", "/registrations", json={"email": email, "last_name": last_name, "first_name": "Ada"})
    assert answer.status_code == 202, answer.text
    link = re.search(r"https?://\S+token=(\S+)", served.mail(email))
    assert link is not None
    answer = served.call("POST", "/registrations/confirm", json={"token": link[1], "password": PASSWORD})
    assert answer.status_code == 204, answer.text
    return _token(served, email)


def test_a_newcomer_claims_the_bought_car_and_sees_it_alone(served: Served) -> None:
    guests = served.search(None, {})
    assert guests
    assert all("vin" not in item for item in guests)
    newcomer, stranger = _registered(served, "Lovelace"), _registered(served, "Babbage")
    assert served.call("GET", "/me", newcomer).json()["persona"] == "CUSTOMER"
    assert served.call("GET", "/assets", newcomer).json()["items"] == []

    dealer = served.token("dealer")
    account = served.call("GET", "/me", dealer).json()["account_id"]
    car = next(item for item in served.search(dealer, {"dealer_account_id": [account]}) if item["vin"])
    issued = served.call("POST", f"/vehicles/{car['id']}/commands/issue_claim_code", dealer, json={})
    assert issued.status_code == 200, issued.text

    wrong = {"vin": car["vin"], "claim_code": "AAAA-BBBB-CCCC"}
    right = {"vin": car["vin"], "claim_code": issued.json()["claim_code"]}
    answers = [
        served.call("POST", "/me/vehicle-claims", stranger, json=wrong),
        served.call("POST", "/me/vehicle-claims", newcomer, json=right),
    ]
    assert [(answer.status_code, answer.content) for answer in answers] == [(202, b'{"status":"RECEIVED"}')] * 2

    def own() -> dict[str, Any] | None:
        items = served.call("GET", "/assets", newcomer).json()["items"]
        return items[0] if items else None

    asset = until(own)
    assert asset["serial_number"] == car["vin"]
    seen = served.call("GET", f"/vehicles/{car['id']}", newcomer).json()
    assert (seen["vin"], seen["make"]) == (car["vin"], car["make"])
    assert served.call("GET", f"/assets/{asset['id']}", stranger).status_code == 404
    assert served.call("GET", f"/assets/{asset['id']}").status_code == 404
    assert served.call("GET", "/assets", stranger).json()["items"] == []
    strangers = served.call("GET", f"/vehicles/{car['id']}", stranger)
    assert strangers.status_code == 404 or "vin" not in strangers.json()


def test_a_customer_reads_the_own_history_and_changes_what_is_theirs(served: Served) -> None:
    customer = served.token("customer")
    assets = served.call("GET", "/assets", customer).json()["items"]
    milestones = served.call("GET", "/asset-milestones", customer).json()["items"]
    assert {one["asset_id"] for one in milestones} <= {asset["id"] for asset in assets}
    assert milestones
    contact = served.call("GET", f"/contacts/{served.call('GET', '/me', customer).json()['contact_id']}", customer)
    changed = served.call(
        "PATCH", f"/contacts/{contact.json()['id']}", customer, json={"phone": "+12125550123"},
        headers={"if-match": contact.headers["etag"]},
    )  # fmt: skip
    assert changed.status_code == 200, changed.text
    assert changed.json()["phone"] == "+12125550123"
    assert served.call("GET", f"/contacts/{contact.json()['id']}", served.token("customer2")).status_code == 404
