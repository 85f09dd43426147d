"""The one tree of refusals that the product knows, each with its slug, title and HTTP status; no web imports."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec


class FieldError(msgspec.Struct, frozen=True, omit_defaults=True):
    """One fault in the input: where (a JSON pointer into the body, or `?name` for a query parameter) and what."""

    pointer: str
    detail: str
    code: str | None = None


class Problem(Exception):
    """Root of all refusals; abstract, so that nobody can raise one without a slug of its own."""

    slug: ClassVar[str] = ""
    title: ClassVar[str] = ""
    status: ClassVar[int] = 500

    def __init__(self, detail: str = "", *, errors: tuple[FieldError, ...] | list[FieldError] = (), **data: Any):
        if not type(self).slug:
            raise TypeError(f"{type(self).__name__} is abstract: raise one of its leaves")
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.errors = tuple(errors)
        self.data = data

    @classmethod
    def at(cls, pointer: str, detail: str, code: str | None = None) -> Problem:
        """The same refusal for a single field."""
        return cls(detail, errors=[FieldError(pointer, detail, code)])


class Malformed(Problem):
    slug, title, status = "malformed", "The request is not well-formed", 400


class UnknownProperty(Malformed):
    """Also the answer to a property that the caller may not see: it does not exist for them."""

    slug, title = "unknown-property", "The request names a property that does not exist here"


class CursorInvalid(Malformed):
    slug, title = "cursor-invalid", "The cursor does not belong to this query and caller"


class Unauthenticated(Problem):
    slug, title, status = "unauthenticated", "The access token is missing, wrong, expired or revoked", 401


class Forbidden(Problem):
    slug, title, status = "forbidden", "You may not do this", 403


class FieldForbidden(Forbidden):
    slug, title = "field-forbidden", "You may read but not write this field"


class CrossSite(Forbidden):
    slug, title = "cross-site", "The request does not come from a page of this session"


class MissingScope(Forbidden):
    slug, title = "missing-scope", "The token lacks a scope that this call needs"


class NotFound(Problem):
    slug, title, status = "not-found", "There is no such thing here", 404


class MethodNotAllowed(Problem):
    slug, title, status = "method-not-allowed", "This address does not take this method", 405


class NotAcceptable(Problem):
    slug, title, status = "not-acceptable", "The answer cannot be given in a format you accept", 406


class RequestTimeout(Problem):
    slug, title, status = "request-timeout", "The request came too slowly", 408


class Conflict(Problem):
    slug, title, status = "conflict", "The request conflicts with what is there", 409


class AlreadyExists(Conflict):
    slug, title = "already-exists", "Such a record is there already"


class CommandNotAllowed(Conflict):
    """Carries `state` and `allowed`: the commands that the state does allow."""

    slug, title = "command-not-allowed", "The command is not allowed in this state"


class NotEnough(Conflict):
    """Carries `short`: what was asked for and what is available."""

    slug, title = "not-enough", "There is not enough of it here"


class RecallOpen(Conflict):
    slug, title = "recall-open", "A recall holds this car"


class SlotTaken(Conflict):
    """Carries `alternatives`, the nearest free slots, and `reasons`, as far as the caller may know them."""

    slug, title = "slot-taken", "The slot is not free any more"


class TooManyHolds(Conflict):
    """Carries `most`: how many slots the caller may hold at a time."""

    slug, title = "too-many-holds", "You hold as many slots as you may already"


class InUse(Conflict):
    slug, title = "in-use", "Other records still refer to this one"


class LegalHoldActive(Conflict):
    slug, title = "legal-hold", "The person's data must be kept while a legal matter is open"


class RequestInProgress(Conflict):
    slug, title = "request-in-progress", "A request with this Idempotency-Key is still running"


class StaleVersion(Problem):
    """Carries `version`, the current one."""

    slug, title, status = "stale-version", "The record has changed since you read it", 412


class TooLarge(Problem):
    slug, title, status = "too-large", "The request is larger than this address takes", 413


class ResultTooLarge(TooLarge):
    slug, title = "result-too-large", "The result is larger than a job may keep"


class UnsupportedMediaType(Problem):
    slug, title, status = "unsupported-media-type", "The body's media type is not taken here", 415


class Invalid(Problem):
    """Well-formed, but against a rule; `errors` names the places."""

    slug, title, status = "invalid", "The request breaks a rule", 422


class SearchTooCostly(Invalid):
    slug, title = "search-too-costly", "The search would cost more than one search may"


class KeyReused(Invalid):
    slug, title = "idempotency-key-reused", "This Idempotency-Key came with another body before"


class PreconditionRequired(Problem):
    slug, title, status = "precondition-required", "Send If-Match with the version you read", 428


class TooManyRequests(Problem):
    """Carries `retry_after` in seconds."""

    slug, title, status = "too-many-requests", "Too many requests", 429


class InternalFault(Problem):
    """The service's own mistake; its cause is logged and never told."""

    slug, title, status = "internal", "The service made a mistake; it is logged under the request id", 500


class Unavailable(Problem):
    """Carries `retry_after` in seconds."""

    slug, title, status = "unavailable", "The service cannot answer right now", 503


def leaves() -> list[type[Problem]]:
    """Every problem type that can be raised, by slug."""
    found: dict[str, type[Problem]] = {}
    todo: list[type[Problem]] = [Problem]
    while todo:
        kind = todo.pop()
        if kind.slug:
            found[kind.slug] = kind
        todo.extend(kind.__subclasses__())
    return [found[slug] for slug in sorted(found)]
