"""All routes of the service: the generic ones of every record type, and those that modules declare themselves."""

from __future__ import annotations

import functools
import importlib
import pkgutil

from domain.kit import catalogue
from service import api
from service.api.records import routes_of
from service.api.routing import Route


@functools.cache
def table() -> tuple[Route, ...]:
    """Every route, once. A module of `service.api` (or of `service.auth`) that has a list `ROUTES` is found by it."""
    routes: list[Route] = []
    for package in (api, importlib.import_module("service.auth")):
        for found in sorted(pkgutil.iter_modules(package.__path__), key=lambda module: module.name):
            module = importlib.import_module(f"{package.__name__}.{found.name}")
            routes.extend(getattr(module, "ROUTES", ()))
    for entity in catalogue.load().values():
        routes.extend(routes_of(entity))
    names = [route.name for route in routes]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise TypeError(f"declared twice: {', '.join(sorted(twice))}")
    return tuple(routes)
