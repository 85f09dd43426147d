"""A workshop with three technicians and two bays, its people and its customers, on a database of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import msgspec
import pytest

from domain.accounts import Account, Contact
from domain.kit import access
from domain.kit.db import Database, Deed, _prepare
from domain.kit.ids import new_id
from domain.kit.policy import WORKER, Principal
from domain.kit.store import Context
from inventory.records import Asset
from scheduling.appointment_records import Appointment
from scheduling.appointments.booking import BookAppointment, book
from scheduling.hours import zone_of
from scheduling.records import Bay, Shift, Technician, TimeSlot, WeeklyShift, WorkType
from scheduling.schedule import Schedule
from service.ops.database import Addresses
from tests.scheduling.centers import WEEK, Dealer, change, dealer, make

ENTITY = Appointment.entity
# Pairs of live reservations that overlap, appointments that hold nothing although they are live, or something although
# they are not, and counters that are not the sum of what is taken.
BROKEN = """
select 'overlap' from live_reservation a join live_reservation b
    on a.resource_no = b.resource_no and a.ctid < b.ctid and a.from_cell < b.to_cell and b.from_cell < a.to_cell
union all
select 'nothing held' from appointment a where status in ('HELD', 'BOOKED', 'CHECKED_IN', 'IN_PROGRESS')
   and (select count(*) from live_reservation r where r.appointment_id = a.id and not r.proposed)
       <> jsonb_array_length(a.reservations)
union all
select 'held by nobody' from live_reservation r left join appointment a on a.id = r.appointment_id
 where a.status is null or a.status not in ('HELD', 'BOOKED', 'CHECKED_IN', 'IN_PROGRESS')
union all
select 'proposed by nobody' from live_reservation r join appointment a on a.id = r.appointment_id
 where r.proposed and a.proposal is null
union all
select 'not as told' from live_reservation r join appointment a on a.id = r.appointment_id
 where (a.status = 'HELD' or r.proposed) <> (r.held_until is not null)
union all
select 'miscounted' from capacity_use u where used <> coalesce((
  select sum(amount) from live_capacity c
   where (c.center_id, c.on_day, c.counter) = (u.center_id, u.on_day, u.counter)), 0)"""


class Workshop(msgspec.Struct, kw_only=True):
    """`people`: two customers (`ann`, `bob`), an advisor (`advisor`, and `colleague`), a technician (`mechanic`), a
    rival dealer's advisor (`rival`), and an agent of the organisation (`agent`).
    """

    database: Database
    owner: asyncpg.Connection
    dealer: Dealer
    schedule: Schedule
    people: dict[str, Principal]
    assets: dict[str, str]
    works: tuple[str, str]
    rival: str
    """Another dealer's centre, open on weekdays."""
    open_at: datetime
    """The first start that is free."""
    hold_seconds: int = 600
    following: asyncio.Task[None] | None = None

    @property
    def center(self) -> str:
        return str(self.dealer.center.id)

    def at(self, hours: float) -> datetime:
        """So many hours after the first start."""
        return self.open_at + timedelta(hours=hours)

    @asynccontextmanager
    async def as_(self, who: str | Principal, *, readonly: bool = False) -> AsyncIterator[Context]:
        """A transaction of somebody."""
        principal = who if isinstance(who, Principal) else self.people[who]
        deed = Deed(request_id="r")
        parts = {"schedule": self.schedule, "hold_seconds": self.hold_seconds}
        async with self.database.acting(principal, deed, readonly=readonly) as connection:
            yield Context(connection, principal, deed=deed, parts=parts)

    async def book(self, who: str, hours: float = 0, **values: Any) -> Appointment:
        """Book a service; the calendar in memory has caught up before."""
        await self.schedule.caught_up()
        given = {"work_types": [self.works[0]], "center_id": self.center, "start": self.at(hours), **values}
        async with self.as_(who) as ctx:
            return await book(ctx, msgspec.convert(given, BookAppointment))

    async def give(self, who: str, appointment: str, name: str, **data: Any) -> Any:
        """A command as the API gives it; the calendar in memory has caught up before."""
        await self.schedule.caught_up()
        async with self.as_(who) as ctx:
            command = access.command_of(ENTITY, name, ctx.principal)
            return await access.command(ctx, ENTITY, appointment, name, msgspec.convert(data, command.input))

    async def read(self, id: str) -> Appointment:
        """An appointment, past all rights."""
        async with self.as_("agent") as ctx:
            return await ctx.get(Appointment, id)

    async def elapse(self, id: str) -> None:
        """Let the time of a hold or proposal be over."""
        past = "case when {0} is not null then clock_timestamp() - interval '1 second' end"
        async with self.as_("agent") as ctx:
            until = ", ".join(f"{name} = {past.format(name)}" for name in ("held_until", "proposed_until"))
            await ctx.db.execute(f"update appointment set {until} where id = $1", id)
            for table in ("live_reservation", "live_capacity"):
                until = f"held_until = {past.format('held_until')}"
                await ctx.db.execute(f"update {table} set {until} where appointment_id = $1", id)

    async def tidy(self) -> set[str]:
        """What comes by the clock: the appointments concerned."""
        async with self.as_(WORKER) as ctx:
            return set(await ctx.db.fetchval("select app.tidy_appointments(500)"))

    async def follow(self) -> None:
        """Load the calendar and follow what is committed."""
        self.following = asyncio.create_task(self.schedule.follower.run())
        await self.schedule.follower.tried.wait()

    async def close(self) -> None:
        """Let go of the database."""
        while self.following is not None and not self.following.done():
            self.following.cancel()
            await asyncio.sleep(0)
        await self.owner.close()
        await self.database.close()

    async def sound(self) -> None:
        """Hold what is reserved against the appointments."""
        assert [row[0] for row in await self.owner.fetch(BROKEN)] == []

    async def taken(self) -> list[tuple[str, datetime]]:
        """The technicians' live reservations: who, and from when."""
        rows = await self.owner.fetch(
            "select s.resource_id::text, to_timestamp(r.from_cell * 300.0) from live_reservation r "
            "join schedule_resource s on s.no = r.resource_no join appointment a on a.id = r.appointment_id "
            "where r.role = 'TECHNICIAN' and a.center_id = $1 order by 2, 1",
            self.center,
        )
        return [(str(row[0]), row[1]) for row in rows]


def customer(account: str, contact: str) -> Principal:
    """Somebody who has a car."""
    return Principal(
        "CUSTOMER", user_id=new_id(), account_id=account, contact_id=contact, units=(account,),
        roles=frozenset(), roles_at={},
    )  # fmt: skip


async def workshop_on(addresses: Addresses) -> Workshop:
    """Make the workshop."""
    assert addresses.owner is not None
    database = Database(addresses.service, most=24)
    owner = await asyncpg.connect(addresses.owner)
    await _prepare(owner)
    here = await dealer(database, max_holds=3)
    rival = await dealer(database)
    more = [await make(database, Technician, name=name, center_id=here.center.id) for name in ("Ben", "Cat")]
    for name in ("Bay 1", "Bay 2"):
        await make(database, Bay, name=name, center_id=here.center.id, bay_type="LIFT")
    works = (f"OIL-{here.center.id[-8:]}", f"TYRES-{here.center.id[-8:]}")
    for code in works:
        await make(database, WorkType, code=code, name=code, duration_minutes=60, bay_type="LIFT")
    people = {
        "advisor": here.planner("SERVICE_ADVISOR"),
        "colleague": here.planner("SERVICE_ADVISOR"),
        "mechanic": here.planner("TECHNICIAN"),
        "rival": rival.planner("SERVICE_ADVISOR"),
        "agent": Principal("STAFF", user_id=new_id(), roles=frozenset({"SERVICE_AGENT"})),
    }
    assets = {}
    for name in ("ann", "bob"):
        account = await make(database, Account, kind="PERSON", name=name)
        contact = await make(
            database, Contact, account_id=account.id, first_name=name, last_name="Doe", email=f"{name}@example.com"
        )
        car = await make(database, Asset, name=f"Car of {name}", account_id=account.id, contact_id=contact.id)
        people[name], assets[name] = customer(account.id, contact.id), car.id
    await change(database, here.hours, time_slots=[TimeSlot(day, "00:00", "24:00") for day in WEEK])
    for one in (here.technician, *more):
        for day in WEEK:
            week = WeeklyShift(day_of_week=day, start="00:00", end="24:00")
            await make(database, Shift, technician_id=one.id, weekly=week)
    schedule = Schedule(database, secret=b"tests")
    today = datetime.now(zone_of("Europe/Berlin")).replace(hour=0, minute=0, second=0, microsecond=0)
    return Workshop(
        database=database,
        owner=owner,
        dealer=here,
        schedule=schedule,
        people=people,
        assets=assets,
        works=works,
        rival=rival.center.id,
        open_at=today + timedelta(days=2, hours=2),
    )


@pytest.fixture
async def workshop(database: Addresses) -> AsyncIterator[Workshop]:
    """The workshop without appointments; afterwards what is reserved is still sound."""
    made = await workshop_on(database)
    await made.tidy()
    await made.follow()
    yield made
    await made.sound()
    await made.close()
