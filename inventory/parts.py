"""Parts in and out of stock: received, counted, reserved, consumed and sent to other locations, each with its line."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterable
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from domain.kit.access import at_account
from domain.kit.errors import Invalid, NotEnough, NotFound
from domain.kit.events import on
from domain.kit.policy import keys
from domain.kit.query import id_or_nobody
from domain.kit.store import Context, refusals
from domain.kit.values import Day, Id
from inventory.part_records import KEEPERS, ProductItem, Reference, Why

_KEEPERS = " ".join(KEEPERS) + " DISTRIBUTION ADMIN inventory.sync"
_CONSUMERS = f"{_KEEPERS} SERVICE_ADVISOR TECHNICIAN"
Quantity = Annotated[int, Meta(ge=1, le=1_000_000)]


class ReceiveParts(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Parts that have arrived; from a transfer, so many of those in transit have."""

    quantity: Quantity
    is_transfer: bool = False
    reference: Reference | None = None


class AdjustParts(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What counting has found more, or less, than the books say."""

    quantity: Annotated[int, Meta(ge=-1_000_000, le=1_000_000)]
    reason: Why


class ReserveParts(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Parts to keep for something."""

    quantity: Quantity
    reference: Reference


class IssueParts(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Parts that are consumed: of those reserved for the reference, or of the free ones where it is absent."""

    quantity: Quantity
    reference: Reference | None = None


class TransferParts(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Parts sent to another location, where they are in transit until received."""

    to_location_id: Id
    quantity: Quantity
    expected_on: Day | None = None
    reference: Reference | None = None


@on("product_item.created")
async def _at_own_account(ctx: Context, item: ProductItem, _: dict[str, Any]) -> None:
    """The account is the location's, so the roles that count are known only now."""
    at_account(ctx, ProductItem.entity, item.account_id, "c")


async def _book(
    ctx: Context,
    item_id: str,
    kind: str,
    *,
    on_hand: int = 0,
    reserved: int = 0,
    in_transit: int = 0,
    reference: str | None = None,
    reason: str | None = None,
    other: str | None = None,
    transfer: str | None = None,
) -> ProductItem:
    """Change the quantities of an item that is locked, with its line of the ledger."""
    with refusals(ProductItem.entity):
        await ctx.db.execute(
            "select app.book_parts($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            item_id,
            kind,
            on_hand,
            reserved,
            in_transit,
            reference,
            reason,
            other,
            transfer,
        )
    return await ctx.get(ProductItem, item_id)


def _free(item: ProductItem) -> int:
    return item.quantity_on_hand - item.quantity_reserved


def _short(item: ProductItem, wanted: int, available: int, of_what: str) -> NotEnough:
    return NotEnough(
        f"{wanted:,} wanted, {available:,} {of_what}",
        short=[{"product_id": item.product_id, "wanted": wanted, "available": available}],
    )


async def _reserved_for(ctx: Context, item_id: str, reference: str) -> int:
    found: int = await ctx.db.fetchval(
        "select coalesce(sum(reserved), 0)::bigint from product_item_transaction where item_id = $1 and reference = $2",
        item_id,
        reference,
    )
    return found


@ProductItem.command("receive", by=_KEEPERS)
async def receive(ctx: Context, item: ProductItem, data: ReceiveParts) -> ProductItem:
    """Take parts in that have arrived, from a supplier or from another location."""
    if not data.is_transfer:
        return await _book(ctx, item.id, "RECEIPT", on_hand=data.quantity, reference=data.reference)
    if data.quantity > item.quantity_in_transit:
        raise _short(item, data.quantity, item.quantity_in_transit, "in transit to this location")
    return await _book(
        ctx,
        item.id,
        "TRANSFER_IN",
        on_hand=data.quantity,
        in_transit=-data.quantity,
        reference=data.reference,
    )


@ProductItem.command("adjust", by=_KEEPERS)
async def adjust(ctx: Context, item: ProductItem, data: AdjustParts) -> ProductItem:
    """Correct the books after counting. Reserved parts are released first where they are missing."""
    if data.quantity == 0:
        raise Invalid.at("/quantity", "is zero, which corrects nothing")
    if _free(item) + data.quantity < 0:
        raise _short(item, -data.quantity, _free(item), "neither missing nor reserved")
    return await _book(ctx, item.id, "ADJUSTMENT", on_hand=data.quantity, reason=data.reason)


@ProductItem.command("reserve", by=_CONSUMERS)
async def reserve(ctx: Context, item: ProductItem, data: ReserveParts) -> ProductItem:
    """Keep parts for something, all of them or none."""
    if data.quantity > _free(item):
        raise _short(item, data.quantity, _free(item), "available")
    return await _book(ctx, item.id, "RESERVATION", reserved=data.quantity, reference=data.reference)


@ProductItem.command("release", by=_CONSUMERS)
async def release(ctx: Context, item: ProductItem, data: ReserveParts) -> ProductItem:
    """Give reserved parts back."""
    held = await _reserved_for(ctx, item.id, data.reference)
    if data.quantity > held:
        raise _short(item, data.quantity, held, "reserved under this reference")
    return await _book(ctx, item.id, "RELEASE", reserved=-data.quantity, reference=data.reference)


@ProductItem.command("issue", by=_CONSUMERS)
async def issue(ctx: Context, item: ProductItem, data: IssueParts) -> ProductItem:
    """Consume parts: those reserved for the reference, or free ones."""
    if data.reference is None:
        if data.quantity > _free(item):
            raise _short(item, data.quantity, _free(item), "available")
        return await _book(ctx, item.id, "ISSUE", on_hand=-data.quantity)
    held = await _reserved_for(ctx, item.id, data.reference)
    if data.quantity > held:
        raise _short(item, data.quantity, held, "reserved under this reference")
    return await _book(ctx, item.id, "ISSUE", on_hand=-data.quantity, reserved=-data.quantity, reference=data.reference)


@ProductItem.command("transfer", by=_KEEPERS, locks=False)
async def transfer(ctx: Context, item: ProductItem, data: TransferParts) -> ProductItem:
    """Send free parts to another location. The other end receives them; both items are locked in key order."""
    principal = ctx.principal
    if principal.persona == "PARTNER" and not (
        item.account_id in principal.units and principal.keys_at(item.account_id) & keys(_KEEPERS)
    ):
        raise NotFound("There is no product item with this id")
    to = await ctx.db.fetchval("select id from location where id = $1", id_or_nobody(data.to_location_id))
    if to is None:
        raise Invalid.at("/to_location_id", "refers to no record that you may see")
    if to == item.location_id:
        raise Invalid.at("/to_location_id", "is where the parts are")
    async with ctx.elevated():
        await ctx.db.execute(
            "insert into product_item (id, created_at, updated_at, product_id, location_id) "
            "values ($1, app.moment(), app.moment(), $2, $3) on conflict (product_id, location_id) do nothing",
            ctx.ids(),
            item.product_id,
            to,
        )
        here, there = await ctx.where(
            ProductItem, "product_id = $1 and location_id in ($2, $3)", item.product_id, item.location_id, to, lock=True
        )
        if here.id != item.id:
            here, there = there, here
        if data.quantity > _free(here):
            raise _short(here, data.quantity, _free(here), "available")
        number = ctx.ids()
        send = functools.partial(_book, ctx, reference=data.reference, transfer=number)
        await send(here.id, "TRANSFER_OUT", on_hand=-data.quantity, other=to)
        await send(there.id, "ANNOUNCEMENT", in_transit=data.quantity, other=here.location_id)
        if data.expected_on is not None:
            await ctx.update(await ctx.get(ProductItem, there.id), expected_on=data.expected_on)
    return await ctx.get(ProductItem, item.id)


async def reserve_parts(ctx: Context, location_id: str, wanted: Iterable[tuple[str, int]], reference: str) -> None:
    """Keep (product id, quantity) each of them at a location for something, all or nothing, whoever asks.

    Locks the items in key order. NotEnough lists every product that is short, also one that the location never had.
    """
    sums: Counter[str] = Counter()
    for product_id, quantity in wanted:
        if quantity < 1:
            raise ValueError("quantities are positive")
        sums[product_id] += quantity
    async with ctx.elevated():
        items = {item.product_id: item for item in await _locked(ctx, location_id, list(sums))}
        free = {product_id: _free(items[product_id]) if product_id in items else 0 for product_id in sums}
        short = [
            {"product_id": product_id, "wanted": quantity, "available": free[product_id]}
            for product_id, quantity in sums.items()
            if quantity > free[product_id]
        ]
        if short:
            raise NotEnough(f"{len(short)} of {len(sums)} products are short at this location", short=short)
        for product_id, quantity in sums.items():
            await _book(ctx, items[product_id].id, "RESERVATION", reserved=quantity, reference=reference)


async def release_parts(ctx: Context, location_id: str, reference: str) -> None:
    """Give back whatever is reserved at a location under the reference."""
    await _settle(ctx, location_id, reference, "RELEASE", consumed=False)


async def issue_parts(ctx: Context, location_id: str, reference: str) -> None:
    """Consume whatever is reserved at a location under the reference."""
    await _settle(ctx, location_id, reference, "ISSUE", consumed=True)


async def _settle(ctx: Context, location_id: str, reference: str, kind: str, *, consumed: bool) -> None:
    async with ctx.elevated():
        rows = await ctx.db.fetch(
            "select distinct i.product_id from product_item i join product_item_transaction t on t.item_id = i.id "
            "where i.location_id = $1 and t.reference = $2 order by i.product_id",
            id_or_nobody(location_id),
            reference,
        )
        for item in await _locked(ctx, location_id, [row[0] for row in rows]):
            held = await _reserved_for(ctx, item.id, reference)
            if held:
                gone = -held if consumed else 0
                await _book(ctx, item.id, kind, on_hand=gone, reserved=-held, reference=reference)


async def _locked(ctx: Context, location_id: str, product_ids: list[str]) -> list[ProductItem]:
    return await ctx.where(
        ProductItem,
        "location_id = $1 and product_id = any($2::uuid[])",
        id_or_nobody(location_id),
        [id_or_nobody(product_id) for product_id in product_ids],
        lock=True,
    )
