"""The definitions say what the EPA's file says, in the spellings that imports map to."""

from collections.abc import Callable
from pathlib import Path

import pytest

from inventory.importing.values import Aliases
from service.demo.definitions import DATA_FILE, Definition, load_definitions, read_definitions, write_definitions
from service.demo.derive import body_style, derive, read_epa, split_names, strip_name, transmission
from service.demo.market import MAKES

EPA_ROW = {
    "id": "1", "year": "2018", "make": "Toyota", "model": "Camry", "VClass": "Midsize Cars",
    "drive": "Front-Wheel Drive", "trany": "Automatic (S8)", "cylinders": "4", "displ": "2.5", "fuelType": "Regular",
    "atvType": "", "range": "0", "rangeA": "", "comb08": "32", "combE": "0.0", "hpv": "0", "pv2": "0", "pv4": "99",
}  # fmt: skip


def derived(**changes: str) -> Definition:
    [definition] = derive([EPA_ROW | changes])
    return definition


def test_a_row_becomes_a_definition_in_metric_units() -> None:
    assert derived() == Definition(
        epa_id=1, make="Toyota", model="Camry", trim=None, model_year=2018, body_style="Sedan",
        drivetrain="Front-wheel Drive", transmission="Automatic", gears=8, cylinders=4, displacement_l=2.5,
        fuel_type="Gasoline", electric_range_km=None, litres_per_100_km=7.4, kwh_per_100_km=None,
    )  # fmt: skip


def test_an_electric_car_has_range_and_consumption_in_kilometres() -> None:
    bolt = derived(make="Chevrolet", model="Bolt EV", fuelType="Electricity", range="238", combE="28.0", cylinders="",
                   displ="", trany="Automatic (A1)", comb08="119")  # fmt: skip
    assert (bolt.model, bolt.fuel_type, bolt.electric_range_km) == ("Bolt EV", "Electric", 383)
    assert (bolt.kwh_per_100_km, bolt.litres_per_100_km, bolt.displacement_l) == (17.4, None, None)


@pytest.mark.parametrize(
    ("make", "name", "model", "trim", "body"),
    [
        ("Ford", "F150 Pickup 4WD FFV", "F-150", None, None),
        ("Ford", "F150 3.5L 2WD GVWR>7599 LBS PAYLOAD PACKAGE", "F-150", None, None),
        ("Ford", "F150 RAPTOR 4WD", "F-150", "Raptor", None),
        ("Chevrolet", "Silverado K15 4WD", "Silverado 1500", None, None),
        ("BMW", "328i xDrive Sports Wagon", "3 Series", "328i", "Wagon"),
        ("BMW", "X5 xDrive35i", "X5", "xDrive35i", None),
        ("BMW", "M4 Coupe Competition", "M4", "Competition", "Coupe"),
        ("Mercedes-Benz", "AMG C63 S Convertible", "C-Class", "AMG C63 S", "Convertible"),
        ("Mercedes-Benz", "E350 4matic", "E-Class", "E350", None),
        ("Maserati", "Quattroporte GTS", "Quattroporte", "GTS", None),
        ("Audi", "A3 Cabriolet quattro", "A3", None, "Convertible"),
        ("Honda", "Civic 5Dr - Type R", "Civic", "Type R", "Hatchback"),
        ("Tesla", "Model S AWD (85 kW-hr battery pack)", "Model S", "85 kWh", None),
        ("Mazda", "3 5-Door 2WD", "Mazda3", None, "Hatchback"),
    ],
)
def test_names_are_taken_apart(make: str, name: str, model: str, trim: str | None, body: str | None) -> None:
    stripped, named_body = strip_name(name)
    known = {"Maserati": ["Quattroporte"]}.get(make, [])
    assert (*split_names(make, [stripped, *known])[stripped], named_body) == (model, trim, body)


def test_a_name_is_split_at_a_shorter_name_of_the_same_make_but_fuel_stays_with_the_model() -> None:
    names = split_names("Toyota", ["Camry", "Camry XSE", "Camry Hybrid XLE", "Camry LE/SE", "Prius", "Prius Prime"])
    assert names["Camry XSE"] == ("Camry", "XSE")
    assert names["Camry Hybrid XLE"] == ("Camry Hybrid", "XLE")
    assert names["Camry LE/SE"] == ("Camry", None)
    assert names["Prius Prime"] == ("Prius Prime", None)


@pytest.mark.parametrize(
    ("text", "kind", "gears"),
    [
        ("Automatic (S8)", "Automatic", 8),
        ("Manual 6-spd", "Manual", 6),
        ("Automatic (variable gear ratios)", "CVT", None),
        ("Automatic (AV-S7)", "CVT", None),
        ("Automatic (AM-S7)", "Dual-clutch", 7),
        ("Automatic (AM5)", "Semi-automatic", 5),
    ],
)
def test_transmissions_are_few_kinds(text: str, kind: str, gears: int | None) -> None:
    assert transmission(text) == (kind, gears)


def test_the_body_comes_from_the_name_then_from_the_doors_then_from_the_class() -> None:
    compact = EPA_ROW | {"VClass": "Compact Cars"}
    two_doors, hatch = {"pv2": "80", "pv4": "0"}, {"hpv": "90", "pv4": "0"}
    assert body_style(compact, "Wagon") == "Wagon"
    assert body_style(compact | two_doors, None) == "Coupe"
    assert body_style(compact | hatch, None) == "Hatchback"
    assert body_style(compact, None) == "Sedan"
    assert body_style(EPA_ROW | {"VClass": "Standard Pickup Trucks 4WD"}, None) == "Pickup"
    assert derived(make="BMW", model="X1 sDrive28i").body_style == "SUV"


def test_what_is_not_sold_at_retail_or_too_old_is_left_out() -> None:
    models = ("Fusion Hybrid Taxi", "Colorado Cab Chassis 2WD", "Savana 1500 2WD Conversion (cargo)")
    assert derive([EPA_ROW | {"model": model} for model in models] + [EPA_ROW | {"year": "2011"}]) == []


def test_rows_that_differ_in_the_id_alone_are_one_definition() -> None:
    assert [d.epa_id for d in derive([EPA_ROW | {"id": "9"}, EPA_ROW])] == [1]


def test_the_data_file_is_small_and_read_back_as_written(tmp_path: Path) -> None:
    definitions = load_definitions()
    write_definitions(definitions, tmp_path / "again.csv.gz")
    assert read_definitions(tmp_path / "again.csv.gz") == definitions
    assert DATA_FILE.stat().st_size < 250_000
    assert len(definitions) == len({definition.epa_id for definition in definitions}) > 7_000


def test_the_data_file_is_what_the_public_file_gives(real_data: Callable[[str], Path]) -> None:
    assert tuple(derive(read_epa(real_data("definitions_epa.csv.gz")))) == load_definitions()


def test_values_are_spelt_as_imports_spell_them(aliases: Aliases) -> None:
    sold = {make.name for make in MAKES}
    for name in ("body_style", "drivetrain", "transmission", "fuel_type"):
        values = {getattr(definition, name) for definition in load_definitions()}
        assert {aliases.value(name, value) for value in values} == values
    assert {aliases.value("make", make) for make in sold} == sold <= {d.make for d in load_definitions()}
