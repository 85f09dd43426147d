"""Slots over HTTP: searched page by page, explained to each audience, counted in bulk, never older than a write."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from inventory.records import Asset, Vehicle, VehicleDefinition
from scheduling.records import Absence, Bay, Shift, Technician, WeeklyShift, WorkType
from scheduling.records.work import Duration
from service.ops import postgres
from service.ops.database import Addresses
from service.settings import Settings
from tests.scheduling.centers import WEEK, Dealer, change, dealer, make
from tests.service.api.stock_world import StockWorld, copied, stocked

pytestmark = pytest.mark.xdist_group("slots")
SEARCH, BULK = "/api/v1/slots/search", "/api/v1/slots/availability"
NDJSON = {"content-type": "application/x-ndjson"}
DAY = {"earliest": "2026-12-07T00:00:00Z", "latest": "2026-12-08T00:00:00Z"}


class Shop(msgspec.Struct):
    """Two centres with a technician and a bay each, open on weekdays from 8 to 18."""

    world: StockWorld
    one: Dealer
    two: Dealer

    async def ask(self, name: str = "customer", **values: Any) -> Any:
        """A search's answer."""
        headers = values.pop("headers", None) or {"x-after-change": await self.world.token()}
        body = {"work_types": ["OIL"], "center_ids": [self.one.center.id], **DAY, **values}
        answer = await self.world.callers[name].post(SEARCH, json=body, headers=headers)
        return answer.json() | {"status": answer.status_code} if answer.status_code != 200 else answer.json()


async def _staffed(database: Any, **values: Any) -> Dealer:
    made = await dealer(database, start_interval_minutes=60, **values)
    for day in WEEK[:5]:
        weekly = WeeklyShift(day_of_week=day, start="08:00", end="18:00")
        await make(database, Shift, technician_id=made.technician.id, weekly=weekly)
    await make(database, Bay, name="Bay", center_id=made.center.id, bay_type="LIFT")
    await change(database, made.location, latitude=-54.8, longitude=-68.3)
    return made


@pytest.fixture(scope="module")
async def shop(server: postgres.Server, stock: Addresses, settings: Settings) -> AsyncIterator[Shop]:
    async with copied(server, stock, "slots") as addresses, stocked(addresses, settings) as world:
        database = world.services.database
        rules = [Duration("fuel_type == 'Diesel'", 120)]
        await make(
            database, WorkType, code="OIL", name="Oil", duration_minutes=60, durations=rules, bay_type="LIFT",
            applies_to="make != 'Vespa'",
        )  # fmt: skip
        await make(database, WorkType, code="HYBRID", name="Hybrid", duration_minutes=60, required_skills=[
            {"skill": "HIGH_VOLTAGE", "level": 3}
        ])  # fmt: skip
        yield Shop(world, await _staffed(database), await _staffed(database))


async def test_slots_come_in_the_clock_of_the_centre(shop: Shop) -> None:
    page = await shop.ask()
    assert [slot["start"] for slot in page["slots"]] == [f"2026-12-07T{hour:02}:00:00+01:00" for hour in range(8, 18)]
    first = page["slots"][0]
    assert first == {
        "center_id": shop.one.center.id,
        "start": "2026-12-07T08:00:00+01:00",
        "end": "2026-12-07T09:00:00+01:00",
        "technician_ids": [shop.one.technician.id],
        "vehicle_ids": [],
    }
    assert page["next_cursor"] is None
    assert page["unavailable"] == []


async def test_pages_show_every_slot_once_by_start_and_centre(shop: Shop) -> None:
    both = [shop.one.center.id, shop.two.center.id]
    whole = (await shop.ask(center_ids=both))["slots"]
    assert len(whole) == 20
    assert whole == sorted(whole, key=lambda slot: (slot["start"], slot["center_id"]))
    found, cursor = [], None
    while True:
        page = await shop.ask(center_ids=both, limit=3, cursor=cursor)
        found += page["slots"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert found == whole
    page = await shop.ask(center_ids=both, limit=3)
    stranger = await shop.ask("customer2", center_ids=both, limit=3, cursor=page["next_cursor"])
    assert (stranger["status"], stranger["type"]) == (400, "urn:forecourt:problem:cursor-invalid")
    other = await shop.ask(center_ids=both[:1], limit=3, cursor=page["next_cursor"])
    assert other["type"] == "urn:forecourt:problem:cursor-invalid"


async def test_the_nearest_centres_are_asked(shop: Shop) -> None:
    near = {"latitude": -54.8, "longitude": -68.3, "radius_km": 10, "max_centers": 20}
    assert len((await shop.ask(center_ids=[], near=near))["slots"]) == 20
    assert len((await shop.ask(center_ids=[], near={**near, "max_centers": 1}))["slots"]) == 10
    assert (await shop.ask(center_ids=[], near={**near, "latitude": -80}))["slots"] == []


async def test_a_search_sees_the_write_before_it_and_tells_each_audience_what_it_may_know(shop: Shop) -> None:
    database, made = shop.world.services.database, await _staffed(shop.world.services.database)
    begin, end = datetime(2026, 12, 7, tzinfo=UTC), datetime(2026, 12, 8, tzinfo=UTC)
    await make(database, Absence, resource_id=made.technician.id, start=begin, end=end, reason_code="SICK")
    told = await shop.ask("customer", center_ids=[made.center.id])
    assert told["slots"] == []
    closed = told["unavailable"][0]
    assert [reason["code"] for reason in closed["reasons"]] == ["TECHNICIAN_BUSY"]
    assert closed["reasons"][0]["change"] == {"kind": "START", "start": "2026-12-08T08:00:00+01:00"}
    assert not {made.technician.id, "SICK", "ABSENT", "Ada"} & set(json.dumps(told).replace('"', " ").split())
    told = await shop.ask("dealer", center_ids=[made.center.id])
    assert [reason["code"] for reason in told["unavailable"][0]["reasons"]] == ["TECHNICIAN_BUSY"]
    told = await shop.ask("staff", center_ids=[made.center.id])
    reason = told["unavailable"][0]["reasons"][0]
    assert (reason["code"], reason["change"]["kind"]) == ("ABSENT", "ABSENCE")
    assert reason["change"]["resource_id"] == made.technician.id


async def test_the_car_decides_how_long_work_takes_and_whether_it_is_for_it(shop: Shop) -> None:
    database = shop.world.services.database
    owner = shop.world.principals["customer"].account_id
    asset = await make(database, Asset, name="Mine", account_id=owner)
    await make(
        database, Vehicle, make="Volvo", model="V60", condition="USED", fuel_type="Diesel", asset_id=asset.id,
        owner_account_id=owner,
    )  # fmt: skip
    scooter = await make(database, VehicleDefinition, make="Vespa", model="GTS", model_year=2024)
    page = await shop.ask("staff", asset_id=asset.id)
    assert {(slot["start"][11:13], slot["end"][11:13]) for slot in page["slots"]} == {
        (f"{hour:02}", f"{hour + 2:02}") for hour in range(8, 17)
    }
    told = await shop.ask(definition_id=scooter.id)
    assert [reason["code"] for reason in told["unavailable"][0]["reasons"]] == ["NOT_APPLICABLE"]
    stranger = await shop.ask("customer2", asset_id=asset.id)
    assert (stranger["status"], stranger["errors"][0]["pointer"]) == (422, "/asset_id")


@pytest.mark.parametrize(
    ("values", "pointer"),
    [
        ({"work_types": ["NONE"]}, "/work_types/0"),
        ({"work_types": []}, "/work_types"),
        ({"jobs": [{"work_type": "OIL"}]}, "/jobs"),
        ({"center_ids": []}, "/center_ids"),
        ({"center_ids": ["0190e1d0-0000-7000-8000-000000000000"]}, "/center_ids/0"),
        ({"technician_id": "nobody"}, "/technician_id"),
        ({"latest": "2026-12-06T00:00:00Z"}, "/latest"),
        ({"latest": "2029-12-06T00:00:00Z"}, "/latest"),
        ({"kind": "TEST_DRIVE"}, "/work_types/0"),
    ],
)
async def test_a_rule_that_is_broken_is_told_by_field(shop: Shop, values: dict[str, Any], pointer: str) -> None:
    told = await shop.ask(**values)
    assert (told["status"], told["errors"][0]["pointer"]) == (422, pointer)


async def test_malformed_requests_are_refused(shop: Shop) -> None:
    assert (await shop.ask(earliest="2026-12-07T00:00:00"))["errors"][0]["pointer"] == "/earliest"
    assert (await shop.ask(colour="red"))["type"] == "urn:forecourt:problem:unknown-property"
    assert (await shop.ask(limit=0))["errors"][0]["pointer"] == "/limit"
    guest = await shop.world.callers["guest"].post(SEARCH, json={})
    assert guest.status_code == 401


async def test_ten_years_ahead_nothing_is_planned(shop: Shop) -> None:
    told = await shop.ask(earliest="2036-12-07T00:00:00Z", latest="2036-12-08T00:00:00Z")
    assert [reason["code"] for reason in told["unavailable"][0]["reasons"]] == ["TOO_FAR_AHEAD"]
    told = await shop.ask(earliest="2020-12-07T00:00:00Z", latest="2020-12-08T00:00:00Z")
    assert [reason["code"] for reason in told["unavailable"][0]["reasons"]] == ["IN_THE_PAST"]


async def test_bulk_answers_are_those_of_searches_and_one_fault_spoils_no_other(shop: Shop) -> None:
    ids = [shop.one.center.id, shop.two.center.id]
    good = {"work_types": ["OIL"], "center_ids": ids, **DAY}
    questions: list[Any] = [
        {"id": 1, **good},
        {"id": "two", **good, "center_ids": ids[:1]},
        {"id": "bad", **good, "work_types": ["NONE"]},
        {"id": "strange", **good, "colour": "red"},
        {"id": "none", **good, "work_types": ["HYBRID"]},
    ]
    caller = shop.world.callers["oem"]
    answer = await caller.post(BULK, json={"queries": questions}, headers={"x-after-change": await shop.world.token()})
    assert answer.status_code == 200, answer.text
    results = answer.json()["results"]
    first = {"center_id": min(ids), "start": "2026-12-07T08:00:00+01:00", "end": "2026-12-07T09:00:00+01:00"}
    assert results[0] == {"id": 1, "count": 20, "first": first}
    assert results[1] == {"id": "two", "count": 10, "first": {**first, "center_id": ids[0]}}
    assert (results[2]["id"], results[2]["error"]["errors"][0]["pointer"]) == ("bad", "/work_types/0")
    assert results[3]["error"]["type"] == "urn:forecourt:problem:unknown-property"
    assert results[4] == {"id": "none", "count": 0, "first": None}
    lines = b"".join(json.dumps(question).encode() + b"\n" for question in questions)
    streamed = await caller.post(BULK, content=lines, headers=NDJSON)
    told = [json.loads(line) for line in streamed.text.splitlines()]
    assert told[-1] == {"end": True, "answered": 5, "as_of": told[-1]["as_of"]}
    assert [line for line in told[:-1] if "error" not in line] == [one for one in results if "error" not in one]


async def test_customers_do_not_ask_in_bulk(shop: Shop) -> None:
    answer = await shop.world.callers["customer"].post(BULK, json={"queries": []})
    assert answer.status_code in (403, 404)


async def test_readiness_tells_of_the_schedule(shop: Shop) -> None:
    told = (await shop.world.callers["guest"].get("/health/ready")).json()
    assert "schedule" in told["checks"]


async def test_a_technician_who_is_asked_for_does_it_or_nobody(shop: Shop) -> None:
    database = shop.world.services.database
    idle = await make(database, Technician, name="Bo", center_id=shop.one.center.id)
    told = await shop.ask(technician_id=idle.id)
    assert told["slots"] == []
    assert told["unavailable"][0]["reasons"][0]["change"] == {"kind": "TECHNICIAN"}
    assert len((await shop.ask(technician_id=shop.one.technician.id))["slots"]) == 10


async def test_a_booking_takes_the_slot_from_everybody_and_its_end_gives_it_back(shop: Shop) -> None:
    day = {"earliest": "2026-12-09T00:00:00Z", "latest": "2026-12-10T00:00:00Z"}
    before = (await shop.ask(**day))["slots"]
    caller = shop.world.callers["customer"]
    body = {"work_types": ["OIL"], "center_id": shop.one.center.id, "start": before[0]["start"], "hold": True}
    held = await caller.post("/api/v1/appointments", json=body, headers={"idempotency-key": "slots-1"})
    assert held.status_code == 201, held.text
    after = {"x-after-change": held.headers["x-change"]}
    assert (await shop.ask("customer2", **day, headers=after))["slots"] == before[1:]
    taken = await shop.world.callers["customer2"].post(
        "/api/v1/appointments", json=body, headers={"idempotency-key": "slots-2"}
    )
    assert (taken.status_code, taken.json()["type"]) == (409, "urn:forecourt:problem:slot-taken")
    assert taken.json()["alternatives"][0]["start"] == before[1]["start"]
    path = f"/api/v1/appointments/{held.json()['id']}/commands/cancel"
    ended = await caller.post(path, json={"reason": "Sold it"}, headers={"idempotency-key": "slots-3"})
    assert ended.status_code == 200, ended.text
    after = {"x-after-change": ended.headers["x-change"]}
    assert (await shop.ask("customer2", **day, headers=after))["slots"] == before
