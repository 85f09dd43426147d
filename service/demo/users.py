"""Who can sign in to the demo: one user a role and one system client, as promised to callers."""

from __future__ import annotations

from typing import Literal

import msgspec

from domain.accounts.clients import SCOPES

DOMAIN = "demo.forecourt.example"
PASSWORD = "forecourt-demo"  # noqa: S105 - published; the demo answers on loopback only

Persona = Literal["CUSTOMER", "PARTNER", "STAFF"]
Belongs = Literal[
    "FIRST_CUSTOMER", "SINGLE_CUSTOMER", "DEALER", "DEALER_GROUP", "OTHER_GROUPS_DEALER", "SUPPLIER", "OEM"
]
LICENCES: dict[str, str | None] = {
    "CUSTOMER": "CUSTOMER_COMMUNITY_PLUS",
    "PARTNER": "PARTNER_COMMUNITY",
    "STAFF": None,
}


class DemoUser(msgspec.Struct, frozen=True):
    """A demo user: the name before the @, the persona, the role (None: a customer has none) and the account."""

    login: str
    name: str
    persona: Persona
    role: str | None
    belongs_to: Belongs

    @property
    def email(self) -> str:
        return f"{self.login}@{DOMAIN}"

    @property
    def licence(self) -> str | None:
        return LICENCES[self.persona]


class DemoClient(msgspec.Struct, frozen=True):
    """A demo system client."""

    client_id: str
    name: str
    secret: str
    scopes: tuple[str, ...]


USERS = (
    DemoUser("customer", "Demo Customer", "CUSTOMER", None, "FIRST_CUSTOMER"),
    DemoUser("customer2", "Second Demo Customer", "CUSTOMER", None, "SINGLE_CUSTOMER"),
    DemoUser("dealer", "Demo Salesperson", "PARTNER", "SALES", "DEALER"),
    DemoUser("advisor", "Demo Service Advisor", "PARTNER", "SERVICE_ADVISOR", "DEALER"),
    DemoUser("service-manager", "Demo Service Manager", "PARTNER", "SERVICE_MANAGER", "DEALER"),
    DemoUser("technician", "Demo Technician", "PARTNER", "TECHNICIAN", "DEALER"),
    DemoUser("warranty", "Demo Warranty Administrator", "PARTNER", "WARRANTY_ADMIN", "DEALER"),
    DemoUser("manager", "Demo Group Manager", "PARTNER", "GROUP_MANAGER", "DEALER_GROUP"),
    DemoUser("dealer2", "Demo Salesperson of Another Group", "PARTNER", "SALES", "OTHER_GROUPS_DEALER"),
    DemoUser("supplier", "Demo Supplier", "PARTNER", "SUPPLIER", "SUPPLIER"),
    DemoUser("staff", "Demo Channel Manager", "STAFF", "CHANNEL_MANAGER", "OEM"),
    DemoUser("adjudicator", "Demo Adjudicator", "STAFF", "ADJUDICATOR", "OEM"),
    DemoUser("agent", "Demo Service Agent", "STAFF", "SERVICE_AGENT", "OEM"),
    DemoUser("executive", "Demo Executive", "STAFF", "EXECUTIVE", "OEM"),
    DemoUser("admin", "Demo Administrator", "STAFF", "ADMIN", "OEM"),
)
CLIENT = DemoClient("demo-oem", "Demo OEM systems", PASSWORD, tuple(sorted(SCOPES)))
