"""Products, vehicle definitions, vehicles with their assets and people, stock entries and locations."""

from __future__ import annotations

from typing import Annotated, Literal

from domain.kit.fields import Fixed, Ref, Series, Unlisted, reads, writes
from domain.kit.money import Money
from domain.kit.record import KEPT, Record, entity, states
from domain.kit.rows import assets, everyone, group, own, related, shared
from domain.kit.values import (
    Address,
    Code,
    Count,
    Country,
    Day,
    Instant,
    Label,
    Latitude,
    Longitude,
    Postcode,
    Privacy,
    Text,
    TimeZone,
    Url,
    Year,
)

Attributes = dict[str, str | bool | int | float]
Condition = Literal["NEW", "CERTIFIED", "USED", "DEMO", "SALVAGE"]
StockStatus = Literal["ON_ORDER", "IN_TRANSIT", "IN_STOCK", "RESERVED", "SOLD", "IN_SERVICE", "RETIRED"]
Hold = Literal["RECALL", "QUALITY", "DAMAGE", "PREPARATION", "TITLE"]
Visibility = Literal["OWN_GROUP", "NETWORK", "PUBLIC"]

CATALOGUE_GRANTS = {
    "GUEST": "r",
    "CUSTOMER": "r",
    "PARTNER": "r",
    "STAFF": "r",
    "SYSTEM": "r",
    "PRODUCT_MANAGER": "cru",
    "catalogue.sync": "cru",
}
SELLERS = {"SALES": "cru", "SALES_MANAGER": "cru", "GROUP_MANAGER": "cru"}
NOT_FOR_THE_PUBLIC = "PARTNER STAFF SYSTEM"

PUBLIC_STATUSES = ("ON_ORDER", "IN_TRANSIT", "IN_STOCK", "RESERVED")
AUDIENCE_OF_STOCK = (
    "case when left_on is not null then 0 "
    "when visibility = 'PUBLIC' and holds = '{}' "
    "and status in ('ON_ORDER', 'IN_TRANSIT', 'IN_STOCK', 'RESERVED') then 2 "
    "when visibility in ('NETWORK', 'PUBLIC') then 1 else 0 end"
)


@entity(
    "product",
    rows=shared(),
    grants=CATALOGUE_GRANTS,
    title="{name}",
    search=("code", "name"),
    unique=("code",),
    brand="brand",
    states=states("status", "DRAFT ACTIVE DISCONTINUED"),
    moves={"activate": "DRAFT | DISCONTINUED > ACTIVE", "discontinue": "ACTIVE > DISCONTINUED"},
)
class Product(Record, kw_only=True):
    """What is sold: a vehicle model, a part, an accessory, a service or a financial product."""

    code: Annotated[Code, Fixed()]
    name: Label
    type: Literal["VEHICLE_MODEL", "PART", "ACCESSORY", "SERVICE", "FINANCIAL"]
    brand: Code | None = None
    is_serialized: bool = False
    attributes: Attributes = {}
    available_from_on: Day | None = None
    discontinued_on: Day | None = None
    status: str = "DRAFT"


@entity(
    "vehicle_definition",
    rows=everyone(),
    grants=CATALOGUE_GRANTS,
    title="{model_year} {make} {model} {trim}",
    search=("make", "model", "model_code"),
    unique=("model_code where model_code is not null",),
    indexes=("make, model, model_year",),
)
class VehicleDefinition(Record, kw_only=True):
    """A model as built: make, model, year, trim and what follows from them."""

    product_id: Annotated[str | None, Ref("product")] = None
    brand: Code | None = None
    make: Label
    model: Label
    model_year: Year
    trim: Label | None = None
    model_code: Code | None = None
    body_style: Label | None = None
    drivetrain: Label | None = None
    fuel_type: Label | None = None
    transmission: Label | None = None
    door_count: Count | None = None
    engine_name: Label | None = None
    attributes: Attributes = {}


@entity(
    "location",
    rows=everyone() | own("account_id").to("PARTNER"),
    grants={
        "CUSTOMER": "r",
        "PARTNER": "r",
        "GROUP_MANAGER": "cru",
        "STAFF": "r",
        "DISTRIBUTION": "cru",
        "SYSTEM": "r",
        "inventory.sync": "cru",
    },
    title="{name}",
    search=("code", "name", "postcode"),
    unique=("code",),
    checks={
        "point": "(latitude is null) = (longitude is null)",
        "latitude": "latitude between -90 and 90",
        "longitude": "longitude between -180 and 180",
        "no_own_parent": "parent_location_id <> id",
    },
)
class Location(Record, kw_only=True):
    """A place where vehicles and parts stand; without a point it is within no radius."""

    code: Code
    name: Label
    kind: Literal["PLANT", "PORT", "DISTRIBUTION_CENTER", "HUB", "DEALER_LOT", "SERVICE_CENTER", "WAREHOUSE"]
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    postcode: Postcode | None = None
    country: Country | None = None
    address: Annotated[Address | None, Privacy.NONE] = None
    time_zone: TimeZone = "UTC"
    parent_location_id: Annotated[str | None, Ref("location")] = None
    account_id: Annotated[str | None, Ref("account"), Fixed()] = None


@entity(
    "asset",
    rows=own("account_id") | assets("id") | related("account_id") | shared(),
    grants={
        "GUEST": "r",
        "CUSTOMER": "r",
        "PARTNER": "r",
        "SERVICE_ADVISOR": "cru",
        **SELLERS,
        "STAFF": "r",
        "SERVICE_AGENT": "cru",
        "PRODUCT_MANAGER": "cru",
        "SYSTEM": "r",
        "assets.sync": "cru",
    },
    title="{name}",
    search=("name", "serial_number"),
    brand="brand",
    checks={"no_own_parent": "parent_asset_id <> id"},
)
class Asset(Record, kw_only=True):
    """A thing somebody owns and has serviced: a vehicle, or a part or accessory fitted to one."""

    name: Label
    serial_number: Annotated[Code | None, reads("CUSTOMER PARTNER STAFF SYSTEM")] = None
    product_id: Annotated[str | None, Ref("product")] = None
    brand: Code | None = None
    parent_asset_id: Annotated[str | None, Ref("asset")] = None
    account_id: Annotated[str | None, Ref("account"), reads("CUSTOMER PARTNER STAFF SYSTEM")] = None
    contact_id: Annotated[str | None, Ref("contact"), reads("CUSTOMER PARTNER STAFF SYSTEM")] = None
    manufactured_on: Day | None = None
    purchased_on: Annotated[Day | None, reads("CUSTOMER PARTNER STAFF SYSTEM")] = None
    installed_on: Day | None = None
    is_active: bool = True


_PARTICIPANT_GRANTS = {
    "CUSTOMER": "r",
    "PARTNER": "r",
    "SERVICE_ADVISOR": "cru",
    "SALES": "cru",
    "SALES_MANAGER": "cru",
    "STAFF": "r",
    "SERVICE_AGENT": "cru",
    "SYSTEM": "r",
    "assets.sync": "cru",
}


@entity(
    "asset_account_participant",
    rows=own("account_id") | assets("asset_id") | related("account_id"),
    grants=_PARTICIPANT_GRANTS,
    title="{role}",
    unique=("asset_id where role = 'OWNER' and ends_on is null",),
    indexes=("account_id, starts_on",),
    checks={"dates": "ends_on is null or ends_on >= starts_on"},
)
class AssetAccountParticipant(Record, kw_only=True):
    """What an account is to an asset from a day until a day; at most one is its owner at a time."""

    asset_id: Annotated[str, Ref("asset"), Fixed()]
    account_id: Annotated[str, Ref("account"), Fixed()]
    role: Annotated[Literal["OWNER", "CO_OWNER", "LESSEE", "LIENHOLDER", "SERVICING_DEALER", "SELLING_DEALER"], Fixed()]
    usage: Literal["PRIVATE", "COMPANY", "RENTAL", "TAXI", "OTHER"] | None = None
    starts_on: Day
    ends_on: Day | None = None


@entity(
    "asset_contact_participant",
    rows=own("account_id") | assets("asset_id") | related("account_id"),
    grants=_PARTICIPANT_GRANTS,
    title="{role}",
    person="contact_id",
    indexes=("contact_id, starts_on",),
    checks={"dates": "ends_on is null or ends_on >= starts_on"},
)
class AssetContactParticipant(Record, kw_only=True):
    """What a person is to an asset; `account_id` is the person's account."""

    asset_id: Annotated[str, Ref("asset"), Fixed()]
    contact_id: Annotated[str, Ref("contact"), Fixed()]
    account_id: Annotated[str, Ref("account"), Fixed()]
    role: Annotated[Literal["OWNER", "DRIVER", "CO_OWNER", "LESSEE", "CONTACT"], Fixed()]
    starts_on: Day
    ends_on: Day | None = None


@entity(
    "asset_milestone",
    rows=own("account_id") | assets("asset_id") | related("account_id") | shared(),
    grants={
        "GUEST": "r",
        "CUSTOMER": "r",
        "PARTNER": "r",
        "SERVICE_ADVISOR": "cr",
        "SALES": "cr",
        "STAFF": "r",
        "SERVICE_AGENT": "cr",
        "SYSTEM": "r",
        "assets.sync": "cr",
    },
    title="{type}",
    without="update delete",
    unique=("asset_id, type, stage",),
    brand="brand",
)
class AssetMilestone(Record, kw_only=True):
    """A dated event in the life of an asset; appended, never changed."""

    asset_id: Annotated[str, Ref("asset")]
    account_id: Annotated[str | None, Ref("account"), reads("CUSTOMER PARTNER STAFF SYSTEM")] = None
    brand: Code | None = None
    type: Literal[
        "BUILT", "SHIPPED", "RECEIVED", "SOLD", "REGISTERED", "FIRST_SERVICE", "RECALL_DONE", "ACCIDENT", "LEASE_START",
        "LEASE_END", "TITLE_TRANSFERRED",
    ]  # fmt: skip
    stage: Code = "DONE"
    on: Day
    location_id: Annotated[str | None, Ref("location")] = None
    is_verified: bool = False


@entity(
    "vehicle",
    rows=own("dealer_account_id").to("PARTNER")
    | group("dealer_account_id")
    | assets("asset_id")
    | related("owner_account_id")
    | shared(),
    grants={
        "GUEST": "r",
        "CUSTOMER": "r",
        "PARTNER": "r",
        **SELLERS,
        "STAFF": "r",
        "DISTRIBUTION": "cru",
        "PRODUCT_MANAGER": "cru",
        "SYSTEM": "r",
        "inventory.sync": "cru",
    },
    title="{model_year} {make} {model}",
    search=("make", "model", "vin", "listing_number"),
    brand="brand",
    audience=KEPT,
    without="list get create update delete bulk import export by-key",
    unique=("vin where vin is not null", "asset_id where asset_id is not null"),
    indexes=("definition_id",),
)
class Vehicle(Record, kw_only=True):
    """The physical car. What it stands for in somebody's stock is its open stock entry."""

    listing_number: Annotated[str, Series("V-", 8)]
    vin: Annotated[str | None, reads(f"CUSTOMER {NOT_FOR_THE_PUBLIC}", NOT_FOR_THE_PUBLIC), Privacy.PERSONAL] = None
    registration_number: Annotated[
        str | None, reads(f"CUSTOMER {NOT_FOR_THE_PUBLIC}", NOT_FOR_THE_PUBLIC), Privacy.PERSONAL
    ] = None
    definition_id: Annotated[str | None, Ref("vehicle_definition")] = None
    asset_id: Annotated[str | None, Ref("asset"), reads(f"CUSTOMER {NOT_FOR_THE_PUBLIC}")] = None
    owner_account_id: Annotated[str | None, Ref("account"), reads(f"CUSTOMER {NOT_FOR_THE_PUBLIC}")] = None
    dealer_account_id: Annotated[str | None, Ref("account"), writes()] = None
    brand: Code | None = None
    make: Label
    model: Label | None = None
    trim: Label | None = None
    model_year: Year | None = None
    model_code: Code | None = None
    body_style: Label | None = None
    drivetrain: Label | None = None
    fuel_type: Label | None = None
    transmission: Label | None = None
    exterior_color: Label | None = None
    interior_color: Label | None = None
    condition: Condition
    odometer_value: Count | None = None
    odometer_unit: Literal["KM", "MI"] | None = None
    odometer_status: Literal["ACTUAL", "NOT_ACTUAL", "EXCEEDS", "REPLACED"] | None = None
    odometer_km: Count | None = None
    options: list[Label] = []
    attributes: Attributes = {}
    photos: list[Url] = []
    raw: Annotated[dict[str, str], Unlisted(), reads(NOT_FOR_THE_PUBLIC, "STAFF SYSTEM")] = {}


@entity(
    "stock_entry",
    route="stock-entries",
    rows=own("dealer_account_id").to("PARTNER") | group("dealer_account_id") | shared(),
    grants={
        "GUEST": "v",
        "CUSTOMER": "v",
        "PARTNER": "r",
        **SELLERS,
        "STAFF": "r",
        "DISTRIBUTION": "cru",
        "SYSTEM": "r",
        "inventory.sync": "cru",
    },
    title="{stock_number}",
    search=("stock_number",),
    brand="brand",
    without="delete create bulk import",
    audience=AUDIENCE_OF_STOCK,
    triggers={
        "place": "after insert or update or delete app.place_vehicle()",
        "told": "after insert or update app.tell_movement()",
    },
    unique=("vehicle_id where left_on is null", "location_id, stock_number where left_on is null"),
    indexes=(
        "vehicle_id, created_at desc",
        "location_id, status",
        "reserved_until_at where left_on is null and status = 'RESERVED'",
        "transfer_order_id where transfer_order_id is not null",
    ),
    checks={"dates": "left_on is null or left_on >= in_stock_since", "price_positive": "price_minor >= 0"},
)
class StockEntry(Record, kw_only=True):
    """A vehicle's stay in one account's stock: from `in_stock_since` until `left_on`."""

    vehicle_id: Annotated[str, Ref("vehicle"), Fixed()]
    dealer_account_id: Annotated[str | None, Ref("account"), Fixed()] = None
    location_id: Annotated[str | None, Ref("location")] = None
    brand: Annotated[Code | None, writes()] = None
    stock_number: Label | None = None
    status: Annotated[StockStatus, writes()] = "IN_STOCK"
    holds: list[Hold] = []
    visibility: Visibility = "PUBLIC"
    available_on: Day | None = None
    price: Money | None = None
    price_tax: Literal["INCLUDED", "EXCLUDED", "MARGIN_SCHEME"] | None = None
    in_stock_since: Day
    left_on: Annotated[Day | None, writes()] = None
    reserved_for: Annotated[str | None, reads("PARTNER STAFF SYSTEM"), writes(), Privacy.PERSONAL] = None
    reserved_until_at: Annotated[Instant | None, reads("PARTNER STAFF SYSTEM"), writes()] = None
    transfer_order_id: Annotated[str | None, Ref("vehicle_transfer_order"), reads("PARTNER STAFF SYSTEM"), writes()] = (
        None
    )
    """The order by which the car is under way, or has left this stock."""


@entity(
    "stock_price",
    rows=own("dealer_account_id").to("PARTNER"),
    grants={"SALES_MANAGER": "cru", "GROUP_MANAGER": "cru", "FINANCE": "r", "inventory.sync": "cru"},
    title="{kind}",
    unique=("stock_entry_id, kind",),
    without="bulk import",
)
class StockPrice(Record, kw_only=True):
    """A price that not every reader of the stock entry may see."""

    stock_entry_id: Annotated[str, Ref("stock_entry"), Fixed()]
    dealer_account_id: Annotated[str, Ref("account"), Fixed()]
    kind: Annotated[Literal["LIST", "NET", "COST"], Fixed()]
    price: Money


@entity(
    "column_mapping",
    rows=everyone(),
    grants={"PARTNER": "r", "STAFF": "r", "DISTRIBUTION": "crud", "SYSTEM": "r", "inventory.sync": "crud"},
    title="{name}",
    unique=("name",),
    without="import export bulk",
)
class ColumnMapping(Record, kw_only=True):
    """How the columns of some source become our properties; used by `import` under its name."""

    name: Annotated[Code, Fixed()]
    description: Text | None = None
    mapping: dict[str, object]


@entity(
    "value_alias",
    rows=everyone(),
    grants={"PARTNER": "r", "STAFF": "r", "PRODUCT_MANAGER": "crud", "SYSTEM": "r", "inventory.sync": "crud"},
    title="{value}",
    unique=("field, alias, locale",),
    indexes=("field, value",),
)
class ValueAlias(Record, kw_only=True):
    """Another way to write a value: `Schwarz` for the exterior colour `Black`."""

    field: Annotated[Code, Fixed()]
    alias: Annotated[Label, Fixed()]
    value: Label
    locale: Annotated[str, Fixed()] = ""


@entity(
    "vehicle_import",
    rows=own("account_id"),
    grants={"PARTNER": "r", "STAFF": "r", "DISTRIBUTION": "r", "SYSTEM": "r"},
    title="{mapping}",
    states=states("status", "RUNNING SUCCEEDED FAILED"),
    without="create update delete bulk import",
)
class VehicleImport(Record, kw_only=True):
    """One run of the vehicle import and what became of its rows."""

    number: Annotated[str, Series("IMP-", 6)]
    account_id: Annotated[str | None, Ref("account")] = None
    mapping: Code = "default"
    mode: Literal["UPSERT", "SNAPSHOT"] = "UPSERT"
    status: str = "RUNNING"
    received: Count = 0
    created: Count = 0
    updated: Count = 0
    unchanged: Count = 0
    superseded: Count = 0
    rejected: Count = 0
    closed: Count = 0
    warnings: Count = 0
