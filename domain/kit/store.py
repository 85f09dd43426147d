"""Records in and out of PostgreSQL: one context a transaction, under the caller's row policies and field rules."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, TypeVar, cast

import asyncpg
import msgspec
from msgspec import UNSET

from domain.kit.clock import Clock, now
from domain.kit.db import STAFF, Connection, Deed, literal
from domain.kit.errors import (
    AlreadyExists,
    CommandNotAllowed,
    FieldError,
    FieldForbidden,
    Forbidden,
    InUse,
    Invalid,
    NotFound,
    PreconditionRequired,
    StaleVersion,
)
from domain.kit.events import publish
from domain.kit.fields import Field
from domain.kit.ids import Ids, new_id
from domain.kit.policy import ROLE_CLASS, Principal
from domain.kit.query import id_or_nobody
from domain.kit.record import CATALOGUE, Command, Entity, Record
from domain.kit.schema import quoted
from domain.kit.views import columns, records

R = TypeVar("R", bound=Record)


class Context:
    """One transaction of one caller, handed to behaviour. Behaviour never commits."""

    def __init__(
        self,
        connection: Connection,
        principal: Principal,
        *,
        deed: Deed | None = None,
        clock: Clock = now,
        ids: Ids = new_id,
        currency: str = "USD",
        public_url: str = "",
        parts: Mapping[str, Any] | None = None,
    ):
        self.db = connection
        self.principal = principal
        self.deed = deed or Deed()
        self.clock = clock
        self.ids = ids
        self.currency = currency
        self.public_url = public_url
        self.parts: Mapping[str, Any] = parts if parts is not None else {}
        """What the process shares, by name: the schedule that bookings ask, and the like."""
        self.after_commit: list[Callable[[], Awaitable[None]]] = []
        self.pushed = False
        self._elevations = 0

    @property
    def now(self) -> datetime:
        """The present moment of this transaction."""
        return self.deed.at or self.clock()

    @asynccontextmanager
    async def elevated(self) -> AsyncIterator[None]:
        """Rows beyond the caller's own, for the part of a behaviour that must touch them; identity in history stays."""
        self._elevations += 1
        try:
            if self._elevations == 1:
                await self.db.execute(f"set local role {STAFF}; set local app.brands = '*'")
            yield
        finally:
            self._elevations -= 1
            if not self._elevations and not self.db.is_closed():
                brands = self.principal.brands
                told = "*" if brands is None else "{" + ",".join(sorted(brands)) + "}"
                with contextlib.suppress(asyncpg.InFailedSQLTransactionError):  # the rollback takes the role back
                    await self.db.execute(
                        f"set local role {ROLE_CLASS[self.principal.persona]}; set local app.brands = {literal(told)}"
                    )

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """A part of the transaction that is undone alone when it raises."""
        await self.db.execute("savepoint part")
        try:
            yield
        except BaseException:
            if not self.db.is_closed():
                await self.db.execute("rollback to savepoint part; release savepoint part")
            raise
        await self.db.execute("release savepoint part")

    async def find(self, kind: type[R], id: str, *, lock: bool = False) -> R | None:
        """The record, or None where it is absent or unseen; `lock` takes its row lock until the transaction ends."""
        row = await self.db.fetchrow(_select(kind.entity, "id = $1", lock), id_or_nobody(id))
        return cast("R", records(kind.entity)(row)) if row is not None else None

    async def get(self, kind: type[R], id: str, *, lock: bool = False) -> R:
        """The record; NotFound where it is absent or unseen."""
        found = await self.find(kind, id, lock=lock)
        if found is None:
            raise NotFound(f"There is no {kind.entity.name.replace('_', ' ')} with this id")
        return found

    async def where(self, kind: type[R], condition: str, *arguments: Any, lock: bool = False) -> list[R]:
        """All visible records under an SQL condition, in order of id."""
        rows = await self.db.fetch(_select(kind.entity, condition, lock), *arguments)
        build = records(kind.entity)
        return [cast("R", build(row)) for row in rows]

    async def create(self, kind: type[R], /, **values: Any) -> R:
        """Make a record. Forbidden outside the caller's scope, AlreadyExists, Invalid for a broken reference."""
        entity = kind.entity
        moment = self.now
        given = {"id": self.ids(), "created_at": moment, "updated_at": moment, **values}
        for field in entity.fields.values():
            if field.name not in given and field.defaults_to:
                given[field.name] = getattr(self.principal, field.defaults_to)
        names, marks, arguments = _assignments(entity, given)
        sql = (
            f"insert into {quoted(entity.table)} ({', '.join(names)}) values ({', '.join(marks)}) "
            f"returning {columns(entity, tuple(entity.fields))}"
        )
        with refusals(entity):
            row = await self.db.fetchrow(sql, *arguments)
        made = cast("R", records(entity)(row))
        await publish(self, f"{entity.name}.created", made, values)
        return made

    async def update(self, record: R, /, *, event: str = "updated", **changes: Any) -> R:
        """Change a record that was read in this transaction; without changes it comes back as it is."""
        entity = record.entity
        changes = {name: value for name, value in changes.items() if getattr(record, name) != value}
        if not changes and event == "updated":
            return record
        changed = record
        if changes:
            names, marks, arguments = _assignments(entity, changes)
            sets = ", ".join(f"{name} = {mark}" for name, mark in zip(names, marks, strict=True))
            sql = (
                f"update {quoted(entity.table)} set {sets} where id = ${len(arguments) + 1} "
                f"returning {columns(entity, tuple(entity.fields))}"
            )
            with refusals(entity):
                row = await self.db.fetchrow(sql, *arguments, record.id)
            if row is None:
                raise Forbidden("You may see but not change this record")
            changed = cast("R", records(entity)(row))
        await publish(self, f"{entity.name}.{event}", changed, changes)
        return changed

    async def delete(self, record: Record) -> None:
        """Remove a record; InUse while others refer to it."""
        entity = record.entity
        with refusals(entity, deleting=True):
            gone = await self.db.fetchval(
                f"delete from {quoted(entity.table)} where id = $1 returning true",
                record.id,
            )
        if not gone:
            raise Forbidden("You may see but not delete this record")
        await publish(self, f"{entity.name}.deleted", record, {})

    async def by_key(self, kind: type[R], system: str, key: str) -> R | None:
        """The record that another system calls so, where the caller may see it."""
        id = await self.db.fetchval(
            "select record_id from external_key where entity = $1 and system = $2 and key = $3",
            kind.entity.table,
            system,
            key,
        )
        return await self.find(kind, id) if id else None

    async def command(self, record: R, command: Command, data: msgspec.Struct | None) -> tuple[R, Any]:
        """Give a command: check the state, run the behaviour, move the state. → (record afterwards, the answer)."""
        entity = record.entity
        state = getattr(record, entity.states.field) if entity.states else None
        if command.sources and state not in command.sources:
            raise CommandNotAllowed(
                f"{command.name} is not allowed in the state {state}",
                state=state,
                allowed=sorted(c.name for c in entity.commands.values() if not c.sources or state in c.sources),
            )
        await self.db.execute(f"set local app.command = {literal(command.name)}")
        answer: Any = None
        if command.handler is not None:
            takes_input = command.handler.__code__.co_argcount > 2
            answer = await (command.handler(self, record, data) if takes_input else command.handler(self, record))
        moved = (
            answer
            if isinstance(answer, entity.struct) and answer.id == record.id
            else await self.get(type(record), record.id)
        )
        if entity.states and len(command.targets) == 1 and command.sources:
            moved = await self.update(moved, event=command.name, **{entity.states.field: command.targets[0]})
        else:
            await publish(self, f"{entity.name}.{command.name}", moved, {})
        await self.db.execute(f"set local app.command = {literal(self.deed.command)}")
        return cast("R", moved), moved if answer is None or isinstance(answer, entity.struct) else answer


def _select(entity: Entity, condition: str, lock: bool) -> str:
    return (
        f"select {columns(entity, tuple(entity.fields))} from {quoted(entity.table)} where {condition} order by id"
        + (" for no key update" if lock else "")
    )


def _assignments(entity: Entity, values: dict[str, Any]) -> tuple[list[str], list[str], list[Any]]:
    names: list[str] = []
    marks: list[str] = []
    arguments: list[Any] = []
    for name, value in values.items():
        if value is UNSET:
            continue
        field = entity.fields.get(name)
        if field is None:
            if name != "audience":
                raise TypeError(f"{entity.name} has no field {name}")
            names.append("audience")
            arguments.append(value)
            marks.append(f"${len(arguments)}")
            continue
        parts = _column_values(field, value)
        for column, part in zip(field.columns, parts, strict=True):
            names.append(quoted(column.name))
            arguments.append(part)
            marks.append(f"${len(arguments)}")
    return names, marks, arguments


def _column_values(field: Field, value: Any) -> list[Any]:
    if not field.is_money:
        return [value]
    return [None, None] if value is None else [value.minor, value.currency]


class refusals:  # noqa: N801 - reads as a word at the `with`
    """Turns the database's refusals into the product's, without telling what the caller may not know."""

    def __init__(self, entity: Entity, *, deleting: bool = False):
        self.entity = entity
        self.deleting = deleting

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, fault: BaseException | None, trace: Any) -> None:
        if isinstance(fault, asyncpg.InsufficientPrivilegeError):
            raise Forbidden("This row lies outside what you may write") from fault
        if isinstance(fault, asyncpg.UniqueViolationError):
            raise AlreadyExists(self._taken(fault)) from fault
        if isinstance(fault, asyncpg.ForeignKeyViolationError):
            if self.deleting:
                raise InUse("Other records still refer to this one") from fault
            field = (fault.constraint_name or "").removeprefix(f"{self.entity.table}_").removesuffix("_fkey")
            raise Invalid.at(f"/{field}", "refers to no record that you may see") from fault
        if isinstance(fault, asyncpg.CheckViolationError):
            name = (fault.constraint_name or "").removeprefix(f"{self.entity.table}_").removesuffix("_check")
            pointer = f"/{name}" if name in self.entity.fields else ""
            raise Invalid.at(pointer, fault.hint or f"breaks the rule {name}") from fault
        if isinstance(fault, asyncpg.NotNullViolationError):
            raise Invalid.at(f"/{fault.column_name}", "is required") from fault
        if isinstance(fault, asyncpg.ExclusionViolationError):
            raise AlreadyExists("It overlaps one that is there") from fault

    def _taken(self, fault: asyncpg.UniqueViolationError) -> str:
        if fault.table_name == "external_key":
            return "One of the external keys names another record"
        words = (fault.constraint_name or "").removeprefix(f"{self.entity.table}_").removesuffix("_key")
        return f"There is one with this {words.replace('_', ' ')} already"


def presence(data: msgspec.Struct) -> dict[str, Any]:
    """The properties that a body gave."""
    return {name: value for name in data.__struct_fields__ if (value := getattr(data, name)) is not UNSET}


def forbidden_fields(given: dict[str, Any], writable: frozenset[str]) -> None:
    """Refuse a body that sets fields which the caller may read but not write."""
    faults = [FieldError(f"/{name}", "may be read but not written by you") for name in given if name not in writable]
    if faults:
        raise FieldForbidden("Some fields may be read but not written by you", errors=faults)


def nulls(entity: Entity, given: dict[str, Any]) -> None:
    """Refuse null for what must have a value."""
    faults = [
        FieldError(f"/{name}", "cannot be null")
        for name, value in given.items()
        if value is None and not _may_be_null(entity, name)
    ]
    if faults:
        raise Invalid("Some values cannot be null", errors=faults)


def _may_be_null(entity: Entity, name: str) -> bool:
    field: Field | None = entity.fields.get(name)
    return field is None or field.nullable


def matched(record: Record, expected: int | None) -> None:
    """Hold the version a caller read against the present one."""
    if expected is None:
        raise PreconditionRequired
    if record.version != expected:
        raise StaleVersion(version=record.version)


async def references_visible(ctx: Context, entity: Entity, given: dict[str, Any]) -> None:
    """Refuse references to records that the caller cannot see: foreign keys look past row policies."""
    faults = []
    for name, value in given.items():
        field = entity.fields[name]
        if field.ref is None or value is None:
            continue
        target = CATALOGUE[field.ref]
        seen = await ctx.db.fetchval(
            f"select true from {quoted(target.table)} where id = $1",
            id_or_nobody(value),
        )
        if not seen:
            faults.append(FieldError(f"/{name}", "refers to no record that you may see"))
    if faults:
        raise Invalid("Some references lead nowhere", errors=faults)
