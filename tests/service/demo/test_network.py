"""The network hangs together: every reference leads to something that is there and came before."""

from collections import Counter
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from domain.kit.values import phone_number
from service.demo.market import OWN_BRANDS
from service.demo.network import build_network
from service.demo.places import load_places
from service.demo.world import World

KINDS = {
    "PLANT": 2,
    "PORT": 1,
    "DISTRIBUTION_CENTER": 5,
    "HUB": 3,
    "DEALER_LOT": 60,
    "SERVICE_CENTER": 60,
    "WAREHOUSE": 1,
}


def test_there_are_sixty_dealers_in_twelve_groups_and_every_kind_of_place(world: World) -> None:
    assert Counter(account.type for account in world.accounts) == {
        "OEM": 1,
        "DEALER_GROUP": 12,
        "DEALER": 60,
        "SUPPLIER": 3,
    }
    assert Counter(location.kind for location in world.locations) == KINDS
    assert {brand for dealer in world.network.dealers for brand in dealer.account.brands} == set(OWN_BRANDS)


def test_a_dealers_parent_is_its_group_and_each_group_has_branches(world: World) -> None:
    groups = [group.id for group in world.network.groups]
    assert {dealer.account.parent_id for dealer in world.network.dealers} == set(groups)
    assert all(dealer.account.parent_id == groups[dealer.group] for dealer in world.network.dealers)
    assert sum(dealer.share for dealer in world.network.dealers) == pytest.approx(1.0)


def test_parents_come_before_their_children(world: World) -> None:
    for records, parent in ((world.accounts, "parent_id"), (world.locations, "parent_location_id")):
        seen: set[str | None] = {None}
        for record in records:
            assert getattr(record, parent) in seen
            seen.add(record.id)
        assert len(seen) == len(records) + 1


def test_the_way_up_from_every_lot_leads_over_a_centre_to_the_central_hub(world: World) -> None:
    places = {location.id: location for location in world.locations}
    for dealer in world.network.dealers:
        kinds, place = [], dealer.lot
        while place.parent_location_id is not None:
            place = places[place.parent_location_id]
            kinds.append(place.kind)
        assert kinds[0] == "DISTRIBUTION_CENTER"
        assert set(kinds[1:]) == {"HUB"}
        assert place.code == "HUB-CENTRAL"


def test_codes_and_names_come_once(world: World) -> None:
    for records in (world.accounts, world.locations):
        assert len({record.code for record in records}) == len(records)
    assert len({account.name for account in world.accounts}) == len(world.accounts)


def test_names_come_once_in_networks_of_many_groups() -> None:
    accounts = build_network(1, 600, 120).accounts
    assert len({account.name for account in accounts}) == len(accounts)


def test_places_are_real_in_shape(world: World) -> None:
    places = load_places()
    assert len(places) >= 130
    assert {place.country for place in places} == {"US", "DE", "GB"}
    for place in places:
        assert -90 <= place.latitude <= 90
        assert -180 <= place.longitude <= 180
        ZoneInfo(place.time_zone)
    big, small = places[:10], [place for place in places if place.country == "US"][-10:]
    assert all(one.population_thousands > 10 * other.population_thousands for one in big for other in small)
    assert len({location.time_zone for location in world.locations}) > 6


def test_bigger_cities_have_more_dealers(world: World) -> None:
    population = {place.city: place.population_thousands for place in load_places()}
    at_dealers = [population[dealer.lot.city] for dealer in world.network.dealers]
    assert sum(at_dealers) / len(at_dealers) > 2 * sum(population.values()) / len(population)


def test_telephone_numbers_are_well_formed(world: World) -> None:
    for account in world.accounts:
        assert phone_number(account.phone) == account.phone


def test_big_worlds_have_more_dealers_and_small_ones_fewer() -> None:
    assert (World(vehicles=10_000_000).dealers, World(vehicles=10_000_000).groups) == (6_250, 1_250)
    assert len(build_network(1, 1, 1).dealers) == 1
    with pytest.raises(ValueError, match="at least one branch"):
        build_network(1, 2, 3)


def test_the_first_dealer_is_in_the_same_city_and_of_the_same_brand_for_every_seed() -> None:
    for seed in (1, 2, 3):
        first = build_network(seed, 60, 12).dealers[0]
        assert (first.lot.city, first.account.brands) == ("New York", ("Toyota",))


def test_a_catalogue_code_names_one_definition(world: World) -> None:
    assert len({variant.model_code for variant in world.variants}) == len(world.variants)
    assert len({variant.id for variant in world.variants}) == len(world.variants)
    assert all(one <= other for one, other in pairwise(world.catalogue.ranks))
    assert all(variant.carried_over == (variant.model_year > 2020) for variant in world.variants
               if variant.model_year > 2020 or variant.model_year < 2018)  # fmt: skip
