"""The demo world as rows of the record tables, batch by batch, each batch after those it refers to."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, time, timedelta
from typing import Any, NamedTuple

import msgspec

from inventory.vehicle_row import VehicleRow
from service.demo.attributes import ATTRIBUTES
from service.demo.catalogue import Variant
from service.demo.identity import uuid_text, uuid_texts, uuids
from service.demo.market import OWN_BRANDS
from service.demo.names import FAMILY_STEMS, FIRST_NAMES
from service.demo.network import Account, Location
from service.demo.stock_columns import StockColumns, rows
from service.demo.world import World

KEY_SYSTEM = "oem"
PRICED_GROUPS = 2  # whose cars have list, net and cost prices: the groups of the demo's users
PRICE_PARTS = {"LIST": 106, "NET": 93, "COST": 88}  # per cent of the advertised price
RESERVED_DAYS = 10

Row = tuple[Any, ...]


class Batch(NamedTuple):
    """Rows for one table."""

    table: str
    columns: tuple[str, ...]
    rows: list[Row]


def batch(table: str, columns: str, made: Iterable[Row]) -> Batch:
    """A batch whose columns are named in one text."""
    return Batch(table, tuple(columns.split()), list(made))


def json(value: object) -> str:
    """A value as the text of a jsonb column."""
    return msgspec.json.encode(value).decode()


def _keys(key: str) -> str:
    return json([{"system": KEY_SYSTEM, "key": key}])


def _address(of: Account | Location) -> str:
    return json(
        {"street": of.address, "city": of.city, "region": of.region, "postcode": of.postcode, "country": of.country}
    )


def accounts(made: Iterable[Account]) -> Batch:
    """Accounts, partners or customers."""
    return batch(
        "account",
        "id kind type name brands parent_account_id is_partner email phone address country time_zone locale "
        "external_keys",
        (
            (one.id, one.kind, one.type, one.name, list(one.brands), one.parent_id, one.is_partner, one.email,
             one.phone, _address(one), one.country, one.time_zone, "de" if one.country == "DE" else "en",
             _keys(one.code))
            for one in made
        ),
    )  # fmt: skip


def _engine(variant: Variant) -> str | None:
    if variant.displacement_l is None:
        return None
    return f"{variant.displacement_l:.1f} L {variant.cylinders}-cylinder"


def _attributes(variant: Variant) -> dict[str, object]:
    known = {
        "seats": variant.seats,
        "gears": variant.gears,
        "cylinders": variant.cylinders,
        "displacement_l": variant.displacement_l,
        "range_km": variant.electric_range_km,
        "tow_capacity_kg": variant.tow_capacity_kg,
        "litres_per_100_km": variant.litres_per_100_km,
        "kwh_per_100_km": variant.kwh_per_100_km,
        "epa_id": variant.epa_id,
        "carried_over": variant.carried_over,
    }
    return {name: value for name, value in known.items() if value is not None}


def foundation(world: World) -> Iterator[Batch]:
    """What everything else refers to: brands, sharing rules, partners, products, definitions and places."""
    seed = world.seed
    yield batch("brand", "id code name", ((uuid_text(seed, "brand", at), b, b) for at, b in enumerate(OWN_BRANDS)))
    yield batch(
        "sharing_rule",
        "id name record_type audience criteria status",
        (
            (uuid_text(seed, "sharing_rule", at), name, record_type, audience, json(criteria), "ACTIVE")
            for at, (name, record_type, audience, criteria) in enumerate(
                (
                    ("Dealers are known to everybody", "account", "PUBLIC", {"type": "DEALER"}),
                    ("Dealer groups are known to the network", "account", "NETWORK", {"type": "DEALER_GROUP"}),
                    ("The manufacturer is known to everybody", "account", "PUBLIC", {"type": "OEM"}),
                    ("Models are known to everybody", "product", "PUBLIC", {"type": "VEHICLE_MODEL"}),
                )
            )
        ),
    )
    yield _attribute_definitions(world)
    yield accounts(world.accounts)
    yield _products(world)
    yield batch(
        "vehicle_definition",
        "id product_id brand make model model_year trim model_code body_style drivetrain fuel_type transmission "
        "door_count engine_name attributes",
        (
            (one.id, world.products.get((one.make, one.model)), one.brand, one.make, one.model, one.model_year,
             one.trim, one.model_code, one.body_style, one.drivetrain, one.fuel_type, one.transmission, one.doors,
             _engine(one), json(_attributes(one)))
            for one in world.variants
        ),
    )  # fmt: skip
    yield batch(
        "location",
        "id code name kind latitude longitude postcode country address time_zone parent_location_id account_id",
        (
            (one.id, one.code, one.name, one.kind, one.latitude, one.longitude, one.postcode, one.country,
             _address(one), one.time_zone, one.parent_location_id, one.account_id)
            for one in world.locations
        ),
    )  # fmt: skip


def _attribute_definitions(world: World) -> Batch:
    return batch(
        "attribute_definition",
        "id code labels data_type choices unit applies_to is_facet",
        (
            (uuid_text(world.seed, "attribute_definition", at), one.code, json({"en": one.en, "de": one.de}),
             one.data_type, json([{"value": value} for value in one.choices]), one.unit, ["VEHICLE_MODEL"],
             one.is_facet)
            for at, one in enumerate(ATTRIBUTES)
        ),
    )  # fmt: skip


def _products(world: World) -> Batch:
    last_built: dict[tuple[str, str], int] = {}
    for variant in world.variants:
        key = (variant.make, variant.model)
        last_built[key] = max(last_built.get(key, 0), variant.model_year)
    return batch(
        "product",
        "id code name type brand is_serialized status",
        (
            (id_, re.sub(r"[^A-Z0-9]+", "-", f"{make} {model}".upper()), f"{make} {model}", "VEHICLE_MODEL", make, True,
             "ACTIVE" if last_built[make, model] >= world.as_of.year else "DISCONTINUED")
            for (make, model), id_ in world.products.items()
        ),
    )  # fmt: skip


def stock(world: World, columns: StockColumns) -> Iterator[Batch]:
    """The vehicles of a batch of stock, their open stock entries and, for some, the prices not everybody sees."""
    made = list(rows(columns))
    entry_ids = uuid_texts(uuids(world.seed, "stock_entry", columns.ordinal))
    definitions = [world.variants[at].id for at in columns.variant.tolist()]
    yield batch(
        "vehicle",
        "id listing_number vin registration_number definition_id dealer_account_id brand make model trim model_year "
        "model_code body_style drivetrain fuel_type transmission exterior_color interior_color condition "
        "odometer_value odometer_unit odometer_status odometer_km options attributes audience",
        (
            (row.id, row.listing_number, row.vin, row.registration_number, definition, row.dealer_account_id, row.brand,
             row.make, row.model, row.trim, row.model_year, row.model_code, row.body_style, row.drivetrain,
             row.fuel_type, row.transmission, row.exterior_color, row.interior_color, row.condition, row.odometer_value,
             row.odometer_unit, row.odometer_status, row.odometer_km, list(row.options), json(row.attributes),
             _audience(row))
            for row, definition in zip(made, definitions, strict=True)
        ),
    )  # fmt: skip
    yield batch(
        "stock_entry",
        "id vehicle_id dealer_account_id location_id brand stock_number status holds visibility available_on "
        "price_minor price_currency price_tax in_stock_since reserved_for reserved_until_at",
        (
            (entry, row.id, row.dealer_account_id, row.location_id, row.brand, row.stock_number, row.status,
             list(row.holds), row.visibility, row.available_on, row.price_minor, row.price_currency, row.price_tax,
             row.in_stock_since, *_reservation(world, row, ordinal))
            for row, entry, ordinal in zip(made, entry_ids, columns.ordinal.tolist(), strict=True)
        ),
    )  # fmt: skip
    priced = {group.id for group in world.network.groups[:PRICED_GROUPS]}
    yield batch(
        "stock_price",
        "id stock_entry_id dealer_account_id kind price_minor price_currency",
        (
            (uuid_text(world.seed, "stock_price", ordinal * len(PRICE_PARTS) + at), entry, row.dealer_account_id, kind,
             row.price_minor * part // 100, row.price_currency)
            for row, entry, ordinal in zip(made, entry_ids, columns.ordinal.tolist(), strict=True)
            if row.group_account_id in priced and row.price_minor is not None
            for at, (kind, part) in enumerate(PRICE_PARTS.items())
        ),
    )  # fmt: skip


def _audience(row: VehicleRow) -> int:
    """The code that the open stock entry's own column works out: 2 everybody, 1 the network, 0 its dealer."""
    return 2 if row.offered else int(row.visibility != "OWN_GROUP")


def _reservation(world: World, row: VehicleRow, ordinal: int) -> tuple[str | None, datetime | None]:
    if row.status != "RESERVED":
        return None, None
    until = datetime.combine(world.as_of, time(18), UTC) + timedelta(days=1 + ordinal % RESERVED_DAYS)
    return f"{FIRST_NAMES[ordinal % len(FIRST_NAMES)]} {FAMILY_STEMS[ordinal % len(FAMILY_STEMS)]}", until
