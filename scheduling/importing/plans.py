"""Holds the rows of a calendar file against what their record types allow, with every reason why one is refused."""

from __future__ import annotations

import re
from typing import Any

import msgspec
from msgspec import UNSET

from domain.kit.checking import checked
from domain.kit.errors import FieldError, Problem
from domain.kit.record import Record
from domain.kit.store import presence
from domain.kit.views import update_struct
from scheduling.importing.rows import KINDS, REFERENCES, Row, importable, references
from scheduling.records.hours import DateOverride
from scheduling.records.planning import skill_faults, slot_faults
from scheduling.records.resources import Technician

_PLACE = re.compile(r" - at `\$(.*)`$")


class Planned(msgspec.Struct):
    """A row that is sound in itself: the values of its record as they were given, and whom it names by key."""

    row: Row
    kind: type[Record]
    values: dict[str, Any]
    named: dict[str, str]


def planned(row: Row) -> Planned | list[FieldError]:
    """The row as values of its record type, or all that is wrong with it."""
    if row.faults:
        return row.faults
    kind = KINDS[row.type]
    fields = importable(kind)
    named, faults = _named(row, kind)
    given = {name: value for name, value in row.values.items() if name not in REFERENCES}
    for name in given:
        if name not in fields:
            faults.append(FieldError(f"/{name}", "is no property of such a row"))
    given = {name: value for name, value in given.items() if name in fields}
    body = update_struct(kind.entity, frozenset(fields))
    try:
        values = presence(checked(msgspec.convert(given, body)))
    except (msgspec.ValidationError, Problem):
        values = {}
        for name, value in given.items():
            faults += _faults_of(body, name, value)
    faults += _between(kind, values) if not faults else []
    return faults or Planned(row, kind, values, named)


def _named(row: Row, kind: type[Record]) -> tuple[dict[str, str], list[FieldError]]:
    """The records that the row names by key: field → key."""
    named: dict[str, str] = {}
    faults = []
    for name in REFERENCES:
        if name not in row.values:
            continue
        field, _ = REFERENCES[name]
        key = row.values[name]
        if name not in references(kind):
            faults.append(FieldError(f"/{name}", "is no property of such a row"))
        elif not isinstance(key, str):
            faults.append(FieldError(f"/{name}", "is a text"))
        elif field in row.values:
            faults.append(FieldError(f"/{name}", f"is given beside {field}"))
        else:
            named[field] = key
    return named, faults


def _faults_of(body: type[msgspec.Struct], name: str, value: Any) -> list[FieldError]:
    try:
        checked(msgspec.convert({name: value}, body))
    except msgspec.ValidationError as fault:
        text = str(fault)
        place = _PLACE.search(text)
        told = re.sub(r"\.([^.\[]+)|\[(\d+|\.\.\.)\]", r"/\1\2", place[1]) if place else f"/{name}"
        return [FieldError(told, _PLACE.sub("", text))]
    except Problem as problem:
        return list(problem.errors)
    return []


def _between(kind: type[Record], values: dict[str, Any]) -> list[FieldError]:
    """What is wrong between the fields of a row, as far as the database does not say it."""
    if kind is DateOverride:
        return slot_faults(values.get("time_slots") or [])
    if kind is Technician:
        return skill_faults(values.get("skills") or [])
    return []


def lacking(planned: Planned) -> list[FieldError]:
    """What a new record needs and the row does not give."""
    faults = []
    for name, field in importable(planned.kind).items():
        if field.required and planned.values.get(name, UNSET) is UNSET and name not in planned.named:
            faults.append(FieldError(f"/{name}", "is required"))
    return faults
