"""Stock files and cars that are under way: what a command has begun, no file ends."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from domain.kit.store import Context
from inventory.importing.runs import ImportOptions, ImportResult, import_vehicles
from tests.inventory.importing.test_runs import vin
from tests.inventory.movements.conftest import Trade

HEADER = "vin,make,model,price,currency,location,condition,status"


async def send(trade: Trade, who: str, lines: list[str], **options: object) -> ImportResult:
    """Import a file of somebody."""

    @asynccontextmanager
    async def transact() -> AsyncIterator[Context]:
        async with trade.as_(who) as ctx:
            yield ctx

    async def chunks() -> AsyncIterator[bytes]:
        yield "\n".join([HEADER, *lines]).encode()

    asked = ImportOptions(file_format="CSV", **options)  # type: ignore[arg-type]
    return await import_vehicles(transact, asked, chunks())


def line(number: int, price: int, status: str = "IN_STOCK") -> str:
    return f"{vin(number)},Ford,F-150,{price},USD,north,USED,{status}"


async def car_of(trade: Trade, number: int) -> str:
    return str(await trade.owner.fetchval("select id from vehicle where vin = $1", vin(number)))


async def test_a_file_neither_moves_nor_closes_a_car_that_is_under_way(trade: Trade) -> None:
    await send(trade, "north", [line(number, 100) for number in range(1, 9)])
    car = await car_of(trade, 1)
    await trade.give("south", car, "request_transfer", to_location_id=trade.places["south"])
    await trade.give("north", car, "approve")
    await trade.give("north", car, "dispatch")
    changed = await send(trade, "north", [line(1, 200)])
    assert (changed.updated, changed.rejected) == (1, 0)
    entry = await trade.entry(car)
    assert (entry["status"], entry["price_minor"], entry["location_id"]) == (
        "IN_TRANSIT", 20_000, trade.places["north"],
    )  # fmt: skip
    left_out = await send(
        trade, "north", [line(number, 100) for number in range(2, 8)], mode="SNAPSHOT", scope=trade.accounts["north"]
    )
    assert (left_out.closed, left_out.reserved) == (1, 1)
    assert await trade.status(car) == "IN_TRANSIT"
    await trade.give("south", car, "receive", scanned_vin=vin(1))
    late = await send(trade, "north", [line(1, 300)])
    assert (late.rejected, late.updated) == (1, 0)
    assert await trade.ledger(car) == [
        ("OPENING", "", "north"), ("DISPATCHED", "north", "south"), ("RECEIVED", "north", "south"),
    ]  # fmt: skip
    assert (await trade.ledger(await car_of(trade, 8)))[-1] == ("REMOVED", "north", "")


async def test_a_file_that_moves_a_car_writes_its_line(trade: Trade) -> None:
    await send(trade, "north", [line(1, 100, "ON_ORDER")])
    car = await car_of(trade, 1)
    for status in ("IN_TRANSIT", "IN_TRANSIT", "IN_STOCK"):
        await send(trade, "north", [line(1, 100, status)])
    assert [told[0] for told in await trade.ledger(car)] == ["STOCKED", "RECEIVED"]
