"""The demo world: one organisation with its dealers, places, stock and customers, the same for the same seed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from functools import cached_property

from inventory.vehicle_row import VehicleRow
from service.demo.catalogue import Catalogue, Variant, build_catalogue
from service.demo.customers import Customer, Customers
from service.demo.identity import uuid_text
from service.demo.network import Account, Location, Network, build_network
from service.demo.stock import BLOCK, Stock
from service.demo.stock_columns import StockColumns, rows

SEED = 20_261
AS_OF = date(2026, 11, 2)
VEHICLES, DEALERS, GROUPS, CUSTOMERS = 20_000, 60, 12, 800
VEHICLES_PER_DEALER = 1_600
MOST_VEHICLES = 10_000_000


class World:
    """A world of `vehicles` cars in stock, made piece by piece as it is read.

    Without `dealers` there are 60 in 12 groups, and in worlds too big for them one for each 1,600 vehicles.
    `as_of` is the day on which the stock stands as it does. Raises ValueError for more than ten million vehicles.
    """

    def __init__(
        self,
        seed: int = SEED,
        vehicles: int = VEHICLES,
        *,
        dealers: int | None = None,
        groups: int | None = None,
        customers: int = CUSTOMERS,
        as_of: date = AS_OF,
    ):
        if not 0 <= vehicles <= MOST_VEHICLES:
            raise ValueError(f"a demo world has at most {MOST_VEHICLES:,} vehicles")
        self.seed = seed
        self.vehicles = vehicles
        self.dealers = dealers or max(DEALERS, vehicles // VEHICLES_PER_DEALER)
        self.groups = groups or max(1, self.dealers * GROUPS // DEALERS)
        self.customers_count = customers
        self.as_of = as_of

    @cached_property
    def catalogue(self) -> Catalogue:
        """Every model on offer, up to next year's."""
        return build_catalogue(self.as_of.year + 1)

    @property
    def variants(self) -> tuple[Variant, ...]:
        """The vehicle definitions, in the order that stock columns index."""
        return self.catalogue.variants

    @cached_property
    def products(self) -> dict[tuple[str, str], str]:
        """The ids of the products, one for each model of the organisation's brands."""
        models = dict.fromkeys((one.make, one.model) for one in self.variants if one.brand is not None)
        return {model: uuid_text(0, "product", at) for at, model in enumerate(models)}

    @cached_property
    def network(self) -> Network:
        """The organisation, its trading partners and all places."""
        return build_network(self.seed, self.dealers, self.groups)

    @property
    def accounts(self) -> tuple[Account, ...]:
        """All accounts but the customers', parents first."""
        return self.network.accounts

    @property
    def locations(self) -> tuple[Location, ...]:
        """All locations, in the order that stock columns index, parents first."""
        return self.network.locations

    @cached_property
    def _stock(self) -> Stock:
        return Stock(self.seed, self.catalogue, self.network, self.as_of)

    def stock(self) -> Iterator[StockColumns]:
        """The cars in stock as batches of columns; memory holds one batch at a time."""
        for number in range(-(-self.vehicles // BLOCK)):
            block = self._stock.block(number)
            left = self.vehicles - number * BLOCK
            yield block if left >= BLOCK else block.first(left)

    def vehicle_rows(self) -> Iterator[VehicleRow]:
        """The cars in stock, flattened."""
        for block in self.stock():
            yield from rows(block)

    def customers(self) -> Iterator[Customer]:
        """The customers with their contacts, cars and relations."""
        return iter(Customers(self.seed, self.catalogue, self.network, self.as_of, self.customers_count))


def vehicle_rows(n: int, seed: int = SEED) -> Iterator[VehicleRow]:
    """`n` flattened vehicles of the world of that seed."""
    return World(seed, n).vehicle_rows()


def tiny(seed: int = SEED) -> World:
    """A world for tests: 3 dealers in 2 groups, 50 vehicles, 12 customers."""
    return World(seed, 50, dealers=3, groups=2, customers=12)
