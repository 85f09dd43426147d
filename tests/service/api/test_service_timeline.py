"""The service timeline of a car: everything in order of time, paged without gaps, to each what they may know."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from domain.accounts import AccountAccountRelation
from inventory.records import AssetAccountParticipant, AssetMilestone, StockEntry, Vehicle
from service.ops.database import Addresses
from tests.scheduling.centers import make
from tests.service.api.workshop_http import Served, workshop_served


@pytest.fixture
async def world(fresh_database: Addresses, tmp_path: Path) -> AsyncIterator[Served]:
    """The workshop; Ann owns her car, a vehicle with four milestones."""
    async with workshop_served(fresh_database, tmp_path) as made:
        database, asset, owner = made.workshop.database, made.workshop.assets["ann"], made.workshop.people["ann"]
        await make(
            database, AssetAccountParticipant, asset_id=asset, account_id=owner.account_id, role="OWNER",
            starts_on=date(2024, 1, 1),
        )  # fmt: skip
        await make(
            database, AccountAccountRelation, account_id=made.workshop.dealer.account.id, role="SERVICING_DEALER",
            related_account_id=owner.account_id, starts_on=date(2024, 1, 1),
        )  # fmt: skip
        await make(
            database, Vehicle, listing_number="V-1", make="Honda", model="Accord", condition="USED", asset_id=asset,
            owner_account_id=owner.account_id, dealer_account_id=made.workshop.dealer.account.id,
        )  # fmt: skip
        for what, on in (
            ("SOLD", date(2024, 1, 1)), ("BUILT", date(2023, 3, 4)), ("FIRST_SERVICE", date(2025, 1, 1)),
            ("REGISTERED", date(2024, 1, 1)),
        ):  # fmt: skip
            await make(database, AssetMilestone, asset_id=asset, account_id=owner.account_id, type=what, on=on)
        yield made


async def vehicle_of(world: Served) -> str:
    found = await world.workshop.owner.fetchval(
        "select id::text from vehicle where asset_id = $1", world.workshop.assets["ann"]
    )
    return str(found)


async def paged(world: Served, who: str, path: str, limit: int) -> list[dict[str, Any]]:
    found, cursor = [], ""
    while True:
        answer = await world.get(who, f"{path}?limit={limit}{cursor}")
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert len(page["items"]) <= limit
        found += page["items"]
        if page["next_cursor"] is None:
            return found
        assert len(page["items"]) == limit
        cursor = f"&cursor={page['next_cursor']}"


def named(items: list[dict[str, Any]]) -> list[str]:
    return [one["milestone"]["type"] if "milestone" in one else one["appointment"]["id"] for one in items]


async def test_what_was_and_what_will_be_is_told_in_order_of_time_and_paged_without_gaps(world: Served) -> None:
    at, asset, vehicle = world.workshop.at, world.workshop.assets["ann"], await vehicle_of(world)
    booked = [
        (await world.book(who, at(hours), asset_id=asset)).json()["id"]
        for who, hours in (("ann", 5), ("ann", 0), ("ann", 2))
    ]
    future = [booked[1], booked[2], booked[0]]
    for path in (f"assets/{asset}/service-timeline", f"vehicles/{vehicle}/service-timeline"):
        whole = (await world.get("ann", path)).json()
        assert (whole["vehicle_id"], whole["asset_id"], whole["next_cursor"]) == (vehicle, asset, None)
        items = whole["items"]
        told = named(items)
        assert (told[0], set(told[1:3]), told[3:]) == ("BUILT", {"SOLD", "REGISTERED"}, ["FIRST_SERVICE", *future])
        assert [one["kind"] for one in items] == ["MILESTONE"] * 4 + ["APPOINTMENT"] * 3
        instants = [datetime.fromisoformat(one["at"]) for one in items]
        assert instants == sorted(instants)
        assert items[-1]["at"] == items[-1]["appointment"]["start"] == at(5).isoformat()
        for limit in (1, 2, 3, 7):
            assert await paged(world, "ann", path, limit) == items
        since = at(2).isoformat().replace("+", "%2B")
        assert named((await world.get("ann", f"{path}?at.gte={since}")).json()["items"]) == future[1:]
        assert named((await world.get("ann", f"{path}?at.lt=2024-01-01T00:00:00Z")).json()["items"]) == ["BUILT"]


async def test_each_reader_is_told_what_they_may_know(world: Served) -> None:
    asset, vehicle = world.workshop.assets["ann"], await vehicle_of(world)
    first = await world.book("ann", world.workshop.at(0), asset_id=asset, notes="Mind the dog")
    unit = world.workshop.dealer.account.id
    await make(
        world.workshop.database, StockEntry, vehicle_id=vehicle, dealer_account_id=unit,
        in_stock_since=date(2026, 1, 1), holds=["RECALL", "DAMAGE"], visibility="OWN_GROUP",
    )  # fmt: skip
    for path in (f"assets/{asset}/service-timeline", f"vehicles/{vehicle}/service-timeline"):
        mine = (await world.get("ann", path)).json()
        theirs = (await world.get("advisor", path)).json()
        [own], [seen] = (
            [one["appointment"] for one in told["items"] if "appointment" in one] for told in (mine, theirs)
        )
        assert own["id"] == seen["id"] == first.json()["id"]
        assert (own["notes"], "reservations" in own, "reservations" in seen) == ("Mind the dog", False, True)
        assert (mine["open_holds"], theirs["open_holds"]) == ([], ["DAMAGE", "RECALL"])
        for who, status in (("bob", 404), ("rival", 404), ("guest", 401)):
            assert (await world.get(who, path)).status_code == status
        cursor = (await world.get("ann", f"{path}?limit=1")).json()["next_cursor"]
        for who, query in (
            ("advisor", f"limit=1&cursor={cursor}"),
            ("ann", f"at.gte=2020-01-01T00:00:00Z&cursor={cursor}"),
        ):
            refused = await world.get(who, f"{path}?{query}")
            assert (refused.status_code, refused.json()["type"]) == (400, "urn:forecourt:problem:cursor-invalid")


async def test_what_a_rival_does_is_told_to_the_owner_alone(world: Served) -> None:
    asset = world.workshop.assets["ann"]
    here, there = [(await world.book("ann", world.workshop.at(hours), asset_id=asset)).json()["id"] for hours in (0, 2)]
    await world.workshop.owner.execute(
        "update appointment set account_id = $1 where id = $2", world.workshop.people["rival"].account_id, there
    )
    for path in (f"assets/{asset}/service-timeline", f"vehicles/{await vehicle_of(world)}/service-timeline"):
        for who, told in (("ann", [here, there]), ("agent", [here, there]), ("advisor", [here])):
            items = (await world.get(who, path)).json()["items"]
            assert [one["appointment"]["id"] for one in items if "appointment" in one] == told
