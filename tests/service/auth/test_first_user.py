"""The first administrator, made from the command line, and the users of the demo."""

import msgspec
import pytest

from domain.kit.ids import new_id
from service.auth.demo import SeedUser, seed_client, seed_users
from service.auth.users import create_first
from service.ops.database import Addresses
from service.settings import OperatorError, Settings
from tests.service.auth.world import CHEAP, PASSWORD, Person, World


async def test_the_first_administrator_sets_a_password_by_the_printed_link(
    world: World, database: Addresses, settings: Settings
) -> None:
    email = f"{new_id()}@example.com"
    told = [await create_first(settings, database, role="ADMIN", email=email) for _ in range(2)]
    tokens = [next(word for word in text.split() if word.startswith("fco_")) for text in told]
    answers = [
        await world.call("POST", "/invitations/accept", json={"token": token, "password": "chosen by the user"})
        for token in tokens
    ]
    assert [answer.status_code for answer in answers] == [422, 204]
    signed_in = await world.sign_in(Person("", email, None, None), "chosen by the user")
    me = (await world.me(signed_in.json()["access_token"])).json()
    assert (me["persona"], me["roles"]) == ("STAFF", ["ADMIN"])
    with pytest.raises(OperatorError, match="is a user already"):
        await create_first(settings, database, role="ADMIN", email=email)


@pytest.mark.parametrize(
    ("role", "email"), [("SALES", "a@example.com"), ("ADMIN", "nonsense"), ("KING", "a@example.com")]
)
async def test_a_wrong_role_or_address_is_told_to_the_operator(
    database: Addresses, settings: Settings, role: str, email: str
) -> None:
    with pytest.raises(OperatorError):
        await create_first(settings, database, role=role, email=email)


async def test_without_the_owners_address_nothing_is_made(database: Addresses, settings: Settings) -> None:
    with pytest.raises(OperatorError, match="OWNER_URL"):
        await create_first(settings, msgspec.structs.replace(database, owner=None), role="ADMIN", email="a@example.com")


async def test_seeding_twice_changes_nothing(world: World) -> None:
    person = SeedUser(
        id=new_id(),
        email=f"{new_id()}@example.com",
        name="Seeded",
        persona="STAFF",
        licence=None,
        role="EXECUTIVE",
        account_id=None,
        contact_id=None,
    )
    for _ in range(2):
        await seed_users(world.owner, [person], PASSWORD, CHEAP)
        await seed_client(world.owner, "seeded", "Seeded", "secret", ("changes.read",))
    found = await world.owner.fetchrow(
        "select count(*), (select count(*) from role_assignment r where r.user_id = any(array_agg(u.id))), "
        "(select count(*) from client_secret s join api_client k on k.id = s.api_client_id "
        "where k.client_id = 'seeded') from \"user\" u where email = $1",
        person.email,
    )
    assert tuple(found) == (1, 1, 1)
