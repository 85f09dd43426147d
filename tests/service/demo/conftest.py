"""The demo's default world and a tiny one, generated once."""

import pytest

from inventory.importing.values import Aliases, shipped_spellings
from inventory.vehicle_row import VehicleRow
from service.demo.customers import Customer
from service.demo.world import World, tiny


@pytest.fixture(scope="package")
def aliases() -> Aliases:
    """The spellings of values that imports know."""
    return Aliases(shipped_spellings())


@pytest.fixture(scope="package")
def world() -> World:
    return World()


@pytest.fixture(scope="package")
def stock(world: World) -> list[VehicleRow]:
    return list(world.vehicle_rows())


@pytest.fixture(scope="package")
def customers(world: World) -> list[Customer]:
    return list(world.customers())


@pytest.fixture(scope="package")
def small_world() -> World:
    return tiny()
