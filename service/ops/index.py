"""Holds the stock index against the database, and has serving nodes load theirs anew."""

from __future__ import annotations

from collections.abc import Callable

from domain.kit.db import Database
from inventory.criteria import Criteria, SearchRequest
from inventory.follower import StockFollower
from inventory.index import EVERYTHING, GUEST, Audience, StockIndex
from service.ops.database import Addresses
from service.settings import OperatorError

_COUNTS = (
    "select v.make, e.status, count(*) from vehicle v join stock_entry e on e.vehicle_id = v.id and e.left_on is null "
    "group by 1, 2"
)
_ROLES: tuple[tuple[str, str, Audience], ...] = (
    ("guests", "forecourt_guest", GUEST),
    ("staff", "forecourt_staff", EVERYTHING),
)


async def verify(addresses: Addresses, report: Callable[[str], None]) -> None:
    """Count the open stock by make and status in an index loaded here and in the database under its row policies.

    Raises OperatorError with the first differences.
    """
    database = Database(addresses.service, application="forecourt index")
    try:
        index = StockIndex(secret=b"not for cursors of callers")
        await StockFollower(database, index).load()
        for who, role, audience in _ROLES:
            async with database.reading(role) as connection:
                await connection.execute("set local app.audiences = '{2}'; set local app.brands = '*'")
                stored = {(make, status): count for make, status, count in await connection.fetch(_COUNTS)}
            differences = [
                f"{make} {status}: {count} in the database, {found} in the index"
                for (make, status), count in sorted(stored.items())
                if (found := _found(index, audience, make, status)) != count
            ]
            every = index.search(SearchRequest(criteria=Criteria(status=[]), limit=1), audience).total
            if who == "guests" and every != sum(stored.values()):
                differences.append(f"{sum(stored.values())} vehicles in the database, {every} in the index")
            if differences:
                raise OperatorError(f"What {who} see differs. " + "; ".join(differences[:5]))
            report(f"{who}: {sum(stored.values())} vehicles in {len(stored)} groups, the same in both")
    finally:
        await database.close()


def _found(index: StockIndex, audience: Audience, make: str, status: str) -> int:
    request = SearchRequest(criteria=Criteria(make=[make], status=[status]), limit=1)
    return index.search(request, audience).total


async def rebuild(addresses: Addresses, report: Callable[[str], None]) -> None:
    """Begin a new epoch: every serving node loads its index anew, and tokens of the former epoch end."""
    import asyncpg

    if addresses.owner is None:
        raise OperatorError("Set FORECOURT_DATABASE_OWNER_URL: only the owner of the tables begins a new epoch")
    connection = await asyncpg.connect(addresses.owner)
    try:
        await connection.execute("update app.deployment set epoch = gen_random_uuid(), began_at = now()")
    finally:
        await connection.close()
    report("Every serving node loads its index anew.")
