"""The OpenAPI document: complete, truthful in its parts, the same on every build."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from service.api import openapi
from service.api.table import table
from service.ops.deadlines import BodyLimit

DOCUMENT = openapi.document()


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in DOCUMENT["paths"].items():
        for method, operation in item.items():
            yield method.upper(), path, operation


def test_every_route_but_pages_is_in_the_document() -> None:
    declared = {(route.method, re.sub(r":\w+\}", "}", route.path)) for route in table() if route.object != "portal"}
    assert {(method, path) for method, path, _ in operations()} == declared


def test_two_builds_give_the_same_bytes() -> None:
    script = "import sys; from service.api.openapi import encoded; sys.stdout.buffer.write(encoded())"
    other = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert other.stdout == openapi.encoded()


def test_every_reference_leads_somewhere() -> None:
    for pointer in set(re.findall(r'"\$ref":"#/([^"]+)"', openapi.encoded().decode())):
        found: Any = DOCUMENT
        for step in pointer.split("/"):
            found = found[step.replace("~1", "/").replace("~0", "~")]


def test_names_of_operations_are_unique_and_every_operation_says_what_it_does() -> None:
    ids = [operation["operationId"] for _, _, operation in operations()]
    assert len(ids) == len(set(ids))
    for method, path, operation in operations():
        assert operation["summary"], (method, path)
        assert operation["tags"], (method, path)
        assert "200" in operation["responses"] or any(status < "300" for status in operation["responses"])


def test_every_path_parameter_is_declared_once() -> None:
    for method, path, operation in operations():
        told = [p["name"] for p in operation.get("parameters", []) if p.get("in") == "path"]
        assert sorted(told) == sorted(re.findall(r"\{(\w+)\}", path)), (method, path)
        names = [(p.get("in"), p.get("name")) for p in operation.get("parameters", []) if "name" in p]
        assert len(names) == len(set(names)), (method, path)


def test_every_refusal_of_a_route_is_told_under_its_status() -> None:
    for route in table():
        if route.object == "portal":
            continue
        operation = DOCUMENT["paths"][re.sub(r":\w+\}", "}", route.path)][route.method.lower()]
        for problem in route.problems:
            reference = operation["responses"][str(problem.status)]["$ref"].rpartition("/")[2]
            assert problem.slug in reference.split("."), (route.name, problem.slug)
            content = DOCUMENT["components"]["responses"][reference]["content"]
            assert "application/problem+json" in content


def test_no_component_has_two_meanings() -> None:
    types = [openapi.as_told(kind) for route in table() for kind in (route.body, route.returns) if kind is not None]
    structs = {kind for kind in types if isinstance(kind, type) and issubclass(kind, msgspec.Struct)}
    names = [kind.__name__ for kind in structs]
    assert len(names) == len(set(names))
    assert not [name for name in DOCUMENT["components"]["schemas"] if "." in name]


def test_every_body_of_every_caller_can_be_decoded() -> None:
    for route in table():
        if route.body is not None:
            msgspec.json.Decoder(route.body)


@pytest.mark.parametrize("word", ["password", "client"])
def test_tokens_are_got_from_the_token_endpoint(word: str) -> None:
    (flow,) = DOCUMENT["components"]["securitySchemes"][word]["flows"].values()
    assert flow["tokenUrl"] == "/api/v1/oauth/token"


def test_the_document_is_json_without_surprises() -> None:
    assert json.loads(openapi.encoded()) == DOCUMENT
    assert len(openapi.encoded()) < 8_000_000 < BodyLimit().most_bytes
