"""Imports from the command line: a stock file or a postcode table straight into the database."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from domain.kit.db import Deed
from domain.kit.errors import Problem
from domain.kit.policy import Principal
from domain.kit.store import Context
from inventory.importing.place_runs import import_places
from inventory.importing.reader import FileReader, format_of_file, read_file
from inventory.importing.result import ImportCounts
from inventory.importing.runs import ImportOptions, import_vehicles, rejects
from service.ops.database import Addresses
from service.ops.progress import Progress
from service.services import Services
from service.settings import OperatorError, Settings

OPERATOR = Principal("SYSTEM", client_id="command-line", scopes=frozenset({"inventory.sync"}))
_PIECE = 1 << 20


def _transact(services: Services) -> Callable[[], AbstractAsyncContextManager[Context]]:
    return lambda: services.context(OPERATOR, Deed(command="import"))


async def vehicles(settings: Settings, addresses: Addresses, file: Path, mapping: str, rejected: Path | None) -> None:
    """Take a stock file in; rejects go to `rejected`, or are only counted."""
    services = Services(settings, addresses.service, application="forecourt import")
    progress = Progress()
    try:
        options = ImportOptions(file_format=format_of_file(file), mapping=mapping)
        size = (await asyncio.to_thread(file.stat)).st_size
        with progress.step(f"Importing {file.name}", size) as step:

            async def pieces() -> AsyncIterator[bytes]:
                with await asyncio.to_thread(file.open, "rb") as source:
                    while piece := await asyncio.to_thread(source.read, _PIECE):
                        yield piece
                        step.advance(len(piece))

            result = await import_vehicles(_transact(services), options, pieces())
        for name in ("received", "created", "updated", "unchanged", "superseded", "rejected", "closed", "warnings"):
            print(f"{name:11} {getattr(result, name):>9,}")
        if rejected is not None:
            with await asyncio.to_thread(rejected.open, "wb") as target:
                async for piece in rejects(_transact(services), result.import_id):
                    target.write(piece)
            print(f"The rejected rows with their reasons are in {rejected}.")
        elif result.rejected:
            print("Give --rejects FILE to have the rejected rows with their reasons.")
    except (Problem, OSError) as fault:
        raise OperatorError(_sentence(fault)) from None
    finally:
        await services.close()


async def places(settings: Settings, addresses: Addresses, file: Path, country: str | None) -> None:
    """Take a postcode table in; locations without a point get that of their postcode."""
    services = Services(settings, addresses.service, application="forecourt import")
    try:
        reader = FileReader(format_of_file(file))
        result = await import_places(_transact(services), read_file(file, reader), reader, country)
    except (Problem, OSError) as fault:
        raise OperatorError(_sentence(fault)) from None
    finally:
        await services.close()
    _print_counts(result.counts)
    print(f"{'located':11} {result.located:>9,}")
    for one in result.rejects[:20]:
        reasons = "; ".join(f"{reason.field or 'row'}: {reason.sentence}" for reason in one.reasons)
        print(f"row {one.number}: {reasons}", file=sys.stderr)


def _print_counts(counts: ImportCounts) -> None:
    for name in ("received", "created", "updated", "unchanged", "superseded", "rejected", "warnings"):
        print(f"{name:11} {getattr(counts, name):>9,}")


def _sentence(fault: Exception) -> str:
    if isinstance(fault, Problem):
        places = "; ".join(f"{error.pointer} {error.detail}" for error in fault.errors)
        return f"{fault.detail}{': ' + places if places and places not in fault.detail else ''}"
    return str(fault)
