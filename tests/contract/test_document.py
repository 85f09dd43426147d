"""Schemathesis over the OpenAPI document: what the document allows, and what it does not, is never a fault of ours."""

from __future__ import annotations

import re
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.core.result import Ok
from schemathesis.core.transport import Response
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi import checks

from domain.kit import catalogue
from service.api import openapi
from tests.contract.direct import Client

PERSONAS = ("GUEST", "CUSTOMER", "GROUP_MANAGER", "ADMIN", "SCOPED")
CHECKS: list[Any] = [
    schemathesis.checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
]
SCHEMA = schemathesis.openapi.from_dict(openapi.document())
OPERATIONS = [found.ok() for found in SCHEMA.get_all_operations() if isinstance(found, Ok)]
STREAMS = "text/event-stream"


def once() -> list[Any]:
    """One operation of each sort: the generic ones do the same for every record type."""
    found: dict[Any, Any] = {}
    generic = {f"/api/v1/{entity.route}" for entity in catalogue.load().values()}
    for operation in OPERATIONS:
        base = re.match(r"/api/v1/[^/]*", operation.path)
        own = base is None or base[0] not in generic
        rest = operation.path if own else operation.path.removeprefix(base[0])
        found.setdefault((operation.method, "command" if "/commands/" in rest else rest), operation)
    return list(found.values())


async def conforms(client: Client, case: Any) -> None:
    """Send a generated case as this caller and hold the answer against the document."""
    arguments = case.as_transport_kwargs(base_url="http://localhost")
    if arguments["headers"]:
        arguments["headers"].pop("Authorization", None)
    try:
        request = requests.Request(**arguments).prepare()
    except (requests.exceptions.RequestException, UnicodeError):
        return  # what no client can send
    body = request.body or b""
    headers = {str(name).lower(): str(value) for name, value in request.headers.items()}
    target = (request.url or "").removeprefix("http://localhost")
    sent = body if isinstance(body, bytes) else str(body).encode()
    answer = await client.call(request.method or "GET", target, {**headers, "accept-encoding": "identity"}, sent)
    told: dict[str, list[str]] = {}
    for name, value in answer.headers:
        told.setdefault(name.decode(), []).append(value.decode("latin-1"))
    response = Response(answer.status, told, answer.body, request, answer.seconds, False)
    case.validate_response(response, checks=CHECKS)


def is_stream(operation: Any) -> bool:
    """Whether the operation answers for as long as somebody listens."""
    content = operation.definition.raw["responses"].get("200", {}).get("content", {})
    return STREAMS in content


def held(examples: int) -> settings:
    """Settings of a run of so many examples."""
    return settings(
        max_examples=examples,
        deadline=None,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
        derandomize=True,
        database=None,
    )


@pytest.mark.parametrize(
    ("operation", "persona"),
    [(operation, PERSONAS[at % len(PERSONAS)]) for at, operation in enumerate(once())],
    ids=lambda value: getattr(value, "label", value),
)
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["sound", "unsound"])
@held(4)
@given(data=st.data())
async def test_the_answer_is_one_of_those_in_the_document(
    callers: dict[str, Client], operation: Any, persona: str, mode: GenerationMode, data: Any
) -> None:
    if is_stream(operation):
        return
    await conforms(callers[persona], data.draw(operation.as_strategy(mode)))


@pytest.mark.stress
@pytest.mark.parametrize("persona", PERSONAS)
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.label)
@held(100)
@given(data=st.data())
async def test_every_operation_answers_every_persona_as_documented(
    callers: dict[str, Client], operation: Any, persona: str, data: Any
) -> None:
    if is_stream(operation):
        return
    mode = data.draw(st.sampled_from([GenerationMode.POSITIVE, GenerationMode.NEGATIVE]))
    await conforms(callers[persona], data.draw(operation.as_strategy(mode)))
