"""Takes a postcode table in: every row accounted for, and locations without a point placed by it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

import msgspec

from inventory.importing.places import AcceptedPlace, PlaceNormalizer
from inventory.importing.reader import FileReader
from inventory.importing.result import ImportCounts
from inventory.importing.rows import ReadRow
from inventory.importing.runs import ROWS_A_TRANSACTION, Transact
from inventory.importing.stored import stored_aliases
from inventory.importing.vehicle import Rejected
from inventory.statements import SQL

MOST_REJECTS = 1_000
"""Rejects that are told of a table; there is no file of them, for tables come from publishers and are mended there."""


class PlacesResult(msgspec.Struct, frozen=True):
    """What became of the rows, the first thousand rejects with their reasons, and how many locations got a point."""

    counts: ImportCounts
    rejects: tuple[Rejected, ...]
    located: int


async def import_places(
    transact: Transact, rows: Iterable[ReadRow], reader: FileReader, country: str | None = None
) -> PlacesResult:
    """Stores the rows that `reader` gives, as a caller who may write postcodes.

    `country` is that of a table without such a column. Of rows with one postcode the last counts. Raises as the reader
    and Plan.check_header do.
    """
    async with transact() as ctx:
        normalize = PlaceNormalizer(await stored_aliases(ctx), country)
    counts = ImportCounts()
    rejects: list[Rejected] = []
    for batch in _batches(rows):
        normalize.check_header(reader.header or ())
        found = [normalize(row) for row in batch]
        accepted = [one for one in found if isinstance(one, AcceptedPlace)]
        bad = [one for one in found if isinstance(one, Rejected)]
        places = {(one.place.country, one.place.postcode): one.place for one in accepted}
        async with transact() as ctx:
            told = await ctx.db.fetch(SQL["import_places"], [_row(place) for place in places.values()])
        created = sum(row["is_new"] for row in told)
        counts += ImportCounts(
            received=len(found),
            created=created,
            updated=len(told) - created,
            unchanged=len(places) - len(told),
            superseded=len(accepted) - len(places),
            rejected=len(bad),
            warnings=sum(len(one.warnings) for one in accepted),
        )
        rejects += bad[: MOST_REJECTS - len(rejects)]
    return PlacesResult(counts, tuple(rejects), await _locate(transact))


def _batches(rows: Iterable[ReadRow]) -> Iterator[list[ReadRow]]:
    source = iter(rows)
    while batch := list(islice(source, ROWS_A_TRANSACTION)):
        yield batch


def _row(place: object) -> dict[str, object]:
    row = msgspec.to_builtins(place)
    return {**row, "code": row["postcode"]}


async def _locate(transact: Transact) -> int:
    located = 0
    while True:
        async with transact() as ctx:
            done = await ctx.db.execute(SQL["import_place_locations"], ROWS_A_TRANSACTION)
        count = int(done.rpartition(" ")[2])
        located += count
        if count < ROWS_A_TRANSACTION:
            return located
