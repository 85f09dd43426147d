"""Runs the checks that types carry (`Checked`) over a decoded body and names the place of each fault."""

from __future__ import annotations

import functools
import types
import typing
from typing import Annotated, Any

import msgspec
from msgspec import UNSET

from domain.kit.errors import FieldError, Invalid
from domain.kit.money import Money
from domain.kit.values import Checked

S = typing.TypeVar("S", bound=msgspec.Struct)


def checked(body: S) -> S:
    """The body with every value in its normal form; Invalid lists all faults."""
    faults: list[FieldError] = []
    found: S = _check(type(body), body, "", faults)
    if faults:
        raise Invalid("Some values break a rule", errors=faults)
    return found


@functools.lru_cache(maxsize=4096)
def _concerned(annotation: Any) -> bool:
    """Whether anything below the annotation carries a check."""
    return _has_checks(annotation, ())


def _has_checks(annotation: Any, above: tuple[Any, ...]) -> bool:
    if annotation is Money:
        return True
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        if annotation in above:
            return False
        return any(_has_checks(f.type, (*above, annotation)) for f in msgspec.structs.fields(annotation))
    if typing.get_origin(annotation) is Annotated and any(isinstance(m, Checked) for m in annotation.__metadata__):
        return True
    return any(_has_checks(inner, above) for inner in typing.get_args(annotation) if not isinstance(inner, str | int))


def _check(annotation: Any, value: Any, pointer: str, faults: list[FieldError]) -> Any:
    if value is None or value is UNSET or not _concerned(annotation):
        return value
    origin = typing.get_origin(annotation)
    if origin is Annotated:
        value = _check(annotation.__origin__, value, pointer, faults)
        for marker in annotation.__metadata__:
            if isinstance(marker, Checked):
                try:
                    value = marker.normal(value)
                except ValueError as fault:
                    faults.append(FieldError(pointer, str(fault)))
                    return value
        return value
    if origin in (typing.Union, types.UnionType):
        for member in typing.get_args(annotation):
            if _fits(member, value):
                return _check(member, value, pointer, faults)
        return value
    if isinstance(value, Money):
        try:
            value.minor  # noqa: B018 - raises for unknown currencies and too many decimals
        except ValueError as fault:
            faults.append(FieldError(f"{pointer}/amount", str(fault)))
        return value
    if isinstance(value, msgspec.Struct):
        changed = {}
        for field in msgspec.structs.fields(type(value)):
            was = getattr(value, field.name)
            now = _check(field.type, was, f"{pointer}/{field.encode_name}", faults)
            if now is not was:
                changed[field.name] = now
        return msgspec.structs.replace(value, **changed) if changed else value
    if origin in (list, tuple):
        inner = typing.get_args(annotation)[0]
        return [_check(inner, item, f"{pointer}/{at}", faults) for at, item in enumerate(value)]
    if origin is dict:
        inner = typing.get_args(annotation)[1]
        return {key: _check(inner, item, f"{pointer}/{key}", faults) for key, item in value.items()}
    return value


def _fits(annotation: Any, value: Any) -> bool:
    while typing.get_origin(annotation) is Annotated:
        annotation = annotation.__origin__
    kind = typing.get_origin(annotation) or annotation
    return isinstance(kind, type) and isinstance(value, kind)
