"""What comes back by the clock: partitions ahead of time, sweeping what is past its use, work lost from the queue."""

from __future__ import annotations

from domain.kit.periodic import periodic
from domain.kit.store import Context

PARTITIONED = ("history",)
"""Tables that grow without end and are partitioned by month."""
MONTHS_AHEAD = 3


@periodic("make_partitions", "20 3 * * *")
async def make_partitions(ctx: Context) -> None:
    """Makes the partitions of the coming months."""
    for table in PARTITIONED:
        await ctx.db.execute("select app.make_partitions($1, $2)", table, MONTHS_AHEAD)


@periodic("sweep", "7 * * * *")
async def sweep(ctx: Context) -> None:
    """Removes stored answers after a day, expired tokens, old sessions and the queue's log."""
    await ctx.db.execute("select app.sweep()")


@periodic("push_lost", "* * * * *")
async def push_lost(ctx: Context) -> None:
    """Puts work back into the queue whose entry there is gone."""
    if await ctx.db.fetchval("select app.push_lost()"):
        ctx.pushed = True


@periodic("end_imports", "*/15 * * * *")
async def end_imports(ctx: Context) -> None:
    """Calls imports failed whose process died: none is silent for two hours. Sending the file again goes on."""
    await ctx.db.execute(
        "update vehicle_import set status = 'FAILED' "
        "where status = 'RUNNING' and updated_at < app.moment() - interval '2 hours'"
    )
