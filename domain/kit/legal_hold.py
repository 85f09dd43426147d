"""Legal holds: people whose data must not be erased while a matter is open."""

from __future__ import annotations

from typing import Annotated

from domain.kit.fields import Fixed, Ref, writes
from domain.kit.record import Record, entity, states
from domain.kit.rows import staff_only
from domain.kit.store import Context
from domain.kit.values import Instant, Privacy, Text


@entity(
    "legal_hold",
    rows=staff_only(),
    grants={"SERVICE_AGENT": "r", "FINANCE": "cr", "ADMIN": "crud"},
    title="hold of {contact_id}",
    person="contact_id",
    states=states("status", "PLACED RELEASED"),
    without="update delete bulk import export by-key",
    indexes=("contact_id where status = 'PLACED'",),
)
class LegalHold(Record, kw_only=True):
    """Keeps a person's data from erasure until it is released."""

    contact_id: Annotated[str, Ref("contact"), Fixed()]
    reason: Annotated[Text, Privacy.FREE_TEXT, Fixed()]
    status: str = "PLACED"
    released_at: Annotated[Instant | None, writes()] = None


@LegalHold.command("release", move="PLACED > RELEASED", by="FINANCE ADMIN")
async def release(ctx: Context, hold: LegalHold) -> LegalHold:
    """The matter is closed; the person may be erased again."""
    return await ctx.update(hold, released_at=ctx.now)
