"""Appointments past their time are tidied by the minute, also where no process serves."""

from __future__ import annotations

from domain.kit.periodic import periodic
from domain.kit.store import Context
from scheduling.appointments.waitlist import settle

MOST_A_MINUTE = 2_000


@periodic("tidy_appointments", "* * * * *")
async def tidy_appointments(ctx: Context) -> None:
    """Ends holds and proposals whose time is over and forgets places in the past; nobody waits for it to book one."""
    await ctx.db.fetchval("select app.tidy_appointments($1)", MOST_A_MINUTE)
    await settle(ctx)
