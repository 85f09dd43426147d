"""What guests, customers and partners may never reach, whatever is granted or shared: code, not rows."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from domain.kit.record import Entity

GUEST_TYPES = frozenset({"vehicle", "vehicle_definition", "asset", "account", "product", "asset_milestone"})
"""All that a guest can read at most."""
_SALES = ("lead", "opportunity", "quote", "campaign")
CUSTOMER_NEVER = _SALES
"""Record types (and their parts, by prefix) that the customer licence shuts out."""
PARTNER_NEVER = ("campaign",)


def _within(name: str, roots: Iterable[str]) -> bool:
    return any(name == root or name.startswith(f"{root}_") for root in roots)


def reachable(persona: str, name: str) -> bool:
    """Whether the persona's ceiling lets it reach records of that type at all."""
    if persona == "GUEST":
        return name in GUEST_TYPES
    if persona == "CUSTOMER":
        return not _within(name, CUSTOMER_NEVER)
    if persona == "PARTNER":
        return not _within(name, PARTNER_NEVER)
    return True


def breaches(entities: Collection[Entity]) -> list[str]:
    """Grants that go beyond a ceiling; guests write nothing."""
    beyond = [
        f"{entity.name} is granted to {persona}"
        for entity in entities
        for persona in ("GUEST", "CUSTOMER", "PARTNER")
        if set(entity.grants.get(persona, "")) & set("crud") and not reachable(persona, entity.name)
    ]
    written = [
        f"guests may write {entity.name}" for entity in entities if set(entity.grants.get("GUEST", "")) & set("cud")
    ]
    return beyond + written
