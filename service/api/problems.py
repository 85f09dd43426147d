"""The one table from whatever was raised to the answer that callers get (RFC 9457)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import asyncpg
import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException

from domain.kit.errors import (
    AlreadyExists,
    Conflict,
    Forbidden,
    InternalFault,
    Invalid,
    Malformed,
    MethodNotAllowed,
    NotAcceptable,
    NotFound,
    Problem,
    RequestTimeout,
    TooLarge,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
    UnsupportedMediaType,
)

log = structlog.get_logger("forecourt.problems")
MEDIA_TYPE = "application/problem+json"
LONGEST_ECHO = 500
"""Characters of a text that may hold what the caller sent."""
MOST_ERRORS = 200
_BY_STATUS: dict[int, type[Problem]] = {
    400: Malformed,
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    405: MethodNotAllowed,
    406: NotAcceptable,
    408: RequestTimeout,
    409: Conflict,
    413: TooLarge,
    415: UnsupportedMediaType,
    422: Invalid,
    429: TooManyRequests,
    503: Unavailable,
}
_AWAY = (
    asyncpg.InternalClientError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.PostgresSystemError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    ConnectionError,
    TimeoutError,
    asyncio.TimeoutError,
    OSError,
)
_AGAIN = (
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.LockNotAvailableError,
    asyncpg.QueryCanceledError,
)


def problem_of(fault: BaseException) -> Problem:
    """The refusal that an exception means."""
    if isinstance(fault, Problem):
        return fault
    if isinstance(fault, HTTPException):
        kind = _BY_STATUS.get(fault.status_code)
        return kind() if kind else InternalFault()
    if isinstance(fault, RecursionError):
        return Malformed("The input is nested too deeply")
    if isinstance(fault, asyncpg.PostgresError | asyncpg.InterfaceError | asyncpg.InternalClientError):
        return _of_database(fault)
    if isinstance(fault, _AWAY):
        return Unavailable("The database does not answer right now", retry_after=2)
    if isinstance(fault, UnicodeError | msgspec.DecodeError):
        return Malformed("The input cannot be read")
    return InternalFault()


def _of_database(fault: BaseException) -> Problem:
    if isinstance(fault, asyncpg.DataError):  # class 22, and arguments that the driver cannot encode
        return Malformed("A value cannot be stored")
    if isinstance(fault, _AGAIN):
        return Unavailable("Others are writing the same records; try again", retry_after=1)
    if isinstance(fault, _AWAY):
        return Unavailable("The database does not answer right now", retry_after=2)
    if isinstance(fault, asyncpg.UniqueViolationError | asyncpg.ExclusionViolationError):
        return AlreadyExists()
    if isinstance(fault, asyncpg.IntegrityConstraintViolationError):
        return Invalid("The record breaks a rule of the database")
    if isinstance(fault, asyncpg.InsufficientPrivilegeError):
        return Forbidden("This row lies outside what you may touch")
    return InternalFault()


def body_of(problem: Problem, request_id: str | None = None) -> dict[str, Any]:
    """The answer's members."""
    body: dict[str, Any] = {
        "type": f"urn:forecourt:problem:{problem.slug}",
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail[:LONGEST_ECHO],
    }
    if problem.errors:
        body["errors"] = [
            {
                "pointer": fault.pointer[:LONGEST_ECHO],
                "detail": fault.detail[:LONGEST_ECHO],
                **({"code": fault.code} if fault.code else {}),
            }
            for fault in problem.errors[:MOST_ERRORS]
        ]
    body.update({name: value for name, value in problem.data.items() if name != "retry_after"})
    if request_id:
        body["request_id"] = request_id
    return body


def answer(problem: Problem, request_id: str | None = None) -> Response[bytes]:
    """The HTTP answer of a refusal."""
    headers = {"cache-control": "no-store"}
    if problem.status in (429, 503):
        headers["retry-after"] = str(problem.data.get("retry_after", 1))
    if problem.status == 401:
        headers["www-authenticate"] = "Bearer"
    return Response(
        msgspec.json.encode(body_of(problem, request_id)),
        status_code=problem.status,
        media_type=MEDIA_TYPE,
        headers=headers,
    )


def allowed(methods: Iterable[str]) -> str:
    """The header Allow of an address with these methods: HEAD comes with GET, OPTIONS always."""
    found = {*methods, "OPTIONS"}
    return ", ".join(sorted(found | {"HEAD"} if "GET" in found else found))


def handle(request: Request[Any, Any, Any], fault: Exception) -> Response[bytes]:
    """Litestar's handler of everything that is raised."""
    problem = problem_of(fault)
    request_id = request.scope.get("state", {}).get("request_id")
    if problem.status >= 500:
        route = request.scope.get("path_template", "")  # a path may hold what logs must not
        log.error("refused", slug=problem.slug, route=route, request_id=request_id, exc_info=fault)
    response = answer(problem, request_id)
    if isinstance(fault, HTTPException) and fault.headers and problem.status == 405:
        response.headers["allow"] = allowed(fault.headers["allow"].split(", "))
    return response
