"""The fields of a record type: what its annotation says of storage, rights, privacy and limits."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator
from datetime import date, datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import NODEFAULT, Meta

from domain.kit.money import Money
from domain.kit.policy import Keys, keys
from domain.kit.values import LARGEST, Checked, Instant, Privacy

INTERNAL_KEYS = frozenset({"STAFF", "SYSTEM"})


class Ref(msgspec.Struct, frozen=True):
    """The field holds the id of a record of that type."""

    entity: str


class Reads(msgspec.Struct, frozen=True):
    """Who reads the field: keys for own rows, keys for others' rows."""

    own: Keys
    network: Keys


class Writes(msgspec.Struct, frozen=True):
    """Who writes the field through create and update; none: commands only."""

    by: Keys


class Fixed(msgspec.Struct, frozen=True):
    """Set when the record is made and never changed through update."""


class DefaultsTo(msgspec.Struct, frozen=True):
    """Where the caller gives no value, their own user, account or contact."""

    source: Literal["user_id", "account_id", "contact_id"]


class Series(msgspec.Struct, frozen=True):
    """A running number that the database gives: `Series("L-", 6)` makes L-000001, L-000002, …"""

    prefix: str
    digits: int


class Unlisted(msgspec.Struct, frozen=True):
    """Neither filter nor sort: a document, not a value."""


class Quiet(msgspec.Struct, frozen=True):
    """Its changes are not told in history: progress and the like, which would drown it."""


def reads(own: str, network: str = "STAFF SYSTEM") -> Reads:
    """Who reads the field on own rows and on others'; `network=""`: nobody on others'."""
    return Reads(keys(own), keys(network))


def writes(by: str = "") -> Writes:
    """Who writes the field."""
    return Writes(keys(by))


class Column(msgspec.Struct, frozen=True):
    """One column of the table."""

    name: str
    sql_type: str
    nullable: bool
    default: str | None = None


class Field(msgspec.Struct, frozen=True):
    """One field of a record type, as everything downstream reads it."""

    name: str
    annotation: Any
    kind: type
    nullable: bool
    default: Any
    columns: tuple[Column, ...]
    choices: tuple[str, ...] = ()
    ref: str | None = None
    reads: Reads | None = None
    writes: Writes | None = None
    fixed: bool = False
    defaults_to: str | None = None
    series: Series | None = None
    privacy: Privacy = Privacy.NONE
    checks: tuple[Checked, ...] = ()
    listed: bool = True
    quiet: bool = False
    system: bool = False

    @property
    def is_money(self) -> bool:
        return self.kind is Money

    @property
    def required(self) -> bool:
        """Whether a create must give it."""
        given = self.nullable or self.defaults_to is not None or self.series is not None
        return self.default is NODEFAULT and not given

    def readable(self, held: Keys, own: bool) -> bool:
        """Whether somebody with these keys sees the field on an own or another's row."""
        if self.privacy is Privacy.SECRET:
            return False
        if self.reads is None:
            return True
        if held & INTERNAL_KEYS:
            return bool(held & (self.reads.own | self.reads.network)) or "ADMIN" in held
        return bool(held & (self.reads.own if own else self.reads.network))

    def writable(self, held: Keys) -> bool:
        """Whether somebody with these keys may set the field through create or update."""
        if self.system:
            return False
        return self.writes is None or bool(held & self.writes.by)


_SQL: dict[type, str] = {
    str: "text",
    bool: "boolean",
    int: "bigint",
    float: "double precision",
    datetime: "timestamptz",
    date: "date",
}
SYSTEM_FIELDS = ("id", "version", "created_at", "updated_at", "external_keys")


def _unwrap(annotation: Any) -> tuple[Any, bool, list[Any]]:
    """The bare type, whether None is allowed, and all markers, from any nesting of Annotated and `| None`."""
    markers: list[Any] = []
    nullable = False
    while True:
        origin = typing.get_origin(annotation)
        if origin is Annotated:
            annotation, *more = typing.get_args(annotation)
            markers.extend(more)
        elif origin in (typing.Union, types.UnionType):
            members = [m for m in typing.get_args(annotation) if m is not type(None)]
            nullable = nullable or len(members) < len(typing.get_args(annotation))
            if len(members) > 1:
                return typing.Union[tuple(members)], nullable, markers  # noqa: UP007 - built at run time
            annotation = members[0]
        else:
            return annotation, nullable, markers


def _marker(markers: list[Any], kind: type) -> Any:
    return next((m for m in markers if isinstance(m, kind)), None)


def _columns(name: str, bare: Any, nullable: bool, ref: Ref | None) -> tuple[type, tuple[Column, ...], tuple[str, ...]]:
    origin = typing.get_origin(bare)
    if ref is not None or name == "id":
        return str, (Column(name, "uuid", nullable),), ()
    if bare is Money:
        return Money, (Column(f"{name}_minor", "bigint", nullable), Column(f"{name}_currency", "text", nullable)), ()
    if origin is Literal:
        return str, (Column(name, "text", nullable),), tuple(typing.get_args(bare))
    if origin in (list, tuple):
        inner = _unwrap(typing.get_args(bare)[0])[0]
        if inner is str or typing.get_origin(inner) is Literal:
            choices = typing.get_args(inner) if inner is not str else ()
            return list, (Column(name, "text[]", nullable, "'{}'"),), tuple(choices)
    if isinstance(bare, type) and bare in _SQL:
        return bare, (Column(name, _SQL[bare], nullable),), ()
    empty = {list: "'[]'", tuple: "'[]'", dict: "'{}'"}.get(origin)
    return dict, (Column(name, "jsonb", nullable, empty),), ()


def _limited(bare: Any, annotation: Any, markers: list[Any]) -> Any:
    """The annotation with the limits no value may lack: numbers exact in JSON, instants with an offset, short lists."""
    limits = _marker(markers, Meta)
    if bare is int and (limits is None or (limits.le is None and limits.lt is None)):
        return Annotated[annotation, Meta(ge=-LARGEST, le=LARGEST)]
    if bare is datetime and limits is None:
        return Instant
    if bare is str and limits is None:
        return Annotated[annotation, Meta(max_length=200)]
    if typing.get_origin(bare) in (list, tuple, dict) and limits is None:
        return Annotated[annotation, Meta(max_length=1000)]
    return annotation


def field_of(name: str, annotation: Any, default: Any) -> Field:
    """Read one annotation."""
    bare, nullable, markers = _unwrap(annotation)
    ref = _marker(markers, Ref)
    kind, columns, choices = _columns(name, bare, nullable, ref)
    core = _limited(bare, Annotated[(bare, *markers)] if markers else bare, markers)
    privacy = _marker(markers, Privacy)
    series = _marker(markers, Series)
    return Field(
        name=name,
        annotation=core,
        kind=kind,
        nullable=nullable,
        default=default,
        columns=columns,
        choices=choices,
        ref=ref.entity if ref else None,
        reads=_marker(markers, Reads),
        writes=_marker(markers, Writes),
        fixed=_marker(markers, Fixed) is not None,
        defaults_to=source.source if (source := _marker(markers, DefaultsTo)) else None,
        privacy=privacy if privacy is not None else Privacy.NONE,
        checks=tuple(m for m in markers if isinstance(m, Checked)),
        listed=kind is not dict and _marker(markers, Unlisted) is None,
        quiet=_marker(markers, Quiet) is not None,
        series=series,
        system=name in SYSTEM_FIELDS or series is not None,
    )


def fields_of(struct: type[msgspec.Struct]) -> Iterator[Field]:
    """The fields of a record's Struct in their order."""
    for info in msgspec.structs.fields(struct):
        default = info.default if info.default is not NODEFAULT else NODEFAULT
        if info.default_factory is not NODEFAULT:
            default = info.default_factory()
        yield field_of(info.name, info.type, default)
