"""The models on offer in the demo world: every definition in each grade it was sold in, carried forward to the present.

The EPA's data end in 2020. A model that was still built in 2018 or later goes on with the definitions of its newest
year, marked `carried_over`, so that a demo of today has new cars to sell.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cache

import msgspec
import numpy as np

from service.demo.definitions import Definition, load_definitions
from service.demo.identity import letters, texts, uuid_texts, uuids
from service.demo.market import BEST_SELLERS, MAKES, OWN_BRANDS, Make, new_price
from service.demo.vin import LETTERS

BUILT_UNTIL_NOW = 2018
GRADE_STEP = 0.09

CAR_BODIES = frozenset({"Sedan", "Hatchback", "Wagon", "Coupe", "Convertible"})
DOORS = {"Coupe": 2, "Convertible": 2, "Sedan": 4, "Pickup": 4, "Van": 4}
THREE_ROWS = frozenset({
    "Highlander", "Highlander Hybrid", "Sequoia", "Land Cruiser", "GX 460", "LX 570", "Explorer", "Expedition",
    "Expedition EL", "Expedition MAX", "Flex", "Traverse", "Tahoe", "Suburban", "Palisade", "Santa Fe XL", "Veracruz",
    "X7", "Pilot", "Pathfinder", "Armada", "Telluride", "Sorento", "Atlas", "Ascent", "CX-9", "Acadia", "Yukon",
    "Yukon XL", "Q7", "XC90", "MDX", "QX56", "QX60 Hybrid", "Aviator", "Navigator", "Enclave", "GL", "GLS", "XT6",
    "Escalade", "Escalade ESV", "Model X",
})  # fmt: skip


class Variant(msgspec.Struct, frozen=True, kw_only=True):
    """A definition in one grade and model year.

    `model_code` is the maker's, alike from year to year but for the year at its end. `new_price` is in whole United
    States dollars without options; `vin_prefix` the first eight places of the VIN.
    """

    id: str
    epa_id: int
    carried_over: bool
    brand: str | None
    make: str
    model: str
    trim: str | None
    model_year: int
    model_code: str
    body_style: str
    drivetrain: str
    transmission: str
    gears: int | None
    cylinders: int | None
    displacement_l: float | None
    fuel_type: str
    electric_range_km: int | None
    litres_per_100_km: float | None
    kwh_per_100_km: float | None
    doors: int
    seats: int
    tow_capacity_kg: int | None
    new_price: int
    grade: int
    vin_prefix: str


class Catalogue(msgspec.Struct, frozen=True):
    """All variants by rank of their model, then year; `ranks` and `shares` are aligned with them.

    `shares` is the part of a model's year that a variant is sold as (they sum to 1 over a model's year).
    """

    variants: tuple[Variant, ...]
    ranks: tuple[int, ...]
    shares: tuple[float, ...]


def _grades(make: Make, body_style: str) -> tuple[str, ...]:
    if body_style in CAR_BODIES:
        return make.car_grades
    return make.suv_grades if body_style in {"SUV", "Minivan"} else make.truck_grades


def _in_grades(make: Make, year: list[Definition]) -> Iterator[tuple[Definition, int, str | None]]:
    """Each definition of a model's year with the grades it is sold in: bigger engines in the higher ones."""
    plain: dict[str, list[Definition]] = defaultdict(list)
    for definition in year:
        if definition.trim is None and _grades(make, definition.body_style):
            plain[definition.body_style].append(definition)
        else:
            yield definition, 1, definition.trim
    for body_style, definitions in sorted(plain.items()):
        grades = _grades(make, body_style)
        definitions.sort(key=lambda d: (d.displacement_l or 0.0, d.epa_id))
        steps = max(len(grades), len(definitions))
        for step in range(steps):
            grade = step * len(grades) // steps
            yield definitions[step * len(definitions) // steps], grade, grades[grade]


def _years(definitions: list[Definition], last_year: int) -> Iterator[tuple[int, bool, list[Definition]]]:
    by_year: dict[int, list[Definition]] = defaultdict(list)
    for definition in definitions:
        by_year[definition.model_year].append(definition)
    newest = max(by_year)
    for year in sorted(by_year):
        yield year, False, by_year[year]
    if newest >= BUILT_UNTIL_NOW:
        for year in range(newest + 1, last_year + 1):
            yield year, True, by_year[newest]


def _seats(definition: Definition) -> int:
    if definition.body_style in {"SUV", "Wagon"}:
        return 7 if definition.model in THREE_ROWS else 5
    return {"Minivan": 8, "Van": 8, "Coupe": 4, "Convertible": 4}.get(definition.body_style, 5)


def _tow_capacity_kg(definition: Definition) -> int | None:
    if definition.body_style not in {"SUV", "Pickup", "Van"} or definition.displacement_l is None:
        return None
    per_litre = 750 if definition.body_style == "Pickup" else 500
    return int(per_litre * definition.displacement_l) // 50 * 50


def _vin_prefix(make: Make, definition: Definition, design: int) -> str:
    """Maker, four letters of the model's design and one of the engine; the fourth letter tells 2010 and later."""
    maker = make.wmi_truck
    if definition.body_style in CAR_BODIES:
        maker = make.wmi_car
    elif definition.body_style in {"SUV", "Minivan"}:
        maker = make.wmi_suv
    attributes = texts(letters(np.array([design * 6_151]), 4, LETTERS))[0]
    return f"{maker}{attributes}{LETTERS[(definition.cylinders or 0) * 3 % len(LETTERS)]}"


def _ranked_models(definitions: dict[tuple[str, str], list[Definition]]) -> list[tuple[str, str]]:
    best = {model: rank for rank, model in enumerate(BEST_SELLERS)}
    own = frozenset(OWN_BRANDS)
    return sorted(
        definitions,
        key=lambda model: (best.get(model, len(best)), -len(definitions[model]) * (1 + (model[0] in own)), model),
    )


@cache
def build_catalogue(last_year: int) -> Catalogue:
    """Every variant up to the model year `last_year`; the same for every seed."""
    makes = {make.name: make for make in MAKES}
    by_model: dict[tuple[str, str], list[Definition]] = defaultdict(list)
    for definition in load_definitions():
        if definition.make in makes:
            by_model[definition.make, definition.model].append(definition)
    variants: list[Variant] = []
    ranks: list[int] = []
    codes: dict[tuple[object, ...], tuple[str, int]] = {}
    stems: Counter[str] = Counter()
    alike: Counter[tuple[object, ...]] = Counter()
    for rank, (make_name, model) in enumerate(_ranked_models(by_model)):
        make = makes[make_name]
        for year, carried, definitions in _years(by_model[make_name, model], last_year):
            for definition, grade, trim in _in_grades(make, definitions):
                design = (make_name, model, trim, definition.body_style, definition.drivetrain, definition.fuel_type,
                          definition.transmission, definition.cylinders, definition.displacement_l)  # fmt: skip
                alike[design, year] += 1
                one = (design, alike[design, year])
                if one not in codes:
                    stem = make.code + "".join(filter(str.isalnum, model.upper()))[:3]
                    stems[stem] += 1
                    codes[one] = f"{stem}{stems[stem]:03d}", len(codes)
                variants.append(_variant(make, definition, year, carried, grade, trim, *codes[one]))
                ranks.append(rank)
    sold_as = Counter((variant.make, variant.model, variant.model_year) for variant in variants)
    shares = tuple(1 / sold_as[variant.make, variant.model, variant.model_year] for variant in variants)
    return Catalogue(_with_ids(variants), tuple(ranks), shares)


def _variant(
    make: Make, definition: Definition, year: int, carried: bool, grade: int, trim: str | None, code: str, design: int
) -> Variant:
    plain = new_price(
        make, definition.body_style, definition.fuel_type, definition.drivetrain, definition.displacement_l
    )
    return Variant(
        id="",
        epa_id=definition.epa_id,
        carried_over=carried,
        brand=make.name if make.name in OWN_BRANDS else None,
        make=make.name,
        model=definition.model,
        trim=trim,
        model_year=year,
        model_code=f"{code}-{year % 100:02d}",
        body_style=definition.body_style,
        drivetrain=definition.drivetrain,
        transmission=definition.transmission,
        gears=definition.gears,
        cylinders=definition.cylinders,
        displacement_l=definition.displacement_l,
        fuel_type=definition.fuel_type,
        electric_range_km=definition.electric_range_km,
        litres_per_100_km=definition.litres_per_100_km,
        kwh_per_100_km=definition.kwh_per_100_km,
        doors=DOORS.get(definition.body_style, 5),
        seats=_seats(definition),
        tow_capacity_kg=_tow_capacity_kg(definition),
        new_price=round(plain * (1 + GRADE_STEP * grade)),
        grade=grade,
        vin_prefix=_vin_prefix(make, definition, design),
    )


def _with_ids(variants: list[Variant]) -> tuple[Variant, ...]:
    seen: Counter[tuple[int, int]] = Counter()
    ordinals = np.empty(len(variants), dtype=np.int64)
    for at, variant in enumerate(variants):
        key = (variant.epa_id, variant.model_year)
        ordinals[at] = (variant.epa_id * 64 + variant.model_year % 64) * 256 + seen[key]
        seen[key] += 1
    ids = uuid_texts(uuids(0, "vehicle_definition", ordinals))
    return tuple(msgspec.structs.replace(variant, id=id_) for variant, id_ in zip(variants, ids, strict=True))
