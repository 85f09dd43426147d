"""What the owner of a saved search is sent: cars as that owner may see them, in the owner's language."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from domain.kit.messages import SECRET_MARK, TEMPLATES, Channel, Message, send
from domain.kit.money import to_text
from domain.kit.store import Context
from domain.saved_searches.records import SavedSearch

TEMPLATE = "saved_search_alert"
PURPOSE = "SERVICE"
MOST_LISTED = 25
"""So many cars stand in one message; of further ones it tells the number."""
UNSUBSCRIBE_LINK = "link"

TEMPLATES.add(Path(__file__).parent / "templates")


class Recipient(msgspec.Struct, frozen=True):
    """The owner of a saved search, as mail and text reach them."""

    user_id: str
    contact_id: str | None
    name: str
    email: str
    phone: str | None
    locale: str
    time_zone: str


class Car(msgspec.Struct, frozen=True):
    """A car in a message."""

    id: str
    title: str
    listing_number: str
    price: str | None
    link: str


async def recipient_of(ctx: Context, search: SavedSearch) -> Recipient:
    """The owner; everybody who saves searches has a user."""
    row = await ctx.db.fetchrow(
        "select u.id, u.contact_id, u.name, u.email, c.phone, u.locale, u.time_zone "
        'from "user" u left join contact c on c.id = u.contact_id where u.id = $1',
        search.user_id,
    )
    return Recipient(*row)


async def wanted(ctx: Context, search: SavedSearch, recipient: Recipient) -> bool:
    """Whether the owner still wants to hear by this channel: of two words the later counts.

    Saving the alert asks for it. A consent to service messages that was withdrawn after the watch began ends it until
    the search is switched on again or the consent is given anew.
    """
    if not search.is_watched:
        return False
    if recipient.contact_id is None:
        return True
    refused: bool = await ctx.db.fetchval(
        "select coalesce(bool_or(withdrawn_at >= $4) and not bool_or(withdrawn_at is null), false) from consent "
        "where contact_id = $1 and purpose = $2 and channel in ($3, 'ANY')",
        recipient.contact_id,
        PURPOSE,
        search.channel,
        search.watched_since,
    )
    return not refused


async def cars_seen(ctx: Context, ids: Sequence[str]) -> list[Car]:
    """Those of the cars that stand in a stock which the caller of this transaction sees, by id."""
    rows = await ctx.db.fetch(
        "select v.id, v.listing_number, v.make, v.model, v.trim, v.model_year, e.price_minor, e.price_currency "
        "from vehicle v join stock_entry e on e.vehicle_id = v.id and e.left_on is null "
        "where v.id = any($1::uuid[]) order by v.id",
        list(ids),
    )
    return [
        Car(
            id=row["id"],
            title=" ".join(str(row[name]) for name in ("model_year", "make", "model", "trim") if row[name]),
            listing_number=row["listing_number"],
            price=None
            if row["price_minor"] is None
            else f"{to_text(row['price_minor'], row['price_currency'])} {row['price_currency']}",
            link=f"{ctx.public_url}/vehicles/{row['id']}",
        )
        for row in rows
    ]


def told(search: SavedSearch, recipient: Recipient, cars: Sequence[Car]) -> dict[str, Any]:
    """What fills the template, besides the link by which the alert is ended."""
    listed = [msgspec.structs.asdict(car) for car in cars[:MOST_LISTED]]
    return {"search": search.name, "name": recipient.name, "cars": listed, "count": len(cars)}


async def write(
    ctx: Context, search: SavedSearch, recipient: Recipient, cars: Sequence[Car], unsubscribe: str
) -> Message:
    """One message about all the cars. An owner who wanted texts and has removed the number is mailed."""
    by_text = search.channel == "SMS" and recipient.phone is not None
    channel: Channel = "SMS" if by_text else "EMAIL"
    message = await send(
        ctx,
        to=recipient.phone if by_text and recipient.phone is not None else recipient.email,
        template=TEMPLATE,
        data=told(search, recipient, cars),
        hidden={UNSUBSCRIBE_LINK: unsubscribe},
        channel=channel,
        purpose=PURPOSE,
        locale=recipient.locale,
        contact_id=recipient.contact_id,
        user_id=recipient.user_id,
    )
    assert message is not None  # only marketing and research are held back
    return message


async def rewritten(
    ctx: Context, message: Message, search: SavedSearch, recipient: Recipient, cars: Sequence[Car]
) -> Message:
    """The waiting message about the cars that are left."""
    shown = told(search, recipient, cars) | {UNSUBSCRIBE_LINK: SECRET_MARK.format(UNSUBSCRIBE_LINK)}
    subject, text, html = TEMPLATES.render(TEMPLATE, message.locale, shown)
    return await ctx.update(
        message, subject=subject[:500], text=text, html=html if message.channel == "EMAIL" else None
    )
