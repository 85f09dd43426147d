"""Sharing rules: checked against the licences' ceilings when saved, applied to the rows at once when they change."""

from __future__ import annotations

from typing import Any

from domain.accounts.ceilings import reachable
from domain.accounts.records import SharingRule
from domain.kit.errors import FieldError, Invalid
from domain.kit.events import on
from domain.kit.fields import Field
from domain.kit.record import BY_RULES, CATALOGUE
from domain.kit.schema import is_shared
from domain.kit.store import Context
from domain.kit.values import Privacy

_KINDS: dict[type, tuple[type, ...]] = {str: (str,), bool: (bool,), int: (int,), float: (int, float)}


@on("sharing_rule.created")
@on("sharing_rule.updated")
async def _checked(ctx: Context, rule: SharingRule, _: dict[str, Any]) -> None:
    personas = ("GUEST", "CUSTOMER", "PARTNER") if rule.audience == "PUBLIC" else ("PARTNER",)
    beyond = [persona for persona in personas if not reachable(persona, rule.record_type)]
    if beyond:
        raise Invalid.at("/record_type", f"can never be shown to the persona {beyond[0]}, whatever rules say")
    entity = CATALOGUE.get(rule.record_type)
    if entity is None or not is_shared(entity) or entity.audience != BY_RULES:
        raise Invalid.at("/record_type", "is not opened by sharing rules")
    faults = []
    for name, value in rule.criteria.items():
        fault = _fault(entity.fields.get(name), value)
        if fault:
            faults.append(FieldError(f"/criteria/{name}", fault))
    if faults:
        raise Invalid("Some criteria cannot be applied", errors=faults)
    if rule.status == "ACTIVE":
        await _applied(ctx, rule, {})


def _fault(field: Field | None, value: Any) -> str:
    if field is None or not field.listed or field.privacy is Privacy.SECRET or field.reads is not None:
        return "is no field that a rule may look at"
    if len(field.columns) != 1 or field.kind not in _KINDS or not isinstance(value, _KINDS[field.kind]):
        return "does not compare with this value"
    if isinstance(value, bool) and field.kind is not bool:
        return "does not compare with this value"
    if field.choices and value not in field.choices:
        return f"is one of {', '.join(field.choices)}"
    return ""


@on("sharing_rule.activate")
@on("sharing_rule.deactivate")
@on("sharing_rule.deleted")
async def _applied(ctx: Context, rule: SharingRule, _: dict[str, Any]) -> None:
    """Bring the audience of all rows of the type in line with the rules that are active now."""
    await ctx.db.execute("select app.reshare($1)", rule.record_type)
