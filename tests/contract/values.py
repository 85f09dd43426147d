"""One sound value for every type of field, found by trying, so that new types need nothing here."""

from __future__ import annotations

import itertools
import types
import typing
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal

import msgspec

from domain.kit.checking import checked
from domain.kit.errors import Problem
from domain.kit.money import Money

_numbers = itertools.count(1)
DAY, MOMENT = date(2026, 6, 1), datetime(2026, 6, 1, 12, tzinfo=UTC)


def candidates() -> Iterator[Any]:
    """Values of many forms; texts are new each time."""
    number = next(_numbers)
    yield from (
        f"X{number}",
        f"x{number}",
        f"x{number}.example.com",
        f"x{number}@example.com",
        f"+1212555{number % 9000 + 1000}",
    )
    yield from ("US", "USD", "en", "UTC", f"https://example.com/{number}", "12345", f"{number:064x}")
    yield from ("1HGCM82633A004352", (DAY - timedelta(days=number % 3_000)).isoformat(), MOMENT.isoformat())
    yield from ("08:00", "1.50", 1, 0, 2020, 1.5, False, [], {}, {"x": "1"}, [f"X{number}"])


def sound(annotation: Any) -> Any:
    """A JSON value that the annotation takes, its checks passed; LookupError where none of ours fits."""
    for value in candidates():
        if _fits(value, annotation):
            return value
    found = _built(annotation)
    if found is not None and _fits(found, annotation):
        return found
    raise LookupError(f"no value for {annotation}")


def _fits(value: Any, annotation: Any) -> bool:
    holder = msgspec.defstruct("Holder", [("value", annotation)])
    try:
        checked(msgspec.convert({"value": value}, holder, strict=True))
    except (msgspec.ValidationError, Problem):
        return False
    return True


def _built(annotation: Any) -> Any:
    origin = typing.get_origin(annotation)
    if origin is Annotated:
        return _built(annotation.__origin__)
    if origin in (typing.Union, types.UnionType):
        return next((built for one in typing.get_args(annotation) if (built := _built(one)) is not None), None)
    if origin is Literal:
        return typing.get_args(annotation)[0]
    if annotation is Money:
        return {"amount": "1.00", "currency": "USD"}
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        return body(annotation)
    if origin in (list, tuple):
        return [sound(typing.get_args(annotation)[0])]
    return None


def body(struct: type[msgspec.Struct], **given: Any) -> dict[str, Any]:
    """A JSON body of the Struct: what is given, and a sound value for each other field that is required."""
    fields = msgspec.structs.fields(struct)
    return {field.encode_name: sound(field.type) for field in fields if field.required and field.name not in given} | {
        name: value for name, value in given.items() if name in struct.__struct_fields__
    }


def stored(annotation: Any, kind: type) -> Any:
    """The same for a column: instants and days as the driver takes them."""
    if kind is date:
        return DAY - timedelta(days=next(_numbers) % 3_000)
    return MOMENT if kind is datetime else sound(annotation)
