"""Accounts, people, users and their roles, systems with their keys, and what is shared with whom."""

from domain.accounts.records import (
    Account,
    AccountAccountRelation,
    AccountContactRelation,
    AccountId,
    AccountRole,
    ApiClient,
    Brand,
    Contact,
    ContactContactRelation,
    ContactId,
    PrmSetting,
    RoleAssignment,
    SharingRule,
    User,
    UserId,
)

from domain.accounts import clients, partners, roles, sharing, users  # isort: skip - behaviour registers on the records

__all__ = [
    "Account",
    "AccountAccountRelation",
    "AccountContactRelation",
    "AccountId",
    "AccountRole",
    "ApiClient",
    "Brand",
    "Contact",
    "ContactContactRelation",
    "ContactId",
    "PrmSetting",
    "RoleAssignment",
    "SharingRule",
    "User",
    "UserId",
    "clients",
    "partners",
    "roles",
    "sharing",
    "users",
]
