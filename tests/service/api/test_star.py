"""Appointments in the shapes of the STAR JSON standard: its names, filters and commands; our rights and bookings."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from domain.kit.ids import new_id
from inventory.records import AssetAccountParticipant, Vehicle
from service.api import openapi
from service.jobs.worker import work
from service.ops.database import Addresses
from service.services import Services
from tests.scheduling.centers import make
from tests.service.api.workshop_http import Served, workshop_served

VIN = "1HGCM82633A004352"
# The standard's shapes, written down by hand: the properties that a body must have, and those it may have besides.
IDENTIFIER = ({"value": str}, {"system": str})
NAME = ({"first_name": str, "last_name": str}, {"prefix": list, "suffix": list})
CONTACT_METHOD = (
    {
        "contact_type": {"PHONE", "EMAIL", "MAIL", "PAGER", "URL", "SMS", "OTHER"},
        "contact_use": {"HOME", "WORK", "MOBILE", "OTHER"},
        "value": str,
    },
    {"rank": int, "preferred_contact_time": str, "consent": bool},
)
CUSTOMER = (
    {"name": NAME, "contact_method": [CONTACT_METHOD]},
    {"identifier": [IDENTIFIER], "email_declined": bool, "phone_declined": bool},
)
VEHICLE_NAMES = (
    "vehicle_identifier_key", "vehicle_identifier_id", "vehicle_key", "stock_number", "make", "model", "trim",
    "manufacturer_model_code", "manufacturer_name", "model_code", "model_description", "model_year", "vin",
)  # fmt: skip
VEHICLE: Any = ({}, dict.fromkeys(VEHICLE_NAMES, str))
SELECTION = (
    {"labor_operation_reference": ({"labor_operation_key": str}, {"labor_operation_description": str, "href": str})},
    {"quantity": int, "customer_comments": str, "complaint_text": str},
)
STATUS = {"HELD", "BOOKED", "MODIFIED", "CANCELLED", "COMPLETED", "NO_SHOW"}
VIEW = (
    {
        "appointment_key": str,
        "appointment_id": str,
        "dealer_id": str,
        "appointment_type": {"SERVICE", "TESTDRIVE", "DELIVERY", "TRADE"},
        "appointment_status": STATUS,
        "scheduled_start": datetime,
        "scheduled_end": datetime,
    },
    {
        "additional_comments": str,
        "customer": CUSTOMER,
        "vehicle": VEHICLE,
        "advisor": ({}, {"advisor_id": str, "name": str, "job_title": str, "email": str, "image_url": str}),
        "transport": ({"code": str, "name": str}, {"comments": str}),
        "audit": ({"created_at": datetime}, {"updated_at": datetime, "source_channel": str, "last_request_id": str}),
        "dealer_key": str,
        "party_key": str,
        "labor_operation_selections": [SELECTION],
    },
)
ANSWER: Any = ({"data": VIEW}, {})
LIST = ({"data": [VIEW], "has_more": bool}, {"next_cursor": str, "total_count": int})
CAPABILITIES: Any = (
    {},
    {
        "aggregate": str, "version": str, "current_state": str, "transitions": [dict], "available_exports": [dict],
        "documentation_ref": str,
    },
)  # fmt: skip
COMMAND_ACCEPTED: Any = ({}, {"command_id": str, "status": str, "result": dict})
CREATE_REQUIRED = {"dealer_id", "appointment_type", "scheduled_start", "customer"}
CREATE_ALLOWED = CREATE_REQUIRED | {
    "requested_duration_minutes", "additional_comments", "vehicle", "advisor_id", "transport", "pick_up_address",
    "drop_off_address", "client_request_id", "dealer_key", "dealer_party_reference", "customer_party_reference",
    "advisor_party_reference", "party_key", "labor_operation_selections",
}  # fmt: skip
FILTERS = {"dealer_key", "cursor", "limit", "from", "to", "vin", "appointment_status"}


def fits(value: Any, shape: Any, where: str = "$") -> None:
    """Hold a value against a shape: an object's properties, a list of one shape, words, or a kind of value."""
    if isinstance(shape, tuple):
        required, further = shape
        assert isinstance(value, dict), where
        assert required.keys() <= value.keys(), (where, value)
        assert value.keys() <= required.keys() | further.keys(), (where, value)
        for name, inner in value.items():
            fits(inner, {**required, **further}[name], f"{where}.{name}")
    elif isinstance(shape, list):
        assert isinstance(value, list), where
        for at, inner in enumerate(value):
            fits(inner, shape[0], f"{where}[{at}]")
    elif isinstance(shape, set):
        assert value in shape, where
    elif shape is datetime:
        assert datetime.fromisoformat(value).tzinfo is not None, where
    else:
        assert type(value) is shape, (where, value)


@pytest.fixture
async def world(fresh_database: Addresses, tmp_path: Path) -> AsyncIterator[Served]:
    """The workshop with nothing booked; Ann's car is a vehicle with a VIN."""
    async with workshop_served(fresh_database, tmp_path, hold_seconds=60) as made:
        database, asset, owner = made.workshop.database, made.workshop.assets["ann"], made.workshop.people["ann"]
        await make(
            database, AssetAccountParticipant, asset_id=asset, account_id=owner.account_id, role="OWNER",
            starts_on=date(2024, 1, 1),
        )  # fmt: skip
        await make(
            database, Vehicle, listing_number="V-1", make="Honda", model="Accord", model_year=2022, vin=VIN,
            condition="USED", asset_id=asset, owner_account_id=owner.account_id,
        )  # fmt: skip
        yield made


async def ask(world: Served, who: str, path: str = "", **query: Any) -> httpx.Response:
    return await world.callers[who].get(f"/star/v1/appointments{path}", params=query)


async def send(world: Served, who: str, path: str, body: Any, **headers: str) -> httpx.Response:
    sent = {"content-type": "application/json", **headers}
    return await world.callers[who].post(
        f"/star/v1/appointments{path}", content=msgspec.json.encode(body) if body is not None else b"", headers=sent
    )


def wish(world: Served, hours: float, **values: Any) -> dict[str, Any]:
    return {
        "dealer_id": world.workshop.center,
        "appointment_type": "SERVICE",
        "scheduled_start": world.workshop.at(hours),
        "customer": {
            "name": {"first_name": "Paco", "last_name": "Lopez"},
            "contact_method": [{"contact_type": "EMAIL", "contact_use": "HOME", "value": "paco@example.com"}],
        },
        "labor_operation_selections": [
            {"labor_operation_reference": {"labor_operation_key": world.workshop.works[0]}, "complaint_text": "Rattles"}
        ],
        **values,
    }


async def test_what_is_told_has_the_shapes_of_the_standard(world: Served) -> None:
    asked = wish(
        world, 0, vehicle={"vin": VIN}, additional_comments="Please call", transport={"code": "WAIT", "name": "x"}
    )
    made = await send(world, "ann", "", asked)
    assert made.status_code == 201, made.text
    fits(made.json(), ANSWER)
    told = made.json()["data"]
    assert made.headers["location"] == f"/star/v1/appointments/{told['appointment_key']}"
    assert told["scheduled_start"] == world.workshop.at(0).isoformat()
    assert told["customer"]["name"] == {"first_name": "Paco", "last_name": "Lopez"}
    assert told["vehicle"]["vin"] == VIN
    assert (told["vehicle"]["model_year"], told["additional_comments"]) == ("2022", "Please call")
    assert told["labor_operation_selections"] == asked["labor_operation_selections"]
    one = await ask(world, "ann", f"/{told['appointment_key']}")
    assert (one.status_code, one.json()) == (200, made.json())
    ours = (await world.get("ann", f"appointments/{told['appointment_key']}")).json()
    assert (ours["number"], ours["customer"]["email"]) == (told["appointment_id"], "paco@example.com")
    listed = await ask(world, "advisor")
    fits(listed.json(), LIST)
    assert [each["appointment_key"] for each in listed.json()["data"]] == [told["appointment_key"]]
    for path in ("/capabilities", f"/{told['appointment_key']}/capabilities"):
        fits((await ask(world, "advisor", path)).json(), CAPABILITIES)


def test_the_bodies_and_filters_that_are_taken_are_the_standard_s() -> None:
    document = openapi.document()
    post, get = (document["paths"]["/star/v1/appointments"][method] for method in ("post", "get"))
    name = post["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    schema = document["components"]["schemas"][name]
    assert set(schema["required"]) == CREATE_REQUIRED
    assert set(schema["properties"]) <= CREATE_ALLOWED
    assert {one["name"] for one in get["parameters"] if one.get("in") == "query"} == FILTERS


async def test_statuses_are_told_and_filtered_in_the_standard_s_words(world: Served) -> None:
    at = world.workshop.at
    made = {}
    for hours, name in enumerate(("BOOKED", "HELD", "MODIFIED", "CANCELLED", "started", "gone")):
        hold = name in ("HELD", "gone")
        answer = await world.book("advisor", at(hours), hold=hold, customer={"name": "Somebody"})
        made[name] = answer.json()["id"]
    await world.post("advisor", f"appointments/{made['MODIFIED']}/commands/reschedule", {"start": at(8)})
    await world.post("advisor", f"appointments/{made['CANCELLED']}/commands/cancel")
    await world.post("advisor", f"appointments/{made['started']}/commands/start")
    await world.workshop.elapse(made["gone"])
    told = {one["appointment_key"]: one["appointment_status"] for one in (await ask(world, "advisor")).json()["data"]}
    expected = {made[name]: name for name in ("BOOKED", "HELD", "MODIFIED", "CANCELLED")}
    assert told == expected | {made["started"]: "BOOKED", made["gone"]: "CANCELLED"}
    for status in ("BOOKED", "HELD", "MODIFIED"):
        found = (await ask(world, "advisor", appointment_status=status)).json()["data"]
        assert {one["appointment_key"] for one in found} == {id for id, word in told.items() if word == status}
    await world.workshop.tidy()
    found = (await ask(world, "advisor", appointment_status="CANCELLED")).json()["data"]
    assert {one["appointment_key"] for one in found} == {made["CANCELLED"], made["gone"]}
    assert (await ask(world, "advisor", appointment_status="EXPIRED")).status_code == 400


async def test_lists_are_filtered_by_dealer_vehicle_and_time_and_paged(world: Served) -> None:
    at = world.workshop.at
    keys = []
    for hours in range(4):
        vehicle = {"vehicle": {"vin": VIN}} if hours == 1 else {}
        answer = await send(world, "ann" if hours == 1 else "advisor", "", wish(world, hours, **vehicle))
        keys.append(answer.json()["data"]["appointment_key"])
    dealer_key = (await ask(world, "advisor")).json()["data"][0]["dealer_key"]
    for query, found in (
        ({"dealer_key": dealer_key}, keys),
        ({"dealer_key": world.workshop.center}, keys),
        ({"dealer_key": "NOWHERE"}, []),
        ({"vin": VIN.lower()}, keys[1:2]),
        ({"vin": "1HGCM82633A999999"}, []),
        ({"from": at(1).isoformat(), "to": at(3).isoformat()}, keys[1:3]),
    ):
        answer = await ask(world, "advisor" if "vin" not in query else "agent", **query)
        assert [one["appointment_key"] for one in answer.json()["data"]] == found, query
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = (await ask(world, "advisor", limit=3, **cursor)).json()
        seen += [one["appointment_key"] for one in page["data"]]
        assert page["has_more"] == ("next_cursor" in page)
        if not page["has_more"]:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert seen == keys
    assert (await ask(world, "advisor", limit=201)).status_code == 400
    assert (await ask(world, "advisor", unknown=1)).status_code == 400
    assert (await ask(world, "ann", cursor=cursor["cursor"])).json()["type"] == "urn:forecourt:problem:cursor-invalid"


async def test_nobody_finds_by_vin_or_reads_what_they_may_not_see(world: Served) -> None:
    made = await send(world, "ann", "", wish(world, 0, vehicle={"vin": VIN}))
    key = made.json()["data"]["appointment_key"]
    assert (await ask(world, "ann", vin=VIN)).json()["data"][0]["vehicle"]["vin"] == VIN
    assert (await ask(world, "bob", vin=VIN)).json()["data"] == []
    for who, found in (("ann", [key]), ("bob", [])):
        ours = (await world.get(who, f"appointments?asset_id={world.workshop.assets['ann']}")).json()["items"]
        assert [one["id"] for one in ours] == found
    assert (await ask(world, "rival", vin=VIN)).json()["data"] == []
    for who in ("bob", "rival"):
        for path in (f"/{key}", f"/{key}/capabilities", f"/{key}/commands/1"):
            assert (await ask(world, who, path)).status_code == 404
        refused = await send(world, who, f"/{key}/commands", {"command_type": "CANCEL"})
        assert refused.status_code == 404
    stolen = await send(world, "bob", "", wish(world, 1, vehicle={"vin": VIN}))
    assert (stolen.status_code, stolen.json()["errors"][0]["pointer"]) == (422, "/vehicle/vin")
    assert (await ask(world, "guest")).status_code == 401
    assert (await send(world, "guest", "", wish(world, 1))).status_code == 401


async def test_commands_are_done_or_refused_at_once_and_can_be_looked_up(world: Served) -> None:
    at = world.workshop.at
    held = (await send(world, "ann", "?hold=true", wish(world, 0))).json()["data"]
    path = f"/{held['appointment_key']}"
    assert held["appointment_status"] == "HELD"
    can = (await ask(world, "ann", f"{path}/capabilities")).json()
    assert can["current_state"] == "HELD"
    allowed = {one["command_type"] for one in can["transitions"] if one["allowed"]}
    assert allowed == {"CONFIRM", "RESCHEDULE", "CANCEL"}
    seen = "HELD"
    steps: list[tuple[dict[str, Any], str]] = [
        ({"command_type": "CONFIRM"}, "BOOKED"),
        ({"command_type": "RESCHEDULE", "payload": {"scheduled_start": at(5)}}, "MODIFIED"),
        ({"command_type": "CANCEL", "payload": {"reason": "Sold"}}, "CANCELLED"),
    ]
    for body, status in steps:
        done = await send(world, "ann", f"{path}/commands", body)
        assert done.status_code == 202, done.text
        fits(done.json(), COMMAND_ACCEPTED)
        polled = await ask(world, "ann", f"{path}/commands/{done.json()['command_id']}")
        fits(polled.json(), COMMAND_ACCEPTED)
        assert polled.json()["result"]["command_type"] == body["command_type"]
        seen = (await ask(world, "ann", path)).json()["data"]["appointment_status"]
        assert seen == status
    assert (await ask(world, "ann", f"{path}/commands/999")).status_code == 404
    again = await send(world, "ann", f"{path}/commands", {"command_type": "CANCEL"})
    assert (again.status_code, again.json()["type"]) == (409, "urn:forecourt:problem:command-not-allowed")
    faulty: list[tuple[dict[str, Any], int, str]] = [
        ({"command_type": "RESCHEDULE"}, 400, "/payload/scheduled_start"),
        ({"command_type": "CONFIRM", "payload": {"reason": "x"}}, 400, "/payload/reason"),
        ({"command_type": "EXPIRE"}, 400, "/command_type"),
    ]
    for body, code, pointer in faulty:
        refused = await send(world, "ann", f"{path}/commands", body)
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (code, pointer)


async def test_refusals_are_those_of_our_own_bookings_in_the_standard_s_names(world: Served) -> None:
    at = world.workshop.at
    for _ in range(2):
        assert (await send(world, "advisor", "", wish(world, 0))).status_code == 201
    taken = (await send(world, "ann", "", wish(world, 0))).json()
    assert (taken["type"], len(taken["alternatives"]) >= 3) == ("urn:forecourt:problem:slot-taken", True)
    work = {"labor_operation_reference": {"labor_operation_key": "NONE"}}
    fax = {"contact_type": "PAGER", "contact_use": "WORK", "value": "1"}
    name = {"first_name": "A", "last_name": "B"}
    for values, pointer in (
        ({"scheduled_start": at(0) + timedelta(minutes=1)}, "/scheduled_start"),
        ({"dealer_id": "NOWHERE"}, "/dealer_id"),
        ({"labor_operation_selections": []}, "/labor_operation_selections"),
        (
            {"labor_operation_selections": [work]},
            "/labor_operation_selections/0/labor_operation_reference/labor_operation_key",
        ),
        ({"advisor_id": new_id()}, "/advisor_id"),
        ({"appointment_type": "TRADE"}, "/appointment_type"),
        ({"vehicle": {"vehicle_identifier_key": world.workshop.assets["bob"]}}, "/vehicle/vehicle_identifier_key"),
        ({"vehicle": {}}, "/vehicle"),
        ({"customer": {"name": name, "contact_method": [fax]}}, "/customer/contact_method/0/contact_type"),
        (
            {"customer": {"name": name, "contact_method": [{**fax, "contact_type": "EMAIL"}]}},
            "/customer/contact_method/0/value",
        ),
        (
            {"customer": {"name": name, "contact_method": [], "identifier": [{"value": "7", "system": "DMS"}]}},
            "/customer/identifier/0/value",
        ),
    ):
        refused = await send(world, "ann", "", wish(world, 3, **values))
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, pointer), refused.text
    assert await world.workshop.owner.fetchval("select count(*) from appointment") == 2


async def test_a_client_request_id_books_once(world: Served) -> None:
    asked = wish(world, 0, client_request_id=new_id())
    first, again = [await send(world, "ann", "", asked) for _ in range(2)]
    assert (again.status_code, again.json(), again.headers["idempotent-replayed"]) == (201, first.json(), "true")
    other = await send(world, "ann", "", {**asked, "scheduled_start": world.workshop.at(4)})
    assert (other.status_code, other.json()["type"]) == (422, "urn:forecourt:problem:idempotency-key-reused")
    assert await world.workshop.owner.fetchval("select count(*) from appointment") == 1


async def test_a_batch_books_each_by_itself(world: Served) -> None:
    batch = {"data": [wish(world, 0), wish(world, 1, dealer_id="NOWHERE"), wish(world, 2)]}
    asked = await send(world, "advisor", "/batch", batch)
    assert asked.status_code == 202
    key = asked.json()["job_key"]
    stopping = asyncio.Event()
    services = Services(world.services.settings, world.services.settings.database_url or "")  # with no calendar yet
    worker = asyncio.create_task(work(services, stopping))
    try:
        async with asyncio.timeout(30):
            done: dict[str, Any] = {"status": "QUEUED"}
            while done["status"] in ("QUEUED", "RUNNING"):
                done = (await world.get("advisor", f"jobs/{key}")).json()
    finally:
        stopping.set()
        await worker
        await services.close()
    assert "schedule" not in services.parts
    assert done["status"] == "SUCCEEDED", done
    kept = await world.workshop.owner.fetchval("select job::text from job where id = $1", key)
    assert "paco@example.com" not in kept
    results = done["result"]["results"]
    listed = (await ask(world, "advisor")).json()["data"]
    assert [one.get("appointment_key") for one in results] == [
        listed[0]["appointment_key"], None, listed[1]["appointment_key"],
    ]  # fmt: skip
    assert results[1]["error"]["errors"][0]["pointer"] == "/data/1/dealer_id"
    for wishes in ([], [wish(world, 0)] * 201):
        assert (await send(world, "advisor", "/batch", {"data": wishes})).status_code == 422


async def test_an_export_tells_every_appointment_that_its_filters_find_to_who_asked(world: Served) -> None:
    for hours in range(3):
        assert (await send(world, "advisor", "", wish(world, hours))).status_code == 201
    asked = await world.callers["advisor"].post(
        "/star/v1/appointments/exports", params={"from": world.workshop.at(1).isoformat()}
    )
    assert asked.status_code == 202, asked.text
    export = asked.json()["export_id"]
    status = (await ask(world, "advisor", f"/exports/{export}")).json()
    assert status["status"] == "SUCCEEDED"
    content = await world.callers["advisor"].get(status["download_url"])
    lines = [msgspec.json.decode(line) for line in content.content.splitlines()]
    assert lines[-1] == {"end": True, "answered": 2}
    for line in lines[:-1]:
        fits(line, VIEW)
    listed = (await ask(world, "advisor")).json()["data"]
    assert lines[:-1] == listed[1:]
    assert (await ask(world, "ann", f"/exports/{export}")).status_code == 404
    assert (await world.callers["ann"].get(status["download_url"])).status_code == 404
