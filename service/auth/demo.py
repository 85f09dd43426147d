"""Users and a system client with published passwords, for the demo and for tests."""

from __future__ import annotations

from collections.abc import Iterable

import asyncpg
import msgspec

from domain.kit.ids import new_id
from domain.kit.tokens import hashed
from service.auth.passwords import Passwords


class SeedUser(msgspec.Struct, frozen=True, kw_only=True):
    """A user to make. Partners hold the role at their account, staff everywhere; customers hold none."""

    id: str
    email: str
    name: str
    persona: str
    licence: str | None
    role: str | None
    account_id: str | None
    contact_id: str | None


async def seed_users(
    owner: asyncpg.Connection, users: Iterable[SeedUser], password: str, passwords: Passwords | None = None
) -> None:
    """Make the users, active and with this password, as the owner of the tables; those that are there stay.

    The password is hashed once for all. Their accounts and contacts are there already.
    """
    stored = await (passwords or Passwords()).hash(password)
    async with owner.transaction():
        for user in users:
            made = await owner.fetchval(
                'insert into "user" (id, created_at, updated_at, email, name, persona, licence, account_id, '
                "contact_id, status) values ($1, now(), now(), $2, $3, $4, $5, $6, $7, 'ACTIVE') "
                "on conflict (lower(email)) do nothing returning id",
                user.id,
                user.email,
                user.name,
                user.persona,
                user.licence,
                None if user.persona == "STAFF" else user.account_id,
                None if user.persona == "STAFF" else user.contact_id,
            )
            if made is None:
                continue
            await owner.execute(
                "insert into credential (user_id, password_hash, password_changed_at) values ($1, $2, now())",
                user.id,
                stored,
            )
            if user.role is not None:
                await owner.execute(
                    "insert into role_assignment (id, created_at, updated_at, user_id, account_id, role) "
                    "values ($1, now(), now(), $2, $3, $4)",
                    new_id(),
                    user.id,
                    user.account_id if user.persona == "PARTNER" else None,
                    user.role,
                )


async def seed_client(owner: asyncpg.Connection, client_id: str, name: str, secret: str, scopes: Iterable[str]) -> None:
    """Make a system client with this secret; one that is there stays."""
    id = new_id()
    async with owner.transaction():
        made = await owner.fetchval(
            "insert into api_client (id, created_at, updated_at, client_id, name, scopes) "
            "values ($1, now(), now(), $2, $3, $4) on conflict (client_id) do nothing returning id",
            id,
            client_id,
            name,
            sorted(scopes),
        )
        if made is not None:
            await owner.execute("select app.add_client_secret($1, $2, $3)", id, new_id(), hashed(secret))


async def enable_partners(owner: asyncpg.Connection) -> None:
    """Switch partner relationship management on, as the demo has it from the start."""
    await owner.execute("update prm_setting set status = 'ENABLED', enabled_at = now() where status <> 'ENABLED'")
