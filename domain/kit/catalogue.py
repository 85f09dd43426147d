"""Finds the modules that declare record types and checks that their references meet."""

from __future__ import annotations

import functools
import importlib
import pkgutil

from domain.kit.record import CATALOGUE, Entity

_ROOMS = ("domain", "inventory", "scheduling")


@functools.cache
def load() -> dict[str, Entity]:
    """Import every area and return all record types by name; TypeError for a reference to none.

    An area is a module or package directly below `domain`, and the modules named `records` of the other rooms.
    """
    import domain

    importlib.import_module("domain.kit.records")
    for found in sorted(pkgutil.iter_modules(domain.__path__), key=lambda m: m.name):
        if found.name not in ("kit", "rules"):
            importlib.import_module(f"domain.{found.name}")
    for room in _ROOMS[1:]:
        for found in pkgutil.iter_modules(importlib.import_module(room).__path__):
            if found.name == "records" or found.name.endswith("_records"):
                importlib.import_module(f"{room}.{found.name}")
    for made in CATALOGUE.values():
        for field in made.fields.values():
            if field.ref is not None and field.ref not in CATALOGUE:
                raise TypeError(f"{made.name}.{field.name} refers to {field.ref}, which no module declares")
    return CATALOGUE
