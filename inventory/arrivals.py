"""Which cars came to match a search between two states of the database, asked of the changed cars alone.

The cars stand for a moment in an index of their own, as they are now and as they were, so that what matches is decided
by the code that searches.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import date

import msgspec

from domain.kit.db import Connection
from domain.kit.feed import Mark
from inventory.criteria import Criteria, SearchRequest
from inventory.index import Audience, StockIndex
from inventory.statements import SQL
from inventory.vehicle_row import VehicleRow

FIRST = "00000000-0000-0000-0000-000000000000"
"""Before the id of every car."""
_PAGE = 200


class _Known(msgspec.Struct):
    id: str


async def changed(connection: Connection, since: Mark, beyond: str, most: int) -> list[str]:
    """Ids of at most `most` cars, in order, that changes committed since the state may concern."""
    return [row[0] for row in await connection.fetch(SQL["vehicles_changed_since"], since.snapshot, beyond, most)]


async def rows_at(connection: Connection, ids: Collection[str], state: Mark) -> list[VehicleRow]:
    """The flattened vehicles as they were in an earlier state of the same epoch."""
    found = []
    for row in await connection.fetch(SQL["stock_rows_at"], list(ids), state.snapshot):
        values = dict(row)
        for name in ("holds", "options", "photos"):
            values[name] = tuple(values[name])
        found.append(VehicleRow(**values))
    return found


async def stays(connection: Connection, ids: Collection[str], state: Mark) -> dict[str, tuple[str, bool]]:
    """By car its open stock entry, and whether that began after the state; cars in nobody's stock are left out."""
    return {row[0]: (row[1], row[2]) for row in await connection.fetch(SQL["open_stays"], list(ids), state.snapshot)}


def holding(found: Sequence[VehicleRow], currency: str, today: Callable[[], date]) -> StockIndex:
    """A small index of these cars, which answers as the large ones of the web workers do."""
    index = StockIndex(secret=b"its cursors go to nobody", currency=currency, today=today)
    index.load(found)
    return index


def matching(index: StockIndex, criteria: Criteria, audience: Audience) -> set[str]:
    """The ids of all cars of an index that meet the criteria, as the audience sees them. Malformed as a search."""
    found: set[str] = set()
    cursor = None
    while True:
        page = index.search(SearchRequest(criteria=criteria, limit=_PAGE, cursor=cursor), audience)
        found.update(msgspec.json.decode(item, type=_Known).id for item in page.items)
        cursor = page.next_cursor
        if cursor is None:
            return found
