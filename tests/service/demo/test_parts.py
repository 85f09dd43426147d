"""The demo's parts: everywhere some, and the ledger says how many."""

import asyncpg

from service.demo.parts import CENTRAL_STOCK, PARTS
from service.demo.world import World


async def test_every_part_is_at_the_center_and_at_every_dealer_as_its_line_says(
    loaded: str, small_world: World
) -> None:
    connection = await asyncpg.connect(loaded)
    try:
        items = await connection.fetch(
            "select i.quantity_on_hand, i.account_id, l.account_id as keeper, a.type, "
            "coalesce(sum(t.on_hand), 0) as told from product_item i "
            "join location l on l.id = i.location_id join account a on a.id = l.account_id "
            "left join product_item_transaction t on t.item_id = i.id group by i.id, l.id, a.id"
        )
        seen = await connection.fetchval("select bool_and(audience = 1) from product where type = 'PART'")
    finally:
        await connection.close()
    assert seen
    assert len(items) == len(PARTS) * (1 + len(small_world.network.dealers))
    assert all(item["quantity_on_hand"] == item["told"] for item in items)
    assert all(item["account_id"] == (None if item["type"] == "OEM" else item["keeper"]) for item in items)
    assert [item["told"] for item in items if item["type"] == "OEM"] == [CENTRAL_STOCK] * len(PARTS)
    assert {item["told"] for item in items} > {0, 1, 2}
