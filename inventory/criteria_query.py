"""The search request from a query string: `make=Toyota&price.lte=30000&sort=-price`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import msgspec

from domain.kit.errors import FieldError, Malformed, Problem, UnknownProperty
from inventory.criteria import Criteria, Near, SearchRequest, checked

BOUNDS = ("gte", "gt", "lte", "lt")
_TYPES = {field.name: field for field in msgspec.structs.fields(Criteria)}
_RANGES = frozenset(("model_year", "price", "odometer_km", "days_in_stock", "available_on"))
_SINGLE = frozenset(("currency", "text"))
_LISTS = frozenset(_TYPES) - _RANGES - _SINGLE - {"attributes", "near"}
_NEAR = frozenset(field.name for field in msgspec.structs.fields(Near))
_PAGING = frozenset(("limit", "cursor", "facet_limit", "relaxations"))


def from_query(params: Iterable[tuple[str, str]], known_attributes: frozenset[str] | None = None) -> SearchRequest:
    """The request that the parameters (name, value) ask for; the same rules as for a body.

    A repeated parameter is a list, an empty value is no criterion (but `status=` alone means every status). Ranges are
    `price.lte`, points `near.latitude`, attributes `attributes.seats` and `attributes.range_km.gte`;
    `sort=-price,model_year`; `facets=make,model`. Malformed or UnknownProperty with the pointer `?name` for a parameter
    that is wrong or unknown.
    """
    found: dict[str, list[str]] = {}
    for name, value in params:
        found.setdefault(name, []).append(value)
    criteria: dict[str, Any] = {}
    request: dict[str, Any] = {"criteria": criteria}
    for name, values in found.items():
        _place(name, values, criteria, request)
    try:
        made = msgspec.convert(request, SearchRequest, strict=False)
    except msgspec.ValidationError as fault:
        raise _told(fault, found) from None
    try:
        return checked(made, known_attributes)
    except Malformed as fault:
        errors = [FieldError(_parameter(error.pointer, found), error.detail) for error in fault.errors]
        raise type(fault)(fault.detail, errors=errors) from None


def _place(name: str, values: list[str], criteria: dict[str, Any], request: dict[str, Any]) -> None:
    """Puts the values of one parameter where the body would have them."""
    head, _, rest = name.partition(".")
    given = [value for value in values if value]
    if name in _LISTS:
        if given or name == "status":
            criteria[name] = given
    elif name in ("facets", "sort"):
        parts = [part for value in given for part in value.split(",") if part]
        request[name] = parts if name == "facets" else [_sort(part) for part in parts]
    elif head == "attributes" and rest:
        _place_attribute(name, rest, given, criteria.setdefault("attributes", {}))
    elif (
        name in _SINGLE or name in _PAGING or (head in _RANGES and rest in BOUNDS) or (head == "near" and rest in _NEAR)
    ):
        if len(given) > 1:
            raise Malformed.at(f"?{name}", "is given more than once")
        target = request if name in _PAGING else criteria if name in _SINGLE else criteria.setdefault(head, {})
        if given:
            target[rest or name] = given[0]
    else:
        raise UnknownProperty.at(f"?{name}", "there is no such parameter")


def _place_attribute(name: str, rest: str, given: list[str], attributes: dict[str, Any]) -> None:
    code, _, bound = rest.rpartition(".")
    if code and bound in BOUNDS:
        place = attributes.setdefault(code, {})
        if not isinstance(place, dict) or len(given) > 1:
            raise Malformed.at(f"?{name}", "is given as values and as a range, or more than once")
        if given:
            place[bound] = given[0]
    elif isinstance(attributes.setdefault(rest, []), list):
        attributes[rest].extend(given)
    else:
        raise Malformed.at(f"?{name}", "is given as values and as a range")


def _sort(text: str) -> dict[str, str]:
    by = text.lstrip("+-")
    if text.startswith("-"):
        return {"by": by, "order": "desc"}
    return {"by": by, "order": "asc"} if text.startswith("+") or by != "relevance" else {"by": by}


def _told(fault: msgspec.ValidationError, found: dict[str, list[str]]) -> Problem:
    """The refusal for what the types did not take."""
    text, _, path = str(fault).partition(" - at ")
    steps = re.findall(r"[A-Za-z_]+|\d+", path.strip("`$").replace("[...]", ""))
    if path.startswith("`$.criteria.attributes"):
        return Malformed.at("?" + _first(found, "attributes"), text)
    return Malformed.at(_parameter("/" + "/".join(steps), found), text)


def _parameter(place: str, found: dict[str, list[str]]) -> str:
    """The parameter behind a place in the body."""
    steps = [step.replace("~1", "/").replace("~0", "~") for step in place.split("/")[1:]]
    if steps and steps[0] == "criteria":
        del steps[0]
    while steps and ".".join(steps) not in found:
        if any(name.startswith(".".join(steps) + ".") for name in found):
            return "?" + _first(found, ".".join(steps))
        steps.pop()
    return "?" + ".".join(steps)


def _first(found: dict[str, list[str]], start: str) -> str:
    return next((name for name in found if name == start or name.startswith(start + ".")), start)
