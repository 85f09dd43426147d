"""What holds between the fields of a centre's plans, and at which of their accounts planners may write them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from domain.kit.access import at_account
from domain.kit.errors import FieldError, Invalid
from domain.kit.events import on
from domain.kit.record import Record
from domain.kit.store import Context
from scheduling.records.capacity import CapacityRule
from scheduling.records.hours import DateOverride, DaySlot, Holiday, OperatingHours, ServiceCenter, TimeSlot
from scheduling.records.resources import Bay, DemoVehicle, Equipment, LoanerVehicle, Skill, Technician, TerritoryMember
from scheduling.records.shifts import Absence, Shift
from scheduling.records.terms import WEEKDAYS, minutes_of
from scheduling.records.work import WorkType, WorkTypeGroup

_DAY = 1440
_WEEK = 7 * _DAY


def slot_faults(slots: Sequence[TimeSlot | DaySlot]) -> list[FieldError]:
    """Open hours that overlap others, by their place in the list; a night runs into the next day and week."""
    taken: list[tuple[int, int]] = []
    faults = []
    for at, slot in enumerate(slots):
        begin = minutes_of(slot.start)
        length = (minutes_of(slot.end) - begin) % _DAY or _DAY
        if isinstance(slot, TimeSlot):
            begin += WEEKDAYS.index(slot.day_of_week) * _DAY
        spans = [(begin + shift, begin + length + shift) for shift in (-_WEEK, 0, _WEEK)]
        if any(a < other_end and other < b for a, b in spans for other, other_end in taken):
            faults.append(FieldError(f"/time_slots/{at}", "overlaps the hours before it in the list"))
        taken.append((begin, begin + length))
    return faults


def skill_faults(skills: Sequence[Skill]) -> list[FieldError]:
    """Skills that are listed twice."""
    names = [skill.skill for skill in skills]
    return [FieldError(f"/skills/{at}/skill", "is listed twice") for at, name in enumerate(names) if name in names[:at]]


def _refused(faults: list[FieldError]) -> None:
    if faults:
        raise Invalid("Some values do not go together", errors=faults)


async def _at_home(ctx: Context, record: Any, changes: dict[str, Any]) -> None:
    """A role counts at the accounts at which it is held; the database has told whose row it is."""
    if ctx.principal.persona == "PARTNER":
        at_account(ctx, record.entity, record.account_id, "u")


_OF_DEALERS: tuple[type[Record], ...] = (
    OperatingHours, DateOverride, ServiceCenter, Holiday, Technician, TerritoryMember, Bay, Equipment, LoanerVehicle,
    DemoVehicle, Shift, Absence, CapacityRule,
)  # fmt: skip
for _kind in _OF_DEALERS:
    on(f"{_kind.entity.name}.created")(_at_home)
    on(f"{_kind.entity.name}.updated")(_at_home)


@on("operating_hours.created")
@on("operating_hours.updated")
async def hours_are_apart(ctx: Context, hours: OperatingHours, changes: dict[str, Any]) -> None:
    """The hours of a week do not overlap."""
    _refused(slot_faults(hours.time_slots))


@on("date_override.created")
@on("date_override.updated")
async def override_is_of_its_day(ctx: Context, override: DateOverride, changes: dict[str, Any]) -> None:
    """The hours of a date do not overlap, and where they name a weekday it is the date's."""
    weekday = WEEKDAYS[override.on.weekday()]
    faults = [
        FieldError(f"/time_slots/{at}/day_of_week", f"is not the date's, which is {weekday}")
        for at, slot in enumerate(override.time_slots)
        if slot.day_of_week not in (None, weekday)
    ]
    _refused(faults + slot_faults(override.time_slots))


@on("service_center.created")
@on("service_center.updated")
async def country_is_known(ctx: Context, center: ServiceCenter, changes: dict[str, Any]) -> None:
    """The public holidays of the centre's country and of its part are known."""
    if not changes.keys() & {"holiday_country", "holiday_subdivision"}:
        return
    from holidays import list_supported_countries

    parts = list_supported_countries().get(center.holiday_country or "", [] if center.holiday_country is None else None)
    if parts is None:
        raise Invalid.at("/holiday_country", "is no country whose public holidays are known")
    if center.holiday_subdivision is not None and center.holiday_subdivision not in parts:
        raise Invalid.at("/holiday_subdivision", "is no part of the country with public holidays of its own")


@on("service_center.created")
@on("service_center.updated")
async def hours_are_the_dealers(ctx: Context, center: ServiceCenter, changes: dict[str, Any]) -> None:
    """A dealer's centre has hours of the dealer group or of the organisation: others would close it."""
    if ctx.principal.persona != "PARTNER":
        return
    for name in ("operating_hours_id", "visiting_hours_id"):
        if changes.get(name):
            hours = await ctx.get(OperatingHours, changes[name])
            own = hours.account_id is None or await ctx.db.fetchval(
                "select app.same_group($1, $2)", center.account_id, hours.account_id
            )
            if not own:
                raise Invalid.at(f"/{name}", "are hours of another dealer")


@on("technician.created")
@on("technician.updated")
async def skills_are_told_once(ctx: Context, technician: Technician, changes: dict[str, Any]) -> None:
    """A skill is listed once, and the user is of the dealer group."""
    _refused(skill_faults(technician.skills))
    if changes.get("user_id") and technician.account_id is not None:
        of_group = await ctx.db.fetchval(
            'select app.same_group($1, u.account_id) from "user" u where u.id = $2',
            technician.account_id,
            technician.user_id,
        )
        if not of_group:
            raise Invalid.at("/user_id", "is no user of the dealer group")


@on("territory_member.created")
@on("territory_member.updated")
async def lent_by_their_dealer(ctx: Context, member: TerritoryMember, changes: dict[str, Any]) -> None:
    """Whoever lends a technician plans at the technician's own dealer too."""
    if ctx.principal.persona == "PARTNER":
        technician = await ctx.get(Technician, member.technician_id)
        if technician.account_id not in ctx.principal.units:
            raise Invalid.at("/technician_id", "is not planned by you")
        at_account(ctx, member.entity, technician.account_id, "u")


@on("loaner_vehicle.created")
@on("demo_vehicle.created")
async def car_is_the_dealers(ctx: Context, vehicle: LoanerVehicle | DemoVehicle, changes: dict[str, Any]) -> None:
    """Dealers keep cars of their own group; who sees everything answers for what they write."""
    if ctx.principal.persona != "PARTNER":
        return
    own = await ctx.db.fetchval(
        "select app.same_group($1, v.dealer_account_id) from vehicle v where v.id = $2",
        vehicle.account_id,
        vehicle.vehicle_id,
    )
    if not own:
        raise Invalid.at("/vehicle_id", "is no car of the dealer group")


@on("work_type.created")
@on("work_type.updated")
async def work_is_whole(ctx: Context, work: WorkType, changes: dict[str, Any]) -> None:
    """Further resources say what they are and how long, and parts are products."""
    faults = []
    for at, one in enumerate(work.further_resources):
        place = f"/further_resources/{at}"
        if (one.role == "EQUIPMENT") != (one.equipment_type is not None):
            faults.append(FieldError(f"{place}/equipment_type", "is told of equipment, and of nothing else"))
        if (one.during == "ARRIVAL") != (one.minutes is not None):
            faults.append(FieldError(f"{place}/minutes", "is told where the resource is needed at arrival alone"))
        if one.role == "EQUIPMENT" and one.required_skills:
            faults.append(FieldError(f"{place}/required_skills", "is for people"))
    wanted = [part.product_id for part in work.parts]
    rows = await ctx.db.fetch("select id::text from product where id::text = any($1::text[])", wanted)
    known = {row[0] for row in rows}
    faults += [
        FieldError(f"/parts/{at}/product_id", "refers to no record that you may see")
        for at, product in enumerate(wanted)
        if product not in known
    ]
    _refused(faults)


@on("work_type_group.created")
@on("work_type_group.updated")
async def group_has_work(ctx: Context, group: WorkTypeGroup, changes: dict[str, Any]) -> None:
    """A group lists work types that there are, each once."""
    rows = await ctx.db.fetch("select code from work_type where code = any($1::text[])", group.work_types)
    known = {row[0] for row in rows}
    faults = []
    for at, code in enumerate(group.work_types):
        if code not in known:
            faults.append(FieldError(f"/work_types/{at}", "is no work type"))
        elif code in group.work_types[:at]:
            faults.append(FieldError(f"/work_types/{at}", "is listed twice"))
    _refused(faults)
