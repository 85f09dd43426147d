"""The trade's stories: a dealer takes a car in and shows it step by step, the manufacturer's systems bring stock."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from inventory.vin import check_digit
from service.demo.users import CLIENT
from tests.journeys.served import Served

pytestmark = pytest.mark.xdist_group("journeys")
EVERYBODY = (None, "customer", "dealer", "manager", "dealer2", "staff", CLIENT.client_id)


def _seen_by(served: Served, tokens: dict[str | None, str | None], trim: str, after: str) -> set[str | None]:
    return {name for name, token in tokens.items() if served.search(token, {"trim": [trim]}, after)}


def test_a_dealer_takes_a_car_in_and_shows_it_to_the_group_the_network_and_the_public(served: Served) -> None:
    tokens = {name: served.token(name) if name else None for name in EVERYBODY}
    dealer, trim = tokens["dealer"], f"own-{uuid4()}"
    key = {"idempotency-key": trim}
    body = {"make": "Toyota", "model": "Hiace", "condition": "USED", "brand": "Toyota", "trim": trim,
            "visibility": "OWN_GROUP", "stock_number": trim[-12:]}  # fmt: skip
    made = served.call("POST", "/vehicles", dealer, json=body, headers=key)
    again = served.call("POST", "/vehicles", dealer, json=body, headers=key)
    assert (made.status_code, again.content) == (201, made.content)
    own = {"dealer", "manager", "staff", CLIENT.client_id}
    assert _seen_by(served, tokens, trim, made.headers["x-change"]) == own

    def show(**changes: Any) -> set[str | None]:
        version = served.call("GET", f"/vehicles/{made.json()['id']}", dealer).headers["etag"]
        path = f"/vehicles/{made.json()['id']}"
        answer = served.call("PATCH", path, dealer, json=changes, headers={"if-match": version})
        assert answer.status_code == 200, answer.text
        return _seen_by(served, tokens, trim, answer.headers["x-change"])

    assert show(visibility="NETWORK") == own | {"dealer2"}
    assert show(visibility="PUBLIC") == set(EVERYBODY)
    assert show(holds=["RECALL"]) == own | {"dealer2"}
    assert show(holds=[], price={"amount": "19995.00", "currency": "USD"}) == set(EVERYBODY)
    (found,) = served.search(None, {"trim": [trim], "price": {"lte": 20_000}})
    assert "stock_number" not in found
    rival = served.call(
        "PATCH", f"/vehicles/{found['id']}", tokens["dealer2"], json={"trim": "Mine"}, headers={"if-match": '"1"'}
    )
    assert rival.status_code in (403, 404)
    history = served.call("GET", f"/vehicles/{found['id']}/history", dealer).json()["items"]
    assert history[-1]["op"] == "CREATE"


def _vin(number: int) -> str:
    vin = f"1FTEX1CM0RF{number:06d}"
    return vin[:8] + check_digit(vin) + vin[9:]


def test_a_system_of_the_manufacturer_brings_stock_that_each_audience_finds_as_it_may(served: Served) -> None:
    system, lot = served.token(CLIENT.client_id), f"Lot {uuid4()}"
    numbers = [hash(lot) % 900_000 + at for at in range(3)]
    lines = [
        "vin,make,model,trim,model_year,condition,price,currency,odometer_km,visibility,location_name,latitude,longitude"
    ]
    for number, visibility in zip(numbers, ("PUBLIC", "NETWORK", "OWN_GROUP"), strict=True):
        lines.append(f"{_vin(number)},Ford,F-150,{lot},2024,USED,31000,USD,12000,{visibility},{lot},40.7,-74.0")
    lines.append(f"1FTEX1CMXRFNOTAVIN,Ford,F-150,{lot},2024,USED,31000,USD,12000,PUBLIC,{lot},40.7,-74.0")

    def bring() -> tuple[dict[str, Any], str | None]:
        answer = served.call(
            "POST", "/vehicles/import", system, content="\n".join(lines), headers={"content-type": "text/csv"}
        )
        assert answer.status_code == 200, answer.text
        return answer.json(), answer.headers.get("x-change")

    first, after = bring()
    assert (first["received"], first["created"], first["rejected"]) == (4, 3, 1)
    second, _ = bring()
    assert (second["created"], second["updated"], second["unchanged"], second["rejected"]) == (0, 0, 3, 1)
    criteria = {"trim": [lot], "near": {"latitude": 40.7, "longitude": -74.0, "radius_km": 1}}
    found = {
        name: sorted(
            item["visibility"] for item in served.search(served.token(name) if name else None, criteria, after)
        )
        for name in EVERYBODY
    }
    everything = ["NETWORK", "OWN_GROUP", "PUBLIC"]
    assert found == {
        None: ["PUBLIC"], "customer": ["PUBLIC"], "dealer": ["NETWORK", "PUBLIC"], "manager": ["NETWORK", "PUBLIC"],
        "dealer2": ["NETWORK", "PUBLIC"], "staff": everything, CLIENT.client_id: everything,
    }  # fmt: skip
    (by_vin,) = served.search(system, {"text": _vin(numbers[0])}, after)
    assert by_vin["vin"] == _vin(numbers[0])
    assert served.search(None, {"text": _vin(numbers[0])}, after) == []
