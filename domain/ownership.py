"""Customers claim their car by its VIN and a proof, and never learn whether the VIN is known.

Two proofs count: the registration number beside the whole VIN, or a code that a dealer has printed for this car beside
at least the last eight characters of the VIN. Every claim is answered alike and settled afterwards. Without an owner
the claimant becomes it; where there is one, or the car stands in stock, a service agent decides.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from datetime import timedelta
from typing import Annotated, Any, Literal

import msgspec
import structlog

from domain.kit.errors import AlreadyExists, Forbidden, Invalid
from domain.kit.fields import Ref
from domain.kit.periodic import periodic
from domain.kit.record import Record, entity, states
from domain.kit.rows import staff_only
from domain.kit.store import Context
from domain.kit.values import Digest, Privacy
from inventory.records import Asset, AssetAccountParticipant, AssetContactParticipant, StockEntry, Vehicle
from inventory.vin import LENGTH, LETTERS_AND_DIGITS, normal_vin

log = structlog.get_logger("forecourt.ownership")
CODE_LASTS = timedelta(days=30)
CLAIM_LASTS = timedelta(days=30)
_SHORTEST = 8
_LETTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
_CODE_LENGTH = 12
_AT_ONCE = 500


@entity(
    "vehicle_claim",
    rows=staff_only(),
    grants={"SERVICE_AGENT": "r"},
    title="claim of {vin}",
    person="contact_id",
    states=states("status", "RECEIVED REVIEW MATCHED DECLINED EXPIRED"),
    without="create update delete bulk import by-key export",
    indexes=("status, created_at where status in ('RECEIVED', 'REVIEW')", "user_id, created_at"),
    checks={"proof": "(registration_number is null) <> (code_hash is null)"},
)
class VehicleClaim(Record, kw_only=True):
    """A customer's word that a car is theirs, with the proof given; kept from the customer until it has an effect."""

    user_id: Annotated[str, Ref("user")]
    account_id: Annotated[str, Ref("account")]
    contact_id: Annotated[str, Ref("contact")]
    vin: Annotated[str, msgspec.Meta(min_length=_SHORTEST, max_length=LENGTH), Privacy.PERSONAL]
    registration_number: Annotated[str | None, Privacy.PERSONAL] = None
    code_hash: Annotated[Digest | None, Privacy.SECRET] = None
    vehicle_id: Annotated[str | None, Ref("vehicle")] = None
    status: str = "RECEIVED"


class ClaimCode(msgspec.Struct):
    """What the dealer prints and hands over; shown this one time."""

    claim_code: str
    valid_days: int


class Claim(msgspec.Struct, forbid_unknown_fields=True):
    """The VIN as printed on the car or its papers, and one proof."""

    vin: Annotated[str, msgspec.Meta(min_length=_SHORTEST, max_length=30)]
    registration_number: Annotated[str, msgspec.Meta(min_length=1, max_length=20)] | None = None
    claim_code: Annotated[str, msgspec.Meta(min_length=1, max_length=30)] | None = None


def _bare(text: str) -> str:
    """A registration number or code as it compares: letters and digits alone."""
    return re.sub(r"[\W_]", "", text).upper()


def _code_hash(code: str) -> str:
    return hashlib.sha256(_bare(code).encode()).hexdigest()


_ISSUERS = "SALES SALES_MANAGER SERVICE_ADVISOR SERVICE_MANAGER GROUP_MANAGER SERVICE_AGENT ADMIN"


@Vehicle.command("issue_claim_code", by=_ISSUERS, shown_once=True)
async def issue_claim_code(ctx: Context, vehicle: Vehicle) -> ClaimCode:
    """Make a code by which the car's owner claims it; the dealer prints it and hands it over."""
    if vehicle.vin is None:
        raise Invalid("A car without VIN cannot be claimed")
    if ctx.principal.persona == "PARTNER" and vehicle.dealer_account_id not in ctx.principal.units:
        serves = await ctx.db.fetchval("select $1 = any(app.related())", vehicle.owner_account_id)
        if not serves:
            raise Forbidden("You neither hold this car nor serve its owner")
    code = "".join(secrets.choice(_LETTERS) for _ in range(_CODE_LENGTH))
    async with ctx.elevated():
        await ctx.db.execute(
            "insert into vehicle_claim_code (code_hash, vehicle_id, made_by, expires_at) values ($1, $2, $3, $4)",
            _code_hash(code),
            vehicle.id,
            ctx.principal.name,
            ctx.now + CODE_LASTS,
        )
    return ClaimCode("-".join(code[at : at + 4] for at in range(0, _CODE_LENGTH, 4)), CODE_LASTS.days)


async def receive(ctx: Context, data: Claim) -> VehicleClaim:
    """Write down what a customer claims. Invalid by the form of the claim alone, never by what is known."""
    vin = normal_vin(data.vin)
    if len(vin) > LENGTH or set(vin) - LETTERS_AND_DIGITS:
        raise Invalid.at("/vin", "is neither a VIN nor its end")
    if (data.registration_number is None) == (data.claim_code is None):
        raise Invalid.at("/registration_number", "is given, or claim_code is: one of them")
    if data.claim_code is None and len(vin) != LENGTH:
        raise Invalid.at("/vin", f"has all its {LENGTH} characters beside a registration number")
    async with ctx.elevated():
        return await ctx.create(
            VehicleClaim,
            user_id=ctx.principal.user_id,
            account_id=ctx.principal.account_id,
            contact_id=ctx.principal.contact_id,
            vin=vin,
            registration_number=_bare(data.registration_number) or "-" if data.registration_number else None,
            code_hash=_code_hash(data.claim_code) if data.claim_code else None,
        )


async def settle(ctx: Context, claim_id: str) -> None:
    """Hold a claim that waits against what is known now."""
    async with ctx.elevated():
        claim = await ctx.get(VehicleClaim, claim_id, lock=True)
        if claim.status != "RECEIVED":
            return
        vehicle = await _proven(ctx, claim)
        if vehicle is None:
            if claim.created_at + CLAIM_LASTS < ctx.now:
                await ctx.update(claim, event="expired", status="EXPIRED")
            return
        if await _is_disputed(ctx, claim, vehicle):
            await ctx.update(claim, event="disputed", status="REVIEW", vehicle_id=vehicle.id)
            return
        try:
            async with ctx.savepoint():
                await _take_over(ctx, claim, vehicle)
        except AlreadyExists:  # somebody else became the owner at the same moment
            await ctx.update(claim, event="disputed", status="REVIEW", vehicle_id=vehicle.id)
            return
        await ctx.update(claim, event="matched", status="MATCHED", vehicle_id=vehicle.id)
        if claim.code_hash:
            await ctx.db.execute(
                "update vehicle_claim_code set used_at = app.moment() where code_hash = $1", claim.code_hash
            )


async def _proven(ctx: Context, claim: VehicleClaim) -> Vehicle | None:
    if claim.code_hash is not None:
        vehicle_id = await ctx.db.fetchval(
            "select vehicle_id from vehicle_claim_code "
            "where code_hash = $1 and used_at is null and expires_at > app.moment() for update",
            claim.code_hash,
        )
        found = await ctx.find(Vehicle, vehicle_id) if vehicle_id else None
        return found if found is not None and (found.vin or "").endswith(claim.vin) else None
    for found in await ctx.where(Vehicle, "vin = $1", claim.vin):
        if found.registration_number and _bare(found.registration_number) == claim.registration_number:
            return found
    return None


async def _owners(ctx: Context, vehicle: Vehicle) -> list[AssetAccountParticipant]:
    if vehicle.asset_id is None:
        return []
    condition = "asset_id = $1 and role = 'OWNER' and (ends_on is null or ends_on > app.today())"
    return await ctx.where(AssetAccountParticipant, condition, vehicle.asset_id, lock=True)


async def _is_disputed(ctx: Context, claim: VehicleClaim, vehicle: Vehicle) -> bool:
    if any(owner.account_id != claim.account_id for owner in await _owners(ctx, vehicle)):
        return True
    if claim.code_hash is not None:  # the dealer who holds the car has vouched
        return False
    return bool(await ctx.where(StockEntry, "vehicle_id = $1 and left_on is null", vehicle.id))


async def _take_over(ctx: Context, claim: VehicleClaim, vehicle: Vehicle) -> None:
    today = ctx.now.date()
    asset_id = vehicle.asset_id
    if asset_id is None:
        words = (str(vehicle.model_year or ""), vehicle.make, vehicle.model or "")
        name = " ".join(filter(None, words))
        made = await ctx.create(Asset, name=name, serial_number=vehicle.vin, brand=vehicle.brand)
        asset_id = made.id
    whose: dict[str, Any] = {"account_id": claim.account_id, "contact_id": claim.contact_id}
    if not await _owners(ctx, msgspec.structs.replace(vehicle, asset_id=asset_id)):
        account = {"asset_id": asset_id, "account_id": claim.account_id}
        await ctx.create(AssetAccountParticipant, **account, role="OWNER", starts_on=today)
    takes_part = await ctx.where(
        AssetContactParticipant,
        "asset_id = $1 and contact_id = $2 and role = 'OWNER' and ends_on is null",
        asset_id,
        claim.contact_id,
    )
    if not takes_part:
        await ctx.create(AssetContactParticipant, asset_id=asset_id, **whose, role="OWNER", starts_on=today)
    await ctx.update(await ctx.get(Asset, asset_id), **whose)
    await ctx.update(vehicle, asset_id=asset_id, owner_account_id=claim.account_id)


class Decision(msgspec.Struct, forbid_unknown_fields=True):
    """Why a claim is decided so."""

    reason: Literal["SOLD", "INHERITED", "MISTAKE", "NOT_PROVEN", "OTHER"] = "OTHER"


@VehicleClaim.command("approve", move="REVIEW > MATCHED", by="SERVICE_AGENT ADMIN")
async def approve(ctx: Context, claim: VehicleClaim, data: Decision) -> None:
    """The claimant is the owner from today on; whoever was it before is so no longer."""
    async with ctx.elevated():
        vehicle = await ctx.get(Vehicle, claim.vehicle_id or "", lock=True)
        today = ctx.now.date()
        for owner in await _owners(ctx, vehicle):
            if owner.account_id != claim.account_id:
                await ctx.update(owner, ends_on=max(today, owner.starts_on))
                people = "asset_id = $1 and account_id = $2 and ends_on is null"
                for person in await ctx.where(AssetContactParticipant, people, vehicle.asset_id, owner.account_id):
                    await ctx.update(person, ends_on=max(today, person.starts_on))
        await _take_over(ctx, claim, vehicle)


@VehicleClaim.command("decline", move="REVIEW > DECLINED", by="SERVICE_AGENT ADMIN")
async def decline(ctx: Context, claim: VehicleClaim, data: Decision) -> None:
    """Nothing changes for anybody."""


@periodic("settle_vehicle_claims", "*/10 * * * *")
async def settle_waiting(ctx: Context) -> None:
    """Claims that wait are held again against what is known: a car may have been taken in since."""
    promising = (
        "id in (select id from vehicle_claim c where status = 'RECEIVED' and (created_at < $1 "
        "or code_hash in (select code_hash from vehicle_claim_code where used_at is null) "
        "or vin in (select vin from vehicle v where v.vin = c.vin)) order by created_at, id limit $2)"
    )
    for claim in await ctx.where(VehicleClaim, promising, ctx.now - CLAIM_LASTS, _AT_ONCE):
        async with ctx.savepoint():
            await settle(ctx, claim.id)
