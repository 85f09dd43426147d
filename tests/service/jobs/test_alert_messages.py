"""Messages about saved searches: by day, in the owner's words, and only with the owner's rights and wish."""

from __future__ import annotations

import asyncio
import email
import email.policy
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from domain.accounts.records import Account
from domain.kit import access
from domain.kit.consent import Consent
from domain.kit.messages import Message, SenderDomain
from domain.kit.policy import WORKER, Principal
from domain.saved_searches import SavedSearch
from domain.saved_searches import alerts as writing
from service.jobs import sender_domains
from service.jobs.alerts import Alerts
from service.jobs.mail import Files
from service.jobs.messages import Messages
from service.saved_searches import unsubscribe_token, unsubscribed
from service.settings import Settings
from tests.service.jobs.conftest import Place
from tests.service.jobs.watching import TOYOTA, Watch

pytestmark = pytest.mark.postgres_versions


@pytest.fixture
def watch(place: Place) -> Watch:
    return Watch(place)


async def test_the_day_s_matches_come_in_one_message_in_the_morning_of_the_owner(watch: Watch) -> None:
    await watch.place.ask("update \"user\" set time_zone = 'America/New_York', locale = 'de'")
    evening = datetime(2026, 11, 20, 23, tzinfo=UTC)
    watch.place.services.clock = lambda: evening
    await watch.save(alert="DAILY")
    cars = [await watch.car() for _ in range(3)]
    await watch.steps()
    await watch.alerts.digests()
    assert await watch.messages() == 1  # it is six in the evening there, and today's has not gone out yet
    more = [await watch.car() for _ in range(30)]
    await watch.steps()
    for hours, messages in ((1, 1), (12, 1), (13, 2), (14, 2), (40, 2)):
        watch.place.services.clock = lambda hours=hours: evening + timedelta(hours=hours)
        await asyncio.gather(*(Alerts(watch.place.services).digests() for _ in range(3)))
        assert await watch.messages() == messages, hours
    assert sorted(await watch.told()) == sorted([*cars, *more])
    text = await watch.place.ask("select text from message order by created_at desc limit 1")
    assert text.startswith("Guten Tag")
    assert text.count("15000.00 USD") == writing.MOST_LISTED
    assert "und 5 weitere" in text


async def _verified(place: Place) -> None:
    async with place.services.context(WORKER) as ctx:
        domain = await ctx.create(SenderDomain, domain="forecourt.example")
        await sender_domains.sender_domain_verified(ctx, await ctx.get(SenderDomain, domain.id))


async def _delivered(watch: Watch) -> Message:
    id = await watch.place.ask("select id::text from message where template = 'saved_search_alert'")
    await Messages(watch.place.services).deliver(id)
    async with watch.place.services.context(WORKER, readonly=True) as ctx:
        return await ctx.get(Message, id)


async def test_a_car_that_its_owner_may_not_see_any_more_is_taken_out_of_the_waiting_message(watch: Watch) -> None:
    await _verified(watch.place)
    await watch.save()
    gone, stays = await watch.car(), await watch.car(14_000)
    await watch.steps()
    await watch.change(gone, visibility="OWN_GROUP")
    message = await _delivered(watch)
    assert message.status == "SENT"
    assert "14000.00" in message.text
    assert "15000.00" not in message.text
    raw = Files(watch.place.services.settings.data_dir / "outbox").path_of(message).read_bytes()
    body = email.message_from_bytes(raw, policy=email.policy.default).get_body(("plain",))
    assert stays in body.get_content()
    assert gone not in body.get_content()
    assert "/saved-searches/unsubscribe?token=" in body.get_content()
    assert "unsubscribe?token" not in message.text


@pytest.mark.parametrize("ending", ["car", "user", "search", "alert", "consent"])
async def test_without_rights_or_wish_a_waiting_message_does_not_go(watch: Watch, ending: str) -> None:
    await _verified(watch.place)
    search = await watch.save()
    car = await watch.car()
    await watch.steps()
    customer = watch.place.customer
    if ending == "car":
        await watch.change(car, holds=["RECALL"])
    elif ending == "user":
        await watch.place.ask("update \"user\" set status = 'DEACTIVATED'")
    elif ending == "search":
        async with watch.place.services.context(customer) as ctx:
            await ctx.delete(await ctx.get(SavedSearch, search.id))
    elif ending == "alert":
        await watch.edit(search, alert="NONE")
    else:
        await _refuse(watch)
    assert (await _delivered(watch)).status == "PARKED"
    assert not (watch.place.services.settings.data_dir / "outbox").exists()


async def _refuse(watch: Watch) -> None:
    """Ada withdraws her consent to service messages."""
    customer = watch.place.customer
    async with watch.place.services.context(customer) as ctx:
        consent = await ctx.create(
            Consent, contact_id=customer.contact_id, account_id=customer.account_id, purpose="SERVICE",
            channel="EMAIL", source="web", given_at=ctx.now - timedelta(days=1),
        )  # fmt: skip
        await access.command(ctx, Consent.entity, consent.id, "withdraw", None)


async def test_a_withdrawn_consent_ends_alerts_until_the_owner_asks_again(watch: Watch) -> None:
    search = await watch.save()
    await _refuse(watch)
    await watch.car()
    await watch.steps()
    assert await watch.messages() == 0
    await watch.edit(search, is_active=False)
    await watch.edit(search, is_active=True)
    car = await watch.car()
    await watch.steps()
    assert await watch.told() == [car]


async def test_a_user_who_may_not_act_is_told_nothing(watch: Watch) -> None:
    await watch.save()
    await watch.place.ask("update \"user\" set status = 'SUSPENDED'")
    await watch.car()
    await watch.steps()
    assert await watch.place.ask("select count(*) from saved_search_match") == 0


async def test_a_dealer_hears_of_the_group_s_own_cars_and_a_rival_of_those_for_the_network(watch: Watch) -> None:
    own, rival = await _dealer(watch, "own"), await _dealer(watch, "rival")
    for principal in (own, rival):
        async with watch.place.services.context(principal) as ctx:
            await ctx.create(SavedSearch, name="For a customer", criteria=TOYOTA, alert="IMMEDIATE")
    await watch.save()
    hidden = await watch.car(dealer_account_id=own.account_id, visibility="OWN_GROUP")
    network = await watch.car(dealer_account_id=own.account_id, visibility="NETWORK")
    await watch.steps()
    told = await watch.place.ask(
        "select coalesce(array_agg((s.user_id, m.vehicle_id)::text order by s.user_id, m.vehicle_id), '{}') "
        "from saved_search_match m join saved_search s on s.id = m.saved_search_id where m.message_id is not null"
    )
    pairs = {(own.user_id, hidden), (own.user_id, network), (rival.user_id, network)}
    assert {tuple(pair.strip("()").split(",")) for pair in told} == pairs


async def _dealer(watch: Watch, name: str) -> Principal:
    place = watch.place
    async with place.services.context(WORKER) as ctx:
        account = await ctx.create(Account, kind="BUSINESS", type="DEALER", name=name, is_partner=True)
    user, contact = place.services.ids(), place.services.ids()
    connection = await asyncpg.connect(place.owner)
    await connection.execute("update prm_setting set status = 'ENABLED', enabled_at = now()")
    await connection.execute(
        "insert into contact (id, created_at, updated_at, account_id, last_name) values ($1, now(), now(), $2, 'Doe')",
        contact,
        account.id,
    )
    await connection.execute(
        'insert into "user" (id, created_at, updated_at, email, name, persona, licence, account_id, contact_id, '
        "status) values ($1, now(), now(), $2, $3, 'PARTNER', 'PARTNER_COMMUNITY', $4, $5, 'ACTIVE')",
        user,
        f"{name}@dealers.example",
        name,
        account.id,
        contact,
    )
    await connection.execute(
        "insert into role_assignment (id, created_at, updated_at, user_id, account_id, role) "
        "values (gen_random_uuid(), now(), now(), $1, $2, 'SALES')",
        user,
        account.id,
    )
    await connection.close()
    return Principal(
        "PARTNER", user_id=user, account_id=account.id, contact_id=contact, units=(account.id,),
        group_units=(account.id,), roles=frozenset({"SALES"}), roles_at={account.id: frozenset({"SALES"})},
    )  # fmt: skip


def test_a_token_ends_its_own_search_and_no_other(settings: Settings) -> None:
    token = unsubscribe_token(settings, "one")
    assert unsubscribed(settings, token) == "one"
    for other in (token.replace("one", "two"), token[:-1], "one", "", "one.", "ü"):
        assert unsubscribed(settings, other) is None
