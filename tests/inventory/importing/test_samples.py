"""Hand-made files with the dirt of each source: what each shipped mapping makes of every row."""

from collections import Counter

import pytest

from inventory.importing.mapping import Mapping
from inventory.importing.shipped import shipped_mappings
from inventory.importing.vehicle import Accepted, ImportVehicle, LocationDescription, Rejected

from .files import SAMPLES, outcomes

FILES = {
    "listings_us": "listings_us",
    "listings_us_auction": "listings_us_auction",
    "listings_de": "listings_de",
    "listings_de_cp1252": "listings_de",
    "listings_uk": "listings_uk",
    "listings_uk_unclean": "listings_uk_unclean",
}


def sample(name: str, mapping: Mapping | None = None) -> list[Accepted | Rejected]:
    return outcomes((SAMPLES / f"{name}.csv").read_bytes(), mapping or shipped_mappings()[FILES[name]])


def codes(found: list[Accepted | Rejected]) -> list[tuple[str, ...]]:
    """Warnings of accepted rows; reasons of rejected ones, after a "!"."""
    return [
        tuple(warning.code for warning in one.warnings)
        if isinstance(one, Accepted)
        else ("!", *(reason.code for reason in one.reasons))
        for one in found
    ]


def vehicles(name: str) -> list[ImportVehicle]:
    return [one.vehicle for one in sample(name) if isinstance(one, Accepted)]


def test_us_listings() -> None:
    assert codes(sample("listings_us")) == [
        (), ("postcode-padded",), ("region-unknown", "postcode-malformed"), (), ("postcode-malformed",), (),
    ]  # fmt: skip
    ford, toyota, mercedes, bmw, rover, again = vehicles("listings_us")
    assert (ford.make, ford.model, ford.trim, ford.condition) == ("Ford", "F-150", "Lariat", "USED")
    assert (ford.drivetrain, ford.fuel_type, ford.transmission) == ("All-wheel Drive", "Gasoline", "Automatic")
    assert (ford.attributes["gears"], ford.raw["transmission"], ford.interior_color) == (8, "8-SPEED A/T", None)
    assert ford.location == LocationDescription(
        name="Harbor Motors", address="1 Pier Rd", region="NJ", postcode="07631", country="US"
    )
    assert (toyota.model, toyota.trim, toyota.transmission) == ("RAV4 Hybrid", "XLE", "CVT")
    assert (toyota.price_minor, toyota.price_currency) == (None, None)
    assert toyota.location == ford.location
    assert (mercedes.condition, mercedes.model, mercedes.trim) == ("CERTIFIED", "C-Class", "C 300")
    assert mercedes.location == LocationDescription(name="Harbor Motors", address="1 Pier Rd", country="US")
    assert mercedes.raw["postcode"] == "1"
    assert (bmw.stock_number, "mpg_city" in bmw.attributes, "engine" in bmw.attributes) == (None, False, False)
    assert (rover.make, rover.model, rover.trim) == ("Land Rover", "Range Rover Sport", "HSE Dynamic")
    assert (again.vin, again.price_minor) == (ford.vin, 3_050_000)


def test_us_auction_lots() -> None:
    assert codes(sample("listings_us_auction")) == [
        (), ("price-zero", "model-missing"), ("price-low", "odometer-implausible", "model-missing"),
        ("!", "vin-malformed"), ("!", "vin-check-digit", "make-missing"), ("!", "vin-check-digit"),
    ]  # fmt: skip
    ford, toyota, rover = vehicles("listings_us_auction")
    assert ford.vin is not None
    assert (ford.vin[:8], ford.model, ford.exterior_color) == ("1FTEW1EG", "F-150", "Black")
    assert ford.location == LocationDescription(region="NJ", country="US")
    assert (toyota.condition, toyota.body_style, toyota.model, toyota.raw["model"]) == ("SALVAGE", "SUV", None, "suv")
    assert toyota.location == LocationDescription(region="ON", country="CA")
    assert (rover.make, rover.price_minor, rover.odometer_km) == ("Land Rover", 2500, 1_126_541)


@pytest.mark.parametrize("name", ["listings_de", "listings_de_cp1252"])
def test_german_classifieds(name: str) -> None:
    found = sample(name)
    assert codes(found) == [
        (), ("price-zero", "postcode-padded"), ("price-implausible", "attribute-implausible"),
        ("price-low", "model-missing"), ("taken-from-other-column", "model-missing"), ("!", "make-missing"),
        ("!", "model-year-impossible"), ("!", "model-year-impossible"), ("model-year-after-stock",),
        ("!", "row-refused"), (),
    ]  # fmt: skip
    golf, bmw, mercedes, alfa, lexus, *_ = vehicles(name)
    assert (golf.make, golf.model, golf.body_style, golf.fuel_type) == ("Volkswagen", "Golf", "Wagon", "Gasoline")
    assert (golf.price_minor, golf.price_currency) == (500_000, "EUR")
    assert (golf.odometer_value, golf.odometer_unit) == (150_000, "KM")
    assert golf.attributes == {
        "title": "Golf mit TÜV", "power_ps": 75, "first_registration_month": 6, "seller_type": "privat",
        "unrepaired_damage": False,
    }  # fmt: skip
    assert golf.raw == {"make": "volkswagen", "model": "golf", "body_style": "kombi", "fuel_type": "benzin",
                        "transmission": "manuell"}  # fmt: skip
    assert (bmw.model, bmw.price_minor, bmw.raw["price"]) == ("3 Series", None, "$0")
    assert bmw.location == LocationDescription(postcode="01067", country="DE")
    assert {"power_ps", "first_registration_month"}.isdisjoint(bmw.attributes)
    assert (mercedes.make, mercedes.model, mercedes.price_minor) == ("Mercedes-Benz", "C-Class", None)
    assert mercedes.raw["attributes.power_ps"] == "14009"
    assert (alfa.make, alfa.model, alfa.price_minor) == ("Alfa Romeo", None, 100)
    assert (lexus.make, lexus.raw["make"]) == ("Lexus", "Lexus_IS_200")
    first, last = found[0], found[-1]
    assert isinstance(first, Accepted)
    assert isinstance(last, Accepted)
    assert first.identities == last.identities


def test_uk_listings() -> None:
    found = sample("listings_uk")
    assert codes(found) == [(), (), ("!", "model-year-impossible"), ("attribute-implausible",), ()]
    golf, twin, hilux, i3 = (one for one in found if isinstance(one, Accepted))
    assert (golf.vehicle.make, golf.vehicle.model) == ("Volkswagen", "Golf")
    assert golf.vehicle.transmission == "Semi-automatic"
    assert golf.identities == twin.identities
    assert golf.identities[0].kind == "ROW_HASH"
    assert hilux.vehicle.attributes == {"road_tax_gbp": 265, "engine_litres": 2.4}
    assert i3.vehicle.attributes == {"road_tax_gbp": 0, "mpg_imperial": 450.0}


def test_uk_listings_before_cleaning() -> None:
    assert codes(sample("listings_uk_unclean")) == [
        (), (), ("!", "row-empty"), ("model-year-missing",), ("attribute-malformed",),
    ]  # fmt: skip
    found = [
        (one.fuel_type, one.odometer_value, one.price_minor, one.attributes.get("engine_litres"))
        for one in vehicles("listings_uk_unclean")
    ]
    assert found == [
        ("Gasoline", 41_300, 790_000, 1.0), ("Diesel", 15_200, 910_000, 1.5), ("Gasoline", 90, 99_000, None),
        ("Gasoline", 1100, 1_210_000, None),
    ]  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_every_fault_in_a_sample_is_decided_where_its_mapping_is(name: str) -> None:
    mapping = shipped_mappings()[FILES[name]]
    decided = {code for decision in mapping.decisions for code in decision.codes}
    assert {code for row in codes(sample(name)) for code in row} - {"!"} <= decided


@pytest.mark.parametrize("name", FILES)
def test_a_file_read_twice_gives_the_same_cars_and_rejects(name: str) -> None:
    assert sample(name) == sample(name)


def test_superseded_rows_are_those_whose_car_comes_again() -> None:
    first = Counter(one.identities[0] for one in sample("listings_us") if isinstance(one, Accepted))
    assert sum(first.values()) - len(first) == 1
