"""How a caller stands to a record: what they may read and write that hangs on it (files, notes)."""

from __future__ import annotations

import msgspec

from domain.kit import access
from domain.kit.errors import Forbidden, NotFound
from domain.kit.policy import Principal
from domain.kit.query import id_or_nobody
from domain.kit.record import CATALOGUE, Entity
from domain.kit.schema import quoted
from domain.kit.store import Context
from domain.kit.views import own_sql


class Standing(msgspec.Struct, frozen=True):
    """A record that the caller sees: whether it is their own (staff: everything is), and whether they may change it."""

    record_type: str
    record_id: str
    own: bool
    changes: bool


async def standing(ctx: Context, entity: Entity, id: str) -> Standing:
    """The caller's standing; NotFound where they do not see the record."""
    await access.read(ctx, entity, id)
    principal = ctx.principal
    account = quoted(entity.account) if entity.account else "null::uuid"
    row = await ctx.db.fetchrow(
        f"select ({own_sql(entity, principal)}), {account} from {quoted(entity.table)} where id = $1", id_or_nobody(id)
    )
    if row is None:
        raise NotFound
    own = bool(row[0])
    held = principal.keys_at(row[1] if row[1] in principal.units else None)
    changes = own and (entity.allows(held, "u") or entity.allows(held, "c"))
    return Standing(entity.name, id, own, changes)


def must_change(found: Standing) -> None:
    """Forbidden for a record that the caller may see but not change."""
    if not found.changes:
        raise Forbidden("You may see but not change this record")


def circles(principal: Principal, own: bool, by_persona: dict[str, tuple[str, ...]], anybody: str | None) -> list[str]:
    """The circles of readers that the caller belongs to; `anybody` is the one that sees others' records too."""
    found = list(by_persona.get(principal.persona, ())) if own else []
    return [*found, *([anybody] if anybody is not None and anybody not in found else [])]


def record_types() -> list[Entity]:
    """The record types that files and notes may hang on: all but the kit's own."""
    return [entity for entity in CATALOGUE.values() if not entity.area.startswith("domain.kit")]
