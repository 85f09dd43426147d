"""Decodes bodies and query strings strictly; every fault names its place."""

from __future__ import annotations

import functools
import re
from typing import Any
from urllib.parse import unquote_to_bytes

import msgspec

from domain.kit.checking import checked
from domain.kit.errors import FieldError, Invalid, Malformed, Problem, UnknownProperty
from service.api.routing import Param

_WHERE = re.compile(r" - at `\$?(?P<path>[^`]*)`$")
_LIMIT = re.compile(r"^Expected `[^`]+` (>=|<=|>|<|of length|matching regex|that's a multiple|with a timezone)")
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]|\[\.\.\.\]")


@functools.lru_cache(maxsize=4096)
def _decoder(annotation: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(annotation, strict=True)


def decode(raw: bytes, annotation: Any, *, asks: bool = False) -> Any:
    """The JSON body as the Struct, its values in their normal form; Malformed, UnknownProperty or Invalid."""
    body = parse_json(raw, annotation, asks=asks)
    return checked(body) if isinstance(body, msgspec.Struct) else body


def parse_json(raw: bytes, annotation: Any = Any, *, asks: bool = False) -> Any:
    """Strict JSON: UTF-8, nesting that the parser bears, no U+0000 in any text.

    `asks`: it is a question, so that one beyond its limits is Malformed and not Invalid as a record's value is.
    """
    try:
        if b"\\u0000" in raw:
            _refuse_nul(msgspec.json.decode(raw), "")
        return _decoder(annotation).decode(raw)
    except RecursionError:
        raise Malformed("The body is nested too deeply") from None
    except UnicodeDecodeError as fault:
        raise Malformed(f"The body is not UTF-8: byte {fault.start}") from None
    except msgspec.ValidationError as fault:
        raise shaped(str(fault), asks=asks) from None
    except msgspec.DecodeError as fault:
        raise Malformed(f"The body is not JSON: {fault}") from None


def _refuse_nul(value: Any, pointer: str) -> None:
    if isinstance(value, str):
        if "\x00" in value:
            raise Malformed.at(pointer, "has the character U+0000")
    elif isinstance(value, list):
        for at, item in enumerate(value):
            _refuse_nul(item, f"{pointer}/{at}")
    elif isinstance(value, dict):
        for key, item in value.items():
            _refuse_nul(key, pointer)
            _refuse_nul(item, f"{pointer}/{key}")


def pointer(path: str) -> str:
    """msgspec's `.a[0].b` as a JSON pointer."""
    steps = [(name or index or "-") for name, index in _STEP.findall(path)]
    return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps)


def shaped(message: str, *, asks: bool = False) -> Problem:
    """A validation message of msgspec as the refusal it means: a broken limit, an unknown property or a wrong shape."""
    found = _WHERE.search(message)
    at = pointer(found["path"]) if found else ""
    told = _WHERE.sub("", message)
    unknown = re.match(r"Object contains unknown field `(.*)`", told)
    if unknown:
        return UnknownProperty.at(f"{at}/{unknown[1]}", "is not a property here")
    missing = re.match(r"Object missing required field `(.*)`", told)
    if missing:
        return Malformed.at(f"{at}/{missing[1]}", "is required", "required")
    return (Invalid if _LIMIT.match(told) and not asks else Malformed).at(at, told)


def pairs(query_string: bytes) -> list[tuple[str, str]]:
    """The parameters of a query string in their order; Malformed where it is not UTF-8."""
    found = []
    for part in query_string.split(b"&"):
        if part:
            name, _, value = part.partition(b"=")
            found.append((_text(name), _text(value)))
    if len(found) > 1000:
        raise Malformed("More than 1,000 query parameters")
    return found


def _text(raw: bytes) -> str:
    try:
        text = unquote_to_bytes(raw.replace(b"+", b" ")).decode()
    except UnicodeDecodeError:
        raise Malformed("The query string is not UTF-8") from None
    if "\x00" in text:
        raise Malformed("The query string has the character U+0000")
    return text


def parameters(given: list[tuple[str, str]], declared: dict[str, Param]) -> dict[str, Any]:
    """Query parameters as their types; unknown and repeated ones are refused."""
    found: dict[str, Any] = {}
    for name, value in given:
        param = declared.get(name)
        if param is None:
            raise UnknownProperty.at(f"?{name}", "is not a parameter here")
        if name in found and not param.many:
            raise Malformed.at(f"?{name}", "is given twice")
        try:
            read = msgspec.convert(value, param.annotation, strict=False)
        except msgspec.ValidationError as fault:
            raise Malformed.at(f"?{name}", str(fault)) from None
        if param.many:
            found.setdefault(name, []).append(read)
        else:
            found[name] = read
    lacking = [name for name, param in declared.items() if param.required and name not in found]
    if lacking:
        raise Malformed("A parameter lacks", errors=[FieldError(f"?{name}", "is required") for name in lacking])
    return found
