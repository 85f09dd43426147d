"""The service timeline of a car: appointments past and to come, milestones and holds, as far as the reader may know."""

from __future__ import annotations

from datetime import UTC, datetime, time
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from domain.kit import access
from domain.kit.errors import CursorInvalid, Malformed, NotFound, UnknownProperty
from domain.kit.query import Condition, Query
from domain.kit.record import Entity
from domain.kit.store import Context
from domain.kit.values import Instant
from domain.kit.views import told_struct
from inventory.records import Asset, AssetMilestone, StockEntry, Vehicle
from scheduling.appointment_records import Appointment
from service.api.appointments import told
from service.api.records import all_fields
from service.api.routing import PREFIX, SIGNED_IN, Call, Kind, Param, Route

_ABOUT = "service-timeline"
_Appointment: Any = told_struct(Appointment.entity, all_fields(Appointment.entity))
_Milestone: Any = told_struct(AssetMilestone.entity, all_fields(AssetMilestone.entity))


class TimelineItem(msgspec.Struct, kw_only=True):
    """One thing that was done or is to be done; `at` is its start, or midnight UTC of a milestone's day."""

    at: datetime
    kind: Literal["APPOINTMENT", "MILESTONE"]
    appointment: _Appointment | UnsetType = UNSET
    milestone: _Milestone | UnsetType = UNSET


class ServiceTimeline(msgspec.Struct, kw_only=True):
    """A page of a car's timeline, the earliest first; what holds it now has no time and comes with every page."""

    vehicle_id: str | None
    asset_id: str | None
    open_holds: list[str]
    """Why the car may not be handed over now, as RECALL: of a car in stock, told to those who keep stock."""
    items: list[TimelineItem]
    next_cursor: str | None


class Car(msgspec.Struct, frozen=True):
    """The car by its two names, as far as the reader may know them."""

    vehicle_id: str | None
    asset_id: str | None


async def _of_vehicle(call: Call) -> ServiceTimeline:
    seen: Any = await access.read(call.ctx, Vehicle.entity, call.id)
    return await _timeline(call, Car(call.id, getattr(seen, "asset_id", None)))


async def _of_asset(call: Call) -> ServiceTimeline:
    await access.read(call.ctx, Asset.entity, call.id)
    rows = await _rows(call.ctx, Vehicle.entity, "asset_id = $1", [call.id])
    vehicle = next((one.id for one in rows if getattr(one, "asset_id", None) is not None), None)
    return await _timeline(call, Car(vehicle, call.id))


async def _timeline(call: Call, car: Car) -> ServiceTimeline:
    since: datetime | None = call.query.get("at.gte")
    before: datetime | None = call.query.get("at.lt")
    limit: int = call.query.get("limit", 50)
    bounds = tuple(str(one.timestamp()) if one is not None else "" for one in (since, before))
    about = Query((Condition("id", "eq", (call.route.path, call.id)), Condition("at", "eq", bounds)))
    after: tuple[datetime, str] | None = None
    if (cursor := call.query.get("cursor")) is not None:
        moment, id = call.services.cursors.read(_ABOUT, about, call.principal.name, cursor)
        after = datetime.fromisoformat(moment), id
    window = (since, before, *(after or (None, None)))
    found: list[tuple[datetime, str, TimelineItem]] = []
    for start, one in await _appointments(call.ctx, car, window, limit + 1):
        found.append((start, one.id, TimelineItem(at=one.start, kind="APPOINTMENT", appointment=one)))
    for at, one in await _milestones(call.ctx, car, window, limit + 1):
        found.append((at, one.id, TimelineItem(at=at, kind="MILESTONE", milestone=one)))
    found.sort(key=lambda each: each[:2])
    further = None
    if len(found) > limit:
        at, id, _ = found[limit - 1]
        further = call.services.cursors.write(_ABOUT, about, call.principal.name, [at.isoformat(), id])
    return ServiceTimeline(
        vehicle_id=car.vehicle_id,
        asset_id=car.asset_id,
        open_holds=await _holds(call.ctx, car),
        items=[item for *_, item in found[:limit]],
        next_cursor=further,
    )


_Window = tuple[datetime | None, datetime | None, datetime | None, str | None]
_IN_WINDOW = (
    "($2::timestamptz is null or {at} >= $2) and ($3::timestamptz is null or {at} < $3)"
    " and ($4::timestamptz is null or ({at}, id) > ($4, $5::uuid)) order by {at}, id limit $6"
)


async def _appointments(ctx: Context, car: Car, window: _Window, most: int) -> list[tuple[datetime, Any]]:
    """The next appointments of the car with their starts in UTC; each branch is served by an index of its own."""
    if not _open_to(Appointment.entity, ctx):
        return []
    found: dict[str, Any] = {}
    for column, id in (("asset_id", car.asset_id), ("vehicle_id", car.vehicle_id)):
        if id is None:
            continue
        condition = f"{column} = $1 and {_IN_WINDOW.format(at='start')}"
        found |= {one.id: one for one in await _rows(ctx, Appointment.entity, condition, [id, *window, most])}
    starts = {id: one.start.astimezone(UTC) for id, one in found.items()}
    return [(starts[one.id], one) for one in await told(ctx, list(found.values()))]


async def _milestones(ctx: Context, car: Car, window: _Window, most: int) -> list[tuple[datetime, Any]]:
    if car.asset_id is None or not _open_to(AssetMilestone.entity, ctx):
        return []
    at = """("on"::timestamp at time zone 'UTC')"""
    condition = f"asset_id = $1 and {_IN_WINDOW.format(at=at)}"
    rows = await _rows(ctx, AssetMilestone.entity, condition, [car.asset_id, *window, most])
    return [(datetime.combine(one.on, time(), UTC), one) for one in rows]


async def _holds(ctx: Context, car: Car) -> list[str]:
    if car.vehicle_id is None or not _open_to(StockEntry.entity, ctx):
        return []
    rows = await _rows(ctx, StockEntry.entity, "vehicle_id = $1 and left_on is null", [car.vehicle_id])
    return sorted({hold for one in rows for hold in one.holds})


def _open_to(entity: Entity, ctx: Context) -> bool:
    return entity.allows(ctx.principal.keys, "r")


async def _rows(ctx: Context, entity: Entity, condition: str, arguments: list[Any]) -> list[Any]:
    """Records with the fields that the caller may see of each."""
    select, present = access.selected(entity, ctx.principal, access.open_view(entity, ctx.principal))
    rows = await ctx.db.fetch(f"select {select} from {entity.table} where {condition}", *arguments)
    return [present(row) for row in rows]


_PARAMETERS = {
    "at.gte": Param(Instant, "from this instant on"),
    "at.lt": Param(Instant, "before this instant"),
    "limit": Param(Annotated[int, Meta(ge=1, le=200)], "1 to 200"),
    "cursor": Param(Annotated[str, Meta(max_length=2_000)], "next_cursor of the page before"),
}
ROUTES = [
    Route(
        method="GET",
        path=f"{PREFIX}/{entity.route}/{{id}}/service-timeline",
        object=entity.name,
        action="service_timeline",
        handler=handler,
        kind=Kind.READ,
        grant=SIGNED_IN,
        summary="Appointments past and to come, milestones and open holds, in order of time",
        returns=ServiceTimeline,
        query=_PARAMETERS,
        problems=(NotFound, Malformed, UnknownProperty, CursorInvalid),
    )
    for entity, handler in ((Vehicle.entity, _of_vehicle), (Asset.entity, _of_asset))
]
