"""One declaration a route: who may, what goes in, what comes out, which refusals; all else follows from it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import Enum
from typing import TYPE_CHECKING, Any

import msgspec

from domain.kit.errors import Forbidden, MissingScope, NotFound, Problem, Unauthenticated
from domain.kit.policy import Keys, Principal, keys
from domain.kit.record import Entity
from domain.kit.store import Context
from service.ops.deadlines import BodyLimit

if TYPE_CHECKING:
    from litestar import Request

    from service.services import Services

PREFIX = "/api/v1"


class Kind(Enum):
    """What a route does with the database."""

    READ = "READ"
    """A read-only transaction as the caller."""
    WRITE = "WRITE"
    """A transaction as the caller, with Idempotency-Key and X-Change."""
    FREE = "FREE"
    """No transaction of its own: the index, streams, tokens."""


class Param(msgspec.Struct, frozen=True):
    """A query parameter: `annotation` is what msgspec reads it as; `many` allows it several times.

    `names`: for the document alone, it stands for all parameters whose names match the pattern.
    """

    annotation: Any
    description: str = ""
    required: bool = False
    many: bool = False
    names: str = ""


class Answer(msgspec.Struct):
    """What a handler gives back besides a plain Struct: another status, headers, ready bytes or a stream."""

    content: Any = None
    status: int | None = None
    headers: dict[str, str] = {}
    media_type: str = "application/json"


class Call:
    """One request on its way through a route."""

    __slots__ = ("body", "ctx", "params", "principal", "query", "raw", "request", "route", "services")

    def __init__(self, request: Request[Any, Any, Any], services: Services, route: Route, principal: Principal):
        self.request = request
        self.services = services
        self.route = route
        self.principal = principal
        self.params: dict[str, str] = request.path_params
        self.query: dict[str, Any] = {}
        self.raw: list[tuple[str, str]] = []
        self.body: Any = None
        self.ctx: Context = None  # type: ignore[assignment] # set before the handler of a READ or WRITE route runs

    @property
    def id(self) -> str:
        """The record id in the path."""
        return self.params["id"]


Handler = Callable[[Call], Awaitable[Any]]
BodyOf = Callable[[Principal], type[msgspec.Struct]]


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """A route of the service.

    `object` and `action` name the right it needs; `grant` says who has it: a record type's letter, or keys. `body` is
    the Struct of the JSON body (`body_of`: the one for a caller; `body` is then the widest, for the document).
    `query` None: the handler reads `call.raw` itself and refuses what it does not know.
    """

    method: str
    path: str
    object: str
    action: str
    handler: Handler
    kind: Kind
    grant: tuple[Entity, str] | Keys
    summary: str = ""
    body: Any = None
    body_of: BodyOf | None = None
    body_optional: bool = False
    asks: bool = False
    """The body is a question and no record: one beyond its limits is malformed, where a value is against a rule."""
    returns: Any = None
    status: int = 200
    query: dict[str, Param] | None = {}
    documented: dict[str, Param] = {}
    """Query parameters that only the document needs, because the handler reads them itself."""
    problems: tuple[type[Problem], ...] = ()
    idempotent: bool = False
    streams: tuple[str, ...] = ()
    """Media types of a body that the handler reads as a stream itself."""
    answers: tuple[str, ...] = ("application/json",)
    body_limit: BodyLimit = BodyLimit()
    anonymous: bool = False
    """Answers everybody alike: no token is looked at, nobody is counted."""

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    def admits(self, principal: Principal) -> bool:
        """Whether the caller has the right at all; rows and fields are asked for later."""
        if isinstance(self.grant, frozenset):
            return bool(self.grant & principal.keys)
        entity, letter = self.grant
        return entity.allows(principal.keys, letter)

    def refuse(self, principal: Principal) -> Problem:
        """The refusal for a caller whom the route does not admit."""
        if principal.persona == "GUEST":
            return Unauthenticated("Sign in to do this")
        if principal.persona == "SYSTEM":
            return MissingScope("The token lacks a scope that this call needs")
        if isinstance(self.grant, tuple) and self.grant[0].allows(principal.keys, "r"):
            return Forbidden("Your roles do not let you do this")
        return NotFound()


EVERYBODY = keys("GUEST CUSTOMER PARTNER STAFF SYSTEM")
SIGNED_IN = keys("CUSTOMER PARTNER STAFF SYSTEM")
