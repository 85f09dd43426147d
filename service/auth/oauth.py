"""The token endpoint (RFC 6749) and revocation (RFC 7009): forms in, JSON out, errors as those standards say."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any, Literal
from urllib.parse import unquote_plus

import msgspec

from domain.kit.errors import Malformed, TooManyRequests
from domain.kit.tokens import LETTERS, REFRESH, hashed, is_token, new_token
from service.api import bodies
from service.api.routing import EVERYBODY, PREFIX, Answer, Call, Kind, Route
from service.auth.principal import principal_of
from service.auth.signing_in import ACCESS_LASTS, REFRESH_LASTS, Opened, SignInRefused, open_session, prove
from service.auth.visitors import Visitor, limits, take, visitor
from service.ops.deadlines import BodyLimit

FORM = "application/x-www-form-urlencoded"
_FORM_LIMIT = BodyLimit(most_bytes=16_384)
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+( [\x21\x23-\x5b\x5d-\x7e]+)*")
_LONGEST_VALUE = 2_000

Code = Literal[
    "invalid_request", "invalid_client", "invalid_grant", "unsupported_grant_type", "invalid_scope", "otp_required",
    "temporarily_unavailable",
]  # fmt: skip


class TokenAnswer(msgspec.Struct, omit_defaults=True):
    """An access token; systems get no refresh token, for they can ask anew."""

    access_token: str
    token_type: str
    expires_in: int
    scope: str
    refresh_token: str | None = None


class TokenError(msgspec.Struct):
    """RFC 6749 §5.2; `otp_required` and `temporarily_unavailable` are ours."""

    error: Code
    error_description: str


class _Refused(Exception):
    def __init__(self, code: Code, description: str, status: int = 400, headers: dict[str, str] | None = None):
        super().__init__(code)
        self.answer = Answer(TokenError(code, description), status=status, headers=headers or {})


async def _form(call: Call) -> dict[str, str]:
    """The parameters of the form; each at most once, empty ones as if they were not there (RFC 6749 §3.2)."""
    media = call.request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media != FORM:
        raise _Refused("invalid_request", f"Send {FORM}")
    if call.raw:
        raise _Refused("invalid_request", "Parameters belong into the body")
    try:
        pairs = bodies.pairs((await call.request.body()).strip())
    except Malformed as fault:
        raise _Refused("invalid_request", fault.detail) from None
    found: dict[str, str] = {}
    for name, value in pairs:
        if name in found:
            raise _Refused("invalid_request", "A parameter is given twice")
        if len(value) > _LONGEST_VALUE:
            raise _Refused("invalid_request", "A parameter is too long")
        found[name] = value
    return {name: value for name, value in found.items() if value}


def _needed(form: dict[str, str], name: str) -> str:
    if name not in form:
        raise _Refused("invalid_request", f"The parameter {name} lacks")
    return form[name]


async def _token(call: Call) -> Answer:
    try:
        form = await _form(call)
        grant = _needed(form, "grant_type")
        scopes = _scopes(form)
        where = visitor(call.request, call.services)
        if grant == "client_credentials":
            return await _client(call, form, scopes, where)
        if scopes:
            raise _Refused("invalid_scope", "Users have roles and no scopes")
        if grant == "password":
            return await _password(call, form, where)
        if grant == "refresh_token":
            return await _refresh(call, _needed(form, "refresh_token"))
        raise _Refused("unsupported_grant_type", "Take password, client_credentials or refresh_token")
    except _Refused as refusal:
        return refusal.answer


def _scopes(form: dict[str, str]) -> list[str] | None:
    if "scope" not in form:
        return None
    if not _SCOPE.fullmatch(form["scope"]):
        raise _Refused("invalid_scope", "Scopes are words with one space between them")
    return sorted(set(form["scope"].split(" ")))


async def _password(call: Call, form: dict[str, str], where: Visitor) -> Answer:
    mail, password = _needed(form, "username").strip(), _needed(form, "password")
    try:
        proof = await prove(call.services, mail, password, form.get("otp"), where)
        return _granted(await open_session(call.services, mail, proof, where, "TOKEN"))
    except SignInRefused as refusal:
        if refusal.reason == "WAIT":
            raise _wait(refusal.wait) from None
        if refusal.reason == "CODE_LACKS":
            raise _Refused("otp_required", "This user has a second factor: send its code as otp") from None
        raise _Refused("invalid_grant", "The user, the password or the one-time code is wrong") from None


def _wait(seconds: int) -> _Refused:
    headers = {"retry-after": str(seconds)}
    return _Refused("temporarily_unavailable", "Too many attempts failed", TooManyRequests.status, headers)


def _granted(opened: Opened) -> Answer:
    return Answer(
        TokenAnswer(opened.access, "Bearer", int(ACCESS_LASTS.total_seconds()), "", opened.refresh),
        headers={"pragma": "no-cache"},
    )


async def _refresh(call: Call, shown: str) -> Answer:
    if is_token(shown):
        services = call.services
        following = new_token(REFRESH)
        pool = await services.database.pool("forecourt_guest")
        async with pool.acquire(timeout=5) as connection, connection.transaction():
            persona = await connection.fetchval("select app.refresh_persona($1)", hashed(shown))
            access = new_token(LETTERS.get(persona, "x"))
            row = await connection.fetchrow(
                "select * from app.refresh_session($1, $2, $3, $4, $5)",
                hashed(shown),
                hashed(access),
                ACCESS_LASTS,
                hashed(following),
                REFRESH_LASTS,
            )
        if row is not None:
            return _granted(Opened(principal_of(row), access, following))
    raise _Refused("invalid_grant", "The refresh token is wrong, expired, revoked or was used before")


def _credentials(call: Call, form: dict[str, str]) -> tuple[str, str]:
    """Client id and secret from the Authorization header or the body, never from both (RFC 6749 §2.3.1)."""
    header = call.request.headers.get("authorization")
    if header is None:
        return _needed(form, "client_id"), _needed(form, "client_secret")
    if "client_secret" in form:
        raise _Refused("invalid_request", "The client shows its secret twice")
    scheme, _, value = header.partition(" ")
    try:
        if scheme.lower() != "basic":
            raise ValueError(scheme)
        name, colon, secret = base64.b64decode(value.strip(), validate=True).decode().partition(":")
        if not colon:
            raise ValueError("no colon")
    except (ValueError, binascii.Error):
        raise _unknown_client() from None
    name, secret = unquote_plus(name), unquote_plus(secret)
    if "\x00" in name or len(name) > _LONGEST_VALUE:
        raise _unknown_client()
    return name, secret


def _unknown_client() -> _Refused:
    headers = {"www-authenticate": 'Basic realm="forecourt"'}
    return _Refused("invalid_client", "The client or its secret is wrong", 401, headers)


async def _client(call: Call, form: dict[str, str], scopes: list[str] | None, where: Visitor) -> Answer:
    services = call.services
    name, secret = _credentials(call, form)
    access = new_token(LETTERS["SYSTEM"])
    pool = await services.database.pool("forecourt_guest")
    async with pool.acquire(timeout=5) as connection:
        row = await connection.fetchrow(
            "select * from app.start_client_session($1, $2, $3, $4, $5, $6, $7, $8)",
            name,
            hashed(secret),
            scopes,
            services.ids(),
            hashed(access),
            ACCESS_LASTS,
            where.address,
            where.agent,
        )
    if row["outcome"] == "CLIENT":
        most = limits(services.settings)
        wait = await take(services, f"client {where.places[0]}", most.failures_of_place, most.minutes)
        raise _wait(wait) if wait else _unknown_client()
    if row["outcome"] == "SCOPE":
        raise _Refused("invalid_scope", "The client does not have all of these scopes")
    answer = TokenAnswer(access, "Bearer", int(ACCESS_LASTS.total_seconds()), " ".join(row["scopes"]))
    return Answer(answer, headers={"pragma": "no-cache"})


async def _revoke(call: Call) -> Answer:
    """Ends the session of a token; an unknown one is answered alike. Who holds the token may."""
    try:
        form = await _form(call)
        shown = _needed(form, "token")
    except _Refused as refusal:
        return refusal.answer
    if is_token(shown):
        pool = await call.services.database.pool("forecourt_guest")
        async with pool.acquire(timeout=5) as connection:
            await connection.execute("select app.revoke_token($1)", hashed(shown))
    return Answer(b"{}")


def _route(path: str, action: str, handler: Any, summary: str, returns: Any) -> Route:
    return Route(
        method="POST",
        path=f"{PREFIX}/oauth/{path}",
        object="token",
        action=action,
        handler=handler,
        kind=Kind.FREE,
        grant=EVERYBODY,
        summary=summary,
        returns=returns,
        query=None,
        streams=(FORM,),
        problems=(TooManyRequests,),
        body_limit=_FORM_LIMIT,
    )


ROUTES = [
    _route("token", "create", _token, "An access token for a password, a secret or a refresh token", TokenAnswer),
    _route("revoke", "revoke", _revoke, "End the session of a token", None),
]
