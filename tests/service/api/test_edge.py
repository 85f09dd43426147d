"""The outermost layer: methods, addresses, headers, request ids, documents and files."""

import gzip
import json
import re

import httpx
import pytest
import zstandard

from service.api.table import table
from service.portal import static


def problem(answer: httpx.Response, status: int, slug: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == f"urn:forecourt:problem:{slug}"


async def test_an_unknown_path_is_answered_as_a_problem(api: httpx.AsyncClient) -> None:
    for path in ("/nope", "/api/v1/nope", "/api/v1", "/", "/api/v1/products/x/y/z", "//api//v1//nope"):
        problem(await api.get(path), 404, "not-found")


async def test_options_and_405_name_every_method_of_an_address(api: httpx.AsyncClient) -> None:
    methods: dict[str, set[str]] = {}
    for route in table():
        methods.setdefault(route.path, {"OPTIONS"}).add(route.method)
    for path, found in methods.items():
        wanted = ", ".join(sorted(found | {"HEAD"} if "GET" in found else found))
        address = re.sub(r"\{[^}]*\}", "x", path)
        answer = await api.options(address)
        assert (answer.status_code, answer.headers["allow"]) == (204, wanted), path
        other = next(method for method in ("PUT", "DELETE", "TRACE") if method not in found)
        answer = await api.request(other, address)
        problem(answer, 405, "method-not-allowed")
        assert answer.headers["allow"] == wanted


async def test_a_trailing_slash_leads_to_the_same_place(api: httpx.AsyncClient) -> None:
    plain, slashed = await api.get("/api/v1/products"), await api.get("/api/v1/products/")
    assert plain.status_code == slashed.status_code == 200
    assert plain.content == slashed.content


async def test_head_answers_the_head_of_get_and_nothing_else(api: httpx.AsyncClient) -> None:
    for path in ("/api/v1/products", "/schema/openapi.json", "/health/live", "/api/v1/products/none"):
        got, head = await api.get(path), await api.head(path)
        assert head.content == b""
        assert head.status_code == got.status_code
        for name in ("content-type", "content-length", "etag"):
            assert head.headers.get(name) == got.headers.get(name)


async def test_every_answer_carries_the_security_headers_and_a_request_id(api: httpx.AsyncClient) -> None:
    for path in ("/api/v1/products", "/nope", "/schema", "/health/live", "/metrics"):
        headers = (await api.get(path, headers={"x-request-id": "abc-1"})).headers
        assert headers["x-request-id"] == "abc-1"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "same-origin"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert len(headers.get_list("content-security-policy")) == 1
        assert "unsafe-eval" not in headers["content-security-policy"]
        assert "script-src 'self'" in headers["content-security-policy"] or path != "/schema"


@pytest.mark.parametrize("given", ["a" * 65, "a b", "<svg onload=alert(1)>", "é", ""])
async def test_a_request_id_of_another_form_is_replaced(api: httpx.AsyncClient, given: str) -> None:
    answer = await api.get("/nope", headers={"x-request-id": given.encode()})
    assert re.fullmatch(r"[0-9a-f-]{36}", answer.headers["x-request-id"])
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


async def test_an_answer_in_no_wanted_format_is_refused(api: httpx.AsyncClient) -> None:
    problem(await api.get("/api/v1/products", headers={"accept": "image/png"}), 406, "not-acceptable")
    problem(await api.get("/api/v1/products", headers={"accept": "application/json;q=0"}), 406, "not-acceptable")
    for accept in ("*/*", "application/*", "text/html, application/json;q=0.5", "text/html, */*;q=0.1", ""):
        assert (await api.get("/api/v1/products", headers={"accept": accept})).status_code == 200


async def test_health_tells_each_check(api: httpx.AsyncClient) -> None:
    assert (await api.get("/health/live")).json() == {"status": "LIVE", "checks": {}}
    for _ in range(100):
        answer = await api.get("/health/ready")
        if answer.status_code == 200:
            break
    assert answer.json() == {
        "status": "READY",
        "checks": {"database": "OK", "index": "OK", "migrations": "OK", "schedule": "OK"},
    }


async def test_a_check_that_fails_or_hangs_makes_the_process_not_ready(api: httpx.AsyncClient) -> None:
    services = api._transport.app.state.services  # type: ignore[attr-defined] # the application behind the client

    async def broken() -> bool:
        raise ConnectionRefusedError

    services.checks["other"] = broken
    try:
        answer = await api.get("/health/ready")
    finally:
        del services.checks["other"]
    assert answer.status_code == 503
    assert answer.json()["status"] == "NOT_READY"
    assert answer.json()["checks"]["other"] == "FAILED"
    assert answer.headers["retry-after"] == "1"


async def test_the_document_is_cached_by_its_tag(api: httpx.AsyncClient) -> None:
    answer = await api.get("/schema/openapi.json")
    assert answer.json()["openapi"] == "3.1.0"
    again = await api.get("/schema/openapi.json", headers={"if-none-match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


async def test_the_page_of_the_document_asks_this_host_alone(api: httpx.AsyncClient) -> None:
    page = (await api.get("/schema")).text
    addresses = re.findall(r'(?:src|href|data-document)="([^"]*)"', page)
    assert addresses
    assert all(address.startswith("/") or address == "data:," for address in addresses)
    assert "<script>" not in page
    assert " on" not in re.sub(r">[^<]*<", "><", page)  # no handler in an attribute
    for address in addresses:
        if address.startswith("/"):
            assert (await api.get(address)).status_code == 200


async def test_static_files_are_kept_for_ever_under_their_fingerprint(api: httpx.AsyncClient) -> None:
    for name, asset in static.assets().items():
        answer = await api.get(static.address(name))
        assert answer.status_code == 200, name
        assert answer.content == asset.content
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        packed = await api.get(static.address(name), headers={"accept-encoding": "gzip"})
        assert packed.content == asset.content
        assert (packed.headers.get("content-encoding") == "gzip") == (asset.packed is not None)
    older = await api.get("/static/000000000000/api.js")
    assert (older.status_code, older.headers["cache-control"]) == (200, "no-cache")


@pytest.mark.parametrize("path", ["../api/openapi.py", "..%2f..%2fapi%2fopenapi.py", "none.js", "", "vendor", "%00"])
async def test_nothing_but_static_files_is_served(api: httpx.AsyncClient, path: str) -> None:
    answer = await api.get(f"/static/{static.release()}/{path}")
    assert answer.status_code == 404


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
async def test_large_answers_are_compressed_where_the_client_offers_it(api: httpx.AsyncClient, encoding: str) -> None:
    plain = await api.get("/schema/openapi.json")
    async with api.stream("GET", "/schema/openapi.json", headers={"accept-encoding": encoding}) as answer:
        raw = b"".join([piece async for piece in answer.aiter_raw()])
    assert answer.headers["content-encoding"] == encoding
    assert answer.headers["vary"] == "accept-encoding"
    assert int(answer.headers["content-length"]) == len(raw) < len(plain.content) / 5
    unpacked = gzip.decompress(raw) if encoding == "gzip" else zstandard.ZstdDecompressor().decompress(raw)
    assert unpacked == plain.content
    small = await api.get("/health/live", headers={"accept-encoding": encoding})
    assert "content-encoding" not in small.headers


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
async def test_compressed_bodies_are_read(api: httpx.AsyncClient, encoding: str) -> None:
    body = json.dumps({"criteria": {"make": ["Toyota"] * 50}}).encode()
    packed = gzip.compress(body) if encoding == "gzip" else zstandard.ZstdCompressor().compress(body)
    headers = {"content-encoding": encoding, "content-type": "application/json"}
    plain = await api.post("/api/v1/vehicles/search", content=body, headers={"content-type": "application/json"})
    answer = await api.post("/api/v1/vehicles/search", content=packed, headers=headers)
    assert answer.status_code == plain.status_code == 200
    problem(await api.post("/api/v1/vehicles/search", content=packed[:-5], headers=headers), 400, "malformed")
    problem(await api.post("/api/v1/vehicles/search", content=b"junk" + packed, headers=headers), 400, "malformed")


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
async def test_a_bomb_is_refused(api: httpx.AsyncClient, encoding: str) -> None:
    body = b'{"criteria": ' + b" " * 200_000_000 + b"{}}"
    packed = gzip.compress(body, 6) if encoding == "gzip" else zstandard.ZstdCompressor().compress(body)
    headers = {"content-encoding": encoding, "content-type": "application/json"}
    problem(await api.post("/api/v1/vehicles/search", content=packed, headers=headers), 413, "too-large")


async def test_an_unknown_content_encoding_is_refused(api: httpx.AsyncClient) -> None:
    headers = {"content-encoding": "br", "content-type": "application/json"}
    answer = await api.post("/api/v1/vehicles/search", content=b"{}", headers=headers)
    problem(answer, 415, "unsupported-media-type")
