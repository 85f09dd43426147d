"""Who a token makes its holder, and that rights withdrawn are withdrawn at once."""

import pytest

from tests.service.auth.world import World


@pytest.fixture(scope="session")
async def group(world: World) -> dict[str, str]:
    top = await world.account("DEALER_GROUP")
    sub = await world.account("DEALER_GROUP", top)
    return {
        "top": top,
        "sub": sub,
        "north": await world.account("DEALER", sub),
        "south": await world.account("DEALER", top),
        "elsewhere": await world.account("DEALER"),
    }


async def test_nobody_is_a_guest(world: World) -> None:
    answer = await world.call("GET", "/me")
    assert answer.status_code == 200
    assert answer.json()["persona"] == "GUEST"
    assert answer.json()["roles"] == answer.json()["scopes"] == []
    assert answer.json()["user_id"] is None


@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "Bearer ",
        "Bearer nonsense",
        "Basic dXNlcjpwYXNz",
        "fcs_" + "A" * 43,
        "Bearer fcs_" + "A" * 43,
        "Bearer fcs_" + "A" * 44,
        "Bearer fcs_" + "A" * 43 + " more",
        "Bearer fcs_" + "Ä" * 43,
        "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9.",
        "Bearer " + "x" * 5_000,
        "\x00",
    ],
)
async def test_a_malformed_or_unknown_token_is_a_401_problem(world: World, header: str) -> None:
    async with world.client() as client:
        answer = await client.get("/api/v1/me", headers=[(b"authorization", header.encode("latin-1"))])
    assert answer.status_code == 401
    assert answer.json()["type"] == "urn:forecourt:problem:unauthenticated"
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_two_tokens_at_once_are_refused(world: World) -> None:
    token = await world.token(await world.user("STAFF", "EXECUTIVE"))
    async with world.client() as client:
        both = [("authorization", f"Bearer {token}"), ("authorization", f"Bearer {token}")]
        assert (await client.get("/api/v1/me", headers=both)).status_code == 401


async def test_staff_hold_their_roles_everywhere_and_their_brands_alone(world: World) -> None:
    person = await world.user("STAFF", "CHANNEL_MANAGER")
    await world.assign(person, "WARRANTY_MANAGER", None)
    await world.owner.execute("""update "user" set brands = '{ACME}' where id = $1""", person.id)
    me = (await world.me(await world.token(person))).json()
    assert me["persona"] == "STAFF"
    assert me["roles"] == ["CHANNEL_MANAGER", "WARRANTY_MANAGER"]
    assert me["brands"] == ["ACME"]
    assert me["account_id"] is None


async def test_a_customers_unit_is_their_account(world: World) -> None:
    person = await world.user("CUSTOMER")
    me = (await world.me(await world.token(person))).json()
    assert (me["persona"], me["account_id"], me["units"]) == ("CUSTOMER", person.account_id, [person.account_id])


async def test_a_group_manager_holds_the_role_at_every_branch_below(world: World, group: dict[str, str]) -> None:
    person = await world.user("PARTNER", "GROUP_MANAGER", group["top"])
    token = await world.token(person)
    me = (await world.me(token)).json()
    assert set(me["units"]) == {group["top"], group["sub"], group["north"], group["south"]}
    assert me["roles"] == ["GROUP_MANAGER"]


async def test_roles_are_combined_branch_by_branch(world: World, group: dict[str, str]) -> None:
    from service.auth.principal import caller

    person = await world.user("PARTNER", "SALES", group["north"])
    await world.assign(person, "SERVICE_MANAGER", group["north"])
    await world.assign(person, "PARTS", group["south"])
    found = await caller(world.services, await world.token(person), "ACCESS")
    assert found is not None
    assert found.roles_at == {
        group["north"]: frozenset({"SALES", "SERVICE_MANAGER"}),
        group["south"]: frozenset({"PARTS"}),
    }
    assert set(found.units) == {group["north"], group["south"]}
    assert set(found.group_units) == {group["top"], group["sub"], group["north"], group["south"]}
    assert found.keys_at(group["south"]) == frozenset({"PARTNER", "PARTS"})


async def test_accounts_that_form_a_ring_end_the_walk(world: World) -> None:
    first = await world.account("DEALER_GROUP")
    second = await world.account("DEALER_GROUP", first)
    await world.owner.execute("update account set parent_account_id = $1 where id = $2", second, first)
    person = await world.user("PARTNER", "GROUP_MANAGER", first)
    assert set((await world.me(await world.token(person))).json()["units"]) == {first, second}


async def test_rights_withdrawn_are_withdrawn_on_the_next_request(world: World) -> None:
    group = await world.account("DEALER_GROUP")
    branch = await world.account("DEALER", group)
    manager = await world.user("PARTNER", "GROUP_MANAGER", group)
    token = await world.token(manager)
    assert set((await world.me(token)).json()["units"]) == {group, branch}

    await world.owner.execute("update account set parent_account_id = null where id = $1", branch)
    assert (await world.me(token)).json()["units"] == [group]

    await world.owner.execute("delete from role_assignment where user_id = $1", manager.id)
    me = (await world.me(token)).json()
    assert (me["roles"], me["units"]) == ([], [])


@pytest.mark.parametrize(
    "withdrawal",
    [
        """update "user" set status = 'SUSPENDED' where id = $1""",
        """update "user" set status = 'DEACTIVATED' where id = $1""",
        'update account set is_partner = false where id = (select account_id from "user" where id = $1)',
        'update account set is_active = false where id = (select account_id from "user" where id = $1)',
        "update session set ended_at = now() where user_id = $1",
        "update session set expires_at = now() where user_id = $1",
        "update session_token set expires_at = now() where session_id = (select id from session where user_id = $1)",
    ],
)
async def test_a_partner_who_may_not_act_any_more_is_out_at_once(world: World, withdrawal: str) -> None:
    person = await world.user("PARTNER", "SALES", await world.account("DEALER"))
    token = await world.token(person)
    assert (await world.me(token)).status_code == 200
    await world.owner.execute(withdrawal, person.id)
    assert (await world.me(token)).status_code == 401


async def test_a_suspended_users_return_does_not_revive_old_sessions(world: World) -> None:
    person = await world.user("CUSTOMER")
    token = await world.token(person)
    await world.owner.execute("""update "user" set status = 'SUSPENDED' where id = $1""", person.id)
    await world.owner.execute("""update "user" set status = 'ACTIVE' where id = $1""", person.id)
    assert (await world.me(token)).status_code == 401


async def test_partners_sign_in_only_while_partner_management_is_enabled(closed_world: World) -> None:
    person = await closed_world.user("PARTNER", "SALES", await closed_world.account("DEALER"))
    staff = await closed_world.user("STAFF", "ADMIN")
    assert (await closed_world.sign_in(person)).json()["error"] == "invalid_grant"
    assert (await closed_world.sign_in(staff)).status_code == 200
    await closed_world.owner.execute("update prm_setting set status = 'REVIEWING'")
    assert (await closed_world.sign_in(person)).status_code == 400
    await closed_world.owner.execute("update prm_setting set status = 'ENABLED'")
    assert (await closed_world.sign_in(person)).status_code == 200


async def test_use_is_noted_at_most_once_a_minute(world: World) -> None:
    person = await world.user("CUSTOMER")
    token = await world.token(person)
    used = "select last_used_at from session where user_id = $1"
    first = await world.owner.fetchval(used, person.id)
    await world.me(token)
    assert await world.owner.fetchval(used, person.id) == first
    await world.owner.execute(
        "update session set last_used_at = now() - interval '2 minutes' where user_id = $1", person.id
    )
    await world.me(token)
    assert await world.owner.fetchval(used, person.id) >= first


async def test_no_class_of_the_service_reads_secrets(world: World) -> None:
    for role in ("guest", "customer", "partner", "staff", "reader"):
        pool = await world.services.database.pool(f"forecourt_{role}")
        async with pool.acquire() as connection:
            for table in ("session", "session_token", "credential", "client_secret", "single_use_token", "attempt"):
                allowed = await connection.fetchval("select has_any_column_privilege($1, 'select')", table)
                assert not allowed, f"{role} reads {table}"
