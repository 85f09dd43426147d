"""What many clients saw of one technician's slots could have happened in some order, and nothing is at two places."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import time
from collections import defaultdict
from functools import cache

import msgspec
import pytest

from domain.kit.errors import CommandNotAllowed, SlotTaken
from scheduling.records import Bay
from tests.scheduling.appointments.conftest import BROKEN, Workshop
from tests.scheduling.centers import make

SEED = int(os.environ.get("FORECOURT_SEED", "20261122"))
SLOTS = 6
TAKE, REFUSED, FREE = "take", "refused", "free"
# A reader's one snapshot: appointments that are live and stand at another number of places than one.
PLACES = """
select a.id from appointment a
 where a.center_id = $1 and a.status in ('HELD', 'BOOKED')
   and (select count(*) from live_reservation r where r.appointment_id = a.id and r.role = 'TECHNICIAN') <> 1"""


class Deed(msgspec.Struct, frozen=True):
    """What a client did to one slot and when it began and had its answer: took it, was refused, or gave it up."""

    what: str
    who: str
    began: float
    over: float


def explained(deeds: list[Deed]) -> bool:
    """Whether some order of the deeds, each within its time, is one that a single slot with one place could show."""
    ordered = sorted(deeds, key=lambda one: one.began)

    @cache
    def search(left: frozenset[int], holder: str | None) -> bool:
        if not left:
            return True
        first_over = min(ordered[at].over for at in left)
        for at in sorted(left):
            one = ordered[at]
            if one.began > first_over:
                break
            if one.what == TAKE and holder is None:
                after: str | None = one.who
            elif one.what == FREE and holder == one.who:
                after = None
            elif one.what == REFUSED and holder is not None:
                after = holder
            else:
                continue
            if search(left - {at}, after):
                return True
        return False

    return search(frozenset(range(len(ordered))), None)


class Clients:
    """Clients who book, move and give up the hours of one technician, and what they saw."""

    def __init__(self, workshop: Workshop, seed: int):
        self.workshop = workshop
        self.rng = random.Random(seed)
        self.deeds: dict[int, list[Deed]] = defaultdict(list)
        self.mine: dict[str, int] = {}
        self.ada = str(workshop.dealer.technician.id)

    def _tell(self, slot: int, what: str, who: str, began: float) -> None:
        self.deeds[slot].append(Deed(what, who, began, time.monotonic()))

    async def act(self) -> None:
        """One random deed; nobody touches what another client is at."""
        rng = self.rng
        if not self.mine or rng.random() < 0.5:
            await self._book(rng.randrange(SLOTS), rng.random() < 0.4)
            return
        id = rng.choice(list(self.mine))
        slot = self.mine.pop(id)
        if rng.random() < 0.5:
            await self._move(id, slot, rng.randrange(SLOTS))
        else:
            await self._end(id, slot, rng.choice(["cancel", "elapse", "confirm"]))

    async def _book(self, slot: int, hold: bool) -> None:
        began = time.monotonic()
        try:
            made = await self.workshop.book("agent", slot, technician_id=self.ada, hold=hold)
        except SlotTaken:
            self._tell(slot, REFUSED, "", began)
            return
        self._tell(slot, TAKE, made.id, began)
        self.mine[made.id] = slot

    async def _move(self, id: str, slot: int, to: int) -> None:
        began = time.monotonic()
        if to == slot:
            self.mine[id] = slot
            return
        try:
            await self.workshop.give("agent", id, "reschedule", start=self.workshop.at(to))
        except SlotTaken:
            self._tell(to, REFUSED, "", began)
            self.mine[id] = slot
            return
        self._tell(to, TAKE, id, began)
        self._tell(slot, FREE, id, began)
        self.mine[id] = to

    async def _end(self, id: str, slot: int, how: str) -> None:
        began = time.monotonic()
        if how == "confirm":
            with contextlib.suppress(CommandNotAllowed):  # it is booked already
                await self.workshop.give("agent", id, "confirm")
            self.mine[id] = slot
            return
        if how == "elapse":
            if (await self.workshop.read(id)).status != "HELD":
                self.mine[id] = slot
                return
            await self.workshop.elapse(id)
        else:
            await self.workshop.give("agent", id, "cancel")
        self._tell(slot, FREE, id, began)


async def _played(workshop: Workshop, seed: int, clients: int, deeds: int) -> None:
    for number in range(SLOTS):
        await make(workshop.database, Bay, name=f"More {number}", center_id=workshop.center, bay_type="LIFT")
    all_of_them = Clients(workshop, seed)
    playing = True

    async def client() -> None:
        for _ in range(deeds // clients):
            await all_of_them.act()

    async def reader() -> None:
        while playing:
            assert await workshop.owner.fetch(PLACES, workshop.center) == []
            assert await workshop.owner.fetch(BROKEN) == []
            await asyncio.sleep(0.01)

    reading = asyncio.create_task(reader())
    try:
        await asyncio.gather(*(client() for _ in range(clients)))
    finally:
        playing = False
        await reading
    for slot, seen in all_of_them.deeds.items():
        assert explained(seen), f"seed {seed}, slot {slot}: {sorted(seen, key=lambda one: one.began)}"
    await workshop.tidy()
    live = {at for who, at in await workshop.taken() if who == all_of_them.ada}
    assert live == {workshop.at(slot) for slot in all_of_them.mine.values()}


def test_the_judge_knows_what_cannot_have_happened() -> None:
    took, other = Deed(TAKE, "a", 0, 1), Deed(TAKE, "b", 2, 3)
    assert not explained([took, other])
    assert explained([took, Deed(FREE, "a", 1.5, 2.5), other])
    assert not explained([took, Deed(FREE, "a", 1.2, 1.5), Deed(REFUSED, "", 2, 3)])
    assert explained([took, Deed(REFUSED, "", 0, 2)])
    assert not explained([Deed(REFUSED, "", 0, 1), Deed(TAKE, "a", 2, 3)])


async def test_a_short_history_is_linear(workshop: Workshop) -> None:
    await _played(workshop, SEED, clients=8, deeds=240)


@pytest.mark.stress
@pytest.mark.parametrize("seed", range(SEED, SEED + 20))
async def test_a_long_history_is_linear(workshop: Workshop, seed: int) -> None:
    await _played(workshop, seed, clients=12, deeds=2_400)
