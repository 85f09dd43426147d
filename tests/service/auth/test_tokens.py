"""The token endpoint: grants, refusals as RFC 6749 words them, rotation, lock-out, and the second factor."""

import asyncio
import base64
from datetime import timedelta

import pyotp
import pytest
from pwdlib.hashers.argon2 import Argon2Hasher

from domain.kit.ids import new_id
from service.auth.demo import seed_client
from service.auth.passwords import Passwords
from service.auth.signing_in import SignInRefused, open_session, prove
from service.auth.visitors import Visitor
from tests.service.auth.world import HOME, PASSWORD, Person, World

SECRET = "the secret of a system"
STRANGER = "198.51.100.9"


@pytest.fixture(scope="session")
async def system(world: World) -> str:
    await seed_client(world.owner, "warehouse", "Warehouse", SECRET, ("inventory.sync", "changes.read"))
    return "warehouse"


def refused(answer: object, code: str, status: int = 400) -> None:
    assert (answer.status_code, answer.json()["error"]) == (status, code)  # type: ignore[attr-defined]
    assert set(answer.json()) == {"error", "error_description"}  # type: ignore[attr-defined]


async def test_a_password_gives_a_token_pair(world: World) -> None:
    person = await world.user("STAFF", "EXECUTIVE")
    answer = await world.sign_in(person)
    assert answer.status_code == 200
    told = answer.json()
    assert told["token_type"] == "Bearer"
    assert told["expires_in"] == 3600
    assert told["access_token"].startswith("fcs_")
    assert told["refresh_token"].startswith("fcr_")
    assert told["scope"] == ""
    assert answer.headers["cache-control"] == "no-store"
    assert (await world.me(told["access_token"])).json()["user_id"] == person.id
    assert (await world.me(told["refresh_token"])).status_code == 401


async def test_tokens_are_stored_as_hashes_alone(world: World) -> None:
    token = await world.token(await world.user("CUSTOMER"))
    dump = await world.owner.fetchval(
        "select string_agg(t::text, '') || (select string_agg(s::text, '') from session s) from session_token t"
    )
    assert token not in dump
    assert token[4:] not in dump


FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("body", "media", "code"),
    [
        (b"", FORM, "invalid_request"),
        (b"grant_type=password", "application/json", "invalid_request"),
        (b"grant_type=password&grant_type=password", FORM, "invalid_request"),
        (b"grant_type=password&username=a%40b.example", FORM, "invalid_request"),
        (b"grant_type=implicit", FORM, "unsupported_grant_type"),
        (b"grant_type=password&username=%ff&password=x", FORM, "invalid_request"),
        (b"grant_type=password&username=%00&password=x", FORM, "invalid_request"),
        (b"grant_type=password&username=a&password=x&scope=admin", FORM, "invalid_scope"),
        (b"grant_type=refresh_token&refresh_token=x", FORM, "invalid_grant"),
        (b"grant_type=password&username=a&password=" + b"x" * 9_000, FORM, "invalid_request"),
    ],
)  # fmt: skip
async def test_a_bad_request_is_told_in_the_standards_words(world: World, body: bytes, media: str, code: str) -> None:
    async with world.client() as client:
        answer = await client.post("/api/v1/oauth/token", content=body, headers={"content-type": media})
    refused(answer, code)


async def test_parameters_in_the_address_are_refused(world: World) -> None:
    async with world.client() as client:
        answer = await client.post("/api/v1/oauth/token?password=x", data={"grant_type": "password"})
    refused(answer, "invalid_request")


async def test_an_expired_token_beside_the_form_does_not_stand_in_the_way(world: World) -> None:
    person = await world.user("CUSTOMER")
    form = {"grant_type": "password", "username": person.email, "password": PASSWORD}
    answer = await world.grant(form, authorization="Bearer fcs_" + "A" * 43)
    assert answer.status_code == 200


async def test_the_mail_counts_in_any_case(world: World) -> None:
    person = await world.user("CUSTOMER")
    form = {"grant_type": "password", "username": person.email.upper(), "password": PASSWORD}
    assert (await world.grant(form)).status_code == 200


@pytest.mark.parametrize("status", ["SUSPENDED", "DEACTIVATED"])
async def test_wrong_passwords_unknown_users_and_closed_users_are_answered_alike(world: World, status: str) -> None:
    person, closed = await world.user("CUSTOMER"), await world.user("CUSTOMER")
    await world.owner.execute("""update "user" set status = $2 where id = $1""", closed.id, status)
    unknown = Person(new_id(), f"{new_id()}@example.com", None, None)
    answers = [
        await world.sign_in(person, "another long password"),
        await world.sign_in(unknown),
        await world.sign_in(closed),
    ]
    refused(answers[0], "invalid_grant")
    assert len({(a.status_code, a.content, *sorted(set(a.headers) - {"x-request-id"})) for a in answers}) == 1


async def test_the_first_sign_in_makes_an_invited_user_active(world: World) -> None:
    person = await world.user("CUSTOMER")
    await world.owner.execute("""update "user" set status = 'INVITED' where id = $1""", person.id)
    await world.token(person)
    row = await world.owner.fetchrow("""select status, first_login_at from "user" where id = $1""", person.id)
    assert row["status"] == "ACTIVE"
    assert row["first_login_at"] is not None


async def test_a_refresh_token_is_good_once_and_its_second_use_ends_the_session(world: World) -> None:
    first = (await world.sign_in(await world.user("STAFF", "FINANCE"))).json()
    form = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    second = (await world.grant(form)).json()
    assert second["access_token"].startswith("fcs_")
    assert (await world.me(second["access_token"])).status_code == 200
    assert (await world.me(first["access_token"])).status_code == 200

    refused(await world.grant(form), "invalid_grant")
    assert (await world.me(second["access_token"])).status_code == 401
    assert (await world.me(first["access_token"])).status_code == 401
    refused(
        await world.grant({"grant_type": "refresh_token", "refresh_token": second["refresh_token"]}), "invalid_grant"
    )


async def test_of_two_refreshes_at_the_same_moment_one_wins(world: World) -> None:
    first = (await world.sign_in(await world.user("CUSTOMER"))).json()
    form = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    answers = await asyncio.gather(*(world.grant(form) for _ in range(5)))
    assert sorted(a.status_code for a in answers) == [200, 400, 400, 400, 400]


async def test_a_user_who_is_suspended_refreshes_nothing(world: World) -> None:
    person = await world.user("CUSTOMER")
    first = (await world.sign_in(person)).json()
    await world.owner.execute("""update "user" set status = 'SUSPENDED' where id = $1""", person.id)
    refused(
        await world.grant({"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}), "invalid_grant"
    )


@pytest.mark.parametrize("which", ["access_token", "refresh_token"])
async def test_revoking_either_token_ends_the_session(world: World, which: str) -> None:
    told = (await world.sign_in(await world.user("CUSTOMER"))).json()
    async with world.client() as client:
        answer = await client.post("/api/v1/oauth/revoke", data={"token": told[which]})
        assert answer.status_code == 200
        assert (await client.post("/api/v1/oauth/revoke", data={"token": "unknown"})).status_code == 200
    assert (await world.me(told["access_token"])).status_code == 401
    refused(await world.grant({"grant_type": "refresh_token", "refresh_token": told["refresh_token"]}), "invalid_grant")


async def test_a_system_gets_its_scopes_by_header_or_by_form(world: World, system: str) -> None:
    form = {"grant_type": "client_credentials", "client_id": system, "client_secret": SECRET}
    by_form = await world.grant(form)
    basic = base64.b64encode(f"{system}:the+secret+of+a+system".encode()).decode()
    by_header = await world.grant({"grant_type": "client_credentials"}, authorization=f"Basic {basic}")
    for answer in (by_form, by_header):
        told = answer.json()
        assert answer.status_code == 200
        assert told["scope"] == "changes.read inventory.sync"
        assert "refresh_token" not in told
        me = (await world.me(told["access_token"])).json()
        assert (me["persona"], me["client_id"], me["user_id"]) == ("SYSTEM", system, None)
        assert me["scopes"] == ["changes.read", "inventory.sync"]


async def test_a_system_may_ask_for_fewer_scopes_and_not_for_more(world: World, system: str) -> None:
    form = {"grant_type": "client_credentials", "client_id": system, "client_secret": SECRET}
    fewer = await world.grant({**form, "scope": "changes.read"})
    assert fewer.json()["scope"] == "changes.read"
    assert (await world.me(fewer.json()["access_token"])).json()["scopes"] == ["changes.read"]
    refused(await world.grant({**form, "scope": "changes.read accounts.sync"}), "invalid_scope")
    refused(await world.grant({**form, "scope": "a\u00e4"}), "invalid_scope")


@pytest.mark.parametrize(
    "header", ["Basic", "Basic !!!", "Basic d2FyZWhvdXNl", "Bearer x", "Basic d2FyZWhvdXNlOndyb25n", "Basic /zp4"]
)
async def test_a_wrong_client_is_a_401_with_a_challenge(world: World, system: str, header: str) -> None:
    answer = await world.grant({"grant_type": "client_credentials"}, authorization=header)
    refused(answer, "invalid_client", 401)
    assert answer.headers["www-authenticate"].startswith("Basic")


async def test_a_scope_taken_away_is_gone_on_the_next_request(world: World) -> None:
    await seed_client(world.owner, "narrowed", "Narrowed", SECRET, ("inventory.sync", "changes.read"))
    form = {"grant_type": "client_credentials", "client_id": "narrowed", "client_secret": SECRET}
    token = (await world.grant(form)).json()["access_token"]
    await world.owner.execute("update api_client set scopes = '{changes.read}' where client_id = 'narrowed'")
    assert (await world.me(token)).json()["scopes"] == ["changes.read"]
    await world.owner.execute("update api_client set status = 'REVOKED' where client_id = 'narrowed'")
    assert (await world.me(token)).status_code == 401
    refused(await world.grant(form), "invalid_client", 401)


async def test_a_dealers_system_acts_within_the_dealers_accounts(world: World) -> None:
    dealer = await world.account("DEALER")
    await seed_client(world.owner, "dealers", "Dealer's", SECRET, ("inventory.sync",))
    await world.owner.execute("update api_client set account_id = $1 where client_id = 'dealers'", dealer)
    form = {"grant_type": "client_credentials", "client_id": "dealers", "client_secret": SECRET}
    token = (await world.grant(form)).json()["access_token"]
    me = (await world.me(token)).json()
    assert (me["persona"], me["units"], me["scopes"]) == ("PARTNER", [dealer], ["inventory.sync"])
    await world.owner.execute("update account set is_partner = false where id = $1", dealer)
    assert (await world.me(token)).status_code == 401
    await world.owner.execute("update account set is_partner = true where id = $1", dealer)
    assert (await world.me(token)).status_code == 401


async def test_ten_failures_shut_a_place_out_and_nobody_else(world: World) -> None:
    person, other = await world.user("CUSTOMER"), await world.user("CUSTOMER")
    await world.token(person)
    for _ in range(10):
        refused(await world.sign_in(person, "wrong wrong wrong", STRANGER), "invalid_grant")
    shut = await world.sign_in(person, PASSWORD, STRANGER)
    refused(shut, "temporarily_unavailable", 429)
    assert 1 <= int(shut.headers["retry-after"]) <= 900
    assert (await world.sign_in(person)).status_code == 200
    assert (await world.sign_in(other, address=STRANGER)).status_code == 200
    await world.owner.execute("update attempt set at = at - interval '15 minutes'")
    assert (await world.sign_in(person, PASSWORD, STRANGER)).status_code == 200


async def test_unknown_users_are_shut_out_like_known_ones(world: World) -> None:
    unknown = Person(new_id(), f"{new_id()}@example.com", None, None)
    codes = [(await world.sign_in(unknown, address="198.51.100.10")).status_code for _ in range(11)]
    assert codes == [400] * 10 + [429]


async def test_many_strangers_do_not_lock_the_owner_out(world: World) -> None:
    person = await world.user("CUSTOMER")
    await world.token(person)
    for stranger in range(101):
        await world.sign_in(person, "wrong wrong wrong", f"192.0.2.{stranger}")
    refused(await world.sign_in(person, PASSWORD, "192.0.2.200"), "temporarily_unavailable", 429)
    assert (await world.sign_in(person)).status_code == 200


async def test_addresses_of_one_ipv6_network_count_as_one(world: World) -> None:
    person = await world.user("CUSTOMER")
    for host in range(10):
        await world.sign_in(person, "wrong wrong wrong", f"2001:db8:1:2::{host:x}")
    assert (await world.sign_in(person, PASSWORD, "2001:db8:1:2:ffff::1")).status_code == 429
    assert (await world.sign_in(person, PASSWORD, "2001:db8:1:3::1")).status_code == 200


async def test_invented_forwarding_headers_change_nothing(world: World) -> None:
    person = await world.user("CUSTOMER")
    form = {"grant_type": "password", "username": person.email, "password": "wrong wrong wrong"}
    codes = [
        (await world.grant(form, "198.51.100.77", **{"x-forwarded-for": f"10.1.1.{n}", "forwarded": f"for=10.1.1.{n}"}))
        for n in range(11)
    ]
    assert [answer.status_code for answer in codes] == [400] * 10 + [429]


async def test_a_volley_of_guesses_does_not_outrun_the_count(world: World) -> None:
    person = await world.user("CUSTOMER")
    answers = await asyncio.gather(*(world.sign_in(person, "wrong wrong wrong", "198.51.100.88") for _ in range(30)))
    assert sorted(answer.status_code for answer in answers) == [400] * 10 + [429] * 20


async def _second_factor(world: World, token: str) -> tuple[pyotp.TOTP, list[str]]:
    begun = await world.call("POST", "/me/second-factor", token, json={"password": PASSWORD})
    assert begun.status_code == 201
    otp = pyotp.TOTP(begun.json()["secret"])
    assert begun.json()["uri"].startswith("otpauth://totp/Forecourt")
    before = otp.at(world.services.clock() - timedelta(seconds=30))
    confirmed = await world.call("POST", "/me/second-factor/confirm", token, json={"otp": before})
    assert confirmed.status_code == 200, confirmed.text
    return otp, confirmed.json()["recovery_codes"]


async def test_a_second_factor_is_asked_for_and_each_code_is_good_once(world: World) -> None:
    person = await world.user("STAFF", "ADMIN")
    token, elsewhere = await world.token(person), await world.token(person)
    otp, recovery = await _second_factor(world, token)
    assert (await world.me(token)).status_code == 200
    assert (await world.me(elsewhere)).status_code == 401

    refused(await world.sign_in(person), "otp_required")
    refused(await world.sign_in(person, "wrong wrong wrong"), "invalid_grant")
    refused(await world.sign_in(person, otp="000000"), "invalid_grant")
    code = otp.at(world.services.clock())
    assert (await world.sign_in(person, otp=code)).status_code == 200
    refused(await world.sign_in(person, otp=code), "invalid_grant")

    assert len(recovery) == 10
    assert (await world.sign_in(person, otp=recovery[3].lower())).status_code == 200
    refused(await world.sign_in(person, otp=recovery[3]), "invalid_grant")

    done = await world.call("POST", "/me/second-factor/disable", token, json={"password": PASSWORD, "otp": recovery[4]})
    assert done.status_code == 204
    assert (await world.sign_in(person)).status_code == 200


async def test_the_secret_of_the_second_factor_is_stored_encrypted(world: World) -> None:
    person = await world.user("STAFF", "FINANCE")
    token = await world.token(person)
    begun = await world.call("POST", "/me/second-factor", token, json={"password": PASSWORD})
    stored = await world.owner.fetchval("select otp_secret from credential where user_id = $1", person.id)
    assert begun.json()["secret"].encode() not in stored
    wrong = await world.call("POST", "/me/second-factor/confirm", token, json={"otp": "000000"})
    assert wrong.status_code == 422
    assert (await world.sign_in(person)).status_code == 200


async def test_unknown_users_cost_the_same_work_as_known_ones(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[bool] = []
    original = Passwords._verify

    def counted(self: Passwords, password: str, stored: str | None) -> tuple[bool, str | None]:
        checked.append(stored is None)
        return original(self, password, stored)

    monkeypatch.setattr(Passwords, "_verify", counted)
    await world.sign_in(await world.user("CUSTOMER"), "wrong wrong wrong")
    await world.sign_in(Person(new_id(), f"{new_id()}@example.com", None, None))
    assert checked == [False, True]


async def test_a_password_proven_before_it_was_changed_opens_nothing(world: World) -> None:
    person = await world.user("CUSTOMER")
    where = Visitor(HOME, "", [f"net {HOME}"])
    proof = await prove(world.services, person.email, PASSWORD, None, where)
    await world.owner.execute("update credential set password_hash = 'another' where user_id = $1", person.id)
    with pytest.raises(SignInRefused):
        await open_session(world.services, person.email, proof, where, "TOKEN")


async def test_outdated_hashes_are_renewed_at_the_next_sign_in(world: World) -> None:
    person = await world.user("CUSTOMER")
    older = await Passwords(Argon2Hasher(time_cost=2, memory_cost=16, parallelism=1)).hash(PASSWORD)
    await world.owner.execute("update credential set password_hash = $2 where user_id = $1", person.id, older)
    assert (await world.sign_in(person)).status_code == 200
    assert await world.owner.fetchval("select password_hash from credential where user_id = $1", person.id) != older
    assert (await world.sign_in(person)).status_code == 200


async def test_old_sessions_counts_and_tokens_are_swept(world: World) -> None:
    person = await world.user("CUSTOMER")
    await world.token(person)
    await world.owner.execute(
        "update session_token set expires_at = now() - interval '2 days' "
        "where session_id in (select id from session where user_id = $1)",
        person.id,
    )
    await world.owner.execute(
        "update session set expires_at = now() - interval '91 days' where user_id = $1", person.id
    )
    await world.owner.execute("select app.tidy_sign_ins()")
    assert await world.owner.fetchval("select count(*) from session where user_id = $1", person.id) == 0
