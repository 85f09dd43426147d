"""Makes users from the command line, such as the first administrator of a new deployment."""

from __future__ import annotations

import asyncpg

from domain.accounts.users import INVITATION_LASTS
from domain.kit.ids import new_id
from domain.kit.policy import STAFF_ROLES
from domain.kit.tokens import ONCE, hashed, new_token
from domain.kit.values import email_address
from service.ops.database import Addresses
from service.settings import OperatorError, Settings


async def create_first(settings: Settings, addresses: Addresses, *, role: str, email: str) -> str:
    """Make a staff user with this role as the owner of the tables and return what to tell the operator: a link that
    sets the password and works once. A user who is invited already gets a new link. Raises OperatorError."""
    if role not in STAFF_ROLES:
        raise OperatorError(f"{role} is no role of staff. Give one of {', '.join(STAFF_ROLES)}.")
    try:
        email = email_address(email)
    except ValueError as fault:
        raise OperatorError(f"{email!r} is no e-mail address: {fault}") from None
    if addresses.owner is None:
        raise OperatorError("FORECOURT_DATABASE_OWNER_URL is not set. Set it to the role that owns the tables.")
    token = new_token(ONCE)
    owner = await asyncpg.connect(addresses.owner)
    try:
        async with owner.transaction():
            await owner.execute("set local search_path = public; set local app.actor = 'command line'")
            user = await owner.fetchrow('select id, persona, status from "user" where lower(email) = lower($1)', email)
            if user is None:
                id = new_id()
                await owner.execute(
                    'insert into "user" (id, created_at, updated_at, email, name, persona) '
                    "values ($1, now(), now(), $2, $2, 'STAFF')",
                    id,
                    email,
                )
            elif user["persona"] != "STAFF" or user["status"] != "INVITED":
                raise OperatorError(f"{email} is a user already, with the status {user['status']}.")
            else:
                id = str(user["id"])
            await owner.execute(
                "insert into role_assignment (id, created_at, updated_at, user_id, role) "
                "values ($1, now(), now(), $2, $3) on conflict do nothing",
                new_id(),
                id,
                role,
            )
            await owner.execute(
                "select app.make_token('INVITATION', $1, $2, '{}', $3, $4)", id, email, hashed(token), INVITATION_LASTS
            )
    finally:
        await owner.close()
    return (
        f"{email} is invited as {role}. Within {INVITATION_LASTS.days} days, set the password at\n"
        f"{settings.public_url}/activate?token={token}\n"
        f"or by POST {settings.public_url}/api/v1/invitations/accept with the token {token}"
    )
