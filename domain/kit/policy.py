"""Who asks, and which keys (persona, roles, scopes) that caller holds, everywhere or at one account."""

from __future__ import annotations

from typing import Literal

import msgspec

Persona = Literal["GUEST", "CUSTOMER", "PARTNER", "STAFF", "SYSTEM"]
Keys = frozenset[str]

PERSONAS: tuple[Persona, ...] = ("GUEST", "CUSTOMER", "PARTNER", "STAFF", "SYSTEM")
_DEALER = (
    "SALES SALES_MANAGER BDC SERVICE_ADVISOR SERVICE_MANAGER TECHNICIAN PARTS WARRANTY_ADMIN GROUP_MANAGER SUPPLIER"
)
_STAFF = """ADMIN CHANNEL_MANAGER SALES_OPERATIONS TERRITORY_MANAGER ASSESSOR WARRANTY_MANAGER PRODUCT_MANAGER
ADJUDICATOR FINANCE CAPTIVE_AGENT SERVICE_AGENT PLANT_OPERATOR QUALITY DISTRIBUTION MARKETING DESIGNER EXECUTIVE"""
DEALER_ROLES = tuple(_DEALER.split())
STAFF_ROLES = tuple(_STAFF.split())
ROLE_CLASS: dict[str, str] = {
    "GUEST": "forecourt_guest",
    "CUSTOMER": "forecourt_customer",
    "PARTNER": "forecourt_partner",
    "STAFF": "forecourt_staff",
    "SYSTEM": "forecourt_staff",
}
"""Persona to the database role whose row policies apply to it."""


class Principal(msgspec.Struct, frozen=True, dict=True):
    """One caller as the database knows them at the moment of the request.

    `units` are the accounts whose rows are the caller's own (a dealer group's manager: the group and all branches; a
    customer: their account); `group_units`, those of the whole dealer group. `roles_at` tells which roles hold at
    which of them; `brands` None means every brand.
    """

    persona: Persona
    user_id: str | None = None
    account_id: str | None = None
    contact_id: str | None = None
    client_id: str | None = None
    units: tuple[str, ...] = ()
    group_units: tuple[str, ...] = ()
    roles: frozenset[str] = frozenset()
    roles_at: dict[str, frozenset[str]] = {}
    scopes: frozenset[str] = frozenset()
    brands: frozenset[str] | None = None
    session_id: str | None = None

    @property
    def keys(self) -> Keys:
        """Everything the caller may show at any door."""
        held = self.__dict__.get("_keys")
        if held is None:
            held = self.__dict__["_keys"] = frozenset({self.persona, *self.roles, *self.scopes})
        return held

    def keys_at(self, account_id: str | None) -> Keys:
        """The keys that count for a row of that account; roles held elsewhere do not."""
        if self.persona != "PARTNER" or account_id is None:
            return self.keys
        return frozenset({self.persona, *self.roles_at.get(account_id, ()), *self.scopes})

    def accounts_with(self, keys: Keys) -> list[str]:
        """The accounts at which the caller holds one of the keys."""
        return [unit for unit in self.units if self.keys_at(unit) & keys]

    @property
    def sees_everything(self) -> bool:
        """Staff and system clients are bound by brands and fields, not by accounts."""
        return self.persona in ("STAFF", "SYSTEM")

    @property
    def name(self) -> str:
        """The caller as cursors, keys and history know them; all guests are one."""
        return self.user_id or self.client_id or self.persona


GUEST = Principal("GUEST")
WORKER = Principal("SYSTEM", client_id="worker")
"""As whom the worker writes what nobody has asked for."""


def keys(text: str) -> Keys:
    """A set of keys from a spaced list: `keys("SALES STAFF inventory.sync")`; the words are checked."""
    found = frozenset(text.split())
    for word in found:
        if word not in KNOWN_KEYS and "." not in word:
            raise ValueError(f"{word} is neither a persona, a role nor a scope")
    return found


KNOWN_KEYS: Keys = frozenset({*PERSONAS, *DEALER_ROLES, *STAFF_ROLES})
