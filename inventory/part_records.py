"""Parts stock: how many of a product stand at a location, and the ledger that the quantities sum up."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from domain.kit.fields import Fixed, Ref, reads, writes
from domain.kit.money import Money
from domain.kit.record import Record, entity
from domain.kit.rows import everyone, own
from domain.kit.values import Checked, Code, Count, Day, Id, Privacy, Whole, printable

Reference = Annotated[str, Meta(min_length=1, max_length=100), Checked(printable)]
"""What quantities are taken for: the number of an order, appointment or claim."""
Why = Annotated[str, Meta(min_length=1, max_length=500), Checked(printable), Privacy.FREE_TEXT]
KEEPERS = {"PARTS": "cru", "SERVICE_MANAGER": "cru", "GROUP_MANAGER": "cru"}
_OWN = "PARTNER STAFF SYSTEM"
_GRANTS = {"PARTNER": "r", "STAFF": "r", "SYSTEM": "r"}


@entity(
    "product_item",
    rows=own("account_id").to("PARTNER") | everyone().to("PARTNER"),
    grants={**_GRANTS, **KEEPERS, "DISTRIBUTION": "cru", "inventory.sync": "cru"},
    title="{product_id}",
    brand="brand",
    unique=("product_id, location_id",),
    indexes=("location_id, product_id",),
    without="delete",
    triggers={"placed": "before insert app.place_product_item()"},
    checks={
        "on_hand": "quantity_on_hand >= 0",
        "reserved": "quantity_reserved between 0 and quantity_on_hand",
        "in_transit": "quantity_in_transit >= 0",
        "minimum": "minimum_quantity >= 0",
        "maximum": "maximum_quantity >= coalesce(minimum_quantity, 0)",
        "unit_cost_positive": "unit_cost_minor >= 0",
    },
)
class ProductItem(Record, kw_only=True):
    """What a location has of a product. Quantities change by commands alone, each a line of the ledger.

    Every dealer sees every dealer's quantities; order levels and costs are the keeper's own.
    """

    product_id: Annotated[str, Ref("product"), Fixed()]
    location_id: Annotated[str, Ref("location"), Fixed()]
    account_id: Annotated[str | None, Ref("account"), writes()] = None
    """The dealer whose location it is; none: the organisation."""
    brand: Annotated[Code | None, writes()] = None
    quantity_on_hand: Annotated[Count, writes()] = 0
    quantity_reserved: Annotated[Count, writes()] = 0
    quantity_in_transit: Annotated[Count, writes()] = 0
    """Sent here from another location and not received yet."""
    expected_on: Day | None = None
    minimum_quantity: Annotated[Count | None, reads(_OWN)] = None
    maximum_quantity: Annotated[Count | None, reads(_OWN)] = None
    unit_cost: Annotated[Money | None, reads(_OWN)] = None


@entity(
    "product_item_transaction",
    rows=own("account_id").to("PARTNER"),
    grants=_GRANTS,
    title="{kind}",
    brand="brand",
    without="create update delete bulk import commands",
    unique=("item_id, position",),
    indexes=("item_id, reference where reference is not null",),
    checks={"position_positive": "position > 0"},
    triggers={"kept": "before update or delete app.append_only('reason')"},
)
class ProductItemTransaction(Record, kw_only=True):
    """One change of the quantities of one product item, never changed itself: its lines sum up to the quantities."""

    item_id: Annotated[str, Ref("product_item"), Fixed()]
    position: Annotated[Count, Fixed()]
    """The item's version that the line made."""
    account_id: Annotated[str | None, Ref("account")] = None
    brand: Code | None = None
    kind: Literal[
        "RECEIPT", "ADJUSTMENT", "RESERVATION", "RELEASE", "ISSUE", "TRANSFER_OUT", "ANNOUNCEMENT", "TRANSFER_IN"
    ]
    on_hand: Whole
    reserved: Whole
    in_transit: Whole
    reference: Reference | None = None
    reason: Why | None = None
    other_location_id: Annotated[str | None, Ref("location")] = None
    """The other end of a transfer."""
    transfer_id: Id | None = None
    """Equal in the lines of both ends."""
    actor: Annotated[str, Meta(max_length=200)]


from inventory import parts  # noqa: E402, F401 # isort: skip - behaviour registers on the records
