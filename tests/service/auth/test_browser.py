"""Browsers' sessions: cookies, and requests that other sites make in a user's name."""

from typing import Any

import httpx
import msgspec
import pytest
from litestar import Request
from litestar.datastructures import Cookie

from domain.kit.errors import CrossSite
from domain.kit.tokens import hashed
from service.auth import browser
from service.auth.cookies import cookie_name, csrf_token
from service.auth.signing_in import SignInRefused
from tests.service.auth.world import HOME, PASSWORD, Person, World

OURS = "http://127.0.0.1:8000"


def request_of(
    world: World, cookies: dict[str, str] | None = None, address: str = HOME, **headers: str
) -> Request[Any, Any, Any]:
    told = [(b"host", b"127.0.0.1:8000"), *((k.replace("_", "-").encode(), v.encode()) for k, v in headers.items())]
    if cookies:
        told.append((b"cookie", "; ".join(f"{name}={value}" for name, value in cookies.items()).encode()))
    scope: Any = {"type": "http", "method": "POST", "path": "/login", "headers": told, "client": (address, 50_000),
                  "query_string": b"", "app": world.app, "litestar_app": world.app, "state": {}}  # fmt: skip
    return Request(scope)


async def log_in(
    world: World, person: Person, cookies: dict[str, str] | None = None, address: str = HOME
) -> dict[str, str]:
    _, made = await browser.log_in(request_of(world, cookies, address), world.services, person.email, PASSWORD, None)
    return {cookie.key: str(cookie.value) for cookie in made}


async def ask(
    world: World, cookies: dict[str, str], method: str = "GET", path: str = "/me", **more: Any
) -> httpx.Response:
    async with world.client() as client:
        client.cookies.update(cookies)
        return await client.request(method, f"/api/v1{path}", **more)


async def test_a_cookie_signs_reading_requests_in(world: World) -> None:
    person = await world.user("CUSTOMER")
    cookies = await log_in(world, person)
    assert (await ask(world, cookies)).json()["user_id"] == person.id


async def test_the_cookie_is_out_of_reach_of_scripts_and_of_other_hosts(world: World) -> None:
    person = await world.user("CUSTOMER")
    _, made = await browser.log_in(request_of(world), world.services, person.email, PASSWORD, None)
    session: Cookie = made[0]
    assert (session.key, session.httponly, session.samesite, session.path) == ("forecourt", True, "lax", "/")
    assert session.domain is None
    secure = msgspec.structs.replace(world.services.settings, public_url="https://portal.example.com")
    assert cookie_name(secure) == "__Host-forecourt"


async def test_signing_in_again_ends_the_session_before(world: World) -> None:
    person = await world.user("CUSTOMER")
    first = await log_in(world, person)
    second = await log_in(world, person, first)
    assert first["forecourt"] != second["forecourt"]
    assert (await ask(world, first)).json()["persona"] == "GUEST"
    assert (await ask(world, second)).json()["persona"] == "CUSTOMER"


async def test_a_session_id_that_somebody_planted_is_never_taken_over(world: World) -> None:
    planted = {"forecourt": "fcb_" + "A" * 43}
    assert (await log_in(world, await world.user("CUSTOMER"), planted))["forecourt"] != planted["forecourt"]


async def test_a_cookie_is_dead_after_signing_out(world: World) -> None:
    cookies = await log_in(world, await world.user("CUSTOMER"))
    [gone] = await browser.log_out(request_of(world, cookies), world.services)
    assert (gone.key, gone.value, gone.max_age) == ("forecourt", "", 0)
    assert (await ask(world, cookies)).json()["persona"] == "GUEST"


@pytest.mark.parametrize(
    "age",
    ["last_used_at = now() - interval '121 minutes'", "expires_at = now() - interval '1 second'"],
)
async def test_an_idle_or_old_session_is_over(world: World, age: str) -> None:
    cookies = await log_in(world, await world.user("CUSTOMER"))
    await world.owner.execute(
        f"update session set {age} where id = (select session_id from session_token where token_hash = $1)",
        hashed(cookies["forecourt"]),
    )
    assert (await ask(world, cookies)).json()["persona"] == "GUEST"


async def test_a_cookie_is_no_access_token_and_an_access_token_no_cookie(world: World) -> None:
    person = await world.user("CUSTOMER")
    cookies = await log_in(world, person)
    assert (await world.me(cookies["forecourt"])).status_code == 401
    assert (await ask(world, {"forecourt": await world.token(person)})).json()["persona"] == "GUEST"


async def _change(
    world: World, cookies: dict[str, str], headers: dict[str, str], path: str = "/me/password"
) -> httpx.Response:
    body = {"current_password": "wrong wrong wrong", "new_password": "a password that I chose"}
    return await ask(world, cookies, "POST", path, json=body, headers=headers)


async def test_a_changing_request_needs_the_sessions_own_token(world: World) -> None:
    cookies, others = (
        await log_in(world, await world.user("CUSTOMER")),
        await log_in(world, await world.user("CUSTOMER")),
    )
    settings = world.services.settings
    token, foreign = (csrf_token(settings, c["forecourt"]) for c in (cookies, others))
    assert (await _change(world, cookies, {"x-csrf-token": token})).status_code == 422
    assert (await _change(world, cookies, {"x-csrf-token": token, "origin": OURS})).status_code == 422
    for headers in (
        {},
        {"x-csrf-token": ""},
        {"x-csrf-token": foreign},
        {"x-csrf-token": token + "x"},
        {"x-csrf-token": token, "origin": "https://evil.example"},
        {"x-csrf-token": token, "origin": "null"},
        {"x-csrf-token": token, "sec-fetch-site": "cross-site"},
        {"x-csrf-token": token, "sec-fetch-site": "same-site"},
        {"content-type": "text/plain"},
    ):
        answer = await _change(world, cookies, headers)
        assert (answer.status_code, answer.json()["type"]) == (403, "urn:forecourt:problem:cross-site"), headers
    in_query = await _change(world, cookies, {}, f"/me/password?csrf_token={token}")
    assert in_query.status_code == 403


async def test_a_form_carries_the_token_in_a_field(world: World) -> None:
    cookies = await log_in(world, await world.user("CUSTOMER"))
    token = csrf_token(world.services.settings, cookies["forecourt"])
    with_field = await ask(world, cookies, "POST", "/me/password", data={"csrf_token": token})
    assert with_field.status_code == 415  # past the guard: this address takes JSON
    assert (await ask(world, cookies, "POST", "/me/password", data={"csrf_token": "x"})).status_code == 403


async def test_the_token_of_an_ended_session_is_worth_nothing(world: World) -> None:
    cookies = await log_in(world, await world.user("CUSTOMER"))
    token = csrf_token(world.services.settings, cookies["forecourt"])
    await browser.log_out(request_of(world, cookies), world.services)
    assert (await _change(world, cookies, {"x-csrf-token": token})).status_code == 401


async def test_another_sites_page_cannot_sign_a_browser_in(world: World) -> None:
    person = await world.user("CUSTOMER")
    with pytest.raises(CrossSite):
        await browser.log_in(
            request_of(world, origin="https://evil.example"), world.services, person.email, PASSWORD, None
        )


async def test_a_known_device_keeps_working_while_its_address_is_shut_out(world: World) -> None:
    person = await world.user("CUSTOMER")
    cookies = await log_in(world, person)
    for _ in range(11):
        await world.sign_in(person, "wrong wrong wrong")
    with pytest.raises(SignInRefused):
        await log_in(world, person)
    assert await log_in(world, person, cookies)
    assert await log_in(world, person, cookies, "198.51.100.200")
