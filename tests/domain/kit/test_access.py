"""Rights on records: rows by policies, fields by keys, states by commands."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from domain.kit import access
from domain.kit.errors import (
    AlreadyExists,
    CommandNotAllowed,
    CursorInvalid,
    FieldForbidden,
    Forbidden,
    Invalid,
    Malformed,
    NotFound,
    PreconditionRequired,
    Problem,
    StaleVersion,
    UnknownProperty,
)
from domain.kit.policy import GUEST, Principal
from domain.kit.query import parse
from tests.domain.kit.conftest import World, partner
from tests.domain.kit.inquiry import Answering, Inquiry

pytestmark = pytest.mark.postgres_versions
ENTITY = Inquiry.entity


def body(principal: Principal, **values: Any) -> msgspec.Struct:
    return msgspec.convert(values, access.create_body(ENTITY, principal.keys))


def change(principal: Principal, **values: Any) -> msgspec.Struct:
    return msgspec.convert(values, access.update_body(ENTITY, principal.keys))


async def made(world: World, principal: Principal, **values: Any) -> Any:
    async with world.as_(principal) as ctx:
        return await access.create(ctx, ENTITY, body(principal, **{"name": "Ann", **values}))


async def listed(world: World, principal: Principal, **params: str) -> Any:
    async with world.as_(principal, readonly=True) as ctx:
        query = parse(list(params.items()), access.open_view(ENTITY, principal))
        return await access.page(ctx, ENTITY, query, world.cursors)


async def refused(world: World, principal: Principal, kind: type[Problem], work: Any) -> Problem:
    with pytest.raises(kind) as caught:
        async with world.as_(principal) as ctx:
            await work(ctx)
    return caught.value


async def test_a_record_gets_its_number_defaults_and_moment(world: World) -> None:
    found = await made(world, world.seller, tags=["hot"], price={"amount": "10.50", "currency": "USD"})
    assert found.number.startswith("Q-")
    assert (found.version, found.status, found.kind, found.tags) == (1, "NEW", "CAR", ["hot"])
    assert found.price.amount == "10.50"
    assert found.dealer_account_id == world.north
    assert found.created_at.isoformat() == "2026-03-01T12:00:00+00:00"


async def test_a_rival_finds_the_record_absent_on_every_way(world: World) -> None:
    found = await made(world, world.seller)
    for work in (
        lambda ctx: access.read(ctx, ENTITY, found.id),
        lambda ctx: access.update(ctx, ENTITY, found.id, change(world.rival, name="X"), 1),
        lambda ctx: access.command(ctx, ENTITY, found.id, "close", None),
        lambda ctx: access.capabilities(ctx, ENTITY, found.id),
        lambda ctx: access.history(ctx, ENTITY, found.id, 2**62, 10),
    ):
        await refused(world, world.rival, NotFound, work)
    page = await listed(world, world.rival, id=found.id)
    assert page.items == []


async def test_a_record_for_another_dealer_is_refused(world: World) -> None:
    given = body(world.seller, name="Ann", dealer_account_id=world.south)
    await refused(world, world.seller, Forbidden, lambda ctx: access.create(ctx, ENTITY, given))


async def test_a_guest_sees_no_row_that_no_rule_opens(world: World) -> None:
    found = await made(world, world.seller)
    await refused(world, GUEST, NotFound, lambda ctx: access.read(ctx, ENTITY, found.id))
    assert (await listed(world, GUEST, id=found.id)).items == []


async def test_a_field_that_one_may_not_read_does_not_exist(world: World) -> None:
    money = {"amount": "9000.00", "currency": "USD"}
    found = await made(world, world.manager, budget=money)
    assert found.budget.amount == "9000.00"
    async with world.as_(world.seller) as ctx:
        seen = await access.read(ctx, ENTITY, found.id)
    assert not hasattr(seen, "budget")
    assert not hasattr(seen, "key")
    view = access.open_view(ENTITY, world.seller)
    for params in ([("budget.gte", "1")], [("sort", "budget")], [("key", "x")], [("no_such", "x")]):
        with pytest.raises(UnknownProperty):
            parse(params, view)
    with pytest.raises(msgspec.ValidationError, match="unknown field `budget`"):
        body(world.seller, name="Ann", budget=money)


async def test_roles_held_at_another_branch_do_not_count(world: World) -> None:
    found = await made(world, world.manager, budget={"amount": "1.00", "currency": "USD"})
    both = msgspec.structs.replace(
        world.seller,
        units=(world.north, world.south),
        roles=frozenset({"SALES", "SALES_MANAGER"}),
        roles_at={world.north: frozenset({"SALES"}), world.south: frozenset({"SALES_MANAGER"})},
    )
    async with world.as_(both) as ctx:
        assert not hasattr(await access.read(ctx, ENTITY, found.id), "budget")
        assert not any(hasattr(item, "budget") for item in (await listed(world, both, id=found.id)).items)
        narrowed = await listed(world, both, **{"budget.gte": "0.5", "id": found.id})
    assert narrowed.items == []
    await refused(world, both, FieldForbidden, lambda ctx: access.update(
        ctx, ENTITY, found.id, change(both, budget=None), 1))  # fmt: skip


async def test_a_field_that_one_may_read_but_not_write_is_refused_by_name(world: World) -> None:
    found = await made(world, world.manager)
    problem = await refused(
        world,
        world.staff,
        FieldForbidden,
        lambda ctx: access.update(ctx, ENTITY, found.id, change(world.staff, code="x"), 1),
    )
    assert [fault.pointer for fault in problem.errors] == ["/code"]
    assert problem.status == 403


async def test_an_update_needs_the_version_that_was_read(world: World) -> None:
    found = await made(world, world.seller)
    async with world.as_(world.seller) as ctx:
        changed = await access.update(ctx, ENTITY, found.id, change(world.seller, weight=3), 1)
    assert (changed.version, changed.weight) == (2, 3)  # type: ignore[attr-defined]
    given = change(world.seller, weight=4)
    stale = await refused(world, world.seller, StaleVersion, lambda ctx: access.update(ctx, ENTITY, found.id, given, 1))
    assert stale.data == {"version": 2}
    await refused(
        world, world.seller, PreconditionRequired, lambda ctx: access.update(ctx, ENTITY, found.id, given, None)
    )


async def test_an_update_that_changes_nothing_keeps_the_version(world: World) -> None:
    found = await made(world, world.seller, weight=3)
    async with world.as_(world.seller) as ctx:
        same = await access.update(ctx, ENTITY, found.id, change(world.seller, weight=3), 1)
    assert same.version == 1  # type: ignore[attr-defined]


async def test_null_clears_what_may_be_absent_and_is_refused_elsewhere(world: World) -> None:
    found = await made(world, world.seller, due_on="2026-05-01")
    async with world.as_(world.seller) as ctx:
        cleared = await access.update(ctx, ENTITY, found.id, change(world.seller, due_on=None), 1)
    assert cleared.due_on is None  # type: ignore[attr-defined]
    with pytest.raises(msgspec.ValidationError):
        change(world.seller, weight=None)


async def test_a_command_moves_the_state_and_answers(world: World) -> None:
    found = await made(world, world.seller)
    async with world.as_(world.seller) as ctx:
        reply = await access.command(ctx, ENTITY, found.id, "answer", Answering("hello"))
        assert reply.length == 5
        after = await access.read(ctx, ENTITY, found.id)
    assert (after.status, after.tags, after.version) == ("ANSWERED", ["answered"], 3)  # type: ignore[attr-defined]
    problem = await refused(
        world,
        world.seller,
        CommandNotAllowed,
        lambda ctx: access.command(ctx, ENTITY, found.id, "answer", Answering("x")),
    )
    assert problem.data == {"state": "ANSWERED", "allowed": ["close"]}


async def test_a_command_that_fails_undoes_all_it_did(world: World) -> None:
    found = await made(world, world.seller)
    given = Answering("x", fail=True)
    await refused(world, world.seller, Invalid, lambda ctx: access.command(ctx, ENTITY, found.id, "answer", given))
    async with world.as_(world.seller) as ctx:
        assert (await access.read(ctx, ENTITY, found.id)).version == 1  # type: ignore[attr-defined]


async def test_capabilities_tell_what_is_allowed_now_and_why_not(world: World) -> None:
    found = await made(world, world.seller)
    async with world.as_(world.seller) as ctx:
        await access.command(ctx, ENTITY, found.id, "close", None)
        told = await access.capabilities(ctx, ENTITY, found.id)
    assert told.state == "CLOSED"
    assert {c.command: c.allowed for c in told.commands} == {"answer": False, "close": False}
    assert told.commands[0].reason == "not in the state CLOSED; allowed in NEW"


async def test_history_tells_who_changed_what_and_hides_what_one_may_not_see(world: World) -> None:
    found = await made(world, world.manager, budget={"amount": "5.00", "currency": "USD"})
    async with world.as_(world.manager) as ctx:
        changed = change(world.manager, weight=7, budget={"amount": "6.00", "currency": "USD"})
        await access.update(ctx, ENTITY, found.id, changed, 1)
        await access.command(ctx, ENTITY, found.id, "close", None)
        told, _ = await access.history(ctx, ENTITY, found.id, 2**62, 10)
    assert [(entry.op, entry.command, entry.actor) for entry in told] == [
        ("UPDATE", "close", world.manager.user_id),
        ("UPDATE", None, world.manager.user_id),
        ("CREATE", None, world.manager.user_id),
    ]
    assert told[0].changes == {"status": ["NEW", "CLOSED"]}
    assert told[1].changes["weight"] == [0, 7]
    assert "budget" in told[1].changes
    assert {entry.request_id for entry in told} == {"r-1"}
    async with world.as_(world.seller) as ctx:
        for entry in (await access.history(ctx, ENTITY, found.id, 2**62, 10))[0]:
            assert "budget" not in entry.changes


async def test_a_secret_is_never_answered_nor_kept_in_history(world: World) -> None:
    async with world.as_(world.staff) as ctx:
        inquiry = await ctx.create(Inquiry, name="Ann", dealer_account_id=world.north, key="canary-7")
        assert not hasattr(await access.read(ctx, ENTITY, inquiry.id), "key")
        rows = await ctx.db.fetch("select changes::text from app.history_of('inquiry', $1, $2, 10)", inquiry.id, 2**62)
    assert "canary-7" not in rows[0][0]
    assert '"key"' in rows[0][0]


async def test_pages_follow_each_other_without_gap_or_repeat(world: World) -> None:
    dealer = partner(world.north, "SALES")
    names = [f"P{at:02d}" for at in range(7)]
    for at, name in enumerate(names):
        await made(world, dealer, name=name, kind="PART", weight=at % 3, due_on="2026-01-05" if at % 2 else None)
    for sort in ("name", "-name", "weight,-name", "due_on,name", "-due_on,weight,-name"):
        whole = await listed(world, dealer, kind="PART", limit="200", sort=sort)
        walked: list[str] = []
        cursor: dict[str, str] = {}
        while True:
            page = await listed(world, dealer, kind="PART", limit="2", sort=sort, **cursor)
            walked += [item.id for item in page.items]
            if page.next_cursor is None:
                break
            cursor = {"cursor": page.next_cursor}
        assert walked == [item.id for item in whole.items], sort
        assert len(set(walked)) == len(walked) >= 7


async def test_absent_values_come_last_in_both_orders(world: World) -> None:
    dealer = partner(world.south, "SALES")
    for due in ("2026-05-01", None, "2026-04-01"):
        await made(world, dealer, name="Z", due_on=due)
    up = await listed(world, dealer, sort="due_on", name="Z")
    down = await listed(world, dealer, sort="-due_on", name="Z")
    assert [str(item.due_on) for item in up.items] == ["2026-04-01", "2026-05-01", "None"]
    assert [str(item.due_on) for item in down.items] == ["2026-05-01", "2026-04-01", "None"]


async def test_a_cursor_belongs_to_its_query_and_caller(world: World) -> None:
    dealer = partner(world.north, "SALES")
    for _ in range(3):
        await made(world, dealer, name="C")
    cursor = (await listed(world, dealer, name="C", limit="1")).next_cursor
    for who, params in (
        (world.manager, {"name": "C", "limit": "1"}),
        (dealer, {"name": "D", "limit": "1"}),
        (dealer, {"name": "C", "sort": "name"}),
    ):
        with pytest.raises(CursorInvalid):
            await listed(world, who, cursor=cursor, **params)
    with pytest.raises(CursorInvalid):
        await listed(world, dealer, name="C", cursor=cursor[:-4] + "AAAA")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("limit", "0"),
        ("limit", "201"),
        ("limit", "²"),
        ("weight", "x"),
        ("seen_at.gte", "2026-01-01T00:00"),
        ("created_at.gte", "0001-01-01T00:00:00+14:00"),
        ("kind", "BOAT"),
        ("due_on.lt", "2026-02-30"),
        ("price.gte", "1E9"),
    ],
)
async def test_a_filter_that_is_no_value_of_its_field_is_malformed(world: World, name: str, value: str) -> None:
    with pytest.raises(Malformed):
        await listed(world, world.seller, **{name: value})


async def test_filters_compare_as_their_type(world: World) -> None:
    dealer = partner(world.north, "SALES")
    one = await made(world, dealer, name="F", weight=9, tags=["a", "b"], price={"amount": "100.00", "currency": "USD"})
    two = await made(world, dealer, name="F", weight=10, tags=["c"], price={"amount": "99.99", "currency": "EUR"})

    async def ids(**params: str) -> set[str]:
        return {item.id for item in (await listed(world, dealer, name="F", **params)).items}

    assert await ids(**{"weight.gt": "9"}) == {two.id}
    assert await ids(tags="b") == {one.id}
    assert await ids(**{"price.lte": "100"}) == {one.id}
    assert await ids(**{"price.is_null": "false"}) == {one.id, two.id}
    assert await ids(**{"weight.ne": "9"}) == {two.id}


async def test_two_records_cannot_share_what_is_unique(world: World) -> None:
    await made(world, world.seller, code="K-1")
    given = body(world.seller, name="Ann", code="K-1")
    await refused(world, world.seller, AlreadyExists, lambda ctx: access.create(ctx, ENTITY, given))


async def test_a_reference_to_an_unseen_record_is_refused_like_one_to_none(world: World) -> None:
    outsider = body(world.seller, name="Ann", owner_id="018f0000-0000-7000-8000-000000000001")
    problem = await refused(world, world.seller, Invalid, lambda ctx: access.create(ctx, ENTITY, outsider))
    assert [fault.pointer for fault in problem.errors] == ["/owner_id"]


async def test_external_keys_name_one_record_and_find_it(world: World) -> None:
    keys = [{"system": "dms", "key": "77"}, {"system": "erp", "key": "A 1"}]
    found = await made(world, world.seller, external_keys=keys)
    async with world.as_(world.seller) as ctx:
        named = await ctx.by_key(Inquiry, "erp", "A 1")
        assert named is not None
        assert named.id == found.id
        await access.update(ctx, ENTITY, found.id, change(world.seller, external_keys=keys[:1]), 1)
        assert await ctx.by_key(Inquiry, "erp", "A 1") is None
    async with world.as_(world.rival) as ctx:
        assert await ctx.by_key(Inquiry, "dms", "77") is None
    again = body(world.seller, name="Ann", external_keys=keys[:1])
    await refused(world, world.seller, AlreadyExists, lambda ctx: access.create(ctx, ENTITY, again))


async def test_an_upsert_makes_changes_and_leaves_alone(world: World) -> None:
    row = {"name": "Up", "weight": 1, "external_keys": [{"system": "dms", "key": "up-1"}]}
    async with world.as_(world.seller) as ctx:
        results = [await access.upsert(ctx, ENTITY, given, 0) for given in (row, row, {**row, "weight": 2})]
    assert [result.result for result in results] == ["CREATED", "UNCHANGED", "UPDATED"]
    assert len({result.id for result in results}) == 1


async def test_staff_who_are_limited_to_no_brand_at_all_see_no_branded_row(world: World) -> None:
    limited = msgspec.structs.replace(world.staff, brands=frozenset())
    async with world.as_(limited, readonly=True) as ctx:
        assert await ctx.db.fetchval("select app.brands()") == []
    async with world.as_(world.staff, readonly=True) as ctx:
        assert await ctx.db.fetchval("select app.brands()") is None
