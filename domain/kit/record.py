"""Declaring a record type: one Struct, one `@entity`, and the commands that move it."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, ClassVar, Literal, TypeVar

import msgspec

from domain.kit.fields import Field, fields_of
from domain.kit.policy import Keys, keys
from domain.kit.rows import Rows
from domain.kit.values import ExternalKey

T = TypeVar("T", bound="Record")
Handler = Callable[..., Awaitable[Any]]


class Record(msgspec.Struct, kw_only=True):
    """What every record has. Subclasses are declared with `@entity` and never constructed by hand outside the store."""

    id: str
    version: int
    created_at: datetime
    updated_at: datetime
    external_keys: list[ExternalKey] = []

    entity: ClassVar[Entity]

    @classmethod
    def command(
        cls,
        name: str,
        *,
        move: str = "",
        by: str = "",
        help: str = "",
        shown_once: bool = False,
        locks: bool = True,
    ) -> Callable[[Handler], Handler]:
        """Register `async def f(ctx, record, data) -> result` as the command `name`.

        `move="A | B > C"`: allowed in A and B, leads to C; several targets: the behaviour chooses among them.
        `by`: who may give it (default: whoever may update). `data`'s annotation is the input Struct, the return
        annotation the answer. A behaviour without a third parameter takes no input. `shown_once`: the answer holds
        a secret, so it is not kept for a repeated request. `locks=False`: the behaviour locks more rows than this one,
        in key order, and refuses rows that are seen but not the caller's own.
        """

        def register(handler: Handler) -> Handler:
            told = help or (handler.__doc__ or "")
            cls.entity.add(Command.of(cls.entity, name, handler, move, by, told, shown_once, locks))
            return handler

        return register

    @classmethod
    def commanded(cls, told: Handler) -> Handler:
        """Register `async def f(ctx, id) -> (state, [Capability])`: commands that have routes of their own."""
        cls.entity.commanded = told
        return told


class States(msgspec.Struct, frozen=True):
    """The field that holds the state and its values, the first being the initial one."""

    field: str
    values: tuple[str, ...]

    @property
    def initial(self) -> str:
        return self.values[0]


def states(field: str, values: str) -> States:
    """`states("status", "NEW WORKING CLOSED")`."""
    return States(field, tuple(values.split()))


class NoInput(msgspec.Struct, forbid_unknown_fields=True):
    """The body of a command that needs none."""


class Command(msgspec.Struct, frozen=True):
    """A named change of one record."""

    name: str
    handler: Handler | None
    input: type[msgspec.Struct]
    output: type | None
    sources: frozenset[str]
    targets: tuple[str, ...]
    by: Keys
    help: str
    shown_once: bool
    locks: bool

    @classmethod
    def of(
        cls,
        entity: Entity,
        name: str,
        handler: Handler | None,
        move: str = "",
        by: str = "",
        help: str = "",
        shown_once: bool = False,
        locks: bool = True,
    ) -> Command:
        sources, targets = _parse_move(entity, name, move)
        hints = _hints(handler) if handler else {}
        output = hints.pop("return", None)
        inputs = list(hints.values())[2:]
        return cls(
            name=name,
            handler=handler,
            input=inputs[0] if inputs else NoInput,
            output=None if output in (None, type(None)) else output,
            sources=sources,
            targets=targets,
            by=keys(by) if by else entity.holders("u"),
            help=" ".join(help.split()),
            shown_once=shown_once,
            locks=locks,
        )


def _hints(handler: Handler) -> dict[str, Any]:
    import inspect
    import typing

    known = typing.get_type_hints(handler, include_extras=True)
    ordered = {name: known.get(name, Any) for name in inspect.signature(handler).parameters}
    return {**ordered, "return": known.get("return")}


def _parse_move(entity: Entity, name: str, move: str) -> tuple[frozenset[str], tuple[str, ...]]:
    if not move:
        return frozenset(), ()
    if entity.states is None:
        raise TypeError(f"{entity.name}.{name} moves, but the record type has no states")
    left, _, right = move.partition(">")
    sources = [word.strip() for word in left.split("|")]
    targets = [word.strip() for word in right.split("|")]
    for word in (*sources, *targets):
        if word not in entity.states.values:
            raise TypeError(f"{entity.name}.{name}: {word} is not one of {', '.join(entity.states.values)}")
    return frozenset(sources), tuple(targets)


class Entity(msgspec.Struct, dict=True, eq=False):
    """A record type as declared; everything that follows from a declaration is derived from this."""

    name: str
    route: str
    table: str
    struct: type[Record]
    fields: dict[str, Field]
    grants: dict[str, str]
    rows: Rows
    title: str
    search: tuple[str, ...]
    states: States | None
    brand: str | None
    person: str | None
    public: frozenset[str]
    unique: tuple[str, ...]
    indexes: tuple[str, ...]
    checks: dict[str, str]
    audience: str
    triggers: dict[str, str]
    doc: str
    area: str
    commands: dict[str, Command]
    commanded: Handler | None = None

    def add(self, command: Command) -> None:
        """Register a command; TypeError if the name is taken."""
        if command.name in self.commands:
            raise TypeError(f"{self.name} has the command {command.name} already")
        self.commands[command.name] = command

    def holders(self, letter: str) -> Keys:
        """The keys whose grant has that letter (c, r, u, d)."""
        return frozenset(key for key, letters in self.grants.items() if letter in letters)

    def allows(self, held: Keys, letter: str) -> bool:
        """Whether somebody with these keys has that right on the record type."""
        return any(letter in self.grants.get(key, "") for key in held)

    @property
    def account(self) -> str | None:
        """The column that says whose row it is."""
        return self.rows.account

    @property
    def initial(self) -> str | None:
        return self.states.initial if self.states else None


BY_RULES, KEPT = "rules", "kept"

CATALOGUE: dict[str, Entity] = {}
"""Every declared record type by name, in the order of declaration."""

ALL_ROUTES = frozenset(
    {"list", "get", "create", "update", "delete", "bulk", "commands", "history", "export", "import", "by-key"}
)


def plural(name: str) -> str:
    """Route of a record type: `stock_entry` → `stock-entries`."""
    words = name.replace("_", "-")
    if re.search("[^aeiou]y$", words):
        return words[:-1] + "ies"
    return words + ("es" if re.search("(s|x|ch|sh)$", words) else "s")


def entity(
    name: str,
    *,
    rows: Rows,
    grants: dict[str, str],
    title: str = "{id}",
    search: tuple[str, ...] = (),
    states: States | None = None,
    moves: dict[str, str] | None = None,
    brand: str | None = None,
    person: str | None = None,
    route: str | None = None,
    without: str = "",
    unique: tuple[str, ...] = (),
    indexes: tuple[str, ...] = (),
    checks: dict[str, str] | None = None,
    audience: str = BY_RULES,
    triggers: dict[str, str] | None = None,
) -> Callable[[type[T]], type[T]]:
    """Declare the record type.

    `rows`: whose rows (rows.py). `grants`: key → letters of c, r, u, d (ADMIN has all of them everywhere); v: the rows
    are read within other answers only.
    `moves={"work": "NEW > WORKING"}`: commands that do nothing but move.
    `brand`: the column by which staff limited to brands are held back. `person`: the reference to the contact whose
    personal data the record holds. `without="delete import"`: routes the type does not have. `unique`, `indexes`:
    column lists, optionally with `where …`. `checks`: constraint name → SQL.
    `audience`: what keeps the code of shared rows: sharing rules, behaviour (KEPT), or an SQL expression over the row.
    `triggers`: name → when it fires for each row and the function it calls, which a migration makes; or all that
    follows `create trigger …`, with its `for each`.
    """

    def declare(struct: type[T]) -> type[T]:
        if name in CATALOGUE:
            raise TypeError(f"two record types are named {name}")
        unknown = frozenset(without.split()) - ALL_ROUTES
        if unknown:
            raise TypeError(f"{name}: no such routes: {', '.join(sorted(unknown))}")
        for key in grants:
            keys(key)
        fields = {f.name: f for f in fields_of(struct)}
        if states is not None:
            if states.field not in fields:
                raise TypeError(f"{name}: the state field {states.field} is not declared")
            fields[states.field] = msgspec.structs.replace(
                fields[states.field],
                annotation=Literal[states.values],
                choices=states.values,
                default=states.initial,
                system=True,
            )
        made = Entity(
            name=name,
            route=route or plural(name),
            table=name,
            struct=struct,
            fields=fields,
            grants={**grants, "ADMIN": "crud"},
            rows=rows,
            title=title,
            search=search,
            states=states,
            brand=brand,
            person=person,
            public=ALL_ROUTES - frozenset(without.split()),
            unique=unique,
            indexes=indexes,
            checks=checks or {},
            audience=audience,
            triggers=triggers or {},
            doc=" ".join((struct.__doc__ or "").split()),
            area=struct.__module__,
            commands={},
        )
        struct.entity = made
        for command, move in (moves or {}).items():
            made.add(Command.of(made, command, None, move))
        CATALOGUE[name] = made
        return struct

    return declare
