"""The demo's customers: private people in households and businesses, with their contacts, cars and dealers.

People are invented: names from made-up lists, telephone numbers kept for fiction, addresses that do not exist.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import msgspec
import numpy as np

from service.demo.catalogue import Catalogue
from service.demo.identity import uuid_text
from service.demo.names import BUSINESS_NAMES, FIRST_NAMES, address, family_name, phone
from service.demo.network import Account, Dealer, Network
from service.demo.owned_cars import Garage, OwnedCar, Owners

FIRST_ACCOUNT_ORDINAL = 1_000_000  # beyond every dealer's account
CONTACTS_EACH = 4
BUSINESS_SHARE, HOUSEHOLD_SHARE = 0.12, 0.38
HOUSEHOLD_DAYS = 1_500


class Contact(msgspec.Struct, frozen=True, kw_only=True):
    """A person of an account."""

    id: str
    account_id: str
    first_name: str
    last_name: str
    email: str
    phone: str


class Relation(msgspec.Struct, frozen=True, kw_only=True):
    """What one account or contact (`from_id`) is to another from a day on; `account_id` is the account of the first."""

    id: str
    account_id: str
    from_id: str
    to_id: str
    role: str
    starts_on: date


class Customer(msgspec.Struct, frozen=True, kw_only=True):
    """A private person or a business with everything that hangs on it.

    `dealers` are relations from dealers' accounts to this one, `household` relations between accounts and `family`
    between contacts, each with its inverse. All point to customers that came before, or to this one.
    """

    account: Account
    contacts: tuple[Contact, ...]
    cars: tuple[OwnedCar, ...]
    dealers: tuple[Relation, ...]
    household: tuple[Relation, ...]
    family: tuple[Relation, ...]


class _Home(msgspec.Struct, frozen=True):
    """What the members of a household share."""

    dealer: Dealer
    family_name: str
    address: str
    members: int
    business: bool


class Customers:
    """The customers of a world, one after the other; iterating again gives the same again."""

    def __init__(self, seed: int, catalogue: Catalogue, network: Network, as_of: date, count: int):
        self.seed = seed
        self.dealers = network.dealers
        self.as_of = as_of
        self.count = count
        self.garage = Garage(seed, catalogue, as_of)
        self.shares = np.array([dealer.share for dealer in self.dealers])

    def __iter__(self) -> Iterator[Customer]:
        rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence(self.seed, spawn_key=(3,))))
        made, homes, cars = 0, 0, 0
        while made < self.count:
            home = self._home(rng, homes)
            homes += 1
            head: Customer | None = None
            for member in range(min(home.members, self.count - made)):
                customer = self._customer(rng, made, home, member, head, cars)
                head = head or customer
                made += 1
                cars += len(customer.cars)
                yield customer

    def _home(self, rng: np.random.Generator, number: int) -> _Home:
        """The first two homes are the demo users': a couple at the first dealer group, a single at the second.

        The first customer has two cars, one of them recent.
        """
        kind = rng.random()
        dealer = self.dealers[int(rng.choice(len(self.dealers), p=self.shares))]
        if number < 2:
            kind = 1.0
            last_group = self.dealers[-1].group
            dealer = next(dealer for dealer in self.dealers if dealer.group == min(number, last_group))
        business = kind < BUSINESS_SHARE
        together = not business and kind < BUSINESS_SHARE + HOUSEHOLD_SHARE
        members = 2 if number == 0 else int(rng.integers(2, 4)) if together else 1
        return _Home(dealer, family_name(rng), address(rng, dealer.lot.country), members, business)

    def _customer(
        self, rng: np.random.Generator, number: int, home: _Home, member: int, head: Customer | None, first_car: int
    ) -> Customer:
        first_name = FIRST_NAMES[int(rng.integers(len(FIRST_NAMES)))]
        trade = BUSINESS_NAMES[int(rng.integers(len(BUSINESS_NAMES)))]
        name = f"{home.family_name} {trade}" if home.business else f"{first_name} {home.family_name}"
        account = self._account(number, home, name)
        contacts = tuple(
            self._contact(rng, number, at, account, home.family_name if at == 0 else family_name(rng), first_name)
            for at in range(int(rng.integers(1, CONTACTS_EACH)) if home.business else 1)
        )
        owned = int(rng.integers(2, 6)) if home.business else int(rng.choice([1, 2, 3], p=[0.72, 0.23, 0.05]))
        if number == 0:
            owned = 2
        if head is not None:
            owned = int(rng.random() < 0.4)
        people = [(contacts[0], "CONTACT" if home.business else "OWNER")]
        people += [(contact, "DRIVER") for contact in (*contacts[1:], *(head.contacts if head else ()))]
        owners = Owners(
            account.id,
            self._account_id(int(rng.integers(number))) if number else None,
            tuple((contact.account_id, contact.id, role) for contact, role in people),
        )
        cars = tuple(
            self.garage.car(rng, first_car + at, home.dealer, owners, recent=number == 0 and at == 0)
            for at in range(owned)
        )
        roles = ("SERVICING_DEALER", "SELLING_DEALER") if cars else ("SERVICING_DEALER",)
        since = min((car.purchased_on for car in cars), default=self.as_of - timedelta(days=100))
        dealer_id = home.dealer.account.id
        return Customer(
            account=account,
            contacts=contacts,
            cars=cars,
            dealers=tuple(
                Relation(id=uuid_text(self.seed, "dealer_relation", number * 2 + at), account_id=dealer_id,
                         from_id=dealer_id, to_id=account.id, role=role, starts_on=since)
                for at, role in enumerate(roles)
            ),
            household=self._household(number, head, account),
            family=self._family(number, head, contacts[0], member),
        )  # fmt: skip

    def _account_id(self, number: int) -> str:
        return uuid_text(self.seed, "account", FIRST_ACCOUNT_ORDINAL + number)

    def _account(self, number: int, home: _Home, name: str) -> Account:
        lot = home.dealer.lot
        code = f"C{number + 1:06d}"
        return Account(
            id=self._account_id(number),
            code=code,
            name=name,
            kind="BUSINESS" if home.business else "PERSON",
            type="CUSTOMER",
            is_partner=False,
            parent_id=None,
            brands=(),
            address=home.address,
            city=lot.city,
            region=lot.region,
            postcode=lot.postcode,
            country=lot.country,
            time_zone=lot.time_zone,
            phone=phone(lot.country, number),
            email=f"{code.lower()}@customers.forecourt.example",
        )

    def _contact(
        self, rng: np.random.Generator, number: int, at: int, account: Account, last_name: str, first_name: str
    ) -> Contact:
        return Contact(
            id=uuid_text(self.seed, "contact", number * CONTACTS_EACH + at),
            account_id=account.id,
            first_name=first_name if at == 0 else FIRST_NAMES[int(rng.integers(len(FIRST_NAMES)))],
            last_name=last_name,
            email=account.email if at == 0 else f"{account.code.lower()}.{at}@customers.forecourt.example",
            phone=phone(account.country, number + at),
        )

    def _household(self, number: int, head: Customer | None, account: Account) -> tuple[Relation, ...]:
        if head is None:
            return ()
        return tuple(
            Relation(id=uuid_text(self.seed, "household", number * 2 + at), account_id=from_id, from_id=from_id,
                     to_id=to_id, role="HOUSEHOLD", starts_on=self.as_of - timedelta(days=HOUSEHOLD_DAYS))
            for at, (from_id, to_id) in enumerate(((head.account.id, account.id), (account.id, head.account.id)))
        )  # fmt: skip

    def _family(self, number: int, head: Customer | None, person: Contact, member: int) -> tuple[Relation, ...]:
        if head is None:
            return ()
        first = head.contacts[0]
        roles = ("SPOUSE", "SPOUSE") if member == 1 else ("PARENT", "CHILD")
        return tuple(
            Relation(id=uuid_text(self.seed, "family", number * 2 + at), account_id=one.account_id, from_id=one.id,
                     to_id=other.id, role=role, starts_on=self.as_of - timedelta(days=HOUSEHOLD_DAYS))
            for at, (one, other, role) in enumerate(((first, person, roles[0]), (person, first, roles[1])))
        )  # fmt: skip
