"""Parts in and out of stock: every quantity is the sum of its lines, nobody takes what is not there."""

from __future__ import annotations

import asyncio
import os
import random
from datetime import date
from typing import Any

import asyncpg
import pytest

from domain.kit import access
from domain.kit.errors import Forbidden, Invalid, NotEnough, NotFound, Problem
from inventory.part_records import ProductItemTransaction
from inventory.parts import issue_parts, release_parts, reserve_parts
from tests.inventory.parts.conftest import ADMIN, ITEM, Store

SEED = int(os.environ.get("FORECOURT_SEED", "20261122"))
OPERATIONS = 1_200
# Items whose quantities are not the sums of their lines, or whose reservations are not those of their references.
UNBALANCED = """
select i.id from product_item i
  left join (select item_id, sum(on_hand) as on_hand, sum(reserved) as reserved, sum(in_transit) as in_transit
               from product_item_transaction group by item_id) t on t.item_id = i.id
 where (i.quantity_on_hand, i.quantity_reserved, i.quantity_in_transit)
       <> (coalesce(t.on_hand, 0), coalesce(t.reserved, 0), coalesce(t.in_transit, 0))
union all
select item_id from product_item_transaction group by item_id, reference having sum(reserved) < 0"""
# What the lines say that has come into the network less what has left it, and what is in it.
TOTALS = """
select (select coalesce(sum(on_hand), 0) from product_item_transaction
         where kind in ('RECEIPT', 'ADJUSTMENT', 'ISSUE')),
       (select coalesce(sum(quantity_on_hand + quantity_in_transit), 0) from product_item)"""


async def balanced(store: Store) -> None:
    """Hold the ledger against the quantities."""
    assert await store.owner.fetch(UNBALANCED) == []
    come, there = await store.owner.fetchrow(TOTALS)
    assert come == there


async def test_parts_are_received_reserved_issued_and_counted(store: Store) -> None:
    item = await store.item("north", minimum_quantity=2, maximum_quantity=20)
    await store.give("north", item, "receive", quantity=10, reference="PO-1")
    await store.give("advisor", item, "reserve", quantity=4, reference="WO-7")
    assert await store.quantities(item) == (10, 4, 0)
    with pytest.raises(NotEnough) as refused:
        await store.give("advisor", item, "reserve", quantity=7, reference="WO-8")
    assert refused.value.data["short"] == [{"product_id": store.parts[0], "wanted": 7, "available": 6}]
    await store.give("advisor", item, "issue", quantity=3, reference="WO-7")
    await store.give("advisor", item, "release", quantity=1, reference="WO-7")
    await store.give("advisor", item, "issue", quantity=2)
    await store.give("north", item, "adjust", quantity=-1, reason="Broken on the shelf")
    assert await store.quantities(item) == (4, 0, 0)
    for name, data in (("release", {"reference": "WO-7"}), ("issue", {"reference": "WO-8"}), ("issue", {})):
        with pytest.raises(NotEnough):
            await store.give("advisor", item, name, quantity=5, **data)
    with pytest.raises(Invalid):
        await store.give("north", item, "adjust", quantity=0, reason="Nothing")
    async with store.as_("north") as ctx:
        lines = await ctx.where(ProductItemTransaction, "item_id = $1", item)
    found = sorted((line.position, line.kind, line.on_hand, line.reserved, line.reference) for line in lines)
    assert [line[1:] for line in found] == [
        ("RECEIPT", 10, 0, "PO-1"), ("RESERVATION", 0, 4, "WO-7"), ("ISSUE", -3, -3, "WO-7"),
        ("RELEASE", 0, -1, "WO-7"), ("ISSUE", -2, 0, None), ("ADJUSTMENT", -1, 0, None),
    ]  # fmt: skip
    await balanced(store)


async def test_counting_takes_no_part_that_is_promised(store: Store) -> None:
    item = await store.item("north")
    await store.give("north", item, "receive", quantity=3)
    await store.give("north", item, "reserve", quantity=2, reference="WO-1")
    with pytest.raises(NotEnough):
        await store.give("north", item, "adjust", quantity=-2, reason="Missing")
    await store.give("north", item, "adjust", quantity=-1, reason="Missing")
    assert await store.quantities(item) == (2, 2, 0)


async def test_a_transfer_is_in_transit_until_the_other_end_receives_it(store: Store) -> None:
    item = await store.item("central")
    await store.give("central", item, "receive", quantity=10)
    await store.give(
        "central", item, "transfer", quantity=6, to_location_id=store.places["south"], expected_on=date(2026, 12, 1),
        reference="TO-1",
    )  # fmt: skip
    there = await store.id_at("south")
    assert (await store.quantities(item), await store.quantities(there)) == ((4, 0, 0), (0, 0, 6))
    row = await store.owner.fetchrow("select account_id, brand, expected_on from product_item where id = $1", there)
    assert tuple(row) == (store.accounts["south"], "Acme", date(2026, 12, 1))
    with pytest.raises(NotEnough):
        await store.give("south", there, "reserve", quantity=1, reference="WO-1")
    with pytest.raises(NotEnough):
        await store.give("south", there, "receive", quantity=7, is_transfer=True)
    with pytest.raises(NotFound):
        await store.give("north", there, "receive", quantity=1, is_transfer=True)
    await store.give("south", there, "receive", quantity=5, is_transfer=True)
    assert await store.quantities(there) == (5, 0, 1)
    transfers = await store.owner.fetch(
        "select kind, transfer_id, other_location_id from product_item_transaction where transfer_id is not null"
    )
    assert len({row["transfer_id"] for row in transfers}) == 1
    assert {row["kind"]: row["other_location_id"] for row in transfers} == {
        "TRANSFER_OUT": store.places["south"], "ANNOUNCEMENT": store.places["central"],
    }  # fmt: skip
    await balanced(store)


async def test_a_transfer_leads_somewhere_else(store: Store) -> None:
    item = await store.item("north")
    await store.give("north", item, "receive", quantity=1)
    for to in (store.places["north"], "nowhere"):
        with pytest.raises(Invalid) as refused:
            await store.give("north", item, "transfer", quantity=1, to_location_id=to)
        assert refused.value.errors[0].pointer == "/to_location_id"


async def test_everybody_sees_quantities_and_keepers_alone_change_them(store: Store) -> None:
    item = await store.item(
        "north", minimum_quantity=2, maximum_quantity=9, unit_cost={"amount": "3.50", "currency": "USD"}
    )
    await store.give("north", item, "receive", quantity=5)
    private = {"minimum_quantity", "maximum_quantity", "unit_cost"}
    for who, sees in (("north", True), ("central", True), ("system", True), ("south", False)):
        async with store.as_(who) as ctx:
            shown: Any = await access.read(ctx, ITEM, item)
        assert (set(shown.__struct_fields__) & private == private) is sees, who
        assert shown.quantity_on_hand == 5
    bodies: dict[str, dict[str, Any]] = {
        "receive": {}, "adjust": {"reason": "x"}, "reserve": {"reference": "x"}, "issue": {},
        "transfer": {"to_location_id": store.places["south"]},
    }  # fmt: skip
    for name, more in bodies.items():
        with pytest.raises(NotFound):
            await store.give("south", item, name, quantity=1, **more)
        if name in ("receive", "adjust", "transfer"):
            with pytest.raises(NotFound):
                await store.give("advisor", item, name, quantity=1, **more)
    async with store.as_("south") as ctx:
        assert await ctx.db.fetchval("select count(*) from product_item_transaction") == 0
    await store.give("system", item, "receive", quantity=1)


async def test_an_item_belongs_to_the_dealer_of_its_location(store: Store) -> None:
    store.places["elsewhere"] = store.places["south"]
    store.people["elsewhere"] = store.people["north"]
    with pytest.raises(Forbidden):
        await store.item("elsewhere")
    item = await store.item("central")
    assert await store.owner.fetchval("select account_id from product_item where id = $1", item) is None
    with pytest.raises(Problem):
        await store.item("central")


async def test_reserving_for_an_appointment_is_all_or_nothing(store: Store) -> None:
    first, second = await store.item("north", 0), await store.item("north", 1)
    for item in (first, second):
        await store.give("north", item, "receive", quantity=5)
    zero, one, two = store.parts
    async with store.as_("advisor") as ctx:
        with pytest.raises(NotEnough) as refused:
            await reserve_parts(ctx, store.places["north"], [(zero, 2), (one, 6), (two, 1)], "SA-1")
    assert refused.value.data["short"] == [
        {"product_id": one, "wanted": 6, "available": 5}, {"product_id": two, "wanted": 1, "available": 0},
    ]  # fmt: skip
    assert await store.quantities(first) == (5, 0, 0)
    async with store.as_("advisor") as ctx:
        with pytest.raises(NotEnough):
            await reserve_parts(ctx, store.places["north"], [(zero, 3), (zero, 3)], "SA-1")
        with pytest.raises(ValueError, match="positive"):
            await reserve_parts(ctx, store.places["north"], [(zero, 0)], "SA-1")
        await reserve_parts(ctx, store.places["north"], [(zero, 1), (one, 2), (zero, 2)], "SA-1")
        await reserve_parts(ctx, store.places["north"], [(zero, 1)], "SA-2")
    assert (await store.quantities(first), await store.quantities(second)) == ((5, 4, 0), (5, 2, 0))
    async with store.as_("advisor") as ctx:
        await issue_parts(ctx, store.places["north"], "SA-1")
        await issue_parts(ctx, store.places["north"], "SA-1")
        await release_parts(ctx, store.places["north"], "SA-2")
    assert (await store.quantities(first), await store.quantities(second)) == ((2, 0, 0), (3, 0, 0))
    await balanced(store)


async def test_the_database_itself_keeps_quantities_sound(store: Store) -> None:
    item = await store.item("north")
    for change in ("quantity_on_hand = -1", "quantity_reserved = 1", "quantity_in_transit = -1"):
        with pytest.raises(asyncpg.CheckViolationError):
            await store.owner.execute(f"update product_item set {change} where id = $1", item)
    await store.give("north", item, "receive", quantity=1)
    for statement in ("update product_item_transaction set on_hand = 2", "delete from product_item_transaction"):
        async with store.as_(ADMIN) as ctx:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with ctx.savepoint():
                    await ctx.db.execute(statement)


async def _any(store: Store, rng: random.Random) -> str | None:
    """One random operation of somebody; its name if it was refused, for want of parts or of a right."""
    place, part = rng.choice(list(store.places)), rng.randrange(len(store.parts))
    quantity, reference = rng.randint(1, 8), f"R-{rng.randrange(5)}"
    name = rng.choice(["receive", "take", "adjust", "reserve", "release", "issue", "use", "transfer", "many", "done"])
    try:
        if name in ("many", "done"):
            async with store.as_("advisor") as ctx:
                if name == "many":
                    wanted = [(rng.choice(store.parts), rng.randint(1, 3)) for _ in range(3)]
                    await reserve_parts(ctx, store.places[place], wanted, reference)
                else:
                    settle = rng.choice([release_parts, issue_parts])
                    await settle(ctx, store.places[place], reference)
            return None
        to = store.places[rng.choice(list(store.places))]
        given: dict[str, Any] = {
            "receive": {}, "take": {"is_transfer": True}, "adjust": {"reason": "Counted"},
            "reserve": {"reference": reference}, "release": {"reference": reference},
            "issue": {"reference": reference}, "use": {}, "transfer": {"to_location_id": to},
        }[name]  # fmt: skip
        if name == "adjust":
            quantity *= rng.choice([-1, 1])
        command = {"take": "receive", "use": "issue"}.get(name, name)
        await store.give(place, await store.id_at(place, part), command, quantity=quantity, **given)
    except (NotEnough, Invalid):
        return name
    return None


async def _filled(store: Store) -> None:
    for place in store.places:
        for part in range(len(store.parts)):
            await store.give(place, await store.item(place, part), "receive", quantity=20)


async def test_after_a_thousand_random_operations_every_quantity_is_the_sum_of_its_lines(store: Store) -> None:
    await _filled(store)
    rng, refused = random.Random(SEED), 0
    for number in range(OPERATIONS):
        refused += await _any(store, rng) is not None
        if number % 200 == 199:
            await balanced(store)
    assert OPERATIONS / 20 < refused < OPERATIONS / 1.5


async def test_operations_at_once_oversell_nothing_and_wait_for_nobody_in_a_circle(store: Store) -> None:
    await _filled(store)

    async def one(number: int) -> None:
        rng = random.Random(SEED + number)
        for _ in range(50):
            await _any(store, rng)

    await asyncio.gather(*(one(number) for number in range(8)))
    await balanced(store)
    deadlocks = await store.owner.fetchval("select deadlocks from pg_stat_database where datname = current_database()")
    assert deadlocks == 0


async def test_of_many_who_want_the_last_ones_so_many_get_them_as_there_are(store: Store) -> None:
    item = await store.item("north")
    await store.give("north", item, "receive", quantity=10)
    found = await asyncio.gather(
        *(store.give("advisor", item, "reserve", quantity=3, reference=f"WO-{at}") for at in range(8)),
        return_exceptions=True,
    )
    assert sum(not isinstance(one, BaseException) for one in found) == 3
    assert all(isinstance(one, NotEnough) for one in found if isinstance(one, BaseException))
    assert await store.quantities(item) == (10, 9, 0)
