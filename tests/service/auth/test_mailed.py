"""Registration, forgotten passwords and invitations: the same answer for every address, tokens that work once."""

import httpx
import pytest

from domain.kit.ids import new_id
from tests.service.auth.world import World

CHOSEN = "a password that I chose"


def token_in(link: str) -> str:
    return link.rpartition("token=")[2]


async def mailed_token(world: World, to: str, template: str) -> str:
    found = await world.mailed(to, template)
    assert found is not None
    return token_in(found["link"])


async def register(world: World, email: str) -> httpx.Response:
    body = {"email": email, "first_name": "Ada", "last_name": "Lovelace", "locale": "de"}
    return await world.call("POST", "/registrations", json=body)


async def test_a_stranger_becomes_a_customer_by_confirming_the_address(world: World) -> None:
    email = f"{new_id()}@example.com"
    assert (await register(world, email)).status_code == 202
    token = await mailed_token(world, email, "registration")
    early = await world.grant({"grant_type": "password", "username": email, "password": CHOSEN})
    assert early.status_code == 400

    done = await world.call("POST", "/registrations/confirm", json={"token": token, "password": CHOSEN})
    assert done.status_code == 204, done.text
    again = await world.call("POST", "/registrations/confirm", json={"token": token, "password": CHOSEN})
    assert again.status_code == 422

    signed_in = await world.grant({"grant_type": "password", "username": email, "password": CHOSEN})
    me = (await world.me(signed_in.json()["access_token"])).json()
    assert me["persona"] == "CUSTOMER"
    account = await world.owner.fetchrow("select * from account where id = $1", me["account_id"])
    assert (account["kind"], account["name"], account["is_partner"]) == ("PERSON", "Ada Lovelace", False)
    contact = await world.owner.fetchrow("select * from contact where id = $1", me["contact_id"])
    assert (str(contact["account_id"]), contact["email"], contact["locale"]) == (me["account_id"], email, "de")
    user = await world.owner.fetchrow("""select * from "user" where id = $1""", me["user_id"])
    assert (user["licence"], user["status"]) == ("CUSTOMER_COMMUNITY_PLUS", "ACTIVE")


async def test_registering_tells_nobody_whether_an_address_is_known(world: World) -> None:
    known = await world.user("CUSTOMER")
    unknown = f"{new_id()}@example.com"
    answers = [await register(world, known.email), await register(world, unknown)]
    assert len({(a.status_code, a.content, *sorted(a.headers)) for a in answers}) == 1
    assert await world.mails(known.email) == ["registration_known"]
    assert await world.mails(unknown) == ["registration"]


async def test_a_later_registration_ends_the_token_of_an_earlier_one(world: World) -> None:
    email = f"{new_id()}@example.com"
    await register(world, email)
    first = await mailed_token(world, email, "registration")
    await register(world, email)
    refused = await world.call("POST", "/registrations/confirm", json={"token": first, "password": CHOSEN})
    assert refused.status_code == 422


async def test_an_address_gets_three_mails_an_hour(world: World) -> None:
    email = f"{new_id()}@example.com"
    answers = [await register(world, email) for _ in range(5)]
    assert {answer.status_code for answer in answers} == {202}
    assert await world.mails(email) == ["registration"] * 3


async def test_a_forgotten_password_is_set_anew_and_ends_all_sessions(world: World) -> None:
    person = await world.user("CUSTOMER")
    old = await world.token(person)
    asked = await world.call("POST", "/password-resets", json={"email": person.email})
    assert asked.status_code == 202
    token = await mailed_token(world, person.email, "password_reset")
    done = await world.call("POST", "/password-resets/confirm", json={"token": token, "password": CHOSEN})
    assert done.status_code == 204
    assert (await world.me(old)).status_code == 401
    assert (await world.sign_in(person)).status_code == 400
    assert (await world.sign_in(person, CHOSEN)).status_code == 200
    again = await world.call("POST", "/password-resets/confirm", json={"token": token, "password": CHOSEN})
    assert again.status_code == 422


async def test_a_reset_tells_nobody_whether_an_address_is_known(world: World) -> None:
    known = await world.user("CUSTOMER")
    answers = [
        await world.call("POST", "/password-resets", json={"email": email})
        for email in (known.email, f"{new_id()}@example.com")
    ]
    assert len({(a.status_code, a.content, *sorted(a.headers)) for a in answers}) == 1


async def test_a_reset_is_over_after_half_an_hour(world: World) -> None:
    person = await world.user("CUSTOMER")
    await world.call("POST", "/password-resets", json={"email": person.email})
    token = await mailed_token(world, person.email, "password_reset")
    lasts = await world.owner.fetchval(
        "select extract(epoch from expires_at - made_at)::int from single_use_token where user_id = $1", person.id
    )
    assert lasts == 1800
    await world.owner.execute("update single_use_token set expires_at = now() where user_id = $1", person.id)
    refused = await world.call("POST", "/password-resets/confirm", json={"token": token, "password": CHOSEN})
    assert refused.status_code == 422


async def test_a_token_opens_only_what_it_was_mailed_for(world: World) -> None:
    person = await world.user("CUSTOMER")
    await world.call("POST", "/password-resets", json={"email": person.email})
    token = await mailed_token(world, person.email, "password_reset")
    for path in ("/registrations/confirm", "/invitations/accept"):
        assert (await world.call("POST", path, json={"token": token, "password": CHOSEN})).status_code == 422


@pytest.mark.parametrize("password", ["short", "aaaaaaaaaaaaaaaa", "x" * 257])
async def test_a_weak_password_is_refused_and_the_token_stays_good(world: World, password: str) -> None:
    person = await world.user("CUSTOMER")
    await world.call("POST", "/password-resets", json={"email": person.email})
    token = await mailed_token(world, person.email, "password_reset")
    weak = await world.call("POST", "/password-resets/confirm", json={"token": token, "password": password})
    assert (weak.status_code, weak.json()["errors"][0]["pointer"]) == (422, "/password")
    done = await world.call("POST", "/password-resets/confirm", json={"token": token, "password": CHOSEN})
    assert done.status_code == 204


async def test_no_stored_message_holds_the_link(world: World) -> None:
    email = f"{new_id()}@example.com"
    await register(world, email)
    token = await mailed_token(world, email, "registration")
    stored = await world.owner.fetchval('select m::text from message m where "to" = $1', email)
    assert token not in stored
    told = await world.owner.fetchval("select string_agg(changes::text, '') from history where entity = 'message'")
    assert token not in told
