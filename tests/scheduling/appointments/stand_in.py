"""A schedule that offers every technician and every bay at all hours of the next days and knows of no booking."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec

from scheduling.asking import Audience, Counter, Facts, Leg, Option, Reason, Refused, Slot, SlotPage, SlotRequest
from scheduling.hours import cell_of

LASTS = timedelta(hours=1)
MINUTES = 60


class Offered(msgspec.Struct):
    """What it offers: resource numbers with their ids, and the day's counter if there is a cap."""

    technicians: dict[int, str]
    bays: dict[int, str]
    clock: datetime
    cap: int | None = None
    closed: bool = False
    calendar_version: int = 1_000_000
    asked: int = 0
    with_equipment: dict[int, str] = {}

    def option(
        self,
        request: SlotRequest,
        center_id: str,
        start: datetime,
        *,
        audience: Audience,
        facts: Facts,
        without: frozenset[int] = frozenset(),
        moving: str | None = None,
        walk_in: bool = False,
    ) -> Option | Refused:
        self.asked += 1
        if start <= self.clock:
            return Refused(center_id, start, [Reason("IN_THE_PAST", "lies in the past")])
        if start > self.clock + timedelta(days=90):
            return Refused(center_id, start, [Reason("TOO_FAR_AHEAD", "is too far ahead")])
        if self.closed:
            return Refused(center_id, start, [Reason("CLOSED", "is closed then")])
        people = [
            no for no, id in self.technicians.items() if request.technician_id in (None, id) and no not in without
        ]
        places = [no for no in self.bays if no not in without]
        if not people or not places:
            code = "BAY_BUSY" if people else "TECHNICIAN_BUSY"
            return Refused(center_id, start, [Reason(code, "is busy")])  # type: ignore[arg-type]
        end = start + LASTS * max(1, len(request.asked()))
        legs = [
            Leg("TECHNICIAN", cell_of(start), cell_of(end), 0, tuple(people)),
            Leg("BAY", cell_of(start), cell_of(end), 0, tuple(places)),
        ]
        if self.with_equipment:
            legs.append(Leg("EQUIPMENT", cell_of(start), cell_of(end), 0, tuple(self.with_equipment)))
        day = start.astimezone(UTC).date()
        counters = () if self.cap is None else (Counter("HOURS", day, MINUTES, self.cap),)
        return Option(
            center_id, start, end, start, end, start, end, tuple(legs), counters, self.calendar_version, 1_000_000
        )

    def alternatives(
        self, request: SlotRequest, center_id: str, start: datetime, limit: int, *, audience: Audience, facts: Facts
    ) -> list[Slot]:
        later = [start + LASTS * (at + 1) for at in range(limit)]
        return [Slot(center_id, one, one + LASTS, list(self.technicians.values()), []) for one in later]

    def search(self, request: SlotRequest, audience: Audience, facts: Facts) -> SlotPage:
        start, slots = request.earliest, []
        while start < request.latest and len(slots) < request.limit:
            if start.minute == 0 and start.second == 0:
                slots.append(Slot(request.center_ids[0], start, start + LASTS, list(self.technicians.values()), []))
            start += timedelta(minutes=5)
        return SlotPage(slots, None, [])

    def id_of(self, no: int) -> str:
        return {**self.technicians, **self.bays, **self.with_equipment}[no]

    async def reached(self, token: str) -> None:
        return None
