"""The demo's users are those promised to callers."""

from domain.accounts.clients import SCOPES
from domain.kit.policy import DEALER_ROLES, STAFF_ROLES
from domain.kit.values import email_address
from service.demo.users import CLIENT, PASSWORD, USERS

PROMISED = {
    "customer": None, "customer2": None, "dealer": "SALES", "advisor": "SERVICE_ADVISOR",
    "service-manager": "SERVICE_MANAGER", "technician": "TECHNICIAN", "warranty": "WARRANTY_ADMIN",
    "manager": "GROUP_MANAGER", "dealer2": "SALES", "supplier": "SUPPLIER", "staff": "CHANNEL_MANAGER",
    "adjudicator": "ADJUDICATOR", "agent": "SERVICE_AGENT", "executive": "EXECUTIVE", "admin": "ADMIN",
}  # fmt: skip


def test_every_promised_user_is_there_with_the_promised_role() -> None:
    assert {user.login: user.role for user in USERS} == PROMISED
    assert {user.email for user in USERS} == {f"{login}@demo.forecourt.example" for login in PROMISED}
    assert PASSWORD == CLIENT.secret == "forecourt-demo"


def test_roles_fit_their_personas_and_licences_follow() -> None:
    for user in USERS:
        roles = {"PARTNER": DEALER_ROLES, "STAFF": STAFF_ROLES, "CUSTOMER": (None,)}[user.persona]
        assert user.role in roles
        assert email_address(user.email) == user.email
    assert {(user.persona, user.licence) for user in USERS} == {
        ("CUSTOMER", "CUSTOMER_COMMUNITY_PLUS"), ("PARTNER", "PARTNER_COMMUNITY"), ("STAFF", None)
    }  # fmt: skip


def test_the_system_client_has_every_bulk_scope() -> None:
    assert CLIENT.client_id == "demo-oem"
    assert set(CLIENT.scopes) == SCOPES.keys()
    assert {"inventory.sync", "availability.bulk", "eligibility.bulk", "slots.bulk"} <= SCOPES.keys()
