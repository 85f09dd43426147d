"""What one kind of caller sees and may write of a record type: column lists and the Structs in and out."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from domain.kit.fields import Field
from domain.kit.money import Money
from domain.kit.policy import Keys, Principal
from domain.kit.record import Entity, Record
from domain.kit.schema import quoted

Row = Any


class View(msgspec.Struct, frozen=True, eq=False):
    """One entity as seen with one set of keys."""

    entity: Entity
    own: tuple[str, ...]
    network: tuple[str, ...]
    creates: frozenset[str]
    updates: frozenset[str]

    @property
    def reads(self) -> frozenset[str]:
        """Fields readable on some row."""
        return frozenset(self.own) | frozenset(self.network)


@functools.lru_cache(maxsize=4096)
def view(entity: Entity, held: Keys) -> View:
    """The view of an entity by keys; cached, for there are few sets of keys."""
    fields = entity.fields.values()
    creates = frozenset(f.name for f in fields if f.writable(held)) if entity.allows(held, "c") else frozenset()
    updates = (
        frozenset(f.name for f in fields if f.writable(held) and not f.fixed)
        if entity.allows(held, "u")
        else frozenset()
    )
    if "external_keys" in entity.fields and held & {"STAFF", "SYSTEM", "PARTNER"}:
        creates |= {"external_keys"} if entity.allows(held, "c") else frozenset()
        updates |= {"external_keys"} if entity.allows(held, "u") else frozenset()
    if not entity.allows(held, "r"):
        return View(entity, (), (), creates, updates)
    return View(
        entity,
        tuple(f.name for f in fields if f.readable(held, own=True)),
        tuple(f.name for f in fields if f.readable(held, own=False)),
        creates,
        updates,
    )


def union_view(entity: Entity, principal: Principal) -> View:
    """The view over all of a caller's accounts: what lists may filter and sort by, and what is selected."""
    return view(entity, principal.keys)


@functools.lru_cache(maxsize=4096)
def read_struct(entity: Entity, names: tuple[str, ...]) -> type[msgspec.Struct]:
    """The Struct that answers these fields."""
    fields = [(name, _nullable(entity.fields[name])) for name in names]
    return msgspec.defstruct(_title(entity), fields, module=entity.area)


@functools.lru_cache(maxsize=4096)
def told_struct(entity: Entity, names: tuple[str, ...]) -> type[msgspec.Struct]:
    """The same as the document tells it: what not every reader sees may be absent."""
    fields: list[Any] = []
    for name in names:
        field = entity.fields[name]
        if field.reads is None:
            fields.append((name, _nullable(field)))
        else:
            fields.append((name, _may_be_absent(_nullable(field)), UNSET))
    return msgspec.defstruct(_title(entity), fields, module=entity.area, kw_only=True)


def _title(entity: Entity) -> str:
    return entity.struct.__name__


def _nullable(field: Field) -> Any:
    return field.annotation | None if field.nullable else field.annotation


def _may_be_absent(annotation: Any) -> Any:
    return annotation | UnsetType


@functools.lru_cache(maxsize=4096)
def create_struct(entity: Entity, names: frozenset[str]) -> type[msgspec.Struct]:
    """The body of a create over these fields; required ones have no default."""
    fields: list[Any] = []
    for field in entity.fields.values():
        if field.name not in names:
            continue
        if field.required and not field.system:
            fields.append((field.name, field.annotation))
        else:
            fields.append((field.name, _may_be_absent(_nullable(field)), UNSET))
    return msgspec.defstruct(
        f"{_title(entity)}Create", fields, kw_only=True, forbid_unknown_fields=True, module=entity.area
    )


@functools.lru_cache(maxsize=4096)
def update_struct(entity: Entity, names: frozenset[str]) -> type[msgspec.Struct]:
    """The body of an update over these fields: absent stays as it is, null clears."""
    fields = [
        (field.name, _may_be_absent(_nullable(field)), UNSET) for field in entity.fields.values() if field.name in names
    ]
    return msgspec.defstruct(
        f"{_title(entity)}Update", fields, kw_only=True, forbid_unknown_fields=True, module=entity.area
    )


def columns(entity: Entity, names: tuple[str, ...]) -> str:
    """The select list of these fields."""
    return ", ".join(quoted(column.name) for name in names for column in entity.fields[name].columns)


def own_sql(entity: Entity, principal: Principal) -> str:
    """Whether a row is the caller's own, as SQL over its table."""
    if principal.sees_everything:
        return "true"
    arms = [arm.sql for arm in entity.rows.of(principal.persona) if arm.own]
    return " or ".join(arms) if arms else "false"


def _spread(entity: Entity, names: tuple[str, ...], nested: bool) -> Callable[[Row], Any]:
    """From a row that starts with the fields' columns to one value a field; `nested`: documents become Structs."""
    plan = []
    for name in names:
        field = entity.fields[name]
        plan.append((field.is_money, field.annotation if nested and field.kind is dict else None))
    width = len(plan)
    if not any(money or annotation is not None for money, annotation in plan):
        return lambda row: row[:width]

    def spread(row: Row) -> list[Any]:
        values: list[Any] = []
        at = 0
        for is_money, annotation in plan:
            value = row[at]
            if is_money:
                value = None if value is None else Money.of(value, row[at + 1])
                at += 1
            elif annotation is not None and value is not None:
                value = msgspec.convert(value, annotation)
            values.append(value)
            at += 1
        return values

    return spread


@functools.lru_cache(maxsize=4096)
def answers(entity: Entity, names: tuple[str, ...]) -> Callable[[Row], msgspec.Struct]:
    """From a row to the Struct that answers these fields."""
    struct, spread = read_struct(entity, names), _spread(entity, names, nested=False)
    return lambda row: struct(*spread(row))


@functools.lru_cache(maxsize=256)
def records(entity: Entity) -> Callable[[Row], Record]:
    """From a row of all columns to the full record, for behaviour."""
    names = tuple(entity.fields)
    spread = _spread(entity, names, nested=True)
    return lambda row: entity.struct(**dict(zip(names, spread(row), strict=False)))
