"""The demo's customers as rows of the record tables, and its users."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from service.auth.demo import SeedUser
from service.demo.customers import Customer, Relation
from service.demo.identity import uuid_text
from service.demo.owned_cars import OwnedCar, Participant
from service.demo.records import Batch, Row, accounts, batch, json
from service.demo.users import USERS, Belongs
from service.demo.world import World

KM_PER_MILE = 1.609344


def customers(world: World, made: Sequence[Customer]) -> Iterator[Batch]:
    """Customers with contacts, relations, cars and their histories."""
    cars = [(customer, car) for customer in made for car in customer.cars]
    yield accounts(customer.account for customer in made)
    yield batch(
        "contact",
        "id account_id first_name last_name email phone",
        (
            (one.id, one.account_id, one.first_name, one.last_name, one.email, one.phone)
            for customer in made
            for one in customer.contacts
        ),
    )
    between_accounts = [one for customer in made for one in (*customer.dealers, *customer.household)]
    yield _relations("account_account_relation", "related_account_id", between_accounts)
    yield _family([one for customer in made for one in customer.family])
    yield batch(
        "asset",
        "id name serial_number product_id brand account_id contact_id manufactured_on purchased_on",
        (_asset(world, customer, car) for customer, car in cars),
    )
    yield batch(
        "asset_account_participant",
        "id asset_id account_id role usage starts_on ends_on",
        (
            (one.id, one.asset_id, one.account_id, one.role, _usage(customer, one), one.starts_on, one.ends_on)
            for customer, car in cars
            for one in car.account_participants
        ),
    )
    yield batch(
        "asset_contact_participant",
        "id asset_id contact_id account_id role starts_on ends_on",
        (
            (one.id, one.asset_id, one.contact_id, one.account_id, one.role, one.starts_on, one.ends_on)
            for _, car in cars
            for one in car.contact_participants
        ),
    )
    yield batch(
        "asset_milestone",
        "id asset_id account_id brand type on location_id is_verified",
        (
            (one.id, one.asset_id, customer.account.id, world.variants[car.variant].brand, one.type, one.on,
             one.location_id, True)
            for customer, car in cars
            for one in car.milestones
        ),
    )  # fmt: skip
    yield batch(
        "vehicle",
        "id listing_number vin registration_number definition_id asset_id owner_account_id brand make model trim "
        "model_year model_code body_style drivetrain fuel_type transmission exterior_color interior_color condition "
        "odometer_value odometer_unit odometer_status odometer_km",
        (_vehicle(world, customer, car) for customer, car in cars),
    )


def _relations(table: str, other: str, made: Sequence[Relation]) -> Batch:
    return batch(
        table,
        f"id account_id {other} role starts_on",
        ((one.id, one.account_id, one.to_id, one.role, one.starts_on) for one in made),
    )


def _family(made: Sequence[Relation]) -> Batch:
    return batch(
        "contact_contact_relation",
        "id account_id contact_id related_contact_id role starts_on",
        ((one.id, one.account_id, one.from_id, one.to_id, one.role, one.starts_on) for one in made),
    )


def _usage(customer: Customer, participant: Participant) -> str | None:
    if participant.role != "OWNER":
        return None
    return "COMPANY" if customer.account.kind == "BUSINESS" else "PRIVATE"


def _asset(world: World, customer: Customer, car: OwnedCar) -> Row:
    variant = world.variants[car.variant]
    name = f"{variant.model_year} {variant.make} {variant.model}"
    product = world.products.get((variant.make, variant.model))
    return (car.asset_id, name, car.vin, product, variant.brand, customer.account.id, customer.contacts[0].id,
            car.manufactured_on, car.purchased_on)  # fmt: skip


def _vehicle(world: World, customer: Customer, car: OwnedCar) -> Row:
    variant = world.variants[car.variant]
    miles = customer.account.country != "DE"
    shown = int(car.odometer_km / KM_PER_MILE) if miles else car.odometer_km
    km = int(shown * KM_PER_MILE + 0.5) if miles else shown
    return (car.vehicle_id, car.listing_number, car.vin, car.registration_number, variant.id, car.asset_id,
            customer.account.id, variant.brand, variant.make, variant.model, variant.trim, variant.model_year,
            variant.model_code, variant.body_style, variant.drivetrain, variant.fuel_type, variant.transmission,
            car.exterior_color, car.interior_color, "USED", shown, "MI" if miles else "KM", "ACTUAL", km)  # fmt: skip


def users(world: World, first: Sequence[Customer]) -> tuple[Batch, list[SeedUser]]:
    """The contacts of the demo's partners, and all its users; `first` are the first three customers."""
    contacts: list[Row] = []
    people: list[SeedUser] = []
    places = _accounts(world, first)
    for at, user in enumerate(USERS):
        account_id = places[user.belongs_to]
        contact_id: str | None = None
        if user.persona == "CUSTOMER":
            contact_id = next(one.contacts[0].id for one in first if one.account.id == account_id)
        elif user.persona == "PARTNER":
            contact_id = uuid_text(world.seed, "user_contact", at)
            given, _, family = user.name.partition(" ")
            contacts.append((contact_id, account_id, given, family, user.email))
        people.append(
            SeedUser(
                id=uuid_text(world.seed, "user", at),
                email=user.email,
                name=user.name,
                persona=user.persona,
                licence=user.licence,
                role=user.role,
                account_id=account_id,
                contact_id=contact_id,
            )
        )
    return batch("contact", "id account_id first_name last_name email", contacts), people


def saved_searches(people: Sequence[SeedUser]) -> Batch:
    """A search that the first demo customer keeps: the worker begins to watch it when it sees it."""
    customer = next(one for one in people if one.persona == "CUSTOMER")
    criteria = {"condition": ["NEW", "CERTIFIED"], "body_style": ["SUV"], "price": {"lte": "45000"}}
    sort = [{"by": "price", "order": "asc"}]
    return batch(
        "saved_search",
        "id user_id name criteria sort alert",
        [(customer.id, customer.id, "A nearly new SUV", json(criteria), json(sort), "DAILY")],
    )


def _accounts(world: World, first: Sequence[Customer]) -> dict[Belongs, str | None]:
    network = world.network
    other_group = min(1, len(network.groups) - 1)
    return {
        "FIRST_CUSTOMER": first[0].account.id,
        "SINGLE_CUSTOMER": first[2].account.id,
        "DEALER": network.dealers[0].account.id,
        "DEALER_GROUP": network.groups[0].id,
        "OTHER_GROUPS_DEALER": next(one.account.id for one in network.dealers if one.group == other_group),
        "SUPPLIER": network.suppliers[0].id,
        "OEM": None,
    }
