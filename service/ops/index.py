"""Holds the stock index against the database, and has serving nodes load theirs anew."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from domain.kit.db import Database
from inventory.criteria import Criteria, SearchRequest
from inventory.follower import StockFollower
from inventory.index import EVERYTHING, GUEST, Audience, StockIndex
from inventory.index.files import Damaged
from service.ops.database import Addresses
from service.settings import OperatorError

_SECRET = b"not for cursors of callers"
_COUNTS = (
    "select v.make, e.status, count(*) from vehicle v join stock_entry e on e.vehicle_id = v.id and e.left_on is null "
    "group by 1, 2"
)
_ROLES: tuple[tuple[str, str, Audience], ...] = (
    ("guests", "forecourt_guest", GUEST),
    ("staff", "forecourt_staff", EVERYTHING),
)


async def verify(addresses: Addresses, report: Callable[[str], None], file: Path | None = None) -> None:
    """Count the open stock by make and status in the database under its row policies and in an index loaded here.

    The same in the index that the nodes' `file` holds, brought up to date, after every byte of it was verified.
    Raises OperatorError with the first differences, or where the file is damaged.
    """
    database = Database(addresses.service, application="forecourt index")
    try:
        loaded = StockFollower(database, StockIndex(secret=_SECRET))
        await loaded.load()
        await _compare(database, loaded, report)
        if file is not None and await asyncio.to_thread(file.exists):
            kept = StockFollower(database, StockIndex(secret=_SECRET), file=file)
            try:
                await asyncio.to_thread(kept.index.restore, file)
                await asyncio.to_thread(kept.index.verify)
            except Damaged as fault:
                raise OperatorError(
                    f"{file} is damaged or of another version: {fault}. The nodes will not use it; they write another."
                ) from None
            report(f"{file} is sound: {kept.index.count} vehicles")
            if await kept.resume():
                await _compare(database, kept, report)
            else:
                report(f"{file} is too old or of another database; the nodes will not use it")
    finally:
        await database.close()


async def _compare(database: Database, follower: StockFollower, report: Callable[[str], None]) -> None:
    for who, role, audience in _ROLES:
        async with database.reading(role) as connection:
            await connection.execute("set local app.audiences = '{2}'; set local app.brands = '*'")
            stored = {(make, status): count for make, status, count in await connection.fetch(_COUNTS)}
        differences = [
            f"{make} {status}: {count} in the database, {found} in the index"
            for (make, status), count in sorted(stored.items())
            if (found := _found(follower.index, audience, make, status)) != count
        ]
        every = follower.index.search(SearchRequest(criteria=Criteria(status=[]), limit=1), audience).total
        if who == "guests" and every != sum(stored.values()):
            differences.append(f"{sum(stored.values())} vehicles in the database, {every} in the index")
        if differences:
            raise OperatorError(f"What {who} see differs. " + "; ".join(differences[:5]))
        report(f"{who}: {sum(stored.values())} vehicles in {len(stored)} groups, the same in both")


def _found(index: StockIndex, audience: Audience, make: str, status: str) -> int:
    request = SearchRequest(criteria=Criteria(make=[make], status=[status]), limit=1)
    return index.search(request, audience).total


async def rebuild(addresses: Addresses, report: Callable[[str], None], file: Path | None = None) -> None:
    """Begin a new epoch: every serving node loads its index anew, and tokens of the former epoch end.

    The nodes' `file` is removed; those of other machines show the former epoch and are not used.
    """
    import asyncpg

    if addresses.owner is None:
        raise OperatorError("Set FORECOURT_DATABASE_OWNER_URL: only the owner of the tables begins a new epoch")
    connection = await asyncpg.connect(addresses.owner)
    try:
        await connection.execute("update app.deployment set epoch = gen_random_uuid(), began_at = now()")
    finally:
        await connection.close()
    if file is not None:
        await asyncio.to_thread(file.unlink, missing_ok=True)
    report("Every serving node loads its index anew.")
