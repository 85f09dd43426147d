"""What starts or ends with a mailed token: registration, a forgotten password, an invitation.

Every answer is the same whether the address is known or not, and so is the work behind it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Annotated, Any

import msgspec

from domain.kit.errors import Invalid, Problem, TooManyRequests
from domain.kit.policy import keys
from domain.kit.tokens import ONCE, hashed, is_token, new_token
from domain.kit.values import Email, Locale, PersonName
from service.api.routing import EVERYBODY, PREFIX, Answer, Call, Kind, Route
from service.auth.mails import send_mail
from service.auth.passwords import acceptable, passwords
from service.auth.visitors import limited, limits, take, visitor

RESET_LASTS = timedelta(minutes=30)
REGISTRATION_LASTS = timedelta(hours=24)
_HOUR = 60
PasswordText = Annotated[str, msgspec.Meta(min_length=1, max_length=1_000)]
TokenText = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]


class Registration(msgspec.Struct, forbid_unknown_fields=True):
    """A private person who wants an account; the password is chosen when the address is confirmed."""

    email: Email
    last_name: PersonName
    first_name: PersonName | None = None
    locale: Locale = "en"


class ResetRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Whose password is forgotten."""

    email: Email


class NewPassword(msgspec.Struct, forbid_unknown_fields=True):
    """A mailed token and the password that is chosen with it."""

    token: TokenText
    password: PasswordText


class MailUnderWay(msgspec.Struct):
    """The answer to every address."""

    status: str = "MAIL_UNDER_WAY"


async def _may_mail(call: Call, address: str) -> bool:
    """Whether a mail may go to the address now; TooManyRequests where too many were asked for from one place."""
    most = limits(call.services.settings)
    where = visitor(call.request, call.services)
    await limited(call.services, f"mail from {where.places[0]}", most.mails_from_place, _HOUR)
    return await take(call.services, f"mail to {address.casefold()}", most.mails_to_address, _HOUR) == 0


async def _register(call: Call) -> Answer:
    asked: Registration = call.body
    if await _may_mail(call, asked.email):
        token = new_token(ONCE)
        told = {"first_name": asked.first_name, "last_name": asked.last_name, "locale": asked.locale}
        new = await _guest(
            call, "select app.begin_registration($1, $2, $3, $4)", asked.email, told, hashed(token), REGISTRATION_LASTS
        )
        template = "registration" if new else "registration_known"
        hours = int(REGISTRATION_LASTS.total_seconds()) // 3600
        link = f"/register/confirm?token={token}" if new else None
        await send_mail(call.services, asked.email, template, {"hours": hours}, link, asked.locale)
    return Answer(MailUnderWay(), status=202)


async def _forgotten(call: Call) -> Answer:
    asked: ResetRequest = call.body
    if await _may_mail(call, asked.email):
        token = new_token(ONCE)
        known = await _guest(call, "select app.begin_reset($1, $2, $3)", asked.email, hashed(token), RESET_LASTS)
        template = "password_reset" if known else "password_reset_unknown"
        minutes = int(RESET_LASTS.total_seconds()) // 60
        link = f"/reset-password?token={token}" if known else None
        await send_mail(call.services, asked.email, template, {"minutes": minutes}, link)
    return Answer(MailUnderWay(), status=202)


async def _guest(call: Call, sql: str, *arguments: Any) -> Any:
    pool = await call.services.database.pool("forecourt_guest")
    async with pool.acquire(timeout=5) as connection:
        return await connection.fetchval(sql, *arguments)


def _spent() -> Problem:
    return Invalid.at("/token", "is wrong, used or past its time; ask for a new one")


async def _chosen(call: Call, purpose: str) -> tuple[bytes, str, list[str]]:
    """The token's hash, the new password's and the caller's places; Invalid. Only a good token costs a hash."""
    asked: NewPassword = call.body
    mail = None
    if is_token(asked.token):
        mail = await _guest(call, "select app.token_mail($1, $2)", purpose, hashed(asked.token))
    if mail is None:
        raise _spent()
    stored = await passwords(call.services).hash(acceptable(asked.password, mail))
    return hashed(asked.token), stored, visitor(call.request, call.services).places


def _redeemed(purpose: str) -> Callable[[Call], Awaitable[None]]:
    async def handler(call: Call) -> None:
        token, stored, places = await _chosen(call, purpose)
        if await _guest(call, "select app.redeem_password($1, $2, $3, $4)", purpose, token, stored, places) is None:
            raise _spent()

    return handler


async def _registered(call: Call) -> None:
    token, stored, places = await _chosen(call, "REGISTRATION")
    new = call.services.ids
    made = await _guest(
        call,
        "select app.confirm_registration($1, $2, $3, $4, $5, $6)",
        token,
        stored,
        new(),
        new(),
        new(),
        places,
    )
    if made is None:
        raise _spent()


def _route(path: str, thing: str, action: str, handler: Any, body: Any, summary: str, **more: Any) -> Route:
    return Route(
        method="POST",
        path=f"{PREFIX}/{path}",
        object=thing,
        action=action,
        handler=handler,
        kind=Kind.FREE,
        grant=EVERYBODY,
        summary=summary,
        body=body,
        problems=(Invalid, TooManyRequests),
        **more,
    )


_ASKED = {"returns": MailUnderWay, "status": 202}
_DONE = {"status": 204}
GUESTS_ALONE = keys("GUEST")
ROUTES = [
    _route(
        "registrations", "registration", "create", _register, Registration, "Register as a private person", **_ASKED
    ),
    _route(
        "registrations/confirm",
        "registration",
        "confirm",
        _registered,
        NewPassword,
        "Confirm the address and choose a password",
        **_DONE,
    ),
    _route(
        "password-resets",
        "password_reset",
        "create",
        _forgotten,
        ResetRequest,
        "Ask for a mail to set a new password",
        **_ASKED,
    ),
    _route(
        "password-resets/confirm",
        "password_reset",
        "confirm",
        _redeemed("RESET"),
        NewPassword,
        "Set a new password by the mailed token; all sessions end",
        **_DONE,
    ),
    _route(
        "invitations/accept",
        "invitation",
        "accept",
        _redeemed("INVITATION"),
        NewPassword,
        "Set the first password by the mailed token",
        **_DONE,
    ),
]
