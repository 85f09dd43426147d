"""The demo world in a database: all there, once, told in history, and as the generator says it."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import pytest

from domain.kit.tokens import hashed
from inventory.criteria import Criteria, SearchRequest, checked
from inventory.vehicle_row import VehicleRow
from service.auth.passwords import Passwords
from service.demo import load
from service.demo.attributes import ATTRIBUTES
from service.demo.load import QUICK_TABLES, fill, load_demo, load_world
from service.demo.users import CLIENT, PASSWORD, USERS
from service.demo.world import World, tiny
from service.ops.database import Addresses
from service.ops.progress import Progress
from service.settings import OperatorError, Settings

COUNTS = """
select (select count(*) from vehicle), (select count(*) from stock_entry), (select count(*) from account),
       (select count(*) from contact), (select count(*) from asset), (select count(*) from history)
"""


def quiet() -> Progress:
    return Progress(StringIO())


@pytest.fixture
async def connection(loaded: str) -> AsyncIterator[Any]:
    opened = await asyncpg.connect(loaded)
    yield opened
    await opened.close()


async def test_every_vehicle_is_stored_as_generated(loaded: str, connection: Any, small_world: World) -> None:
    shared = [name for name in VehicleRow.__struct_fields__ if name not in _FROM_ELSEWHERE]
    columns = ", ".join(f"{'e' if name in _OF_THE_ENTRY else 'v'}.{name}" for name in shared)
    stored = {
        str(row["id"]): row
        for row in await connection.fetch(
            f"select {columns}, l.latitude, l.longitude, d.parent_account_id from stock_entry e "
            "join vehicle v on v.id = e.vehicle_id join location l on l.id = e.location_id "
            "left join account d on d.id = e.dealer_account_id"
        )
    }
    rows = list(small_world.vehicle_rows())
    assert len(stored) == len(rows) == 50
    for row in rows:
        found = stored[row.id]
        for name in shared:
            value, wanted = found[name], getattr(row, name)
            if name == "attributes":
                value = msgspec.json.decode(value)
            elif isinstance(wanted, tuple):
                wanted = list(wanted)
            elif name.endswith("_id") or name == "id":
                value = value and str(value)
            assert value == wanted, name
        assert (found["latitude"], found["longitude"]) == (row.latitude, row.longitude)
        assert (found["parent_account_id"] and str(found["parent_account_id"])) == row.group_account_id


_FROM_ELSEWHERE = {"latitude", "longitude", "group_account_id"}
_OF_THE_ENTRY = {"stock_number", "status", "holds", "visibility", "available_on", "price_minor", "price_currency",
                 "price_tax", "location_id", "dealer_account_id", "in_stock_since"}  # fmt: skip


async def test_a_vehicle_is_seen_by_those_who_see_its_stock_entry(loaded: str, connection: Any) -> None:
    assert not await connection.fetchval(
        "select count(*) from stock_entry e join vehicle v on v.id = e.vehicle_id "
        "where (v.audience, v.dealer_account_id) is distinct from (e.audience, e.dealer_account_id)"
    )


async def test_customers_cars_have_one_owner_and_no_stock_entry(
    loaded: str, connection: Any, small_world: World
) -> None:
    cars = {car.vin: customer.account.id for customer in small_world.customers() for car in customer.cars}
    owned = await connection.fetch(
        "select v.vin, v.owner_account_id::text, p.account_id::text, a.serial_number from vehicle v "
        "join asset a on a.id = v.asset_id join asset_account_participant p "
        "on p.asset_id = a.id and p.role = 'OWNER' and p.ends_on is null "
        "where not exists (select from stock_entry e where e.vehicle_id = v.id)"
    )
    assert {vin: (owner, participant) for vin, owner, participant, _ in owned} == {
        vin: (owner, owner) for vin, owner in cars.items()
    }
    assert all(vin == serial for vin, *_, serial in owned)


async def test_everything_is_told_in_history_as_made_by_the_demo(loaded: str, connection: Any) -> None:
    told = await connection.fetch("select distinct op, actor from history where entity <> 'prm_setting'")
    assert [tuple(row) for row in told] == [("CREATE", "demo")]
    vehicles, _, accounts, *_ = await connection.fetchrow(COUNTS)
    assert await connection.fetchval("select count(*) from history where entity = 'vehicle'") == vehicles
    assert await connection.fetchval("select count(*) from external_key where entity = 'account'") == accounts


async def test_users_belong_where_they_should_and_hold_their_role(loaded: str, connection: Any) -> None:
    rows = await connection.fetch(
        'select u.email, u.persona, u.licence, u.status, r.role, a.type, a.kind from "user" u '
        "left join role_assignment r on r.user_id = u.id and r.account_id is not distinct from u.account_id "
        "left join account a on a.id = u.account_id"
    )
    found = {row["email"]: row for row in rows}
    assert len(found) == len(rows) == len(USERS)
    kinds = {"FIRST_CUSTOMER": "CUSTOMER", "SINGLE_CUSTOMER": "CUSTOMER", "DEALER": "DEALER", "SUPPLIER": "SUPPLIER",
             "DEALER_GROUP": "DEALER_GROUP", "OTHER_GROUPS_DEALER": "DEALER", "OEM": None}  # fmt: skip
    for user in USERS:
        row = found[user.email]
        assert (row["persona"], row["licence"], row["role"]) == (user.persona, user.licence, user.role)
        assert (row["type"], row["status"]) == (kinds[user.belongs_to], "ACTIVE")
    scopes = await connection.fetchval("select scopes from api_client where client_id = $1", CLIENT.client_id)
    assert tuple(scopes) == CLIENT.scopes


async def test_the_demos_dealers_are_of_different_groups(loaded: str, connection: Any) -> None:
    groups = await connection.fetch(
        'select a.parent_account_id from "user" u join account a on a.id = u.account_id where u.email like $1',
        "dealer%@demo.forecourt.example",
    )
    assert len({row[0] for row in groups}) == 2


async def test_partners_may_sign_in_and_guests_know_dealers(loaded: str, connection: Any) -> None:
    assert await connection.fetchval("select status from prm_setting") == "ENABLED"
    known = await connection.fetch("select distinct type from account where audience = 2 order by type")
    assert [row[0] for row in known] == ["DEALER", "OEM"]


async def test_attributes_are_what_the_catalogue_says(loaded: str, connection: Any, small_world: World) -> None:
    known = {one.code: one for one in ATTRIBUTES}
    stored = await connection.fetch("select code, data_type, choices from attribute_definition")
    assert {row["code"]: row["data_type"] for row in stored} == {code: one.data_type for code, one in known.items()}
    types = {"NUMBER": (int, float), "BOOLEAN": (bool,), "CHOICE": (str,)}
    of_models = await connection.fetch("select attributes from vehicle_definition limit 500")
    found = [row.attributes for row in small_world.vehicle_rows()]
    found += [msgspec.json.decode(row["attributes"]) for row in of_models]
    assert found
    for attributes in found:
        for code, value in attributes.items():
            one = known[code]
            assert type(value) in types[one.data_type], code
            assert one.data_type != "CHOICE" or value in one.choices


async def test_a_demo_customer_keeps_a_search(loaded: str, connection: Any) -> None:
    (row,) = await connection.fetch('select u.email, s.criteria from saved_search s join "user" u on u.id = s.user_id')
    assert row["email"] == "customer@demo.forecourt.example"
    checked(SearchRequest(criteria=msgspec.json.decode(row["criteria"], type=Criteria)))


async def test_loading_again_changes_nothing(loaded: str, connection: Any, small_world: World) -> None:
    before = await connection.fetchrow(COUNTS)
    await load_world(small_world, loaded, quiet())
    assert await connection.fetchrow(COUNTS) == before


async def test_a_load_that_was_cut_off_goes_on_and_a_bigger_world_adds_to_it(
    fresh_database: Addresses, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut at many places one after the other, the load is complete at last and nothing is there twice."""
    assert fresh_database.owner is not None
    world = tiny(seed=9)
    insert = load._insert
    for inserts in (1, 6, 9, 17, 20):
        left = iter(range(inserts))

        async def cut(at: Any, batch: Any, left: Iterator[int] = left) -> int:
            if next(left, None) is None:
                raise ConnectionError("cut")
            return await insert(at, batch)

        monkeypatch.setattr(load, "_insert", cut)
        with pytest.raises(ConnectionError):
            await load_world(world, fresh_database.owner, quiet())
    monkeypatch.undo()
    await load_world(world, fresh_database.owner, quiet())
    bigger = World(9, 1_000, dealers=3, groups=2, customers=12)
    await load_world(bigger, fresh_database.owner, quiet())
    connection = await asyncpg.connect(fresh_database.owner)
    try:
        assert await connection.fetchval("select count(*) from stock_entry") == 1_000
        assert await connection.fetchval("select count(*) from account where type = 'CUSTOMER'") == 12
        assert await connection.fetchval("select count(*) from vehicle_definition") == len(world.variants)
    finally:
        await connection.close()


async def test_a_demo_of_another_network_is_refused(loaded: str) -> None:
    with pytest.raises(OperatorError, match="holds a demo of 3 dealers"):
        await load_world(World(vehicles=50, dealers=5, groups=2, customers=12), loaded, quiet())


async def test_a_world_without_customers_for_the_demos_users_is_refused(loaded: str) -> None:
    with pytest.raises(ValueError, match="need 3 customers"):
        await load_world(World(vehicles=1, dealers=3, groups=2, customers=2), loaded, quiet())


async def test_the_demo_stands_as_of_today_and_says_what_it_does(fresh_database: Addresses) -> None:
    out = StringIO()
    settings = Settings(secret_key="x" * 48, demo=True, demo_vehicles=30, data_dir=Path("unused"))
    assert fresh_database.owner is not None
    await load_demo(settings, fresh_database.owner, Progress(out), lambda: datetime(2027, 5, 4, 12, tzinfo=UTC))
    connection = await asyncpg.connect(fresh_database.owner)
    try:
        newest = await connection.fetchval("select max(in_stock_since) from stock_entry")
        assert newest.year == 2027
        assert await connection.fetchval("select max(model_year) from vehicle_definition") == 2028
        assert await connection.fetchval("select count(*) from account where type = 'DEALER'") == 60
    finally:
        await connection.close()
    assert "Loading vehicles: done" in out.getvalue()


async def test_everybody_has_the_published_password(loaded: str, connection: Any) -> None:
    hashes = await connection.fetch('select c.password_hash from credential c join "user" u on u.id = c.user_id')
    assert len(hashes) == len(USERS)
    assert {(await Passwords().verify(PASSWORD, row[0]))[0] for row in hashes[:1]} == {True}
    secrets = await connection.fetch("select secret_hash from client_secret where ended_at is null")
    assert [row[0] for row in secrets] == [hashed(CLIENT.secret)]


async def test_cars_loaded_without_triggers_are_the_same_and_whoever_follows_loads_anew(
    loaded: str, connection: Any, small_world: World, fresh_database: Addresses
) -> None:
    assert fresh_database.owner is not None
    quick = await asyncpg.connect(fresh_database.owner)
    epoch = await quick.fetchval("select app.epoch()")
    await quick.close()
    await load_world(small_world, fresh_database.owner, quiet(), quick_from=0)
    quick = await asyncpg.connect(fresh_database.owner)
    try:
        for table in QUICK_TABLES:
            rows = f"select to_jsonb(t) - '{{created_at,updated_at}}'::text[] from {table} t order by id"
            assert await quick.fetch(rows) == await connection.fetch(rows)
            told = f"select record_id, version, op, actor from history where entity = '{table}' order by record_id"
            assert await quick.fetch(told) == await connection.fetch(told)
        assert not await quick.fetch("select from pg_trigger where tgenabled = 'D'")
        assert await quick.fetchval("select app.epoch()") != epoch
        await quick.execute("update stock_entry set reserved_for = 'X' where id = (select id from stock_entry limit 1)")
        assert await quick.fetchval("select count(*) from history where entity = 'stock_entry' and op = 'UPDATE'") == 1
    finally:
        await quick.close()


async def test_cars_come_one_by_one_while_others_follow(fresh_database: Addresses) -> None:
    assert fresh_database.owner is not None
    out = StringIO()
    other = await asyncpg.connect(fresh_database.service)
    await load_world(tiny(), fresh_database.owner, Progress(out), quick_from=0)
    await other.close()
    assert "Others are connected" in out.getvalue()
    connection = await asyncpg.connect(fresh_database.owner)
    try:
        told = await connection.fetchval("select count(*) from history where entity = 'vehicle' and changes <> '{}'")
        assert told == await connection.fetchval("select count(*) from vehicle")
    finally:
        await connection.close()


async def test_no_transaction_of_the_load_writes_more_than_its_bound(
    fresh_database: Addresses,
) -> None:
    assert fresh_database.owner is not None
    world = World(9, 1_000, dealers=3, groups=2, customers=200)
    await load_world(world, fresh_database.owner, quiet())
    connection = await asyncpg.connect(fresh_database.owner)
    try:
        most = await connection.fetchval("select max(n) from (select count(*) n from history group by xid) x")
        assert 1_500 < most <= load.ROWS_A_TRANSACTION
    finally:
        await connection.close()


async def test_the_demo_does_not_go_into_a_database_in_use(fresh_database: Addresses) -> None:
    connection = await asyncpg.connect(fresh_database.owner)
    await connection.execute("update app.deployment set purpose = 'LIVE'")
    await connection.close()
    with pytest.raises(OperatorError, match="in real use"):
        await fill(fresh_database, 10, quiet())


async def test_a_filled_database_is_a_demo(fresh_database: Addresses, monkeypatch: pytest.MonkeyPatch) -> None:
    async def nothing(world: World, owner: str, progress: Progress) -> None:
        assert (world.vehicles, owner) == (30, fresh_database.owner)

    monkeypatch.setattr(load, "load_world", nothing)
    await fill(fresh_database, 30, quiet())
    connection = await asyncpg.connect(fresh_database.owner)
    try:
        purpose, loaded_at = await connection.fetchrow("select purpose, demo_loaded_at from app.deployment")
        assert (purpose, loaded_at is None) == ("DEMO", False)
    finally:
        await connection.close()
