"""Random commands one after the other: the model, the database, the answers and the calendar in memory agree."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from datetime import timedelta
from typing import Any, ClassVar, TypeVar

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from domain.kit import access
from domain.kit.errors import CommandNotAllowed, SlotTaken
from scheduling.appointment_records import Appointment
from scheduling.asking import STAFF, Option, SlotRequest
from service.ops.database import Addresses
from tests.scheduling.appointments.conftest import Workshop, workshop_on

T = TypeVar("T")
HALVES = 10
"""Starts lie on half hours, work lasts one: neighbours overlap."""
TECHNICIANS, BAYS = 3, 2
Place = tuple[int, str, str]
"""The half hour at which it starts, technician, bay."""


class Known(msgspec.Struct):
    """An appointment as the model knows it; `cells` counts a half hour a unit."""

    status: str
    place: Place
    length: int = 2
    proposal: Place | None = None


class Bookings(RuleBasedStateMachine):
    """The model: who stands where, by plain comparison of half hours."""

    addresses: ClassVar[Addresses]

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.known: dict[str, Known] = {}
        self.workshop: Workshop = self.run(workshop_on(self.addresses))
        self.run(self.workshop.follow())

    def run(self, work: Awaitable[T]) -> T:
        """Run on the machine's own loop, where the calendar is followed whenever something runs."""

        async def done() -> T:
            return await work

        return self.runner.run(done())

    def teardown(self) -> None:
        async def close() -> None:
            await self.workshop.sound()
            await self.workshop.close()

        self.runner.run(close())
        self.runner.close()

    def busy(self, but: str | None = None) -> set[tuple[str, int]]:
        """Resource and half hour of everything that is taken."""
        found: set[tuple[str, int]] = set()
        for id, one in self.known.items():
            if id == but or one.status not in ("HELD", "BOOKED", "IN_PROGRESS"):
                continue
            for place, length in ((one.place, one.length), (one.proposal, 2)):
                if place is not None:
                    found |= {(who, place[0] + step) for who in place[1:] for step in range(length)}
        return found

    def free(self, half: int, busy: set[tuple[str, int]], of: list[str]) -> list[str]:
        return [one for one in of if not {(one, half), (one, half + 1)} & busy]

    def could(self, half: int, but: str | None = None) -> bool:
        """Whether a technician and a bay are free for an hour."""
        busy = self.busy(but)
        return bool(self.free(half, busy, self.technicians)) and bool(self.free(half, busy, self.bays))

    @property
    def technicians(self) -> list[str]:
        return [one.id for one in self.resources if one.kind == "TECHNICIAN"]

    @property
    def bays(self) -> list[str]:
        return [one.id for one in self.resources if one.kind == "BAY"]

    @property
    def resources(self) -> list[Any]:
        return list(self.workshop.schedule.world.centers[self.workshop.center].resources)

    def place(self, made: Any) -> Place:
        half = round((made.start - self.workshop.open_at) / timedelta(minutes=30))
        return half, str(made.technician_id), str(made.bay_id)

    def pick(self, number: int, *statuses: str) -> str | None:
        found = [id for id, one in self.known.items() if one.status in statuses]
        return found[number % len(found)] if found else None

    @rule(half=st.integers(0, HALVES), hold=st.booleans())
    def book(self, half: int, hold: bool) -> None:
        expected = self.could(half)
        try:
            made = self.run(self.workshop.book("agent", half / 2, hold=hold))
        except SlotTaken:
            assert not expected
            return
        assert expected
        place = self.place(made)
        assert not {(who, half + step) for who in place[1:] for step in range(2)} & self.busy()
        self.known[made.id] = Known("HELD" if hold else "BOOKED", place)

    @precondition(lambda self: self.pick(0, "HELD"))
    @rule(number=st.integers(0, 50), late=st.booleans())
    def confirm(self, number: int, late: bool) -> None:
        id = self.pick(number, "HELD")
        assert id is not None
        if late:
            self.run(self.workshop.elapse(id))
            with pytest.raises(CommandNotAllowed):
                self.run(self.workshop.give("agent", id, "confirm"))
            self.known[id].status = "EXPIRED"
            return
        self.run(self.workshop.give("agent", id, "confirm"))
        self.known[id].status = "BOOKED"

    @precondition(lambda self: self.pick(0, "HELD", "BOOKED"))
    @rule(number=st.integers(0, 50))
    def cancel(self, number: int) -> None:
        id = self.pick(number, "HELD", "BOOKED")
        assert id is not None
        self.run(self.workshop.give("agent", id, "cancel"))
        self.known[id].status, self.known[id].proposal = "CANCELLED", None

    @precondition(lambda self: self.pick(0, "HELD", "BOOKED"))
    @rule(number=st.integers(0, 50), half=st.integers(0, HALVES))
    def move(self, number: int, half: int) -> None:
        id = self.pick(number, "HELD", "BOOKED")
        assert id is not None
        expected = self.could(half, but=id)
        try:
            self.run(self.workshop.give("agent", id, "reschedule", start=self.workshop.at(half / 2)))
        except SlotTaken:
            assert not expected
            return
        assert expected
        one = self.known[id]
        one.place, one.proposal, one.length = self.place(self.run(self.workshop.read(id))), None, 2

    @precondition(lambda self: self.pick(0, "BOOKED"))
    @rule(number=st.integers(0, 50), half=st.integers(0, HALVES))
    def propose(self, number: int, half: int) -> None:
        id = self.pick(number, "BOOKED")
        assert id is not None
        expected = self.could(half, but=id)
        try:
            self.run(self.workshop.give("agent", id, "propose", start=self.workshop.at(half / 2)))
        except SlotTaken:
            assert not expected
            return
        assert expected
        proposed = self.run(self.workshop.read(id)).proposed
        self.known[id].proposal = self.place(proposed)

    @precondition(lambda self: any(one.proposal for one in self.known.values()))
    @rule(number=st.integers(0, 50), how=st.sampled_from(["accept", "decline", "elapse"]))
    def answer(self, number: int, how: str) -> None:
        found = [id for id, one in self.known.items() if one.proposal]
        id = found[number % len(found)]
        one = self.known[id]
        if how == "elapse":
            self.run(self.workshop.elapse(id))
        else:
            self.run(self.workshop.give("agent", id, how))
        if how == "accept":
            assert one.proposal is not None
            one.place, one.length = one.proposal, 2
        one.proposal = None

    @precondition(lambda self: self.pick(0, "BOOKED", "IN_PROGRESS"))
    @rule(number=st.integers(0, 50))
    def extend(self, number: int) -> None:
        id = self.pick(number, "BOOKED", "IN_PROGRESS")
        assert id is not None
        one = self.known[id]
        end = one.place[0] + one.length
        expected = not {(who, end) for who in one.place[1:]} & self.busy(but=id)
        try:
            self.run(self.workshop.give("agent", id, "extend", end=self.workshop.at((end + 1) / 2)))
        except SlotTaken:
            assert not expected
            return
        assert expected
        one.length, one.proposal = one.length + 1, None

    @precondition(lambda self: self.pick(0, "BOOKED", "IN_PROGRESS"))
    @rule(number=st.integers(0, 50))
    def go_on(self, number: int) -> None:
        id = self.pick(number, "BOOKED", "IN_PROGRESS")
        assert id is not None
        one = self.known[id]
        name, one.status = ("start", "IN_PROGRESS") if one.status == "BOOKED" else ("complete", "COMPLETED")
        one.proposal = None
        self.run(self.workshop.give("agent", id, name))

    @rule()
    def tidy(self) -> None:
        self.run(self.workshop.tidy())

    @invariant()
    def database_and_answers_agree(self) -> None:
        rows = self.run(self.workshop.taken())
        live = {(who, round((at - self.workshop.open_at) / timedelta(minutes=30))) for who, at in rows}
        expected = {(one.place[1], one.place[0]) for one in self.known.values() if one.status in _LIVE}
        assert live >= expected
        for id, one in self.known.items():
            shown = self.run(self._read(id))
            assert shown.status == one.status or (one.status, shown.status) == ("EXPIRED", "HELD")
            assert self.place(shown) == one.place

    async def _read(self, id: str) -> Any:
        async with self.workshop.as_("agent", readonly=True) as ctx:
            return await access.read(ctx, Appointment.entity, id)

    @invariant()
    def calendar_in_memory_agrees(self) -> None:
        schedule = self.workshop.schedule
        self.run(schedule.caught_up())
        busy = self.busy()
        for half in range(HALVES + 1):
            start = self.workshop.at(half / 2)
            request = SlotRequest(
                work_types=[self.workshop.works[0]],
                center_ids=[self.workshop.center],
                earliest=start,
                latest=start + timedelta(minutes=5),
            )
            found = schedule.option(request, self.workshop.center, start, audience=STAFF, facts={})
            people, bays = self.free(half, busy, self.technicians), self.free(half, busy, self.bays)
            if not people or not bays:
                assert not isinstance(found, Option)
                continue
            assert isinstance(found, Option)
            for leg, free in zip(found.legs, (people, bays), strict=True):
                assert {schedule.id_of(no) for no in leg.candidates} == set(free)


_LIVE = ("HELD", "BOOKED", "IN_PROGRESS")


def _explored(database: Addresses, examples: int, steps: int) -> None:
    Bookings.addresses = database
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Bookings,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_model_database_answers_and_calendar_agree(database: Addresses) -> None:
    _explored(database, examples=6, steps=25)


@pytest.mark.stress
def test_model_database_answers_and_calendar_agree_for_long(database: Addresses) -> None:
    _explored(database, examples=500, steps=50)
