"""The demo's organisation and its trading partners: dealer groups and branches, suppliers, and all places.

A location's parent is the site that supplies it: dealer's lot → regional distribution centre → hub → central hub.
"""

from __future__ import annotations

import msgspec
import numpy as np

from service.demo.identity import uuid_text
from service.demo.market import FRANCHISES, ORGANISATION, OWN_BRANDS
from service.demo.names import GROUP_NAMES, SUPPLIER_NAMES, address, group_name, phone
from service.demo.places import Place, load_places, place

ORGANISATION_KEY = "oem"
EARTH_RADIUS_KM = 6371.0088

# (code, kind, city, region, parent's code); the central hub comes before those it supplies.
SITES = (
    ("HUB-CENTRAL", "HUB", "Louisville", "KY", None),
    ("HUB-WEST", "HUB", "Salt Lake City", "UT", "HUB-CENTRAL"),
    ("HUB-EUROPE", "HUB", "Frankfurt am Main", "HE", "HUB-CENTRAL"),
    ("DC-WEST", "DISTRIBUTION_CENTER", "Riverside", "CA", "HUB-WEST"),
    ("DC-SOUTH", "DISTRIBUTION_CENTER", "Dallas", "TX", "HUB-CENTRAL"),
    ("DC-SOUTHEAST", "DISTRIBUTION_CENTER", "Atlanta", "GA", "HUB-CENTRAL"),
    ("DC-NORTHEAST", "DISTRIBUTION_CENTER", "Allentown", "PA", "HUB-CENTRAL"),
    ("DC-EUROPE", "DISTRIBUTION_CENTER", "Köln", "NW", "HUB-EUROPE"),
    ("PLANT-NORTH", "PLANT", "Lansing", "MI", None),
    ("PLANT-SOUTH", "PLANT", "Huntsville", "AL", None),
    ("PORT-EAST", "PORT", "Baltimore", "MD", None),
    ("PARTS-CENTRAL", "WAREHOUSE", "Columbus", "OH", "HUB-CENTRAL"),
)
FOREIGN_GROUPS = {10: "DE", 11: "GB"}  # of each twelve groups one is German and one British


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """A company or a private person that the organisation deals with.

    `type` is OEM, DEALER_GROUP, DEALER, SUPPLIER or CUSTOMER; `brands` are a dealer's franchises.
    """

    id: str
    code: str
    name: str
    kind: str
    type: str
    is_partner: bool
    parent_id: str | None
    brands: tuple[str, ...]
    address: str
    city: str
    region: str
    postcode: str
    country: str
    time_zone: str
    phone: str
    email: str


class Location(msgspec.Struct, frozen=True, kw_only=True):
    """A place where vehicles or parts stand or are worked on; degrees of WGS 84."""

    id: str
    code: str
    name: str
    kind: str
    latitude: float
    longitude: float
    address: str
    city: str
    region: str
    postcode: str
    country: str
    time_zone: str
    parent_location_id: str | None
    account_id: str


class Dealer(msgspec.Struct, frozen=True):
    """A branch: its account, its group's number, its lot and its part of all dealers' stock (parts sum to 1)."""

    account: Account
    group: int
    lot: Location
    service_center: Location
    share: float


class Network(msgspec.Struct, frozen=True):
    """Everything that trades and every place, in a fixed order: the organisation and its sites first."""

    organisation: Account
    groups: tuple[Account, ...]
    dealers: tuple[Dealer, ...]
    suppliers: tuple[Account, ...]
    sites: tuple[Location, ...]

    @property
    def accounts(self) -> tuple[Account, ...]:
        """All accounts but the customers', parents before their children."""
        return (self.organisation, *self.groups, *(dealer.account for dealer in self.dealers), *self.suppliers)

    @property
    def locations(self) -> tuple[Location, ...]:
        """All locations, parents before their children."""
        lots = tuple(dealer.lot for dealer in self.dealers)
        return (*self.sites, *lots, *(dealer.service_center for dealer in self.dealers))


def distance_km(from_latitude: float, from_longitude: float, to_latitude: float, to_longitude: float) -> float:
    """The great circle between two points in degrees, on a sphere."""
    one, other = np.radians([from_latitude, from_longitude]), np.radians([to_latitude, to_longitude])
    half = np.sin((other - one) / 2) ** 2
    return float(2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(half[0] + np.cos(one[0]) * np.cos(other[0]) * half[1])))


def _sites(seed: int, rng: np.random.Generator, organisation_id: str) -> tuple[Location, ...]:
    made: dict[str, Location] = {}
    for ordinal, (code, kind, city, region, parent) in enumerate(SITES):
        where = place(city, region)
        made[code] = Location(
            id=uuid_text(seed, "site", ordinal),
            code=code,
            name=f"{ORGANISATION} {kind.replace('_', ' ').capitalize()} {city}",
            kind=kind,
            latitude=where.latitude,
            longitude=where.longitude,
            address=address(rng, where.country),
            city=city,
            region=region,
            postcode=where.postcode,
            country=where.country,
            time_zone=where.time_zone,
            parent_location_id=made[parent].id if parent else None,
            account_id=organisation_id,
        )
    return tuple(made.values())


def _account(
    seed: int, rng: np.random.Generator, ordinal: int, where: Place, *, code: str, name: str, kind: str,
    parent_id: str | None = None, brands: tuple[str, ...] = (),
) -> Account:  # fmt: skip
    return Account(
        id=uuid_text(seed, "account", ordinal),
        code=code,
        name=name,
        kind="BUSINESS",
        type=kind,
        is_partner=kind in {"DEALER_GROUP", "DEALER", "SUPPLIER"},
        parent_id=parent_id,
        brands=brands,
        address=address(rng, where.country),
        city=where.city,
        region=where.region,
        postcode=where.postcode,
        country=where.country,
        time_zone=where.time_zone,
        phone=phone(where.country, ordinal),
        email=f"{code.lower()}@demo.forecourt.example",
    )


def _group_sizes(rng: np.random.Generator, dealers: int, groups: int) -> list[int]:
    weights = rng.lognormal(0.0, 0.5, groups)
    for number in range(groups):
        if number % 12 in FOREIGN_GROUPS:
            weights[number] *= 0.7
    return [int(1 + extra) for extra in rng.multinomial(dealers - groups, weights / weights.sum())]


def _branch_places(rng: np.random.Generator, group: int, size: int) -> list[Place]:
    """Where a group's branches stand: about its home, in bigger cities rather than in small ones."""
    country = FOREIGN_GROUPS.get(group % 12, "US")
    known = [where for where in load_places() if where.country == country]
    population = np.array([where.population_thousands for where in known], dtype=float)
    home = known[0] if group == 0 else known[rng.choice(len(known), p=population / population.sum())]
    away = np.array([distance_km(home.latitude, home.longitude, to.latitude, to.longitude) for to in known])
    weights = population * np.exp(-away / 350.0)
    return [home, *(known[at] for at in rng.choice(len(known), size - 1, p=weights / weights.sum()))]


def _franchises(rng: np.random.Generator, dealer: int) -> tuple[str, ...]:
    if dealer < len(FRANCHISES):
        return FRANCHISES[dealer][0]
    weights = np.array([weight for _, weight in FRANCHISES], dtype=float)
    return FRANCHISES[rng.choice(len(FRANCHISES), p=weights / weights.sum())][0]


def _nearest(where: Place, centers: list[Location]) -> Location:
    return min(centers, key=lambda site: distance_km(where.latitude, where.longitude, site.latitude, site.longitude))


def build_network(seed: int, dealers: int, groups: int) -> Network:
    """The network of a world; raises ValueError unless every group can have a branch.

    The first group's home is New York and its first branch sells the first brand, so that tours have a fixed start.
    """
    if not 1 <= groups <= dealers:
        raise ValueError("a dealer group needs at least one branch")
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(1,))))
    organisation = _account(
        seed, rng, 0, place("Detroit", "MI"), code=ORGANISATION_KEY, name=ORGANISATION, kind="OEM",
        brands=OWN_BRANDS,
    )  # fmt: skip
    sites = _sites(seed, rng, organisation.id)
    centers = [site for site in sites if site.kind == "DISTRIBUTION_CENTER"]
    shares = rng.lognormal(0.0, 0.6, dealers)
    shares /= shares.sum()
    group_accounts: list[Account] = []
    branches: list[Dealer] = []
    for group, size in enumerate(_group_sizes(rng, dealers, groups)):
        places = _branch_places(rng, group, size)
        name = group_name(group)
        parent = _account(
            seed, rng, 1 + group, places[0], code=f"G{group + 1:04d}", name=name, kind="DEALER_GROUP"
        )  # fmt: skip
        group_accounts.append(parent)
        short_name = name.split(" ")[0] if group < len(GROUP_NAMES) else name
        in_city: dict[str, int] = {}
        for where in places:
            number = len(branches)
            brands = _franchises(rng, number)
            in_city[where.city] = in_city.get(where.city, 0) + 1
            again = f" {in_city[where.city]}" if in_city[where.city] > 1 else ""
            account = _account(
                seed, rng, 1 + groups + number, where, code=f"D{number + 1:05d}",
                name=f"{short_name} {where.city}{again}", kind="DEALER", parent_id=parent.id, brands=brands,
            )  # fmt: skip
            lot, center = _dealer_locations(seed, rng, number, account, where, _nearest(where, centers).id)
            branches.append(Dealer(account, group, lot, center, float(shares[number])))
    suppliers = tuple(
        _account(seed, rng, 1 + groups + dealers + at, place("Toledo", "OH"), code=f"S{at + 1:04d}", name=name,
                 kind="SUPPLIER")
        for at, name in enumerate(SUPPLIER_NAMES)
    )  # fmt: skip
    return Network(organisation, tuple(group_accounts), tuple(branches), suppliers, sites)


def _dealer_locations(
    seed: int, rng: np.random.Generator, number: int, account: Account, where: Place, center_id: str
) -> tuple[Location, Location]:
    north, east = rng.normal(0.0, 0.07, 2)
    lot = Location(
        id=uuid_text(seed, "lot", number),
        code=f"{account.code}-LOT",
        name=account.name,
        kind="DEALER_LOT",
        latitude=round(where.latitude + float(north), 4),
        longitude=round(where.longitude + float(east), 4),
        address=account.address,
        city=where.city,
        region=where.region,
        postcode=where.postcode,
        country=where.country,
        time_zone=where.time_zone,
        parent_location_id=center_id,
        account_id=account.id,
    )
    service = msgspec.structs.replace(
        lot,
        id=uuid_text(seed, "service_center", number),
        code=f"{account.code}-SVC",
        name=f"{account.name} Service",
        kind="SERVICE_CENTER",
        parent_location_id=lot.id,
    )
    return lot, service
