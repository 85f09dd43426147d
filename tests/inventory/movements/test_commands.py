"""Every command of a vehicle: what it does, who may give it, in which state, and what it leaves behind."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any

import asyncpg
import msgspec
import pytest

from domain.kit.errors import CommandNotAllowed, Forbidden, Invalid, NotFound, RecallOpen, StaleVersion
from domain.kit.money import Money
from domain.kit.policy import WORKER, Principal
from inventory import movements, stock
from inventory.movements import COMMANDS
from inventory.movements.car import acts_for, own_side
from inventory.movements.commands import ANSWER_TIME
from inventory.records import Location, StockPrice
from tests.inventory.movements.conftest import ADMIN, VIN, Trade


async def under_way(trade: Trade, car: str, of: str, to: str) -> None:
    """Bring a car on its way."""
    await trade.give(to, car, "request_transfer", to_location_id=trade.places[to])
    await trade.give(of, car, "approve")
    await trade.give(of, car, "dispatch")


async def backdate(trade: Trade, car: str, table: str, column: str) -> None:
    """Let a deadline have passed."""
    await trade.owner.execute(
        f"update {table} set {column} = now() - interval '1 second' where vehicle_id = $1 and {column} is not null", car
    )


@pytest.mark.parametrize(
    ("who", "at"),
    [("north", "north"), ("north", "sister"), ("south", "centre"), ("manager", "north"), ("centre", "centre")],
)
async def test_in_the_own_group_and_at_centres_a_reservation_is_immediate(trade: Trade, who: str, at: str) -> None:
    car = await trade.car(at)
    until = datetime.now(UTC) + timedelta(days=3)
    given = await trade.give(
        who, car, "reserve", until=until, deposit_reference="D-1", holder_contact="Jane@Example.com"
    )
    assert given.reservation is not None
    told = given.reservation
    assert (told.status, told.until_at, told.deadline_at, told.deposit_reference) == ("ACTIVE", until, None, "D-1")
    assert told.reserved_for == "Jane@example.com"
    entry = await trade.entry(car)
    assert (entry["status"], entry["reserved_until_at"]) == ("RESERVED", until)
    assert entry["reserved_for"] == (
        "Jane@example.com" if (who, at) in (("north", "north"), ("centre", "centre")) else None
    )
    await trade.give(who, car, "release")
    entry = await trade.entry(car)
    assert (entry["status"], entry["reserved_until_at"], entry["reserved_for"]) == ("IN_STOCK", None, None)


async def test_elsewhere_it_is_a_request_that_holds_the_car_until_its_deadline(trade: Trade) -> None:
    car = await trade.car("north")
    given = await trade.give("south", car, "reserve", until=datetime.now(UTC) + timedelta(days=30))
    assert given.reservation is not None
    assert given.reservation.deadline_at is not None
    assert given.reservation.status == "REQUESTED"
    assert abs(given.reservation.deadline_at - datetime.now(UTC) - ANSWER_TIME) < timedelta(minutes=1)
    assert await trade.status(car) == "RESERVED"
    for who in ("north", "sister", "centre"):
        with pytest.raises(CommandNotAllowed):
            await trade.give(who, car, "reserve")
    await backdate(trade, car, "vehicle_reservation", "deadline_at")
    assert await trade.status(car) == "RESERVED"
    assert (await trade.can("north", car))["reserve"].allowed
    assert not (await trade.can("north", car))["approve"].allowed
    with pytest.raises(CommandNotAllowed):
        await trade.give("north", car, "approve")
    await trade.give("north", car, "reserve")
    ended = await trade.owner.fetch("select status from vehicle_reservation where vehicle_id = $1 order by number", car)
    assert [row["status"] for row in ended] == ["EXPIRED", "ACTIVE"]


async def test_a_request_is_never_held_longer_than_it_was_asked_for(trade: Trade) -> None:
    car = await trade.car("north")
    until = datetime.now(UTC) + timedelta(hours=1)
    given = await trade.give("south", car, "reserve", until=until)
    assert given.reservation is not None
    assert given.reservation.deadline_at == until


@pytest.mark.parametrize(
    ("answer", "state", "car_state"), [("approve", "ACTIVE", "RESERVED"), ("decline", "DECLINED", "IN_STOCK")]
)
async def test_the_keeper_answers_a_request(trade: Trade, answer: str, state: str, car_state: str) -> None:
    car = await trade.car("north")
    await trade.give("south", car, "reserve")
    for wrong in ("south", "sister", "centre"):
        with pytest.raises(Forbidden):
            await trade.give(wrong, car, answer)
    data = {"reason": "Sold yesterday"} if answer == "decline" else {}
    given = await trade.give("north", car, answer, **data)
    assert given.reservation is not None
    assert (given.reservation.status, given.reservation.reason) == (state, data.get("reason"))
    assert await trade.status(car) == car_state
    with pytest.raises(CommandNotAllowed):
        await trade.give("north", car, answer)


async def test_only_the_holders_side_releases(trade: Trade) -> None:
    car = await trade.car("north")
    with pytest.raises(CommandNotAllowed):
        await trade.give("north", car, "release")
    await trade.give("south", car, "reserve")
    for wrong in ("north", "sister", "centre"):
        with pytest.raises(Forbidden):
            await trade.give(wrong, car, "release")
    given = await trade.give("south", car, "release")
    assert given.reservation is not None
    assert given.reservation.status == "RELEASED"


async def test_distribution_ends_what_dealers_hold_at_its_own_centres(trade: Trade) -> None:
    car = await trade.car("centre")
    await trade.give("south", car, "reserve")
    await trade.give("centre", car, "release")
    assert await trade.status(car) == "IN_STOCK"


async def test_a_car_goes_from_dealer_to_dealer_with_its_hold_and_is_sold_there(trade: Trade) -> None:
    car = await trade.car("north", 1, stock_number="N-1", holds=["PREPARATION"], in_stock_since=date(2026, 1, 5))
    await trade.give(
        "south", car, "reserve", holder_contact="+12125550100", until=datetime.now(UTC) + timedelta(days=9)
    )
    asked = await trade.give(
        "south", car, "request_transfer", to_location_id=trade.places["south"], reason="SOLD_THERE"
    )
    assert asked.order is not None
    assert (asked.order.status, asked.order.reason) == ("REQUESTED", "SOLD_THERE")
    given = await trade.give("north", car, "approve")
    assert given.order is not None
    assert given.reservation is not None
    assert (given.order.status, given.reservation.status) == ("APPROVED", "ACTIVE")
    with pytest.raises(Forbidden):
        await trade.give("south", car, "dispatch")
    await trade.give("north", car, "dispatch")
    old = await trade.entry(car)
    assert (old["status"], old["dealer_account_id"]) == ("IN_TRANSIT", trade.accounts["north"])
    for wrong in ("north", "centre"):
        with pytest.raises(Forbidden):
            await trade.give(wrong, car, "receive", scanned_vin=VIN.format(1))
    with pytest.raises(Invalid, match="1FTEX1CM0RF000002") as wrong_vin:
        await trade.give("south", car, "receive", scanned_vin="1FTEX1CM0RF000002")
    assert wrong_vin.value.errors[0].pointer == "/scanned_vin"
    done = await trade.give("south", car, "receive", scanned_vin=f" {VIN.format(1).lower()} ")
    assert done.order is not None
    assert done.order.status == "COMPLETED"
    new = await trade.entry(car)
    assert new["id"] != old["id"]
    assert (new["status"], new["dealer_account_id"], new["location_id"], new["stock_number"], new["holds"]) == (
        "RESERVED", trade.accounts["south"], trade.places["south"], None, ["PREPARATION"],
    )  # fmt: skip
    assert new["in_stock_since"] > old["in_stock_since"]
    assert new["reserved_for"] == "+12125550100"
    closed = await trade.owner.fetchrow("select * from stock_entry where id = $1", old["id"])
    assert (closed["status"], closed["left_on"], closed["reserved_until_at"]) == (
        "RETIRED",
        datetime.now(UTC).date(),
        None,
    )
    with pytest.raises(Forbidden):
        await trade.give("north", car, "deliver")
    sold = await trade.give("south", car, "deliver")
    assert sold.reservation is not None
    assert sold.reservation.status == "FULFILLED"
    assert await trade.status(car) == "SOLD"
    assert await trade.ledger(car) == [
        ("OPENING", "", "north"), ("DISPATCHED", "north", "south"), ("RECEIVED", "north", "south"),
        ("DELIVERED", "south", ""),
    ]  # fmt: skip
    told = await trade.owner.fetch(
        "select distinct command from history where record_id = any($1::uuid[]) and command is not null order by 1",
        [old["id"], new["id"]],
    )
    commands = [row["command"] for row in told]
    assert commands == ["approve", "deliver", "dispatch", "receive", "reserve"]


async def test_between_own_lots_the_stay_goes_on_with_its_number_and_prices(trade: Trade) -> None:
    async with trade.as_(ADMIN) as ctx:
        second = await ctx.create(
            Location, code="north-2", name="2", kind="DEALER_LOT", account_id=trade.accounts["north"]
        )
    car = await trade.car("north", 1, stock_number="N-1", in_stock_since=date(2026, 1, 5))
    old = await trade.entry(car)
    async with trade.as_(ADMIN) as ctx:
        await ctx.create(
            StockPrice, stock_entry_id=old["id"], dealer_account_id=trade.accounts["north"], kind="COST",
            price=Money.of(100, "USD"),
        )  # fmt: skip
    await trade.give("north", car, "request_transfer", to_location_id=second.id)
    await trade.give("north", car, "approve")
    await trade.give("north", car, "dispatch")
    await trade.give("north", car, "receive", scanned_vin=VIN.format(1))
    new = await trade.entry(car)
    assert (new["stock_number"], new["in_stock_since"], new["status"]) == ("N-1", date(2026, 1, 5), "IN_STOCK")
    assert await trade.owner.fetchval("select stock_entry_id from stock_price") == new["id"]
    version = await trade.owner.fetchval("select version from vehicle where id = $1", car)
    assert version + new["version"] > 1 + old["version"]


async def test_a_car_without_vin_is_scanned_by_what_else_names_it(trade: Trade) -> None:
    car = await trade.car("centre", stock_number="C-77")
    await under_way(trade, car, "centre", "south")
    with pytest.raises(Invalid):
        await trade.give("south", car, "receive", scanned_vin="C-78")
    await trade.give("south", car, "receive", scanned_vin="C-77")
    assert await trade.status(car) == "IN_STOCK"


async def test_a_recall_blocks_delivery_and_nothing_before_it(trade: Trade) -> None:
    car = await trade.car("centre", 1, holds=["RECALL"])
    await under_way(trade, car, "centre", "south")
    await trade.give("south", car, "receive", scanned_vin=VIN.format(1))
    await trade.give("south", car, "reserve")
    with pytest.raises(RecallOpen):
        await trade.give("south", car, "deliver")
    assert not (await trade.can("south", car))["deliver"].allowed
    await trade.owner.execute("update stock_entry set holds = '{}' where vehicle_id = $1 and left_on is null", car)
    await trade.give("south", car, "deliver")


async def test_a_request_and_an_approval_lapse_and_a_car_under_way_does_not(trade: Trade) -> None:
    for approved in (False, True):
        car = await trade.car("north")
        await trade.give("south", car, "request_transfer", to_location_id=trade.places["south"])
        assert await trade.status(car) == "RESERVED"
        if approved:
            await trade.give("north", car, "approve")
        await backdate(trade, car, "vehicle_transfer_order", "deadline_at")
        with pytest.raises(CommandNotAllowed):
            await trade.give("north", car, "dispatch")
        await trade.give("sister", car, "reserve")
        assert (
            await trade.owner.fetchval("select status from vehicle_transfer_order where vehicle_id = $1", car)
            == "CANCELLED"
        )
    car = await trade.car("north", 1)
    await trade.give("south", car, "reserve")
    await under_way(trade, car, "north", "south")
    await backdate(trade, car, "vehicle_reservation", "until_at")
    await trade.give("south", car, "receive", scanned_vin=VIN.format(1))
    assert await trade.status(car) == "IN_STOCK"
    assert await trade.owner.fetchval("select status from vehicle_reservation where vehicle_id = $1", car) == "EXPIRED"


async def test_a_declined_transfer_leaves_a_firm_reservation(trade: Trade) -> None:
    car = await trade.car("sister")
    await trade.give("north", car, "reserve")
    await trade.give("north", car, "request_transfer", to_location_id=trade.places["north"])
    given = await trade.give("sister", car, "decline", reason="On show")
    assert given.order is not None
    assert (given.order.status, given.order.answer) == ("REJECTED", "On show")
    assert await trade.status(car) == "RESERVED"
    assert (await trade.can("north", car))["release"].allowed


async def test_a_car_that_another_holds_is_neither_requested_nor_delivered(trade: Trade) -> None:
    car = await trade.car("centre")
    await trade.give("north", car, "reserve")
    with pytest.raises(CommandNotAllowed, match="reserved"):
        await trade.give("south", car, "request_transfer", to_location_id=trade.places["south"])
    with pytest.raises(CommandNotAllowed, match="others"):
        await trade.give("centre", car, "deliver")
    await trade.give("north", car, "request_transfer", to_location_id=trade.places["north"])
    with pytest.raises(CommandNotAllowed):
        await trade.give("north", car, "request_transfer", to_location_id=trade.places["north"])


async def test_a_transfer_ends_at_a_place_of_the_one_who_asks(trade: Trade) -> None:
    car = await trade.car("north")
    with pytest.raises(Invalid):
        await trade.give("north", car, "request_transfer", to_location_id=trade.places["north"])
    with pytest.raises(Invalid):
        await trade.give("north", car, "request_transfer", to_location_id="nowhere")
    with pytest.raises(Forbidden):
        await trade.give("south", car, "request_transfer", to_location_id=trade.places["sister"])
    assert await trade.status(car) == "IN_STOCK"
    given = await trade.give("centre", car, "request_transfer", to_location_id=trade.places["south"])
    assert given.order is not None
    assert given.order.to_account_id == trade.accounts["south"]


@pytest.mark.parametrize("status", ["ON_ORDER", "IN_TRANSIT", "SOLD", "IN_SERVICE", "RETIRED"])
async def test_only_cars_in_stock_are_reserved_and_the_refusal_says_so(trade: Trade, status: str) -> None:
    car = await trade.car("north", status=status)
    with pytest.raises(CommandNotAllowed) as refused:
        await trade.give("north", car, "reserve")
    assert refused.value.data == {"state": status, "allowed": []}


async def test_a_car_reserved_by_a_file_is_released_by_its_keeper_and_freed_by_its_time(trade: Trade) -> None:
    soon = datetime.now(UTC) + timedelta(days=1)
    car = await trade.car("north", status="RESERVED", reserved_for="J. Doe", reserved_until_at=soon)
    with pytest.raises(CommandNotAllowed):
        await trade.give("sister", car, "reserve")
    await trade.give("north", car, "release")
    assert await trade.status(car) == "IN_STOCK"
    late = await trade.car("north", status="RESERVED", reserved_until_at=datetime.now(UTC) - timedelta(days=1))
    await trade.give("sister", late, "reserve")
    mine = await trade.car("north", status="RESERVED")
    await trade.give("north", mine, "deliver")


@pytest.mark.parametrize("until", [timedelta(seconds=-1), timedelta(days=400)])
async def test_a_reservation_ends_in_the_future_and_within_a_year(trade: Trade, until: timedelta) -> None:
    car = await trade.car("north")
    with pytest.raises(Invalid) as refused:
        await trade.give("north", car, "reserve", until=datetime.now(UTC) + until)
    assert refused.value.errors[0].pointer == "/until"


async def test_a_contact_that_one_does_not_see_is_no_holder(trade: Trade) -> None:
    car = await trade.car("north")
    with pytest.raises(Invalid) as refused:
        await trade.give("north", car, "reserve", holder_contact=ADMIN.user_id)
    assert refused.value.errors[0].pointer == "/holder_contact"


async def test_an_unseen_car_does_not_exist_until_it_is_coming(trade: Trade) -> None:
    car = await trade.car("north", 1, visibility="OWN_GROUP")
    for name in COMMANDS:
        with pytest.raises(NotFound):
            await trade.give("south", car, name, **_body(trade, name))
    assert await trade.can("south", car) == {}
    await trade.owner.execute("update stock_entry set visibility = 'NETWORK' where vehicle_id = $1", car)
    await under_way(trade, car, "north", "south")
    await trade.owner.execute("update stock_entry set visibility = 'OWN_GROUP' where vehicle_id = $1", car)
    await trade.give("south", car, "receive", scanned_vin=VIN.format(1))


def _body(trade: Trade, name: str) -> dict[str, Any]:
    return {"request_transfer": {"to_location_id": trade.places["south"]}, "receive": {"scanned_vin": "X"}}.get(
        name, {}
    )


async def test_roles_that_sell_nothing_move_nothing(trade: Trade) -> None:
    car = await trade.car("north")
    held = frozenset({"TECHNICIAN"})
    mechanic = msgspec.structs.replace(trade.people["north"], roles=held, roles_at={trade.accounts["north"]: held})
    trade.people["mechanic"] = mechanic
    for name in ("reserve", "request_transfer", "deliver", "approve"):
        with pytest.raises(Forbidden):
            await trade.give("mechanic", car, name, **_body(trade, name))
    assert await trade.can("mechanic", car) == {}


async def test_a_stale_version_is_refused(trade: Trade) -> None:
    car = await trade.car("north")
    async with trade.as_("north") as ctx:
        with pytest.raises(StaleVersion):
            await movements.give(ctx, car, "reserve", COMMANDS["reserve"].input(), 99)
    async with trade.as_("north") as ctx:
        row, _ = await stock.seen(ctx, car)
        await movements.give(ctx, car, "reserve", COMMANDS["reserve"].input(), row.version)


async def test_the_sweeper_frees_what_is_past_its_time_and_nothing_else(trade: Trade) -> None:
    cars = {name: await trade.car("north") for name in ("request", "until", "order", "file", "fresh")}
    for name in ("request", "fresh"):
        await trade.give("south", cars[name], "reserve")
    await trade.give("north", cars["until"], "reserve")
    await trade.give("south", cars["order"], "request_transfer", to_location_id=trade.places["south"])
    past = datetime.now(UTC) - timedelta(minutes=1)
    await trade.owner.execute(
        "update stock_entry set status = 'RESERVED', reserved_until_at = $2 where vehicle_id = $1", cars["file"], past
    )
    await backdate(trade, cars["request"], "vehicle_reservation", "deadline_at")
    await backdate(trade, cars["until"], "vehicle_reservation", "until_at")
    await backdate(trade, cars["order"], "vehicle_transfer_order", "deadline_at")
    for _ in range(2):
        async with trade.as_(WORKER) as ctx:
            await movements.end_lapsed_holds(ctx)
        found = {name: await trade.status(car) for name, car in cars.items()}
        assert found == {**dict.fromkeys(cars, "IN_STOCK"), "fresh": "RESERVED"}


async def test_of_two_dealers_at_once_one_has_the_car(trade: Trade) -> None:
    for _ in range(20):
        car = await trade.car("centre")
        found = await asyncio.gather(
            *(trade.give(who, car, "reserve") for who in ("north", "south", "sister")), return_exceptions=True
        )
        lost = [one for one in found if isinstance(one, CommandNotAllowed)]
        assert len(lost) == 2, found
        assert all("reserved" in one.detail for one in lost)
        assert await trade.owner.fetchval("select count(*) from vehicle_reservation where vehicle_id = $1", car) == 1


async def test_the_database_itself_knows_one_open_hold_and_one_open_transfer_a_car(trade: Trade) -> None:
    car = await trade.car("north")
    await trade.give("south", car, "request_transfer", to_location_id=trade.places["south"])
    await trade.give("south", car, "release")
    await trade.give("north", car, "reserve")
    await trade.owner.execute("update vehicle_transfer_order set status = 'REQUESTED'")
    for table in ("vehicle_reservation", "vehicle_transfer_order"):
        columns = [
            row[0]
            for row in await trade.owner.fetch(
                "select column_name from information_schema.columns where table_name = $1 and column_name not in "
                "('id', 'number')",
                table,
            )
        ]
        with pytest.raises(asyncpg.UniqueViolationError):
            await trade.owner.execute(
                f"insert into {table} (id, {', '.join(columns)}) select gen_random_uuid(), {', '.join(columns)} "
                f"from {table} where status in ('REQUESTED', 'ACTIVE')"
            )


async def test_lines_of_the_ledger_are_never_changed(trade: Trade) -> None:
    car = await trade.car("centre", 1)
    await under_way(trade, car, "centre", "south")
    for statement in ("update vehicle_stock_transaction set kind = 'REMOVED'", "delete from vehicle_stock_transaction"):
        async with trade.as_(ADMIN) as ctx:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with ctx.savepoint():
                    await ctx.db.execute(statement)


async def test_who_sees_reservations_orders_and_lines(trade: Trade) -> None:
    car = await trade.car("north", 1)
    await trade.give("south", car, "reserve", holder_contact="Jane Doe")
    await under_way(trade, car, "north", "south")
    third = msgspec.structs.replace(trade.people["sister"], account_id=None, units=(), group_units=())
    for who, count in (("north", 1), ("sister", 1), ("south", 1), ("centre", 1), (third, 0)):
        async with trade.as_(who, readonly=True) as ctx:
            for table in ("vehicle_reservation", "vehicle_transfer_order"):
                assert await ctx.db.fetchval(f"select count(*) from {table}") == count, (who, table)
    async with trade.as_("north", readonly=True) as ctx:
        assert await ctx.db.fetchval("select count(*) from vehicle_stock_transaction") == 2
    async with trade.as_("south", readonly=True) as ctx:
        assert await ctx.db.fetchval("select count(*) from vehicle_stock_transaction") == 1


async def test_nothing_else_moves_a_car_that_is_under_way(trade: Trade) -> None:
    car = await trade.car("north", 1)
    await under_way(trade, car, "north", "south")
    for change in ("status = 'IN_STOCK'", f"location_id = '{trade.places['sister']}'", "left_on = current_date"):
        with pytest.raises(asyncpg.CheckViolationError, match="under way"):
            await trade.owner.execute(f"update stock_entry set {change} where vehicle_id = $1", car)


async def test_moves_beside_the_commands_are_told_too(trade: Trade) -> None:
    car = await trade.car("north", status="ON_ORDER")
    for change in (
        "status = 'IN_TRANSIT'", "status = 'IN_STOCK'", f"location_id = '{trade.places['sister']}'",
        "price_minor = null",
        "left_on = current_date, status = 'RETIRED'",
    ):  # fmt: skip
        await trade.owner.execute(f"update stock_entry set {change} where vehicle_id = $1", car)
    assert await trade.ledger(car) == [
        ("STOCKED", "", "north"), ("RECEIVED", "", "north"), ("RELOCATED", "north", "sister"),
        ("REMOVED", "sister", ""),
    ]  # fmt: skip
    await trade.owner.execute(
        "insert into stock_entry (id, created_at, updated_at, vehicle_id, location_id, in_stock_since) "
        "values (gen_random_uuid(), now(), now(), $1, $2, current_date)",
        car,
        trade.places["centre"],
    )
    assert (await trade.ledger(car))[-1] == ("STOCKED", "", "centre")


def test_principals_without_accounts_are_of_no_side() -> None:
    assert own_side(Principal("PARTNER", roles=frozenset({"SALES"}))) == (False, None)
    assert not acts_for(Principal("SYSTEM", scopes=frozenset({"inventory.sync"})), "x")
    assert acts_for(Principal("SYSTEM", scopes=frozenset({"inventory.sync"})), None)
