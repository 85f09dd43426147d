"""The OpenAPI 3.1 document of the service, made from the route table and the record types alone."""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

import msgspec

from domain.kit.errors import (
    Forbidden,
    InternalFault,
    Malformed,
    MissingScope,
    NotFound,
    PreconditionRequired,
    Problem,
    StaleVersion,
    TooLarge,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
    UnknownProperty,
    UnsupportedMediaType,
)
from domain.kit.policy import PERSONAS, Keys
from domain.kit.record import CATALOGUE
from domain.kit.views import told_struct
from service.api.filters import list_parameters
from service.api.problems import MEDIA_TYPE
from service.api.records import all_fields
from service.api.routing import PREFIX, Kind, Param, Route
from service.api.table import table

Json = dict[str, Any]
TEMPLATE = "#/components/schemas/{name}"
API_VERSION = "1.0"
_JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
_PATH_PARAMETER = re.compile(r"\{(\w+)(?::\w+)?\}")
_NO_FINAL_NEWLINE = r"(?!\n)"
_TEXT = {"type": "string"}

_HEADERS: Json = {
    "X-Request-Id": {"description": "The id under which the request is logged", "schema": _TEXT},
    "ETag": {"description": "The version, as If-Match takes it", "schema": _TEXT},
    "Location": {"description": "Address of the new record", "schema": {"type": "string", "format": "uri-reference"}},
    "X-Change": {
        "description": "Token of this write; send it as X-After-Change to read what it wrote",
        "schema": _TEXT,
    },
    "Idempotent-Replayed": {
        "description": "true where this is the stored answer to an earlier request with the same key",
        "schema": {"type": "string", "enum": ["true"]},
    },
    "Retry-After": {"description": "Seconds after which to try again", "schema": {"type": "integer", "minimum": 0}},
}
_REQUEST_HEADERS: Json = {
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "The same key with the same body is given the first answer again, for 24 hours",
        "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
    },
    "IfMatch": {
        "name": "If-Match",
        "in": "header",
        "required": True,
        "description": "The version that was read",
        "schema": {"type": "string", "pattern": '^"[0-9]{1,17}"$'},
        "example": '"3"',
    },
    "AfterChange": {
        "name": "X-After-Change",
        "in": "header",
        "description": "Token of a write (X-Change) that the answer must show",
        "schema": {"type": "string", "maxLength": 200},
    },
    "RequestId": {
        "name": "X-Request-Id",
        "in": "header",
        "description": "Under which the request is to be logged; made up where absent or of another form",
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"},
    },
}
_PROBLEM: Json = {
    "title": "ProblemDetails",
    "description": "Why a request was refused (RFC 9457); some types carry further members",
    "type": "object",
    "properties": {
        "type": {"type": "string", "pattern": "^urn:forecourt:problem:[a-z-]+$"},
        "title": _TEXT,
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": _TEXT,
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "pointer": {"type": "string", "description": "JSON pointer, or ?name for a query parameter"},
                    "detail": _TEXT,
                    "code": _TEXT,
                },
                "required": ["pointer", "detail"],
            },
        },
        "request_id": _TEXT,
    },
    "required": ["type", "title", "status", "detail"],
}


_OAUTH: Json = {
    "title": "OAuthError",
    "description": "Why no token is given (RFC 6749 §5.2)",
    "type": "object",
    "properties": {"error": _TEXT, "error_description": _TEXT},
    "required": ["error"],
}
_FORM_FIELDS: Json = {
    "type": "object",
    "properties": {
        "grant_type": {"type": "string", "enum": ["client_credentials", "password", "refresh_token"]},
        **dict.fromkeys(("username", "password", "otp", "client_id", "client_secret", "refresh_token"), _TEXT),
        **dict.fromkeys(("scope", "token", "token_type_hint"), _TEXT),
    },
}


@functools.cache
def encoded() -> bytes:
    """The document as JSON, the same bytes in every process of a release."""
    return msgspec.json.encode(document())


@functools.cache
def entity_tag() -> str:
    """ETag of the document."""
    return f'"{hashlib.sha256(encoded()).hexdigest()[:20]}"'


def document() -> Json:
    """The document as plain data. TypeError where two Structs or operations would share a name."""
    routes = [route for route in table() if route.object != "portal"]
    schemas = _Schemas(routes)
    refusals: Json = {}
    paths: dict[str, Json] = {}
    ids: set[str] = set()
    for route in routes:
        operation = _operation(route, schemas, refusals)
        if operation["operationId"] in ids:
            operation["operationId"] += "_" + route.method.lower()
        if operation["operationId"] in ids:
            raise TypeError(f"two operations are named {operation['operationId']}")
        ids.add(operation["operationId"])
        path = _PATH_PARAMETER.sub(r"{\1}", route.path)
        paths.setdefault(path, {})[route.method.lower()] = operation
    for item in paths.values():
        _link(item, paths)
    return {
        "openapi": "3.1.0",
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "info": {
            "title": "Forecourt",
            "version": API_VERSION,
            "description": (
                "Automotive portal platform. What a caller may not see is absent from answers, filters and sorts, and "
                "naming it is answered as an unknown name is. Without a token one is a guest."
            ),
        },
        "tags": [{"name": tag} for tag in sorted({_tag(route) for route in routes})],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": dict(sorted({**schemas.components, "ProblemDetails": _PROBLEM, "OAuthError": _OAUTH}.items())),
            "responses": dict(sorted(refusals.items())),
            "parameters": _REQUEST_HEADERS,
            "headers": _HEADERS,
            "securitySchemes": _security_schemes(),
        },
    }


class _Schemas:
    """The schemas of all bodies and answers, each Struct under one name."""

    def __init__(self, routes: Iterable[Route]):
        types: list[Any] = []
        for route in routes:
            told = [as_told(kind) for kind in (route.body, route.returns) if kind is not None]
            types.extend(kind for kind in told if kind not in types)
        _unique(types)
        found, components = msgspec.json.schema_components(
            types, schema_hook=lambda _: {"description": "any JSON value"}, ref_template=TEMPLATE
        )
        self._types = types
        self._found = [_truthful(schema) for schema in found]
        self.components: Json = {name: _truthful(schema) for name, schema in components.items()}

    def of(self, kind: Any) -> Json:
        """The schema of a type that some route names."""
        found: Json = self._found[self._types.index(as_told(kind))]
        return found


def as_told(kind: Any) -> Any:
    """What stands in the document: a record type, and any selection of its fields, is all that some caller may read."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        for entity in CATALOGUE.values():
            if (kind.__module__, kind.__name__) == (entity.struct.__module__, entity.struct.__name__):
                return told_struct(entity, all_fields(entity))
    return kind


def _unique(types: list[Any]) -> None:
    seen: dict[str, Any] = {}
    todo = [kind for kind in types if isinstance(kind, type) and issubclass(kind, msgspec.Struct)]
    for kind in todo:
        if seen.setdefault(kind.__name__, kind) is not kind:
            raise TypeError(f"{kind.__module__}.{kind.__name__}: another Struct at the edge has this name")


def _truthful(schema: Any) -> Any:
    """Mends what the generator cannot know: `$` is the very end in JSON Schema, and decimals may come as numbers."""
    if isinstance(schema, list | tuple):
        return [_truthful(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    mended = {name: _truthful(part) for name, part in schema.items()}
    if isinstance(mended.get("pattern"), str):
        mended["pattern"] = mended["pattern"].removesuffix(_NO_FINAL_NEWLINE)
    if mended.get("format") == "decimal":
        return {"anyOf": [{"type": "number"}, {"type": "string", "pattern": r"^-?[0-9]{1,18}(\.[0-9]{1,18})?$"}]}
    return mended


def _operation(route: Route, schemas: _Schemas, refusals: Json) -> Json:
    operation: Json = {
        "operationId": f"{route.object}_{route.action}".replace("-", "_"),
        "tags": [_tag(route)],
        "summary": route.summary or f"{route.action} {route.object}".replace("_", " "),
        "description": _who(route),
    }
    if parameters := _parameters(route):
        operation["parameters"] = parameters
    if (body := _body(route, schemas)) is not None:
        operation["requestBody"] = body
    operation["responses"] = {str(route.status): _answer(route, schemas), **_refused(route, refusals)}
    operation["security"] = [
        *([{}] if "GUEST" in _holders(route) else []),
        {"password": []},
        {"client": []},
        {"bearer": []},
    ]
    return operation


def _tag(route: Route) -> str:
    entity = CATALOGUE.get(route.object)
    if entity is None:
        return route.object.replace("_", " ")
    return next(part for part in reversed(entity.area.split(".")) if part not in ("records", "kit"))


def _who(route: Route) -> str:
    held = _holders(route)
    if held >= set(PERSONAS):
        return "For everybody."
    return f"For {', '.join(sorted(held))}."


def _parameters(route: Route) -> list[Json]:
    text = {"type": "string", "minLength": 1}
    names = _PATH_PARAMETER.findall(route.path)
    found: list[Json] = [{"name": name, "in": "path", "required": True, "schema": text} for name in names]
    if route.query is None and isinstance(route.grant, tuple):
        found.extend(list_parameters(route.grant[0]))
    for name, param in {**(route.query or {}), **route.documented}.items():
        found.append(_query_parameter(name, param))
    names = ["RequestId"]
    if route.kind is Kind.WRITE and route.idempotent:
        names.append("IdempotencyKey")
    if PreconditionRequired in route.problems:
        names.append("IfMatch")
    if route.method == "GET" and route.path.startswith(PREFIX) and route.kind is not Kind.WRITE:
        names.append("AfterChange")
    return found + [{"$ref": f"#/components/parameters/{name}"} for name in names]


def _query_parameter(name: str, param: Param) -> Json:
    schema = _truthful(msgspec.json.schema(param.annotation))
    if param.many:
        schema = {"type": "array", "items": schema}
    told: Json = {"name": name, "in": "query", "schema": schema}
    if param.names:
        members = {"type": "object", "patternProperties": {param.names: schema}, "additionalProperties": False}
        told |= {"schema": members, "style": "form", "explode": True}
    if param.description:
        told["description"] = param.description
    if param.required:
        told["required"] = True
    return told


def _body(route: Route, schemas: _Schemas) -> Json | None:
    if route.streams:
        content = {media: {"schema": _FORM_FIELDS if media == FORM else _TEXT} for media in route.streams}
        if route.body is not None:
            content[_JSON] = {"schema": schemas.of(route.body)}
        return {"required": True, "content": content}
    if route.body is None:
        return None
    return {"required": not route.body_optional, "content": {_JSON: {"schema": schemas.of(route.body)}}}


def _answer(route: Route, schemas: _Schemas) -> Json:
    told: Json = {"description": HTTPStatus(route.status).phrase}
    names = ["X-Request-Id"]
    if route.kind is Kind.WRITE:
        names.append("X-Change")
        if route.idempotent:
            names.append("Idempotent-Replayed")
    if route.status == 201:
        names.append("Location")
    if isinstance(route.returns, type) and "version" in getattr(route.returns, "__struct_fields__", ()):
        names.append("ETag")
    told["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in names}
    if route.status != 204:
        schema = schemas.of(route.returns) if route.returns is not None else {}
        told["content"] = {media: {"schema": schema if media == _JSON else _TEXT} for media in route.answers}
    return told


def _refused(route: Route, refusals: Json) -> Json:
    """One answer a status: all problems of that status that the route may give."""
    kinds: set[type[Problem]] = {*route.problems, Malformed, UnknownProperty, TooManyRequests, InternalFault}
    kinds |= {Unavailable}
    if not route.anonymous:
        kinds |= {Unauthenticated, Forbidden, MissingScope}
    if "{" in route.path or isinstance(route.grant, tuple) or "GUEST" not in route.grant:
        kinds.add(NotFound)
    if route.body is not None or route.streams:
        kinds |= {TooLarge, UnsupportedMediaType}
    if StaleVersion in kinds:
        kinds.add(PreconditionRequired)
    by_status: dict[int, list[type[Problem]]] = {}
    for kind in kinds:
        by_status.setdefault(kind.status, []).append(kind)
    told: Json = {}
    for status in sorted(by_status):
        slugs = sorted({kind.slug: kind for kind in by_status[status]}.items())
        name = ".".join(slug for slug, _ in slugs)
        if FORM in route.streams:
            name += ".oauth"
        if name not in refusals:
            refusals[name] = _refusal(status, [kind for _, kind in slugs])
            if FORM in route.streams:
                refusals[name]["content"][_JSON] = {"schema": {"$ref": "#/components/schemas/OAuthError"}}
        told[str(status)] = {"$ref": f"#/components/responses/{name}"}
    return told


def _refusal(status: int, kinds: list[type[Problem]]) -> Json:
    names = ["X-Request-Id", *(["Retry-After"] if status in (429, 503) else [])]
    types = [f"urn:forecourt:problem:{kind.slug}" for kind in kinds]
    schema = {
        "allOf": [
            {"$ref": "#/components/schemas/ProblemDetails"},
            {"properties": {"type": {"enum": types}, "status": {"const": status}}},
        ]
    }
    return {
        "description": "; ".join(f"`{kind.slug}`: {kind.title}" for kind in kinds),
        "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in names},
        "content": {MEDIA_TYPE: {"schema": schema}},
    }


def _link(item: Json, paths: dict[str, Json]) -> None:
    """From the answer of a create to what can be done with the new record by its id."""
    created = item.get("post", {}).get("responses", {}).get("201")
    if created is None:
        return
    base = next(path for path, found in paths.items() if found is item)
    links = {}
    for path, other in paths.items():
        if path == f"{base}/{{id}}" or (path.startswith(f"{base}/{{id}}/") and path.count("{") == 1):
            for operation in other.values():
                name = operation["operationId"]
                links[name] = {"operationId": name, "parameters": {"id": "$response.body#/id"}}
    if links:
        created["links"] = links


def _security_schemes() -> Json:
    token = f"{PREFIX}/oauth/token"
    scopes = sorted({key for route in table() for key in _scopes(route)})
    told = {scope: scope.replace(".", ": ") for scope in scopes}
    flow = {"tokenUrl": token, "refreshUrl": token}
    return {
        "password": {"type": "oauth2", "flows": {"password": {**flow, "scopes": {}}}},
        "client": {"type": "oauth2", "flows": {"clientCredentials": {**flow, "scopes": told}}},
        "bearer": {"type": "http", "scheme": "bearer", "description": "An access token or the secret of an API key"},
    }


def _scopes(route: Route) -> set[str]:
    return {key for key in _holders(route) if "." in key}


def _holders(route: Route) -> Keys:
    return route.grant[0].holders(route.grant[1]) if isinstance(route.grant, tuple) else route.grant
