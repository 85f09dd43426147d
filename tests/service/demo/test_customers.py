"""Customers are invented people with cars whose histories make sense, and every reference leads somewhere."""

from collections import Counter
from itertools import pairwise

import msgspec

from inventory.vehicle_row import VehicleRow
from inventory.vin import check_digit_holds
from service.demo.customers import Customer
from service.demo.names import FAMILY_ENDINGS, FAMILY_STEMS, FIRST_NAMES
from service.demo.world import World, tiny

MILESTONES = {"BUILT", "SHIPPED", "RECEIVED", "SOLD", "REGISTERED", "FIRST_SERVICE", "RECALL_DONE", "ACCIDENT",
              "LEASE_START", "LEASE_END", "TITLE_TRANSFERRED"}  # fmt: skip


def test_the_same_seed_gives_the_same_customers(world: World, customers: list[Customer]) -> None:
    assert list(world.customers()) == customers
    assert len(customers) == 800
    assert len(list(tiny().customers())) == 12


def test_people_and_businesses_are_never_partners(customers: list[Customer]) -> None:
    kinds = Counter(customer.account.kind for customer in customers)
    assert kinds["PERSON"] > 600
    assert kinds["BUSINESS"] > 30
    assert not any(customer.account.is_partner for customer in customers)
    for customer in customers:
        assert len(customer.contacts) == 1 or customer.account.kind == "BUSINESS"
        assert {contact.account_id for contact in customer.contacts} == {customer.account.id}


def test_names_are_invented_and_addresses_of_mail_are_reserved_ones(customers: list[Customer]) -> None:
    invented = {stem + ending for stem in FAMILY_STEMS for ending in FAMILY_ENDINGS}
    for customer in customers:
        for contact in customer.contacts:
            assert contact.first_name in FIRST_NAMES
            assert contact.last_name in invented
            assert contact.email.endswith("@customers.forecourt.example")
    assert len({contact.email for customer in customers for contact in customer.contacts}) == sum(
        len(customer.contacts) for customer in customers
    )


def test_every_reference_leads_to_a_record_that_came_before(world: World, customers: list[Customer]) -> None:
    known = {account.id for account in world.accounts} | {location.id for location in world.locations}
    assets: set[str] = set()
    for customer in customers:
        known |= {customer.account.id, *(contact.id for contact in customer.contacts)}
        for relation in (*customer.dealers, *customer.household, *customer.family):
            assert {relation.account_id, relation.from_id, relation.to_id} <= known
        for car in customer.cars:
            assert car.asset_id not in assets
            assets.add(car.asset_id)
            for participant in (*car.account_participants, *car.contact_participants):
                assert participant.asset_id == car.asset_id
                assert participant.account_id in known
                assert participant.contact_id is None or participant.contact_id in known
            assert {milestone.location_id for milestone in car.milestones} <= {*known, None}
    assert len(assets) > 800


def test_ids_come_once(customers: list[Customer]) -> None:
    ids: list[str] = []

    def gather(value: object) -> None:
        if isinstance(value, msgspec.Struct):
            fields = {name: getattr(value, name) for name in value.__struct_fields__}
            ids.extend(fields[name] for name in ("id", "vehicle_id") if name in fields)
            for field in fields.values():
                gather(field)
        elif isinstance(value, tuple):
            for one in value:
                gather(one)

    gather(tuple(customers))
    assert len(set(ids)) == len(ids) > 10_000


def test_each_car_has_exactly_one_owner_today(customers: list[Customer], world: World) -> None:
    for customer in customers:
        for car in customer.cars:
            owners = [one for one in car.account_participants if one.role == "OWNER"]
            assert [one.account_id for one in owners if one.ends_on is None] == [customer.account.id]
            for one in owners:
                assert one.starts_on <= (one.ends_on or world.as_of)
    former = [one for customer in customers for car in customer.cars for one in car.account_participants if one.ends_on]
    assert len(former) > 50


def test_milestones_are_in_the_order_of_their_days_and_of_every_type(customers: list[Customer], world: World) -> None:
    seen: set[str] = set()
    for customer in customers:
        for car in customer.cars:
            kinds = [milestone.type for milestone in car.milestones]
            assert kinds[:4] == ["BUILT", "SHIPPED", "RECEIVED", "SOLD"]
            assert len(set(kinds)) == len(kinds)
            assert all(one.on <= other.on for one, other in pairwise(car.milestones))
            assert car.milestones[-1].on <= world.as_of
            assert car.milestones[0].on == car.manufactured_on <= car.purchased_on
            seen.update(kinds)
    assert seen == MILESTONES


def test_cars_are_of_their_dealers_brands_and_their_numbers_are_nobody_elses(
    customers: list[Customer], stock: list[VehicleRow], world: World
) -> None:
    cars = [car for customer in customers for car in customer.cars]
    in_stock = (
        {row.vin for row in stock} | {row.registration_number for row in stock} | {row.listing_number for row in stock}
    )
    numbers = [number for car in cars for number in (car.vin, car.registration_number, car.listing_number)]
    assert len(set(numbers)) == len(numbers)
    assert in_stock.isdisjoint(numbers)
    assert all(check_digit_holds(car.vin) for car in cars)
    brands = {dealer.account.id: dealer.account.brands for dealer in world.network.dealers}
    for car in cars:
        [dealer] = [one.account_id for one in car.account_participants if one.role == "SELLING_DEALER"]
        assert world.variants[car.variant].make in brands[dealer]


def test_households_know_each_other_both_ways(customers: list[Customer]) -> None:
    members = [customer for customer in customers if customer.household]
    assert len(members) > 100
    for customer in members:
        for one, other in (customer.household, customer.family):
            assert (one.from_id, one.to_id) == (other.to_id, other.from_id)
        assert {tuple(relation.role for relation in customer.family)} <= {("SPOUSE", "SPOUSE"), ("PARENT", "CHILD")}


def test_the_first_customers_are_served_by_different_dealer_groups(customers: list[Customer], world: World) -> None:
    group = {dealer.account.id: dealer.group for dealer in world.network.dealers}
    assert len(customers[0].cars) == 2
    assert customers[1].family
    assert customers[2].account.kind == "PERSON"
    assert not customers[2].household
    assert [group[customers[at].dealers[0].from_id] for at in (0, 2)] == [0, 1]
