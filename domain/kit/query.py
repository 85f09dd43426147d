"""The list grammar: `?status=OPEN&created_at.gte=…&sort=-created_at&limit=50&cursor=…` to SQL and its arguments."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import date, datetime
from typing import Any

import msgspec

from domain.kit.errors import CursorInvalid, FieldError, Malformed, UnknownProperty
from domain.kit.fields import Field
from domain.kit.money import AmountText, to_minor
from domain.kit.policy import Principal
from domain.kit.record import Entity
from domain.kit.schema import quoted
from domain.kit.values import in_our_time, on_our_calendar
from domain.kit.views import View, own_sql

OPERATORS = {"eq": "=", "ne": "<>", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
MOST = 200
DEFAULT_LIMIT = 50
_SQL_TYPES = {
    str: "text",
    bool: "boolean",
    int: "bigint",
    float: "double precision",
    datetime: "timestamptz",
    date: "date",
}


class Condition(msgspec.Struct, frozen=True):
    """One filter: a field, an operator and the values it is held against (several: any of them)."""

    field: str
    operator: str
    values: tuple[str, ...]


class Query(msgspec.Struct, frozen=True):
    """A list as asked for, before rights."""

    conditions: tuple[Condition, ...] = ()
    sort: tuple[tuple[str, bool], ...] = (("created_at", True),)
    limit: int = DEFAULT_LIMIT
    cursor: str | None = None


def parse(params: list[tuple[str, str]], view: View) -> Query:
    """Read query parameters; a field the caller may not see is as unknown as one that does not exist."""
    single: dict[str, str] = {}
    conditions: dict[tuple[str, str], list[str]] = {}
    for name, value in params:
        if "\x00" in value:
            raise Malformed.at(f"?{name}", "has the character U+0000")
        if name in ("limit", "cursor", "sort"):
            if name in single:
                raise Malformed.at(f"?{name}", "is given twice")
            single[name] = value
            continue
        field, _, operator = name.partition(".")
        if (
            field not in view.reads
            or (operator or "eq") not in (*OPERATORS, "is_null")
            or not view.entity.fields[field].listed
        ):
            raise UnknownProperty.at(f"?{name}", "is not a filter of this list")
        conditions.setdefault((field, operator or "eq"), []).append(value)
    for (field, operator), values in conditions.items():
        if len(values) > 1 and operator not in ("eq", "ne"):
            raise Malformed.at(f"?{field}.{operator}", "is given twice")
        if len(values) > 1000:
            raise Malformed.at(f"?{field}", "has more than 1,000 values")
    return Query(
        tuple(Condition(field, operator, tuple(values)) for (field, operator), values in conditions.items()),
        _sort(single.get("sort"), view),
        _limit(single.get("limit")),
        single.get("cursor"),
    )


def _sort(text: str | None, view: View) -> tuple[tuple[str, bool], ...]:
    if not text:
        return (("created_at", True),)
    keys: list[tuple[str, bool]] = []
    for word in text.split(","):
        name = word.removeprefix("-")
        if name not in view.reads or not view.entity.fields[name].listed or view.entity.fields[name].kind is list:
            raise UnknownProperty.at("?sort", f"this list does not sort by {name[:64]}")
        if name in (seen for seen, _ in keys):
            raise Malformed.at("?sort", f"names {name} twice")
        keys.append((name, word.startswith("-")))
    if len(keys) > 5:
        raise Malformed.at("?sort", "takes at most five fields")
    return tuple(keys)


def _limit(text: str | None) -> int:
    if text is None:
        return DEFAULT_LIMIT
    if not (text.isascii() and text.isdigit() and 1 <= len(text) <= 4 and 1 <= int(text) <= MOST):
        raise Malformed.at("?limit", f"is a whole number from 1 to {MOST}")
    return int(text)


def value_of(field: Field, text: str, where: str) -> Any:
    """A filter value as the column's type; Malformed names the parameter."""
    try:
        if field.ref or field.name == "id":
            return _uuid(text)
        if field.kind is datetime:
            return in_our_time(msgspec.convert(text, field.annotation, strict=False))
        if field.kind is date:
            return on_our_calendar(msgspec.convert(text, date))
        if field.kind in (bool, int, float):
            return msgspec.convert(text, field.annotation, strict=False)
        if field.choices and text not in field.choices:
            raise ValueError(f"is none of {', '.join(field.choices)}")
        return text
    except (ValueError, msgspec.ValidationError) as fault:
        raise Malformed("A filter value is not of the field's type", errors=[FieldError(where, str(fault))]) from None


def _uuid(text: str) -> str:
    """A UUID in its one written form; ids of no record are not malformed: they find nothing."""
    import uuid

    try:
        found = str(uuid.UUID(text))
    except ValueError:
        return _NOBODY
    return found if found == text.lower() else _NOBODY


_NOBODY = "00000000-0000-0000-0000-000000000000"


def id_or_nobody(text: str) -> str:
    """The id if it has the shape of one, else an id that no record has."""
    return _uuid(text)


class Arguments:
    """Collects the arguments of a statement and hands out their places."""

    def __init__(self) -> None:
        self.values: list[Any] = []

    def place(self, value: Any, sql_type: str) -> str:
        """The placeholder of one more argument."""
        self.values.append(value)
        return f"${len(self.values)}::{sql_type}"


def where(query: Query, view: View, principal: Principal, arguments: Arguments, currency: str) -> list[str]:
    """The conditions as SQL; a filter on a field that counts for own rows alone also narrows to those rows."""
    clauses: list[str] = []
    for condition in query.conditions:
        field = view.entity.fields[condition.field]
        name = f"?{condition.field}" + ("" if condition.operator == "eq" else f".{condition.operator}")
        clauses.append(_clause(field, condition, name, arguments, currency))
        clauses.extend(_narrowed(field, view.entity, principal, arguments))
    for sorted_by, _ in query.sort:
        clauses.extend(_narrowed(view.entity.fields[sorted_by], view.entity, principal, arguments))
    return clauses


def _narrowed(field: Field, entity: Entity, principal: Principal, arguments: Arguments) -> list[str]:
    if field.reads is None or principal.sees_everything or principal.keys & field.reads.network:
        return []
    if principal.persona == "CUSTOMER":  # what is theirs may be so by an asset or another column than the dealer's
        return [own_sql(entity, principal)]
    if entity.account is None:
        return ["false"]
    accounts = principal.accounts_with(field.reads.own)
    return [f"{quoted(entity.account)} = any({arguments.place(accounts, 'uuid[]')})"]


def _clause(field: Field, condition: Condition, where: str, arguments: Arguments, currency: str) -> str:
    column = quoted(field.columns[0].name)
    if condition.operator == "is_null":
        wanted = msgspec.json.decode(condition.values[0]) if condition.values[0] in ("true", "false") else None
        if wanted is None:
            raise Malformed.at(where, "is true or false")
        return f"{column} is {'' if wanted else 'not '}null"
    if field.is_money:
        try:
            minor = [to_minor(msgspec.convert(text, AmountText), currency) for text in condition.values]
        except (ValueError, msgspec.ValidationError):
            raise Malformed.at(where, f"is not an amount in {currency}") from None
        in_currency = f"{field.name}_currency = {arguments.place(currency, 'text')}"
        return f"{in_currency} and {_compared(column, condition.operator, minor, 'bigint', arguments)}"
    values = [value_of(field, text, where) for text in condition.values]
    if field.kind is list:
        operator = {"eq": "&&", "ne": "&&"}.get(condition.operator)
        if operator is None:
            raise Malformed.at(where, "a list is compared by equality only")
        clause = f"{column} {operator} {arguments.place(values, 'text[]')}"
        return clause if condition.operator == "eq" else f"not ({clause})"
    sql_type = "uuid" if field.ref or field.name == "id" else field.columns[0].sql_type
    return _compared(column, condition.operator, values, sql_type, arguments)


def _compared(column: str, operator: str, values: list[Any], sql_type: str, arguments: Arguments) -> str:
    if len(values) > 1:
        quantifier = "= any" if operator == "eq" else "<> all"
        return f"{column} {quantifier}({arguments.place(values, sql_type + '[]')})"
    return f"{column} {OPERATORS[operator]} {arguments.place(values[0], sql_type)}"


def sort_columns(query: Query, entity: Entity) -> list[tuple[str, bool, bool, str]]:
    """(column, descending, nullable, SQL type) of each sort key, the id last in the direction of the first."""
    keys = []
    for name, descending in query.sort:
        column = entity.fields[name].columns[0]
        keys.append((quoted(column.name), descending, column.nullable, column.sql_type))
    keys.append(("id", query.sort[0][1], False, "uuid"))
    return keys


def order_by(keys: list[tuple[str, bool, bool, str]]) -> str:
    """Absent values come last in both directions."""
    return ", ".join(
        f"{column} {'desc' if descending else 'asc'}" + (" nulls last" if nullable else "")
        for column, descending, nullable, _ in keys
    )


def after(keys: list[tuple[str, bool, bool, str]], values: list[Any], arguments: Arguments) -> str:
    """The rows behind these sort values: a row comparison where that is exact, so that the index serves it."""
    if len({descending for _, descending, _, _ in keys}) == 1 and not any(nullable for _, _, nullable, _ in keys):
        left = ", ".join(column for column, *_ in keys)
        right = ", ".join(arguments.place(value, kind) for value, (_, _, _, kind) in zip(values, keys, strict=True))
        return f"({left}) {'<' if keys[0][1] else '>'} ({right})"
    branches, equal = [], []
    for (column, descending, nullable, kind), value in zip(keys, values, strict=True):
        if value is None:
            equal.append(f"{column} is null")
            continue
        place = arguments.place(value, kind)
        behind = f"{column} {'<' if descending else '>'} {place}"
        if nullable:
            behind = f"({behind} or {column} is null)"
        branches.append(" and ".join([*equal, behind]))
        equal.append(f"{column} = {place}")
    return "(" + " or ".join(f"({branch})" for branch in branches) + ")"


class Cursors:
    """Signed positions in lists; each belongs to its query and caller."""

    def __init__(self, secret: bytes):
        self._secret = hashlib.sha256(b"cursor" + secret).digest()

    def _binding(self, about: str, query: Query, caller: str) -> bytes:
        told = msgspec.json.encode([about, query.conditions, query.sort, caller])
        return hashlib.sha256(told).digest()[:16]

    def write(self, about: str, query: Query, caller: str, values: list[Any]) -> str:
        """The cursor behind a row with these sort values."""
        body = self._binding(about, query, caller) + msgspec.json.encode(values)
        mark = hmac.digest(self._secret, body, "sha256")[:16]
        return base64.urlsafe_b64encode(mark + body).decode().rstrip("=")

    def read(self, about: str, query: Query, caller: str, cursor: str) -> list[Any]:
        """The sort values; CursorInvalid for a forged, foreign or mistyped one."""
        try:
            raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
            mark, body = raw[:16], raw[16:]
            if not hmac.compare_digest(mark, hmac.digest(self._secret, body, "sha256")[:16]):
                raise ValueError
            if body[:16] != self._binding(about, query, caller):
                raise ValueError
            values: list[Any] = msgspec.json.decode(body[16:])
            return values
        except ValueError:
            raise CursorInvalid.at("?cursor", "belongs to another query or caller, or is damaged") from None


def cursor_values(values: list[Any], keys: list[tuple[str, bool, bool, str]]) -> list[Any]:
    """Values read back from a cursor as their columns' types."""
    kinds = {"timestamptz": datetime, "date": date}
    return [
        msgspec.convert(value, kinds[kind]) if value is not None and kind in kinds else value
        for value, (_, _, _, kind) in zip(values, keys, strict=True)
    ]
