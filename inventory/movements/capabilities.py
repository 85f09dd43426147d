"""What a caller may do with a car now, and why not the rest."""

from __future__ import annotations

from domain.kit.access import Capability
from domain.kit.query import id_or_nobody
from domain.kit.store import Context
from inventory.movements.car import MOVERS, opened
from inventory.movements.commands import COMMANDS
from inventory.movements.rules import RULES
from inventory.records import Vehicle


@Vehicle.commanded
async def capabilities(ctx: Context, vehicle_id: str) -> tuple[str | None, list[Capability]]:
    """The status of a car that the caller sees, and each command of its movement with the reason where not now.

    Holds that are past their time count as ended. A car that stands in no stock has neither.
    """
    status = await ctx.db.fetchval(
        "select status from stock_entry where vehicle_id = $1 and left_on is null", id_or_nobody(vehicle_id)
    )
    if status is None or not ctx.principal.keys & MOVERS:
        return status, []
    async with ctx.elevated():
        car = await opened(ctx, vehicle_id, lock=False)
    car.lapsed()
    told = []
    for name, command in COMMANDS.items():
        refusal = RULES[name](car, ctx.principal)
        told.append(Capability(name, refusal is None, refusal.detail if refusal else None, command.help))
    return car.status, told
