"""Signing in with mail, password and one-time code: the proof, what it is held against, and the session it opens."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any, Literal
from weakref import WeakValueDictionary

import msgspec

from domain.kit.policy import Principal
from domain.kit.tokens import COOKIE, LETTERS, REFRESH, hashed, new_token
from service.auth.passwords import passwords
from service.auth.principal import principal_of
from service.auth.second_factor import matched_step, recovery_hash, unseal
from service.auth.visitors import Visitor, limits
from service.services import Services

ACCESS_LASTS = timedelta(hours=1)
REFRESH_LASTS = timedelta(days=30)
SESSION_LASTS = timedelta(days=90)
BROWSER_LASTS = timedelta(hours=12)
BROWSER_IDLES = timedelta(hours=2)


class SignInRefused(Exception):
    """Why a sign-in is refused: the proof is wrong (or the user may not act: the same answer), the one-time code lacks,
    or too much was tried and `wait` seconds must pass."""

    def __init__(self, reason: Literal["WRONG", "CODE_LACKS", "WAIT"], wait: int = 0):
        super().__init__(reason)
        self.reason = reason
        self.wait = wait


class Proof(msgspec.Struct, frozen=True):
    """A user has shown the right password and, where there is one, the second factor."""

    user_id: str
    persona: str
    known_place: str | None
    password_hash: str
    new_hash: str | None
    otp_step: int | None
    recovery: bytes | None


class Opened(msgspec.Struct, frozen=True):
    """A session that has begun, with the tokens that are shown once."""

    principal: Principal
    access: str
    refresh: str | None


_turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()


async def prove(services: Services, mail: str, password: str, code: str | None, visitor: Visitor) -> Proof:
    """Hold the proof against what is stored; SignInRefused. Failures count, also for users who are not there.

    The attempts on one account take turns, so that a volley of guesses cannot outrun the count.
    """
    await _allowed(services, mail, visitor)
    turn = _turns.setdefault(mail.casefold(), asyncio.Lock())
    async with turn:
        found = await _allowed(services, mail, visitor)
        right, new_hash = await passwords(services).verify(password, found["password_hash"])
        if right and found["otp_secret"] is not None and not code:
            raise SignInRefused("CODE_LACKS")
        step, recovery = _second_factor(services, found, code) if right else (None, None)
        if right and (found["otp_secret"] is None or step is not None or recovery is not None):
            return Proof(
                user_id=found["user_id"],
                persona=found["persona"],
                known_place=found["known"],
                password_hash=found["password_hash"],
                new_hash=new_hash,
                otp_step=step,
                recovery=recovery,
            )
        await _failed(services, mail, visitor, found["known"])
        raise SignInRefused("WRONG")


def _second_factor(services: Services, found: Any, code: str | None) -> tuple[int | None, bytes | None]:
    if found["otp_secret"] is None or not code:
        return None, None
    secret = unseal(services.settings.secret_key, found["user_id"], found["otp_secret"])
    step = matched_step(secret, code, services.clock()) if secret else None
    if step is not None:
        return (step, None) if step > (found["otp_last_step"] or 0) else (None, None)
    return None, recovery_hash(code)


async def _allowed(services: Services, mail: str, visitor: Visitor) -> Any:
    most = limits(services.settings)
    pool = await services.database.pool("forecourt_guest")
    async with pool.acquire(timeout=5) as connection:
        found = await connection.fetchrow(
            "select user_id, persona, password_hash, otp_secret, otp_last_step, known, wait "
            "from app.sign_in($1, $2, $3, $4, $5, make_interval(mins => $6))",
            mail,
            visitor.places,
            most.failures,
            most.failures_from_strangers,
            most.failures_of_place,
            most.minutes,
        )
    if found["wait"]:
        raise SignInRefused("WAIT", found["wait"])
    return found


async def _failed(services: Services, mail: str, visitor: Visitor, known: str | None) -> None:
    pool = await services.database.pool("forecourt_guest")
    async with pool.acquire(timeout=5) as connection:
        await connection.execute("select app.sign_in_failed($1, $2, $3)", mail, visitor.places, known)


async def open_session(
    services: Services, mail: str, proof: Proof, visitor: Visitor, kind: Literal["TOKEN", "BROWSER"]
) -> Opened:
    """Begin a session after a proof; SignInRefused where the user may not act, or the proof was used or has passed."""
    browser = kind == "BROWSER"
    refresh = None if browser else new_token(REFRESH)
    access = new_token(COOKIE if browser else LETTERS[proof.persona])
    pool = await services.database.pool("forecourt_guest")
    async with pool.acquire(timeout=5) as connection:
        row = await connection.fetchrow(
            "select * from app.start_session($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
            proof.user_id,
            proof.password_hash,
            proof.new_hash,
            proof.otp_step,
            proof.recovery,
            services.ids(),
            kind,
            hashed(access),
            BROWSER_LASTS if browser else ACCESS_LASTS,
            hashed(refresh) if refresh else None,
            REFRESH_LASTS,
            BROWSER_IDLES if browser else None,
            BROWSER_LASTS if browser else SESSION_LASTS,
            visitor.address,
            visitor.agent,
            visitor.places,
        )
    if row is None:
        await _failed(services, mail, visitor, proof.known_place)
        raise SignInRefused("WRONG")
    return Opened(principal_of(row), access, refresh)
