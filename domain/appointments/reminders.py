"""Reminders: a mail the day before, once for each start, from centres that send them."""

from __future__ import annotations

from domain.appointments.letters import write
from domain.kit.periodic import periodic
from domain.kit.store import Context

MOST_A_ROUND = 500
FROM_HOUR = 8
"""Nobody is written to before this hour by the centre's clock."""

_DUE = """
select a.id, a.start
  from appointment a
  join service_center c on c.id = a.center_id and c.sends_reminders
 where a.status = 'BOOKED' and a.start > $1::timestamptz and a.start < $1::timestamptz + interval '50 hours'
   and (a.start at time zone c.time_zone)::date = ($1::timestamptz at time zone c.time_zone)::date + 1
   and extract(hour from $1::timestamptz at time zone c.time_zone) >= $2
   and a.customer ->> 'email' is not null
   and not exists (select from appointment_reminder r where r.appointment_id = a.id and r.start = a.start)
 order by a.start, a.id limit $3"""
_MARK = """
insert into appointment_reminder (appointment_id, start, sent_at) values ($1, $2, $3)
    on conflict do nothing returning true"""


@periodic("remind", "*/10 * * * *")
async def remind(ctx: Context) -> None:
    """Remind those whose appointment is tomorrow, by the day of its centre."""
    for row in await ctx.db.fetch(_DUE, ctx.now, FROM_HOUR, MOST_A_ROUND):
        if await ctx.db.fetchval(_MARK, row["id"], row["start"], ctx.now):
            await write(ctx, row["id"], "REMINDER")
