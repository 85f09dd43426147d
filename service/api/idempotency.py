"""Idempotency-Key: the first answer is stored in the transaction of its effect and given again to the same request."""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec

from domain.kit.db import Connection, Database
from domain.kit.errors import KeyReused, Malformed, RequestInProgress

_KEY = re.compile(r"[\x21-\x7e]{1,255}")


class Stored(msgspec.Struct, frozen=True):
    """An answer given before."""

    status: int
    headers: dict[str, str]
    body: bytes


class Claim(msgspec.Struct, frozen=True):
    """A key as it counts: of one caller, for one address, for one body."""

    caller: str
    route: str
    key: str
    body_hash: bytes


def claim_of(caller: str, route: str, key: str, body: bytes) -> Claim:
    """The claim of a request; Malformed for a key that is none."""
    if not _KEY.fullmatch(key):
        raise Malformed("An Idempotency-Key has 1 to 255 visible ASCII characters")
    return Claim(caller, route, key, hashlib.sha256(body).digest())


async def claimed(connection: Connection, claim: Claim) -> Stored | None:
    """Take the key for this transaction; the stored answer if there is one. RequestInProgress, KeyReused."""
    name = f"{claim.caller}\x1f{claim.route}\x1f{claim.key}"
    if not await connection.fetchval("select pg_try_advisory_xact_lock(hashtextextended($1, 0))", name):
        raise RequestInProgress
    row = await connection.fetchrow(
        "select status, headers, body, body_hash from idempotency "
        "where caller = $1 and route = $2 and key = $3 and created_at > now() - interval '24 hours'",
        claim.caller,
        claim.route,
        claim.key,
    )
    if row is None:
        return None
    if row["body_hash"] != claim.body_hash:
        raise KeyReused
    return Stored(row["status"], row["headers"], row["body"])


async def keep(connection: Connection, claim: Claim, stored: Stored) -> None:
    """Store the answer beside its effect; a key older than a day is taken anew."""
    await connection.execute(
        "insert into idempotency (caller, route, key, body_hash, status, headers, body) "
        "values ($1, $2, $3, $4, $5, $6, $7) "
        "on conflict (caller, route, key) do update set body_hash = excluded.body_hash, status = excluded.status, "
        "headers = excluded.headers, body = excluded.body, created_at = now()",
        claim.caller,
        claim.route,
        claim.key,
        claim.body_hash,
        stored.status,
        stored.headers,
        stored.body,
    )


@asynccontextmanager
async def alone(database: Database, claim: Claim | None) -> AsyncIterator[None]:
    """The only run under this key: an import is many transactions, so a lock of a session holds its key."""
    if claim is None:
        yield
        return
    pool = await database.pool("forecourt_guest")
    name = f"import {claim.caller} {claim.key}"
    async with pool.acquire(timeout=5) as connection:
        if not await connection.fetchval("select pg_try_advisory_lock(hashtextextended($1, 1))", name):
            raise RequestInProgress
        try:
            yield
        finally:
            try:
                await connection.execute("select pg_advisory_unlock_all()")
            except BaseException:
                connection.terminate()
                raise
