"""Users' own sessions and passwords."""

import pytest

from tests.service.auth.world import PASSWORD, World

CHOSEN = "a password that I chose"


async def test_sessions_are_listed_and_ended_one_by_one(world: World) -> None:
    person, other = await world.user("CUSTOMER"), await world.user("CUSTOMER")
    here, there = await world.token(person), await world.token(person)
    listed = (await world.call("GET", "/me/sessions", here)).json()["items"]
    assert [session["is_this_one"] for session in listed].count(True) == 1
    assert {session["address"] for session in listed} == {"203.0.113.7"}
    [elsewhere] = [session["id"] for session in listed if not session["is_this_one"]]

    foreign = await world.call("DELETE", f"/me/sessions/{elsewhere}", await world.token(other))
    missing = await world.call("DELETE", "/me/sessions/nonsense", here)
    assert (foreign.status_code, missing.status_code) == (404, 404)
    assert (await world.me(there)).status_code == 200
    assert (await world.call("DELETE", f"/me/sessions/{elsewhere}", here)).status_code == 204
    assert (await world.me(there)).status_code == 401
    assert (await world.me(here)).status_code == 200


async def test_changing_the_password_ends_all_other_sessions(world: World) -> None:
    person = await world.user("STAFF", "FINANCE")
    here, there = await world.token(person), await world.token(person)
    body = {"current_password": PASSWORD, "new_password": CHOSEN}
    assert (await world.call("POST", "/me/password", here, json=body)).status_code == 204
    assert (await world.me(here)).status_code == 200
    assert (await world.me(there)).status_code == 401
    assert (await world.sign_in(person)).status_code == 400
    assert (await world.sign_in(person, CHOSEN)).status_code == 200
    assert await world.mails(person.email) == ["password_changed"]
    told = await world.owner.fetch(
        "select command, actor, changes::text from history where record_id = $1 and command = 'change_password'",
        person.id,
    )
    assert [(row["actor"], row["changes"]) for row in told] == [(person.id, "{}")]


@pytest.mark.parametrize(
    ("current", "new", "pointer"),
    [("wrong wrong wrong", CHOSEN, "/current_password"), (PASSWORD, "short", "/new_password")],
)
async def test_a_wrong_or_weak_password_changes_nothing(world: World, current: str, new: str, pointer: str) -> None:
    person = await world.user("CUSTOMER")
    token = await world.token(person)
    body = {"current_password": current, "new_password": new}
    answer = await world.call("POST", "/me/password", token, json=body)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)
    assert (await world.sign_in(person)).status_code == 200


async def test_a_stolen_session_cannot_guess_the_password_for_long(world: World) -> None:
    token = await world.token(await world.user("CUSTOMER"))
    body = {"current_password": "wrong wrong wrong", "new_password": CHOSEN}
    codes = [(await world.call("POST", "/me/password", token, json=body)).status_code for _ in range(11)]
    assert codes == [422] * 10 + [429]


async def test_guests_have_no_sessions(world: World) -> None:
    assert (await world.call("GET", "/me/sessions")).status_code == 401
