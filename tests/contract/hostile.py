"""Values that have broken services before, and where to put them: every field of every body, every query parameter."""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Iterator
from typing import Annotated, Any
from urllib.parse import quote

import msgspec

from domain.kit.record import Entity
from service.api.routing import Route

_DEEP = 10_000
_MEGABYTE = 1_000_000

JSON_VALUES: dict[str, str] = {
    "null": "null",
    "true": "true",
    "an empty list": "[]",
    "an empty object": "{}",
    "a text": '"x"',
    "an empty text": '""',
    "a space": '" "',
    "lone surrogates": '"\\ud800 \\udfff"',
    "U+0000": '"a\\u0000b"',
    "U+202E": '"\\u202etxt.exe"',
    "a line break": '"a\\r\\nSet-Cookie: x=1"',
    "2^31": "2147483648",
    "2^63": "9223372036854775808",
    "-2^63-1": "-9223372036854775809",
    "10^4000": "1" + "0" * 4_000,
    "10^4000 as a text": '"1' + "0" * 4_000 + '"',
    "NaN": "NaN",
    "NaN as a text": '"NaN"',
    "Infinity": "-Infinity",
    "Infinity as a text": '"Infinity"',
    "1E+999999": "1E+999999",
    "1E+999999 as a text": '"1E+999999"',
    "-0": "-0",
    "-0.0": "-0.0",
    "1e308": "1e308",
    "5e-324": "5e-324",
    "0001-01-01+14:00": '"0001-01-01T00:00:00+14:00"',
    "9999-12-31": '"9999-12-31"',
    "9999-12-31T23:59:59-14:00": '"9999-12-31T23:59:59-14:00"',
    "24:00": '"2026-01-01T24:00:00Z"',
    ":60": '"2026-06-30T23:59:60Z"',
    "Feb 29": '"2025-02-29"',
    "no offset": '"2026-01-01T00:00:00"',
    "SQL": '"\' OR 1=1; drop table vehicle --"',
    "a template": '"{{7*7}}${7*7}<%= 7*7 %>"',
    "markup": '"<svg onload=alert(1)>"',
    "a formula": "\"=cmd|' /C calc'!A0\"",
    "a path": '"../../../../etc/passwd"',
    "%00": '"%00%0d%0a"',
    "a regex bomb": '"' + "a" * 5_000 + '!"',
    "LIKE": '"' + "%_" * 5_000 + '"',
    "a megabyte": '"' + "x" * _MEGABYTE + '"',
    "10,000 items": "[" + ",".join(["1"] * 10_000) + "]",
    "10,000 objects": "[" + ",".join(['{"system": "s", "key": "k"}'] * 10_000) + "]",
    "nested lists": "[" * _DEEP + "]" * _DEEP,
    "nested objects": '{"a":' * _DEEP + "1" + "}" * _DEEP,
    "a key that is U+0000": '{"\\u0000": 1}',
    "an amount beyond all": '{"amount": "99999999999999.9999", "currency": "USD"}',
    "an unknown currency": '{"amount": "1.00", "currency": "ZZZ"}',
    "an amount with an exponent": '{"amount": "1E+999999", "currency": "USD"}',
    "an id of nobody": '"00000000-0000-0000-0000-000000000000"',
    "an id with more": '"00000000-0000-0000-0000-000000000000\'"',
    "Unicode digits": '"\\u0662\\u0660\\u0662\\u0666"',
    "combining marks": '"' + "e" + "\\u0301" * 1_000 + '"',
}

BODIES: dict[str, bytes] = {
    "nothing": b"",
    "junk": b"\x00\xff\xfe junk",
    "half a document": b'{"a": ',
    "invalid UTF-8": b'{"a": "\xc3\x28"}',
    "invalid UTF-8 as a key": b'{"\xff": 1}',
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf{}",
    "a list": b"[]",
    "a number": b"1",
    "a text": b'"x"',
    "null": b"null",
    "two documents": b"{}{}",
    "a million nested lists": b"[" * 1_000_000,
    "nested deeply under an unknown key": b'{"zzz": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "a million keys": json.dumps(dict.fromkeys(map(str, range(200_000)), 0)).encode(),
    "the same key twice": b'{"name": "a", "name": "b"}',
    "an endless number": b'{"limit": ' + b"9" * 1_000_000 + b"}",
    "white space": b" " * 1_000_000,
}


def query_values() -> Iterator[tuple[str, str]]:
    """Each value as it stands in a query string."""
    for name, text in JSON_VALUES.items():
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            value = text
        plain = value if isinstance(value, str) else text
        if len(plain) <= 20_000:
            yield name, quote(plain.encode("utf-8", "surrogatepass"))
    yield "a raw NUL", "%00"
    yield "invalid UTF-8", "%ff%fe"
    yield "an overlong form", "%c0%80"
    yield "a broken escape", "%zz%"
    yield "a separator", "a,b;c|d"


def places(struct: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The path and the annotation of all fields of a body, three Structs deep."""
    for field in msgspec.structs.fields(struct):
        here = (*path, field.encode_name)
        yield here, field.type
        if len(here) < 3:
            for inner in _structs(field.type):
                yield from places(inner, here)


def _structs(annotation: Any) -> Iterator[type[msgspec.Struct]]:
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        yield annotation
    elif typing.get_origin(annotation) is Annotated:
        yield from _structs(annotation.__origin__)
    elif typing.get_origin(annotation) in (typing.Union, types.UnionType):
        for one in typing.get_args(annotation):
            yield from _structs(one)


def with_value(base: dict[str, Any], path: tuple[str, ...], value: str) -> bytes:
    """The body with the raw JSON text at the path."""
    marked = json.loads(json.dumps(base))
    at = marked
    for step in path[:-1]:
        if not isinstance(at.get(step), dict):
            at[step] = {}
        at = at[step]
    at[path[-1]] = "\ufffeHERE"
    return json.dumps(marked).replace(json.dumps("\ufffeHERE"), value).encode("utf-8", "surrogatepass")


def parameters(route: Route) -> list[tuple[str, str]]:
    """The names of all query parameters that a route takes, each with what tells how it is read."""
    found = [
        (name, f"{name} {param.annotation}") for name, param in {**(route.query or {}), **route.documented}.items()
    ]
    if route.query is None and isinstance(route.grant, tuple):
        entity: Entity = route.grant[0]
        found += [(name, f"list {name}") for name in ("limit", "cursor", "sort")]
        found += [("created_at.is_null", "is_null"), ("created_at.ne", "ne"), ("created_at.x", "an unknown operator")]
        for field in entity.fields.values():
            kind = f"{field.annotation} {field.ref} {field.listed}"
            found += [(f"{field.name}{suffix}", f"{kind}{suffix}") for suffix in ("", ".gte")]
    return found
