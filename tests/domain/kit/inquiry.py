"""A record type of the tests alone: every kind of field, every kind of guard, three states and two commands."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from domain.kit.errors import Invalid
from domain.kit.fields import DefaultsTo, Fixed, Ref, Series, reads, writes
from domain.kit.money import Money
from domain.kit.record import CATALOGUE, Record, entity, states
from domain.kit.rows import own, owner, shared
from domain.kit.store import Context
from domain.kit.values import Code, Count, Day, Email, Instant, Label, PersonName, Privacy, Text


class Answering(msgspec.Struct, forbid_unknown_fields=True):
    """What answering an inquiry takes."""

    text: Text
    fail: bool = False


class Reply(msgspec.Struct):
    """What was answered."""

    length: int


@entity(
    "inquiry",
    rows=own("dealer_account_id").to("PARTNER") | owner("owner_id") | shared(),
    grants={"GUEST": "r", "CUSTOMER": "r", "PARTNER": "r", "SALES": "cru", "SALES_MANAGER": "crud", "STAFF": "ru"},
    title="{name}",
    states=states("status", "NEW ANSWERED CLOSED"),
    moves={"close": "NEW | ANSWERED > CLOSED"},
    unique=("code where code is not null",),
    checks={"weight_positive": "weight >= 0"},
)
class Inquiry(Record, kw_only=True):
    """Somebody asks a dealer something."""

    number: Annotated[str, Series("Q-", 4)]
    code: Annotated[Code | None, Fixed()] = None
    name: PersonName
    email: Email | None = None
    kind: Literal["CAR", "PART"] = "CAR"
    weight: Count = 0
    budget: Annotated[Money | None, reads("SALES_MANAGER", "STAFF"), writes("SALES_MANAGER")] = None
    price: Money | None = None
    tags: list[Label] = []
    due_on: Day | None = None
    seen_at: Instant | None = None
    key: Annotated[str | None, Privacy.SECRET] = None
    dealer_account_id: Annotated[str, Ref("account"), DefaultsTo("account_id"), Fixed()]
    owner_id: Annotated[str | None, Ref("user")] = None
    status: str = "NEW"


@Inquiry.command("answer", move="NEW > ANSWERED", by="SALES SALES_MANAGER")
async def answer(ctx: Context, inquiry: Inquiry, data: Answering) -> Reply:
    """Answer the inquiry."""
    await ctx.update(inquiry, tags=[*inquiry.tags, "answered"])
    if data.fail:
        raise Invalid.at("/fail", "was asked for")
    return Reply(len(data.text))


CATALOGUE.pop("inquiry")  # not one of the product's
