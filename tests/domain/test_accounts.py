"""Who may do what to accounts, users, roles, systems and sharing rules."""

import asyncio
from typing import Any

import httpx
import msgspec
import pytest

from domain.accounts.ceilings import breaches, reachable
from domain.accounts.partners import CONFIRMATION
from domain.kit import catalogue
from domain.kit.ids import new_id
from service.ops.database import Addresses
from service.settings import Settings
from tests.service.auth.world import Person, World, world_on


class Network(msgspec.Struct):
    """A dealer group with two branches, a rival, and those who look after them."""

    top: str
    north: str
    south: str
    rival: str
    manager: str
    seller: str
    channel: str
    admin: str
    agent: str
    manager_id: str
    seller_id: str
    rival_seller: Person
    channel_id: str
    admin_id: str


@pytest.fixture(scope="session")
async def network(world: World) -> Network:
    top = await world.account("DEALER_GROUP")
    north, south = await world.account("DEALER", top), await world.account("DEALER", top)
    rival = await world.account("DEALER")
    manager = await world.user("PARTNER", "GROUP_MANAGER", top)
    seller = await world.user("PARTNER", "SALES", north)
    channel, admin = await world.user("STAFF", "CHANNEL_MANAGER"), await world.user("STAFF", "ADMIN")
    agent = await world.user("STAFF", "SERVICE_AGENT")
    return Network(
        top=top,
        north=north,
        south=south,
        rival=rival,
        manager=await world.token(manager),
        seller=await world.token(seller),
        channel=await world.token(channel),
        admin=await world.token(admin),
        agent=await world.token(agent),
        manager_id=manager.id,
        seller_id=seller.id,
        rival_seller=await world.user("PARTNER", "SALES", rival),
        channel_id=channel.id,
        admin_id=admin.id,
    )


async def draft(world: World, token: str, persona: str, account: str | None, **more: Any) -> httpx.Response:
    body: dict[str, Any] = {"email": f"{new_id()}@example.com", "name": "New User", "persona": persona, **more}
    if account is not None:
        licence = "PARTNER_COMMUNITY" if persona == "PARTNER" else "CUSTOMER_COMMUNITY_PLUS"
        body |= {"account_id": account, "contact_id": await world.contact(account), "licence": licence}
    return await world.call("POST", "/users", token, json=body)


async def give(world: World, token: str, user_id: str, role: str, account: str | None = None) -> httpx.Response:
    body = {"user_id": user_id, "role": role} | ({"account_id": account} if account else {})
    return await world.call("POST", "/role-assignments", token, json=body)


async def command(world: World, token: str, path: str, name: str, body: Any = None) -> httpx.Response:
    return await world.call("POST", f"{path}/commands/{name}", token, **({"json": body} if body is not None else {}))


async def test_an_invited_user_sets_a_password_once_and_is_active_from_the_first_sign_in(
    world: World, network: Network
) -> None:
    made = await draft(world, network.manager, "PARTNER", network.north)
    assert made.status_code == 201, made.text
    user = made.json()
    assert user["status"] == "INVITED"
    assert await world.mails(user["email"]) == []
    assert (await command(world, network.manager, f"/users/{user['id']}", "invite")).status_code == 200
    first = await world.mailed(user["email"], "invitation")
    assert (await command(world, network.manager, f"/users/{user['id']}", "invite")).status_code == 200
    second = await world.mailed(user["email"], "invitation")
    assert first is not None
    assert second is not None
    tokens = [mail["link"].rpartition("token=")[2] for mail in (first, second)]
    answers = [
        await world.call("POST", "/invitations/accept", json={"token": token, "password": "chosen by the user"})
        for token in (tokens[0], tokens[1], tokens[1])
    ]
    assert [answer.status_code for answer in answers] == [422, 204, 422]
    person = Person(user["id"], user["email"], None, None)
    assert (await world.sign_in(person, "chosen by the user")).status_code == 200
    shown = (await world.call("GET", f"/users/{user['id']}", network.manager)).json()
    assert shown["status"] == "ACTIVE"
    assert (await command(world, network.manager, f"/users/{user['id']}", "invite")).status_code == 409


async def test_a_group_manager_makes_users_of_own_branches_alone(world: World, network: Network) -> None:
    assert (await draft(world, network.manager, "PARTNER", network.south)).status_code == 201
    assert (await draft(world, network.manager, "PARTNER", network.rival)).status_code in (403, 422)
    assert (await draft(world, network.manager, "STAFF", None)).status_code in (403, 422)
    assert (await draft(world, network.seller, "PARTNER", network.north)).status_code == 403


@pytest.mark.parametrize(
    ("who", "persona", "allowed"),
    [
        ("channel", "PARTNER", True),
        ("agent", "PARTNER", False),
        ("agent", "CUSTOMER", True),
        ("channel", "STAFF", False),
        ("agent", "STAFF", False),
        ("admin", "STAFF", True),
    ],
)
async def test_staff_make_the_users_they_look_after(
    world: World, network: Network, who: str, persona: str, allowed: bool
) -> None:
    accounts = {"PARTNER": network.north, "CUSTOMER": await world.account("CUSTOMER", kind="PERSON"), "STAFF": None}
    answer = await draft(world, getattr(network, who), persona, accounts[persona])
    assert answer.status_code == (201 if allowed else 403), answer.text


async def test_a_person_account_never_has_a_partner_user(world: World, network: Network) -> None:
    person = await world.account("CUSTOMER", kind="PERSON")
    answer = await draft(world, network.admin, "PARTNER", person)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/account_id")


async def test_a_users_contact_belongs_to_the_users_account(world: World, network: Network) -> None:
    elsewhere = await world.contact(network.rival)
    answer = await world.call(
        "POST",
        "/users",
        network.admin,
        json={
            "email": f"{new_id()}@example.com",
            "name": "New User",
            "persona": "PARTNER",
            "licence": "PARTNER_COMMUNITY",
            "account_id": network.north,
            "contact_id": elsewhere,
        },
    )
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/contact_id")


async def test_users_change_themselves_and_nobody_they_do_not_look_after(world: World, network: Network) -> None:
    colleague = await world.user("PARTNER", "PARTS", network.north)
    headers = {"if-match": '"1"'}

    async def rename(token: str, id: str) -> int:
        version = await world.owner.fetchval("""select version from "user" where id = $1""", id)
        headers["if-match"] = f'"{version}"'
        return (await world.call("PATCH", f"/users/{id}", token, json={"name": new_id()}, headers=headers)).status_code

    assert await rename(network.seller, network.seller_id) == 200
    assert await rename(network.seller, colleague.id) == 403
    assert await rename(network.manager, colleague.id) == 200
    assert await rename(network.manager, network.rival_seller.id) == 404
    assert await rename(network.agent, colleague.id) == 403


async def test_a_group_manager_gives_dealer_roles_at_own_branches_alone(world: World, network: Network) -> None:
    person = await world.user("PARTNER", None, network.north)
    assert (await give(world, network.manager, person.id, "SALES", network.north)).status_code == 201
    assert (await give(world, network.manager, person.id, "PARTS", network.south)).status_code == 201
    assert (await give(world, network.manager, person.id, "SALES", network.rival)).status_code == 403
    assert (await give(world, network.manager, person.id, "ADMIN")).status_code == 403
    assert (await give(world, network.manager, person.id, "CHANNEL_MANAGER", network.north)).status_code in (403, 422)
    assert (await give(world, network.manager, network.rival_seller.id, "SALES", network.north)).status_code in (
        403,
        422,
    )
    assert (await give(world, network.seller, person.id, "BDC", network.north)).status_code == 403


async def test_nobody_raises_themselves(world: World, network: Network) -> None:
    assert (await give(world, network.manager, network.manager_id, "SALES", network.north)).status_code == 403
    assert (await give(world, network.channel, network.channel_id, "EXECUTIVE")).status_code == 403
    assert (await give(world, network.admin, network.admin_id, "EXECUTIVE")).status_code == 403
    version = await world.owner.fetchval("""select version from "user" where id = $1""", network.admin_id)
    answer = await world.call(
        "PATCH", f"/users/{network.admin_id}", network.admin, json={"brands": []}, headers={"if-match": f'"{version}"'}
    )
    assert answer.status_code == 200  # nothing changes
    answer = await world.call(
        "PATCH",
        f"/users/{network.admin_id}",
        network.admin,
        json={"brands": ["X"]},
        headers={"if-match": f'"{version}"'},
    )
    assert answer.status_code == 403


async def test_only_administrators_give_staff_roles(world: World, network: Network) -> None:
    person = await world.user("STAFF", "FINANCE")
    assert (await give(world, network.channel, person.id, "ADMIN")).status_code == 403
    assert (await give(world, network.channel, person.id, "FINANCE")).status_code in (403, 409)
    assert (await give(world, network.channel, person.id, "EXECUTIVE")).status_code == 403
    assert (await give(world, network.admin, person.id, "EXECUTIVE")).status_code == 201


async def test_roles_fit_the_persona_and_the_kind_of_account(world: World, network: Network) -> None:
    customer, staff = await world.user("CUSTOMER"), await world.user("STAFF", "FINANCE")
    seller = await world.user("PARTNER", None, network.north)
    supplier = await world.account("SUPPLIER")
    vendor = await world.user("PARTNER", None, supplier)
    for user, role, account in (
        (customer.id, "EXECUTIVE", None),
        (customer.id, "SALES", network.north),
        (staff.id, "SALES", network.north),
        (seller.id, "FINANCE", None),
        (seller.id, "SALES", None),
        (seller.id, "SUPPLIER", network.north),
        (seller.id, "SALES", network.rival),
        (vendor.id, "SALES", supplier),
        (staff.id, "EXECUTIVE", network.north),
    ):
        answer = await give(world, network.admin, user, role, account)
        assert answer.status_code == 422, (role, answer.text)
    assert (await give(world, network.admin, vendor.id, "SUPPLIER", supplier)).status_code == 201
    unknown = await give(world, network.admin, seller.id, "OVERLORD", network.north)
    assert unknown.status_code == 400


async def test_a_role_taken_away_is_gone_on_the_next_request(world: World, network: Network) -> None:
    person = await world.user("PARTNER", None, network.north)
    token = await world.token(person)
    made = await give(world, network.manager, person.id, "SALES", network.north)
    assert (await world.me(token)).json()["roles"] == ["SALES"]
    gone = await world.call(
        "DELETE", f"/role-assignments/{made.json()['id']}", network.manager, headers={"if-match": '"1"'}
    )
    assert gone.status_code == 204
    assert (await world.me(token)).json()["roles"] == []


async def test_suspending_and_reactivating(world: World, network: Network) -> None:
    person = await world.user("PARTNER", "SALES", network.north)
    token = await world.token(person)
    assert (await command(world, network.seller, f"/users/{person.id}", "suspend")).status_code == 404
    assert (await command(world, network.manager, f"/users/{person.id}", "suspend")).status_code == 200
    assert (await world.me(token)).status_code == 401
    back = await command(world, network.manager, f"/users/{person.id}", "reactivate")
    assert (back.status_code, back.json()["status"]) == (200, "ACTIVE")
    assert (await world.me(token)).status_code == 401
    assert (await world.sign_in(person)).status_code == 200
    assert (await command(world, network.channel, f"/users/{person.id}", "deactivate")).status_code == 200
    assert (await command(world, network.channel, f"/users/{person.id}", "reactivate")).status_code == 409


async def test_nobody_suspends_themselves_or_users_of_others(world: World, network: Network) -> None:
    assert (await command(world, network.manager, f"/users/{network.manager_id}", "suspend")).status_code == 403
    assert (await command(world, network.manager, f"/users/{network.rival_seller.id}", "suspend")).status_code == 404
    assert (await command(world, network.agent, f"/users/{network.seller_id}", "suspend")).status_code == 403
    assert (await command(world, network.channel, f"/users/{network.admin_id}", "suspend")).status_code == 403


async def test_two_last_administrators_cannot_suspend_each_other(fresh_database: Addresses, settings: Settings) -> None:
    ours = msgspec.structs.replace(
        settings, database_url=fresh_database.service, database_owner_url=fresh_database.owner
    )
    async with world_on(fresh_database, ours) as alone:
        admins = [await alone.user("STAFF", "ADMIN") for _ in range(2)]
        tokens = [await alone.token(admin) for admin in admins]
        answers = await asyncio.gather(
            command(alone, tokens[0], f"/users/{admins[1].id}", "suspend"),
            command(alone, tokens[1], f"/users/{admins[0].id}", "suspend"),
        )
        assert min(answer.status_code for answer in answers) == 200
        left = await alone.owner.fetchval("""select count(*) from "user" where status = 'ACTIVE'""")
        assert left == 1
        survivor = [(await alone.me(token)).status_code for token in tokens].index(200)
        own = await alone.owner.fetchval("select id from role_assignment where user_id = $1", admins[survivor].id)
        answer = await alone.call("DELETE", f"/role-assignments/{own}", tokens[survivor], headers={"if-match": '"1"'})
        assert (answer.status_code, answer.json()["detail"]) == (409, "This is the last administrator")


async def test_an_administrator_drops_a_lost_second_factor(world: World, network: Network) -> None:
    person = await world.user("STAFF", "FINANCE")
    await world.owner.execute(
        "update credential set otp_secret = 'x', otp_confirmed_at = now() where user_id = $1", person.id
    )
    assert (await world.sign_in(person)).json()["error"] == "otp_required"
    assert (await command(world, network.channel, f"/users/{person.id}", "drop_second_factor")).status_code == 404
    assert (await command(world, network.admin, f"/users/{person.id}", "drop_second_factor")).status_code == 200
    assert (await world.sign_in(person)).status_code == 200


async def business(world: World, owner: str | None, kind: str = "BUSINESS", kind_of: str = "DEALER") -> str:
    account = (
        await world.account(kind_of, kind=kind) if kind == "BUSINESS" else await world.account("CUSTOMER", kind=kind)
    )
    await world.owner.execute("update account set is_partner = false, owner_id = $2 where id = $1", account, owner)
    return account


async def test_a_business_with_a_channel_manager_becomes_a_partner_and_ends_being_one(
    world: World, network: Network
) -> None:
    account = await business(world, network.channel_id)
    enabled = await command(world, network.channel, f"/accounts/{account}", "enable_partner")
    assert (enabled.status_code, enabled.json()["is_partner"]) == (200, True)
    assert (await command(world, network.channel, f"/accounts/{account}", "enable_partner")).status_code == 200
    person = await world.user("PARTNER", "SALES", account)
    token = await world.token(person)
    disabled = await command(world, network.channel, f"/accounts/{account}", "disable_partner")
    assert disabled.json()["is_partner"] is False
    assert (await world.me(token)).status_code == 401
    assert (await world.sign_in(person)).status_code == 400
    await command(world, network.channel, f"/accounts/{account}", "enable_partner")
    assert (await world.me(token)).status_code == 401
    assert (await world.sign_in(person)).status_code == 200


async def test_what_cannot_be_a_partner_is_told_why(world: World, network: Network) -> None:
    person = await business(world, network.channel_id, "PERSON")
    ownerless = await business(world, None)
    wrong_owner = await business(world, network.admin_id)
    customer = await business(world, network.channel_id, kind_of="CUSTOMER")
    for account, pointer in (
        (person, "/kind"),
        (ownerless, "/owner_id"),
        (wrong_owner, "/owner_id"),
        (customer, "/type"),
    ):
        answer = await command(world, network.admin, f"/accounts/{account}", "enable_partner")
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)
    assert (await command(world, network.seller, f"/accounts/{network.north}", "disable_partner")).status_code == 404


async def test_no_account_stands_above_itself(world: World, network: Network) -> None:
    top = await world.account("DEALER_GROUP")
    below = await world.account("DEALER_GROUP", top)
    answer = await world.call(
        "PATCH", f"/accounts/{top}", network.admin, json={"parent_account_id": below}, headers={"if-match": '"1"'}
    )
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/parent_account_id")


async def test_dealers_do_not_move_or_retype_their_accounts(world: World, network: Network) -> None:
    version = await world.owner.fetchval("select version from account where id = $1", network.top)
    for change in ({"type": "OEM"}, {"parent_account_id": network.rival}, {"is_active": False}, {"brands": ["X"]}):
        answer = await world.call(
            "PATCH", f"/accounts/{network.top}", network.manager, json=change, headers={"if-match": f'"{version}"'}
        )
        assert answer.status_code == 403, change


async def test_partner_management_is_enabled_once_with_the_sentence_and_never_disabled(
    fresh_database: Addresses, settings: Settings
) -> None:
    ours = msgspec.structs.replace(
        settings, database_url=fresh_database.service, database_owner_url=fresh_database.owner
    )
    async with world_on(fresh_database, ours, partners=False) as closed:
        admin = await closed.token(await closed.user("STAFF", "ADMIN"))
        channel = await closed.token(await closed.user("STAFF", "CHANNEL_MANAGER"))
        [setting] = (await closed.call("GET", "/prm-settings", admin)).json()["items"]
        path = f"/prm-settings/{setting['id']}"
        sentence = {"confirmation": CONFIRMATION}
        assert (await command(closed, channel, path, "start_review")).status_code == 404
        assert (await command(closed, admin, path, "enable", sentence)).status_code == 409
        assert (await command(closed, admin, path, "start_review")).json()["status"] == "REVIEWING"
        assert (await command(closed, admin, path, "cancel_review")).json()["status"] == "DISABLED"
        await command(closed, admin, path, "start_review")
        assert (await command(closed, admin, path, "enable", {"confirmation": "yes"})).status_code == 422
        enabled = (await command(closed, admin, path, "enable", sentence)).json()
        assert enabled["status"] == "ENABLED"
        assert enabled["enabled_at"]
        again = (await command(closed, admin, path, "enable", sentence)).json()
        assert again["enabled_at"] == enabled["enabled_at"]
        for name in ("cancel_review", "start_review"):
            assert (await command(closed, admin, path, name)).status_code == 409


async def rule(world: World, token: str, record_type: str, audience: str, **criteria: Any) -> httpx.Response:
    body = {"name": "A rule", "record_type": record_type, "audience": audience, "criteria": criteria}
    return await world.call("POST", "/sharing-rules", token, json=body)


async def test_a_rule_opens_matching_rows_and_closes_them_again(world: World, network: Network) -> None:
    shown, hidden = await world.account("OTHER"), await world.account("DEALER")
    made = (await rule(world, network.channel, "account", "PUBLIC", type="OTHER")).json()
    path = f"/sharing-rules/{made['id']}"
    assert (await world.call("GET", f"/accounts/{shown}")).status_code == 404
    assert (await command(world, network.channel, path, "activate")).json()["status"] == "ACTIVE"
    assert (await world.call("GET", f"/accounts/{shown}")).status_code == 200
    assert (await world.call("GET", f"/accounts/{hidden}")).status_code == 404
    assert await world.owner.fetchval("select version from account where id = $1", hidden) == 1
    assert (await command(world, network.channel, path, "deactivate")).status_code == 200
    assert (await world.call("GET", f"/accounts/{shown}")).status_code == 404


async def test_changing_or_removing_an_active_rule_counts_at_once(world: World, network: Network) -> None:
    account = await world.account("OTHER")
    await world.owner.execute("update account set name = 'Open House' where id = $1", account)
    made = (await rule(world, network.channel, "account", "NETWORK", type="OTHER")).json()
    path = f"/sharing-rules/{made['id']}"
    await command(world, network.channel, path, "activate")
    assert (await world.call("GET", f"/accounts/{account}", network.seller)).status_code == 200
    assert (await world.call("GET", f"/accounts/{account}")).status_code == 404

    async def matched() -> dict[str, str]:
        return {"if-match": f'"{(await world.call("GET", path, network.channel)).json()["version"]}"'}

    await world.call("PATCH", path, network.channel, json={"criteria": {"type": "OEM"}}, headers=await matched())
    assert (await world.call("GET", f"/accounts/{account}", network.seller)).status_code == 404
    await world.call("PATCH", path, network.channel, json={"criteria": {"type": "OTHER"}}, headers=await matched())
    assert (await world.call("GET", f"/accounts/{account}", network.seller)).status_code == 200
    gone = await world.call("DELETE", path, network.channel, headers=await matched())
    assert gone.status_code == 204
    assert (await world.call("GET", f"/accounts/{account}", network.seller)).status_code == 404


@pytest.mark.parametrize(
    "record_type", ["lead", "lead_line_item", "opportunity", "quote", "campaign", "user", "contact"]
)
async def test_a_public_rule_beyond_the_ceilings_is_refused(world: World, network: Network, record_type: str) -> None:
    answer = await rule(world, network.admin, record_type, "PUBLIC")
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/record_type")


@pytest.mark.parametrize("record_type", ["campaign", "vehicle", "contact", "nonsense"])
async def test_a_rule_for_what_rules_do_not_open_is_refused(world: World, network: Network, record_type: str) -> None:
    assert (await rule(world, network.admin, record_type, "NETWORK")).status_code == 422


@pytest.mark.parametrize(
    "criteria",
    [{"owner_id": "x"}, {"is_partner": "yes"}, {"type": "PALACE"}, {"colour": "red"}, {"email": "a@b.example"}],
)
async def test_criteria_over_hidden_or_unknown_fields_are_refused(
    world: World, network: Network, criteria: dict[str, Any]
) -> None:
    answer = await rule(world, network.admin, "account", "PUBLIC", **criteria)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, f"/criteria/{next(iter(criteria))}")


async def test_dealers_make_no_rules(world: World, network: Network) -> None:
    assert (await rule(world, network.manager, "account", "NETWORK")).status_code == 404


def test_no_declaration_goes_beyond_a_licence() -> None:
    assert breaches(catalogue.load().values()) == []
    assert not reachable("CUSTOMER", "lead_line_item")
    assert not reachable("GUEST", "user")


async def test_a_systems_secret_is_shown_once_and_the_one_before_stays_good(world: World, network: Network) -> None:
    made = await world.call(
        "POST", "/api-clients", network.admin, json={"client_id": "erp", "name": "ERP", "scopes": ["accounts.sync"]}
    )
    assert made.status_code == 201
    path = f"/api-clients/{made.json()['id']}"
    secrets = []
    for _ in range(3):
        answer = await world.call(
            "POST", f"{path}/commands/issue_secret", network.admin, headers={"idempotency-key": "same"}
        )
        assert answer.status_code == 200, answer.text
        secrets.append(answer.json()["secret"])
    assert len(set(secrets)) == 3
    codes = [
        (
            await world.grant({"grant_type": "client_credentials", "client_id": "erp", "client_secret": secret})
        ).status_code
        for secret in secrets
    ]
    assert codes == [401, 200, 200]
    kept = await world.owner.fetchval("select string_agg(convert_from(body, 'UTF8'), '') from idempotency")
    assert not any(secret in (kept or "") for secret in secrets)
    assert (await command(world, network.admin, path, "revoke")).status_code == 200
    assert (await command(world, network.admin, path, "issue_secret")).status_code == 409


async def test_scopes_are_known_words(world: World, network: Network) -> None:
    body = {"client_id": "odd", "name": "Odd", "scopes": ["world.domination"]}
    answer = await world.call("POST", "/api-clients", network.admin, json=body)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/scopes")
    assert (await world.call("GET", "/api-clients", network.channel)).status_code in (403, 404)
