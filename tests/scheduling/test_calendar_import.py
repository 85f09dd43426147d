"""A centre's calendar as a file: good rows are taken, bad ones told with all that is wrong, again changes nothing."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from domain.kit.db import Database
from domain.kit.errors import FieldError, Forbidden, Malformed
from domain.kit.policy import Principal
from domain.kit.store import Context
from inventory.records import StockEntry, Vehicle
from scheduling.importing import CalendarImport, import_calendar
from scheduling.records import Bay, Shift, Technician
from service.ops.database import Addresses
from service.settings import Settings
from tests.contract.world import World
from tests.scheduling.centers import SYNC, Dealer, dealer, make, version
from tests.service.api.serving import served

pytestmark = pytest.mark.postgres_versions
MONDAY = datetime(2026, 6, 1, 6, tzinfo=UTC)


@pytest.fixture(scope="module")
async def pools(database: Addresses) -> AsyncIterator[Database]:
    found = Database(database.service, most=4)
    yield found
    await found.close()


@pytest.fixture
async def theirs(pools: Database) -> Dealer:
    return await dealer(pools)


Take = Any


@pytest.fixture
def take(pools: Database, tmp_path: Path) -> Take:
    """Import rows or bytes of NDJSON, or a text of CSV, at a centre as somebody."""

    async def taken(center: Any, given: Any, by: Principal = SYNC, **options: Any) -> CalendarImport:
        path = tmp_path / "calendar"
        if isinstance(given, list):
            given = b"\n".join(msgspec.json.encode(row) for row in given)
        csv = isinstance(given, str)
        path.write_bytes(given.encode() if csv else given)

        def transact() -> Any:
            return acting(pools, by)

        return await import_calendar(transact, center.id, path, "CSV" if csv else "NDJSON", **options)

    return taken


class acting:  # noqa: N801 - reads as a word at the `with`
    def __init__(self, pools: Database, principal: Principal):
        self._inner = pools.acting(principal)
        self._principal = principal

    async def __aenter__(self) -> Context:
        return Context(await self._inner.__aenter__(), self._principal)

    async def __aexit__(self, *raised: Any) -> bool | None:
        return await self._inner.__aexit__(*raised)


def technician(key: str, **values: Any) -> dict[str, Any]:
    return {"type": "TECHNICIAN", "key": key, "name": f"Technician {key}", **values}


def shift(key: str, who: str, day: int, **values: Any) -> dict[str, Any]:
    start = MONDAY + timedelta(days=day)
    during = {"start": start.isoformat(), "end": (start + timedelta(hours=8)).isoformat()}
    return {"type": "SHIFT", "key": key, "technician_key": who, **during, **values}


async def rows_of(pools: Database, kind: Any, center: Any) -> list[Any]:
    async with acting(pools, SYNC) as ctx:
        if "center_id" in kind.entity.fields:
            return await ctx.where(kind, "center_id = $1", center.id)
        return await ctx.where(kind, "technician_id in (select id from technician where center_id = $1)", center.id)


def counts(told: CalendarImport) -> tuple[int, int, int, int, int, int]:
    return told.received, told.created, told.updated, told.unchanged, told.superseded, told.rejected


WHOLE: list[dict[str, Any]] = [
    shift("S1", "T1", 0, breaks=[{"start": "12:00", "end": "12:30"}]),
    technician("T1", team="A", skills=[{"skill": "BRAKES", "level": 3, "expires_on": "2027-01-31"}]),
    technician("T2", is_active=False),
    {"type": "BAY", "key": "B1", "name": "Lift 1", "bay_type": "LIFT"},
    {"type": "EQUIPMENT", "key": "E1", "name": "Tester", "equipment_type": "EMISSIONS"},
    {
        "type": "SHIFT",
        "key": "S2",
        "technician_key": "T1",
        "weekly": {"day_of_week": "TUESDAY", "start": "08:00", "end": "17:00", "from": "2026-07-01"},
    },
    {
        "type": "ABSENCE",
        "key": "A1",
        "resource_key": "B1",
        "start": "2026-06-02T06:00:00Z",
        "end": "2026-06-03T06:00:00Z",
    },
    {"type": "HOLIDAY", "key": "H1", "on": "2026-08-15", "name": "Outing"},
    {"type": "DATE_OVERRIDE", "key": "D1", "on": "2026-08-16", "time_slots": [{"start": "10:00", "end": "12:00"}]},
    {"type": "CAPACITY_RULE", "key": "C1", "kind": "WALK_IN_SHARE", "percent": 10, "weekdays": ["MONDAY"]},
]


async def test_a_whole_calendar_is_taken_and_the_same_file_again_changes_nothing(
    pools: Database, theirs: Dealer, take: Take
) -> None:
    told = await take(theirs.center, WHOLE, theirs.planner())
    assert counts(told) == (10, 10, 0, 0, 0, 0), told.rejects
    found = {one.name: one for one in await rows_of(pools, Technician, theirs.center)}
    ada = found["Technician T1"]
    assert (ada.team, ada.skills[0].skill, ada.skills[0].level) == ("A", "BRAKES", 3)
    assert not found["Technician T2"].is_active
    assert ada.external_keys[0].key == "T1"
    was = await version(pools, theirs.center.id)
    assert counts(await take(theirs.center, WHOLE, theirs.planner())) == (10, 0, 0, 10, 0, 0)
    assert await version(pools, theirs.center.id) == was


async def test_a_known_key_changes_what_the_row_gives_and_leaves_the_rest(
    pools: Database, theirs: Dealer, take: Take
) -> None:
    await take(theirs.center, WHOLE)
    told = await take(theirs.center, [{"type": "TECHNICIAN", "key": "T1", "team": "B"}])
    assert counts(told) == (1, 0, 1, 0, 0, 0)
    (ada,) = [one for one in await rows_of(pools, Technician, theirs.center) if one.name == "Technician T1"]
    assert (ada.team, ada.skills[0].skill, ada.version) == ("B", "BRAKES", 2)


async def test_one_bad_row_in_ten_thousand_loses_nothing(pools: Database, theirs: Dealer, take: Take) -> None:
    people = [technician(f"T{n}") for n in range(40)]
    shifts = [shift(f"S{n}", f"T{n % 40}", n // 40) for n in range(9_959)]
    shifts.insert(5_000, shift("WRONG", "T1", 3, start="2026-06-04T06:02:00Z"))
    began = time.perf_counter()
    told = await take(theirs.center, [*people, *shifts], theirs.planner())
    assert time.perf_counter() - began < 60
    assert counts(told) == (10_000, 9_999, 0, 0, 0, 1)
    assert (told.rejects[0].row, told.rejects[0].errors) == (
        5_041,
        [FieldError("/start", "lies off the grid of 5 minutes")],
    )
    assert told.rejects[0].given["key"] == "WRONG"
    assert len(await rows_of(pools, Shift, theirs.center)) == 9_959


async def test_every_reason_of_every_bad_row_is_told_with_its_number(theirs: Dealer, take: Take) -> None:
    overlap = shift("S2", "T1", 0)
    told = await take(
        theirs.center,
        [
            technician("T1", skills=[{"skill": "OIL"}, {"skill": "OIL"}]),
            {"type": "BAY", "key": "B1", "name": "", "bay_type": 5, "colour": "red"},
            {"type": "WHAT"},
            technician("T1"),
            shift("S1", "T1", 0),
            overlap,
            shift("S3", "NOBODY", 0),
            shift("S4", "T1", 1, end="2026-06-01T00:00:00Z"),
            {"type": "SHIFT", "key": "S5"},
            {"type": "ABSENCE", "key": "A1", "resource_id": "nothing", "start": "2026-06-01T08:00:00Z", "end": "x"},
            {"type": "CAPACITY_RULE", "key": "C1", "kind": "TRANSPORT_LIMIT"},
            [],
        ],
    )
    assert counts(told) == (12, 2, 0, 0, 1, 9)
    assert {one.row: [(fault.pointer, fault.detail) for fault in one.errors] for one in told.rejects} == {
        2: [
            ("/colour", "is no property of such a row"),
            ("/name", "Expected `str` of length >= 1"),
            ("/bay_type", "Expected `str`, got `int`"),
        ],
        3: [
            ("/type", "is one of TECHNICIAN, BAY, EQUIPMENT, LOANER_VEHICLE, DEMO_VEHICLE, SHIFT, ABSENCE, HOLIDAY, "
             "DATE_OVERRIDE, CAPACITY_RULE"),
            ("/key", "is required: the same file again finds the record by it"),
        ],
        6: [("/start", "overlaps another shift of the technician")],
        7: [("/technician_key", "refers to no record of this centre")],
        8: [("/end", "is not after the start")],
        9: [("/technician_id", "is required")],
        10: [("/end", "Invalid RFC3339 encoded datetime")],
        11: [("", "breaks the rule transport_limit")],
        12: [("", "is not an object")],
    }  # fmt: skip


async def test_the_later_of_two_rows_with_one_key_counts(pools: Database, theirs: Dealer, take: Take) -> None:
    told = await take(theirs.center, [technician("T1", name="Old"), technician("T1", name="New")])
    assert counts(told) == (2, 1, 0, 0, 1, 0)
    assert {one.name for one in await rows_of(pools, Technician, theirs.center)} == {"Ada", "New"}


async def test_shifts_that_change_places_are_taken_in_any_order(theirs: Dealer, take: Take) -> None:
    await take(theirs.center, [technician("T1"), shift("S1", "T1", 0), shift("S2", "T1", 1)])
    told = await take(theirs.center, [shift("S1", "T1", 1), shift("S2", "T1", 2), shift("S3", "T1", 0)])
    assert counts(told) == (3, 1, 2, 0, 0, 0)
    swapped = await take(theirs.center, [shift("S1", "T1", 2), shift("S2", "T1", 1)])
    assert counts(swapped) == (2, 0, 2, 0, 0, 0)


async def test_a_dry_run_tells_the_same_and_writes_nothing(pools: Database, theirs: Dealer, take: Take) -> None:
    given = [*WHOLE, shift("S9", "T1", 0)]
    would = await take(theirs.center, given, dry_run=True)
    assert would.dry_run
    assert len(await rows_of(pools, Technician, theirs.center)) == 1
    did = await take(theirs.center, given)
    assert (counts(would), would.rejects) == (counts(did), did.rejects)


async def test_cells_of_csv_are_read_by_the_type_of_their_row(pools: Database, theirs: Dealer, take: Take) -> None:
    text = (
        "type,key,name,team,is_active,skills,technician_key,start,end,weekdays,kind,minutes_per_day\r\n"
        'TECHNICIAN,T1,"Doe, Jo",A,TRUE,"[{""skill"": ""OIL"", ""level"": 2}]",,,,,,\r\n'
        "SHIFT,S1,,,,,T1,2026-06-01T08:00:00+02:00,2026-06-01T16:00:00+02:00,,,\r\n"
        "CAPACITY_RULE,C1,,,,,,,,MONDAY|FRIDAY,HOURS_BY_TEAM,480\r\n"
        "TECHNICIAN,T2,Jo,,maybe,,,,,,,\r\n"
        "BAY,B1\r\n"
    )
    told = await take(theirs.center, text)
    assert counts(told) == (5, 3, 0, 0, 0, 2)
    assert [(one.row, one.errors[0].pointer) for one in told.rejects] == [(4, "/is_active"), (5, "")]
    (jo,) = [one for one in await rows_of(pools, Technician, theirs.center) if one.name == "Doe, Jo"]
    assert (jo.team, jo.is_active, jo.skills[0].level) == ("A", True, 2)
    with pytest.raises(Malformed):
        await take(theirs.center, "type,key,colour\r\n")


async def test_lines_that_are_no_rows_cost_themselves_alone(theirs: Dealer, take: Take) -> None:
    good = msgspec.json.encode(technician("T1"))
    told = await take(theirs.center, b'{"type": \n\n\xff\n' + b"[" * 5_000 + b"\n" + good)
    assert (told.received, told.created, [one.row for one in told.rejects]) == (4, 1, [1, 2, 3])


async def test_planners_import_at_their_own_centres_alone(pools: Database, theirs: Dealer, take: Take) -> None:
    other = await dealer(pools)
    for somebody in (other.planner(), theirs.planner("SERVICE_ADVISOR")):
        with pytest.raises(Forbidden):
            await take(theirs.center, [technician("T1")], somebody)
    foreign = {"type": "ABSENCE", "key": "A1", "resource_id": other.technician.id}
    during = {"start": "2026-06-01T08:00:00Z", "end": "2026-06-01T09:00:00Z"}
    told = await take(theirs.center, [{**foreign, **during}], theirs.planner())
    assert told.rejects[0].errors == [FieldError("/resource_id", "refers to no record of this centre")]


async def test_keys_of_another_centre_are_not_taken_over(pools: Database, theirs: Dealer, take: Take) -> None:
    other = await dealer(pools)
    await take(other.center, [technician("T1")], system="dms")
    mine = await take(theirs.center, [technician("T1")], theirs.planner(), system="dms")
    assert counts(mine) == (1, 0, 0, 0, 0, 1)
    assert counts(await take(theirs.center, [technician("T1")], theirs.planner())) == (1, 1, 0, 0, 0, 0)


async def test_loaners_are_cars_of_the_dealer_that_no_centre_has(pools: Database, theirs: Dealer, take: Take) -> None:
    cars = [await make(pools, Vehicle, make="VW", model="Golf", condition="USED") for _ in range(2)]
    for car, owner in zip(cars, (theirs, await dealer(pools)), strict=True):
        stands = {"dealer_account_id": owner.account.id, "location_id": owner.location.id}
        await make(pools, StockEntry, vehicle_id=car.id, in_stock_since=MONDAY.date(), **stands)
    given = [
        {"type": "LOANER_VEHICLE", "key": "L1", "vehicle_id": cars[0].id},
        {"type": "LOANER_VEHICLE", "key": "L2", "vehicle_id": cars[1].id},
        {"type": "DEMO_VEHICLE", "key": "L1", "vehicle_id": cars[0].id},
    ]
    told = await take(theirs.center, given, theirs.planner())
    assert counts(told) == (3, 1, 0, 0, 0, 2)
    assert [one.errors[0].detail for one in told.rejects] == [
        "is no car of the dealer group",
        "There is one with this vehicle id already",
    ]


async def test_over_http_a_repeated_key_replays_the_answer(
    database: Addresses, settings: Settings, theirs: Dealer, pools: Database
) -> None:
    world = await World.on(database)
    token = await world.partner({theirs.account.id: "SERVICE_MANAGER"})
    body = b"\n".join(msgspec.json.encode(row) for row in WHOLE)
    headers = {
        "authorization": f"Bearer {token}",
        "content-type": "application/x-ndjson",
        "idempotency-key": theirs.center.id,
    }
    async with served(settings) as (_, caller):
        address = f"/api/v1/service-centers/{theirs.center.id}/calendar/import"
        dry = await caller.post(f"{address}?dry_run=true", content=body, headers={**headers, "idempotency-key": "dry"})
        assert (dry.status_code, dry.json()["created"], dry.json()["dry_run"]) == (200, 10, True), dry.text
        assert await rows_of(pools, Bay, theirs.center) == []
        first = await caller.post(address, content=body, headers=headers)
        again = await caller.post(address, content=body, headers=headers)
        assert (first.status_code, first.json()["created"], "x-change" in first.headers) == (200, 10, True)
        assert (again.content, again.headers["idempotent-replayed"]) == (first.content, "true")
        other = await caller.post(address, content=body + b"\n{}", headers=headers)
        assert other.status_code == 422
        wrong = await caller.post(address, content=body, headers={**headers, "content-type": "text/xml"})
        assert wrong.status_code == 415
