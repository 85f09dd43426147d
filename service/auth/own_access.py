"""What signed-in users do about their own way of signing in: sessions, password, second factor."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec

from domain.kit.errors import Conflict, Forbidden, Invalid, Malformed, NotFound, TooManyRequests, Unauthenticated
from domain.kit.policy import keys
from domain.kit.query import id_or_nobody
from service.api.routing import PREFIX, Call, Kind, Route
from service.auth.mailed import PasswordText
from service.auth.mails import send_mail
from service.auth.passwords import acceptable, passwords
from service.auth.second_factor import (
    RECOVERY_CODES,
    matched_step,
    new_recovery_code,
    new_secret,
    provisioning_uri,
    recovery_hash,
    seal,
    unseal,
)
from service.auth.visitors import limited, limits

_USERS = keys("CUSTOMER PARTNER STAFF")


class Session(msgspec.Struct):
    """A place where the user is signed in."""

    id: str
    kind: str
    address: str | None
    agent: str | None
    began_at: datetime
    last_used_at: datetime
    expires_at: datetime
    is_this_one: bool


class Sessions(msgspec.Struct):
    """All of them, the latest used first."""

    items: list[Session]


class PasswordChange(msgspec.Struct, forbid_unknown_fields=True):
    """The present password and the one that takes its place."""

    current_password: PasswordText
    new_password: PasswordText


class PasswordShown(msgspec.Struct, forbid_unknown_fields=True):
    """The password, to show that it is the user who asks."""

    password: PasswordText


class PasswordAndCode(msgspec.Struct, forbid_unknown_fields=True):
    """The password and a code of the app, or a recovery code."""

    password: PasswordText
    otp: Annotated[str, msgspec.Meta(min_length=6, max_length=40)]


class OneTimeCode(msgspec.Struct, forbid_unknown_fields=True):
    """A code from the authenticator app."""

    otp: Annotated[str, msgspec.Meta(min_length=6, max_length=10)]


class Enrolment(msgspec.Struct):
    """What the authenticator app needs; shown this one time."""

    secret: str
    uri: str


class RecoveryCodes(msgspec.Struct):
    """Codes for a lost device, each good once; shown this one time."""

    recovery_codes: list[str]


async def _credential(call: Call) -> Any:
    if call.principal.user_id is None:
        raise Forbidden("Systems have secrets and no passwords")
    async with call.services.context(call.principal, readonly=True) as ctx:
        return await ctx.db.fetchrow(
            "select email, password_hash, otp_secret, otp_confirmed_at, otp_last_step from app.my_credential()"
        )


async def _proven(call: Call, password: str, pointer: str) -> Any:
    """The credential, if that is its password. A stolen session gives no more guesses than a stranger has."""
    found = await _credential(call)
    most = limits(call.services.settings)
    await limited(call.services, f"own password {call.principal.user_id}", most.failures, most.minutes)
    right, _ = await passwords(call.services).verify(password, found["password_hash"])
    if not right:
        raise Invalid.at(pointer, "is not your password")
    return found


async def _change_password(call: Call) -> None:
    asked: PasswordChange = call.body
    found = await _proven(call, asked.current_password, "/current_password")
    stored = await passwords(call.services).hash(acceptable(asked.new_password, found["email"], "/new_password"))
    if not await _own(
        call, "select app.change_password($1, $2, $3)", found["password_hash"], stored, call.principal.session_id
    ):
        raise Conflict("The password was changed at the same moment")
    await send_mail(call.services, found["email"], "password_changed", {})


async def _own(call: Call, sql: str, *arguments: Any) -> Any:
    async with call.services.context(call.principal) as ctx:
        return await ctx.db.fetchval(sql, *arguments)


async def _sessions(call: Call) -> Sessions:
    rows = await call.ctx.db.fetch(
        "select id, kind, address, agent, began_at, last_used_at, expires_at from app.my_sessions()"
    )
    return Sessions([Session(**row, is_this_one=row["id"] == call.principal.session_id) for row in rows])


async def _end_session(call: Call) -> None:
    if not await _own(call, "select app.end_my_session($1)", id_or_nobody(call.id)):
        raise NotFound("There is no session with this id")


async def _enrol(call: Call) -> Enrolment:
    found = await _proven(call, call.body.password, "/password")
    secret = new_secret()
    sealed = seal(call.services.settings.secret_key, str(call.principal.user_id), secret)
    if not await _own(call, "select app.enrol_otp($1)", sealed):
        raise Conflict("You have a second factor; disable it first")
    return Enrolment(secret, provisioning_uri(secret, found["email"]))


async def _confirm(call: Call) -> RecoveryCodes:
    found = await _credential(call)
    most = limits(call.services.settings)
    await limited(call.services, f"own code {call.principal.user_id}", most.failures, most.minutes)
    sealed = found["otp_secret"]
    if sealed is None or found["otp_confirmed_at"] is not None:
        raise Conflict("There is no second factor to confirm")
    secret = unseal(call.services.settings.secret_key, str(call.principal.user_id), sealed)
    step = matched_step(secret, call.body.otp, call.services.clock()) if secret else None
    if step is None:
        raise Invalid.at("/otp", "is not the code of this moment")
    codes = [new_recovery_code() for _ in range(RECOVERY_CODES)]
    hashes = [recovery_hash(code) for code in codes]
    if not await _own(call, "select app.confirm_otp($1, $2, $3, $4)", sealed, step, hashes, call.principal.session_id):
        raise Conflict("There is no second factor to confirm")
    return RecoveryCodes(codes)


async def _disable(call: Call) -> None:
    found = await _proven(call, call.body.password, "/password")
    if found["otp_confirmed_at"] is None:
        raise Conflict("There is no second factor")
    secret = unseal(call.services.settings.secret_key, str(call.principal.user_id), found["otp_secret"])
    step = matched_step(secret, call.body.otp, call.services.clock()) if secret else None
    recovery = recovery_hash(call.body.otp) if step is None else None
    if not await _own(call, "select app.disable_otp($1, $2, $3)", found["password_hash"], step, recovery):
        raise Invalid.at("/otp", "is not the code of this moment, or was used before")


def _route(
    method: str, path: str, thing: str, action: str, handler: Any, summary: str, kind: Kind = Kind.FREE, **more: Any
) -> Route:
    return Route(
        method=method,
        path=f"{PREFIX}/me/{path}",
        object=thing,
        action=action,
        handler=handler,
        kind=kind,
        grant=_USERS,
        summary=summary,
        problems=(Malformed, Unauthenticated, Forbidden, NotFound, Conflict, Invalid, TooManyRequests),
        **more,
    )


ROUTES = [
    _route("GET", "sessions", "session", "list", _sessions, "Where you are signed in", Kind.READ, returns=Sessions),
    _route("DELETE", "sessions/{id}", "session", "delete", _end_session, "Sign out there", status=204),
    _route(
        "POST",
        "password",
        "password",
        "change",
        _change_password,
        "Change your password; all other sessions end",
        body=PasswordChange,
        status=204,
    ),
    _route(
        "POST",
        "second-factor",
        "second_factor",
        "enrol",
        _enrol,
        "Begin with a second factor",
        body=PasswordShown,
        returns=Enrolment,
        status=201,
    ),
    _route(
        "POST",
        "second-factor/confirm",
        "second_factor",
        "confirm",
        _confirm,
        "Show that the authenticator works; all other sessions end",
        body=OneTimeCode,
        returns=RecoveryCodes,
    ),
    _route(
        "POST",
        "second-factor/disable",
        "second_factor",
        "disable",
        _disable,
        "Sign in by password alone again",
        body=PasswordAndCode,
        status=204,
    ),
]
