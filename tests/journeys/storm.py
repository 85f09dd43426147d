"""Everything at once, and told afterwards: SQL writers, commands, imports, backends and workers killed."""

from __future__ import annotations

import asyncio
import random
import unicodedata
from collections import Counter
from datetime import date, timedelta
from typing import Any

import asyncpg
import httpx

from domain.kit.db import _prepare
from domain.kit.policy import WORKER
from inventory.movements import COMMANDS, end_lapsed_holds
from inventory.vehicle_row import CONDITIONS, HOLDS, STATUSES, VISIBILITIES
from inventory.vin import check_digit
from service.ops import postgres
from tests.inventory.importing.files import csv_of
from tests.journeys.served import Served
from tests.service.api.stock_world import BRAND, StockWorld

WRITERS, TRANSACTIONS = 8, 30
COMMANDING, COMMANDS_EACH = ("dealer", "sister", "manager", "dealer2", "distribution"), 90
NEXT = {"reserve": "release", "request_transfer": "approve", "approve": "dispatch", "dispatch": "receive"}
"""What mostly follows a command, by whoever may."""
NEW_CAR, NEW_CARS = "1FTEW1EG", 90
"""How the VIN of every imported car begins, and how many there are."""
WRITER = "storm writer"
KILLED = (*[WRITER] * 4, *["%forecourt_reader"] * 3, "forecourt%")
"""Backends by the names of their applications; any of the service seldom, for an import is many transactions."""
SPELLINGS = (str.upper, str.lower, str.title, lambda text: unicodedata.normalize("NFD", text))
MAKES = ("Škoda", "ŠKODA", "S\u030ckoda", "Straße", "STRASSE")
OPTIONS = ("ABS", "abs", "Heated seats", "HEATED SEATS", "Sun roof", "Ünïcode", "Ünïcode".upper())
ATTRIBUTES: tuple[dict[str, Any], ...] = (
    {"seats": 5}, {"seats": "5"}, {"seats": 7.0, "colour_code": "Weiß"}, {"colour_code": "WEISS"}, {"certified": True},
    {"range_km": 400.5}, {"range_km": 412.1, "certified": "true"}, {},
)  # fmt: skip
IMPORTED = [
    "vin", "make", "model", "trim", "model_year", "price", "currency", "condition", "stock_number", "options",
    "exterior_color", "odometer_km", "attributes.seats", "attributes.wheel_size", "location", "location_name",
    "country",
]  # fmt: skip


class _Undone(Exception):
    pass


class Storm:
    """What happened is counted in `told`; the same random numbers begin the same things, in an order of their own."""

    def __init__(self, world: StockWorld, owner: str, served: Served, server: postgres.Server, seed: int):
        """`owner`: the address of the database for the role that owns the tables."""
        self.world, self.owner, self.served, self.server = world, owner, served, server
        self.chance = random.Random(seed)
        self.told: Counter[str] = Counter()
        self._cars: list[tuple[str, str]] = []
        self._locations: list[str] = []
        self._waiting: list[tuple[str, str]] = []
        """Cars with the command that is next."""
        self._over = asyncio.Event()

    async def rage(self) -> None:
        """All of it, until what was to be written is written."""
        rows = await self.world.owner.fetch(
            "select vehicle_id::text, id::text from stock_entry where left_on is null order by vehicle_id"
        )
        self._cars = [(row[0], row[1]) for row in rows]
        self._locations = [row[0] for row in await self.world.owner.fetch("select id::text from location order by id")]
        killing = [asyncio.create_task(self._kill_backends()), asyncio.create_task(self._kill_worker())]
        try:
            await self._all_writing()
        finally:
            self._over.set()
            await asyncio.gather(*killing)
        await self._calm()

    async def _calm(self) -> None:
        """End what has lapsed, as the clock would within a minute: from now on nothing writes."""
        for _ in range(20):
            async with self.world.services.context(WORKER) as ctx:
                await end_lapsed_holds(ctx)
                if await ctx.db.fetchval("select pg_current_xact_id_if_assigned() is null"):
                    return
        raise AssertionError("holds lapse without end")

    async def _all_writing(self) -> None:
        await asyncio.gather(
            *(self._write(self._own_chance()) for _ in range(WRITERS)),
            *(self._command(name, self._own_chance()) for name in COMMANDING),
            self._import(self._own_chance()),
        )

    def _own_chance(self) -> random.Random:
        return random.Random(self.chance.randrange(2**32))

    async def _write(self, chance: random.Random) -> None:
        """Transactions by SQL alone, some undone, some slow, on a connection that is killed now and then."""
        connection: Any = None
        for _ in range(TRANSACTIONS):
            try:
                if connection is None:
                    connection = await asyncpg.connect(
                        self.owner, server_settings={"application_name": WRITER, "search_path": "public"}
                    )
                    await _prepare(connection)
                async with connection.transaction():
                    for car in sorted(chance.sample(self._cars, chance.randint(1, 5))):
                        await self._change(connection, *car, chance)
                        await asyncio.sleep(chance.choice((0, 0, 0.01, 0.05)))
                    if chance.random() < 0.15:
                        raise _Undone
                self.told["written"] += 1
            except _Undone:
                self.told["undone"] += 1
            except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError) as fault:
                self.told[f"writer: {type(fault).__name__}"] += 1
                if connection is not None:
                    connection.terminate()
                connection = None
        if connection is not None:
            connection.terminate()  # it may have been killed since: closing would ask it

    async def _change(self, connection: Any, vehicle: str, entry: str, chance: random.Random) -> None:
        """One change of one car. Those with an odd id are moved by commands: their status is left to them."""

        async def update(table: str, id: str, **values: Any) -> None:
            names, places = ", ".join(values), ", ".join(f"${place}" for place in range(2, len(values) + 2))
            await connection.execute(
                f"update {table} set ({names}) = row({places}) where id = $1", id, *values.values()
            )

        at = chance.choice(
            ("status", "status", "price", "price", "terms", "dates", "looks", "things", "brand", "place")
        )
        if at == "status":
            if int(vehicle[-1], 16) % 2 == 0:
                await update("stock_entry", entry, status=chance.choice(("IN_STOCK", *STATUSES)))
        elif at == "price":
            price = (chance.randrange(10**7), chance.choice(("USD", "EUR", "JPY")))
            minor, currency = chance.choice(((None, None), price, price))
            await update("stock_entry", entry, price_minor=minor, price_currency=currency)
        elif at == "terms":
            holds = chance.choice(([], [], [chance.choice(HOLDS)]))
            await update("stock_entry", entry, visibility=chance.choice(VISIBILITIES), holds=holds)
        elif at == "dates":
            since = date(2026, 11, 1) + timedelta(chance.randint(-90, 20))
            available = date(2026, 12, 1) + timedelta(chance.randint(0, 60))
            await update("stock_entry", entry, in_stock_since=since, available_on=available)
        elif at == "looks":
            make = await connection.fetchval("select make from vehicle where id = $1", vehicle)
            make = chance.choice((*MAKES, *(spelled(make) for spelled in SPELLINGS)))
            color = chance.choice((None, "Black", "black", "Weiß", "WEISS"))
            kilometres = chance.choice((None, chance.randrange(10**5)))
            await update("vehicle", vehicle, make=make, exterior_color=color, odometer_km=kilometres)
        elif at == "things":
            options = chance.sample(OPTIONS, chance.randint(0, 4))
            await update("vehicle", vehicle, options=options, attributes=chance.choice(ATTRIBUTES))
        elif at == "brand":
            brand = chance.choice((BRAND, "Honda"))
            await update("vehicle", vehicle, brand=brand)
            await update("stock_entry", entry, brand=brand)
        elif chance.random() < 0.7:
            await update("stock_entry", entry, location_id=chance.choice(self._locations))
        else:
            point = chance.choice(((None, None), (chance.uniform(30, 48), chance.uniform(-120, -75))))
            await update("location", chance.choice(self._locations), latitude=point[0], longitude=point[1])

    async def _command(self, name: str, chance: random.Random) -> None:
        """Commands and changes of one person over HTTP, wise and unwise."""
        token = self.world.callers[name].headers["authorization"].removeprefix("Bearer ")
        moved = [car for car, _ in self._cars if int(car[-1], 16) % 2]
        units = list(self.world.principals[name].group_units)
        standing = (
            "select array_agg(vehicle_id::text) from stock_entry where left_on is null and dealer_account_id = any($1)"
        )
        own = sorted(set(await self._asked(standing, units) or moved) & set(moved))[:30]
        places = await self._asked("select array_agg(id::text) from location where account_id = any($1)", units)
        refused: set[tuple[str, str]] = set()
        async with self.served.client(token) as caller:
            for _ in range(COMMANDS_EACH):
                vehicle, command = chance.choice(chance.choice((own, moved[:60]))), chance.choice((*COMMANDS, *NEXT))
                waiting = [one for one in self._waiting if one not in refused]
                if waiting and chance.random() < 0.8:
                    vehicle, command = chance.choice(waiting)
                    self._waiting.remove((vehicle, command))
                try:
                    if not waiting and chance.random() < 0.2:
                        command, answer = "patch", await _patched(caller, vehicle, chance)
                    else:
                        body: dict[str, Any] = {}
                        if command == "request_transfer":
                            body = {"to_location_id": chance.choice(places or self._locations)}
                        if command == "receive":
                            number = "select coalesce(vin, listing_number) from vehicle where id = $1"
                            body = {"scanned_vin": await self._asked(number, vehicle)}
                        answer = await caller.post(f"/api/v1/vehicles/{vehicle}/commands/{command}", json=body)
                except httpx.HTTPError as fault:
                    self.told[f"answer lost: {type(fault).__name__}"] += 1
                    await asyncio.sleep(0.2)
                    continue
                assert answer.status_code < 500 or answer.status_code == 503, answer.text
                done = answer.status_code < 300
                self.told[command if done else f"refused {answer.status_code}"] += 1
                if done and command in NEXT:
                    self._waiting.append((vehicle, NEXT[command]))
                elif waiting and answer.status_code == 403:  # somebody else may
                    self._waiting.append((vehicle, command))
                    refused.add((vehicle, command))

    async def _asked(self, query: str, *values: Any) -> Any:
        connection = await asyncpg.connect(self.owner)
        try:
            return await connection.fetchval(query, *values)
        finally:
            await connection.close()

    async def _import(self, chance: random.Random) -> None:
        """Cars taken in by a file, changed by a second one, and half of a place's closed by a complete one."""
        await self._take("", self._file(range(NEW_CARS - 10), chance))
        await self._take("", self._file(range(NEW_CARS // 2, NEW_CARS), chance))
        for place in chance.sample([lot.lot for lot in self.world.demo.network.dealers], 2):
            standing = (
                "select array_agg(distinct vin) from vehicle v join stock_entry e on e.vehicle_id = v.id "
                "where e.location_id = $1 and left_on is null and vin is not null"
            )
            vins = sorted(await self._asked(standing, place.id) or [])
            rows = [[vin, "Toyota", place.code] for vin in vins[: len(vins) // 2]]
            query = f"&mode=snapshot&confirm=true&scope={place.id}"
            await self._take(query, csv_of(["vin", "make", "location"], *rows))

    def _file(self, numbers: range, chance: random.Random) -> bytes:
        lots = [dealer.lot.code for dealer in self.world.demo.network.dealers]
        rows = []
        for number in numbers:
            text = f"{NEW_CAR}0JFA{number:05}"
            place = ["", "A place without a point", "US"] if number % 7 == 0 else [lots[number % len(lots)], "", ""]
            rows.append([
                text[:8] + check_digit(text) + text[9:], chance.choice((*MAKES, "Ford", "FORD")),
                chance.choice(("F-150", "f150")), chance.choice(("", "XLT", "xlt")), str(chance.randint(2015, 2026)),
                str(chance.randrange(90_000)), chance.choice(("USD", "EUR")), chance.choice(CONDITIONS), f"S-{number}",
                "|".join(chance.sample(OPTIONS, 2)), chance.choice(("Schwarz", "black", "Blue")),
                str(chance.randrange(200_000)), chance.choice(("5", "7")), chance.choice(("18.5", "19")), *place,
            ])  # fmt: skip
        return csv_of(IMPORTED, *rows)

    async def _take(self, query: str, data: bytes) -> None:
        """Send a file until it has been taken in: sent again it loses and doubles nothing."""
        token = self.world.callers["oem"].headers["authorization"].removeprefix("Bearer ")
        async with self.served.client(token, timeout=60) as caller:
            for _ in range(40):
                try:
                    path = f"/api/v1/vehicles/import?mapping=default{query}"
                    answer = await caller.post(path, content=data, headers={"content-type": "text/csv"})
                except httpx.HTTPError:
                    self.told["imports cut off"] += 1
                    await asyncio.sleep(0.2)
                    continue
                if answer.status_code == 503:
                    self.told["imports sent again"] += 1
                    await asyncio.sleep(0.2)
                    continue
                assert answer.status_code == 200, answer.text
                self.told["imported"] += 1
                return
        raise AssertionError("no import came through")

    async def _kill_backends(self) -> None:
        """End a backend of somebody who writes, of a follower or of any other part of the service, again and again."""
        admin = await asyncpg.connect(self.server.dsn())
        name = self.owner.partition("@/")[2].partition("?")[0]
        try:
            while not self._over.is_set():
                await asyncio.sleep(self.chance.uniform(0.02, 0.2))
                who = self.chance.choice(KILLED)
                killed = await admin.fetch(
                    "select pg_terminate_backend(pid) from (select pid from pg_stat_activity where datname = $1 "
                    "and application_name like $2 order by random() limit 1) one",
                    name,
                    who,
                )
                self.told[f"killed {who}"] += len(killed)
        finally:
            await admin.close()

    async def _kill_worker(self) -> None:
        """Kill -9 a web worker; another serves, and it comes back."""
        await asyncio.sleep(self.chance.uniform(0.5, 1.5))
        await asyncio.to_thread(self.served.kill, "web worker")
        self.told["workers killed"] += 1


async def _patched(caller: httpx.AsyncClient, vehicle: str, chance: random.Random) -> httpx.Response:
    """Another price, if nobody was faster."""
    path = f"/api/v1/vehicles/{vehicle}"
    read = await caller.get(path)
    price = {"amount": f"{chance.randrange(10**5)}.00", "currency": "USD"}
    return await caller.patch(path, json={"price": price}, headers={"if-match": read.headers.get("etag", "0")})
