"""The cars that the demo's customers own, with who takes part in them and what happened to them."""

from __future__ import annotations

from datetime import date

import msgspec
import numpy as np

from service.demo import registration, vin
from service.demo.catalogue import Catalogue
from service.demo.equipment import EXTERIOR_COLORS, INTERIOR_COLORS
from service.demo.identity import texts, uuid_text
from service.demo.lives import Life, draw_life
from service.demo.network import Dealer
from service.demo.pools import CERTIFIED_POOL, USED_POOL, Pools
from service.demo.stock import COUNTRIES, listing_numbers

FIRST_ORDINAL = 12_000_000  # beyond every vehicle in stock, so that serial and listing numbers stay unique
KM_A_DAY, MOST_KM = 40.0, 350_000.0


class Participant(msgspec.Struct, frozen=True, kw_only=True):
    """What an account, or a contact of it, is to an asset from a day until a day."""

    id: str
    asset_id: str
    account_id: str
    contact_id: str | None
    role: str
    starts_on: date
    ends_on: date | None


class Milestone(msgspec.Struct, frozen=True, kw_only=True):
    """A dated event in the life of an asset."""

    id: str
    asset_id: str
    type: str
    on: date
    location_id: str | None


class OwnedCar(msgspec.Struct, frozen=True, kw_only=True):
    """A customer's car; `variant` indexes the world's variants."""

    asset_id: str
    vehicle_id: str
    listing_number: str
    vin: str
    registration_number: str
    variant: int
    exterior_color: str
    interior_color: str
    odometer_km: int
    manufactured_on: date
    purchased_on: date
    milestones: tuple[Milestone, ...]
    account_participants: tuple[Participant, ...]
    contact_participants: tuple[Participant, ...]


class Owners(msgspec.Struct, frozen=True):
    """Who takes part in a car: its account, the account that may have had it before, and (account, contact, role)."""

    account_id: str
    former_account_id: str | None
    people: tuple[tuple[str, str, str], ...]


class Garage:
    """Makes owned cars by their ordinal."""

    def __init__(self, seed: int, catalogue: Catalogue, as_of: date):
        self.seed = seed
        self.variants = catalogue.variants
        self.as_of = as_of
        self.pools = Pools(catalogue, as_of.year)

    def car(self, rng: np.random.Generator, ordinal: int, dealer: Dealer, owners: Owners, *, recent: bool) -> OwnedCar:
        """A car of the dealer's brands that `owners` own today; a `recent` one is at most six years old."""
        franchise = np.array([self.pools.franchise(dealer.account.brands)])
        at = int(self.pools.draw(rng, franchise, np.array([CERTIFIED_POOL if recent else USED_POOL]))[0])
        variant = self.variants[at]
        life = draw_life(rng, variant.model_year, self.as_of)
        ordinals = np.array([FIRST_ORDINAL + ordinal], dtype=np.int64)
        country = np.array([COUNTRIES.index(dealer.lot.country)], dtype=np.int8)
        prefix = np.frombuffer(variant.vin_prefix.encode(), dtype=np.uint8)[None, :]
        year = np.array([variant.model_year], dtype=np.int32)
        asset_id = uuid_text(self.seed, "asset", ordinal)
        return OwnedCar(
            asset_id=asset_id,
            vehicle_id=uuid_text(self.seed, "vehicle", FIRST_ORDINAL + ordinal),
            listing_number=texts(listing_numbers(ordinals, self.seed))[0],
            vin=texts(vin.vins(prefix, year, vin.serials(ordinals, self.seed)))[0],
            registration_number=texts(registration.numbers(ordinals, self.seed, country, np.array([True])))[0],
            variant=at,
            exterior_color=_one_of(rng, EXTERIOR_COLORS),
            interior_color=_one_of(rng, INTERIOR_COLORS),
            odometer_km=int(min(rng.lognormal(np.log(KM_A_DAY), 0.3) * (self.as_of - life.sold).days, MOST_KM)),
            manufactured_on=life.milestones[0][1],
            purchased_on=life.purchased,
            milestones=self._milestones(ordinal, asset_id, dealer, life),
            account_participants=self._accounts(ordinal, asset_id, dealer, owners, life),
            contact_participants=tuple(
                Participant(
                    id=uuid_text(self.seed, "contact_participant", ordinal * 8 + at), asset_id=asset_id,
                    account_id=account_id, contact_id=contact_id, role=role, starts_on=life.purchased, ends_on=None,
                )
                for at, (account_id, contact_id, role) in enumerate(owners.people)
            ),
        )  # fmt: skip

    def _milestones(self, ordinal: int, asset_id: str, dealer: Dealer, life: Life) -> tuple[Milestone, ...]:
        places = {"RECEIVED": dealer.lot.id, "SOLD": dealer.lot.id}
        places |= dict.fromkeys(("FIRST_SERVICE", "RECALL_DONE"), dealer.service_center.id)
        return tuple(
            Milestone(
                id=uuid_text(self.seed, "milestone", ordinal * 16 + at), asset_id=asset_id, type=kind, on=on,
                location_id=places.get(kind),
            )
            for at, (kind, on) in enumerate(life.milestones)
        )  # fmt: skip

    def _accounts(
        self, ordinal: int, asset_id: str, dealer: Dealer, owners: Owners, life: Life
    ) -> tuple[Participant, ...]:
        roles: list[tuple[str, str, date, date | None]] = [
            (owners.account_id, "OWNER", life.purchased, None),
            (dealer.account.id, "SELLING_DEALER", life.purchased, None),
            (dealer.account.id, "SERVICING_DEALER", life.purchased, None),
        ]
        if owners.former_account_id is not None and life.purchased > life.sold:
            roles.append((owners.former_account_id, "OWNER", life.sold, life.purchased))
        return tuple(
            Participant(
                id=uuid_text(self.seed, "account_participant", ordinal * 8 + at), asset_id=asset_id,
                account_id=account_id, contact_id=None, role=role, starts_on=start, ends_on=end,
            )
            for at, (account_id, role, start, end) in enumerate(roles)
        )  # fmt: skip


def _one_of(rng: np.random.Generator, mix: dict[str, float]) -> str:
    weights = np.array(list(mix.values()))
    return list(mix)[int(rng.choice(len(mix), p=weights / weights.sum()))]
