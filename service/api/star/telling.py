"""Appointments told in the words of the STAR JSON standard, no more of them than the reader may know."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from domain.kit import access
from domain.kit.query import id_or_nobody
from domain.kit.store import Context
from inventory.records import Vehicle
from scheduling.appointment_records import AppointmentJob, Person
from service.api.star.shapes import (
    OURS,
    StarAdvisor,
    StarAppointment,
    StarAudit,
    StarContactMethod,
    StarCustomer,
    StarIdentifier,
    StarLaborOperation,
    StarName,
    StarSelection,
    StarTransport,
    StarVehicleView,
    Type,
    status_of,
)

_TYPES: dict[str, Type] = {"SERVICE": "SERVICE", "TEST_DRIVE": "TESTDRIVE"}
_TOLD_OF_VEHICLES = ("vin", "make", "model", "trim", "model_code")


async def views(ctx: Context, appointments: list[Any]) -> list[StarAppointment]:
    """These appointments, which are as their reader is told them, in their order."""
    center_ids = list({one.center_id for one in appointments})
    rows = await ctx.db.fetch("select id, code from service_center where id = any($1::uuid[])", center_ids)
    codes = {row["id"]: row["code"] for row in rows}
    ids = {id for one in appointments if (id := getattr(one, "vehicle_id", None)) is not None}
    vehicles = {one.id: one for one in await _vehicles(ctx, "id = any($1::uuid[])", list(ids))}
    return [
        _view(one, codes.get(one.center_id, UNSET), vehicles.get(getattr(one, "vehicle_id", None)))
        for one in appointments
    ]


async def vehicle_of_vin(ctx: Context, vin: str) -> str:
    """The vehicle with this VIN where the caller may see both; else the id of none."""
    found = await _vehicles(ctx, "vin = $1", vin.upper())
    return next((one.id for one in found if getattr(one, "vin", None) is not None), id_or_nobody(""))


async def _vehicles(ctx: Context, condition: str, argument: Any) -> list[Any]:
    """Vehicles with the fields that the caller may see of each."""
    entity, principal = Vehicle.entity, ctx.principal
    select, present = access.selected(entity, principal, access.open_view(entity, principal))
    return [present(row) for row in await ctx.db.fetch(f"select {select} from vehicle where {condition}", argument)]


def _view(one: Any, code: str | UnsetType, vehicle: Any) -> StarAppointment:
    kind = one.kind
    jobs = msgspec.convert(getattr(one, "jobs", []), list[AppointmentJob])
    return StarAppointment(
        appointment_key=one.id,
        appointment_id=one.number,
        dealer_id=one.center_id,
        dealer_key=code,
        appointment_type=_TYPES[kind],
        appointment_status=status_of(one.status, one.moved_at),
        scheduled_start=one.start,
        scheduled_end=one.end,
        additional_comments=getattr(one, "notes", None) or UNSET,
        customer=_customer(getattr(one, "customer", None)),
        vehicle=_vehicle(one, vehicle),
        advisor=_advisor(one),
        transport=StarTransport(one.transport, one.transport.replace("_", " ").capitalize()),
        audit=StarAudit(one.created_at, one.updated_at),
        labor_operation_selections=[
            StarSelection(StarLaborOperation(job.work_type), job.concern if job.concern is not None else UNSET)
            for job in jobs
        ],
    )


def _customer(given: Any) -> StarCustomer | UnsetType:
    """The customer, where their name is known: the last word of it is the last name."""
    person = msgspec.convert(given, Person) if isinstance(given, dict) else given
    if person is None or not person.name:
        return UNSET
    first, _, last = person.name.rpartition(" ")
    methods = []
    if person.email is not None:
        methods.append(StarContactMethod("EMAIL", "OTHER", person.email))
    if person.phone is not None:
        methods.append(StarContactMethod("PHONE", "OTHER", person.phone))
    identifier = [StarIdentifier(person.contact_id, OURS)] if person.contact_id is not None else []
    return StarCustomer(StarName(first, last), methods, identifier)


def _vehicle(one: Any, vehicle: Any) -> StarVehicleView | UnsetType:
    named: dict[str, str] = {}
    if getattr(one, "asset_id", None) is not None:
        named["vehicle_identifier_key"] = one.asset_id
    if getattr(one, "vehicle_id", None) is not None:
        named["vehicle_key"] = one.vehicle_id
    if vehicle is not None:
        told = {name: getattr(vehicle, name, None) for name in _TOLD_OF_VEHICLES}
        named |= {name: value for name, value in told.items() if value is not None}
        if getattr(vehicle, "model_year", None) is not None:
            named["model_year"] = str(vehicle.model_year)
    return StarVehicleView(**named) if named else UNSET


def _advisor(one: Any) -> StarAdvisor | UnsetType:
    if one.kind == "TEST_DRIVE":
        return StarAdvisor(one.technician_id) if one.technician_id is not None else UNSET
    found = (each["resource_id"] for each in getattr(one, "reservations", ()) if each["role"] == "ADVISOR")
    advisor = next(found, None)
    return StarAdvisor(advisor) if advisor is not None else UNSET
