"""What the tests of alerts do: cars come and go, Ada keeps searches, workers take steps."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from decimal import Decimal
from typing import Any

from domain.kit.money import Money
from domain.kit.policy import Principal
from domain.kit.store import Context
from domain.saved_searches import SavedSearch
from inventory.criteria import Criteria, Range
from inventory.records import StockEntry, Vehicle
from service.jobs.alerts import Alerts
from tests.service.jobs.conftest import Place

SYNC = Principal("SYSTEM", client_id="dms", scopes=frozenset({"inventory.sync"}))
TOYOTA = Criteria(make=["toyota"], price=Range(lte=Decimal(20_000)))


class Watch:
    """A place with cars and saved searches in it."""

    def __init__(self, place: Place):
        self.place = place
        self.alerts = Alerts(place.services)

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[Context]:
        async with self.place.services.context(SYNC) as ctx:
            yield ctx

    async def car(self, price: int | None = 15_000, make: str = "Toyota", **entry: Any) -> str:
        """A car with an open entry."""
        async with self.writing() as ctx:
            car = await ctx.create(Vehicle, make=make, model="Corolla", condition="USED")
            await self._enter(ctx, car.id, price, **entry)
        return car.id

    async def _enter(self, ctx: Context, car: str, price: int | None, **entry: Any) -> None:
        money = None if price is None else Money.of(price * 100, "USD")
        await ctx.create(StockEntry, vehicle_id=car, in_stock_since=date(2026, 1, 1), price=money, **entry)

    async def change(self, car: str, **changes: Any) -> None:
        """Change the open entry of a car."""
        async with self.writing() as ctx:
            (entry,) = await ctx.where(StockEntry, "vehicle_id = $1 and left_on is null", car)
            await ctx.update(entry, **changes)

    async def come_back(self, car: str, price: int = 15_000) -> None:
        """The car leaves its stock and comes back as a new entry."""
        await self.change(car, left_on=date(2026, 2, 1), status="SOLD")
        async with self.writing() as ctx:
            await self._enter(ctx, car, price)

    async def save(self, criteria: Criteria = TOYOTA, **more: Any) -> SavedSearch:
        """Ada saves a search."""
        values = {"name": "My car", "alert": "IMMEDIATE", **more}
        async with self.place.services.context(self.place.customer) as ctx:
            return await ctx.create(SavedSearch, criteria=criteria, **values)

    async def edit(self, search: SavedSearch, **changes: Any) -> None:
        async with self.place.services.context(self.place.customer) as ctx:
            await ctx.update(await ctx.get(SavedSearch, search.id), **changes)

    async def steps(self) -> None:
        """Steps until there is nothing left to look at."""
        while await self.alerts.step():
            pass

    async def told(self) -> list[str]:
        """The cars of all messages."""
        rows = await self.place.ask(
            "select coalesce(array_agg(vehicle_id::text order by told_at, vehicle_id), '{}') from saved_search_match "
            "where message_id is not null"
        )
        return list(rows)

    async def messages(self) -> int:
        count: int = await self.place.ask("select count(*) from message where template = 'saved_search_alert'")
        return count
