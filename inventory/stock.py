"""Vehicles in and out of stock: the physical car and its open stock entry, written together."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from domain.kit.access import at_account
from domain.kit.errors import Invalid, NotFound
from domain.kit.money import Money
from domain.kit.query import id_or_nobody
from domain.kit.store import Context, forbidden_fields, matched, nulls, references_visible
from domain.kit.values import Code, Count, Day, ExternalKey, Id, Label, Url, Year
from domain.kit.views import own_sql
from inventory import vin as vins
from inventory.importing.numbers import kilometres
from inventory.records import Attributes, Condition, Hold, Location, StockEntry, StockStatus, Vehicle, Visibility
from inventory.statements import SQL
from inventory.vehicle_row import VehicleRow


class OdometerInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the odometer shows, in its own unit."""

    value: Count
    unit: str = "KM"
    status: str | None = None


class VehicleInput(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What may be said of a vehicle; absent stays as it is, null clears."""

    vin: Annotated[str, Meta(max_length=40)] | UnsetType | None = UNSET
    registration_number: Label | UnsetType | None = UNSET
    definition_id: Id | UnsetType | None = UNSET
    brand: Code | UnsetType | None = UNSET
    make: Label | UnsetType = UNSET
    model: Label | UnsetType = UNSET
    trim: Label | UnsetType | None = UNSET
    model_year: Year | UnsetType | None = UNSET
    model_code: Code | UnsetType | None = UNSET
    body_style: Label | UnsetType | None = UNSET
    drivetrain: Label | UnsetType | None = UNSET
    fuel_type: Label | UnsetType | None = UNSET
    transmission: Label | UnsetType | None = UNSET
    exterior_color: Label | UnsetType | None = UNSET
    interior_color: Label | UnsetType | None = UNSET
    condition: Condition | UnsetType = UNSET
    odometer: OdometerInput | UnsetType | None = UNSET
    options: Annotated[list[Label], Meta(max_length=200)] | UnsetType = UNSET
    attributes: Annotated[Attributes, Meta(max_length=100)] | UnsetType = UNSET
    photos: Annotated[list[Url], Meta(max_length=100)] | UnsetType = UNSET
    stock_number: Label | UnsetType | None = UNSET
    holds: Annotated[list[Hold], Meta(max_length=5)] | UnsetType = UNSET
    visibility: Visibility | UnsetType = UNSET
    available_on: Day | UnsetType | None = UNSET
    price: Money | UnsetType | None = UNSET
    price_tax: str | UnsetType | None = UNSET
    location_id: Id | UnsetType | None = UNSET
    external_keys: Annotated[list[ExternalKey], Meta(max_length=20)] | UnsetType = UNSET


class NewVehicle(VehicleInput, kw_only=True):
    """A vehicle that comes into stock."""

    make: Label
    model: Label
    condition: Condition
    status: StockStatus | UnsetType = UNSET
    dealer_account_id: Id | UnsetType | None = UNSET
    in_stock_since: Day | UnsetType = UNSET


_ENTRY_FIELDS = frozenset(StockEntry.entity.fields) - frozenset(Vehicle.entity.fields)


def split(data: msgspec.Struct) -> tuple[dict[str, Any], dict[str, Any]]:
    """What was said, as fields of the vehicle and of its stock entry."""
    vehicle: dict[str, Any] = {}
    entry: dict[str, Any] = {}
    for name in data.__struct_fields__:
        value = getattr(data, name)
        if value is UNSET:
            continue
        if name == "odometer":
            vehicle.update(odometer_fields(value))
        elif name == "vin":
            vehicle["vin"] = None if value is None else sound_vin(value)
        elif name in _ENTRY_FIELDS or name == "dealer_account_id":
            entry[name] = value
        else:
            vehicle[name] = value
    return vehicle, entry


def odometer_fields(odometer: OdometerInput | None) -> dict[str, Any]:
    """An odometer as columns, with its whole kilometres."""
    if odometer is None:
        return dict.fromkeys(("odometer_value", "odometer_unit", "odometer_status", "odometer_km"))
    return {
        "odometer_value": odometer.value,
        "odometer_unit": odometer.unit,
        "odometer_status": odometer.status,
        "odometer_km": kilometres(odometer.value, odometer.unit),
    }


def sound_vin(text: str) -> str:
    """The VIN in its normal form; Invalid where it cannot be one, or where its check digit is mandatory and wrong."""
    vin = vins.normal_vin(text)
    fault = vins.shape_fault(vin)
    if fault is None and vins.check_digit_is_mandatory(vin) and not vins.check_digit_holds(vin):
        fault = f"has the check digit {vin[8]} where {vins.check_digit(vin)} belongs"
    if fault is not None:
        raise Invalid.at("/vin", fault)
    return vin


async def take_in(ctx: Context, data: NewVehicle) -> Vehicle:
    """A vehicle comes into an account's stock. Invalid, Forbidden, AlreadyExists (VIN, stock number, key)."""
    vehicle, entry = split(data)
    own_account = ctx.principal.account_id if ctx.principal.persona == "PARTNER" else None
    account = entry.get("dealer_account_id") or own_account
    entry["dealer_account_id"] = account
    at_account(ctx, StockEntry.entity, account, "c")
    nulls(Vehicle.entity, vehicle)
    nulls(StockEntry.entity, entry)
    await references_visible(ctx, Vehicle.entity, vehicle)
    await references_visible(ctx, StockEntry.entity, entry)
    await _fits(ctx, entry, account)
    made = await ctx.create(Vehicle, **vehicle, dealer_account_id=account)
    entry.setdefault("in_stock_since", ctx.now.date())
    await ctx.create(StockEntry, vehicle_id=made.id, brand=vehicle.get("brand"), **entry)
    return await ctx.get(Vehicle, made.id)


async def _fits(ctx: Context, entry: dict[str, Any], account: str | None) -> None:
    """A dealer's car stands at a location of that dealer."""
    if entry.get("location_id") is None:
        return
    location = await ctx.get(Location, entry["location_id"])
    if location.account_id is not None and location.account_id != account:
        raise Invalid.at("/location_id", "belongs to another account than the vehicle's stock")


async def change(ctx: Context, vehicle_id: str, data: VehicleInput, version: int | None) -> None:
    """Change a vehicle and its open stock entry, if the version read is still theirs."""
    vehicle = await ctx.get(Vehicle, vehicle_id, lock=True)
    entries = await ctx.where(StockEntry, "vehicle_id = $1 and left_on is null", vehicle.id, lock=True)
    if not entries:
        raise NotFound("This vehicle stands in no stock that you may see")
    entry = entries[0]
    present = msgspec.structs.replace(vehicle, version=vehicle.version + entry.version - 1)
    matched(present, version)
    changes, entry_changes = split(data)
    for record, given in ((vehicle, changes), (entry, entry_changes)):
        entity = record.entity
        exact = at_account(ctx, entity, entry.dealer_account_id, "u")
        forbidden_fields(given, exact.updates)
        nulls(entity, given)
        await references_visible(ctx, entity, given)
    await _fits(ctx, entry_changes, entry.dealer_account_id)
    await ctx.update(vehicle, **changes)
    if "brand" in changes:
        entry_changes["brand"] = changes["brand"]
    await ctx.update(entry, **entry_changes)


async def seen(ctx: Context, vehicle_id: str) -> tuple[VehicleRow, bool]:
    """The flattened vehicle as the caller's row policies show it, and whether it is their own; NotFound."""
    row = await ctx.db.fetchrow(SQL["vehicle_seen"], id_or_nobody(vehicle_id))
    if row is None:
        raise NotFound("There is no vehicle with this id")
    own = await ctx.db.fetchval(
        f"select {own_sql(Vehicle.entity, ctx.principal)} from vehicle where id = $1", row["id"]
    )
    values = dict(row)
    for name in ("holds", "options", "photos"):
        values[name] = tuple(values[name])
    return VehicleRow(**values), bool(own)
