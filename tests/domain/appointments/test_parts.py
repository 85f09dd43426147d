"""Parts of booked work: kept, awaited, freed and issued at the centre's location."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from domain.appointments.parts import keep_parts, parts_ready
from domain.kit.errors import NotEnough
from domain.kit.policy import WORKER
from inventory.part_records import ProductItem
from inventory.records import Product
from scheduling.records import WorkType
from scheduling.records.work import Part
from tests.domain.appointments.conftest import Visits
from tests.scheduling.centers import change, make


class Stocked:
    """Filters at the centre, of which the work takes two."""

    def __init__(self, visits: Visits, work: str, item: Any):
        self.visits, self.work, self.item = visits, work, item

    async def quantities(self) -> tuple[int, int]:
        """On hand and reserved."""
        row = await self.visits.workshop.owner.fetchrow("select * from product_item where id = $1", self.item.id)
        return row["quantity_on_hand"], row["quantity_reserved"]

    async def book(self, hours: float = 0, **values: Any) -> Any:
        return await self.visits.workshop.book("advisor", hours, work_types=[self.work], **values)

    async def arrive(self, quantity: int) -> None:
        """Parts come in."""
        async with self.visits.workshop.as_(WORKER) as ctx:
            await ctx.db.execute("select app.book_parts($1, 'RECEIPT', $2, 0, 0, null, null, null, null)",
                                 self.item.id, quantity)  # fmt: skip

    async def clock(self) -> None:
        """What comes by the minute."""
        async with self.visits.workshop.as_(WORKER) as ctx:
            await keep_parts(ctx)


@pytest.fixture
async def stocked(visits: Visits) -> Stocked:
    """Three filters."""
    world = visits.workshop
    product = await make(world.database, Product, code="FILTER", name="Filter", type="PART")
    item = await make(world.database, ProductItem, product_id=product.id, location_id=world.dealer.location.id)
    work = f"FILTER-{world.center[-8:]}"
    await make(
        world.database, WorkType, code=work, name="Filters", duration_minutes=60, bay_type="LIFT",
        parts=[Part(product.id, 2)],
    )  # fmt: skip
    made = Stocked(visits, work, item)
    await made.arrive(3)
    return made


async def test_parts_are_kept_with_the_booking_and_free_when_it_is_cancelled(stocked: Stocked) -> None:
    made = await stocked.book()
    assert await stocked.quantities() == (3, 2)
    with pytest.raises(NotEnough) as refused:
        await stocked.book(2)
    assert refused.value.data["short"][0]["available"] == 1
    await stocked.visits.workshop.give(
        "advisor", made.id, "reschedule", start=stocked.visits.workshop.at(4).isoformat()
    )
    assert await stocked.quantities() == (3, 2)
    await stocked.visits.workshop.give("advisor", made.id, "cancel")
    assert await stocked.quantities() == (3, 0)
    assert (await stocked.book(2)).status == "BOOKED"


async def test_parts_are_issued_when_the_work_is_done(stocked: Stocked) -> None:
    made = await stocked.book()
    for command in ("check_in", "start", "complete"):
        await stocked.visits.workshop.give("advisor", made.id, command)
    assert await stocked.quantities() == (1, 0)
    kinds = await stocked.visits.workshop.owner.fetch(
        "select kind, reference from product_item_transaction where item_id = $1 order by position", stocked.item.id
    )
    assert [tuple(row) for row in kinds] == [("RECEIPT", None), ("RESERVATION", made.number), ("ISSUE", made.number)]


async def test_parts_of_a_hold_that_has_ended_are_free_at_once_for_whoever_books(stocked: Stocked) -> None:
    held = await stocked.book(hold=True)
    await stocked.visits.workshop.elapse(held.id)
    await stocked.visits.workshop.tidy()
    assert await stocked.quantities() == (3, 2)
    await stocked.book(2)
    other = await stocked.visits.workshop.read(held.id)
    assert (await stocked.quantities(), other.status) == ((3, 2), "EXPIRED")


async def test_the_clock_frees_parts_of_ended_holds_and_keeps_those_that_have_come(stocked: Stocked) -> None:
    world = stocked.visits.workshop
    first = await stocked.book()
    soon = world.at(0).date()
    await change(world.database, stocked.item, expected_on=soon)
    later = await stocked.book(30)
    assert await stocked.quantities() == (3, 2)
    await stocked.arrive(4)
    await stocked.clock()
    assert await stocked.quantities() == (7, 4)
    for one in (first, later):
        await world.give("advisor", one.id, "cancel")
    held = await stocked.book(hold=True)
    await world.elapse(held.id)
    await world.tidy()
    await stocked.clock()
    assert await stocked.quantities() == (7, 0)


@pytest.mark.parametrize(("days", "known"), [(None, False), (-1, False), (1, True)])
async def test_a_centre_has_parts_from_the_day_on_which_they_are_expected(
    stocked: Stocked, days: int | None, known: bool
) -> None:
    world = stocked.visits.workshop
    await stocked.book()
    on: date | None = None
    if days is not None:
        on = world.at(0).date() + timedelta(days=days if days > 0 else -5)
        await change(world.database, stocked.item, expected_on=on)
    async with world.as_("ann") as ctx:
        ready = await parts_ready(ctx, [stocked.work], [world.center])
        everywhere = await parts_ready(ctx, [stocked.work], None)
        assert await parts_ready(ctx, [world.works[0]], None) == {}
    assert everywhere[world.rival] is None
    at = ready[world.center]
    assert (at is not None) == known
    if at is not None:
        assert (at.date(), at.hour, at.utcoffset()) == (on, 0, world.at(0).utcoffset())
