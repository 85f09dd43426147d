"""A role held at one branch counts for the rows of that branch alone."""

from domain.kit.ids import new_id
from tests.contract.direct import Client
from tests.contract.world import World

HEADERS = {"content-type": "application/json", "if-match": '"999999999"'}


async def test_a_role_at_one_branch_opens_nothing_at_another(world: World, callers: dict[str, Client]) -> None:
    there = await world.branch("DEALER")
    token = await world.partner({world.callers["SALES"].own.account: "SALES", there.account: "TECHNICIAN"})
    client = Client(callers["SALES"].app, token)
    for account, refused in ((world.callers["SALES"].own.account, 412), (there.account, 403)):
        contact = await world.insert("contact", account_id=account, last_name="Doe")
        answer = await client.call("PATCH", f"/api/v1/contacts/{contact}", HEADERS, b'{"last_name": "Roe"}')
        assert answer.status == refused
        body = f'{{"account_id": "{account}", "last_name": "New"}}'.encode()
        made = await client.call("POST", "/api/v1/contacts", {**HEADERS, "idempotency-key": new_id()}, body)
        assert made.status == (201 if refused == 412 else 403)
