"""Customers claim their cars; what they are told never depends on what is known."""

import asyncio
from typing import Any

import httpx
import pytest

from domain.kit.ids import new_id
from tests.service.auth.world import Person, World

LETTERS = "0123456789ABCDEFGHJKLMNPRSTUVWXYZ"


def vin_of(id: str) -> str:
    number, text = int(id.replace("-", ""), 16), ""
    for _ in range(17):
        number, at = divmod(number, len(LETTERS))
        text += LETTERS[at]
    return text


class Car:
    def __init__(self, id: str, vin: str, plate: str):
        self.id, self.vin, self.plate = id, vin, plate


async def car(world: World, dealer: str | None = None) -> Car:
    """A car; with a dealer, one that stands in the dealer's stock."""
    id = new_id()
    made = Car(id, vin_of(id), f"AB-{id[-4:]} 1".upper())
    await world.owner.execute(
        "insert into vehicle (id, created_at, updated_at, vin, registration_number, make, model, condition) "
        "values ($1, now(), now(), $2, $3, 'Acme', 'Swift', 'USED')",
        id,
        made.vin,
        made.plate,
    )
    if dealer is not None:
        await world.owner.execute(
            "insert into stock_entry (id, created_at, updated_at, vehicle_id, dealer_account_id, in_stock_since) "
            "values ($1, now(), now(), $2, $3, current_date)",
            new_id(),
            id,
            dealer,
        )
    return made


async def claim(world: World, token: str, **body: Any) -> httpx.Response:
    answer = await world.call("POST", "/me/vehicle-claims", token, json=body)
    await asyncio.gather(*world.services.parts.get("claims", ()))
    return answer


async def garage(world: World, token: str) -> list[str]:
    """The VINs of the customer's own cars."""
    rows = (await world.call("GET", "/assets", token)).json()["items"]
    return [row["serial_number"] for row in rows]


async def statuses(world: World, person: Person) -> list[str]:
    rows = await world.owner.fetch("select status from vehicle_claim where user_id = $1 order by created_at", person.id)
    return [row[0] for row in rows]


async def test_vin_and_registration_make_an_unowned_car_the_claimants(world: World) -> None:
    person, found = await world.user("CUSTOMER"), await car(world)
    token = await world.token(person)
    answer = await claim(world, token, vin=f" {found.vin.lower()} ", registration_number=found.plate.lower())
    assert (answer.status_code, answer.json()) == (202, {"status": "RECEIVED"})
    assert await garage(world, token) == [found.vin]
    assert await statuses(world, person) == ["MATCHED"]
    again = await claim(world, token, vin=found.vin, registration_number=found.plate)
    assert again.status_code == 202
    assert await garage(world, token) == [found.vin]


async def test_every_claim_has_the_same_answer(world: World) -> None:
    dealer = await world.account("DEALER")
    owned, stocked, free = await car(world), await car(world, dealer), await car(world)
    owner = await world.token(await world.user("CUSTOMER"))
    await claim(world, owner, vin=owned.vin, registration_number=owned.plate)
    person = await world.user("CUSTOMER")
    token = await world.token(person)
    answers = [
        await claim(world, token, vin=vin, registration_number=plate)
        for vin, plate in (
            (owned.vin, owned.plate),
            (owned.vin, "WRONG 1"),
            (stocked.vin, stocked.plate),
            (vin_of(new_id()), owned.plate),
            (free.vin, free.plate),
        )
    ]
    assert len({(a.status_code, a.content, *sorted(a.headers)) for a in answers}) == 1
    assert await statuses(world, person) == ["REVIEW", "RECEIVED", "REVIEW", "RECEIVED", "MATCHED"]
    assert await garage(world, token) == [free.vin]
    assert (await world.call("GET", "/vehicle-claims", token)).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {"vin": "A" * 17},
        {"vin": "A" * 17, "registration_number": "X", "claim_code": "Y"},
        {"vin": "A" * 8, "registration_number": "X"},
        {"vin": "O" * 17, "registration_number": "X"},
    ],
)
async def test_a_claim_is_refused_by_its_form_alone(world: World, body: dict[str, str]) -> None:
    token = await world.token(await world.user("CUSTOMER"))
    assert (await claim(world, token, **body)).status_code == 422


async def test_a_code_from_the_dealer_who_holds_the_car_is_good_once(world: World) -> None:
    dealer = await world.account("DEALER")
    found = await car(world, dealer)
    seller = await world.token(await world.user("PARTNER", "SALES", dealer))
    rival = await world.token(await world.user("PARTNER", "SALES", await world.account("DEALER")))
    path = f"/vehicles/{found.id}/commands/issue_claim_code"
    assert (await world.call("POST", path, rival)).status_code in (403, 404)
    issued = await world.call("POST", path, seller)
    assert issued.status_code == 200, issued.text
    code = issued.json()["claim_code"]
    first, second = await world.user("CUSTOMER"), await world.user("CUSTOMER")
    tokens = [await world.token(first), await world.token(second)]
    await claim(world, tokens[0], vin=vin_of(new_id())[-8:], claim_code=code)
    assert await garage(world, tokens[0]) == []
    await claim(world, tokens[0], vin=found.vin[-8:], claim_code=code.lower().replace("-", " "))
    assert await garage(world, tokens[0]) == [found.vin]
    await claim(world, tokens[1], vin=found.vin, claim_code=code)
    assert await statuses(world, second) == ["RECEIVED"]
    kept = await world.owner.fetchval(
        "select string_agg(changes::text, '') from history where entity = 'vehicle_claim'"
    )
    assert code.replace("-", "") not in kept


async def test_of_two_claimants_at_the_same_moment_one_becomes_the_owner(world: World) -> None:
    found = await car(world)
    people = [await world.user("CUSTOMER") for _ in range(2)]
    tokens = [await world.token(person) for person in people]
    await asyncio.gather(*(claim(world, token, vin=found.vin, registration_number=found.plate) for token in tokens))
    await asyncio.gather(*world.services.parts["claims"])
    ends = sorted([(await statuses(world, person))[0] for person in people])
    assert ends == ["MATCHED", "REVIEW"]
    owners = await world.owner.fetchval(
        "select count(*) from asset_account_participant p join vehicle v on v.asset_id = p.asset_id "
        "where v.id = $1 and p.role = 'OWNER' and p.ends_on is null",
        found.id,
    )
    assert owners == 1


async def test_a_service_agent_decides_where_there_is_an_owner(world: World) -> None:
    found = await car(world)
    before, after = await world.user("CUSTOMER"), await world.user("CUSTOMER")
    old, new = await world.token(before), await world.token(after)
    agent = await world.token(await world.user("STAFF", "SERVICE_AGENT"))
    await claim(world, old, vin=found.vin, registration_number=found.plate)
    await claim(world, new, vin=found.vin, registration_number=found.plate)
    listed = (await world.call("GET", "/vehicle-claims?status=REVIEW&sort=-created_at&limit=1", agent)).json()["items"]
    assert listed[0]["user_id"] == after.id
    assert "code_hash" not in listed[0]
    path = f"/vehicle-claims/{listed[0]['id']}/commands"
    done = await world.call("POST", f"{path}/approve", agent, json={"reason": "SOLD"})
    assert (done.status_code, done.json()["status"]) == (200, "MATCHED")
    assert await garage(world, new) == [found.vin]
    assert await garage(world, old) == []
    assert (await world.call("POST", f"{path}/decline", agent)).status_code == 409


async def test_a_customer_claims_ten_times_a_day(world: World) -> None:
    token = await world.token(await world.user("CUSTOMER"))
    codes = [
        (await claim(world, token, vin=vin_of(new_id()), registration_number="X 1")).status_code for _ in range(11)
    ]
    assert codes == [202] * 10 + [429]


async def test_a_car_that_is_taken_in_later_is_found_by_the_clock(world: World) -> None:
    from domain.kit.policy import WORKER
    from domain.ownership import settle_waiting

    id = new_id()
    person = await world.user("CUSTOMER")
    token = await world.token(person)
    await claim(world, token, vin=vin_of(id), registration_number="LATE 1")
    await claim(world, token, vin=vin_of(new_id()), registration_number="NEVER 1")
    await world.owner.execute(
        "update vehicle_claim set created_at = now() - interval '31 days' where registration_number = 'NEVER1'"
    )
    await world.owner.execute(
        "insert into vehicle (id, created_at, updated_at, vin, registration_number, make, model, condition) "
        "values ($1, now(), now(), $2, 'LATE-1', 'Acme', 'Swift', 'USED')",
        id,
        vin_of(id),
    )
    async with world.services.context(WORKER) as ctx:
        await settle_waiting(ctx)
    assert await garage(world, token) == [vin_of(id)]
    assert sorted(await statuses(world, person)) == ["EXPIRED", "MATCHED"]


async def test_only_customers_claim(world: World) -> None:
    seller = await world.token(await world.user("PARTNER", "SALES", await world.account("DEALER")))
    assert (await claim(world, seller, vin=vin_of(new_id()), registration_number="X")).status_code in (403, 404)
    assert (await world.call("POST", "/me/vehicle-claims", json={"vin": "A" * 17})).status_code == 401
