"""The demo's default world and a tiny one, generated once."""

import os
from collections.abc import AsyncIterator
from io import StringIO

import asyncpg
import pytest

from inventory.importing.values import Aliases, shipped_spellings
from inventory.vehicle_row import VehicleRow
from service.demo.customers import Customer
from service.demo.load import load_world
from service.demo.world import World, tiny
from service.ops import postgres
from service.ops.database import Addresses, other_database
from service.ops.progress import Progress


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


@pytest.fixture(scope="package")
async def loaded(server: postgres.Server, template: Addresses, small_world: World) -> AsyncIterator[str]:
    """Owner's address of a database that holds the tiny world; tests read it, or change nothing by writing."""
    assert template.owner is not None
    name = f"demo_{os.getpid()}"
    admin = await asyncpg.connect(server.dsn())
    try:
        await admin.execute("select pg_advisory_lock(1)")  # a template in use by another clone is refused
        await admin.execute(f"create database {name} template forecourt_template owner forecourt_template_migrator")
        await admin.execute("select pg_advisory_unlock(1)")
        owner = other_database(template.owner, name)
        await load_world(small_world, owner, Progress(StringIO()))
        yield owner
    finally:
        await admin.execute(f"drop database if exists {name} with (force)")
        await admin.close()
