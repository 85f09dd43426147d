"""A handful of parts and how many of each stand in the central warehouse and at every dealer's service center."""

from __future__ import annotations

from collections.abc import Iterator

from service.demo.identity import uuid_text
from service.demo.records import Batch, batch, json
from service.demo.world import World

# (code, name, cost in minor units)
PARTS = (
    ("OIL-FILTER", "Oil filter", 640),
    ("AIR-FILTER", "Air filter", 1_150),
    ("CABIN-FILTER", "Cabin filter", 1_320),
    ("BRAKE-PADS-FRONT", "Brake pads, front axle", 4_890),
    ("BRAKE-DISC-FRONT", "Brake disc, front axle", 6_250),
    ("WIPER-BLADES", "Wiper blades, pair", 1_780),
    ("BATTERY-12V-70AH", "Battery 12 V 70 Ah", 9_400),
    ("TIMING-BELT-KIT", "Timing belt kit", 13_900),
)
CENTRAL = "PARTS-CENTRAL"
CENTRAL_STOCK = 400
CURRENCIES = {"US": "USD", "DE": "EUR", "GB": "GBP"}


def parts(world: World) -> Iterator[Batch]:
    """Products, items and the lines of the ledger that the items' quantities sum up."""
    seed = world.seed
    rule = (uuid_text(seed, "parts_rule", 0), "Parts are known to the network", "product", "NETWORK")
    yield batch(
        "sharing_rule",
        "id name record_type audience criteria status",
        [(*rule, json({"type": "PART"}), "ACTIVE")],
    )
    ids = [uuid_text(seed, "part", at) for at in range(len(PARTS))]
    yield batch(
        "product",
        "id code name type status",
        ((id, code, name, "PART", "ACTIVE") for id, (code, name, _) in zip(ids, PARTS, strict=True)),
    )
    central = next(site for site in world.network.sites if site.code == CENTRAL)
    shelves = [(central, None), *((dealer.service_center, dealer.account.id) for dealer in world.network.dealers)]
    items, lines = [], []
    for shelf, (place, account) in enumerate(shelves):
        for at, (_, _, cost) in enumerate(PARTS):
            ordinal = shelf * len(PARTS) + at
            item = uuid_text(seed, "product_item", ordinal)
            quantity, least = (CENTRAL_STOCK, 50) if account is None else (_quantity(shelf, at), 2)
            levels = (least, least * 8, cost, CURRENCIES[place.country])
            items.append((item, ids[at], place.id, account, quantity, *levels))
            if quantity:
                line = uuid_text(seed, "parts_line", ordinal)
                lines.append((line, item, 1, account, "RECEIPT", quantity, 0, 0, "demo"))
    yield batch(
        "product_item",
        "id product_id location_id account_id quantity_on_hand minimum_quantity maximum_quantity unit_cost_minor "
        "unit_cost_currency",
        items,
    )
    yield batch(
        "product_item_transaction", "id item_id position account_id kind on_hand reserved in_transit actor", lines
    )


def _quantity(shelf: int, at: int) -> int:
    """Up to thirteen; the last two parts are often out of stock."""
    seldom = 2 * (shelf % 4) if at > 5 else 0
    return max(0, (5 * shelf + 3 * at) % 14 - seldom)
