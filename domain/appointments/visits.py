"""An appointment as people are told of it: where, when by the clock of the place, and what for, in their language."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo
from typing import Any

import msgspec

from domain.kit.store import Context
from scheduling.hours import zone_of

LOCALES = ("en", "de")
_DRIVE = {"en": "Test drive", "de": "Probefahrt"}
_SERVICE = {"en": "Service", "de": "Werkstatttermin"}
_DATES = {"en": "%Y-%m-%d %H:%M", "de": "%d.%m.%Y, %H:%M Uhr"}
_VISITS = """
select a.id, a.number, a.version, a.kind, a.status, a.start, a."end", a.arrival_at, a.promised_at, a.created_at,
       a.updated_at, a.customer, a.contact_id, a.customer_account_id, a.account_id, a.proposal,
       c.name as center, c.time_zone, l.name as place, l.address,
       array(select w.name from unnest(a.work_types) with ordinality asked (code, n)
               join work_type w on w.code = asked.code order by asked.n) as works,
       nullif(concat_ws(' ', v.model_year, v.make, v.model), '') as car, t.locale
  from appointment a
  join service_center c on c.id = a.center_id
  left join location l on l.id = c.location_id
  left join vehicle v on v.id = a.vehicle_id
  left join contact t on t.id = a.contact_id
 where a.id = any($1::uuid[])
 order by a.start, a.id"""


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """One appointment with what its centre, its work and its car are called."""

    id: str
    number: str
    version: int
    kind: str
    status: str
    start: datetime
    end: datetime
    arrival_at: datetime
    promised_at: datetime
    created_at: datetime
    updated_at: datetime
    customer: dict[str, Any]
    contact_id: str | None
    customer_account_id: str | None
    account_id: str | None
    proposal: dict[str, Any] | None
    center: str
    time_zone: str
    place: str | None
    address: dict[str, Any] | None
    works: list[str]
    car: str | None
    locale: str | None

    @property
    def zone(self) -> tzinfo:
        """The clock of the centre."""
        return zone_of(self.time_zone)

    @property
    def language(self) -> str:
        """The contact's language, else English."""
        spoken = (self.locale or "").partition("-")[0]
        return spoken if spoken in LOCALES else "en"

    @property
    def where(self) -> str:
        """The place with its address, on one line."""
        address = self.address or {}
        town = " ".join(filter(None, (address.get("postcode"), address.get("city"))))
        return ", ".join(filter(None, (self.place or self.center, address.get("street"), town)))

    def title(self, locale: str) -> str:
        """What it is about."""
        if self.kind == "TEST_DRIVE":
            return ": ".join(filter(None, (_DRIVE[locale], self.car)))
        return ", ".join(self.works) or _SERVICE[locale]

    def told(self, instant: datetime, locale: str) -> str:
        """An instant by the centre's clock, its zone named."""
        return f"{instant.astimezone(self.zone).strftime(_DATES[locale])} ({self.time_zone})"


async def visits(ctx: Context, ids: Sequence[str]) -> list[Visit]:
    """These appointments by start, as far as the transaction sees them."""
    return [Visit(**dict(row.items())) for row in await ctx.db.fetch(_VISITS, list(ids))]
