"""Leads: people who may buy, as far as a test drive needs them."""

from __future__ import annotations

from typing import Annotated

from domain.accounts.records import Contact
from domain.kit.fields import DefaultsTo, Fixed, Ref, Series
from domain.kit.record import Record, entity, states
from domain.kit.rows import own
from domain.kit.store import Context
from domain.kit.values import Code, Email, Label, PersonName, Phone, Privacy

_SELLERS = {"SALES": "cru", "SALES_MANAGER": "crud", "BDC": "cru", "GROUP_MANAGER": "crud"}


@entity(
    "lead",
    rows=own("account_id").to("PARTNER"),
    grants={**_SELLERS, "STAFF": "r", "CHANNEL_MANAGER": "cru", "SYSTEM": "r", "leads.sync": "cru"},
    title="{first_name} {last_name}",
    search=("last_name", "email", "phone"),
    brand="brand",
    person="contact_id",
    states=states("status", "NEW"),
    indexes=("owner_id, created_at desc",),
    checks={"email": "email is not null or phone is not null or contact_id is not null"},
)
class Lead(Record, kw_only=True):
    """Somebody who may buy: a known contact, or a name with an address to answer to."""

    number: Annotated[str, Series("L-", 8)]
    account_id: Annotated[str | None, Ref("account"), DefaultsTo("account_id"), Fixed()] = None
    """The dealer who works on it; none: the organisation."""
    owner_id: Annotated[str | None, Ref("user"), DefaultsTo("user_id")] = None
    brand: Code | None = None
    contact_id: Annotated[str | None, Ref("contact")] = None
    first_name: PersonName | None = None
    last_name: PersonName
    company: Annotated[Label | None, Privacy.PERSONAL] = None
    email: Email | None = None
    phone: Phone | None = None
    source: Code | None = None
    status: str = "NEW"


async def person(ctx: Context, lead: Lead) -> tuple[str, str | None, str | None]:
    """Name, mail address and phone of a lead; what it lacks comes from its contact."""
    email, phone = lead.email, lead.phone
    if lead.contact_id is not None and (email is None or phone is None):
        contact = await ctx.find(Contact, lead.contact_id)
        if contact is not None:
            email, phone = email or contact.email, phone or contact.phone
    return " ".join(filter(None, (lead.first_name, lead.last_name))), email, phone
