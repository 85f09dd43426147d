"""Declares brands, accounts, people and their relations, users with their roles, clients and what is shared."""

from __future__ import annotations

from typing import Annotated, Literal

from domain.kit.fields import DefaultsTo, Fixed, Ref, Series, reads, writes
from domain.kit.record import Record, entity, states
from domain.kit.rows import everyone, own, owner, related, shared, staff_only
from domain.kit.values import (
    Address,
    Code,
    Country,
    Day,
    Email,
    Instant,
    Label,
    Locale,
    PersonName,
    Phone,
    Privacy,
    Text,
    TimeZone,
)

AccountId = Annotated[str, Ref("account")]
ContactId = Annotated[str, Ref("contact")]
UserId = Annotated[str, Ref("user")]

AccountRole = Literal["SELLING_DEALER", "SERVICING_DEALER", "LEAD", "PARENT", "SUPPLIER", "BANK", "HOUSEHOLD", "OTHER"]
_KNOWS_CUSTOMERS = "PARTNER CUSTOMER STAFF SYSTEM"
_NETWORK_KEEPERS = "CHANNEL_MANAGER ADMIN accounts.sync"
DealerRole = Literal[
    "SALES", "SALES_MANAGER", "BDC", "SERVICE_ADVISOR", "SERVICE_MANAGER", "TECHNICIAN", "PARTS", "WARRANTY_ADMIN",
    "GROUP_MANAGER", "SUPPLIER",
]  # fmt: skip
StaffRole = Literal[
    "ADMIN", "CHANNEL_MANAGER", "SALES_OPERATIONS", "TERRITORY_MANAGER", "ASSESSOR", "WARRANTY_MANAGER",
    "PRODUCT_MANAGER", "ADJUDICATOR", "FINANCE", "CAPTIVE_AGENT", "SERVICE_AGENT", "PLANT_OPERATOR", "QUALITY",
    "DISTRIBUTION", "MARKETING", "DESIGNER", "EXECUTIVE",
]  # fmt: skip


@entity(
    "brand",
    rows=everyone(),
    grants={"CUSTOMER": "r", "PARTNER": "r", "STAFF": "r", "SYSTEM": "r", "PRODUCT_MANAGER": "cru"},
    title="{name}",
    search=("code", "name"),
    unique=("code",),
)
class Brand(Record, kw_only=True):
    """A business brand of the manufacturer; rows that staff share carry its code."""

    code: Annotated[Code, Fixed()]
    name: Label


@entity(
    "account",
    rows=own("id") | related("id") | shared(),
    grants={
        "GUEST": "r",
        "CUSTOMER": "ru",
        "PARTNER": "r",
        "SALES": "ru",
        "SALES_MANAGER": "ru",
        "SERVICE_ADVISOR": "ru",
        "GROUP_MANAGER": "ru",
        "STAFF": "r",
        "CHANNEL_MANAGER": "cru",
        "SERVICE_AGENT": "cru",
        "SYSTEM": "r",
        "accounts.sync": "cru",
    },
    title="{name}",
    search=("name", "number"),
    indexes=("parent_account_id", "lower(name) text_pattern_ops"),
    checks={"person_is_no_partner": "kind = 'BUSINESS' or not is_partner", "no_own_parent": "parent_account_id <> id"},
    triggers={"sign_out": "after update of is_partner, is_active app.sign_out_account()"},
)
class Account(Record, kw_only=True):
    """A business or a private person; dealer groups are accounts with their branches below them."""

    number: Annotated[str, Series("A-", 6)]
    kind: Annotated[Literal["BUSINESS", "PERSON"], Fixed()]
    type: Annotated[
        Literal["CUSTOMER", "DEALER_GROUP", "DEALER", "SUPPLIER", "OEM", "OTHER"], writes(_NETWORK_KEEPERS)
    ] = "CUSTOMER"
    name: Annotated[Label, Privacy.PERSONAL]
    brands: Annotated[list[Code], writes(_NETWORK_KEEPERS)] = []
    parent_account_id: Annotated[str | None, Ref("account"), writes(_NETWORK_KEEPERS)] = None
    owner_id: Annotated[str | None, Ref("user"), reads("PARTNER STAFF SYSTEM"), writes("CHANNEL_MANAGER ADMIN")] = None
    is_partner: Annotated[bool, writes()] = False
    is_active: Annotated[bool, writes(_NETWORK_KEEPERS)] = True
    email: Annotated[Email | None, reads(_KNOWS_CUSTOMERS)] = None
    phone: Phone | None = None
    address: Annotated[Address | None, Privacy.PERSONAL] = None
    country: Country | None = None
    time_zone: TimeZone = "UTC"
    locale: Locale = "en"


@entity(
    "contact",
    rows=own("account_id") | related("account_id"),
    grants={
        "CUSTOMER": "ru",
        "PARTNER": "r",
        "SALES": "cru",
        "SALES_MANAGER": "cru",
        "BDC": "cru",
        "SERVICE_ADVISOR": "cru",
        "GROUP_MANAGER": "cru",
        "STAFF": "r",
        "CHANNEL_MANAGER": "cru",
        "SERVICE_AGENT": "cru",
        "SYSTEM": "r",
        "accounts.sync": "cru",
    },
    title="{first_name} {last_name}",
    search=("last_name", "email", "phone"),
    person="id",
    indexes=("lower(email)",),
)
class Contact(Record, kw_only=True):
    """A person one talks to; a person account has exactly one."""

    account_id: Annotated[str, Ref("account"), DefaultsTo("account_id"), Fixed()]
    first_name: PersonName | None = None
    last_name: PersonName
    email: Email | None = None
    phone: Phone | None = None
    address: Annotated[Address | None, Privacy.PERSONAL] = None
    birth_on: Annotated[Day | None, Privacy.PERSONAL, reads("CUSTOMER SERVICE_AGENT", "SERVICE_AGENT")] = None
    locale: Locale = "en"
    notes: Annotated[Text | None, reads("PARTNER STAFF SYSTEM")] = None


@entity(
    "account_account_relation",
    rows=own("account_id"),
    grants={"PARTNER": "r", "GROUP_MANAGER": "cru", "STAFF": "r", "SERVICE_AGENT": "cru", "CHANNEL_MANAGER": "cru"},
    title="{role}",
    unique=("account_id, related_account_id, role, starts_on",),
    indexes=("account_id, role, starts_on",),
    checks={"dates": "ends_on is null or ends_on >= starts_on", "two_sides": "account_id <> related_account_id"},
)
class AccountAccountRelation(Record, kw_only=True):
    """What one account is to another from a day until a day; a dealer sees a private customer through it alone."""

    account_id: Annotated[str, Ref("account"), Fixed()]
    related_account_id: Annotated[str, Ref("account"), Fixed()]
    role: Annotated[
        Literal["SELLING_DEALER", "SERVICING_DEALER", "LEAD", "PARENT", "SUPPLIER", "BANK", "HOUSEHOLD", "OTHER"],
        Fixed(),
    ]
    starts_on: Day
    ends_on: Day | None = None


@entity(
    "account_contact_relation",
    rows=own("account_id") | related("account_id"),
    grants={"CUSTOMER": "r", "PARTNER": "r", "GROUP_MANAGER": "cru", "STAFF": "r", "SERVICE_AGENT": "cru"},
    title="{role}",
    person="contact_id",
    unique=("account_id, contact_id, role, starts_on",),
    checks={"dates": "ends_on is null or ends_on >= starts_on"},
)
class AccountContactRelation(Record, kw_only=True):
    """What a person is to an account besides being its contact."""

    account_id: Annotated[str, Ref("account"), Fixed()]
    contact_id: Annotated[str, Ref("contact"), Fixed()]
    role: Annotated[Literal["EMPLOYEE", "DRIVER", "DECISION_MAKER", "BILLING", "OTHER"], Fixed()]
    starts_on: Day
    ends_on: Day | None = None


@entity(
    "contact_contact_relation",
    rows=own("account_id") | related("account_id"),
    grants={"CUSTOMER": "r", "PARTNER": "r", "STAFF": "r", "SERVICE_AGENT": "cru"},
    title="{role}",
    person="contact_id",
    unique=("contact_id, related_contact_id, role, starts_on",),
    checks={"dates": "ends_on is null or ends_on >= starts_on", "two_people": "contact_id <> related_contact_id"},
)
class ContactContactRelation(Record, kw_only=True):
    """What one person is to another; `account_id` is the account of the first."""

    account_id: Annotated[str, Ref("account"), Fixed()]
    contact_id: Annotated[str, Ref("contact"), Fixed()]
    related_contact_id: Annotated[str, Ref("contact"), Fixed()]
    role: Annotated[Literal["SPOUSE", "PARENT", "CHILD", "SIBLING", "EMPLOYER", "OTHER"], Fixed()]
    starts_on: Day
    ends_on: Day | None = None


@entity(
    "user",
    rows=owner("id") | own("account_id").to("PARTNER"),
    grants={
        "CUSTOMER": "ru",
        "PARTNER": "ru",
        "GROUP_MANAGER": "cru",
        "STAFF": "ru",
        "CHANNEL_MANAGER": "cru",
        "SERVICE_AGENT": "cru",
    },
    title="{name}",
    search=("name", "email"),
    person="contact_id",
    states=states("status", "INVITED ACTIVE SUSPENDED DEACTIVATED"),
    without="delete bulk import",
    unique=("lower(email)",),
    checks={
        "licence": "(persona = 'CUSTOMER') = (licence is not distinct from 'CUSTOMER_COMMUNITY_PLUS') "
        "and (persona = 'PARTNER') = (licence is not distinct from 'PARTNER_COMMUNITY')",
        "belongs": "(persona = 'STAFF') = (account_id is null) and (persona = 'STAFF') = (contact_id is null)",
    },
    triggers={"sign_out": "after update of status app.sign_out_user()"},
)
class User(Record, kw_only=True):
    """Somebody who can sign in: invited, active from the first sign-in, suspended for a time, deactivated for good."""

    email: Annotated[Email, Fixed()]
    name: PersonName
    persona: Annotated[Literal["CUSTOMER", "PARTNER", "STAFF"], Fixed()]
    licence: Annotated[Literal["CUSTOMER_COMMUNITY_PLUS", "PARTNER_COMMUNITY"] | None, Fixed()] = None
    account_id: Annotated[str | None, Ref("account"), Fixed()] = None
    contact_id: Annotated[str | None, Ref("contact"), Fixed()] = None
    brands: Annotated[list[Code], reads("STAFF"), writes("ADMIN")] = []
    locale: Locale = "en"
    time_zone: TimeZone = "UTC"
    status: str = "INVITED"
    first_login_at: Annotated[Instant | None, writes()] = None
    last_login_at: Annotated[Instant | None, writes()] = None


@entity(
    "role_assignment",
    rows=owner("user_id").read_only() | own("account_id").to("PARTNER"),
    grants={"PARTNER": "r", "GROUP_MANAGER": "crd", "STAFF": "r", "CHANNEL_MANAGER": "crd"},
    title="{role}",
    without="update",
    unique=("user_id, role, account_id where account_id is not null", "user_id, role where account_id is null"),
    checks={
        "place": "(account_id is not null) = (role in ('SALES', 'SALES_MANAGER', 'BDC', 'SERVICE_ADVISOR', "
        "'SERVICE_MANAGER', 'TECHNICIAN', 'PARTS', 'WARRANTY_ADMIN', 'GROUP_MANAGER', 'SUPPLIER'))"
    },
)
class RoleAssignment(Record, kw_only=True):
    """A role that a user holds: at one account (and its branches, for a group's manager) or, for staff, everywhere."""

    user_id: Annotated[str, Ref("user"), Fixed()]
    account_id: Annotated[str | None, Ref("account"), Fixed()] = None
    role: Annotated[Literal[DealerRole, StaffRole], Fixed()]


@entity(
    "api_client",
    rows=staff_only(),
    grants={"STAFF": "", "ADMIN": "crud"},
    title="{name}",
    unique=("client_id",),
    states=states("status", "ACTIVE REVOKED"),
    moves={"revoke": "ACTIVE > REVOKED"},
    without="bulk import delete",
    triggers={"sign_out": "after update of status app.sign_out_client()"},
)
class ApiClient(Record, kw_only=True):
    """A system of the manufacturer or of a dealer that calls with its own secret, within its scopes."""

    client_id: Annotated[Code, Fixed()]
    name: Label
    scopes: list[Code] = []
    brands: list[Code] = []
    account_id: Annotated[str | None, Ref("account"), Fixed()] = None
    status: str = "ACTIVE"
    last_used_at: Annotated[Instant | None, writes()] = None


@entity(
    "sharing_rule",
    rows=staff_only(),
    grants={"CHANNEL_MANAGER": "crud", "ADMIN": "crud"},
    title="{name}",
    states=states("status", "DRAFT ACTIVE INACTIVE"),
    moves={"activate": "DRAFT | INACTIVE > ACTIVE", "deactivate": "ACTIVE > INACTIVE"},
    without="bulk import",
)
class SharingRule(Record, kw_only=True):
    """Opens the rows of one record type that have certain values to the partner network or to the public."""

    name: Label
    record_type: Annotated[Code, Fixed()]
    audience: Literal["NETWORK", "PUBLIC"]
    criteria: dict[str, str | bool | int | float] = {}
    status: str = "DRAFT"


@entity(
    "prm_setting",
    rows=staff_only(),
    grants={"STAFF": "r", "CHANNEL_MANAGER": "r", "ADMIN": "r"},
    title="partner relationship management",
    states=states("status", "DISABLED REVIEWING ENABLED"),
    without="create update delete bulk import export",
    unique=("(true)",),
    triggers={"no_way_back": "before update or delete app.no_way_back()"},
)
class PrmSetting(Record, kw_only=True):
    """Whether partner relationship management is switched on; there is one, and no way back."""

    status: str = "DISABLED"
    enabled_at: Annotated[Instant | None, writes()] = None
