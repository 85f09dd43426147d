"""The query parameters of the stock search by address, told for the OpenAPI document; the search reads them itself."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from inventory.criteria import RANGE_FACETS, SORTS, Criteria, DateRange, Near, Range, SearchRequest, Value
from inventory.criteria_query import BOUNDS
from service.api.routing import Param

_SORT = "|".join(SORTS)


def search_parameters() -> dict[str, Param]:
    """One parameter a list, a bound, a coordinate and an option of the page; attributes by a pattern of names."""
    criteria = {field.name: field.type for field in msgspec.structs.fields(Criteria)}
    found: dict[str, Param] = {}
    for name, annotation in criteria.items():
        if name in ("attributes", "near"):
            continue
        kinds = _members(annotation)
        if Range in kinds or DateRange in kinds:
            bound: Any = Decimal if Range in kinds else date
            found |= {f"{name}.{at}": Param(bound) for at in BOUNDS}
        elif name == "currency":
            found[name] = Param(Annotated[str, Meta(pattern="^[A-Z]{3}$")], "of prices; the service's own if absent")
        elif name == "text":
            found[name] = Param(Value, "every word must match, whole or as a prefix")
        else:
            told = "absent: IN_STOCK; given empty: every status" if name == "status" else ""
            found[name] = Param(Value, told, many=True)
    for field in msgspec.structs.fields(Near):
        found[f"near.{field.name}"] = Param(next(kind for kind in _members(field.type) if kind is not type(None)))
    found["attributes"] = Param(
        Value,
        "each member is a parameter `attributes.<code>`, or a bound `attributes.<code>.gte` of numbers",
        names=rf"^attributes\.[^.]{{1,63}}(\.({'|'.join(BOUNDS)}))?$",
    )
    page = {field.name: field.type for field in msgspec.structs.fields(SearchRequest)}
    order = Annotated[str, Meta(pattern=f"^[+-]?({_SORT})(,[+-]?({_SORT})){{0,{len(SORTS) - 1}}}$")]
    return found | {
        "sort": Param(order, "- before a key for descending; several separated by commas"),
        "limit": Param(page["limit"]),
        "cursor": Param(Annotated[str, Meta(max_length=2_000)], "next_cursor of the page before"),
        "facets": Param(
            Annotated[str, Meta(max_length=5_000)],
            f"names separated by commas: lists, attributes.<code>, and in buckets {', '.join(RANGE_FACETS)}",
        ),
        "facet_limit": Param(page["facet_limit"]),
        "relaxations": Param(Literal["true", "false"]),
    }


def _members(annotation: Any) -> tuple[Any, ...]:
    """The types of a union; of any other annotation itself."""
    return getattr(annotation, "__args__", None) or (annotation,)
