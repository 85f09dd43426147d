"""The query parameters of generic lists as the OpenAPI document tells them, from the fields of the record type."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Any

import msgspec

from domain.kit.fields import Field
from domain.kit.money import AmountText
from domain.kit.query import DEFAULT_LIMIT, MOST
from domain.kit.record import Entity

Json = dict[str, Any]
_ORDER = ("gt", "gte", "lt", "lte", "ne")


def list_parameters(entity: Entity) -> list[Json]:
    """`limit`, `cursor`, `sort`, one parameter a field, and one object whose members are `field.operator`."""
    fields = [field for field in entity.fields.values() if field.listed and field.privacy.value != "SECRET"]
    sortable = "|".join(re.escape(field.name) for field in fields if field.kind is not list)
    found: list[Json] = [
        _query("limit", {"type": "integer", "minimum": 1, "maximum": MOST, "default": DEFAULT_LIMIT}),
        _query("cursor", {"type": "string"}, "next_cursor of the page before, with the same filters and sort"),
        _query(
            "sort",
            {"type": "string", "pattern": f"^-?({sortable})$"},
            "a field, - before it for descending; up to five, separated by commas",
        ),
    ]
    found.extend(_query(field.name, {"type": "array", "items": value_schema(field)}) for field in fields)
    found.append(
        {
            **_query(
                "operators",
                _operators(fields),
                "each member is a parameter `field.operator`; a field alone means equal, several times: any of them",
            ),
            "style": "form",
            "explode": True,
        }
    )
    return found


def _query(name: str, schema: Json, description: str = "") -> Json:
    told: Json = {"name": name, "in": "query", "schema": schema}
    if description:
        told["description"] = description
    return told


def _operators(fields: list[Field]) -> Json:
    """Fields of one kind share a pattern, or every list of sixty record types would take pages."""
    groups: dict[str, tuple[Json, list[str]]] = {}
    for field in fields:
        schema = value_schema(field)
        operators = "ne" if field.kind is list else f"({'|'.join(_ORDER)})"
        key = f"{operators} {msgspec.json.encode(schema).decode()}"
        groups.setdefault(key, (schema, []))[1].append(field.name)
    patterns = {}
    for key, (schema, names) in groups.items():
        patterns[f"^({'|'.join(names)})\\.{key.partition(' ')[0]}$"] = schema
    patterns[f"^({'|'.join(field.name for field in fields)})\\.is_null$"] = {"type": "boolean"}
    return {"type": "object", "patternProperties": patterns, "additionalProperties": False}


def value_schema(field: Field) -> Json:
    """What a filter on the field is held against."""
    if field.ref or field.name == "id":
        return {"type": "string", "format": "uuid"}
    if field.kind is datetime:
        return {"type": "string", "format": "date-time"}
    if field.kind is date:
        return {"type": "string", "format": "date"}
    if field.choices:
        return {"type": "string", "enum": sorted(field.choices)}
    if field.is_money:
        return msgspec.json.schema(AmountText)
    if field.kind in (bool, int, float):
        return msgspec.json.schema(field.annotation)
    return {"type": "string", "maxLength": 200}
