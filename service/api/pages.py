"""Static files and the page that shows the OpenAPI document, with no request to another host."""

from __future__ import annotations

from typing import Any

from litestar import Response

from domain.kit.errors import NotFound
from service.api import openapi
from service.api.encoding import negotiated
from service.api.routing import EVERYBODY, Answer, Call, Kind, Route
from service.portal.static import address, assets, release

_FOREVER = "public, max-age=31536000, immutable"
_EACH_TIME = "no-cache"
_API_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The reader of the document writes style attributes; it runs no script but our files."""
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Forecourt API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="{style}">
</head>
<body>
<main id="api" data-document="/schema/openapi.json"></main>
<noscript><p>The document itself: <a href="/schema/openapi.json">/schema/openapi.json</a></p></noscript>
<script src="{bundle}" defer></script>
<script src="{begin}" defer></script>
</body>
</html>
"""


async def _document(call: Call) -> Any:
    headers = {"etag": openapi.entity_tag(), "cache-control": _EACH_TIME, "vary": "accept-encoding"}
    if call.request.headers.get("if-none-match") == openapi.entity_tag():
        return Response(None, status_code=304, headers=headers)
    return Answer(openapi.encoded(), headers=headers)


async def _page(_: Call) -> Any:
    text = _PAGE.format(
        style=address("vendor/swagger-ui-dist/swagger-ui.css"),
        bundle=address("vendor/swagger-ui-dist/swagger-ui-bundle.js"),
        begin=address("api.js"),
    )
    headers = {"content-security-policy": _API_POLICY, "cache-control": _EACH_TIME}
    return Answer(text.encode(), headers=headers, media_type="text/html")


async def _static(call: Call) -> Any:
    asset = assets().get(call.params["path"].lstrip("/"))
    if asset is None:
        raise NotFound("There is no such file")
    current = call.params["release"] == release()
    headers = {"cache-control": _FOREVER if current else _EACH_TIME, "vary": "accept-encoding"}
    content = asset.content
    accept = call.request.headers.get("accept-encoding", "")
    if asset.packed is not None and negotiated(accept.replace("zstd", "x-other").encode("latin-1")) == "gzip":
        content, headers["content-encoding"] = asset.packed, "gzip"
    return Answer(content, headers=headers, media_type=asset.media_type)


ROUTES = [
    Route(
        method="GET",
        path="/schema/openapi.json",
        object="schema",
        action="document",
        handler=_document,
        kind=Kind.FREE,
        grant=EVERYBODY,
        summary="This document",
        anonymous=True,
    ),
    Route(
        method="GET",
        path="/schema",
        object="portal",
        action="api",
        handler=_page,
        kind=Kind.FREE,
        grant=EVERYBODY,
        summary="A page to read the document",
        answers=("text/html",),
        anonymous=True,
    ),
    Route(
        method="GET",
        path="/static/{release}/{path:path}",
        object="portal",
        action="static",
        handler=_static,
        kind=Kind.FREE,
        grant=EVERYBODY,
        summary="A static file",
        answers=("*/*",),
        anonymous=True,
    ),
]
