"""The stock is the same for a seed, valid, skewed as stock is, and shows every value of the contract."""

import itertools
import math
import statistics
import tracemalloc
from collections import Counter
from datetime import date

import numpy as np
import pytest

from inventory.importing.values import Aliases
from inventory.vehicle_row import CONDITIONS, HOLDS, STATUSES, VISIBILITIES, VehicleRow
from inventory.vin import agrees_with_year, check_digit_holds, shape_fault
from service.demo.equipment import EXTERIOR_COLORS, INTERIOR_COLORS, PACKAGES
from service.demo.market import OWN_BRANDS
from service.demo.stock import BLOCK
from service.demo.world import World, tiny, vehicle_rows


def test_the_same_seed_gives_the_same_stock_and_another_seed_another() -> None:
    first = list(vehicle_rows(300, seed=4))
    assert list(vehicle_rows(300, seed=4)) == first
    assert {row.id for row in first}.isdisjoint(row.id for row in vehicle_rows(300, seed=5))


def test_a_smaller_world_begins_a_bigger_one(stock: list[VehicleRow]) -> None:
    assert list(World(vehicles=BLOCK + 10).vehicle_rows()) == stock[: BLOCK + 10]


def test_there_are_as_many_vehicles_as_asked_for(stock: list[VehicleRow]) -> None:
    assert len(stock) == 20_000
    assert [len(list(World(vehicles=n).vehicle_rows())) for n in (0, 1, BLOCK, BLOCK + 1)] == [0, 1, BLOCK, BLOCK + 1]
    assert len(list(tiny().vehicle_rows())) == 50
    with pytest.raises(ValueError, match="at most 10,000,000"):
        World(vehicles=10_000_001)


def test_numbers_that_name_a_vehicle_come_once(stock: list[VehicleRow]) -> None:
    for name in ("id", "vin", "registration_number", "stock_number", "listing_number"):
        given = [value for row in stock if (value := getattr(row, name)) is not None]
        assert len(set(given)) == len(given)


def test_every_vin_is_valid_and_agrees_with_its_model_year(stock: list[VehicleRow]) -> None:
    numbered = [(row.vin, row.model_year) for row in stock if row.vin is not None]
    assert len(numbered) > 19_000
    for vin, year in numbered:
        assert shape_fault(vin) is None
        assert check_digit_holds(vin)
        assert year is not None
        assert agrees_with_year(vin, year)


def test_only_cars_not_yet_built_lack_a_vin_and_an_odometer(stock: list[VehicleRow]) -> None:
    assert {row.status for row in stock if row.vin is None} == {"ON_ORDER"}
    assert {row.status for row in stock if row.odometer_value is None} == {"ON_ORDER"}


def test_used_cars_alone_are_registered(stock: list[VehicleRow]) -> None:
    assert {row.condition for row in stock if row.registration_number} == set(CONDITIONS) - {"NEW"}


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("condition", CONDITIONS),
        ("status", STATUSES),
        ("visibility", VISIBILITIES),
        ("price_tax", ("INCLUDED", "EXCLUDED", "MARGIN_SCHEME", None)),
        ("odometer_unit", ("KM", "MI", None)),
        ("odometer_status", ("ACTUAL", "NOT_ACTUAL", "EXCEEDS", "REPLACED", None)),
        ("price_currency", ("USD", "EUR", "GBP", None)),
    ],
)
def test_every_value_of_the_contract_occurs(stock: list[VehicleRow], name: str, values: tuple[str | None, ...]) -> None:
    assert {getattr(row, name) for row in stock} == set(values)


def test_every_hold_occurs_and_about_eight_of_a_hundred_are_held(stock: list[VehicleRow]) -> None:
    assert {hold for row in stock for hold in row.holds} == set(HOLDS)
    assert 0.07 < sum(bool(row.holds) for row in stock) / len(stock) < 0.09
    assert any(len(row.holds) > 1 for row in stock)


def test_models_follow_zipfs_law(stock: list[VehicleRow]) -> None:
    counts = [count for _, count in Counter((row.make, row.model) for row in stock).most_common(60)]
    ranks = np.log(np.arange(1, 61))
    slope = float(np.polyfit(ranks, np.log(counts), 1)[0])
    assert -1.4 < slope < -0.8
    assert len({(row.make, row.model) for row in stock}) > 250


def test_prices_fall_with_age_and_distance(stock: list[VehicleRow]) -> None:
    used = [row for row in stock if row.condition == "USED" and row.price_currency == "USD" and row.make == "Toyota"]
    by_age: dict[int, list[int]] = {}
    for row in used:
        by_age.setdefault(2026 - (row.model_year or 0), []).append(row.price_minor or 0)
    medians = [statistics.median(by_age[age]) for age in (1, 4, 7, 10)]
    assert medians == sorted(medians, reverse=True)
    assert medians[0] > 2.5 * medians[-1]
    rav4 = [row for row in used if row.model == "RAV4"]
    distance = np.array([row.odometer_km or 0 for row in rav4])
    price = np.array([math.log(row.price_minor or 1) for row in rav4])
    assert np.corrcoef(distance, price)[0, 1] < -0.6


def test_prices_are_log_normal_rather_than_normal(stock: list[VehicleRow]) -> None:
    prices = np.array([row.price_minor for row in stock if row.price_minor and row.condition == "USED"], dtype=float)

    def skew(values: np.ndarray) -> float:
        return float(((values - values.mean()) ** 3).mean() / values.std() ** 3)

    assert skew(prices) > 1.0
    assert abs(skew(np.log(prices))) < 0.6


def test_distance_grows_with_age_and_new_cars_have_next_to_none(stock: list[VehicleRow]) -> None:
    def median_km(age: int) -> float:
        return statistics.median(
            row.odometer_km or 0 for row in stock if row.condition == "USED" and row.model_year == 2026 - age
        )

    assert median_km(2) < median_km(5) < median_km(9)
    assert max(row.odometer_km or 0 for row in stock if row.condition == "NEW") < 100


def test_kilometres_are_the_miles_given_and_whole(stock: list[VehicleRow]) -> None:
    for row in stock:
        if row.odometer_value is not None and row.odometer_km is not None:
            factor = 1.609344 if row.odometer_unit == "MI" else 1.0
            assert abs(row.odometer_value * factor - row.odometer_km) <= 0.5


def test_colours_are_as_frequent_as_on_the_road_and_spelt_as_imports_spell_them(
    stock: list[VehicleRow], aliases: Aliases
) -> None:
    commonest = [color for color, _ in Counter(row.exterior_color for row in stock).most_common(6)]
    assert commonest == ["White", "Black", "Gray", "Silver", "Blue", "Red"]
    for color in (*EXTERIOR_COLORS, *INTERIOR_COLORS):
        assert aliases.value("color", color) == color
    assert {row.exterior_color for row in stock} == set(EXTERIOR_COLORS)


def test_options_come_in_packages(stock: list[VehicleRow]) -> None:
    def lift(one: str, other: str) -> float:
        with_one = sum(one in row.options for row in stock)
        with_other = sum(other in row.options for row in stock)
        return sum(one in row.options and other in row.options for row in stock) * len(stock) / (with_one * with_other)

    assert lift("Heated seats", "Remote start") > 1.5
    assert lift("Leather seats", "Panoramic roof") > 1.05
    assert {option for _, _, options in PACKAGES.values() for option in options} <= {
        option for row in stock for option in row.options
    }


def test_attributes_are_of_every_type_and_fit_the_car(stock: list[VehicleRow]) -> None:
    assert {type(value) for row in stock for value in row.attributes.values()} == {str, int, float, bool}
    electric = [row for row in stock if row.fuel_type == "Electric"]
    assert electric
    assert all(row.attributes["range_km"] for row in electric)
    assert all("litres_per_100_km" not in row.attributes for row in electric)
    assert any(row.attributes["seats"] == 7 for row in stock)
    assert all("tow_capacity_kg" in row.attributes for row in stock if row.model == "F-150")
    assert all(("previous_owners" in row.attributes) == (row.condition in {"CERTIFIED", "USED", "SALVAGE"})
               for row in stock)  # fmt: skip


def test_cars_on_their_way_say_when_they_come(stock: list[VehicleRow], world: World) -> None:
    coming = [row for row in stock if row.status in {"ON_ORDER", "IN_TRANSIT"}]
    assert len(coming) > 800
    assert all(row.available_on is not None and row.available_on > world.as_of for row in coming)
    assert all(row.condition == "NEW" for row in coming)
    assert all(row.in_stock_since is not None and row.in_stock_since <= world.as_of for row in stock)


def test_some_prices_are_on_request_and_then_nothing_of_a_price_is_given(stock: list[VehicleRow]) -> None:
    silent = [row for row in stock if row.price_minor is None]
    assert 0.02 < len(silent) / len(stock) < 0.05
    assert {(row.price_currency, row.price_tax) for row in silent} == {(None, None)}


def test_new_cars_are_of_the_dealers_brands_and_others_carry_no_brand(stock: list[VehicleRow], world: World) -> None:
    brands = {dealer.account.id: dealer.account.brands for dealer in world.network.dealers}
    for row in stock:
        assert row.brand == (row.make if row.make in OWN_BRANDS else None)
        if row.condition in {"NEW", "DEMO", "CERTIFIED"}:
            assert row.make in brands.get(row.dealer_account_id or "", OWN_BRANDS)
    assert {row.condition for row in stock if row.brand is None} == {"USED", "SALVAGE"}


def test_stock_stands_at_places_of_the_network(stock: list[VehicleRow], world: World) -> None:
    places = {location.id: location for location in world.locations}
    groups = {dealer.account.id: dealer.account.parent_id for dealer in world.network.dealers}
    for row in stock:
        place = places[row.location_id or ""]
        assert (row.latitude, row.longitude) == (place.latitude, place.longitude)
        assert row.group_account_id == groups.get(row.dealer_account_id or "")
        assert row.dealer_account_id == (place.account_id if place.kind == "DEALER_LOT" else None)
    assert {places[row.location_id or ""].kind for row in stock} == {
        "DEALER_LOT", "DISTRIBUTION_CENTER", "HUB", "PLANT", "PORT"
    }  # fmt: skip


def test_columns_say_what_the_rows_say(world: World) -> None:
    columns = next(world.stock())
    rows = list(itertools.islice(world.vehicle_rows(), len(columns)))
    for at in (0, 17, len(columns) - 1):
        row, variant = rows[at], world.variants[columns.variant[at]]
        assert (row.make, row.model, row.trim, row.model_year, row.model_code) == (
            variant.make, variant.model, variant.trim, variant.model_year, variant.model_code,
        )  # fmt: skip
        assert row.location_id == world.locations[columns.location[at]].id


def test_the_day_the_world_stands_at_can_be_chosen() -> None:
    later = World(vehicles=200, as_of=date(2028, 3, 1))
    assert max(row.model_year or 0 for row in later.vehicle_rows()) == 2029
    assert max(row.in_stock_since or date.min for row in later.vehicle_rows()) <= date(2028, 3, 1)


def test_a_world_of_ten_million_streams_in_the_memory_of_a_few_blocks() -> None:
    blocks = World(vehicles=10_000_000, dealers=60, groups=12).stock()
    size = next(blocks).latitude.size
    tracemalloc.start()
    try:
        size += sum(len(block) for block in itertools.islice(blocks, 9))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert size == 10 * BLOCK
    assert peak < 3 * BLOCK * 2_000
