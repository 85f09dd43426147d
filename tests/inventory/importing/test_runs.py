"""Imports into a real database: every row accounted for, a file sent twice, others' cars, snapshots, crashes."""

from __future__ import annotations

import asyncio
import csv
import gzip
import io
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from domain.kit.errors import Forbidden, Malformed, NotFound
from domain.kit.policy import Principal
from inventory.importing import runs
from inventory.importing.errors import UnknownColumn, UnreadableFile
from inventory.importing.runs import ImportResult, SnapshotUnconfirmed, resume
from inventory.importing.stored import UnknownMapping
from inventory.records import StockEntry
from inventory.vin import check_digit
from tests.inventory.importing.conftest import Yard
from tests.inventory.importing.files import SAMPLES, csv_of


def vin(number: int) -> str:
    """A sound VIN of its own."""
    text = f"1FTEW1EG0JFA{number:05}"
    return text[:8] + check_digit(text) + text[9:]


HEADER = ["vin", "make", "model", "model_year", "price", "currency", "location", "stock_number", "condition"]


def cars(*numbers: int, price: str = "20000", place: str = "NORTH-1") -> bytes:
    return csv_of(HEADER, *[[vin(n), "Ford", "F-150", "2018", price, "USD", place, f"S{n}", "USED"] for n in numbers])


def counts(result: ImportResult) -> dict[str, int]:
    names = ("received", "created", "updated", "unchanged", "superseded", "rejected", "closed")
    return {name: value for name in names if (value := getattr(result, name))}


async def test_a_dealers_file_becomes_stock_of_the_dealer(yard: Yard) -> None:
    result = await yard.take(yard.seller, cars(1, 2, 3))
    assert counts(result) == {"received": 3, "created": 3}
    rows = await yard.rows(
        "select v.vin, v.make, v.dealer_account_id::text, v.audience, e.location_id::text, e.stock_number, "
        "e.price_minor, e.status, e.visibility, e.in_stock_since::text "
        "from vehicle v join stock_entry e on e.vehicle_id = v.id order by vin"
    )
    assert rows[0] == {
        "vin": vin(1), "make": "Ford", "dealer_account_id": yard.north, "audience": 2, "location_id": yard.place,
        "stock_number": "S1", "price_minor": 2_000_000, "status": "IN_STOCK", "visibility": "PUBLIC",
        "in_stock_since": "2026-09-01",
    }  # fmt: skip
    (run,) = await yard.rows("select status, mapping, received, created from vehicle_import")
    assert run == {"status": "SUCCEEDED", "mapping": "default", "received": 3, "created": 3}
    told = await yard.rows("select distinct actor, command from history where entity = 'vehicle'")
    assert told == [{"actor": yard.seller.user_id, "command": "import"}]


async def test_the_same_file_again_changes_nothing(yard: Yard) -> None:
    await yard.take(yard.seller, cars(1, 2, 3))
    versions = "select id, version from vehicle union all select id, version from stock_entry order by id"
    before = await yard.rows(versions)
    assert counts(await yard.take(yard.seller, cars(1, 2, 3))) == {"received": 3, "unchanged": 3}
    assert await yard.rows(versions) == before


async def test_a_changed_price_updates_its_car_alone(yard: Yard) -> None:
    await yard.take(yard.seller, cars(1, 2))
    data = csv_of(["vin", "price", "currency"], [vin(2), "19500", "USD"], [vin(1), "20000", "USD"])
    result = await yard.take(yard.seller, data)
    assert counts(result) == {"received": 2, "updated": 1, "unchanged": 1}
    rows = await yard.rows(
        "select price_minor, stock_number, v.model from stock_entry e join vehicle v on v.id = e.vehicle_id "
        "order by v.vin"
    )
    assert rows == [
        {"price_minor": 2_000_000, "stock_number": "S1", "model": "F-150"},
        {"price_minor": 1_950_000, "stock_number": "S2", "model": "F-150"},
    ]


async def test_an_empty_cell_clears_and_an_absent_column_does_not(yard: Yard) -> None:
    header = ["vin", "make", "trim", "exterior_color", "attributes.seats", "attributes.doors"]
    await yard.take(yard.seller, csv_of(header, [vin(1), "ford", "XL", "Schwarz", "5", "4"]))
    await yard.take(yard.seller, csv_of(["vin", "trim", "attributes.seats"], [vin(1), "", ""]))
    (row,) = await yard.rows("select make, trim, exterior_color, attributes, raw from vehicle")
    assert row == {
        "make": "Ford", "trim": None, "exterior_color": "Black", "attributes": {"doors": 4},
        "raw": {"make": "ford", "exterior_color": "Schwarz"},
    }  # fmt: skip


async def test_of_rows_of_one_car_the_last_counts(yard: Yard) -> None:
    data = cars(1, price="1000") + cars(1, price="2000").split(b"\r\n", 1)[1] + cars(2).split(b"\r\n", 1)[1]
    assert counts(await yard.take(yard.seller, data)) == {"received": 3, "created": 2, "superseded": 1}
    rows = await yard.rows("select price_minor from stock_entry order by price_minor")
    assert [row["price_minor"] for row in rows] == [200_000, 2_000_000]


async def test_rows_that_name_one_stored_car_differently_are_one_car(yard: Yard) -> None:
    await yard.take(yard.seller, csv_of(["vin", "make", "external_keys"], [vin(1), "Ford", "dms:1"]))
    data = csv_of(["vin", "make", "external_keys", "trim"], [vin(1), "Ford", "", "A"], ["", "Ford", "dms:1", "B"])
    assert counts(await yard.take(yard.seller, data)) == {"received": 2, "updated": 1, "superseded": 1}
    assert await yard.rows("select vin, trim from vehicle") == [{"vin": vin(1), "trim": "B"}]


async def test_new_rows_that_share_a_key_spoil_only_each_other(yard: Yard) -> None:
    data = csv_of(
        ["vin", "make", "external_keys", "trim"],
        [vin(1), "Ford", "dms:1", "A"], ["", "Ford", "dms:1", "B"], [vin(3), "Ford", "dms:3", "C"],
    )  # fmt: skip
    assert counts(await yard.take(yard.seller, data)) == {"received": 3, "created": 2, "updated": 1}
    assert await yard.rows("select vin, trim from vehicle order by vin") == [
        {"vin": vin(1), "trim": "B"}, {"vin": vin(3), "trim": "C"},
    ]  # fmt: skip


async def test_another_cars_stock_number_costs_its_row_alone(yard: Yard) -> None:
    await yard.take(yard.seller, cars(1))
    data = cars(2).replace(b"S2", b"S1") + cars(3).split(b"\r\n", 1)[1]
    result = await yard.take(yard.seller, data)
    assert counts(result) == {"received": 2, "created": 1, "rejected": 1}
    assert b"identity-contradicted" in await yard.rejects(yard.seller, result.import_id)
    both = csv_of(HEADER, *[[vin(n), "Ford", "F-150", "2018", "1", "USD", "NORTH-1", "S9", "USED"] for n in (4, 5)])
    result = await yard.take(yard.seller, both)
    assert counts(result) == {"received": 2, "created": 1, "rejected": 1}


async def test_a_car_that_another_account_holds_is_never_touched(yard: Yard) -> None:
    await yard.take(yard.seller, cars(1, 2))
    before = await yard.rows("select * from vehicle order by id")
    data = csv_of(["vin", "make", "price", "currency"], [vin(1), "Fiat", "1", "USD"], [vin(9), "Fiat", "1", "USD"])
    result = await yard.take(yard.rival, data)
    assert counts(result) == {"received": 2, "created": 1, "rejected": 1}
    assert [row for row in await yard.rows("select * from vehicle order by id") if row["vin"] != vin(9)] == before
    (row,) = csv.DictReader(io.StringIO((await yard.rejects(yard.rival, result.import_id)).decode(), newline=""))
    assert (row["forecourt_row"], row["vin"], row["make"]) == ("1", vin(1), "Fiat")
    assert row["forecourt_reasons"].startswith("held-elsewhere: ")


async def test_nobody_reads_or_resumes_anothers_import(yard: Yard) -> None:
    result = await yard.take(yard.seller, cars(1) + b"x,y\r\n")
    assert result.rejected == 1
    with pytest.raises(NotFound):
        await resume(yard.as_(yard.rival), result.import_id)
    with pytest.raises(NotFound):
        await yard.rejects(yard.rival, result.import_id)


async def test_an_import_into_another_account_is_forbidden(yard: Yard) -> None:
    with pytest.raises(Forbidden):
        await yard.take(yard.seller, cars(1), account_id=yard.south)
    technician = Principal("PARTNER", user_id=yard.seller.user_id, account_id=yard.north, units=(yard.north,))
    with pytest.raises(Forbidden):
        await yard.take(technician, cars(1))
    data = csv_of(["vin", "make", "dealer_account"], [vin(1), "Ford", yard.south], [vin(2), "Ford", "A-999999"])
    result = await yard.take(yard.seller, data)
    assert counts(result) == {"received": 2, "rejected": 2}
    file = (await yard.rejects(yard.seller, result.import_id)).decode()
    assert "account-forbidden" in file
    assert "account-unknown" in file
    assert await yard.rows("select id from vehicle") == []


async def test_a_place_of_another_account_is_unknown(yard: Yard) -> None:
    result = await yard.take(yard.rival, cars(1))
    assert counts(result) == {"received": 1, "rejected": 1}
    assert b"location" in await yard.rejects(yard.rival, result.import_id)


async def test_a_system_client_imports_for_the_account_of_the_place(yard: Yard) -> None:
    assert counts(await yard.take(yard.client, cars(1))) == {"received": 1, "created": 1}
    assert await yard.rows("select dealer_account_id::text from stock_entry") == [{"dealer_account_id": yard.north}]
    data = csv_of(["vin", "trim"], [vin(1), "XLT"])
    assert counts(await yard.take(yard.client, data)) == {"received": 1, "updated": 1}


async def test_described_places_are_made_once_and_placed_by_the_postcode_table(yard: Yard) -> None:
    async with yard.as_(yard.client)() as ctx:
        await ctx.db.execute("insert into postcode values ('US', '02062', 42.18, -71.2, 'Norwood', 'MA')")
    header = ["vin", "make", "location_name", "postcode", "country"]
    data = csv_of(
        header,
        [vin(1), "Ford", "Yard", "2062", "US"], [vin(2), "Ford", "Yard", "02062", "usa"],
        [vin(3), "Ford", "Far", "", "US"],
    )  # fmt: skip
    for expected in ("created", "unchanged"):
        assert counts(await yard.take(yard.seller, data)) == {"received": 3, expected: 3}
    places = await yard.rows(
        "select name, latitude, longitude, address, account_id::text, postcode from location "
        "where code like 'I-%' order by name"
    )
    assert places == [
        {"name": "Far", "latitude": None, "longitude": None, "address": {"country": "US"}, "account_id": yard.north,
         "postcode": None},
        {"name": "Yard", "latitude": 42.18, "longitude": -71.2, "account_id": yard.north, "postcode": "02062",
         "address": {"city": "Norwood", "region": "MA", "postcode": "02062", "country": "US"}},
    ]  # fmt: skip


async def test_cars_without_any_key_are_known_by_content_and_occurrence(yard: Yard) -> None:
    data = (SAMPLES / "listings_uk.csv").read_bytes()
    assert counts(await yard.take(yard.seller, data, "listings_uk")) == {"received": 5, "created": 4, "rejected": 1}
    assert counts(await yard.take(yard.seller, data, "listings_uk")) == {"received": 5, "unchanged": 4, "rejected": 1}
    # another dealer's file of the same content tells of other cars
    assert counts(await yard.take(yard.rival, data, "listings_uk")) == {"received": 5, "created": 4, "rejected": 1}


async def test_a_file_that_breaks_half_way_leaves_no_car(yard: Yard) -> None:
    with pytest.raises(UnreadableFile):
        await yard.take(yard.seller, cars(*range(1, 3000)) + b"\xff\r\n")
    with pytest.raises(UnknownColumn):
        await yard.take(yard.seller, b"vin,colour\r\n")
    with pytest.raises(UnknownMapping):
        await yard.take(yard.seller, cars(1), mapping="nonsense")
    assert await yard.rows("select id from vehicle union all select import_id from vehicle_import_row") == []
    assert await yard.rows("select distinct status from vehicle_import") == [{"status": "FAILED"}]


async def test_a_file_of_many_batches_is_applied_in_transactions_of_two_thousand(yard: Yard) -> None:
    result = await yard.take(yard.seller, cars(*range(1, 4501)))
    assert counts(result) == {"received": 4500, "created": 4500}
    batches = await yard.rows("select count(*) as n from history where entity = 'stock_entry' group by xid order by n")
    assert [row["n"] for row in batches] == [500, 2000, 2000]


async def test_a_run_cut_off_is_taken_up_where_it_stood(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    applied = 0
    apply_next = runs._apply_next

    async def dies_after_one(*arguments: object) -> bool:
        nonlocal applied
        if applied:
            raise ConnectionError("the process died")
        applied += 1
        return await apply_next(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(runs, "_apply_next", dies_after_one)
    with pytest.raises(ConnectionError):
        await yard.take(yard.seller, cars(*range(1, 2501)))
    monkeypatch.undo()
    assert len(await yard.rows("select id from vehicle")) == 2000
    (run,) = await yard.rows("select id::text, status from vehicle_import")
    assert run["status"] == "RUNNING"
    result = await resume(yard.as_(yard.seller), str(run["id"]))
    assert counts(result) == {"received": 2500, "created": 2500}
    assert await resume(yard.as_(yard.seller), str(run["id"])) == result


async def test_a_snapshot_closes_what_it_lacks_but_not_what_is_reserved(yard: Yard) -> None:
    await yard.take(yard.seller, cars(*range(1, 11)))
    async with yard.as_(yard.seller)() as ctx:
        (entry,) = await ctx.where(StockEntry, "stock_number = 'S10'")
        await ctx.update(entry, status="RESERVED")
    with pytest.raises(SnapshotUnconfirmed) as refusal:
        await yard.take(yard.seller, cars(1, 2), mode="SNAPSHOT", scope=yard.north)
    assert refusal.value.data == {"closing": 7, "standing": 10}
    result = await yard.take(yard.seller, cars(*range(1, 9), price="1"), mode="SNAPSHOT", scope="NORTH-1")
    assert counts(result) == {"received": 8, "updated": 8, "closed": 1}
    assert result.reserved == 1
    result = await yard.take(yard.seller, cars(1, 2, price="1"), mode="SNAPSHOT", scope=yard.north, confirm=True)
    assert counts(result) == {"received": 2, "unchanged": 2, "closed": 6}
    standing = await yard.rows("select stock_number from stock_entry where left_on is null order by stock_number")
    assert [row["stock_number"] for row in standing] == ["S1", "S10", "S2"]


async def test_a_snapshot_spares_the_cars_of_its_rejects(yard: Yard) -> None:
    await yard.take(yard.seller, cars(1, 2))
    data = cars(1) + cars(2, price="nonsense").split(b"\r\n", 1)[1]
    result = await yard.take(yard.seller, data, mode="SNAPSHOT", scope=yard.north, confirm=True)
    assert counts(result) == {"received": 2, "unchanged": 1, "rejected": 1}


async def test_a_snapshot_of_anothers_stock_is_forbidden(yard: Yard) -> None:
    with pytest.raises(Forbidden):
        await yard.take(yard.rival, cars(1), mode="SNAPSHOT", scope="NORTH-1")
    for options in (
        {"mode": "SNAPSHOT"}, {"scope": yard.north}, {"mode": "SNAPSHOT", "scope": "nowhere"},
        {"mode": "SNAPSHOT", "scope": yard.south},  # an account that one does not see is no account
    ):  # fmt: skip
        with pytest.raises(Malformed):
            await yard.take(yard.seller, cars(1), **options)


async def test_a_car_that_left_comes_back_with_a_new_entry(yard: Yard) -> None:
    await yard.take(yard.seller, cars(1, 2))
    await yard.take(yard.seller, cars(2), mode="SNAPSHOT", scope=yard.north, confirm=True)
    assert counts(await yard.take(yard.rival, cars(1, place=""))) == {"received": 1, "updated": 1}
    rows = await yard.rows(
        "select left_on is null as open, e.dealer_account_id::text from stock_entry e "
        "join vehicle v on v.id = e.vehicle_id where vin = $1 order by e.created_at, e.id",
        vin(1),
    )
    assert [row["open"] for row in rows] == [False, True]
    assert rows[1]["dealer_account_id"] == yard.south


async def test_no_file_ends_a_reservation_or_lifts_a_recall(yard: Yard) -> None:
    header = ["vin", "make", "status", "holds"]
    await yard.take(yard.seller, csv_of(header, [vin(1), "Ford", "IN_TRANSIT", "RECALL|DAMAGE"]))
    await yard.take(yard.seller, csv_of(header, [vin(1), "Ford", "IN_STOCK", ""]))
    assert await yard.rows("select status, holds from stock_entry") == [{"status": "IN_STOCK", "holds": ["RECALL"]}]
    async with yard.as_(yard.seller)() as ctx:
        (entry,) = await ctx.where(StockEntry, "true")
        await ctx.update(entry, status="RESERVED")
    await yard.take(yard.seller, csv_of(header, [vin(1), "Ford", "IN_STOCK", "TITLE"]))
    assert await yard.rows("select status, holds from stock_entry") == [
        {"status": "RESERVED", "holds": ["RECALL", "TITLE"]}
    ]


async def test_a_partial_file_makes_no_car_without_a_make(yard: Yard) -> None:
    result = await yard.take(yard.seller, csv_of(["vin", "price", "currency"], [vin(1), "1", "USD"]))
    assert counts(result) == {"received": 1, "rejected": 1}
    assert b"make-missing" in await yard.rejects(yard.seller, result.import_id)


async def test_rejects_mended_and_sent_again_are_taken(yard: Yard) -> None:
    data = cars(1) + cars(2, price="1,5").split(b"\r\n", 1)[1] + b"ragged,row\r\n"
    result = await yard.take(yard.seller, data)
    assert counts(result) == {"received": 3, "created": 1, "rejected": 2}
    mended = (await yard.rejects(yard.seller, result.import_id)).replace(b'"1,5"', b"1.5")
    again = await yard.take(yard.seller, mended)
    assert counts(again) == {"received": 2, "created": 1, "rejected": 1}


@pytest.mark.parametrize("brands", [frozenset({"TOYOTA"}), frozenset({"FORD"})])
async def test_a_client_bound_to_brands_imports_those_alone(yard: Yard, brands: frozenset[str]) -> None:
    async with yard.as_(yard.client)() as ctx:
        await ctx.db.execute(
            "insert into brand (id, created_at, updated_at, code, name) values ($1, now(), now(), 'FORD', 'Ford')",
            ctx.ids(),
        )
    bound = Principal("SYSTEM", client_id="feed", scopes=frozenset({"inventory.sync"}), brands=brands)
    result = await yard.take(bound, cars(1))
    assert counts(result) == {"received": 1, ("created" if "FORD" in brands else "rejected"): 1}


async def test_the_us_listings_come_in_twice(yard: Yard, real_data: Callable[[str], Path]) -> None:
    data = gzip.decompress(real_data("listings_us.csv.gz").read_bytes())
    first = await yard.take(yard.client, data, "listings_us", account_id=yard.north)
    assert counts(first) == {"received": 4749, "created": 4311, "superseded": 438}
    second = await yard.take(yard.client, data, "listings_us", account_id=yard.north)
    assert counts(second) == {"received": 4749, "unchanged": 4311, "superseded": 438}
    rows = list(csv.DictReader(io.StringIO(data.decode(), newline="")))
    last = {row["VIN"]: row for row in rows}
    names = {"Land": "Land Rover", "Alfa": "Alfa Romeo", "FIAT": "Fiat"}
    makes = Counter(names.get(row["Make"], row["Make"]) for row in last.values())
    stored = await yard.rows("select make, count(*) as n from vehicle group by make")
    assert {row["make"]: row["n"] for row in stored} == makes
    dear = await yard.rows("select count(*) as n from stock_entry where price_minor > 5000000")
    assert dear[0]["n"] == sum(row["Price"].isdigit() and int(row["Price"]) > 50_000 for row in last.values())


async def test_imports_of_the_same_cars_at_once_lose_nothing(yard: Yard) -> None:
    results = await asyncio.gather(*(yard.take(yard.seller, cars(*range(1, 400))) for _ in range(3)))
    assert sum(result.created for result in results) == 399
    assert all(result.received == 399 and not result.rejected for result in results)
    assert len(await yard.rows("select id from vehicle")) == 399


async def test_a_stored_mapping_may_be_changed(yard: Yard) -> None:
    await yard.take(yard.seller, (SAMPLES / "listings_uk.csv").read_bytes(), "listings_uk")
    async with yard.as_(yard.client)() as ctx:
        await ctx.db.execute(
            "update column_mapping set mapping = jsonb_set(mapping, '{constants,condition}', '\"DEMO\"') "
            "where name = 'listings_uk'"
        )
    await yard.take(yard.seller, (SAMPLES / "listings_uk.csv").read_bytes(), "listings_uk")
    assert await yard.rows("select distinct condition from vehicle") == [{"condition": "DEMO"}]
