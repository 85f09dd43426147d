"""The catalogue of product attributes: what a code means, in words and by type; what is known is held to it.

Attributes are data: a new one becomes a criterion and a facet (`attributes.<code>`) of every index that follows the
feed. Whoever makes or changes a product, a definition or a vehicle is held to the catalogue. A code that it does not
know is kept, and so is whatever an import brings: a dealer's file names what the catalogue has not got yet.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from domain.kit.errors import FieldError, Invalid
from domain.kit.events import on
from domain.kit.fields import Fixed
from domain.kit.record import Record, entity
from domain.kit.rows import everyone
from domain.kit.store import Context
from domain.kit.values import Day, Label, Locale, exactly
from inventory.criteria import pointer
from inventory.records import CATALOGUE_GRANTS, Attributes, Product, Vehicle, VehicleDefinition

AttributeCode = Annotated[str, exactly("[a-z][a-z0-9_]{0,62}", "as in attributes.<code>")]
ProductType = Literal["VEHICLE_MODEL", "PART", "ACCESSORY", "SERVICE", "FINANCIAL"]
Labels = Annotated[dict[Locale, Label], Meta(max_length=50)]
"""A text by language."""


class AttributeChoice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One value that an attribute of the type CHOICE may have."""

    value: Label
    labels: Labels = {}


@entity(
    "attribute_definition",
    rows=everyone(),
    grants={**CATALOGUE_GRANTS, "GUEST": "v"},
    title="{code}",
    unique=("code",),
    checks={
        "choices": "(data_type = 'CHOICE') = (choices <> '[]')",
        "unit": "unit is null or data_type = 'NUMBER'",
        "discontinued_on": "discontinued_on is null or discontinued_on > coalesce(available_from_on, '-infinity')",
    },
)
class AttributeDefinition(Record, kw_only=True):
    """What an attribute of products and vehicles means; guests meet it in searches alone."""

    code: Annotated[AttributeCode, Fixed()]
    labels: Labels = {}
    data_type: Annotated[Literal["TEXT", "NUMBER", "BOOLEAN", "CHOICE"], Fixed()]
    choices: Annotated[list[AttributeChoice], Meta(max_length=500)] = []
    unit: Label | None = None
    applies_to: list[ProductType] = []
    """Types of products; empty: all. Vehicles and their definitions count as models."""
    is_facet: bool = True
    """Whether pages for people offer it as a facet; a search may ask for the facet of any attribute."""
    available_from_on: Day | None = None
    discontinued_on: Day | None = None

    def holds_on(self, day: date) -> bool:
        """Whether the definition is in force."""
        begun = self.available_from_on is None or self.available_from_on <= day
        return begun and (self.discontinued_on is None or day < self.discontinued_on)

    def fault(self, value: str | bool | int | float, product_type: str) -> str | None:
        """What is wrong with a value of a product of that type, if anything."""
        if self.applies_to and product_type not in self.applies_to:
            return f"is an attribute of {', '.join(self.applies_to)}, not of {product_type}"
        if self.data_type == "BOOLEAN":
            return None if isinstance(value, bool) else "is true or false"
        if self.data_type == "NUMBER":
            return None if isinstance(value, int | float) and not isinstance(value, bool) else "is a number"
        if not isinstance(value, str):
            return "is a text"
        if self.data_type == "CHOICE" and value not in (choice.value for choice in self.choices):
            return f"is one of {', '.join(choice.value for choice in self.choices[:20])}"
        return None


async def conform(ctx: Context, attributes: Attributes, product_type: str) -> None:
    """Hold attributes to the definitions in force; Invalid names every value that has the wrong type."""
    if not attributes:
        return
    known = await ctx.where(AttributeDefinition, "code = any($1::text[])", sorted(attributes))
    today = ctx.now.date()
    faults = [
        FieldError(pointer("attributes", one.code), fault)
        for one in known
        if one.holds_on(today) and (fault := one.fault(attributes[one.code], product_type)) is not None
    ]
    if faults:
        raise Invalid("Some attributes are not what the catalogue says", errors=faults)


@on("attribute_definition.created")
@on("attribute_definition.updated")
async def choices_differ(ctx: Context, definition: AttributeDefinition, changes: dict[str, Any]) -> None:
    """A choice is listed once."""
    values = [choice.value for choice in definition.choices]
    for at, value in enumerate(values):
        if value in values[:at]:
            raise Invalid.at(pointer("choices", at, "value"), "is listed twice")


@on("product.created")
@on("product.updated")
async def product_conforms(ctx: Context, product: Product, changes: dict[str, Any]) -> None:
    """A product's attributes are what the catalogue says."""
    if changes.keys() & {"attributes", "type"}:
        await conform(ctx, product.attributes, product.type)


@on("vehicle_definition.created")
@on("vehicle_definition.updated")
@on("vehicle.created")
@on("vehicle.updated")
async def vehicle_conforms(ctx: Context, vehicle: Vehicle | VehicleDefinition, changes: dict[str, Any]) -> None:
    """So are those of cars and of models as built."""
    if "attributes" in changes:
        await conform(ctx, vehicle.attributes, "VEHICLE_MODEL")
